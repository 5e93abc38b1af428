//! The configuration file: options by their long names.
//!
//! ```toml
//! marathon = ["http://10.0.0.1:8080", "http://10.0.0.2:8080"]
//! consul-token-file = "/etc/consul.d/registrator.token"
//! status = "127.0.0.1:9110"
//! explicit = true
//! ```
//!
//! What it says becomes arguments of the command line, for every option that neither the command line nor the environment
//! gives. So there is one definition of what an option may be.

use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, Parser as _};
use toml::de::{DeTable, DeValue};

use crate::cli::Typed;

/// Options whose environment is not the command line's to read, and its names.
const VARIABLES: [(&str, &[&str]); 15] = [
    ("consul-token", &["CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE"]),
    ("consul-token-file", &["CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE"]),
    ("consul-auth", &["CONSUL_HTTP_AUTH"]),
    ("consul-namespace", &["CONSUL_NAMESPACE"]),
    ("consul-ca", &["CONSUL_CACERT", "CONSUL_CAPATH"]),
    ("consul-cert", &["CONSUL_CLIENT_CERT"]),
    ("consul-key", &["CONSUL_CLIENT_KEY"]),
    ("consul-tls-server-name", &["CONSUL_TLS_SERVER_NAME"]),
    ("consul-insecure", &["CONSUL_HTTP_SSL_VERIFY"]),
    ("marathon-credentials", &["MARATHON_CREDENTIALS"]),
    ("marathon-token", &["MARATHON_TOKEN", "MARATHON_TOKEN_FILE"]),
    ("marathon-token-file", &["MARATHON_TOKEN", "MARATHON_TOKEN_FILE"]),
    ("marathon-ca", &["MARATHON_CA"]),
    ("marathon-cert", &["MARATHON_CERT"]),
    ("marathon-key", &["MARATHON_KEY"]),
];

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    path: PathBuf,
    /// Line and column, from 1.
    place: Option<(usize, usize)>,
    reason: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// A file that has been read.
#[derive(Debug, Default)]
pub struct File {
    path: PathBuf,
    text: String,
    settings: Vec<Setting>,
}

#[derive(Debug)]
struct Setting {
    option: String,
    arguments: Vec<OsString>,
    at: usize,
}

impl File {
    /// Reads what a file says.
    ///
    /// # Errors
    /// It is no TOML, or says what is no option or no value of one.
    pub fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        let mut file = Self { path: path.to_owned(), text: text.to_owned(), settings: Vec::new() };
        let table = DeTable::parse(text).map_err(|err| {
            let at = err.span().map(|span| span.start);
            file.error(at, err.message().to_owned())
        })?;
        let definition = Typed::command();
        for (key, value) in table.into_inner() {
            let Range { start, .. } = key.span();
            let option = key.into_inner().into_owned();
            let known = definition.get_arguments().find(|arg| arg.get_long() == Some(&option));
            let Some(known) = known.filter(|_| !["config", "version"].contains(&option.as_str()))
            else {
                return Err(file.error(Some(start), format!("{option:?} is no option")));
            };
            let takes_value = known.get_action().takes_values();
            let at = value.span().start;
            let arguments = arguments(&option, value.into_inner(), takes_value)
                .map_err(|reason| file.error(Some(at), format!("{option}: {reason}")))?;
            // Each by itself, so that the one that is wrong is the one that is named.
            let program = [OsString::from("registrator")];
            let alone: Vec<_> = program.into_iter().chain(arguments.iter().cloned()).collect();
            if let Err(err) = Typed::try_parse_from(&alone) {
                let text = err.to_string();
                let reason = text.lines().next().unwrap_or_default();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason).to_owned();
                return Err(file.error(Some(at), reason));
            }
            file.settings.push(Setting { option, arguments, at });
        }
        Ok(file)
    }

    /// The command line with what the file adds to it.
    pub fn complete(
        &self,
        args: &[OsString],
        matches: &ArgMatches,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Vec<OsString> {
        let is_given = |option: &str| {
            let id = option.replace('-', "_");
            let source = matches.try_contains_id(&id).ok().and_then(|_| matches.value_source(&id));
            let names = VARIABLES.iter().find(|(name, _)| *name == option);
            let mut names = names.into_iter().flat_map(|(_, names)| names.iter());
            matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
                || names.any(|name| variable(name).is_some_and(|value| !value.is_empty()))
        };
        let free = self.settings.iter().filter(|setting| !is_given(&setting.option));
        let added = free.flat_map(|setting| setting.arguments.iter().cloned());
        let (program, rest) = args.split_at(args.len().min(1));
        program.iter().cloned().chain(added).chain(rest.iter().cloned()).collect()
    }

    /// An error about an option, when the option came from here.
    pub fn blame(&self, option: &str, reason: &str) -> Option<FileError> {
        let setting = self.settings.iter().find(|setting| setting.option == option)?;
        Some(self.error(Some(setting.at), reason.to_owned()))
    }

    fn error(&self, at: Option<usize>, reason: String) -> FileError {
        let before = at.and_then(|at| self.text.get(..at));
        let place = before.map(|before| {
            let line = before.matches('\n').count() + 1;
            let start = before.rfind('\n').map_or(0, |end| end + 1);
            (line, before.get(start..).map_or(0, |line| line.chars().count()) + 1)
        });
        FileError { path: self.path.clone(), place, reason }
    }
}

/// A file that is not there.
pub fn unreadable(path: &Path, reason: &std::io::Error) -> FileError {
    FileError { path: path.to_owned(), place: None, reason: reason.to_string() }
}

fn arguments(
    option: &str,
    value: DeValue<'_>,
    takes_value: bool,
) -> Result<Vec<OsString>, &'static str> {
    let with = |text: &str| vec![OsString::from(format!("--{option}={text}"))];
    match value {
        DeValue::Boolean(on) if !takes_value => {
            Ok(Vec::from_iter(on.then(|| OsString::from(format!("--{option}")))))
        }
        _ if !takes_value => Err("true or false expected"),
        DeValue::String(text) => Ok(with(&text)),
        DeValue::Integer(number) => Ok(with(number.as_str())),
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| match item.into_inner() {
                DeValue::String(text) => Ok(text.into_owned()),
                _ => Err("a list of texts expected"),
            });
            let items = items.collect::<Result<Vec<_>, _>>()?;
            // Lists that one argument holds are separated by commas; other options are repeated.
            match option {
                "marathon" | "tags" => Ok(with(&items.join(","))),
                _ => Ok(items.iter().flat_map(|item| with(item)).collect()),
            }
        }
        _ => Err("a text or a list of texts expected"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    fn read(text: &str, line: &str, variables: &[&str]) -> Result<Cli, FileError> {
        let args: Vec<_> = line.split(' ').map(OsString::from).collect();
        let matches = Typed::try_parse_from(&args).unwrap().matches;
        let file = File::parse(Path::new("r.toml"), text)?;
        let variable = |name: &str| variables.contains(&name).then(|| "x".to_owned());
        Ok(Typed::try_parse_from(file.complete(&args, &matches, variable)).unwrap().cli)
    }

    #[test]
    fn the_command_line_wins_and_the_environment_does_too() {
        let text = r#"
            marathon = ["http://a:8080", "b:8080"]
            host = ["one", "two"]
            owner = "file"
            explicit = true
            dry-run = false
            consul-token = "secret"
            on-killing = "maintenance"
        "#;
        let cli = read(text, "r --owner line plan", &[]).unwrap();
        assert_eq!(cli.marathon, "http://a:8080,b:8080");
        assert_eq!(cli.host, ["one", "two"]);
        assert_eq!((cli.owner.as_str(), cli.explicit, cli.dry_run), ("line", true, false));
        assert!(cli.consul_access.consul_token.is_some() && cli.command.is_some());
        let cli = read(text, "r", &["CONSUL_HTTP_TOKEN_FILE"]).unwrap();
        assert_eq!((cli.owner.as_str(), cli.consul_access.consul_token), ("file", None));
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_is() {
        let rows = [
            ("owner = ", "r.toml:1:9: "),
            ("\n  ownr = \"x\"", "r.toml:2:3: \"ownr\" is no option"),
            ("config = \"x\"", "r.toml:1:1: \"config\" is no option"),
            ("explicit = \"yes\"", "r.toml:1:12: explicit: true or false expected"),
            ("owner = { a = 1 }", "r.toml:1:9: owner: a text or a list of texts expected"),
            ("\non-killing = \"panic\"", "r.toml:2:14: invalid value 'panic' for '--on-killing"),
            ("status = \"nowhere\"", "r.toml:1:10: invalid value 'nowhere' for '--status"),
        ];
        for (text, want) in rows {
            let err = read(text, "r", &[]).unwrap_err().to_string();
            assert!(err.starts_with(want), "{text:?}: {err}");
        }
        let file = File::parse(Path::new("r.toml"), "\nresync-interval = \"soon\"").unwrap();
        let blamed = file.blame("resync-interval", "is none").unwrap().to_string();
        assert_eq!(blamed, "r.toml:2:19: is none");
        assert_eq!(file.blame("owner", "x"), None);
    }
}
