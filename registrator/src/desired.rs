//! From apps and tasks to the services that should be on this agent.
//!
//! The one place where Marathon's words become Consul's. Gate of a task, where no [`Policy`] says otherwise:
//!
//! | task | not registered yet | registered |
//! | --- | --- | --- |
//! | running, healthy or without health checks | register | keep up to date |
//! | running, a check has no result | wait | keep: Marathon forgets results when its leader changes |
//! | running, a check fails | wait | keep: Marathon replaces it, the balancer's own check drains it |
//! | lost, unreachable, a state not known here | wait | keep as it is: a partition is not a death |
//! | of an older configuration than the app's | register by the new one | keep as it is: Marathon is replacing it |
//! | staging, starting | wait | remove |
//! | being killed ([`Tombstones`], killing) | no | remove |
//! | known to have ended | no | remove |
//! | not in Marathon's answer | no | remove |
//!
//! Whatever cannot be read or does not fit leaves what is registered as it is, and stops no other task.

use std::cell::OnceCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use marathon::{App, AppId, Task, TaskId, TaskState};

use crate::here::{Here, Place};
use crate::metadata::Metadata;
use crate::policy::{OnKilling, Policy, Treatment};
use crate::ports;
use crate::registration::{self, Source};
use crate::service::{REST, Registration, ServiceId, Services, mark};
use crate::skipped::{Reason, Skipped};
use crate::tombstone::{Fate, Tombstones};
use crate::view::View;

/// Our services of each task, as last written or found. A task in it has passed the gate before, with services or without.
pub type Known = BTreeMap<TaskId, Services>;

/// What should be, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// What should be registered.
    pub services: Services,
    /// What is not, or not wholly, and why.
    pub skipped: Vec<Skipped>,
    /// Registered tasks that Marathon finds unhealthy, for checks that wait for our word.
    pub unhealthy: BTreeSet<TaskId>,
}

/// What the decision is made from, besides the apps.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// This agent.
    pub here: &'a Here,
    /// Our id.
    pub owner: &'a str,
    /// What the operator decided.
    pub policy: &'a Policy,
    /// What passed the gate before.
    pub known: &'a Known,
    /// What ends.
    pub tombstones: &'a Tombstones,
    /// When this is decided.
    pub now: Instant,
}

enum Gate {
    Register,
    KeepUpToDate,
    KeepAsItIs,
    /// Registered as it is, without traffic.
    Rest(Reason),
    Out(Reason),
}

/// The services that should be on this agent.
pub fn desired(view: &View, context: Context<'_>) -> Desired {
    let mut desired = Desired::default();
    for app in view.apps() {
        // Most apps of a cluster have no task here.
        let metadata = OnceCell::new();
        for task in &app.tasks {
            match context.here.place(&task.host) {
                Place::Here(address) => {
                    let metadata =
                        metadata.get_or_init(|| Metadata::among(app, view.named(&app.id)));
                    desired.task(app, metadata, task, address, context);
                }
                // A resolver that fails is no reason to remove anything.
                Place::Unknown => {
                    if let Some(services) = context.known.get(&task.id) {
                        desired.keep(services, None);
                    }
                }
                Place::Elsewhere => {}
            }
        }
        for reason in metadata.get().into_iter().flat_map(Metadata::wrong) {
            desired.skip(app, None, reason.clone());
        }
    }
    for (app, why) in view.unreadable() {
        desired.unreadable(app, why, context);
    }
    desired.skipped.sort();
    desired.skipped.dedup();
    desired
}

impl Desired {
    fn task(
        &mut self,
        app: &App,
        metadata: &Metadata,
        task: &Task,
        address: &str,
        context: Context<'_>,
    ) {
        let known = context.known.get(&task.id);
        let registered = known.filter(|services| !services.is_empty());
        let gate = gate(app, task, known.is_some(), context);
        if known.is_some() && is_unhealthy(task) {
            self.unhealthy.insert(task.id.clone());
        }
        match (gate, registered) {
            (Gate::Out(reason), _) | (Gate::Rest(reason), None) => {
                return self.skip(app, Some(task), reason);
            }
            (Gate::Rest(reason), Some(services)) => {
                let why = reason.to_string();
                self.skip(app, Some(task), Reason::Resting(why.clone()));
                return self.keep(services, Some(&format!("{REST}{why}")));
            }
            (Gate::KeepAsItIs, Some(services)) => return self.keep(services, None),
            (Gate::Register | Gate::KeepUpToDate | Gate::KeepAsItIs, _) => {}
        }
        match ports::of_task(app, task, address) {
            Ok(found) => {
                for number in found.impossible {
                    self.skip(app, Some(task), Reason::PortNumber(number));
                }
                let scripts = context.here.runs_scripts();
                let (owner, policy) = (context.owner, context.policy);
                let ports = found.ports.as_slice();
                let host = address;
                let source = Source { app, metadata, task, host, ports, owner, scripts, policy };
                self.ports(source, known);
            }
            Err(reason) => {
                self.skip(app, Some(task), reason);
                if let Some(services) = known {
                    self.keep(services, None);
                }
            }
        }
    }

    fn ports(&mut self, source: Source<'_>, known: Option<&Services>) {
        let Source { app, metadata, task, ports, policy, .. } = source;
        for port in ports {
            if let Some(reason) = metadata.excludes(port, policy) {
                self.skip(app, Some(task), reason);
                continue;
            }
            let (services, wrong) = registration::of_port(source, port);
            for reason in wrong {
                self.skip(app, Some(task), reason);
            }
            for (alias, registration) in services {
                let id = ServiceId {
                    alias,
                    ..ServiceId::new(task.id.clone(), port.declared, port.protocol)
                };
                let before = known.and_then(|services| services.get(&id));
                let registration = match before {
                    Some(before) if **before == registration => Arc::clone(before),
                    _ => Arc::new(registration),
                };
                match self.services.entry(id) {
                    Entry::Vacant(place) => drop(place.insert(registration)),
                    Entry::Occupied(_) => {
                        self.skip(app, Some(task), Reason::SamePort(port.declared));
                    }
                }
            }
        }
    }

    fn unreadable(&mut self, app: &AppId, why: &str, context: Context<'_>) {
        let of_app = |service: &Arc<Registration>| service.meta(mark::APP) == Some(app.as_str());
        for (task, services) in context.known {
            if context.tombstones.counting(task, context.now).is_none()
                && services.values().any(of_app)
            {
                self.keep(services, None);
            }
        }
        let reason = Reason::Unreadable(why.to_owned());
        self.skipped.push(Skipped { app: app.clone(), task: None, reason });
    }

    fn keep(&mut self, services: &Services, rest: Option<&str>) {
        self.services.extend(services.iter().map(|(id, service)| {
            if service.rest.as_deref() == rest {
                return (id.clone(), Arc::clone(service));
            }
            let rest = rest.map(str::to_owned);
            (id.clone(), Arc::new(Registration { rest, ..Registration::clone(service) }))
        }));
    }

    fn skip(&mut self, app: &App, task: Option<&Task>, reason: Reason) {
        let task = task.filter(|_| !reason.is_of_app()).map(|task| task.id.clone());
        self.skipped.push(Skipped { app: app.id.clone(), task, reason });
    }
}

fn gate(app: &App, task: &Task, known: bool, context: Context<'_>) -> Gate {
    let Context { policy, tombstones, now, .. } = context;
    let killing = || match policy.on_killing {
        OnKilling::Maintenance if known => Gate::Rest(Reason::Killed),
        OnKilling::Maintenance | OnKilling::Remove => Gate::Out(Reason::Killed),
    };
    match tombstones.counting(&task.id, now) {
        Some(Fate::Ended) => return Gate::Out(Reason::Killed),
        Some(Fate::Killing) if !task.state().is_terminal() => return killing(),
        Some(Fate::Killing) | None => {}
    }
    match task.state() {
        TaskState::Running if known && is_unhealthy(task) => {
            doubtful(policy.on_unhealthy, Reason::Unhealthy).unwrap_or_else(|| {
                if is_outdated(app, task) { Gate::KeepAsItIs } else { Gate::KeepUpToDate }
            })
        }
        TaskState::Running if known && is_outdated(app, task) => Gate::KeepAsItIs,
        TaskState::Running if known => Gate::KeepUpToDate,
        TaskState::Running if is_healthy(app, task) => Gate::Register,
        TaskState::Running => Gate::Out(Reason::Unhealthy),
        TaskState::Lost | TaskState::Unreachable | TaskState::Unknown | TaskState::Other(_)
            if known =>
        {
            doubtful(policy.on_unreachable, Reason::Unreachable).unwrap_or(Gate::KeepAsItIs)
        }
        TaskState::Killing => killing(),
        state => Gate::Out(Reason::State(state)),
    }
}

/// What the operator wants done about a registered task in doubt, when it is anything.
fn doubtful(treatment: Treatment, reason: Reason) -> Option<Gate> {
    match treatment {
        Treatment::Keep => None,
        Treatment::Maintenance => Some(Gate::Rest(reason)),
        Treatment::Remove => Some(Gate::Out(reason)),
    }
}

/// A check without result is not a good one. Results of a check that the app no longer has do no harm.
fn is_healthy(app: &App, task: &Task) -> bool {
    let results = &task.health_check_results;
    app.health_checks.is_empty()
        || (results.len() >= app.health_checks.len() && results.iter().all(|result| result.alive))
}

/// A check without result is not a bad one either.
fn is_unhealthy(task: &Task) -> bool {
    task.health_check_results.iter().any(|result| !result.alive)
}

/// Versions are timestamps of one format, so they compare as texts.
fn is_outdated(app: &App, task: &Task) -> bool {
    task.version
        .as_deref()
        .is_some_and(|version| !version.is_empty() && version < app.config_version())
}

#[cfg(test)]
mod tests;
