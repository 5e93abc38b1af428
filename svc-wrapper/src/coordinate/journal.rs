//! What the log says about the configuration and the protocol: names, never values, and each thing once.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::change::Change;
use crate::env::Mapped;
use crate::reading::Reading;
use crate::restart::{Cause, State};
use crate::status::Board;

pub(super) struct Journal {
    pub(super) last: Mapped,
    board: Arc<Board>,
}

impl Journal {
    pub(super) fn new(first: Mapped, board: Arc<Board>) -> Self {
        board.read(&first);
        let names = first.environment.iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ");
        tracing::info!(variables = first.environment.len(), names, "Configuration read");
        let journal = Self { last: first, board };
        journal.report_skipped();
        journal
    }

    pub(super) fn note(&mut self, reading: &Reading) {
        let Reading::Usable(mapped) = reading else { return };
        self.board.read(mapped);
        let change = Change::between(&self.last.environment, &mapped.environment);
        if !change.is_empty() {
            tracing::info!(%change, "Configuration changed");
        }
        let skipped = self.last.skipped != mapped.skipped;
        self.last.clone_from(mapped);
        if skipped {
            self.report_skipped();
        }
    }

    /// Where the protocol stands now.
    pub(super) fn stands(&self, state: &State) {
        self.board.stands(state);
    }

    fn report_skipped(&self) {
        if !self.last.skipped.is_empty() {
            let keys: Vec<String> = self.last.skipped.iter().map(ToString::to_string).collect();
            tracing::warn!(keys = keys.join(", "), "Keys that become no variable");
        }
    }

    pub(super) async fn observe(mut self, mut readings: mpsc::Receiver<Reading>) {
        while let Some(reading) = readings.recv().await {
            if let Reading::Unusable(why) = &reading {
                tracing::debug!(?why, "Configuration cannot be trusted");
            }
            self.note(&reading);
        }
    }
}

/// One line for each step that an operator wants to know of.
pub(super) fn announce(before: &State, after: &State) {
    if before.name() == after.name() {
        return;
    }
    match after {
        State::Hold(Cause::Unusable(why)) => {
            tracing::warn!(?why, "Configuration cannot be trusted, nothing is restarted for it");
        }
        State::WaitDeployment(_) => {
            tracing::info!("Configuration changed during a deployment, waiting for its end");
        }
        State::Doomed(_) => tracing::info!("Marathon replaces this task"),
        State::Post(..) => tracing::info!("Asking Marathon for one rolling restart"),
        State::Blocked { .. } => {
            tracing::error!("Restart needed, but Marathon refuses; trying again in five minutes");
        }
        State::Leaving => tracing::warn!("Ending the command, to be started again"),
        State::Sync if matches!(before, State::Hold(_)) => {
            tracing::info!("Configuration is as this task has it");
        }
        _ => tracing::debug!(from = before.name(), to = after.name(), "Restart protocol"),
    }
}
