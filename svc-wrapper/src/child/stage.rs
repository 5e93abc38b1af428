//! What has to happen in the child's process, between its start and the command's.
//!
//! `std` runs no code of ours there without `unsafe`. Instead the child first is this program again, told so by its first
//! argument, does it and becomes the command. That costs another start of this program, so that it is only done for what
//! cannot be had otherwise: the parent-death signal, which fork(2) clears, and a terminal that has to change hands before
//! the command reads from it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use nix::sys::signal::{SigSet, Signal as Blocked};
use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal,
};
use rustix_libc_wrappers::process::SignalExt;

use super::terminal;
use crate::exit;

/// Nobody calls a command so.
const MARK: &str = "--exec-stage";
const TERMINAL: &str = "terminal";
/// This very program, even if its file was replaced or deleted.
const OURSELVES: &str = "/proc/self/exe";

/// What is to happen there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) death_signal: Option<i32>,
    pub(super) terminal: bool,
}

impl Stage {
    /// What to start and with which words, to have this happen on the way to a program and its words.
    pub(super) fn lead_to(self, path: PathBuf, words: Vec<OsString>) -> (PathBuf, Vec<OsString>) {
        if self == Self::default() {
            return (path, words);
        }
        let terminal = if self.terminal { TERMINAL } else { "" };
        let ours = [
            MARK.into(),
            self.death_signal.unwrap_or(0).to_string().into(),
            terminal.into(),
            getpid().to_string().into(),
            path.into_os_string(),
        ];
        // Its name for itself stands first, as everywhere.
        let name = OsString::from(env!("CARGO_PKG_NAME"));
        (OURSELVES.into(), [name].into_iter().chain(ours).chain(words).collect())
    }
}

/// Does what is to be done here if this process is such a child. Comes back only when it is none, or with a failure.
pub fn become_command() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != MARK {
        return None;
    }
    let rest: Vec<OsString> = words.collect();
    let [death_signal, terminal, parent, program, name, arguments @ ..] = rest.as_slice() else {
        return None;
    };
    let outcome = prepare(number(death_signal), terminal == TERMINAL, number(parent));
    let error = match outcome {
        Ok(()) => Command::new(program).arg0(name).args(arguments).exec(),
        Err(error) => error,
    };
    Some(daemon::cli::fail(&error, ExitCode::from(exit::not_started(&error))))
}

fn prepare(death_signal: Option<i32>, terminal: bool, parent: Option<i32>) -> io::Result<()> {
    if let Some(signal) = death_signal.and_then(Signal::from_raw) {
        set_parent_process_death_signal(Some(signal))?;
        // It may have died before that, and will then not do so again.
        if getppid() != parent.and_then(Pid::from_raw) {
            kill_process(getpid(), signal)?;
        }
    }
    if terminal {
        // Or the kernel stops us for it, being in the background.
        let mut stop = SigSet::empty();
        stop.add(Blocked::SIGTTOU);
        stop.thread_block()?;
        terminal::take()?;
        stop.thread_unblock()?;
    }
    Ok(())
}

fn number(word: &OsStr) -> Option<i32> {
    word.to_str()?.parse().ok()
}
