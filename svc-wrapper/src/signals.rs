//! Signals become events.
//!
//! Every signal that Linux lets a process catch is caught, except SIGILL, SIGFPE and SIGSEGV, for which no handler can be
//! installed without unsafe code, and SIGTTIN and SIGTTOU: a handler for those would make a background write to the
//! terminal start over for ever. For PID 1 the kernel drops what is not caught; anywhere else it takes its default course.

use std::io;

use signal_hook::consts as signal;
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use crate::supervise::{Sender, Signal};

/// Caught signals, waiting to be read.
pub type Caught = SignalsInfo<WithOrigin>;

/// Catches all signals. From here on none is lost, whatever else is not ready yet.
///
/// # Errors
///
/// When the kernel refuses a handler.
pub fn catch() -> io::Result<Caught> {
    /// The C library keeps the first real-time signals to itself (nptl(7)).
    const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;
    const UNTOUCHED: [i32; 7] = [
        signal::SIGKILL,
        signal::SIGSTOP,
        signal::SIGILL,
        signal::SIGFPE,
        signal::SIGSEGV,
        signal::SIGTTIN,
        signal::SIGTTOU,
    ];
    let standard = (1..=31).filter(|number| !UNTOUCHED.contains(number));
    SignalsInfo::new(standard.chain(REAL_TIME))
}

/// Hands every signal to `take`, for ever, or until it says that nobody listens.
pub fn read(mut caught: Caught, mut take: impl FnMut(Signal) -> bool) {
    for origin in caught.forever() {
        let sender = match origin.cause {
            Cause::Kernel => Sender::Kernel,
            _ => Sender::Process,
        };
        if !take(Signal { number: origin.signal, sender }) {
            return;
        }
    }
}
