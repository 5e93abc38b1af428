//! What is read and looked at once, as far as there is room.

use std::time::Instant;

use super::{Conductor, LOOKS, Read, poll, signal};
use crate::dependency::Dependency;

/// Reads under way at a time: more do not make Consul quicker, and each may leave another connection behind for a while.
const READS: usize = 16;

impl Conductor {
    /// Does what there is to do, as far as there is room: reads first, unless the sweeps have waited for long.
    pub(super) fn read_and_sweep(&mut self) {
        let now = Instant::now();
        if self.sweeps.is_overdue(now) {
            self.sweep(1, now);
        }
        self.read();
        // What is known to have changed comes before what may have: Consul is quicker with one of them at a time.
        if self.stale.len() == 0 && self.reads.is_empty() {
            self.sweep(LOOKS, now);
        }
    }

    /// Requests that end soon.
    fn under_way(&self) -> usize {
        self.reads.len() + self.sweeps.under_way()
    }

    /// All requests.
    pub(super) fn open(&self) -> usize {
        self.direct.len() + self.signals.len() + self.under_way()
    }

    /// How many more requests there may be.
    fn room(&self) -> usize {
        let room = self.limit().saturating_sub(self.open());
        room.max(usize::from(self.under_way() == 0))
    }

    /// Reads what is stale.
    fn read(&mut self) {
        let room = self.room().min(READS.saturating_sub(self.reads.len()));
        let may = |it: &&Dependency| !self.reads.contains_key(*it);
        let next: Vec<_> = self.stale.iter().filter(may).take(room).cloned().collect();
        for source in next {
            self.stale.remove(&source);
            if let Some((question, _)) = self.question(&source) {
                let client = self.connections.first();
                let task = poll::once(client, question);
                let task = tokio::spawn(task).abort_handle();
                let read = Read { task, changes: self.changes, looks: Vec::new() };
                self.reads.insert(source, read);
            }
        }
    }

    /// Looks at nodes, at no more than so many at a time.
    fn sweep(&mut self, most: usize, now: Instant) {
        while self.sweeps.under_way() < most
            && self.room() > 0
            && let Some(visit) = self.sweeps.next(now)
        {
            let at = visit.at.clone();
            let client = self.connections.first();
            let task = signal::visit(client, self.reading, visit, self.events.clone());
            self.sweeps.started(at, tokio::spawn(task).abort_handle());
        }
    }
}
