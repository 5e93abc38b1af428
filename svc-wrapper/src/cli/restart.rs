//! Options: what a change of the configuration leads to.

use std::time::Duration;

use clap::{Args, ValueEnum};
use daemon::duration;
use marathon::Access;

use crate::signals::name;

/// Options about restarts.
#[derive(Clone, Debug, Args)]
pub struct RestartArgs {
    /// Where Marathon is: host:port or URL, several separated by commas; 'none' for none [env: `MARATHON_URL`]
    #[arg(long, value_name = "URLS", help_heading = "Restart")]
    pub marathon: Option<String>,

    /// The app to restart [env: `MARATHON_APP_ID`] [default: the prefix]
    #[arg(long, value_name = "ID", help_heading = "Restart")]
    pub app_id: Option<String>,

    /// What a change of the configuration leads to [default: marathon where one is known, else none]
    #[arg(long, value_enum, value_name = "WAY", help_heading = "Restart")]
    pub restart: Option<RestartBy>,

    /// The signal of '--restart signal', by name or number
    #[arg(long, value_name = "SIGNAL", default_value = "HUP", value_parser = name::parse, help_heading = "Restart")]
    pub restart_signal: i32,

    /// How long a change must stay before it counts; at most 30s
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration::parse, help_heading = "Restart")]
    pub settle: Duration,

    /// The least time between the end of a deployment and the restart after it; at most 1h
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse, help_heading = "Restart")]
    pub min_interval: Duration,

    /// What to do while a deployment that does not end keeps the app from being restarted
    #[arg(long, value_enum, value_name = "WAY", default_value = "wait", help_heading = "Restart")]
    pub stuck: StuckBy,

    /// After how long a deployment is taken not to end
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration::parse, help_heading = "Restart")]
    pub stuck_after: Duration,

    /// How Marathon is reached.
    #[command(flatten)]
    pub access: Access,
}

/// What a change of the configuration leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RestartBy {
    /// One rolling restart of the app, whatever the number of its instances
    Marathon,
    /// A signal to the command of each instance
    Signal,
    /// One instance after the other ends its command and exits with 75, for another scheduler to start it again
    Exit,
    /// Nothing but a line in the log
    None,
}

/// What to do about a deployment that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StuckBy {
    /// Say so, and wait
    Wait,
    /// An unhealthy instance ends its command and exits with 75, one after the other, for Marathon to start it again
    Exit,
    /// Restart the app again if the deployment is its own last restart and makes no progress
    Force,
}
