//! The command line and the environment, checked and complete (pure).

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use daemon::redact::Redacted;
use marathon::{AppId, Endpoints};
use thiserror::Error;

use crate::cli::{Cli, RestartBy};
use crate::env;
use crate::restart::LONGEST_SETTLE;
use crate::version::Version;

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The command.
    pub command: Command,
    /// How long it may take to end after SIGTERM, if there is a limit.
    pub kill_timeout: Option<Duration>,
    /// Where its configuration comes from; `None` for a plain init.
    pub source: Option<Source>,
}

/// A command with its arguments, none of which any shell sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Looked up in PATH unless it holds a slash.
    pub program: OsString,
    /// As they were given.
    pub arguments: Vec<OsString>,
}

/// Where configuration comes from, and what its changes lead to.
#[derive(Clone, Debug)]
pub struct Source {
    /// Consul.
    pub consul: consul::Config,
    /// The folder in the KV store, with its slash at the end.
    pub prefix: String,
    /// How long a change must stay before it counts.
    pub settle: Duration,
    /// What it then leads to.
    pub restart: Restart,
}

/// What a change leads to.
#[derive(Clone, Debug)]
pub enum Restart {
    /// A line in the log.
    None,
    /// A rolling restart.
    Marathon(Box<App>),
}

/// The app this process is an instance of.
#[derive(Clone, Debug)]
pub struct App {
    /// Where Marathon is.
    pub marathon: Endpoints,
    /// The app.
    pub id: AppId,
    /// The version this task was launched as, if it was launched by Marathon.
    pub version: Option<Version>,
    /// The task's id in Mesos, to be shown to people; empty outside of Mesos.
    pub task: String,
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
    #[error("--prefix is given, but no Consul: give --consul or CONSUL_HTTP_ADDR")]
    NoConsul,
    /// A restart through a Marathon that is not known.
    #[error("--restart marathon needs {0}")]
    NoMarathon(&'static str),
    /// What should be text is not.
    #[error("{0} is not UTF-8")]
    NotText(&'static str),
    /// A Marathon address that is none.
    #[error("Marathon's address: {0}")]
    Marathon(#[from] marathon::EndpointError),
    /// A Consul address that is none.
    #[error("Consul's address: {0}")]
    Consul(#[source] consul::Error),
    /// A settle time that is too long.
    #[error("--settle is at most {LONGEST_SETTLE:?}")]
    Settle,
}

/// What the positional words mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// A command.
    Command(Vec<OsString>),
    /// MARATHON CONSUL PREFIX and a command, as the original script takes them.
    Positional {
        /// Where Marathon is.
        marathon: String,
        /// Where Consul is.
        consul: String,
        /// The folder in the KV store, and the app's id.
        prefix: String,
        /// The command.
        command: Vec<OsString>,
    },
}

/// Tells the two forms apart. `flagged` says that an option already took the place of one of the three words.
///
/// A command whose name and first argument both are addresses does not exist, so nobody needs a way to say it; with
/// `--consul none` one could.
pub fn split(words: &[OsString], flagged: bool) -> Result<Words, Error> {
    let addresses = match words {
        [marathon, consul, ..] if !flagged => address(marathon).zip(address(consul)),
        _ => None,
    };
    let Some((marathon, consul)) = addresses else {
        let command = words.to_vec();
        return if command.is_empty() {
            Err(Error::NoCommand)
        } else {
            Ok(Words::Command(command))
        };
    };
    match words {
        [_, _, prefix, command @ ..] if !command.is_empty() => Ok(Words::Positional {
            marathon,
            consul,
            prefix: prefix.to_str().ok_or(Error::NotText("the prefix"))?.to_owned(),
            command: command.to_vec(),
        }),
        _ => Err(Error::NoCommandAfterAddresses { marathon, consul }),
    }
}

/// An `http://` URL, or `host:port`.
fn address(word: &OsStr) -> Option<String> {
    let text = word.to_str()?;
    let is_url = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    let is_endpoint = text.rsplit_once(':').is_some_and(|(host, port)| {
        let in_brackets = host.starts_with('[') && host.ends_with(']');
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let is_host = !host.is_empty() && (in_brackets || host.bytes().all(is_name));
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    (is_url || is_endpoint).then(|| text.to_owned())
}

impl Config {
    /// Checks and completes what was given. `variable` looks up the environment; what is empty there is not set.
    pub fn new(
        cli: &Cli,
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let text = |name: &'static str| match variable(name).map(OsString::into_string) {
            Some(Ok(value)) => Ok(Some(value).filter(|value| !value.is_empty())),
            Some(Err(_)) => Err(Error::NotText(name)),
            None => Ok(None),
        };
        let flagged = cli.marathon.is_some() || cli.consul.is_some() || cli.prefix.is_some();
        let mut given = Given {
            marathon: or_else(cli.marathon.as_ref(), || text("MARATHON_URL"))?,
            consul: or_else(cli.consul.as_ref(), || text("CONSUL_HTTP_ADDR"))?,
            prefix: cli.prefix.clone(),
            app_id: or_else(cli.app_id.as_ref(), || text("MARATHON_APP_ID"))?,
        };
        let command = match split(&cli.words, flagged)? {
            Words::Command(command) => command,
            Words::Positional { marathon, consul, prefix, command } => {
                given = Given {
                    marathon: Some(marathon),
                    consul: Some(consul),
                    prefix: Some(prefix),
                    app_id: given.app_id,
                };
                command
            }
        };
        let task = text("MESOS_TASK_ID")?.unwrap_or_default();
        let version = text("MARATHON_APP_VERSION")?.as_deref().and_then(Version::parse);
        let token = match &cli.consul_token {
            Some(token) => Some(token.clone()),
            None => text("CONSUL_HTTP_TOKEN")?.map(Redacted::new),
        };
        Ok(Self {
            command: Command::new(command)?,
            kill_timeout: cli.kill_timeout,
            source: given.source(cli, token, task, version)?,
        })
    }
}

impl Command {
    fn new(words: Vec<OsString>) -> Result<Self, Error> {
        let mut words = words.into_iter();
        let program = words.next().ok_or(Error::NoCommand)?;
        Ok(Self { program, arguments: words.collect() })
    }
}

/// Addresses and names from wherever they came.
struct Given {
    marathon: Option<String>,
    consul: Option<String>,
    prefix: Option<String>,
    app_id: Option<String>,
}

impl Given {
    fn source(
        self,
        cli: &Cli,
        token: Option<Redacted<String>>,
        task: String,
        version: Option<Version>,
    ) -> Result<Option<Source>, Error> {
        if cli.settle > LONGEST_SETTLE {
            return Err(Error::Settle);
        }
        let Some(address) = self.consul.clone().filter(|address| address != NONE) else {
            return match (&self.prefix, self.consul) {
                (Some(_), None) => Err(Error::NoConsul),
                _ if cli.restart == Some(RestartBy::Marathon) => Err(Error::NoMarathon("Consul")),
                _ => Ok(None),
            };
        };
        let id = self.app_id.clone().or_else(|| self.prefix.clone());
        let prefix = self.prefix.or(self.app_id).ok_or(Error::NoPrefix)?;
        let restart = restart(cli.restart, self.marathon, id, task, version)?;
        let consul = consul::Config { address, token, datacenter: None };
        // Built once to be judged: an address that cannot work is a matter of the command line.
        drop(consul::Client::new(consul.clone()).map_err(Error::Consul)?);
        // A URL's path cannot hold these parts, and without any part it would be the whole store.
        if prefix.trim_matches('/').split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(Error::Prefix(prefix));
        }
        let prefix = env::folder(&prefix);
        Ok(Some(Source { consul, prefix, settle: cli.settle, restart }))
    }
}

const NONE: &str = "none";

fn restart(
    wanted: Option<RestartBy>,
    marathon: Option<String>,
    id: Option<String>,
    task: String,
    version: Option<Version>,
) -> Result<Restart, Error> {
    let marathon = marathon.filter(|address| address != NONE);
    match (wanted, marathon, id) {
        (Some(RestartBy::None), ..) | (None, None, _) => Ok(Restart::None),
        (_, Some(marathon), Some(id)) => {
            let id = AppId::new(id);
            let app = App { marathon: marathon.parse()?, id, version, task };
            Ok(Restart::Marathon(Box::new(app)))
        }
        (Some(RestartBy::Marathon), None, _) => {
            Err(Error::NoMarathon("--marathon or MARATHON_URL"))
        }
        (_, _, None) => Err(Error::NoMarathon("--app-id or MARATHON_APP_ID")),
    }
}

fn or_else(
    flag: Option<&String>,
    variable: impl FnOnce() -> Result<Option<String>, Error>,
) -> Result<Option<String>, Error> {
    flag.cloned().map_or_else(variable, |value| Ok(Some(value)))
}

#[cfg(test)]
mod tests;
