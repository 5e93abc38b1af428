//! The restart protocol: one effective change of configuration, one rolling restart of the app (pure).
//!
//! Every instance of an app runs this machine. `D` is the digest of the configuration as it is, `Hb` of the one this
//! instance's child was started with, `V` the app version this task was launched as, `L` the version at which the app
//! last changed its configuration or was restarted.
//!
//! - An instance wants a restart while `D ≠ Hb`: a level, so that a lost message, an outage or a crash only delays it.
//! - It is *doomed* when `V < L`: Marathon will replace it anyway. One request makes every living instance doomed, so
//!   none of them can want another for the same change, and those that replace them start with the new configuration.
//! - Marathon refuses (409) a restart while the app is being deployed. Nothing here forces one.
//! - The lock only spares Marathon the crowd. Under it, everything is read again before the one request is sent, and it
//!   is given back when the effect is seen.
//!
//! | state | meaning | leaves for |
//! | --- | --- | --- |
//! | sync | `D = Hb` | settle, when that changes |
//! | settle | `D ≠ Hb`, changed a moment ago | sync when it flips back, check when it stays |
//! | hold | what Consul answers cannot be trusted | sync or settle with the next answer that can |
//! | check | asks Marathon about the app | doomed, wait-deployment, elect, blocked |
//! | wait-deployment | the app is being deployed | check, when it no longer is |
//! | doomed | Marathon replaces this task | check, when a rollback saved it |
//! | elect | wants the lock | verify with the lock, check after another gave it back |
//! | verify | reads all again under the lock | post, or what the answers say |
//! | post | asks Marathon to restart the app | ambiguous, wait-deployment, check, blocked |
//! | ambiguous | asked, effect not seen yet | what the app shows; check when it shows none for 30 s |
//! | blocked | Marathon refused for good | check after 5 minutes or with the next change |

use std::time::{Duration, Instant};

use crate::env::Digest;
use crate::version::Version;

mod protocol;
#[cfg(test)]
mod tests;

pub use protocol::Instance;

/// How long a session lives without a renewal; Consul takes up to twice as long to notice a dead one.
pub const LEASE: Duration = Duration::from_secs(15);
/// The part of a lease in which no request is sent any more, because its answer may come after the end.
pub(crate) const MARGIN: Duration = Duration::from_secs(5);
/// How long Marathon may take to show the effect of a request whose answer is not known.
pub(crate) const DOUBT: Duration = Duration::from_secs(30);
/// How long a change may be kept from settling by further ones.
pub const LONGEST_SETTLE: Duration = Duration::from_secs(30);
pub(crate) const BLOCKED: Duration = Duration::from_mins(5);

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

/// What Marathon says about the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// `L`: when its configuration last changed.
    pub changed: Version,
    /// Whether a deployment that touches it runs.
    pub deploying: bool,
}

/// Where an instance stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The child has the configuration.
    Sync,
    /// It has not, but that is news.
    Settle {
        /// When it no longer is.
        until: Instant,
    },
    /// Nothing is known.
    Hold(Unusable),
    /// Asking Marathon whether a restart is needed and possible.
    Check(Ticket),
    /// Waiting for a deployment to end.
    WaitDeployment(Ticket),
    /// Waiting to be replaced.
    Doomed(Ticket),
    /// Waiting for the lock.
    Elect(Ticket),
    /// Reading everything again.
    Verify(Ticket, Tenure),
    /// Asking for the restart.
    Post(Ticket, Tenure, Version),
    /// Asked for it, looking for the effect.
    Ambiguous {
        /// The question to Marathon.
        ticket: Ticket,
        /// The right to ask.
        tenure: Tenure,
        /// `L` as it was.
        before: Version,
        /// When the request was over.
        sent: Instant,
    },
    /// Nothing helps but a person.
    Blocked {
        /// When to look again.
        until: Instant,
    },
}

/// By what right an instance asks for a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// The lock, by its own monotonic clock until then.
    Locked(Instant),
    /// None: the token may not lock. Marathon's 409 and the doomed rule still hold.
    Unlocked,
}

/// Tells the answer to a question from the answer to an older one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket(pub(crate) u64);

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

/// An answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Request::App`].
    App(Result<App, Fault>),
    /// To [`Request::Lock`].
    Lock(Election),
    /// To [`Request::LockFree`].
    LockFree,
    /// To [`Request::Verify`].
    Verified(Result<(Wanted, App), Fault>),
    /// To [`Request::Post`].
    Posted(Posted),
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
}

/// What came of the request for a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// A deployment runs now.
    Accepted,
    /// Another deployment runs (409).
    Conflict,
    /// It never reached Marathon, or Marathon has too much to do just now.
    Later,
    /// Nobody knows.
    Unknown,
    /// No such app, no permission, not valid.
    Refused,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask; the answer carries the ticket. Older questions are void.
    Ask(Ticket, Request, Delay),
    /// Give the lock back.
    Release,
}

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Marathon: the app.
    App,
    /// Consul: the lock.
    Lock,
    /// Consul: wait until nobody holds the lock.
    LockFree,
    /// Consul, consistently, and Marathon: the configuration and the app.
    Verify,
    /// Marathon: restart the app. Sent once for each ticket and never again without a new one.
    Post,
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

impl State {
    /// When a [`Event::Tick`] is wanted.
    pub const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Settle { until } | Self::Blocked { until } => Some(*until),
            _ => None,
        }
    }

    /// Its name, as the table has it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Settle { .. } => "settle",
            Self::Hold(_) => "hold",
            Self::Check(_) => "check",
            Self::WaitDeployment(_) => "wait-deployment",
            Self::Doomed(_) => "doomed",
            Self::Elect(_) => "elect",
            Self::Verify(..) => "verify",
            Self::Post(..) => "post",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Blocked { .. } => "blocked",
        }
    }

    const fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::Check(ticket)
            | Self::WaitDeployment(ticket)
            | Self::Doomed(ticket)
            | Self::Elect(ticket)
            | Self::Verify(ticket, _)
            | Self::Post(ticket, ..)
            | Self::Ambiguous { ticket, .. } => Some(*ticket),
            Self::Sync | Self::Settle { .. } | Self::Hold(_) | Self::Blocked { .. } => None,
        }
    }

    const fn tenure(&self) -> Option<Tenure> {
        match self {
            Self::Verify(_, tenure) | Self::Post(_, tenure, _) | Self::Ambiguous { tenure, .. } => {
                Some(*tenure)
            }
            _ => None,
        }
    }

    const fn tenure_mut(&mut self) -> Option<&mut Tenure> {
        match self {
            Self::Verify(_, tenure) | Self::Post(_, tenure, _) | Self::Ambiguous { tenure, .. } => {
                Some(tenure)
            }
            _ => None,
        }
    }
}
