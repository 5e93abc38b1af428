//! The command line, checked and complete.

use std::time::Duration;

use marathon::{Credentials, EndpointError, Endpoints};

use crate::cli::Cli;
use crate::service::Ownership;

/// What the program runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The agent, and the token for it.
    pub consul: consul::Config,
    /// Where Marathon is, with credentials.
    pub marathon: Endpoints,
    /// What Marathon calls this agent; empty: found out.
    pub hosts: Vec<String>,
    /// More than zero.
    pub resync_interval: Duration,
    /// Which services are ours.
    pub ownership: Ownership,
    /// Whether suspicious removals wait.
    pub guard: bool,
    /// Write, or only say what would be written.
    pub mode: Mode,
    /// Stop after the first time.
    pub once: bool,
}

/// What becomes of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is written to the agent.
    Write,
    /// It is printed.
    DryRun,
}

/// An option that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `--marathon` or `--marathon-credentials`.
    #[error("{option}: {reason}")]
    Marathon {
        /// The option.
        option: &'static str,
        /// What is wrong; does not show credentials.
        reason: EndpointError,
    },
    /// `--consul`.
    #[error("--consul: {0}")]
    Consul(consul::Error),
    /// `--resync-interval`.
    #[error("--resync-interval: {0}")]
    ResyncInterval(String),
    /// `--owner`.
    #[error("--owner: must not be empty, nor longer than 512 bytes")]
    Owner,
}

impl TryFrom<Cli> for Config {
    type Error = ConfigError;

    fn try_from(cli: Cli) -> Result<Self, ConfigError> {
        let consul = consul::Config {
            address: cli.consul,
            token: cli.consul_token.filter(|token| !token.is_empty()).map(consul::Token::from),
            ..consul::Config::default()
        };
        // Made here to learn whether the address is one, before anything runs.
        consul::Client::new(consul.clone()).map_err(ConfigError::Consul)?;
        if !(1..=512).contains(&cli.owner.len()) {
            return Err(ConfigError::Owner);
        }
        Ok(Self {
            consul,
            marathon: endpoints(&cli.marathon, cli.marathon_credentials.as_deref())?,
            hosts: cli.host,
            resync_interval: interval(&cli.resync_interval)?,
            ownership: Ownership { owner: cli.owner, adopt: cli.adopt },
            guard: !cli.no_guard,
            mode: if cli.dry_run { Mode::DryRun } else { Mode::Write },
            once: cli.once,
        })
    }
}

fn endpoints(list: &str, credentials: Option<&str>) -> Result<Endpoints, ConfigError> {
    let wrong = |option| move |reason| ConfigError::Marathon { option, reason };
    let credentials = credentials.filter(|text| !text.is_empty()).map(str::parse::<Credentials>);
    let credentials = credentials.transpose().map_err(wrong("--marathon-credentials"))?;
    let endpoints: Endpoints = list.parse().map_err(wrong("--marathon"))?;
    Ok(endpoints.with_credentials(credentials.as_ref()))
}

fn interval(text: &str) -> Result<Duration, ConfigError> {
    match daemon::duration::parse(text) {
        Ok(interval) if interval.is_zero() => {
            Err(ConfigError::ResyncInterval("must be greater than 0".to_owned()))
        }
        Ok(interval) => Ok(interval),
        Err(err) => Err(ConfigError::ResyncInterval(err.to_string())),
    }
}
