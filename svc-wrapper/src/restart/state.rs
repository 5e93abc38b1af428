//! Where an instance stands.

use std::time::Instant;

use super::event::{Accepted, App, Unusable};
use super::intent::Record;
use crate::version::Version;

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
    /// Nothing is to be done for now.
    Hold(Cause),
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
    /// Writing the intent.
    Intend(Ticket, Tenure, Box<Draft>),
    /// Asking for the restart.
    Post(Ticket, Tenure, Box<Draft>),
    /// Asked for it, looking for the effect.
    Ambiguous {
        /// The question to Marathon.
        ticket: Ticket,
        /// The right to ask.
        tenure: Tenure,
        /// What was asked.
        draft: Box<Draft>,
        /// Marathon's yes, if it was heard.
        accepted: Option<Box<Accepted>>,
        /// When the request was over.
        sent: Instant,
    },
    /// Writing down what came of it.
    Record(Ticket, Tenure, Next),
    /// Nothing helps but a person.
    Blocked {
        /// When to look again.
        until: Instant,
    },
    /// The command is being ended.
    Leaving,
}

/// Why nothing is to be done for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// What Consul answers cannot be trusted.
    Unusable(Unusable),
    /// Operators paused restarts.
    Paused(Ticket),
    /// The last deployment ended, or the last restart was, too short a time before.
    Early(Instant),
}

/// By what right an instance asks for a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// The lock, by its own monotonic clock until then.
    Locked(Instant),
    /// None: the token may not lock. Marathon's 409 and the doomed rule still hold.
    Unlocked,
}

/// The restart to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// `L` as it was.
    pub before: Version,
    /// The deployment it replaces; without one it is not forced.
    pub blocking: Vec<String>,
    /// The intent, where it can be written down.
    pub record: Option<Record>,
}

/// What comes after something was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Everything is read once more.
    Verify,
    /// What the app shows counts.
    Look(Box<App>),
    /// Marathon refused.
    Blocked,
}

/// Tells the answer to a question from the answer to an older one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket(pub(crate) u64);

impl State {
    /// When a [`Event::Tick`](super::Event::Tick) is wanted.
    pub const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Settle { until } | Self::Blocked { until } | Self::Hold(Cause::Early(until)) => {
                Some(*until)
            }
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
            Self::Intend(..) => "intend",
            Self::Post(..) => "post",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Record(..) => "record",
            Self::Blocked { .. } => "blocked",
            Self::Leaving => "leaving",
        }
    }

    /// The question that is open.
    pub const fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::Check(ticket)
            | Self::WaitDeployment(ticket)
            | Self::Doomed(ticket)
            | Self::Elect(ticket)
            | Self::Verify(ticket, _)
            | Self::Intend(ticket, ..)
            | Self::Post(ticket, ..)
            | Self::Ambiguous { ticket, .. }
            | Self::Record(ticket, ..)
            | Self::Hold(Cause::Paused(ticket)) => Some(*ticket),
            Self::Sync
            | Self::Settle { .. }
            | Self::Hold(Cause::Unusable(_) | Cause::Early(_))
            | Self::Blocked { .. }
            | Self::Leaving => None,
        }
    }

    pub(super) const fn tenure(&self) -> Option<Tenure> {
        match self {
            Self::Verify(_, tenure)
            | Self::Intend(_, tenure, _)
            | Self::Post(_, tenure, _)
            | Self::Record(_, tenure, _)
            | Self::Ambiguous { tenure, .. } => Some(*tenure),
            _ => None,
        }
    }

    pub(super) const fn tenure_mut(&mut self) -> Option<&mut Tenure> {
        match self {
            Self::Verify(_, tenure)
            | Self::Intend(_, tenure, _)
            | Self::Post(_, tenure, _)
            | Self::Record(_, tenure, _)
            | Self::Ambiguous { tenure, .. } => Some(tenure),
            _ => None,
        }
    }
}
