//! The command as a process: found, started, signalled.
//!
//! It stays in our process group and on our terminal unless signals are meant for its group, and its standard streams are
//! ours: without a terminal there is nothing to arrange, with one it is in the foreground because we are.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::slice;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix_libc_wrappers::process::SignalExt;

use crate::cli::Target;
use crate::config::{Command, Handling};
use crate::env::Environment;

mod descendants;
mod spawn;
mod stage;
mod terminal;

use spawn::Program;
use stage::Stage;

pub use stage::become_command;
pub use terminal::{Terminal, is_in_foreground};

/// What is at a path, as far as starting it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Executable,
    Other,
    Nothing,
}

/// Starts the command with our environment and the configuration over it, and hands it the terminal if it has to.
///
/// # Errors
///
/// When it does not exist or cannot be run; see [`crate::exit::not_started`].
pub fn start(
    command: &Command,
    environment: &Environment,
    handling: &Handling,
    terminal: Option<&Terminal>,
) -> io::Result<Pid> {
    let stage = Stage { death_signal: handling.death_signal, terminal: terminal.is_some() };
    let (path, words) = stage.lead_to(resolve(command)?, words(command));
    let own_group = handling.target == Target::Group;
    let environment = environment.over(std::env::vars_os());
    Program { path, words, environment, own_group, reads: true }.spawn()
}

/// Starts the program before the stop, in a group of its own, so that it ends as a whole.
///
/// # Errors
///
/// As [`start`].
pub fn start_pre_stop(command: &Command, environment: &Environment) -> io::Result<Pid> {
    let environment = environment.over(std::env::vars_os());
    let (path, words) = (resolve(command)?, words(command));
    Program { path, words, environment, own_group: true, reads: false }.spawn()
}

fn resolve(command: &Command) -> io::Result<PathBuf> {
    find(&command.program, std::env::var_os("PATH"), probe)
}

fn words(command: &Command) -> Vec<OsString> {
    [slice::from_ref(&command.program), &command.arguments].concat()
}

/// Sends a signal to the child, or to whom the target says, real-time ones included. Who ended a moment ago is no error.
///
/// `except` and what is below it are no part of the tree.
///
/// # Errors
///
/// When there is no such signal, or no tree to be seen.
pub fn signal(pid: Pid, number: i32, target: Target, except: Option<Pid>) -> io::Result<()> {
    let signal = known(number)?;
    match target {
        Target::Child => sent(kill_process(pid, signal)),
        Target::Group => sent(kill_process_group(pid, signal)),
        Target::Tree => signal_tree(signal, except),
    }
}

/// Sends a signal to all processes below this one, and has those that are stopped take it.
///
/// # Errors
///
/// As [`signal`].
pub fn signal_leftovers(number: i32) -> io::Result<()> {
    signal_tree(known(number)?, None)?;
    signal_tree(Signal::CONT, None)
}

/// Kills a program before the stop, with its group.
///
/// # Errors
///
/// When the kernel refuses.
pub fn end_pre_stop(pid: Pid) -> io::Result<()> {
    sent(kill_process_group(pid, Signal::KILL))
}

fn signal_tree(signal: Signal, except: Option<Pid>) -> io::Result<()> {
    descendants::descendants(except)?
        .into_iter()
        .try_for_each(|pid| sent(kill_process(pid, signal)))
}

fn known(number: i32) -> io::Result<Signal> {
    Signal::from_raw(number).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

fn sent(outcome: Result<(), Errno>) -> io::Result<()> {
    match outcome {
        Err(Errno::SRCH) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Finds the program as execvp(3) does, in the wrapper's own PATH: a PATH in the configuration is meant for the child.
fn find(
    program: &OsStr,
    path: Option<OsString>,
    probe: impl Fn(&Path) -> Found,
) -> io::Result<PathBuf> {
    const DEFAULT_PATH: &str = "/bin:/usr/bin";
    if program.as_encoded_bytes().contains(&b'/') {
        return Ok(program.into());
    }
    let mut error = io::ErrorKind::NotFound;
    if !program.is_empty() {
        for folder in std::env::split_paths(&path.unwrap_or_else(|| DEFAULT_PATH.into())) {
            let candidate = Path::new(".").join(folder).join(program);
            match probe(&candidate) {
                Found::Executable => return Ok(candidate),
                Found::Other => error = io::ErrorKind::PermissionDenied,
                Found::Nothing => {}
            }
        }
    }
    Err(error.into())
}

fn probe(path: &Path) -> Found {
    const EXECUTE: u32 = 0o111;
    match path.metadata() {
        Ok(found) if found.is_file() && found.permissions().mode() & EXECUTE != 0 => {
            Found::Executable
        }
        Ok(found) if found.is_file() => Found::Other,
        _ => Found::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_programs_as_a_shell_does() {
        let probe = |path: &Path| match path.to_str().unwrap() {
            "/b/run" | "/c/run" | "./run" => Found::Executable,
            "/a/run" | "/a/text" => Found::Other,
            _ => Found::Nothing,
        };
        let found = |program: &str, path: Option<&str>| {
            find(program.as_ref(), path.map(OsString::from), probe)
                .map(|path| path.display().to_string())
                .map_err(|error| error.kind())
        };
        for (program, path, want) in [
            ("run", Some("/a:/b:/c"), Ok("/b/run")),
            ("run", Some(""), Ok("./run")),
            ("./x/run", Some("/a"), Ok("./x/run")),
            ("text", Some("/a:/b"), Err(io::ErrorKind::PermissionDenied)),
            ("none", Some("/a:/b"), Err(io::ErrorKind::NotFound)),
            ("", Some("/a:/b"), Err(io::ErrorKind::NotFound)),
            ("run", None, Err(io::ErrorKind::NotFound)),
        ] {
            assert_eq!(found(program, path), want.map(str::to_owned), "{program} {path:?}");
        }
    }
}
