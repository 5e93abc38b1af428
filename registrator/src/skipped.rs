//! Why something of Marathon's is not, or not wholly, in Consul.

use std::fmt;

use marathon::{AppId, TaskId, TaskState};

/// Something left out, and why. Reported once for as long as it stays the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Of this app.
    pub app: AppId,
    /// Of this task; `None` when it is about the app.
    pub task: Option<TaskId>,
    /// Why.
    pub reason: Reason,
}

/// Why something was left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Marathon's answer for this app could not be read. What is registered of it stays.
    Unreadable(String),
    /// The task does not run yet, or no more.
    State(TaskState),
    /// The task is being killed, or an event said that it has ended.
    Killed,
    /// Not, or not yet, healthy.
    Unhealthy,
    /// Nothing to register.
    NoPorts,
    /// Asked for by `SERVICE_IGNORE`.
    Ignored(u16),
    /// The task has not as many ports as the app declares.
    PortCount {
        /// By the app.
        declared: usize,
        /// To the task.
        assigned: usize,
    },
    /// Container networking, and the task has no address yet.
    NoAddress,
    /// Another service of this task has the same id.
    SamePort(u16),
    /// Consul, or a line of a configuration file, would break on it.
    Name(String),
    /// A metadata key that was left out.
    Key {
        /// Of the app's `env` or `labels`.
        key: String,
        /// Why.
        why: String,
    },
    /// The agent has a service of this id that is not ours.
    Taken {
        /// The id.
        id: String,
        /// The owner in its mark, if it has one.
        owner: Option<String>,
    },
}

impl Reason {
    /// Whether an operator has to do something about it; the rest is the usual life of a task.
    pub fn is_problem(&self) -> bool {
        !matches!(
            self,
            Self::State(_) | Self::Killed | Self::Unhealthy | Self::NoPorts | Self::Ignored(_)
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::State(state) => write!(f, "task is {state:?}"),
            Self::Killed => write!(f, "task is being killed or has ended"),
            Self::Unhealthy => write!(f, "task is not healthy yet"),
            Self::NoPorts => write!(f, "app has no ports"),
            Self::Ignored(port) => write!(f, "port {port} is ignored by SERVICE_IGNORE"),
            Self::PortCount { declared, assigned } => {
                write!(f, "app declares {declared} ports and the task has {assigned}")
            }
            Self::NoAddress => write!(f, "task has no address yet"),
            Self::SamePort(port) => write!(f, "port {port} is declared twice"),
            Self::Name(name) => write!(f, "{name:?} cannot be the name of a service"),
            Self::Key { key, why } => write!(f, "{key} left out: {why}"),
            Self::Taken { id, owner: Some(owner) } => {
                write!(f, "service {id} on the agent belongs to owner {owner:?}")
            }
            Self::Taken { id, owner: None } => {
                write!(
                    f,
                    "service {id} on the agent was not registered by us; --adopt takes over what marathon-registrator left behind"
                )
            }
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "{} {task}: {}", self.app, self.reason),
            None => write!(f, "{}: {}", self.app, self.reason),
        }
    }
}
