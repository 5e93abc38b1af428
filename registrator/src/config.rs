//! The command line, checked and complete.

use std::net::SocketAddr;
use std::time::Duration;

use marathon::{AppId, EndpointError, Endpoints};

use crate::cli::{Cli, Command, Output};
use crate::mirror::Rules;
use crate::naming::split;
use crate::policy::Policy;
use crate::service::Ownership;

/// What the program runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The agent, and how it is reached.
    pub consul: consul::Config,
    /// Where Marathon is, and how it is reached.
    pub marathon: marathon::Config,
    /// Which agents are written to.
    pub scope: Scope,
    /// More than zero.
    pub resync_interval: Duration,
    /// How it is decided.
    pub rules: Rules,
    /// Write, or only say what would be written.
    pub mode: Mode,
    /// For how long.
    pub run: Run,
    /// Where it is told how things are.
    pub status: Option<SocketAddr>,
}

/// Which agents are written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The one of this host, which Marathon calls by these names; when empty, they are found out.
    Beside(Vec<String>),
    /// Each of the cluster.
    All,
}

/// What becomes of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is written to the agent.
    Write,
    /// It is printed.
    Print(Output),
}

/// For how long the program runs, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// Until a signal.
    Forever {
        /// Our services go with us.
        deregister: bool,
    },
    /// Until it has been done once.
    Once,
    /// Until it is said what becomes of an app.
    Explain(AppId, Output),
}

/// An option that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `--marathon`, or one that says how it is reached.
    #[error("{option}: {reason}")]
    Marathon {
        /// The option.
        option: &'static str,
        /// What is wrong; does not show credentials.
        reason: EndpointError,
    },
    /// `--consul`, or one that says how it is reached.
    #[error("--consul: {0}")]
    Consul(consul::Error),
    /// The same.
    #[error("{0}")]
    Access(#[from] consul::AccessError),
    /// TLS for Marathon.
    #[error("--marathon: {0}")]
    Tls(marathon::Error),
    /// `--resync-interval`.
    #[error("--resync-interval: {0}")]
    ResyncInterval(String),
    /// `--owner`.
    #[error("--owner: must not be empty, nor longer than 512 bytes")]
    Owner,
}

impl ConfigError {
    /// The option it is about, when it is one.
    pub fn option(&self) -> Option<&'static str> {
        match self {
            Self::Marathon { option, .. } => Some(option.trim_start_matches('-')),
            Self::Consul(_) => Some("consul"),
            Self::Tls(_) => Some("marathon"),
            Self::ResyncInterval(_) => Some("resync-interval"),
            Self::Owner => Some("owner"),
            Self::Access(_) => None,
        }
    }
}

impl Config {
    /// Checks the options, and completes them with the environment.
    ///
    /// # Errors
    /// An option cannot be followed.
    pub fn new(
        cli: Cli,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let consul = cli.consul_access.config(cli.consul, &variable)?;
        // Made here to learn whether they can be, before anything runs.
        consul::Client::new(consul.clone()).map_err(ConfigError::Consul)?;
        if !(1..=512).contains(&cli.owner.len()) {
            return Err(ConfigError::Owner);
        }
        let (print, run) = match cli.command {
            Some(Command::Plan { output }) => (Some(output), Run::Once),
            Some(Command::Explain { app, output }) => {
                let id = format!("/{}", app.trim_start_matches('/'));
                (Some(output), Run::Explain(id.as_str().into(), output))
            }
            None if cli.once => (None, Run::Once),
            None => (None, Run::Forever { deregister: cli.deregister_on_exit }),
        };
        let print = print.or_else(|| cli.dry_run.then_some(Output::Text));
        let policy = Policy {
            explicit: cli.explicit,
            app_names: cli.app_names,
            port_suffix: cli.port_suffix,
            tags: split(&cli.tags),
            tag_override: cli.enable_tag_override,
            marathon_checks: cli.marathon_checks,
            on_killing: cli.on_killing,
            on_unhealthy: cli.on_unhealthy,
            on_unreachable: cli.on_unreachable,
        };
        let ownership = Ownership { owner: cli.owner, adopt: cli.adopt };
        Ok(Self {
            consul,
            marathon: marathon(&cli.marathon, &cli.marathon_access, variable)?,
            scope: if cli.all_agents { Scope::All } else { Scope::Beside(cli.host) },
            resync_interval: interval(&cli.resync_interval)?,
            rules: Rules { ownership, policy, guard: !cli.no_guard },
            mode: print.map_or(Mode::Write, Mode::Print),
            run,
            status: cli.status,
        })
    }
}

fn marathon(
    list: &str,
    access: &marathon::Access,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<marathon::Config, ConfigError> {
    let wrong = |option| move |reason| ConfigError::Marathon { option, reason };
    let endpoints: Endpoints = list.parse().map_err(wrong("--marathon"))?;
    let config = access.config(endpoints, variable).map_err(wrong("--marathon-credentials"))?;
    marathon::Client::new(config.clone()).map_err(ConfigError::Tls)?;
    Ok(config)
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
