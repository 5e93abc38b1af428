//! What follows a new file: commands, HAProxy, and the child.

use std::fmt::Display;
use std::time::Instant;

use anyhow::Context as _;

use super::{Runner, pending, retry};
use crate::child::Child;
use crate::config::settings::Output;
use crate::haproxy::driver::Driver;
use crate::job::{Job, JobError};
use crate::run::queue::{Verdict, Waiting};
use crate::run::variables;

impl Runner {
    pub(super) fn ask_for_command(&mut self, index: usize, now: Instant) {
        let Some((command, on_error)) = self
            .jobs
            .get(index)
            .and_then(|job| job.command().cloned().map(|command| (command, job.on_error())))
        else {
            return;
        };
        let sharing = self.jobs.iter().filter(|job| job.command() == Some(&command));
        let patience = sharing.map(Job::longest_wait).max().unwrap_or_default();
        self.queue.add(&command, index, on_error, patience, now);
    }

    pub(super) async fn run_commands(&mut self) -> anyhow::Result<()> {
        while let Some(waiting) =
            self.queue.take(Instant::now(), |command| pending(&self.jobs, command))
        {
            let start = Instant::now();
            let result = waiting.command.run().await;
            let error = result.as_ref().err().map(|error| -> &dyn Display { error });
            self.board.ran(&waiting.command.line(), error, start);
            match result {
                Ok(()) => {
                    tracing::info!(command = waiting.command.line(), "Command succeeded");
                    for index in waiting.jobs {
                        if let Some(job) = self.jobs.get_mut(index) {
                            job.accepted();
                        }
                    }
                }
                Err(error) => self.command_failed(waiting, error.into())?,
            }
            self.board.advanced(&self.jobs);
        }
        Ok(())
    }

    fn command_failed(&mut self, waiting: Waiting, error: JobError) -> anyhow::Result<()> {
        let jobs = waiting.jobs.clone();
        for index in &jobs {
            if let Some(job) = self.jobs.get_mut(*index) {
                job.failed(&error);
            }
        }
        let (once, retry) = (self.settings.once, retry(&self.settings));
        let verdict = self.queue.failed(waiting, once, &retry, Instant::now());
        if verdict == Verdict::RollBack {
            for index in &jobs {
                if let Some(job) = self.jobs.get_mut(*index)
                    && let Err(error) = job.roll_back()
                {
                    tracing::error!(template = %job.name().display(), error = %error, "File not restored");
                }
            }
        }
        if once || verdict == Verdict::Exit { Err(error.into()) } else { Ok(()) }
    }

    /// Makes each HAProxy follow its file.
    pub(super) async fn drive(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let is_due = |job: &Job| job.driver().and_then(Driver::due).is_some_and(|due| due <= now);
        if !self.jobs.iter().any(is_due) {
            return Ok(());
        }
        for index in 0..self.jobs.len() {
            let Some(job) = self.jobs.get_mut(index) else { continue };
            let now = Instant::now();
            if let Err(error) = job.drive(now).await {
                self.attempt_failed(index, error, now)?;
            }
        }
        self.board.advanced(&self.jobs);
        Ok(())
    }

    /// Starts the child when all its files are there; tells it when one of them is new.
    pub(super) fn tell_child(&mut self, has_news: bool) -> anyhow::Result<()> {
        let Some(exec) = self.settings.exec.as_ref() else { return Ok(()) };
        if self.settings.output != Output::Write {
            return Ok(());
        }
        match &mut self.child {
            Some(child) if has_news => child.tell(Instant::now()),
            None if self.jobs.iter().all(Job::was_complete) => {
                let variables = variables(&exec.env, &self.settings);
                let child = Child::start(exec.clone(), variables, self.control.clone());
                let line = || format!("'{}'", exec.command.words().join(" "));
                let child = child.with_context(line)?;
                self.board.runs(child.status());
                self.child = Some(child);
            }
            _ => {}
        }
        Ok(())
    }
}
