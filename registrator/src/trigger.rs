//! Which events make us look again, at what, and when.
//!
//! An event is a hint: it is never believed about what to register, only about a task that ends. A single event is
//! followed at once; in a burst an app is read at most every [`APP_GAP`], and everything at most every [`ALL_GAP`].

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use marathon::{AppId, Event, TaskId, TaskState, kinds};

use crate::tombstone::{Evidence, Fate};
use crate::view::View;

/// Between two reads of apps.
pub const APP_GAP: Duration = Duration::from_millis(100);
/// Between two reads of everything.
pub const ALL_GAP: Duration = Duration::from_secs(1);
/// With more apps than this to read, one read of everything is cheaper.
const MAX_APPS: usize = 50;

/// The events to subscribe to.
pub const SUBSCRIBED: [&str; 8] = [
    kinds::STATUS_UPDATE,
    kinds::HEALTH_STATUS_CHANGED,
    kinds::INSTANCE_CHANGED,
    kinds::INSTANCE_HEALTH_CHANGED,
    kinds::APP_TERMINATED,
    kinds::POD_CREATED,
    kinds::POD_UPDATED,
    kinds::POD_DELETED,
];

/// What an event means for us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// What to read again.
    pub look: Look,
    /// Tasks that end.
    pub ending: Vec<(TaskId, Evidence, Fate)>,
}

/// What to read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// Nothing.
    #[default]
    Nowhere,
    /// This app.
    App(AppId),
    /// Everything: the event could not be read, or tells of pods.
    Everywhere,
}

/// What an event means, given what is known; `may_be_here` tells it of hosts.
pub fn react(event: &Event, view: &View, may_be_here: impl Fn(&str) -> bool) -> Reaction {
    match event {
        Event::StatusUpdate { app, task, status, host } if may_be_here(host) => {
            let fate = match status {
                TaskState::Killing => Some(Fate::Killing),
                status => status.is_terminal().then_some(Fate::Ended),
            };
            let ending = fate.map(|fate| (task.clone(), Evidence::Task, fate));
            Reaction { look: Look::App(app.clone()), ending: ending.into_iter().collect() }
        }
        Event::InstanceChanged { app, instance, condition, host }
            if host.as_deref().is_none_or(&may_be_here) =>
        {
            let tasks = view.tasks_of(app).filter(|_| condition == "Killing");
            let tasks = tasks.filter(|task| instance.covers(&task.id) && may_be_here(&task.host));
            let ending = tasks.map(|task| (task.id.clone(), Evidence::Instance, Fate::Killing));
            Reaction { look: Look::App(app.clone()), ending: ending.collect() }
        }
        Event::HealthChanged { app, instance, .. } => {
            let mut tasks = view.tasks_of(app).filter(|task| instance.covers(&task.id));
            let elsewhere = tasks.next().is_some_and(|task| !may_be_here(&task.host));
            let look = if elsewhere { Look::Nowhere } else { Look::App(app.clone()) };
            Reaction { look, ..Reaction::default() }
        }
        Event::AppTerminated { app } => {
            Reaction { look: Look::App(app.clone()), ..Reaction::default() }
        }
        Event::Unknown { kind } if kind.is_empty() || SUBSCRIBED.contains(&kind.as_str()) => {
            Reaction { look: Look::Everywhere, ..Reaction::default() }
        }
        _ => Reaction::default(),
    }
}

/// What to read of Marathon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// All apps.
    All,
    /// These.
    Apps(BTreeSet<AppId>),
}

/// What is to be read, and when it was last.
#[derive(Clone, Debug, Default)]
pub struct Trigger {
    all: bool,
    apps: BTreeSet<AppId>,
    scheduled: Option<Instant>,
    last_all: Option<Instant>,
    last_apps: Option<Instant>,
    not_before: Option<Instant>,
}

impl Trigger {
    /// Everything is to be read.
    pub fn everything(&mut self) {
        self.all = true;
    }

    /// Everything is to be read at this time, or, if that is earlier, at the time scheduled before.
    pub fn everything_at(&mut self, at: Instant) {
        self.scheduled = Some(self.scheduled.map_or(at, |scheduled| scheduled.min(at)));
    }

    /// This is to be read.
    pub fn look(&mut self, look: Look) {
        match look {
            Look::Nowhere => {}
            Look::App(app) => {
                self.apps.insert(app);
            }
            Look::Everywhere => self.all = true,
        }
    }

    /// The next read shall not wait, not even after a failure: a task of ours ends, and what replaces it may be in the
    /// answer.
    pub fn hurry(&mut self) {
        self.last_apps = None;
        self.not_before = None;
    }

    /// A read failed: what it was for is to be read again, but nothing before `not_before`.
    pub fn failed(&mut self, work: Work, not_before: Instant) {
        self.not_before = Some(not_before);
        match work {
            Work::All => self.all = true,
            Work::Apps(apps) => self.apps.extend(apps),
        }
    }

    /// When to read next; `None` when there is nothing to read.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let due = [self.all_due(now), self.apps_due(now)].into_iter().flatten().min()?;
        Some(self.not_before.map_or(due, |not_before| due.max(not_before)))
    }

    /// What to read now, if anything.
    pub fn take(&mut self, now: Instant) -> Option<Work> {
        if self.due(now).is_none_or(|due| due > now) {
            return None;
        }
        self.not_before = None;
        self.last_apps = Some(now);
        let apps = std::mem::take(&mut self.apps);
        if self.all_due(now).is_none_or(|due| due > now) && apps.len() <= MAX_APPS {
            return Some(Work::Apps(apps));
        }
        *self = Self { last_all: Some(now), last_apps: Some(now), ..Self::default() };
        Some(Work::All)
    }

    fn all_due(&self, now: Instant) -> Option<Instant> {
        let all = self.all || self.apps.len() > MAX_APPS;
        let wanted = all.then(|| after(self.last_all, ALL_GAP, now));
        [wanted, self.scheduled].into_iter().flatten().min()
    }

    fn apps_due(&self, now: Instant) -> Option<Instant> {
        let some = (1..=MAX_APPS).contains(&self.apps.len());
        some.then(|| after(self.last_apps, APP_GAP, now))
    }
}

fn after(last: Option<Instant>, gap: Duration, now: Instant) -> Instant {
    last.map_or(now, |last| last + gap)
}

#[cfg(test)]
mod tests;
