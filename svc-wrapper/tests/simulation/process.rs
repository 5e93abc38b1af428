//! A task: the real state machine, and what surrounds it in its process.

use svc_wrapper::restart::{App, Bar, Instance, Request, Slot, Ticket, Wanted};

use crate::consul::{Seen, Session};
use crate::marathon::Release;
use crate::mix::Millis;

/// The number of a process; none is used twice.
pub(crate) type Pid = usize;

pub(crate) struct Process {
    pub(crate) alive: bool,
    /// `None` while it waits for its first configuration.
    pub(crate) machine: Option<Instance>,
    /// What it was launched as.
    pub(crate) release: Release,
    /// What its child was started with.
    pub(crate) boot: Option<Seen>,
    /// When Marathon counts it as healthy.
    pub(crate) healthy: Millis,
    /// Stopped until then: everything waits, only clocks go on.
    pub(crate) paused: Millis,
    /// How far its clock is ahead.
    pub(crate) skew: Millis,
    pub(crate) asked: Option<(Ticket, Request)>,
    pub(crate) parts: Parts,
    pub(crate) held: Option<Held>,
    pub(crate) watch: Watch,
    /// What it saw when it last read everything again: that it was stale, and not doomed.
    pub(crate) verified: Option<bool>,
    /// The latest of what it knows without asking.
    pub(crate) remembered: (Option<Wanted>, Option<App>),
    pub(crate) deadline: Millis,
}

/// The two halves of reading everything again.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) consul: Option<(Wanted, Slot, Option<Bar>)>,
    pub(crate) app: Option<App>,
    pub(crate) stale: bool,
}

/// The lock, as its holder sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) session: Session,
    pub(crate) until: Millis,
}

/// Where its blocking query stands.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) cursor: u64,
    /// What the last answer showed.
    pub(crate) value: Option<usize>,
    pub(crate) failures: u32,
    /// Tells the answer to a query from that to an older one.
    pub(crate) query: u64,
}

impl Process {
    pub(crate) fn launched(release: Release, skew: Millis) -> Self {
        Self {
            alive: true,
            machine: None,
            release,
            boot: None,
            healthy: Millis::MAX,
            paused: 0,
            skew,
            asked: None,
            parts: Parts::default(),
            held: None,
            watch: Watch::default(),
            verified: None,
            remembered: (None, None),
            deadline: Millis::MAX,
        }
    }

    /// Whether its child misses variables when there are none.
    pub(crate) fn configured(&self) -> bool {
        self.boot.is_some_and(|boot| boot.value.is_some())
    }

    /// Whether its child runs with something else than this.
    pub(crate) fn is_stale(&self, value: usize) -> bool {
        self.alive && self.boot.is_some_and(|boot| boot.value != Some(value))
    }

    pub(crate) fn asks(&self, ticket: Ticket) -> bool {
        self.asked.as_ref().is_some_and(|(asked, _)| *asked == ticket)
    }
}
