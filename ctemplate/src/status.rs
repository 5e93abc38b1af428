//! What whoever watches the program is told: health, metrics, and what became of each template.
//!
//! The loop notes on a [`Board`] what has changed, which costs it next to nothing; what is shown is worked out when
//! somebody asks. A board that nobody can look at notes nothing.
//!
//! # Layout
//!
//! - [`snapshot`]: what is noted. [`progress`]: of a template. [`ages`]: since when instances are in their states.
//! - [`view`], [`mod@routes`]: what is shown of it (pure). [`metrics`], [`html`]: for Prometheus and for people.

pub mod ages;
pub mod html;
pub mod metrics;
pub mod progress;
pub mod routes;
pub mod snapshot;
#[cfg(test)]
mod tests;
pub mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use daemon::status::{Draft, Page};
use tokio::sync::watch;

use self::routes::routes;
use self::snapshot::{Failing, Snapshot, Template};
use self::view::View;
use crate::child;
use crate::data::Data;
use crate::deduplicate::standing;
use crate::dependency::Dependency;
use crate::job::Job;
use crate::store::{Glimpse, Store};
use crate::watch::Observer;

/// The loop writes on it; the status pages read from it.
#[derive(Debug, Default)]
pub struct Board {
    notes: Option<Mutex<Notes>>,
}

#[derive(Debug)]
struct Notes {
    snapshot: Snapshot,
    observer: Option<Observer>,
    group: standing::Observer,
    child: Option<watch::Receiver<child::Status>>,
    store: Glimpse,
}

impl Board {
    /// A board to look at. The default one is not.
    pub fn new(start: Instant) -> Self {
        let notes = Notes {
            snapshot: Snapshot::new(start),
            observer: None,
            group: standing::Observer::default(),
            child: None,
            store: Glimpse::default(),
        };
        Self { notes: Some(Mutex::new(notes)) }
    }

    /// There is another configuration, or the first one.
    pub fn configured(&self, jobs: &[Job], observer: &Observer) {
        let Some(mut notes) = self.lock() else { return };
        let mut sites = Vec::new();
        for site in jobs.iter().filter_map(Job::site) {
            if !sites.contains(&site) {
                sites.push(site);
            }
        }
        notes.observer = Some(observer.clone());
        notes.snapshot.sites = sites;
        notes.snapshot.templates = jobs.iter().map(Template::of).collect();
    }

    /// What is shared with other instances now, in the order of the templates.
    pub fn shares(&self, group: standing::Observer) {
        if let Some(notes) = self.lock().as_deref_mut() {
            notes.group = group;
        }
    }

    /// There is a child.
    pub fn runs(&self, child: watch::Receiver<child::Status>) {
        if let Some(notes) = self.lock().as_deref_mut() {
            notes.child = Some(child);
        }
    }

    /// A dependency has a new value.
    pub fn learned(&self, dependency: &Dependency, data: &Data, now: Instant) {
        if let Some(Notes { snapshot, .. }) = self.lock().as_deref_mut() {
            snapshot.ages.learn(dependency, data, now);
        }
    }

    /// Nobody wants a dependency any more.
    pub fn forgot(&self, dependency: &Dependency) {
        if let Some(Notes { snapshot, .. }) = self.lock().as_deref_mut() {
            snapshot.ages.forget(dependency);
        }
    }

    /// What is known now, and what has no answer.
    pub fn knows(&self, store: &Store, failing: &BTreeMap<Dependency, Failing>) {
        if let Some(notes) = self.lock().as_deref_mut() {
            notes.store = store.glimpse();
            let snapshot = &mut notes.snapshot;
            if !(failing.is_empty() && snapshot.failing_count == 0) {
                snapshot.fails(failing, Instant::now());
            }
        }
    }

    /// Templates have come further.
    pub fn advanced(&self, jobs: &[Job]) {
        if let Some(Notes { snapshot, .. }) = self.lock().as_deref_mut() {
            snapshot.templates = jobs.iter().map(Template::of).collect();
        }
    }

    /// A command has ended.
    pub fn ran(&self, line: &str, error: Option<&dyn fmt::Display>, start: Instant) {
        if let Some(Notes { snapshot, .. }) = self.lock().as_deref_mut() {
            let now = Instant::now();
            let took = now.saturating_duration_since(start);
            snapshot.ran(line, error.map(ToString::to_string), took, now);
        }
    }

    /// The page at a path. To be asked where the store changes, so that it does not change meanwhile; what takes its time
    /// is done later.
    pub fn page(&self, path: &str) -> Option<Draft> {
        let notes = self.lock()?;
        let watched = |it: &Observer| (it.address().to_owned(), it.statistics());
        let consul = notes.observer.as_ref().map(watched);
        let store = notes.store.store().unwrap_or_default();
        // Whoever had the child has let go of it when it is gone.
        let child = notes.child.as_ref().filter(|child| child.has_changed().is_ok());
        let child = child.map(|child| child.borrow().clone());
        let standings = notes.group.standings();
        let snapshot = Snapshot { consul, store, child, standings, ..notes.snapshot.clone() };
        drop(notes);
        draft(snapshot, path, Instant::now())
    }

    fn lock(&self) -> Option<MutexGuard<'_, Notes>> {
        let notes = self.notes.as_ref()?;
        Some(notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The page at a path.
fn draft(snapshot: Snapshot, path: &str, now: Instant) -> Option<Draft> {
    let make = match path {
        "/health" => return Some(Page::yes("alive").into()),
        "/ready" => |snapshot, now| ready(&View::of(&snapshot, now)),
        "/metrics" => |snapshot, now| Page::metrics(&metrics::registry(&View::of(&snapshot, now))),
        "/status" => |snapshot, now| Page::json(&View::of(&snapshot, now)),
        "/routes" => |snapshot, now| Page::json(&routes(&snapshot, usize::MAX, now).0),
        "/" => |snapshot, now| for_people(&snapshot, now),
        _ => return None,
    };
    let make: fn(Snapshot, Instant) -> Page = make;
    Some(Draft::later(move || make(snapshot, now)))
}

fn for_people(snapshot: &Snapshot, now: Instant) -> Page {
    match html::page(&View::of(snapshot, now), &routes(snapshot, html::MAX_ROUTES, now)) {
        Ok(page) => Page::html(page),
        Err(error) => Page::no(error.to_string()),
    }
}

fn ready(view: &View) -> Page {
    if view.ready { Page::yes("ready") } else { Page::no(view.unready.join("\n")) }
}
