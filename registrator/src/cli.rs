//! The command line, as typed.

use clap::{ArgAction, Parser};
use daemon::log::LogArgs;

const LONG_ABOUT: &str = "\
Mirrors Marathon tasks into Consul services

Runs beside the Consul agent of every Mesos agent. Follows Marathon's event stream, and registers the healthy tasks of
this agent under the names and tags that their apps ask for with SERVICE_* variables or labels. Touches no service that it
has not registered itself.";

const EXAMPLES: &str = "\
Examples:
  registrator --marathon http://10.0.0.1:8080,10.0.0.2:8080
  registrator --marathon http://10.0.0.1:8080 --dry-run --once    show what would be written
  registrator --host mesos-1.example.com                          what Marathon calls this agent

Exit codes: 0 done or stopped by a signal, 1 failed (a write, with --once), 64 wrong usage, 69 Marathon or Consul
unavailable (with --once).";

/// The command line, as typed.
#[derive(Debug, Parser)]
#[command(
    name = "registrator",
    version,
    about = "Mirrors Marathon tasks into Consul services",
    long_about = LONG_ABOUT,
    after_help = EXAMPLES,
    disable_version_flag = true
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Cli {
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

    /// ACL token for Consul
    #[arg(
        long,
        value_name = "TOKEN",
        env = "CONSUL_HTTP_TOKEN",
        hide_env_values = true,
        help_heading = "Consul"
    )]
    pub consul_token: Option<String>,

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

    /// User and password for Marathon, for endpoints that name none in their URL
    #[arg(
        long,
        value_name = "USER:PASSWORD",
        env = "MARATHON_CREDENTIALS",
        hide_env_values = true,
        help_heading = "Marathon"
    )]
    pub marathon_credentials: Option<String>,

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

    /// Accepted for the original's sake; logs go to standard error
    #[arg(short, long, hide = true)]
    pub syslog: bool,

    /// Accepted for the original's sake; colours depend on the terminal
    #[arg(short = 'r', long, hide = true)]
    pub force_colors: bool,

    /// Print version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}
