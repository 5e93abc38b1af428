//! From "one more is wanted" to a task, and what delays it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::health::CheckState;
use super::task::{End, Failure, Instance, Phase, Task};
use super::{Action, Agent, App, Cluster, Launch, Outside, Watch};
use crate::dev_marathon::app_id::AppId;
use crate::dev_marathon::compat::Compat;
use crate::dev_marathon::environment::{Identity, variables};
use crate::dev_marathon::placement::{Candidate, rank};
use crate::dev_marathon::ports::{AGENT_PORTS, assign, reached};
use crate::dev_marathon::spec::{HealthCheck, Spec, seconds};
use crate::dev_marathon::stamp;

/// An app whose tasks fared well this long has no failures behind it.
const FORGIVEN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How soon a task that fits on no agent is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// The delay between a failure and the next launch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backoff {
    delay: Duration,
    until: Option<Timestamp>,
}

impl Backoff {
    /// Counts a failure.
    pub fn fail(&mut self, spec: &Spec, now: Timestamp) {
        let quiet = self.until.is_some_and(|until| now.duration_since(until) > FORGIVEN_AFTER);
        let longest = seconds(spec.max_launch_delay_seconds);
        self.delay = if self.delay.is_zero() || quiet {
            seconds(spec.backoff_seconds)
        } else {
            seconds(self.delay.as_secs_f64() * spec.backoff_factor)
        };
        self.delay = self.delay.min(longest);
        self.until = now.checked_add(self.delay).ok();
    }

    /// How long it still lasts.
    pub fn left(&self, now: Timestamp) -> Duration {
        let left = self.until.map_or(SignedDuration::ZERO, |until| until.duration_since(now));
        Duration::try_from(left).unwrap_or(Duration::ZERO)
    }
}

/// Tasks that are wanted and not launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub count: usize,
    /// Since when.
    pub since: Timestamp,
}

impl Cluster {
    /// Starts up to `count` tasks of an app and remembers how many could not be started.
    pub(super) fn launch(&mut self, id: &AppId, count: usize, outside: &Outside<'_>) {
        if self.is_closing {
            return;
        }
        let Some(left) = self.apps.get(id).map(|r| r.backoff.left(outside.now)) else { return };
        let mut missing = count;
        if count > 0 && !left.is_zero() {
            self.wake_once(id, left);
        } else {
            while missing > 0 && self.launch_one(id, outside) {
                missing -= 1;
            }
            if missing > 0 {
                self.wake_once(id, RETRY);
            }
        }
        if let Some(record) = self.apps.get_mut(id) {
            let since = record.waiting.map_or(outside.now, |waiting| waiting.since);
            record.waiting = (missing > 0).then_some(Waiting { count: missing, since });
        }
    }

    /// One timer is enough for an app that waits already.
    fn wake_once(&mut self, id: &AppId, after: Duration) {
        let is_waiting = self.apps.get(id).is_some_and(|r| r.waiting.is_some());
        if !is_waiting || after == RETRY {
            // A little late rather than early: a timer that fires early would find nothing to do.
            self.actions.push(Action::Wake(after + Duration::from_millis(5)));
        }
    }

    fn launch_one(&mut self, id: &AppId, outside: &Outside<'_>) -> bool {
        let Some(record) = self.apps.get(id) else { return false };
        let app = record.app.clone();
        let Some((agent, ports)) = self.place(&app, outside) else { return false };
        self.next_port = ports.last().copied().map_or(self.next_port, |last| {
            if AGENT_PORTS.contains(&last) { last.saturating_add(1) } else { self.next_port }
        });
        let instance = self.next_instance(id, outside);
        let task = Task {
            id: instance.task_id(id, self.compat),
            instance,
            app: id.clone(),
            host: agent.host,
            agent: agent.id,
            ports,
            phase: Phase::Staging,
            staged_at: outside.now,
            checks: vec![CheckState::default(); app.spec.health_checks.len()],
            is_decommissioned: false,
            definition: app,
        };
        self.announce_instance(&task, "Provisioned", outside.now);
        self.actions.push(Action::Launch(Box::new(process_of(&task, self.compat))));
        self.tasks.insert(task.id.clone(), task);
        true
    }

    /// Since 1.8 the next incarnation of an instance whose task ended, before that always a new one.
    fn next_instance(&mut self, id: &AppId, outside: &Outside<'_>) -> Instance {
        let vacant = self.apps.get_mut(id).and_then(|record| record.vacant.pop());
        match vacant {
            Some(Instance { uuid, incarnation }) if self.compat >= Compat::V1_11 => {
                Instance { uuid, incarnation: incarnation + 1 }
            }
            _ => Instance { uuid: (outside.uuid)(), incarnation: 1 },
        }
    }

    fn place(&self, app: &App, outside: &Outside<'_>) -> Option<(Agent, Vec<u16>)> {
        let count = |agent: &Agent, of: Option<&AppId>| {
            let here = self.tasks.values().filter(|t| t.host == agent.host);
            here.filter(|t| of.is_none_or(|id| t.app == *id)).count()
        };
        let candidates: Vec<Candidate> = self
            .agents
            .iter()
            .map(|agent| Candidate {
                host: agent.host,
                of_app: count(agent, Some(&app.id)),
                total: count(agent, None),
            })
            .collect();
        let wanted = app.spec.ports();
        rank(&app.spec.constraints, &candidates).into_iter().find_map(|host| {
            let taken =
                |port| self.tasks.values().any(|t| t.host == host && t.ports.contains(&port));
            let is_free = |port| !taken(port) && (outside.is_free)(host, port);
            let ports = assign(&wanted, self.next_port, is_free)?;
            let agent = self.agents.iter().find(|agent| agent.host == host)?;
            Some((agent.clone(), ports))
        })
    }

    /// The process of a task runs.
    pub(super) fn on_started(&mut self, id: &str, outside: &Outside<'_>) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        match &mut task.phase {
            phase @ Phase::Staging => *phase = Phase::Running { since: outside.now },
            // It was told to end before it could say that it began.
            Phase::Killing { since } => *since = Some(outside.now),
            Phase::Running { .. } => return,
        }
        let task = task.clone();
        if self.compat.has_instances() {
            self.announce_status(&task, "TASK_STARTING", "", outside.now);
            self.announce_instance(&task, "Starting", outside.now);
        }
        if task.is_running() {
            self.announce_status(&task, "TASK_RUNNING", "", outside.now);
            self.announce_instance(&task, "Running", outside.now);
            self.actions.push(Action::Watch(Box::new(watch_of(&task, self.compat))));
        }
    }

    /// The process of a task is gone.
    pub(super) fn on_ended(&mut self, id: &str, end: &End, outside: &Outside<'_>) {
        let Some(task) = self.tasks.remove(id) else { return };
        let (state, condition, message) = end.report(!task.is_active());
        self.announce_status(&task, state, &message, outside.now);
        self.announce_instance(&task, condition, outside.now);
        let Some(record) = self.apps.get_mut(&task.app) else { return };
        let is_current = record.app.last_config_change_at == task.definition.last_config_change_at;
        if is_current && !task.is_decommissioned {
            record.vacant.push(task.instance);
        }
        if state == "TASK_KILLED" {
            return;
        }
        if is_current {
            record.backoff.fail(&task.definition.spec, outside.now);
        }
        if state == "TASK_FAILED" {
            record.last_failure = Some(Failure {
                task: task.id,
                host: task.host,
                agent: task.agent,
                message,
                state,
                at: outside.now,
                version: task.definition.version,
            });
        }
    }

    /// Tells a task to end; `decommission` when nothing shall replace it.
    pub(super) fn kill(&mut self, id: &str, decommission: bool, outside: &Outside<'_>) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.is_decommissioned |= decommission;
        if !task.is_active() {
            return;
        }
        task.phase = Phase::Killing { since: task.started_at() };
        let task = task.clone();
        let grace = task.definition.spec.kill_grace();
        self.actions.push(Action::Kill { task: id.to_owned(), grace });
        if self.compat.has_instances() {
            self.announce_status(&task, "TASK_KILLING", "", outside.now);
            self.announce_instance(&task, "Killing", outside.now);
        }
    }

    /// Lets an app launch at once again.
    ///
    /// Answers whether it was waiting.
    pub fn reset_delay(&mut self, id: &AppId, outside: &Outside<'_>) -> bool {
        let Some(record) = self.apps.get_mut(id) else { return false };
        let was_waiting = record.waiting.is_some();
        record.backoff = Backoff::default();
        self.advance(outside);
        was_waiting
    }
}

fn environment_of(task: &Task, compat: Compat) -> std::collections::BTreeMap<String, String> {
    let who = Identity {
        app: task.app.as_str(),
        version: &stamp::text(task.definition.version),
        task: &task.id,
        host: &task.host.to_string(),
        with_resources: compat >= Compat::V1_4,
    };
    variables(&task.definition.spec, who, &task.ports)
}

fn process_of(task: &Task, compat: Compat) -> Launch {
    let spec = &task.definition.spec;
    Launch {
        task: task.id.clone(),
        image: spec.image().map(str::to_owned),
        cmd: spec.cmd.clone(),
        args: spec.args.clone(),
        env: environment_of(task, compat),
    }
}

fn watch_of(task: &Task, compat: Compat) -> Watch {
    let spec = &task.definition.spec;
    let checks = spec.health_checks.iter().map(|check| (check.clone(), probed_port(check, task)));
    Watch {
        task: task.id.clone(),
        host: task.host,
        checks: checks.collect(),
        env: environment_of(task, compat),
    }
}

/// Marathon asks the host port. The agent's checks ask the container port, which here *is* the host port, because
/// a process has no network of its own.
fn probed_port(check: &HealthCheck, task: &Task) -> Option<u16> {
    let ports = task.definition.spec.ports();
    if let Some(port) = check.port {
        let mapped = reached(&ports, &task.ports).find(|(p, _)| p.declared == port);
        return mapped.map_or(Some(port), |(_, number)| Some(number));
    }
    reached(&ports, &task.ports).nth(check.port_index?).map(|(_, number)| number)
}
