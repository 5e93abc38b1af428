//! Everything known at one moment, and what follows from it.
//!
//! The loop in [`reconcile`](crate::reconcile) feeds this with events and answers and does what [`Mirror::step`] says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use marathon::{Event, Task, TaskId};

use crate::desired::{Context, Known, desired};
use crate::guard::{Circumstances, Guard};
use crate::here::{Here, Place};
use crate::plan::{Plan, plan};
use crate::service::{Actual, Owner, Ownership, Registration, ServiceId, mark};
use crate::skipped::{Reason, Skipped};
use crate::tombstone::Tombstones;
use crate::trigger::{Look, react};
use crate::view::{AppAnswer, View};

/// What is known of Marathon, and what was decided from it.
#[derive(Debug)]
pub struct Mirror {
    ownership: Ownership,
    here: Here,
    view: View,
    asked: Instant,
    known: Known,
    tombstones: Tombstones,
    guard: Guard,
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
}

impl Mirror {
    /// Begins with a complete answer of Marathon's, asked for at `asked`: without one nothing can be decided.
    pub fn new(ownership: Ownership, guard: Guard, here: Here, view: View, asked: Instant) -> Self {
        let (known, tombstones) = (Known::new(), Tombstones::default());
        Self { ownership, here, view, asked, known, tombstones, guard }
    }

    /// What this agent is called.
    pub fn here(&self) -> &Here {
        &self.here
    }

    /// The agent has another name, or names were resolved.
    pub fn set_here(&mut self, here: Here) {
        self.here = here;
    }

    /// Takes in a complete answer, asked for at `asked`.
    pub fn replace(&mut self, view: View, asked: Instant, now: Instant) {
        self.view = view;
        self.asked = asked;
        self.tombstones.sweep(&self.view, asked, now);
    }

    /// Takes in the answer for one app.
    pub fn update(&mut self, answer: AppAnswer) {
        self.view.update(answer);
    }

    /// Takes in an event: what to read again, and whether a task of ours ends, which allows no delay.
    pub fn on_event(&mut self, event: &Event, now: Instant) -> (Look, bool) {
        let reaction = react(event, &self.view, &self.here);
        let ends = !reaction.ending.is_empty();
        for (task, evidence) in reaction.ending {
            self.tombstones.bury(task, evidence, now);
        }
        (reaction.look, ends)
    }

    /// When to ask Marathon for a complete answer, to confirm what is held back.
    pub fn ask_at(&self) -> Option<Instant> {
        self.guard.ask_at()
    }

    /// What to write, given what the agent has.
    pub fn step(&mut self, actual: &BTreeMap<String, Actual>, now: Instant) -> Step {
        self.remember(actual);
        let context = Context {
            here: &self.here,
            owner: &self.ownership.owner,
            known: &self.known,
            tombstones: &self.tombstones,
        };
        let desired = desired(&self.view, context);
        let mut plan = plan(&desired.services, actual, &self.ownership);
        let held = self.hold(&plan, actual, now);
        plan.deregister.retain(|id, _| !held.contains(id));
        let mut skipped: BTreeSet<_> = desired.skipped.into_iter().collect();
        skipped.extend(taken(&plan, &desired.services));
        self.learn(desired.services, &held);
        Step { plan, held, skipped }
    }

    /// Services found on the agent have passed the gate before, in an earlier life of ours. What we know ourselves is
    /// better: it has the checks.
    fn remember(&mut self, actual: &BTreeMap<String, Actual>) {
        for (id, found) in actual {
            let Ok(parsed) = id.parse::<ServiceId>() else { continue };
            if self.ownership.of(id, found) != Owner::Ours {
                continue;
            }
            let services = self.known.entry(parsed.task.clone()).or_default();
            if found.registration.meta(mark::OWNER).is_some() {
                services.entry(parsed).or_insert_with(|| found.registration.clone());
            }
        }
    }

    fn hold(
        &mut self,
        plan: &Plan,
        actual: &BTreeMap<String, Actual>,
        now: Instant,
    ) -> BTreeSet<String> {
        let ours = actual.iter().filter(|(id, found)| self.ownership.of(id, found) == Owner::Ours);
        let about = Circumstances {
            ours: ours.count(),
            no_apps: self.view.is_empty(),
            asked: self.asked,
            now,
        };
        let uncertain = plan.deregister.keys().filter(|id| !self.is_certain(id));
        let uncertain = uncertain.cloned().collect();
        self.guard.hold(&uncertain, about)
    }

    /// There is more evidence than the task's absence: it is known to end, or Marathon still knows it, here, and says so.
    fn is_certain(&self, id: &str) -> bool {
        let is_here = |task: &Task| matches!(self.here.place(&task.host), Place::Here(_));
        let known = |id: &TaskId| self.view.tasks().any(|task| task.id == *id && is_here(task));
        id.parse::<ServiceId>().is_ok_and(|id| self.tombstones.holds(&id.task) || known(&id.task))
    }

    /// Remembers what was decided, and of what is held back what it was.
    fn learn(&mut self, services: BTreeMap<ServiceId, Registration>, held: &BTreeSet<String>) {
        let held = held.iter().filter_map(|id| id.parse::<ServiceId>().ok()).map(|id| id.task);
        let held: BTreeSet<_> = held.collect();
        self.known.retain(|task, _| held.contains(task));
        for (id, registration) in services {
            self.known.entry(id.task.clone()).or_default().insert(id, registration);
        }
    }
}

fn taken<'a>(
    plan: &'a Plan,
    services: &'a BTreeMap<ServiceId, Registration>,
) -> impl Iterator<Item = Skipped> + 'a {
    plan.taken.iter().filter_map(|(id, owner)| {
        let app = services.get(id)?.meta(mark::APP)?;
        let reason = Reason::Taken { id: id.to_string(), owner: owner.clone() };
        Some(Skipped { app: app.into(), task: Some(id.task.clone()), reason })
    })
}

#[cfg(test)]
mod tests;
