//! Tells what cannot be done, once for as long as it stays so.

use std::collections::{BTreeMap, BTreeSet};

use tracing::{debug, info, warn};

use crate::skipped::Skipped;

/// What was told last.
#[derive(Debug, Default)]
pub struct Report {
    skipped: BTreeSet<Skipped>,
    held: BTreeSet<String>,
    failed: BTreeMap<String, String>,
}

impl Report {
    /// Tells what is newly left out.
    pub fn skipped(&mut self, skipped: BTreeSet<Skipped>) {
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

    /// Tells what newly failed to be written.
    pub fn failed(&mut self, failed: BTreeMap<String, consul::Error>) {
        let failed: BTreeMap<_, _> =
            failed.into_iter().map(|(id, err)| (id, err.to_string())).collect();
        for (id, error) in &failed {
            if self.failed.get(id) != Some(error) {
                warn!(id, error, "Service cannot be written");
            }
        }
        self.failed = failed;
    }
}
