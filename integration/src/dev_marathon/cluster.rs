//! The state of the development Marathon, and what each happening changes in it.
//!
//! Apps, tasks, deployments and the queue live in one value that does nothing itself: a method takes what
//! happened and what the [`Outside`] is like now, and leaves [`Action`]s to be taken with
//! [`Cluster::take_actions`]. It is driven by what *is*: after every change, [`advance`] compares the tasks that
//! there are with what each app should have, so a lost or early happening cannot leave it in a wrong place.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::app_id::AppId;
use super::compat::Compat;
use super::definition::{self, Fields};
use super::refusal::{Refusal, Violation};
use super::spec::{HealthCheck, Spec};

pub mod advance;
mod announce;
pub mod change;
pub mod deployment;
pub mod health;
pub mod launch;
pub mod task;
#[cfg(test)]
mod tests;

use deployment::Deployment;
use task::{Failure, Instance, Task};

/// What the state cannot know by itself.
pub struct Outside<'a> {
    /// The time.
    pub now: Timestamp,
    /// Whether nobody on this machine listens on the port of that agent.
    pub is_free: &'a dyn Fn(Ipv4Addr, u16) -> bool,
    /// A new time-based UUID.
    pub uuid: &'a dyn Fn() -> Uuid,
}

/// What has to be done outside.
#[derive(Clone, Debug)]
pub enum Action {
    /// Start a process; answered by [`Happening::Started`] or [`Happening::Ended`].
    Launch(Box<Launch>),
    /// SIGTERM, after the grace period SIGKILL; answered by [`Happening::Ended`].
    Kill {
        /// The task's id.
        task: String,
        /// How long it may take.
        grace: Duration,
    },
    /// Probe a task until it ends; each probe is answered by [`Happening::Probed`].
    Watch(Box<Watch>),
    /// Send an event to all streams.
    Announce(Value),
    /// Come back with [`Happening::Woken`].
    Wake(Duration),
}

/// A process to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The task's id.
    pub task: String,
    /// The docker image, where the app has one.
    pub image: Option<String>,
    /// The command line for the shell.
    pub cmd: Option<String>,
    /// The program and its arguments, or the arguments of the image's command.
    pub args: Vec<String>,
    /// The environment variables of Marathon and the app.
    pub env: BTreeMap<String, String>,
}

/// Health checks to run.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The task's id.
    pub task: String,
    /// Where it answers.
    pub host: Ipv4Addr,
    /// Each check with the port it asks, where it asks one.
    pub checks: Vec<(HealthCheck, Option<u16>)>,
    /// The environment of checks that are commands.
    pub env: BTreeMap<String, String>,
}

/// What happened outside.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The process of a task runs.
    Started {
        /// The task's id.
        task: String,
    },
    /// The process of a task is gone, or never came.
    Ended {
        /// The task's id.
        task: String,
        /// How.
        end: task::End,
    },
    /// A health check came back.
    Probed {
        /// The task's id.
        task: String,
        /// Which of the app's checks.
        check: usize,
        /// What is wrong, if anything is.
        result: Result<(), String>,
    },
    /// The time asked for with [`Action::Wake`] has come.
    Woken,
}

/// A definition with its place in history.
#[derive(Clone, Debug)]
pub struct App {
    /// The id.
    pub id: AppId,
    /// The complete definition.
    pub fields: Fields,
    /// The typed part of it.
    pub spec: Spec,
    /// When it became what it is.
    pub version: Timestamp,
    /// When the number of instances was last set.
    pub last_scaling_at: Timestamp,
    /// When anything else was last set; tasks that started under another one are old.
    pub last_config_change_at: Timestamp,
}

impl App {
    /// A checked definition, not yet in history.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] with everything that is wrong with it.
    pub fn new(id: AppId, fields: Fields) -> Result<Self, Refusal> {
        let violations = definition::violations(&fields);
        if !violations.is_empty() {
            return Err(Refusal::Invalid(violations));
        }
        let spec = Spec::read(&fields)
            .map_err(|error| Refusal::Invalid(vec![Violation::new("/", error)]))?;
        let never = Timestamp::UNIX_EPOCH;
        Ok(Self {
            id,
            fields,
            spec,
            version: never,
            last_scaling_at: never,
            last_config_change_at: never,
        })
    }

    /// Whether everything but the number of instances is the same.
    pub fn has_same_config(&self, other: &Self) -> bool {
        let rest = |app: &Self| {
            let mut fields = app.fields.clone();
            fields.remove("instances");
            fields
        };
        rest(self) == rest(other)
    }
}

/// An app and what is remembered about it.
#[derive(Debug)]
pub struct Record {
    /// The definition it should have.
    pub app: App,
    /// All definitions it had.
    pub versions: BTreeMap<Timestamp, App>,
    /// When it may start tasks again after failures.
    pub backoff: launch::Backoff,
    /// What it wants to start and cannot.
    pub waiting: Option<launch::Waiting>,
    /// The last task that failed.
    pub last_failure: Option<Failure>,
    /// Instances whose task ended and whose next incarnation has not begun (1.8 and later).
    vacant: Vec<Instance>,
}

/// A simulated Mesos agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its address, which is its host name.
    pub host: Ipv4Addr,
    /// Mesos' id of it.
    pub id: String,
}

/// The whole state.
#[derive(Debug)]
pub struct Cluster {
    /// The wire format.
    pub compat: Compat,
    agents: Vec<Agent>,
    apps: BTreeMap<AppId, Record>,
    tasks: BTreeMap<String, Task>,
    deployments: Vec<Deployment>,
    actions: Vec<Action>,
    last_version: Timestamp,
    next_port: u16,
    is_closing: bool,
}

impl Cluster {
    /// An empty cluster; `first_port` is where the host ports begin, so that two runs use different ones.
    pub fn new(compat: Compat, hosts: &[Ipv4Addr], framework: Uuid, first_port: u16) -> Self {
        let agents = hosts.iter().enumerate();
        let agents = agents.map(|(i, &host)| Agent { host, id: format!("{framework}-S{i}") });
        Self {
            compat,
            agents: agents.collect(),
            apps: BTreeMap::new(),
            tasks: BTreeMap::new(),
            deployments: Vec::new(),
            actions: Vec::new(),
            last_version: Timestamp::UNIX_EPOCH,
            next_port: first_port,
            is_closing: false,
        }
    }

    /// What has to be done outside, in order.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Takes in what happened.
    pub fn on(&mut self, happening: Happening, outside: &Outside<'_>) {
        match happening {
            Happening::Started { task } => self.on_started(&task, outside),
            Happening::Ended { task, end } => self.on_ended(&task, &end, outside),
            Happening::Probed { task, check, result } => {
                self.on_probed(&task, check, result, outside);
            }
            Happening::Woken => {}
        }
        self.advance(outside);
    }

    /// Kills all tasks and starts none any more.
    pub fn close(&mut self, outside: &Outside<'_>) {
        self.is_closing = true;
        let ids: Vec<String> = self.tasks.keys().cloned().collect();
        for id in ids {
            self.kill(&id, true, outside);
        }
    }

    /// All apps.
    pub fn apps(&self) -> impl Iterator<Item = (&AppId, &Record)> {
        self.apps.iter()
    }

    /// One app.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoApp`].
    pub fn app(&self, id: &AppId) -> Result<&Record, Refusal> {
        self.apps.get(id).ok_or_else(|| Refusal::NoApp(id.to_string(), None))
    }

    /// All tasks that have not ended.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values()
    }

    /// The tasks of an app that have not ended.
    pub fn tasks_of(&self, id: &AppId) -> impl Iterator<Item = &Task> {
        self.tasks.values().filter(move |task| task.app == *id)
    }

    /// One task.
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.get(id)
    }

    /// The running deployments, oldest first.
    pub fn deployments(&self) -> &[Deployment] {
        &self.deployments
    }

    /// The running deployments that touch an app.
    pub fn deployments_of<'a>(&'a self, id: &'a AppId) -> impl Iterator<Item = &'a Deployment> {
        self.deployments.iter().filter(move |d| d.touches(id))
    }
}
