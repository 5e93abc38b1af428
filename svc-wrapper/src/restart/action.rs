//! What an instance does.

use std::time::{Duration, Instant};

use super::intent::Record;
use super::state::Ticket;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask; the answer carries the ticket. Older questions are void.
    Ask(Ticket, Request, Delay),
    /// Give the lock back.
    Release,
    /// Tell people that a deployment does not end.
    Report,
    /// Signal the child: its configuration changed.
    Signal,
    /// End the child and leave, for whatever starts the command again. The lock stays ours for as long as its session.
    Leave,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Marathon: the app.
    App,
    /// Consul: the lock, unless something keeps everybody from asking.
    Lock,
    /// Consul: wait until nobody holds the lock.
    LockFree,
    /// Consul: wait until nobody pauses restarts.
    Unpaused,
    /// Consul, consistently, and Marathon: everything.
    Verify,
    /// Consul: write the intent document, if the lock is still ours and what stands there is still that: at the index, or
    /// without one the same intent.
    Write(Box<Record>, Option<u64>),
    /// Marathon: restart the app. Sent once for each ticket and never again without a new one.
    Post {
        /// Even though it is being deployed.
        force: bool,
        /// Not sent any more when the clock says so.
        before: Option<Instant>,
    },
}

/// How long to wait before a request: `after`, and a random part of `within`, which spreads the instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// The sure part.
    pub after: Duration,
    /// The random part.
    pub within: Duration,
}

impl Delay {
    pub(crate) const fn seconds(after: u64, within: u64) -> Self {
        Self { after: Duration::from_secs(after), within: Duration::from_secs(within) }
    }

    /// The whole delay; `random` is taken from `0.0..1.0`.
    pub fn with(self, random: f64) -> Duration {
        self.after + self.within.mul_f64(random.clamp(0.0, 1.0))
    }
}
