//! Tells what cannot be done, once for as long as it stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing::{debug, info, warn};

use crate::skipped::Skipped;

/// What was told last about one agent.
#[derive(Debug, Default)]
pub struct Report {
    skipped: Arc<BTreeSet<Skipped>>,
    held: BTreeSet<String>,
    failed: BTreeMap<String, String>,
    pushed_back: Option<u16>,
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

    /// Tells what newly failed to be written. When Consul takes nothing at all, for want of rights or of time, one line is
    /// enough.
    pub fn failed(&mut self, agent: &str, failed: &BTreeMap<String, consul::Error>) {
        let refusal = failed.values().find(|err| matches!(err.status(), Some(403 | 429)));
        let pushed_back = refusal.and_then(consul::Error::status);
        if let (Some(error), true) = (refusal, pushed_back != self.pushed_back) {
            warn!(agent, %error, "Consul refuses writes; tried again more and more rarely");
        } else if pushed_back.is_none() && self.pushed_back.is_some() {
            info!(agent, "Consul takes writes again");
        }
        self.pushed_back = pushed_back;
        let others = failed.iter().filter(|(_, err)| !matches!(err.status(), Some(403 | 429)));
        let others: BTreeMap<_, _> =
            others.map(|(id, err)| (id.clone(), err.to_string())).collect();
        for (id, error) in &others {
            if self.failed.get(id) != Some(error) {
                warn!(id, error, "Service cannot be written");
            }
        }
        self.failed = others;
    }
}
