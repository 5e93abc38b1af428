//! The command line as given.

use std::ffi::OsString;
use std::net::SocketAddr;

use clap::Parser;
use daemon::log::LogArgs;

mod command;
mod configuration;
mod restart;
mod show;

pub use command::{CommandArgs, Leftovers, Rewrite, Target};
pub use configuration::{ConfigurationArgs, ExpandBy, NestedBy, OnStartFailure};
pub use restart::{RestartArgs, RestartBy, StuckBy};
pub use show::{OutputAs, Show, ShowArgs};

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
    /// Where the configuration comes from, and how it becomes variables.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,

    /// What a change of the configuration leads to.
    #[command(flatten)]
    pub restart: RestartArgs,

    /// How the command is run, signalled and ended.
    #[command(flatten)]
    pub command: CommandArgs,

    /// Serve /health, /ready, /metrics and /status here [default: nowhere]
    #[arg(long, value_name = "ADDRESS", help_heading = "Operation")]
    pub status: Option<SocketAddr>,

    /// Logs on standard error.
    #[command(flatten)]
    pub log: LogArgs,

    /// The command and its arguments, perhaps after MARATHON CONSUL PREFIX; options end here or at '--'
    #[arg(value_name = "COMMAND", trailing_var_arg = true, hide = true)]
    pub words: Vec<OsString>,
}

const AFTER_HELP: &str = "\
The form with MARATHON CONSUL PREFIX, which service-wrapper.sh has, is meant when none of --marathon, --consul and
--prefix is given, and the first two words are each an http:// URL or host:port. Everything else is the command.

Exit status: the command's own, or 128+n when signal n killed it; 127 when it does not exist, 126 when it cannot be
run; 64 for wrong arguments. Nothing known of Consul makes a plain init of it: no configuration, no restarts.";
