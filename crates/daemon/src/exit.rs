//! Exit codes, after `sysexits.h` where it has a fitting one.

use std::process::ExitCode;

/// Why a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked to do.
    Success = 0,
    /// It could not do its job.
    Failure = 1,
    /// The command line is wrong (`EX_USAGE`).
    Usage = 64,
    /// Something it cannot work without was not there in time (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// Not now, but soon: the same again may succeed (`EX_TEMPFAIL`).
    TemporaryFailure = 75,
    /// What was answered could not be read (`EX_PROTOCOL`).
    Protocol = 76,
    /// Credentials or a token were refused (`EX_NOPERM`).
    Denied = 77,
    /// A configuration file or a template is wrong (`EX_CONFIG`).
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
