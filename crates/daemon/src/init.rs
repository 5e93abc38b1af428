//! What PID 1 owes the processes of its container, for programs that also run outside of one.
//!
//! The kernel gives PID 1 every orphan and leaves it to it to wait for them. A runtime that waits for its own children by their
//! ids does not, so as PID 1 the program runs once more, as a child of a loop that waits for everything.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait};
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGTSTP,
    SIGUSR1, SIGUSR2, SIGWINCH, SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

/// This very program, even if its file was replaced or deleted.
const OURSELVES: &str = "/proc/self/exe";
const SIGNALS: [i32; 16] = [
    SIGABRT, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGTSTP,
    SIGUSR1, SIGUSR2, SIGWINCH, SIGXCPU, SIGXFSZ,
];

/// As PID 1, runs this program as a child to its end, and gives its exit code. Otherwise there is nothing to do.
///
/// The child gets the signals that processes send to us; those of a terminal it gets from there. Comes before the first
/// thread.
///
/// # Errors
///
/// When the child cannot be started; the program can do without.
pub fn stand_in() -> io::Result<Option<ExitCode>> {
    if getpid() != Pid::INIT {
        return Ok(None);
    }
    let mut signals = SignalsInfo::<WithOrigin>::new(SIGNALS)?;
    let mut arguments = std::env::args_os();
    let mut command = Command::new(OURSELVES);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let child = command.args(arguments).spawn()?;
    let child = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let child = child.ok_or_else(|| io::Error::other("the kernel gave no process id"))?;
    for origin in &mut signals {
        if origin.signal == SIGCHLD {
            if let Some(code) = reap(child) {
                return Ok(Some(ExitCode::from(code)));
            }
        } else if let (Some(signal), Cause::Sent(_)) =
            (Signal::from_named_raw(origin.signal), origin.cause)
        {
            // Fails only when it has ended, which is the next thing to be heard.
            kill_process(child, signal).ok();
        }
    }
    Ok(Some(ExitCode::FAILURE))
}

/// Waits for all that have ended; how the child has, if it has.
fn reap(child: Pid) -> Option<u8> {
    let mut ended = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == child {
            ended = Some(code(status));
        }
    }
    ended
}

fn code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|it| 128 + it));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
