//! From apps and tasks to the services that should be on this agent.
//!
//! The one place where Marathon's words become Consul's. Gate of a task:
//!
//! | task | not registered yet | registered |
//! | --- | --- | --- |
//! | running, healthy or without health checks | register | keep up to date |
//! | running, a check fails or has no result | wait | keep: Marathon replaces it, the balancer's own check drains it |
//! | lost, unreachable, a state not known here | wait | keep as it is: a partition is not a death |
//! | of an older configuration than the app's | register by the new one | keep as it is: Marathon is replacing it |
//! | staging, starting | wait | remove |
//! | known to end ([`Tombstones`]), killing, ended | no | remove |
//! | not in Marathon's answer | no | remove |
//!
//! Whatever cannot be read or does not fit leaves what is registered as it is, and stops no other task.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use marathon::{App, AppId, Task, TaskId, TaskState};

use crate::check;
use crate::here::{Here, Place};
use crate::naming::Metadata;
use crate::ports::{self, Port};
use crate::service::{Registration, ServiceId, mark};
use crate::skipped::{Reason, Skipped};
use crate::tombstone::Tombstones;
use crate::view::View;

/// Our services of each task, as last written or found. A task in it has passed the gate before, with services or without.
pub type Known = BTreeMap<TaskId, BTreeMap<ServiceId, Registration>>;

/// What should be, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// What should be registered.
    pub services: BTreeMap<ServiceId, Registration>,
    /// What is not, and why.
    pub skipped: Vec<Skipped>,
}

/// What the decision is made from, besides the apps.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// This agent.
    pub here: &'a Here,
    /// Our id.
    pub owner: &'a str,
    /// What passed the gate before.
    pub known: &'a Known,
    /// What ends.
    pub tombstones: &'a Tombstones,
}

enum Gate {
    Register,
    KeepUpToDate,
    KeepAsItIs,
    Out(Reason),
}

/// The services that should be on this agent.
pub fn desired(view: &View, context: Context<'_>) -> Desired {
    let mut desired = Desired::default();
    for app in view.apps() {
        let metadata = Metadata::of(app);
        for task in &app.tasks {
            match context.here.place(&task.host) {
                Place::Here(address) => desired.task(app, &metadata, task, address, context),
                // A resolver that fails is no reason to remove anything.
                Place::Unknown => {
                    if let Some(services) = context.known.get(&task.id) {
                        desired.keep(services);
                    }
                }
                Place::Elsewhere => {}
            }
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
        let keep = match gate(app, task, known.is_some(), context.tombstones) {
            Gate::Out(reason) => return self.skip(app, task, reason),
            Gate::Register | Gate::KeepUpToDate => None,
            Gate::KeepAsItIs => known.filter(|services| !services.is_empty()),
        };
        if let Some(services) = keep {
            return self.keep(services);
        }
        match ports::of_task(app, task, address) {
            Ok(ports) => self.ports(app, metadata, task, &ports, context.owner),
            Err(reason) => {
                self.skip(app, task, reason);
                if let Some(services) = known {
                    self.keep(services);
                }
            }
        }
    }

    fn ports(&mut self, app: &App, metadata: &Metadata, task: &Task, ports: &[Port], owner: &str) {
        let several = ports.len() > 1;
        for port in ports {
            if metadata.ignores(port.declared) {
                self.skip(app, task, Reason::Ignored(port.declared));
                continue;
            }
            let id =
                ServiceId { task: task.id.clone(), port: port.declared, protocol: port.protocol };
            let (registration, wrong) = registration(app, metadata, task, port, several, owner);
            for reason in wrong {
                self.skip(app, task, reason);
            }
            match (registration, self.services.entry(id)) {
                (None, _) => {}
                (Some(registration), Entry::Vacant(place)) => {
                    place.insert(registration);
                }
                (Some(_), Entry::Occupied(_)) => {
                    self.skip(app, task, Reason::SamePort(port.declared));
                }
            }
        }
    }

    fn unreadable(&mut self, app: &AppId, why: &str, context: Context<'_>) {
        let of_app = |service: &Registration| service.meta(mark::APP) == Some(app.as_str());
        for (task, services) in context.known {
            if !context.tombstones.holds(task) && services.values().any(of_app) {
                self.keep(services);
            }
        }
        let reason = Reason::Unreadable(why.to_owned());
        self.skipped.push(Skipped { app: app.clone(), task: None, reason });
    }

    fn keep(&mut self, services: &BTreeMap<ServiceId, Registration>) {
        self.services.extend(services.iter().map(|(id, service)| (id.clone(), service.clone())));
    }

    fn skip(&mut self, app: &App, task: &Task, reason: Reason) {
        let (app, task) = (app.id.clone(), Some(task.id.clone()));
        self.skipped.push(Skipped { app, task, reason });
    }
}

fn gate(app: &App, task: &Task, known: bool, tombstones: &Tombstones) -> Gate {
    if tombstones.holds(&task.id) {
        return Gate::Out(Reason::Killed);
    }
    match task.state() {
        TaskState::Running if known && is_outdated(app, task) => Gate::KeepAsItIs,
        TaskState::Running if known => Gate::KeepUpToDate,
        TaskState::Running if is_healthy(app, task) => Gate::Register,
        TaskState::Running => Gate::Out(Reason::Unhealthy),
        TaskState::Lost | TaskState::Unreachable | TaskState::Unknown | TaskState::Other(_)
            if known =>
        {
            Gate::KeepAsItIs
        }
        TaskState::Killing => Gate::Out(Reason::Killed),
        state => Gate::Out(Reason::State(state)),
    }
}

/// A check without result is not a good one. Results of a check that the app no longer has do no harm.
fn is_healthy(app: &App, task: &Task) -> bool {
    let results = &task.health_check_results;
    app.health_checks.is_empty()
        || (results.len() >= app.health_checks.len() && results.iter().all(|result| result.alive))
}

/// Versions are timestamps of one format, so they compare as texts.
fn is_outdated(app: &App, task: &Task) -> bool {
    task.version
        .as_deref()
        .is_some_and(|version| !version.is_empty() && version < app.config_version())
}

fn registration(
    app: &App,
    metadata: &Metadata,
    task: &Task,
    port: &Port,
    several: bool,
    owner: &str,
) -> (Option<Registration>, Vec<Reason>) {
    let name = match metadata.name(app, port.declared, several) {
        Ok(name) => name,
        Err(reason) => return (None, vec![reason]),
    };
    let (mut meta, mut wrong) = metadata.meta(port.declared);
    let (check, wrong_check) = check::of_port(metadata, port);
    wrong.extend(wrong_check);
    meta.insert(mark::OWNER.to_owned(), owner.to_owned());
    meta.insert(mark::APP.to_owned(), app.id.to_string());
    meta.insert(mark::TASK.to_owned(), task.id.to_string());
    // The task's version, not the app's: that one moves with every scaling, and every service would be written again.
    let version = task.version.as_deref().unwrap_or_else(|| app.config_version());
    meta.insert(mark::VERSION.to_owned(), version.to_owned());
    if let Some(check) = &check {
        meta.insert(mark::CHECK.to_owned(), check.to_string());
    }
    let mut tags = metadata.tags(port.declared);
    if port.protocol == crate::service::Protocol::Udp && !tags.iter().any(|tag| tag == "udp") {
        tags.push("udp".to_owned());
    }
    let (address, port) = (port.address.clone(), port.port);
    (Some(Registration { name, tags, meta, address, port, check }), wrong)
}

#[cfg(test)]
mod tests;
