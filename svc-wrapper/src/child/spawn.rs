//! A program becomes a process (`posix_spawn(3)`).
//!
//! `std::process::Command` hands on what we have blocked, which is everything, and cannot be told otherwise.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use nix::libc;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};
use rustix::process::Pid;

/// What is to be started.
#[derive(Debug)]
pub(super) struct Program {
    /// The file.
    pub(super) path: PathBuf,
    /// Its name for itself, and its arguments.
    pub(super) words: Vec<OsString>,
    /// All its variables.
    pub(super) environment: BTreeMap<OsString, OsString>,
    /// Whether it leads a process group of its own.
    pub(super) own_group: bool,
    /// Whether it can read what we can read; else there is nothing.
    pub(super) reads: bool,
}

impl Program {
    /// Starts it with no signal blocked, SIGPIPE at its default, and no descriptor of ours but the standard streams.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, with its reason.
    pub(super) fn spawn(&self) -> io::Result<Pid> {
        let mut attributes = PosixSpawnAttr::init()?;
        let mut flags =
            PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
        attributes.set_sigmask(&SigSet::empty())?;
        let mut ours = SigSet::empty();
        // Rust's start-up ignores it.
        ours.add(Signal::SIGPIPE);
        attributes.set_sigdefault(&ours)?;
        if self.own_group {
            flags |= PosixSpawnFlags::POSIX_SPAWN_SETPGROUP;
            attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
        }
        attributes.set_flags(flags)?;

        let mut files = PosixSpawnFileActions::init()?;
        let null = File::open("/dev/null");
        if let (false, Ok(null)) = (self.reads, &null) {
            files.add_dup2(null.as_raw_fd(), libc::STDIN_FILENO)?;
        }

        let words = self.words.iter().map(|word| text(word)).collect::<io::Result<Vec<_>>>()?;
        let variables = self.environment.iter().map(|(name, value)| variable(name, value));
        let variables = variables.collect::<io::Result<Vec<_>>>()?;
        let pid = posix_spawn(&self.path, &files, &attributes, &words, &variables)?;
        Pid::from_raw(pid.as_raw()).ok_or_else(|| io::Error::other("the kernel gave no process id"))
    }
}

fn text(word: &OsStr) -> io::Result<CString> {
    Ok(CString::new(word.as_bytes())?)
}

fn variable(name: &OsStr, value: &OsStr) -> io::Result<CString> {
    let all = [name.as_bytes(), b"=", value.as_bytes()].concat();
    text(&OsString::from_vec(all))
}
