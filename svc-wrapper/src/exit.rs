//! How the child ended, as an exit code (pure).
//!
//! The codes are the shell's: the child's own, 128 + n after signal n, 127 for a command that is not there and 126 for
//! one that cannot be run.

use std::io;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this status.
    Exited(u8),
    /// This signal killed it.
    Killed(i32),
}

impl Ended {
    /// The exit code that says so.
    pub fn code(self) -> u8 {
        const SIGNALLED: u8 = 128;
        match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => {
                SIGNALLED.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX))
            }
        }
    }
}

/// The exit code for a command that could not be started.
pub fn not_started(error: &io::Error) -> u8 {
    const NOT_FOUND: u8 = 127;
    const NOT_EXECUTABLE: u8 = 126;
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => NOT_FOUND,
        _ => NOT_EXECUTABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_the_shells_codes() {
        for (ended, code) in [
            (Ended::Exited(0), 0),
            (Ended::Exited(255), 255),
            (Ended::Killed(1), 129),
            (Ended::Killed(9), 137),
            (Ended::Killed(15), 143),
            (Ended::Killed(64), 192),
        ] {
            assert_eq!(ended.code(), code, "{ended:?}");
        }
        for (errno, code) in [(2, 127), (20, 127), (13, 126), (8, 126), (7, 126)] {
            assert_eq!(not_started(&io::Error::from_raw_os_error(errno)), code, "{errno}");
        }
    }
}
