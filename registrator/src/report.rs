//! Tells what cannot be done, once for as long as it stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use marathon::AppId;
use tracing::{debug, info, warn};

use crate::skipped::{Reason, Skipped};
use crate::unwritten::{Failure, Unwritten};

/// More lines than this at a time say less than one.
const MAX_LINES: usize = 10;
/// In place of an app.
const EVERY_APP: &str = "any";

/// What was told last about one agent.
#[derive(Debug, Default)]
pub struct Report {
    skipped: Arc<BTreeSet<Skipped>>,
    held: BTreeSet<String>,
    /// Why, by id.
    failed: BTreeMap<String, Reason>,
    /// Apps.
    refused: BTreeSet<String>,
}

impl Report {
    /// Tells what is newly left out.
    pub fn skipped(&mut self, skipped: Arc<BTreeSet<Skipped>>) {
        for Skipped { app, task, reason } in skipped.difference(&self.skipped) {
            let task = task.as_ref().map(marathon::TaskId::as_str).unwrap_or_default();
            if reason.is_problem() {
                warn!(%app, task, %reason, "Left out");
            } else {
                debug!(%app, task, %reason, "Not registered");
            }
        }
        self.skipped = skipped;
    }

    /// Tells what is newly held back, and when nothing is any more.
    pub fn held(&mut self, held: BTreeSet<String>) {
        if held.len() > self.held.len() {
            warn!(
                services = held.len(),
                "Removal held back until Marathon confirms it: its answer leaves too much out"
            );
        } else if held.is_empty() && !self.held.is_empty() {
            info!("Nothing is held back any more");
        }
        self.held = held;
    }

    /// Tells what newly failed to be written. Where Consul refuses for want of rights or of time, one line for an app is
    /// enough, and one for all when it takes nothing at all.
    pub fn unwritten(&mut self, agent: &str, unwritten: &Unwritten) {
        let mut refused: BTreeMap<&str, Vec<&Reason>> = BTreeMap::new();
        let mut others = BTreeMap::new();
        for (id, Failure { skipped, status, .. }) in unwritten.iter() {
            match status {
                Some(429) => refused.entry(EVERY_APP).or_default().push(&skipped.reason),
                Some(403) => {
                    refused.entry(skipped.app.as_str()).or_default().push(&skipped.reason);
                }
                _ => {
                    others.insert(id.to_owned(), skipped.reason.clone());
                    if self.failed.get(id) != Some(&skipped.reason) {
                        cannot(&skipped.app, &skipped.reason);
                    }
                }
            }
        }
        let mut new = refused.iter().filter(|(app, _)| !self.refused.contains(**app));
        if new.clone().count() > MAX_LINES {
            let first = new.next().map(|(_, reasons)| reasons.as_slice());
            refuses(agent, EVERY_APP, first.unwrap_or_default());
        } else {
            new.for_each(|(app, reasons)| refuses(agent, app, reasons));
        }
        if refused.is_empty() && !self.refused.is_empty() {
            info!(agent, "Consul takes writes again");
        }
        self.refused = refused.into_keys().map(str::to_owned).collect();
        self.failed = others;
    }
}

fn cannot(app: &AppId, reason: &Reason) {
    if let Reason::Refused { id, keys, why } = reason {
        warn!(%app, key = keys.join(","), id, error = why, "Service cannot be written");
    }
}

fn refuses(agent: &str, app: &str, reasons: &[&Reason]) {
    if let Some(Reason::Refused { keys, why, .. }) = reasons.first() {
        let (key, services) = (keys.join(","), reasons.len());
        warn!(
            agent,
            app,
            key,
            services,
            error = why,
            "Consul refuses writes; tried again more and more rarely"
        );
    }
}
