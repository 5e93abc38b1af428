//! The command as a process: found, started, signalled.
//!
//! It stays in our process group and on our terminal, and its standard streams are ours: without a terminal there is
//! nothing to arrange, with one it is in the foreground because we are. `std::process::Command` starts it with no
//! signal blocked and SIGPIPE at its default; handlers of ours end with `execve(2)`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process;

use rustix::process::{Pid, Signal, getpid, kill_process};
use rustix_libc_wrappers::process::SignalExt;

use crate::config::Command;
use crate::env::Environment;

/// What is at a path, as far as starting it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Executable,
    Other,
    Nothing,
}

/// Starts the command with our environment and the configuration over it.
///
/// # Errors
///
/// When it does not exist or cannot be run; see [`crate::exit::not_started`].
pub fn start(command: &Command, environment: &Environment) -> io::Result<Pid> {
    let program = resolve(&command.program, std::env::var_os("PATH"), probe)?;
    let child = process::Command::new(program)
        .arg0(&command.program)
        .args(&command.arguments)
        .envs(environment.iter().map(|(name, value)| (name, value.expose())))
        .spawn()?;
    // Dropping it neither ends the process nor waits for it, which is what `reap` is for.
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("the kernel gave no process id"))
}

/// Sends a signal, real-time ones included. A child that ended a moment ago is no error.
pub fn signal(pid: Pid, number: i32) -> io::Result<()> {
    let Some(signal) = Signal::from_raw(number) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    match kill_process(pid, signal) {
        Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Stops this process until somebody continues it. PID 1 cannot be stopped, which is no harm.
pub fn stop_self() -> io::Result<()> {
    Ok(kill_process(getpid(), Signal::STOP)?)
}

/// Finds the program as execvp(3) does, in the wrapper's own PATH: a PATH in the configuration is meant for the child.
fn resolve(
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
        let find = |program: &str, path: Option<&str>| {
            resolve(program.as_ref(), path.map(OsString::from), probe)
                .map(|found| found.display().to_string())
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
            assert_eq!(find(program, path), want.map(str::to_owned), "{program} {path:?}");
        }
    }
}
