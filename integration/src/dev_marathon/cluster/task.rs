//! A task: one process of an app, from its launch until its end.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use uuid::Uuid;

use super::App;
use super::health::CheckState;
use crate::dev_marathon::app_id::AppId;
use crate::dev_marathon::compat::Compat;

/// What survives a task: the instance whose next incarnation replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The time-based id.
    pub uuid: Uuid,
    /// The number of its task, from 1.
    pub incarnation: u32,
}

impl Instance {
    /// The instance's id in the format of a release.
    pub fn id(&self, app: &AppId, compat: Compat) -> String {
        let kind = if compat >= Compat::V1_11 { "instance" } else { "marathon" };
        format!("{}.{kind}-{}", app.safe_path(), self.uuid)
    }

    /// The id of its present task.
    pub fn task_id(&self, app: &AppId, compat: Compat) -> String {
        if compat >= Compat::V1_11 {
            format!("{}._app.{}", self.id(app, compat), self.incarnation)
        } else {
            format!("{}.{}", app.safe_path(), self.uuid)
        }
    }
}

/// How far a task is. An ended one is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its process is being started.
    Staging,
    /// Its process runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It was told to end.
    Killing {
        /// Since when it had been running, if it had been.
        since: Option<Timestamp>,
    },
}

/// A task that has not ended.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// What survives it.
    pub instance: Instance,
    /// Its app.
    pub app: AppId,
    /// The definition it was started with.
    pub definition: App,
    /// The agent's address.
    pub host: Ipv4Addr,
    /// The agent's id.
    pub agent: String,
    /// Its host ports.
    pub ports: Vec<u16>,
    /// How far it is.
    pub phase: Phase,
    /// When it was launched.
    pub staged_at: Timestamp,
    /// One entry for each health check of the definition.
    pub checks: Vec<CheckState>,
    /// Nothing replaces it within its instance.
    pub is_decommissioned: bool,
}

/// The end of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It returned.
    Exited(i32),
    /// A signal ended it.
    Signaled(i32),
    /// It could not be started.
    NotStarted(String),
}

/// The last failure of an app, as its JSON shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The task's id.
    pub task: String,
    /// Its agent's address.
    pub host: Ipv4Addr,
    /// Its agent's id.
    pub agent: String,
    /// How it ended.
    pub message: String,
    /// As what Mesos reports it.
    pub state: &'static str,
    /// When it ended.
    pub at: Timestamp,
    /// The version of its definition.
    pub version: Timestamp,
}

impl Task {
    /// Whether it counts as one of the app's tasks.
    pub fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Killing { .. })
    }

    /// Whether its process runs and nobody ends it.
    pub fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Whether a deployment may count on it.
    pub fn is_healthy(&self) -> bool {
        self.is_running() && self.checks.iter().all(CheckState::is_alive)
    }

    /// Since when its process runs.
    pub fn started_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Staging => None,
            Phase::Running { since } => Some(since),
            Phase::Killing { since } => since,
        }
    }

    /// What all its checks say together; nothing until each has said something.
    pub fn health(&self) -> Option<bool> {
        let known = !self.checks.is_empty() && self.checks.iter().all(|c| c.has_result);
        known.then(|| self.checks.iter().all(CheckState::is_alive))
    }

    /// Mesos' name of the phase.
    pub fn state(&self) -> &'static str {
        match self.phase {
            Phase::Staging => "TASK_STAGING",
            Phase::Running { .. } => "TASK_RUNNING",
            Phase::Killing { .. } => "TASK_KILLING",
        }
    }
}

impl End {
    /// Mesos' task state, the instance's condition and the message. Whoever is told to end is killed, however it
    /// takes it.
    pub fn report(&self, was_killed: bool) -> (&'static str, &'static str, String) {
        let message = match self {
            Self::Exited(code) => format!("Command exited with status {code}"),
            Self::Signaled(number) => {
                format!("Command terminated with signal {}", signal_name(*number))
            }
            Self::NotStarted(why) => why.clone(),
        };
        match self {
            _ if was_killed => ("TASK_KILLED", "Killed", message),
            Self::Exited(0) => ("TASK_FINISHED", "Finished", message),
            _ => ("TASK_FAILED", "Failed", message),
        }
    }
}

/// As `strsignal` names them, which is what Mesos prints.
fn signal_name(number: i32) -> String {
    match number {
        1 => "Hangup".to_owned(),
        2 => "Interrupt".to_owned(),
        6 => "Aborted".to_owned(),
        9 => "Killed".to_owned(),
        11 => "Segmentation fault".to_owned(),
        15 => "Terminated".to_owned(),
        other => format!("Unknown signal {other}"),
    }
}
