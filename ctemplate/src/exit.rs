//! Exit codes. They are consul-template's, whose scripts and units this program takes over.

use std::process::ExitCode;

/// Why the program ended, when not by success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The flags are wrong.
    Flags = 13,
    /// A template, its check or its command failed, or a file cannot be written.
    Runner = 14,
    /// A file of settings is wrong.
    Config = 15,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
