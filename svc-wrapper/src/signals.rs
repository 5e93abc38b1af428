//! Signals become events.
//!
//! All signals are blocked, in every thread, and read from a descriptor (signalfd(2)); nothing is caught. A blocked signal
//! waits, for PID 1 too, for which the kernel would otherwise drop it. That leaves no signal out: `signal-hook`, which the
//! other programs use, has no safe handler for SIGILL, SIGFPE and SIGSEGV, and a handler for SIGTTIN or SIGTTOU would make
//! a background write to the terminal start over for ever, while blocked they are what the terminal wants of a supervisor.
//! A fault of our own still kills: the kernel does not let one be blocked (signal(7)).
//!
//! What the wrapper inherited as ignored stays so, and its command inherits it in turn, as under nohup(1).

use std::io;
use std::ops::RangeInclusive;

use nix::sys::signal::{SigSet, Signal as Known, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::supervise::{Sender, Signal};

pub mod name;

/// Real-time signals; the C library keeps the first two to itself (nptl(7)).
pub const REAL_TIME: RangeInclusive<i32> = 34..=64;

/// Signals that wait to be read.
#[derive(Debug)]
pub struct Caught {
    signals: SignalFd,
    /// SIGCONT alone, and only if one waits.
    continuation: SignalFd,
}

/// Has all signals wait from here on, whatever else is not ready yet.
///
/// Threads inherit what is blocked: this comes before the first of them.
///
/// # Errors
///
/// When the kernel has no descriptor left.
pub fn catch() -> io::Result<Caught> {
    let all = SigSet::all();
    all.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC;
    Ok(Caught {
        signals: SignalFd::with_flags(&all, flags)?,
        continuation: SignalFd::with_flags(&Known::SIGCONT.into(), flags | SfdFlags::SFD_NONBLOCK)?,
    })
}

impl Caught {
    /// Hands every signal to `take`, for ever, or until it says that nobody listens.
    ///
    /// # Errors
    ///
    /// When they cannot be read any more.
    pub fn read(&self, mut take: impl FnMut(Signal) -> bool) -> io::Result<()> {
        loop {
            let Some(info) = self.signals.read_signal()? else { continue };
            // sigaction(2): what processes send has a code of zero or less.
            let sender = if info.ssi_code > 0 { Sender::Kernel } else { Sender::Process };
            let Ok(number) = i32::try_from(info.ssi_signo) else { continue };
            if !take(Signal { number, sender }) {
                return Ok(());
            }
        }
    }

    /// Stops this process as Ctrl-Z stops any other, until somebody continues it; whether somebody did.
    ///
    /// Where nobody could, the kernel does not stop it either: PID 1, and a group whose parents are not in its session.
    ///
    /// The signal that continues it is not read as others are: another thread would hand it over at any later time, even
    /// after a second Ctrl-Z.
    ///
    /// # Errors
    ///
    /// When the kernel does not let the masks be changed.
    pub fn stop_self(&self) -> io::Result<bool> {
        let mut others = SigSet::all();
        others.remove(Known::SIGCONT);
        self.signals.set_mask(&others)?;
        let continuation = stop().and_then(|()| self.continuation.read_signal());
        self.signals.set_mask(&SigSet::all())?;
        Ok(continuation?.is_some())
    }
}

fn stop() -> nix::Result<()> {
    let stop = SigSet::from(Known::SIGTSTP);
    stop.thread_unblock()?;
    raise(Known::SIGTSTP)?;
    stop.thread_block()
}
