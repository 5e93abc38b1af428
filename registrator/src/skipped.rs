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
    /// The agent is lost, and the operator wants such tasks out.
    Unreachable,
    /// Registered, but out of rotation.
    Resting(String),
    /// Asked for by `SERVICE_IGNORE`, or not in `SERVICE_PORTS`.
    Ignored {
        /// The port.
        port: u16,
        /// The key that says so.
        key: String,
    },
    /// `--explicit`, and the app gives this port no name.
    NotNamed(u16),
    /// No port can have this number.
    PortNumber(u32),
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
    Name {
        /// Of the app's metadata.
        key: String,
        /// What cannot be a name.
        name: String,
        /// Why.
        why: &'static str,
    },
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
    /// The agent did not take the service.
    Refused {
        /// The service's id.
        id: String,
        /// Keys of the app's metadata that may be to blame.
        keys: Vec<String>,
        /// In the agent's words.
        why: String,
    },
    /// Marathon's answer may be a mistake: its removal waits for another one.
    Held {
        /// The service's id.
        id: String,
    },
}

impl Reason {
    /// Whether it is about the app's definition, and so the same for all its tasks.
    pub const fn is_of_app(&self) -> bool {
        matches!(self, Self::Key { .. } | Self::Unreadable(_) | Self::PortNumber(_))
    }

    /// Whether an operator has to do something about it; the rest is the usual life of a task.
    pub fn is_problem(&self) -> bool {
        !matches!(
            self,
            Self::State(_)
                | Self::Killed
                | Self::Unhealthy
                | Self::Unreachable
                | Self::Resting(_)
                | Self::NoPorts
                | Self::Ignored { .. }
                | Self::NotNamed(_)
                // Both are reported where they happen, in one line for all of them.
                | Self::Held { .. }
                | Self::Refused { .. }
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
            Self::Unreachable => write!(f, "task is unreachable"),
            Self::Resting(why) => write!(f, "out of rotation: {why}"),
            Self::Ignored { port, key } => write!(f, "port {port} is ignored by {key}"),
            Self::NotNamed(port) => {
                write!(f, "port {port} has no SERVICE_NAME, which --explicit asks for")
            }
            Self::PortNumber(number) => write!(f, "{number} cannot be a port"),
            Self::PortCount { declared, assigned } => {
                write!(f, "app declares {declared} ports and the task has {assigned}")
            }
            Self::NoAddress => write!(f, "task has no address yet"),
            Self::SamePort(port) => write!(f, "port {port} is declared twice"),
            Self::Name { key, name, why } => {
                write!(f, "{key}: {} cannot be the name of a service: {why}", Shown(name))
            }
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
            Self::Refused { id, keys, why } => {
                write!(f, "service {id} cannot be written: {why}")?;
                if keys.is_empty() { Ok(()) } else { write!(f, " ({})", keys.join(", ")) }
            }
            Self::Held { id } => {
                write!(f, "removal of service {id} waits for Marathon to confirm it")
            }
        }
    }
}

/// A text of whatever length, quoted, cut where it becomes a nuisance.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 40;
        match self.0.get(..self.0.floor_char_boundary(LONGEST)) {
            Some(start) if start.len() < self.0.len() => {
                write!(f, "{start:?}… ({} bytes)", self.0.len())
            }
            _ => write!(f, "{:?}", self.0),
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
