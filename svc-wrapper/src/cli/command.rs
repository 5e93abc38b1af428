//! Options: how the command is run, signalled and ended.

use std::time::Duration;

use clap::Args;
use daemon::duration;

/// Options about the command.
#[derive(Clone, Debug, Args)]
pub struct CommandArgs {
    /// Kill the command when it has not ended this long after SIGTERM [default: never, which is Marathon's part]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Command")]
    pub kill_timeout: Option<Duration>,
}
