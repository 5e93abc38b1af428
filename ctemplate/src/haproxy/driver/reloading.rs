//! Having a process load its file, when that is possible and not too soon.

use std::time::Instant;

use super::memory::{File, Identity, clock};
use super::{DriveError, Driver, LOOK, Reload, Way, ports};
use crate::haproxy::reload::{self, ReloadError};

/// A reload that is needed.
pub(super) struct Reloading<'a> {
    /// What is to be loaded.
    pub(super) file: &'a File,
    /// The process that is to go, when it answers.
    pub(super) old: Option<Identity>,
    /// Why it takes a reload.
    pub(super) reason: String,
    /// How many commands were sent for the same file.
    pub(super) commands: usize,
    /// When the work on it began.
    pub(super) start: Instant,
}

/// What keeps a reload from being made now.
pub(super) enum Obstacle {
    /// The last one was only just.
    TooSoon(Instant),
    /// The same was refused, with these words.
    Refused(String),
}

/// Why there was no reload.
enum Failure {
    /// Nobody was there to be asked.
    Away(String),
    /// It did not load the file.
    Refused(String),
}

impl Driver {
    /// What would keep this file from being loaded now.
    pub(super) fn obstacle(&self, file: &File, now: Instant) -> Option<Obstacle> {
        if let Some(error) = self.memory.refusal(file, now) {
            return Some(Obstacle::Refused(error.to_owned()));
        }
        self.reload_at.filter(|at| *at > now).map(Obstacle::TooSoon)
    }

    /// Makes the process load the file, if nothing is in the way.
    pub(super) async fn reload_unless(
        &mut self,
        obstacle: Option<Obstacle>,
        reloading: Reloading<'_>,
    ) -> Result<(), DriveError> {
        let Reloading { file, old, reason, commands, start } = reloading;
        self.is_settled = false;
        // It may have servers of a file that it has not loaded, of which nothing is remembered.
        self.look_at = start;
        match obstacle {
            Some(Obstacle::Refused(error)) => return Err(self.memory.refused(file, reason, error)),
            Some(Obstacle::TooSoon(until)) => {
                self.due = self.due.min(Some(until));
                return Ok(());
            }
            None => {}
        }
        match self.reload(file, old).await {
            Ok(()) => {}
            Err(Failure::Away(error)) => {
                self.reload_at = Some(Instant::now() + LOOK);
                return Err(self.away(&error));
            }
            Err(Failure::Refused(error)) => {
                self.counts.refused += 1;
                self.memory.refuse(file, error.clone(), Instant::now());
                return Err(self.memory.refused(file, reason, error));
            }
        }
        self.counts.reloads += 1;
        self.done(Way::Reload, start, commands, Some(reason));
        // What it has loaded need not be what it runs: it may have read servers from a file of states.
        self.look_at = Instant::now();
        self.due = Some(self.look_at);
        Ok(())
    }

    /// Makes the process load the file, and waits for the one that takes its place.
    async fn reload(&mut self, file: &File, old: Option<Identity>) -> Result<(), Failure> {
        if let Some(loaded) = self.memory.loaded().filter(|_| self.settings.check_ports) {
            let taken = ports::taken(&ports::added(&loaded, &file.configuration)).await;
            if !taken.is_empty() {
                let taken: Vec<_> = taken.iter().map(ToString::to_string).collect();
                let error = format!("another program listens on {}", taken.join(", "));
                return Err(Failure::Refused(error));
            }
        }
        let at = clock();
        let result = self.settings.reload.run().await;
        self.reload_at = Some(Instant::now() + self.settings.reload_interval);
        result?;
        let new = match old {
            None => None,
            Some(old) => {
                let wrong = |error| Failure::Refused(format!("no new process took over: {error}"));
                Some(self.socket.read_other_than(old.pid).await.map_err(wrong)?)
            }
        };
        self.memory.has_reloaded(new.as_ref().map(Identity::of), file, at);
        Ok(())
    }
}

impl Reload {
    async fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Master(socket) => reload::reload(socket).await.map_err(|error| match error {
                ReloadError::Socket { .. } => Failure::Away(error.to_string()),
                _ => Failure::Refused(error.to_string()),
            }),
            Self::Command(command) => {
                command.run().await.map_err(|error| Failure::Refused(error.to_string()))
            }
        }
    }
}
