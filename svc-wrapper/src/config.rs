//! The command line and the environment, checked and complete (pure).

use std::ffi::OsString;
use std::net::SocketAddr;

use thiserror::Error;

use crate::cli::Cli;
use crate::restart::LONGEST_SETTLE;
use crate::restart::flap::LONGEST_PAUSE;

mod command;
mod restart;
mod source;
mod words;

pub use command::{Command, Drain, Handling};
pub use restart::{App, Member, Restart, Way};
pub use source::{Mapping, Otherwise, Source, Start};
pub use words::{Positional, Words, split};

/// The value of an address that says that there is none.
const NONE: &str = "none";

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The command.
    pub command: Command,
    /// How it is signalled and ended.
    pub handling: Handling,
    /// What becomes of keys and values, and what is there without them.
    pub mapping: Mapping,
    /// What Consul and Marathon have to do with it; `None` for a plain init.
    pub coordination: Option<Coordination>,
    /// Where its status is served, if it is.
    pub status: Option<SocketAddr>,
}

/// Where the command's configuration comes from, and what its changes lead to.
#[derive(Clone, Debug)]
pub struct Coordination {
    /// Where it comes from.
    pub source: Source,
    /// What its changes lead to.
    pub restart: Restart,
}

/// A command line that cannot be followed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to run.
    #[error(
        "no command given; usage: svc-wrapper [options] [marathon consul prefix] command [args...]"
    )]
    NoCommand,
    /// MARATHON CONSUL PREFIX, but no command.
    #[error(
        "no command after '{marathon} {consul}'; usage: svc-wrapper marathon consul prefix command [args...]"
    )]
    NoCommandAfterAddresses {
        /// The first word.
        marathon: String,
        /// The second word.
        consul: String,
    },
    /// Consul is known, but not what to read there.
    #[error("no prefix: give --prefix, or --app-id or MARATHON_APP_ID to take it from")]
    NoPrefix,
    /// A prefix that is no folder.
    #[error("'{0}' is not a prefix: it is empty, or a part of it is '.' or '..'")]
    Prefix(String),
    /// A folder to read, but no Consul.
    #[error("{0} is given, but no Consul: give --consul or CONSUL_HTTP_ADDR")]
    NoConsul(&'static str),
    /// A start from a cache that is none.
    #[error("--on-start-failure cache needs --cache")]
    NoCache,
    /// A limit on waiting, and the wish to wait without one.
    #[error("--start-timeout contradicts --on-start-failure wait")]
    StartTimeout,
    /// A restart through a Marathon that is not known.
    #[error("--restart marathon needs {0}")]
    NoMarathon(&'static str),
    /// What should be text is not.
    #[error("{0} is not UTF-8")]
    NotText(&'static str),
    /// A Marathon address that is none.
    #[error("Marathon's address: {0}")]
    Marathon(#[from] marathon::EndpointError),
    /// Ways to reach Consul that contradict each other.
    #[error(transparent)]
    Access(#[from] consul::AccessError),
    /// A Consul address that is none.
    #[error("Consul's address: {0}")]
    Consul(#[source] consul::Error),
    /// A settle time that is too long.
    #[error("--settle is at most {LONGEST_SETTLE:?}")]
    Settle,
    /// A pause between restarts that is too long.
    #[error("--min-interval is at most {} minutes", LONGEST_PAUSE.as_secs() / 60)]
    Interval,
}

/// Looks up the environment; what is empty there is not set.
struct Variables<F>(F);

impl Config {
    /// Checks and completes what was given. `variable` looks up the environment; what is empty there is not set.
    pub fn new(
        cli: &Cli,
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let variables = Variables(variable);
        let (args, restart) = (&cli.configuration, &cli.restart);
        let flagged =
            restart.marathon.is_some() || args.consul.is_some() || !args.prefix.is_empty();
        let (positional, command) = match split(&cli.words, flagged)? {
            Words::Command(command) => (None, command),
            Words::Positional(positional, command) => (Some(positional), command),
        };
        let app_id = variables.unless(restart.app_id.as_ref(), "MARATHON_APP_ID")?;
        let source = Source::new(args, positional.as_ref(), app_id.as_deref(), &variables)?;
        let coordination = match source {
            Some(source) => {
                let app_id = app_id.unwrap_or_else(|| source.app_id());
                let restart = Restart::new(restart, positional.as_ref(), app_id, &variables)?;
                Some(Coordination { source, restart })
            }
            None => Restart::needless(restart).map(|()| None)?,
        };
        Ok(Self {
            command: Command::new(command)?,
            mapping: Mapping::new(args),
            handling: Handling::new(&cli.command),
            coordination,
            status: cli.status,
        })
    }
}

impl<F: Fn(&'static str) -> Option<OsString>> Variables<F> {
    fn text(&self, name: &'static str) -> Result<Option<String>, Error> {
        match (self.0)(name).map(OsString::into_string) {
            Some(Ok(value)) => Ok(Some(value).filter(|value| !value.is_empty())),
            Some(Err(_)) => Err(Error::NotText(name)),
            None => Ok(None),
        }
    }

    /// The flag, else the variable.
    fn unless(&self, flag: Option<&String>, name: &'static str) -> Result<Option<String>, Error> {
        flag.cloned().map_or_else(|| self.text(name), |value| Ok(Some(value)))
    }
}

#[cfg(test)]
mod tests;
