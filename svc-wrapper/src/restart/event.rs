//! What happens to an instance.

use std::time::{Duration, Instant};

use super::intent::Record;
use super::moment::Moment;
use super::state::Ticket;
use crate::env::Digest;
use crate::version::Version;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Consul was asked for the configuration.
    Read(Wanted),
    /// A question was answered.
    Answered(Ticket, Answer),
    /// The lock's session was renewed; the lease now ends then.
    Renewed(Instant),
    /// The lock's session is gone.
    LeaseLost,
    /// Time passed.
    Tick,
}

/// The configuration as this instance last saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It can be trusted, and this is its digest.
    Is(Digest),
    /// It cannot be trusted.
    Unusable(Unusable),
}

/// Why an answer of Consul says nothing about the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Everything is gone. A revoked token looks the same as a deleted folder.
    Empty,
    /// The token may not see everything.
    Filtered,
    /// It cannot be read.
    Undecodable,
    /// The cluster has no leader, or what answered is not Consul.
    Unreliable,
}

/// An answer to a [`Request`](super::Request).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// About the app.
    App(Result<App, Fault>),
    /// About the lock.
    Lock(Election),
    /// Nobody holds the lock.
    LockFree,
    /// Nobody pauses restarts.
    Unpaused,
    /// Everything, read again.
    Verified(Result<Box<Found>, Fault>),
    /// About the intent document.
    Written(Written),
    /// About the restart.
    Posted(Posted),
}

/// What Marathon says about the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// `L`: when its configuration last changed.
    pub changed: Version,
    /// The running deployments that touch it.
    pub deployments: Vec<String>,
    /// This instance's task.
    pub task: Option<Task>,
    /// How far its deployment is; only looked for when something may be done about one that is stuck.
    pub progress: Option<Progress>,
}

/// What Marathon says about this instance's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// The version it was launched as.
    pub version: Option<Version>,
    /// Whether its health checks pass; `None` without any.
    pub healthy: Option<bool>,
}

/// How far a deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The deployment's step.
    pub step: u32,
    /// How many tasks are already what it wants.
    pub renewed: usize,
    /// Whether it affects no other app.
    pub alone: bool,
}

/// Why there is no answer about the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Ask again.
    Unreachable,
    /// Asking again gives the same: no such app, no permission.
    Refused,
}

/// Who got the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// We, until then.
    Won(Instant),
    /// Another instance.
    Lost,
    /// Nobody of us: the token may not lock.
    Denied,
    /// Consul did not say.
    Unreachable,
    /// Nobody needs it now.
    Barred(Bar),
}

/// What keeps everybody from asking for a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// Operators: the `hold` key exists.
    Paused,
    /// The last one was too short a time ago.
    Early(Duration),
}

/// What a look at everything found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The configuration, as a quorum of Consul's servers has it.
    pub wanted: Wanted,
    /// The app, where Marathon is asked at all.
    pub app: Option<App>,
    /// The place of the intent document; `None` where it cannot or must not be written.
    pub slot: Option<Slot>,
    /// What keeps everybody from asking.
    pub bar: Option<Bar>,
    /// When that was, by this host's clock.
    pub at: Moment,
}

/// The place of the intent document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// What the last holder of the lock left there.
    pub record: Option<Box<Record>>,
    /// What the next write must find: Consul's modify index, 0 for a place that is empty.
    pub index: u64,
}

/// What came of writing the intent document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It stands.
    Done,
    /// The lock is no longer ours, or another wrote.
    Outdated,
    /// The token may not write it.
    Denied,
    /// Nobody knows.
    Unknown,
}

/// What came of the request for a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// A deployment runs now.
    Accepted(Accepted),
    /// Another deployment runs (409).
    Conflict,
    /// It never reached Marathon, or Marathon has too much to do just now.
    Later,
    /// Nobody knows.
    Unknown,
    /// No such app, no permission, not valid.
    Refused(String),
}

/// Marathon's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The app's new version.
    pub version: Option<Version>,
    /// The deployment that establishes it.
    pub deployment: String,
}
