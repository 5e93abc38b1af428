//! Options: how the command is run, signalled and ended.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, ValueEnum};
use daemon::duration;

use crate::signals::name;

/// Options about the command.
#[derive(Clone, Debug, Args)]
pub struct CommandArgs {
    /// Who gets the signals that are forwarded
    #[arg(long, value_enum, value_name = "WHO", default_value = "child", help_heading = "Command")]
    pub signal_target: Target,

    /// Forward signal FROM as TO, or not at all where TO is 'none'; names or numbers, may be repeated
    #[arg(
        long,
        value_name = "FROM:TO",
        value_parser = name::parse_rewrite,
        help_heading = "Command"
    )]
    pub rewrite: Vec<Rewrite>,

    /// How long after SIGTERM the command hears of it, so that load balancers notice first [default: at once]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Command")]
    pub drain: Option<Duration>,

    /// A program to run on SIGTERM before the command hears of it; repeat the option for its arguments
    #[arg(long, value_name = "WORD", allow_hyphen_values = true, help_heading = "Command")]
    pub pre_stop: Vec<OsString>,

    /// Kill the command when it has not ended this long after it was told [default: never, which is Marathon's part]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Command")]
    pub kill_timeout: Option<Duration>,

    /// What happens to processes that the command leaves behind
    #[arg(
        long,
        value_enum,
        value_name = "WAY",
        default_value = "ignore",
        help_heading = "Command"
    )]
    pub leftovers: Leftovers,

    /// Exit statuses of the command that become 0; 143 is a command that SIGTERM ended
    #[arg(long, value_name = "CODE", value_delimiter = ',', help_heading = "Command")]
    pub expect_exit: Vec<u8>,

    /// Have the kernel send the command this signal when the wrapper dies, even by SIGKILL
    #[arg(long, value_name = "SIGNAL", value_parser = name::parse, help_heading = "Command")]
    pub pdeathsig: Option<i32>,
}

/// Who gets the signals that are forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The command alone
    Child,
    /// The command's process group, which is then one of its own
    Group,
    /// All processes below the wrapper
    Tree,
}

/// What happens to processes that the command leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Leftovers {
    /// SIGTERM, and SIGKILL after two seconds
    Term,
    /// SIGKILL
    Kill,
    /// Nothing; where the wrapper is PID 1 the kernel kills them
    Ignore,
}

/// A signal that is forwarded as another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// What comes.
    pub from: i32,
    /// What is forwarded, if anything.
    pub to: Option<i32>,
}
