//! Telling a process which servers it is to have, and reading back what came of it.

use std::io;
use std::time::{Duration, Instant};

use super::memory::{File, Identity};
use super::plan::{self, Change, What};
use super::process::{Process, Scope};
use super::{Driver, LOOK};

/// How long a server rests before it is deleted. Up to 2.9 HAProxy does not know of every connection that still points at
/// a server; those it does not know end with what they were opened for.
pub(super) const REST: Duration = Duration::from_secs(2);
/// Since when servers can be added while HAProxy runs.
const ADDS_SERVERS: (u16, u16) = (2, 6);

/// What came of commands.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// How many there were.
    pub(super) commands: usize,
    /// What HAProxy said, when they were not enough.
    refusal: Option<String>,
}

impl Changed {
    /// Whether the process now has the servers that it is to have.
    pub(super) const fn is_enough(&self) -> bool {
        self.refusal.is_none()
    }

    /// Why a process of this version has to load its file, when the commands were not enough.
    pub(super) fn reload_reason(&self, version: (u16, u16)) -> Option<String> {
        let answer = self.refusal.as_deref()?;
        let (major, minor) = version;
        if version < ADDS_SERVERS && major > 0 {
            return Some(format!("HAProxy {major}.{minor} cannot be told every change of servers"));
        }
        let mut lines = answer.lines().map(str::trim).filter(|line| !line.is_empty());
        let is_refusal = |line: &&str| !line.starts_with("New server registered");
        let line = lines.find(is_refusal).unwrap_or("it said nothing").trim_end_matches('.');
        Some(format!("HAProxy could not be told every change of servers: {line}"))
    }
}

impl Driver {
    /// Sends the commands it takes to have the servers of the file, as far as the process was asked for them, and reads
    /// back what came of them.
    pub(super) async fn change(
        &mut self,
        file: &File,
        process: Process,
        now: Instant,
    ) -> io::Result<Changed> {
        let Some(loaded) = self.memory.loaded() else { return Ok(Changed::default()) };
        let mut plan = plan::plan(&loaded, &file.configuration, &process);
        let commands = plan.changes.iter().map(Change::commands).sum();
        let mut last = plan.take_last(&file.configuration, &process);
        let look_at = self.look_at;
        if commands > 0 {
            // Until it is read back, what the process has is not known.
            self.look_at = now;
        }
        let answer = self.send(&plan.changes).await?;
        if !last.is_empty() {
            let backends = last.iter().map(|change| change.place.backend.clone()).collect();
            let process = self.socket.read_of(Scope::of(backends)).await?;
            let mut left = plan::plan(&loaded, &file.configuration, &process);
            let still = left.take_last(&file.configuration, &process);
            last.retain(|change| !still.contains(change));
            self.send(&last).await?;
            plan.changes.extend(last);
        }
        let leaving = plan.changes.into_iter().filter(|change| change.what == What::Leave);
        let gone = leaving.map(|change| change.place).chain(plan.resting).collect();
        let over = self.memory.rest(gone, &process.scope, now, REST);
        if let Some(since) = self.memory.resting_since() {
            let pause = if since + LOOK > now { REST } else { LOOK };
            self.due = self.due.min(Some(now + pause));
        }
        let delete = |place| Change { place, what: What::Delete };
        // HAProxy refuses to delete a server that is in use; it is tried again.
        self.send(&over.into_iter().map(delete).collect::<Vec<_>>()).await?;
        if commands == 0 {
            return Ok(Changed::default());
        }
        let identity = Identity::of(&process);
        let process = self.socket.read_of(process.scope).await?;
        let left = plan::plan(&loaded, &file.configuration, &process).changes;
        if Identity::of(&process) != identity {
            self.due = Some(now);
        } else if left.is_empty() {
            self.look_at = look_at;
        }
        Ok(Changed { commands, refusal: (!left.is_empty()).then_some(answer) })
    }

    async fn send(&self, changes: &[Change]) -> io::Result<String> {
        let mut answer = String::new();
        for line in plan::lines(changes) {
            answer.push_str(&self.socket.send(&line).await?);
        }
        Ok(answer)
    }
}
