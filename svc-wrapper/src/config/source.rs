//! Where the configuration comes from, and what becomes of it (pure).

use std::cell::Cell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::{Error, NONE, Positional, Variables};
use crate::cli::{ConfigurationArgs, ExpandBy, NestedBy, OnStartFailure};
use crate::env::{self, Filter, Inheritance, Naming, Nested, Rules, Syntax};
use crate::service::Formats;

/// Where configuration comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Consul.
    pub consul: consul::Config,
    /// Folders in the KV store, each with its slash at the end. Later ones win.
    pub folders: Vec<String>,
    /// Services to look up. Folders win over them.
    pub services: Vec<String>,
    /// Whether an answer without any variable counts although there were some.
    pub allow_empty: bool,
    /// Where the last usable answers are kept.
    pub cache: Option<PathBuf>,
    /// What the start does when Consul is away.
    pub start: Start,
}

/// What the start does when Consul is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Wait for it, as long as it takes.
    Wait,
    /// Wait for so long, then do something else.
    Within(Duration, Otherwise),
}

/// What the start does when Consul stays away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Start with what this file holds.
    Cache(PathBuf),
    /// Start with nothing from Consul.
    Run,
    /// Leave.
    Exit,
}

/// What becomes of keys, values and services, Consul or not.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// The rules.
    pub rules: Rules,
    /// A file of variables under everything else.
    pub defaults: Option<PathBuf>,
}

impl Source {
    /// `None` where no Consul is known.
    pub(super) fn new(
        args: &ConfigurationArgs,
        positional: Option<&Positional>,
        app_id: Option<&str>,
        variables: &Variables<impl Fn(&'static str) -> Option<OsString>>,
    ) -> Result<Option<Self>, Error> {
        let start = Start::new(args)?;
        let given =
            positional.map_or(args.prefix.as_slice(), |words| std::slice::from_ref(&words.prefix));
        let address = match positional {
            Some(words) => Some(words.consul.clone()),
            None => variables.unless(args.consul.as_ref(), "CONSUL_HTTP_ADDR")?,
        };
        let address = match address {
            Some(address) if address != NONE => address,
            None if !given.is_empty() => return Err(Error::NoConsul("--prefix")),
            None if !args.service_query.is_empty() => {
                return Err(Error::NoConsul("--service-query"));
            }
            _ => return Ok(None),
        };
        let prefixes = match (given, app_id) {
            ([], None) => return Err(Error::NoPrefix),
            ([], Some(app_id)) => vec![app_id.to_owned()],
            (given, _) => given.to_vec(),
        };
        Ok(Some(Self {
            consul: consul(args, address, variables)?,
            folders: prefixes.into_iter().map(folder).collect::<Result<_, _>>()?,
            services: args.service_query.clone(),
            allow_empty: args.allow_empty,
            cache: args.cache.clone(),
            start,
        }))
    }

    /// By convention the prefix is the app's id; of several it is the last, which says most about the app.
    pub(super) fn app_id(&self) -> String {
        self.folders.last().map_or("", |folder| folder.trim_end_matches('/')).to_owned()
    }
}

impl Start {
    fn new(args: &ConfigurationArgs) -> Result<Self, Error> {
        const USUAL: Duration = Duration::from_secs(30);
        let way = args.on_start_failure.unwrap_or(match (&args.cache, args.start_timeout) {
            (Some(_), _) => OnStartFailure::Cache,
            (None, Some(_)) => OnStartFailure::Exit,
            (None, None) => OnStartFailure::Wait,
        });
        let otherwise = match way {
            OnStartFailure::Wait if args.start_timeout.is_some() => {
                return Err(Error::StartTimeout);
            }
            OnStartFailure::Wait => return Ok(Self::Wait),
            OnStartFailure::Run => Otherwise::Run,
            OnStartFailure::Exit => Otherwise::Exit,
            OnStartFailure::Cache => Otherwise::Cache(args.cache.clone().ok_or(Error::NoCache)?),
        };
        Ok(Self::Within(args.start_timeout.unwrap_or(USUAL), otherwise))
    }
}

impl Mapping {
    pub(super) fn new(args: &ConfigurationArgs) -> Self {
        let format = |given: &Option<_>| given.clone().unwrap_or_default();
        let naming = Naming {
            nested: match args.nested {
                NestedBy::Skip => Nested::Skip,
                NestedBy::Join => Nested::Join,
            },
            prefix: args.name_prefix.clone().unwrap_or_default(),
            sanitize: args.sanitize,
            upcase: args.upcase,
        };
        let rules = Rules {
            naming,
            filter: Filter {
                allow: args.allow.clone(),
                deny: args.deny.clone(),
                reserved: args.allow_reserved.iter().cloned().collect(),
            },
            expand: args.expand.map(|syntax| match syntax {
                ExpandBy::Json => Syntax::Json,
                ExpandBy::Yaml => Syntax::Yaml,
            }),
            references: args.expand_variables,
            formats: Formats {
                id: format(&args.service_format_id),
                name: format(&args.service_format_name),
                address: format(&args.service_format_address),
                tag: format(&args.service_format_tag),
                port: format(&args.service_format_port),
            },
            inheritance: if args.pristine { Inheritance::Pristine } else { Inheritance::Whole },
        };
        Self { rules, defaults: args.defaults.clone() }
    }
}

fn consul(
    args: &ConfigurationArgs,
    address: String,
    variables: &Variables<impl Fn(&'static str) -> Option<OsString>>,
) -> Result<consul::Config, Error> {
    let wrong = Cell::new(None);
    let config = args.access.config(address, |name| match variables.text(name) {
        Ok(text) => text,
        Err(error) => {
            wrong.set(Some(error));
            None
        }
    });
    if let Some(error) = wrong.take() {
        return Err(error);
    }
    let config = config?;
    // Built once to be judged: an address that cannot work is a matter of the command line.
    drop(consul::Client::new(config.clone()).map_err(Error::Consul)?);
    Ok(config)
}

/// A URL's path cannot hold these parts, and without any part it would be the whole store.
fn folder(prefix: String) -> Result<String, Error> {
    if prefix.trim_matches('/').split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Error::Prefix(prefix));
    }
    Ok(env::folder(&prefix))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn starts_as_the_options_imply() {
        let seconds = Duration::from_secs;
        let cache = || Otherwise::Cache("c".into());
        for (line, want) in [
            ("", Some(Start::Wait)),
            ("--start-timeout 5s", Some(Start::Within(seconds(5), Otherwise::Exit))),
            ("--cache c", Some(Start::Within(seconds(30), cache()))),
            ("--cache c --start-timeout 0", Some(Start::Within(seconds(0), cache()))),
            ("--cache c --on-start-failure wait", Some(Start::Wait)),
            (
                "--cache c --on-start-failure exit",
                Some(Start::Within(seconds(30), Otherwise::Exit)),
            ),
            ("--on-start-failure run", Some(Start::Within(seconds(30), Otherwise::Run))),
            ("--on-start-failure cache", None),
            ("--on-start-failure wait --start-timeout 5s", None),
        ] {
            let words = ["svc-wrapper"].into_iter().chain(line.split_whitespace()).chain(["true"]);
            let cli = Cli::try_parse_from(words).unwrap();
            assert_eq!(Start::new(&cli.configuration).ok(), want, "{line}");
        }
    }
}
