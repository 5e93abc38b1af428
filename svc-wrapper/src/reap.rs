//! The only place that waits for processes.
//!
//! PID 1 inherits every orphan, so the wait is for any child; a wait by pid elsewhere would race it for the same status.

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, set_child_subreaper, wait};

use crate::exit::Ended;

/// Asks the kernel for the orphans among our descendants, which PID 1 gets anyway.
///
/// Old kernels and some sandboxes refuse; orphans then go to the next subreaper up, as they would without us.
pub fn adopt_orphans() -> Result<(), Errno> {
    set_child_subreaper(Some(getpid()))
}

/// What the kernel says of the processes below us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// One ended.
    Ended(Pid, Ended),
    /// One was stopped.
    Stopped(Pid),
    /// There is none.
    Alone,
}

/// All that was not heard yet.
pub fn reap() -> impl Iterator<Item = News> {
    let mut alone = false;
    std::iter::from_fn(move || {
        while !alone {
            match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((pid, status))) if status.stopped() => return Some(News::Stopped(pid)),
                Ok(Some((pid, status))) => {
                    if let Some(ended) = ended(status) {
                        return Some(News::Ended(pid, ended));
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::CHILD) => {
                    alone = true;
                    return Some(News::Alone);
                }
                Ok(None) | Err(_) => return None,
            }
        }
        None
    })
}

fn ended(status: WaitStatus) -> Option<Ended> {
    let exited = status.exit_status().and_then(|code| u8::try_from(code).ok()).map(Ended::Exited);
    exited.or_else(|| status.terminating_signal().map(Ended::Killed))
}
