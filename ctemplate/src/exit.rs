//! Exit codes. They are consul-template's, whose scripts and units this program takes over.

use std::process::{ExitCode, ExitStatus};

use std::os::unix::process::ExitStatusExt;

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

/// How the program ended when nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It did what it was asked to do.
    Done,
    /// It was stopped by its kill signal.
    Stopped,
    /// Its child ended with this code.
    Child(u8),
}

impl End {
    /// What a shell would call the end of a child: its code, or 128 and the signal that killed it.
    pub fn of_child(status: ExitStatus) -> Self {
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        Self::Child(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    }
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Done => Self::SUCCESS,
            End::Stopped => Self::from(12),
            End::Child(code) => Self::from(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_ends_with_its_code_or_with_its_signal() {
        // wait(2): the code is in the second byte, the signal in the first.
        for (raw, want) in [(0, 0), (7 << 8, 7), (255 << 8, 255), (15, 143), (9, 137)] {
            assert_eq!(End::of_child(ExitStatus::from_raw(raw)), End::Child(want), "{raw}");
        }
    }
}
