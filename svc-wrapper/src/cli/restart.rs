//! Options: what a change of the configuration leads to.

use std::time::Duration;

use clap::{Args, ValueEnum};
use daemon::duration;

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

    /// How long a change must stay before it counts; at most 30s
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration::parse, help_heading = "Restart")]
    pub settle: Duration,
}

/// What a change of the configuration leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RestartBy {
    /// One rolling restart of the app, whatever the number of its instances
    Marathon,
    /// Nothing but a line in the log
    None,
}
