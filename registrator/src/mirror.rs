//! Everything known at one moment, and what follows from it.
//!
//! The loop in [`reconcile`](crate::reconcile) feeds this with events and answers and does what [`Mirror::step`] says, agent by
//! agent: beside each agent there is one, and with `--all-agents` there are all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use marathon::{Event, TaskId};

use crate::desired::{Context, Desired, Known, desired};
use crate::guard::{Circumstances, Guard};
use crate::heartbeat::{Beat, Heartbeats};
use crate::here::{Here, Place};
use crate::plan::{Plan, plan};
use crate::policy::Policy;
use crate::service::{Actual, Owner, Ownership, Registration, ServiceId, Services, mark};
use crate::skipped::{Reason, Skipped};
use crate::tombstone::Tombstones;
use crate::trigger::{Look, Reaction, react};
use crate::view::{AppAnswer, View};

/// How it is decided, all the time alike.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which services are ours.
    pub ownership: Ownership,
    /// What the operator wants.
    pub policy: Policy,
    /// Whether suspicious removals wait.
    pub guard: bool,
}

/// What is known of Marathon, and what was decided from it.
#[derive(Debug)]
pub struct Mirror {
    rules: Rules,
    view: View,
    asked: Instant,
    tombstones: Tombstones,
    sides: BTreeMap<String, Side>,
}

/// One agent of Consul.
#[derive(Debug)]
struct Side {
    here: Here,
    known: Known,
    guard: Guard,
    heartbeats: Heartbeats,
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// To be written.
    pub plan: Plan,
    /// Removals that wait for Marathon to confirm them.
    pub held: BTreeSet<String>,
    /// What is not registered, and why.
    pub skipped: BTreeSet<Skipped>,
    /// To be told when the plan is written.
    pub beats: Vec<Beat>,
}

impl Mirror {
    /// Begins with a complete answer of Marathon's, asked for at `asked`: without one nothing can be decided.
    pub fn new(rules: Rules, view: View, asked: Instant) -> Self {
        Self { rules, view, asked, tombstones: Tombstones::default(), sides: BTreeMap::new() }
    }

    /// An agent is there, or has another name, or names were resolved.
    pub fn set_here(&mut self, agent: &str, here: Here) {
        if let Some(side) = self.sides.get_mut(agent) {
            side.here = here;
            return;
        }
        let guard = Guard::new(self.rules.guard);
        let (known, heartbeats) = (Known::new(), Heartbeats::default());
        self.sides.insert(agent.to_owned(), Side { here, known, guard, heartbeats });
    }

    /// Only these agents are there; what names resolve to is known better here.
    pub fn set_heres(&mut self, heres: BTreeMap<String, Here>) {
        self.sides.retain(|agent, _| heres.contains_key(agent));
        for (agent, here) in heres {
            let here = match self.sides.get(&agent) {
                Some(side) => here.with_resolved_of(&side.here),
                None => here,
            };
            self.set_here(&agent, here);
        }
    }

    /// Names were resolved.
    pub fn learn(&mut self, resolved: &BTreeMap<String, Vec<IpAddr>>) {
        for side in self.sides.values_mut() {
            side.here.learn(resolved.clone());
        }
    }

    /// The agents that have services of ours, or may get some.
    pub fn concerned(&self) -> BTreeSet<String> {
        let hosts = self.view.hosts();
        let is_concerned =
            |side: &Side| !side.known.is_empty() || hosts.iter().any(|host| side.here.may_be(host));
        let concerned = self.sides.iter().filter(|(_, side)| is_concerned(side));
        concerned.map(|(agent, _)| agent.clone()).collect()
    }

    /// Word about checks may not have reached an agent.
    pub fn unheard(&mut self, agent: &str) {
        if let Some(side) = self.sides.get_mut(agent) {
            side.heartbeats.forget();
        }
    }

    /// The agents, and what they are called.
    pub fn heres(&self) -> impl Iterator<Item = (&str, &Here)> {
        self.sides.iter().map(|(agent, side)| (agent.as_str(), &side.here))
    }

    /// What Marathon last said.
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// What was last decided about a task, on any agent.
    pub fn services_of(&self, task: &TaskId) -> impl Iterator<Item = (&ServiceId, &Registration)> {
        let services = self.sides.values().filter_map(|side| side.known.get(task)).flatten();
        services.map(|(id, service)| (id, service.as_ref()))
    }

    /// Takes in a complete answer, asked for at `asked`.
    pub fn replace(&mut self, view: View, asked: Instant, now: Instant) {
        self.view = view;
        self.asked = asked;
        self.tombstones.answered(None, asked, now);
        self.tombstones.sweep(&self.view, asked, now);
    }

    /// Takes in the answer for one app, asked for at `asked`.
    pub fn update(&mut self, answer: AppAnswer, asked: Instant, now: Instant) {
        self.tombstones.answered(Some(answer.id()), asked, now);
        self.view.update(answer);
    }

    /// Takes in an event: what to read again, and, when tasks of ours end, by when that is to be written at the latest.
    pub fn on_event(&mut self, event: &Event, now: Instant) -> (Look, Option<Instant>) {
        let may_be_here = |host: &str| self.sides.values().any(|side| side.here.may_be(host));
        let Reaction { look, ending } = react(event, &self.view, may_be_here);
        let Look::App(app) = &look else { return (look, None) };
        let buried = ending
            .into_iter()
            .map(|(task, evidence, fate)| self.tombstones.bury(app, task, (evidence, fate), now));
        let latest = buried.min();
        (look, latest)
    }

    /// When something is to be written without an answer of Marathon's.
    pub fn write_at(&self, now: Instant) -> Option<Instant> {
        self.tombstones.next(now)
    }

    /// When to ask Marathon for a complete answer, to confirm what is held back.
    pub fn ask_at(&self) -> Option<Instant> {
        self.sides.values().filter_map(|side| side.guard.ask_at()).min()
    }

    /// What to write to an agent, given what it has.
    pub fn step(&mut self, agent: &str, actual: &BTreeMap<String, Actual>, now: Instant) -> Step {
        let Some(mut side) = self.sides.remove(agent) else { return Step::default() };
        let ownership = &self.rules.ownership;
        side.remember(actual, ownership);
        let desired = self.desired(&side, now);
        let mut plan = plan(&desired.services, actual, ownership);
        let ours = actual.iter().filter(|(id, found)| ownership.of(id, found) == Owner::Ours);
        let about = Circumstances {
            ours: ours.count(),
            no_apps: self.view.is_empty(),
            asked: self.asked,
            now,
        };
        let held = side.guard.hold(&self.uncertain(&plan, &side.here), about);
        plan.deregister.retain(|id, _| !held.contains(id));
        let mut skipped: BTreeSet<_> = desired.skipped.into_iter().collect();
        skipped.extend(taken(&plan, &desired.services));
        let mut services = desired.services;
        services.retain(|id, _| !plan.taken.contains_key(id));
        if plan.register.keys().any(|id| services.get(id).is_some_and(|it| it.ttl().is_some())) {
            // A check that is written anew has forgotten what it was told.
            side.heartbeats.forget();
        }
        let beats = side.heartbeats.due(&services, &desired.unhealthy, now);
        side.learn(services, &held);
        self.sides.insert(agent.to_owned(), side);
        Step { plan, held, skipped, beats }
    }

    fn desired(&self, side: &Side, now: Instant) -> Desired {
        let context = Context {
            here: &side.here,
            owner: &self.rules.ownership.owner,
            policy: &self.rules.policy,
            known: &side.known,
            tombstones: &self.tombstones,
            now,
        };
        desired(&self.view, context)
    }

    /// The removals for which there is no evidence but the task's absence: it is not known to end, nor does Marathon still know it,
    /// here, and say so.
    fn uncertain(&self, plan: &Plan, here: &Here) -> BTreeSet<String> {
        if plan.deregister.is_empty() {
            return BTreeSet::new();
        }
        let tasks = self.view.tasks();
        let here = tasks.filter(|task| matches!(here.place(&task.host), Place::Here(_)));
        let here: BTreeSet<_> = here.map(|task| &task.id).collect();
        let is_certain = |id: &String| {
            id.parse::<ServiceId>()
                .is_ok_and(|id| self.tombstones.fate(&id.task).is_some() || here.contains(&id.task))
        };
        plan.deregister.keys().filter(|id| !is_certain(id)).cloned().collect()
    }
}

impl Side {
    /// Services found on the agent have passed the gate before, in an earlier life of ours. What we know ourselves is
    /// better: it has the checks.
    fn remember(&mut self, actual: &BTreeMap<String, Actual>, ownership: &Ownership) {
        for (id, found) in actual {
            let Ok(parsed) = id.parse::<ServiceId>() else { continue };
            if ownership.of(id, found) != Owner::Ours {
                continue;
            }
            let services = self.known.entry(parsed.task.clone()).or_default();
            if found.registration.meta(mark::OWNER).is_some() {
                let known = || Registration { rest: None, ..found.registration.clone() }.into();
                services.entry(parsed).or_insert_with(known);
            }
        }
    }

    /// Remembers what was decided, and of what is held back what it was.
    fn learn(&mut self, services: Services, held: &BTreeSet<String>) {
        let held = held.iter().filter_map(|id| id.parse::<ServiceId>().ok()).map(|id| id.task);
        let held: BTreeSet<_> = held.collect();
        self.known.retain(|task, _| held.contains(task));
        for (id, registration) in services {
            self.known.entry(id.task.clone()).or_default().insert(id, registration);
        }
    }
}

fn taken<'a>(plan: &'a Plan, services: &'a Services) -> impl Iterator<Item = Skipped> + 'a {
    plan.taken.iter().filter_map(|(id, owner)| {
        let app = services.get(id)?.meta(mark::APP)?;
        let reason = Reason::Taken { id: id.to_string(), owner: owner.clone() };
        Some(Skipped { app: app.into(), task: Some(id.task.clone()), reason })
    })
}

#[cfg(test)]
mod tests;
