//! The command line, as typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{
    Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};
use daemon::log::LogArgs;

use crate::policy::{AppNames, OnKilling, PortSuffix, Treatment};

const LONG_ABOUT: &str = "\
Mirrors Marathon tasks into Consul services

Runs beside the Consul agent of every Mesos agent. Follows Marathon's event stream, and registers the healthy tasks of
this agent under the names and tags that their apps ask for with SERVICE_* variables or labels. Touches no service that it
has not registered itself.";

const EXAMPLES: &str = "\
Examples:
  registrator --marathon http://10.0.0.1:8080,10.0.0.2:8080
  registrator plan --marathon http://10.0.0.1:8080                show what would be written, and write nothing
  registrator explain /app/production/web                         why its tasks are registered, or are not
  registrator --config /etc/registrator.toml --status 0.0.0.0:9110

Every option can be given in the file of --config by its long name. Options win over the environment, which wins over
the file.

Exit codes: 0 done or stopped by a signal, 1 failed, 64 wrong usage, 78 wrong configuration file; when it runs once also
69 Marathon or Consul unavailable, 75 a removal waits for confirmation, 76 unreadable answer, 77 access denied.";

/// The command line, as typed.
#[derive(Debug, Parser)]
#[command(
    name = "registrator",
    version,
    about = "Mirrors Marathon tasks into Consul services",
    long_about = LONG_ABOUT,
    after_help = EXAMPLES,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Cli {
    /// What to do instead of running
    #[command(subcommand)]
    pub command: Option<Command>,

    /// TOML file with options by their long names
    #[arg(long, value_name = "FILE", env = "REGISTRATOR_CONFIG")]
    pub config: Option<PathBuf>,

    /// The Consul agent of this host
    #[arg(
        short,
        long,
        value_name = "URL",
        env = "CONSUL_HTTP_ADDR",
        default_value = "http://127.0.0.1:8500",
        help_heading = "Consul"
    )]
    pub consul: String,

    /// How Consul is reached
    #[command(flatten)]
    pub consul_access: consul::Access,

    /// Register the tasks of all agents, each at the Consul agent of its node, which listens where the one of --consul does
    #[arg(long, conflicts_with = "host", help_heading = "Consul")]
    pub all_agents: bool,

    /// Marathon, one or more endpoints; the scheme need be given only once
    #[arg(
        short,
        long,
        value_name = "URL[,URL]...",
        env = "MARATHON_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080",
        help_heading = "Marathon"
    )]
    pub marathon: String,

    /// How Marathon is reached
    #[command(flatten)]
    pub marathon_access: marathon::Access,

    /// What Marathon calls this agent: host name or address; may be repeated [default: the name and the address of the
    /// Consul agent, and names that resolve to the address]
    #[arg(long, value_name = "HOST", help_heading = "Marathon")]
    pub host: Vec<String>,

    /// How often everything is read again, even without an event
    #[arg(short = 'i', long, value_name = "DURATION", default_value = "5m")]
    pub resync_interval: String,

    /// Print what would be written instead of writing it
    #[arg(short, long)]
    pub dry_run: bool,

    /// Read and write once, then exit
    #[arg(long)]
    pub once: bool,

    /// Remove our services when stopped by a signal
    #[arg(long)]
    pub deregister_on_exit: bool,

    /// Serve /health, /ready, /metrics and /status here
    #[arg(long, value_name = "ADDRESS")]
    pub status: Option<SocketAddr>,

    /// Tags of all services, separated by commas; may have placeholders such as {host}
    #[arg(long, value_name = "TAG[,TAG]...", default_value = "", help_heading = "Services")]
    pub tags: String,

    /// Register only ports that an app gives a name with `SERVICE_NAME`
    #[arg(long, help_heading = "Services")]
    pub explicit: bool,

    /// What a service is called that its app gives no name
    #[arg(long, value_enum, value_name = "WHICH", default_value_t, help_heading = "Services")]
    pub app_names: AppNames,

    /// When a name that is not a port's own gets `-<port>`
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, help_heading = "Services")]
    pub port_suffix: PortSuffix,

    /// Let tags be changed in the catalog, unless an app says otherwise
    #[arg(long, help_heading = "Services")]
    pub enable_tag_override: bool,

    /// Have Consul run Marathon's health checks too, unless an app says otherwise
    #[arg(long, help_heading = "Services")]
    pub marathon_checks: bool,

    /// What becomes of a service when its task is told to end
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, help_heading = "Services")]
    pub on_killing: OnKilling,

    /// What becomes of a service when Marathon finds its task unhealthy
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, help_heading = "Services")]
    pub on_unhealthy: Treatment,

    /// What becomes of a service when Mesos has lost its task's agent
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, help_heading = "Services")]
    pub on_unreachable: Treatment,

    /// The id that marks our services; registrators with different ids on one agent leave each other alone
    #[arg(long, value_name = "ID", default_value = "registrator", help_heading = "Ownership")]
    pub owner: String,

    /// Take over the services that the original marathon-registrator left behind
    #[arg(long, help_heading = "Ownership")]
    pub adopt: bool,

    /// Remove services even when Marathon's answer looks wrong: empty, or without most of ours
    #[arg(long, help_heading = "Ownership")]
    pub no_guard: bool,

    /// Logs
    #[command(flatten)]
    pub log: LogArgs,

    /// Log to syslog (/dev/log) instead of standard error
    #[arg(short, long, help_heading = "Logs")]
    pub syslog: bool,

    /// Accepted for the original's sake; colours depend on the terminal
    #[arg(short = 'r', long, hide = true)]
    pub force_colors: bool,

    /// Print version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// What to do instead of running.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Show what would be written, and write nothing
    Plan {
        /// For people, or for machines
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
        output: Output,
    },
    /// Show what becomes of each task of an app, and why
    Explain {
        /// The app's id
        #[arg(value_name = "APP")]
        app: String,
        /// For people, or for machines
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
        output: Output,
    },
}

/// How something is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
}

/// A command line that has been read, and what of it was given by whom.
#[derive(Debug)]
pub struct Typed {
    /// The options.
    pub cli: Cli,
    /// Where each comes from.
    pub matches: ArgMatches,
}

impl CommandFactory for Typed {
    /// Options may stand before and behind a command.
    fn command() -> clap::Command {
        let global = |arg: Arg| {
            let is_version = arg.get_id() == "version";
            if is_version { arg } else { arg.global(true) }
        };
        Cli::command().mut_args(global)
    }

    fn command_for_update() -> clap::Command {
        Self::command()
    }
}

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { cli: Cli::from_arg_matches(matches)?, matches: matches.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Parser for Typed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Typed::command().debug_assert();
    }

    #[test]
    fn options_stand_before_and_behind_a_command() {
        let read = |line: &str| {
            let typed = Typed::try_parse_from(line.split(' '));
            typed.unwrap().cli
        };
        for line in ["r --owner me plan --output json", "r plan --output json --owner me"] {
            let cli = read(line);
            assert_eq!(cli.command, Some(Command::Plan { output: Output::Json }), "{line}");
            assert_eq!(cli.owner, "me", "{line}");
        }
        assert!(matches!(read("r explain /a").command, Some(Command::Explain { .. })));
        assert_eq!(read("r").command, None);
    }
}
