//! The command line as given.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use daemon::duration;
use daemon::log::LogArgs;
use daemon::redact::Redacted;

/// Starts COMMAND with the configuration that Consul's KV store holds for it, supervises it as PID 1 does, and has
/// Marathon restart the app when that configuration changes.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "svc-wrapper",
    version,
    override_usage = "svc-wrapper [OPTIONS] COMMAND [ARGS]...\n       svc-wrapper [OPTIONS] MARATHON CONSUL PREFIX COMMAND [ARGS]...",
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// Where Consul is: host:port or http://host:port; 'none' to be a plain init [env: `CONSUL_HTTP_ADDR`]
    #[arg(long, value_name = "ADDRESS", help_heading = "Configuration")]
    pub consul: Option<String>,

    /// Consul's ACL token; the environment keeps it out of the process list [env: `CONSUL_HTTP_TOKEN`]
    #[arg(long, value_name = "TOKEN", help_heading = "Configuration")]
    pub consul_token: Option<Redacted<String>>,

    /// The folder of the configuration in the KV store [default: the app id without its leading slash]
    #[arg(long, value_name = "PREFIX", help_heading = "Configuration")]
    pub prefix: Option<String>,

    /// Where Marathon is: host:port or URL, several separated by commas; 'none' for none [env: `MARATHON_URL`]
    #[arg(long, value_name = "URLS", help_heading = "Restart")]
    pub marathon: Option<String>,

    /// The app to restart [env: `MARATHON_APP_ID`] [default: the prefix]
    #[arg(long, value_name = "ID", help_heading = "Restart")]
    pub app_id: Option<String>,

    /// What a change of the configuration leads to [default: marathon where one is known, else none]
    #[arg(long, value_enum, value_name = "WAY", help_heading = "Restart")]
    pub restart: Option<RestartBy>,

    /// How long a change must stay before it counts; at most 30s
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration::parse, help_heading = "Restart")]
    pub settle: Duration,

    /// Kill the command when it has not ended this long after SIGTERM [default: never, which is Marathon's part]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Command")]
    pub kill_timeout: Option<Duration>,

    /// Logs on standard error.
    #[command(flatten)]
    pub log: LogArgs,

    /// The command and its arguments, perhaps after MARATHON CONSUL PREFIX; options end here or at '--'
    #[arg(value_name = "COMMAND", trailing_var_arg = true, hide = true)]
    pub words: Vec<OsString>,
}

/// What a change of the configuration leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RestartBy {
    /// One rolling restart of the app, whatever the number of its instances
    Marathon,
    /// Nothing but a line in the log
    None,
}

const AFTER_HELP: &str = "\
The form with MARATHON CONSUL PREFIX, which service-wrapper.sh has, is meant when none of --marathon, --consul and
--prefix is given, and the first two words are each an http:// URL or host:port. Everything else is the command.

Exit status: the command's own, or 128+n when signal n killed it; 127 when it does not exist, 126 when it cannot be
run; 64 for wrong arguments. Nothing known of Consul makes a plain init of it: no configuration, no restarts.";
