//! `svc-wrapper env`: what the child would get.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use clap::error::ErrorKind;
use daemon::exit::Exit;
use serde_json::json;

use crate::cli::{Cli, OutputAs, Show, ShowArgs};
use crate::config::{Config, Coordination, Otherwise, Start, Words, split};
use crate::env::{Mapped, Origin};
use crate::local::Local;
use crate::watch::{Unavailable, Watch};

/// Shows what the child would get, if the arguments ask for that.
pub fn run_if_asked(arguments: &[OsString]) -> Option<ExitCode> {
    match asked(arguments)? {
        Ok(show) => Some(run(&show)),
        Err(error) => {
            // A closed standard output (`--help | head -1`) is no reason to fail.
            drop(error.print());
            Some(Exit::Success.into())
        }
    }
}

/// What was asked for; an error is its help.
///
/// It is `env` with nothing but our options around it, perhaps after MARATHON CONSUL PREFIX. Everything else that begins
/// with `env`, and all that follows `--`, is a command: the program env takes no option of ours.
fn asked(arguments: &[OsString]) -> Option<Result<Show, clap::Error>> {
    if !arguments.iter().any(|argument| argument == "env") {
        return None;
    }
    let cli = Cli::try_parse_from(arguments).ok()?;
    let (options, words) = arguments.split_at_checked(arguments.len() - cli.words.len())?;
    let flagged = cli.restart.marathon.is_some()
        || cli.configuration.consul.is_some()
        || !cli.configuration.prefix.is_empty();
    let command = match split(words, flagged).ok()? {
        Words::Command(command) | Words::Positional(_, command) => command,
    };
    let (program, rest) = command.split_first()?;
    if program != "env" || options.last().is_some_and(|last| last == "--") {
        return None;
    }
    match Show::try_parse_from(options.iter().chain(rest)) {
        Ok(mut show) if show.cli.words.is_empty() => {
            show.cli.words = words.iter().take(words.len() - rest.len()).cloned().collect();
            Some(Ok(show))
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Some(Err(error)),
        _ => None,
    }
}

fn run(show: &Show) -> ExitCode {
    if let Err(error) = daemon::log::init(&show.cli.log) {
        return daemon::cli::fail(&error, Exit::Usage);
    }
    let config = match Config::new(&show.cli, std::env::var_os) {
        Ok(config) => config,
        Err(error) => return daemon::cli::fail(&error, Exit::Usage),
    };
    let local = match Local::read(&config.mapping) {
        Ok(local) => local,
        Err(error) => return daemon::cli::fail(&error, Exit::Config),
    };
    let mapped = match config.coordination {
        Some(coordination) => find(coordination, local),
        None => Ok(local.effective(&[])),
    };
    match mapped.and_then(|mapped| print(&mapped, &show.show)) {
        Ok(()) => Exit::Success.into(),
        Err(error) if error.is::<Unavailable>() => {
            daemon::cli::fail(error.as_ref(), Exit::Unavailable)
        }
        Err(error) => daemon::cli::fail(error.as_ref(), Exit::Failure),
    }
}

/// As a start would, except that nobody wants to wait for ever at a prompt, and that nothing is written.
fn find(coordination: Coordination, local: Local) -> anyhow::Result<Mapped> {
    const PATIENCE: Duration = Duration::from_secs(10);
    let mut source = coordination.source;
    source.cache = None;
    if source.start == Start::Wait {
        source.start = Start::Within(PATIENCE, Otherwise::Exit);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let consul = consul::Client::new(source.consul.clone())?;
    let (_, mapped) = runtime.block_on(Watch::start(consul, &source, local))?;
    Ok(mapped)
}

fn print(mapped: &Mapped, args: &ShowArgs) -> anyhow::Result<()> {
    let all = mapped.environment.over(std::env::vars_os());
    let inherited = all
        .keys()
        .filter(|name| name.to_str().is_none_or(|name| mapped.environment.value(name).is_none()));
    let inherited: Vec<_> = inherited.map(|name| name.to_string_lossy().into_owned()).collect();
    let text = match args.output {
        OutputAs::Text => text(mapped, &inherited, args.show_values),
        OutputAs::Json => format!("{:#}\n", object(mapped, &inherited, args.show_values)),
    };
    std::io::stdout().write_all(text.as_bytes()).context("standard output")
}

/// A line for each variable, such as `DB_URL=[hidden]  # key app/x/DB_URL`; what is no variable after `#`.
fn text(mapped: &Mapped, inherited: &[String], values: bool) -> String {
    let mut lines = Vec::new();
    for (name, value) in mapped.environment.iter() {
        let shown = if values { quoted(value.expose()) } else { "[hidden]".to_owned() };
        let origin = match mapped.origins.get(name) {
            Some(Origin::Key(key)) => format!("key {key}"),
            Some(Origin::Service(service)) => format!("service {service}"),
            Some(Origin::Default) | None => "default".to_owned(),
        };
        lines.push(format!("{name}={shown}  # {origin}"));
    }
    lines.extend(mapped.skipped.iter().map(|skipped| format!("# skipped: {skipped}")));
    if !inherited.is_empty() {
        lines.push(format!("# inherited: {}", inherited.join(" ")));
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// As it is when that cannot be mistaken, else as a text with escapes.
fn quoted(value: &OsStr) -> String {
    let plain = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'\'' | b'\\');
    match value.to_str() {
        Some(text) if text.bytes().all(|b| plain(&b)) => text.to_owned(),
        Some(text) => format!("{text:?}"),
        None => format!("\"{}\"", value.as_bytes().escape_ascii()),
    }
}

fn object(mapped: &Mapped, inherited: &[String], values: bool) -> serde_json::Value {
    let variables: Vec<_> = mapped
        .environment
        .iter()
        .map(|(name, value)| {
            let mut variable = BTreeMap::from([("name", name.to_owned())]);
            let (kind, of) = match mapped.origins.get(name) {
                Some(Origin::Key(key)) => ("key", Some(("key", key.clone()))),
                Some(Origin::Service(service)) => ("service", Some(("service", service.clone()))),
                Some(Origin::Default) | None => ("default", None),
            };
            variable.insert("origin", kind.to_owned());
            variable.extend(of);
            match value.expose().to_str() {
                _ if !values => None,
                Some(text) => variable.insert("value", text.to_owned()),
                None => variable.insert("base64", STANDARD.encode(value.expose().as_bytes())),
            };
            variable
        })
        .collect();
    let skipped = mapped.skipped.iter();
    let skipped: Vec<_> = skipped
        .map(|skipped| json!({"key": skipped.key, "reason": skipped.why.to_string()}))
        .collect();
    json!({"variables": variables, "skipped": skipped, "inherited": inherited})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<OsString> {
        ["svc-wrapper"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect()
    }

    #[test]
    fn tells_itself_from_the_program() {
        for (line, want) in [
            ("env", Some("env")),
            ("env --show-values", Some("env")),
            ("--consul c:1 --prefix p env --output json", Some("env")),
            ("env --consul c:1 --prefix p --sanitize", Some("env")),
            ("--consul c:1 env --consul c:2", Some("env")),
            ("m:1 c:2 p env --show-values", Some("m:1 c:2 p env")),
            ("-- env", None),
            ("-- m:1 c:2 p env", None),
            ("env -i true", None),
            ("env A=1 node", None),
            ("env -0", None),
            ("env --no-such-option", None),
            ("env --show-values -- true", None),
            ("env --", Some("env")),
            ("/usr/bin/env", None),
            ("--prefix env true", None),
            ("echo env", None),
            ("m:1 c:2 env true", None),
        ] {
            let got = asked(&arguments(line)).map(|show| show.unwrap().cli.words);
            let got = got.map(|words| words.join(OsStr::new(" ")).into_string().unwrap());
            assert_eq!(got.as_deref(), want, "{line}");
        }
        assert!(asked(&arguments("env --help")).unwrap().is_err());
    }

    #[test]
    fn hides_values_unless_asked() {
        let local = Local {
            defaults: vec![
                ("A".to_owned(), OsString::from("s3cr3t").into()),
                ("B".to_owned(), OsString::from("one two\n").into()),
                ("PORT0".to_owned(), OsString::from("s3cr3t").into()),
            ],
            surroundings: crate::env::Surroundings { room: 1 << 20, ..Default::default() },
            ..Local::default()
        };
        let mapped = local.effective(&[]);
        let inherited = ["PATH".to_owned()];
        let hidden = text(&mapped, &inherited, false);
        let want = "A=[hidden]  # default\nB=[hidden]  # default\n\
                    # skipped: \"PORT0\" (a reserved name)\n# inherited: PATH\n";
        assert_eq!(hidden, want);
        assert!(!object(&mapped, &inherited, false).to_string().contains("s3cr3t"));
        let shown = text(&mapped, &inherited, true);
        assert!(shown.starts_with("A=s3cr3t  # default\nB=\"one two\\n\"  # default\n"), "{shown}");
        let object = object(&mapped, &inherited, true);
        let want = json!({"name": "B", "origin": "default", "value": "one two\n"});
        assert_eq!(object["variables"][1], want);
    }
}
