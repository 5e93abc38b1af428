//! What is decided before anything happens.

use std::time::Duration;

use super::stuck::Stuck;
use crate::env::Digest;
use crate::version::Version;

/// How an instance goes about a change.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// What a change leads to.
    pub way: Way,
    /// How long it must stay before it counts.
    pub settle: Duration,
    /// The least time between the end of a deployment and the next restart.
    pub interval: Duration,
    /// What to do about a deployment that does not end.
    pub stuck: Stuck,
    /// After how long one is taken not to end.
    pub stuck_after: Duration,
}

/// What a change leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One rolling restart by Marathon.
    Marathon,
    /// A signal for each instance's own child.
    Signal,
    /// Each instance leaves, one after the other, for whatever starts it again.
    Exit,
}

/// Who an instance is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `Hb`: what its child was started with.
    pub boot: Digest,
    /// `V`: what it was launched as. Without one (not run by Marathon, or by a very old one) the first look at the app
    /// stands in for it.
    pub version: Option<Version>,
    /// The task, or what else tells it from the others.
    pub task: String,
}
