//! What to run, and how it is signalled and ended (pure).

use std::ffi::OsString;
use std::time::Duration;

use super::Error;
use crate::cli::CommandArgs;

/// A command with its arguments, none of which any shell sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Looked up in PATH unless it holds a slash.
    pub program: OsString,
    /// As they were given.
    pub arguments: Vec<OsString>,
}

/// How the command is signalled and ended.
#[derive(Clone, Debug)]
pub struct Handling {
    /// How long it may take to end after SIGTERM, if there is a limit.
    pub kill_timeout: Option<Duration>,
}

impl Command {
    pub(super) fn new(words: Vec<OsString>) -> Result<Self, Error> {
        let mut words = words.into_iter();
        let program = words.next().ok_or(Error::NoCommand)?;
        Ok(Self { program, arguments: words.collect() })
    }
}

impl Handling {
    pub(super) const fn new(args: &CommandArgs) -> Self {
        Self { kill_timeout: args.kill_timeout }
    }
}
