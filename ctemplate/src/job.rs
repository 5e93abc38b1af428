//! One template on its way to its file.
//!
//! # Layout
//!
//! - `follow`: what may still happen to the file once it is there.

mod follow;

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use daemon::outage::Outage;
use serde::Deserialize as _;

use crate::command::{Command, CommandError};
use crate::config::settings::{self, OnError, Output, Wait};
use crate::dependency::Dependency;
use crate::diff;
use crate::guard::{self, Suspicion};
use crate::haproxy::driver::{DriveError, Driver};
use crate::haproxy::site::Site;
use crate::output::{Destination, OutputError};
use crate::quiescence::Quiescence;
use crate::render::{self, Memory, RenderError, Template};
use crate::status::progress::Progress;
use crate::store::Store;

/// How long answers wait for others that are missing as well when none comes, and when they keep coming: there is no file
/// without all of them, and a rendering may at best find more to ask for.
const GATHERING: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(1);
/// The share of the time that such renderings may take is one in so many.
const SHARE: u32 = 10;

/// A template, when to render it, and how far it came.
#[derive(Debug)]
pub struct Job {
    name: PathBuf,
    settings: settings::Template,
    template: Template,
    memory: Memory,
    destination: Option<Destination>,
    commands: Commands,
    driver: Option<Driver>,
    quiescence: Quiescence,
    stage: Stage,
    /// What had no answer yet when it was rendered, and has none now.
    awaited: BTreeSet<Dependency>,
    used: Arc<BTreeSet<Dependency>>,
    problems: Arc<BTreeSet<String>>,
    was_complete: bool,
    /// Whether the file is what was rendered last.
    is_current: bool,
    before: Option<Vec<u8>>,
    refused: Option<String>,
    outage: Outage,
    progress: Progress,
}

/// The commands of a template.
#[derive(Clone, Debug, Default)]
pub struct Commands {
    /// Run on the new file before it replaces the old one.
    pub check: Option<Command>,
    /// Run when the file has changed.
    pub after: Option<Command>,
}

/// How far a template came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for these dependencies, or has not been rendered yet.
    Waiting(BTreeSet<Dependency>),
    /// Its file is as it should be.
    Installed,
    /// Its last attempt failed; the last good file stays.
    Failed,
}

/// What came of an attempt that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing new in the file.
    Unchanged,
    /// The file is new.
    Written,
}

/// An attempt that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The template cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The file is not installed.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The text is not trusted.
    #[error("{0}; the old file stays")]
    Suspicious(#[from] Suspicion),
    /// The file is installed, but the command that should tell others failed.
    #[error("command {0}")]
    Command(#[from] CommandError),
    /// The file is installed, but HAProxy does not follow it.
    #[error(transparent)]
    Haproxy(#[from] DriveError),
    /// The text cannot be printed.
    #[error("standard output: {0}")]
    Print(#[from] io::Error),
}

impl JobError {
    /// Whether somebody who was asked does not want the file.
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Output(OutputError::Refused { .. }) | Self::Haproxy(DriveError::Refused { .. })
        )
    }
}

impl Job {
    /// A template that is due at once.
    pub fn new(
        settings: settings::Template,
        template: Template,
        commands: Commands,
        wait: Wait,
        now: Instant,
    ) -> Self {
        let mut quiescence = Quiescence::new(wait);
        quiescence.tick_now(now);
        let mut name = settings.name().to_owned();
        if let (settings::Source::Contents(_), Some(file)) =
            (&settings.source, &settings.destination)
        {
            name.as_mut_os_string().push(format!(" for {}", file.display()));
        }
        Self {
            name,
            destination: Destination::of(&settings),
            settings,
            template,
            memory: Memory::default(),
            commands,
            driver: None,
            quiescence,
            stage: Stage::Waiting(BTreeSet::new()),
            awaited: BTreeSet::new(),
            used: Arc::default(),
            problems: Arc::default(),
            was_complete: false,
            is_current: false,
            before: None,
            refused: None,
            outage: Outage::default(),
            progress: Progress::default(),
        }
    }

    /// The same, with a HAProxy that follows its file.
    #[must_use]
    pub fn driving(self, driver: Option<Driver>) -> Self {
        Self { driver, ..self }
    }

    /// The HAProxy that follows its file.
    pub const fn driver(&self) -> Option<&Driver> {
        self.driver.as_ref()
    }

    /// Goes on where one of another configuration came to: for the same template with its counts, for the same file with
    /// what is known of its HAProxy.
    pub fn inherit(&mut self, old: &mut Self) {
        if (self.name(), self.file()) == (old.name(), old.file()) {
            self.progress = old.progress;
        }
        if self.driver.is_some() && self.destination == old.destination {
            let (new, old) = (self.driver.take(), old.driver.take());
            self.driver = match (new, old) {
                (Some(new), Some(old)) => Some(new.inheriting(old)),
                (new, _) => new,
            };
        }
    }

    /// What the log calls the template: its file, or `(dynamic)` and the file that it becomes.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// The file it becomes.
    pub fn file(&self) -> Option<&Path> {
        self.settings.destination.as_deref()
    }

    /// What its values say about routing, when they do.
    pub fn site(&self) -> Option<Site> {
        let site = Site::deserialize(self.template.values()).ok()?;
        (!site.environments.is_empty()).then_some(site)
    }

    /// What became of it so far.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What is left out of its text, and why.
    pub const fn left_out(&self) -> &Arc<BTreeSet<String>> {
        &self.problems
    }

    /// What it fails with, and since when it fails.
    pub fn failure(&self) -> Option<(&str, Instant)> {
        self.outage.ongoing()
    }

    /// How far it came.
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Whether it was rendered with everything it needs, at least once.
    pub const fn was_complete(&self) -> bool {
        self.was_complete
    }

    /// What its last rendering asked for; the very same set as long as that does not change.
    pub const fn used(&self) -> &Arc<BTreeSet<Dependency>> {
        &self.used
    }

    /// How often in a row it failed.
    pub fn failures(&self) -> u32 {
        u32::try_from(self.outage.failures()).unwrap_or(u32::MAX)
    }

    /// When it wants to be rendered.
    pub fn due(&self) -> Option<Instant> {
        self.quiescence.due()
    }

    /// The longest time between a change and its rendering.
    pub const fn longest_wait(&self) -> Duration {
        self.quiescence.longest()
    }

    /// The command to run when the file has changed.
    pub const fn command(&self) -> Option<&Command> {
        self.commands.after.as_ref()
    }

    /// What follows when its check or command fails.
    pub const fn on_error(&self) -> OnError {
        self.settings.on_error
    }

    /// Whether the program ends because of an error. Once, every error is the last.
    pub const fn is_fatal(&self, error: &JobError) -> bool {
        match error {
            JobError::Render(_) | JobError::Output(OutputError::Write { .. }) => {
                self.settings.error_fatal
            }
            JobError::Output(OutputError::Refused { .. })
            | JobError::Command(_)
            | JobError::Haproxy(DriveError::File { .. } | DriveError::Refused { .. }) => {
                matches!(self.settings.on_error, OnError::Exit)
            }
            JobError::Suspicious(_) | JobError::Haproxy(DriveError::Away(_)) => false,
            JobError::Print(_) => true,
        }
    }

    /// A dependency has a new value. What waits for data does not also wait for quiet, but for the other data that are
    /// awaited: only with all of them there is a file.
    pub fn changed(&mut self, dependency: &Dependency, now: Instant) {
        if !self.used.contains(dependency) {
            return;
        }
        match self.stage {
            Stage::Waiting(_) if self.awaited.remove(dependency) && !self.awaited.is_empty() => {
                let max = (self.progress.took * SHARE).max(*GATHERING.end());
                self.quiescence.tick_within(now, Wait { min: *GATHERING.start(), max });
            }
            Stage::Waiting(_) => self.quiescence.tick_now(now),
            Stage::Installed | Stage::Failed => self.quiescence.tick(now),
        }
    }

    /// Has it try again at a time, the same text too.
    pub fn repeat(&mut self, at: Instant) {
        self.refused = None;
        self.quiescence.tick_now(at);
    }

    /// Renders the template if it is due, and installs the text if it is complete.
    ///
    /// # Errors
    ///
    /// What went wrong; it was logged, unless it went wrong in the same way before.
    pub async fn advance(
        &mut self,
        store: &Store,
        output: Output,
        now: Instant,
    ) -> Result<Outcome, JobError> {
        if !self.quiescence.take(now) {
            return Ok(Outcome::Unchanged);
        }
        self.is_current = false;
        let start = Instant::now();
        let rendered = render::render_with(&mut self.memory, &self.template, store);
        self.progress.rendered(start, Instant::now());
        self.used = rendered.record.used;
        if !rendered.record.missing.is_empty() {
            let is_unknown = |it: &&Dependency| store.recall(it).is_none();
            self.awaited = rendered.record.missing.iter().filter(is_unknown).cloned().collect();
            // An error may come from what is missing, so it says nothing yet.
            self.stage = Stage::Waiting(rendered.record.missing);
            return Ok(Outcome::Unchanged);
        }
        self.was_complete |= rendered.text.is_ok();
        self.report(rendered.record.problems);
        let result = match rendered.text {
            // It would be refused again; why is in the log.
            Ok(text) if self.refused.as_ref() == Some(&text) => {
                self.stage = Stage::Failed;
                return Ok(Outcome::Unchanged);
            }
            Ok(text) => self.bring(text, store, output).await,
            Err(error) => Err(error.into()),
        };
        self.settle(&result);
        result
    }

    async fn bring(
        &mut self,
        text: String,
        store: &Store,
        output: Output,
    ) -> Result<Outcome, JobError> {
        let Some(destination) = self.destination.clone() else {
            print(&text)?;
            return Ok(Outcome::Unchanged);
        };
        let old = destination.read()?;
        if old.as_deref() == Some(text.as_bytes()) {
            self.refused = None;
            if output == Output::Write {
                destination.settle()?;
            }
            return Ok(Outcome::Unchanged);
        }
        match output {
            Output::Print => print(&format!("> {}\n{text}", destination.path.display()))?,
            Output::Diff => {
                let old = old.as_deref().map(String::from_utf8_lossy);
                print(&diff::unified(&destination.path, old.as_deref(), &text))?;
            }
            Output::Write => {
                self.guard(old.as_deref(), &text, store)?;
                self.install(&destination, text, old).await?;
                return Ok(Outcome::Written);
            }
        }
        Ok(Outcome::Unchanged)
    }

    /// Refuses what would empty a file that is there.
    fn guard(&self, old: Option<&[u8]>, text: &str, store: &Store) -> Result<(), Suspicion> {
        let Some(old) = old.filter(|old| !old.is_empty()) else { return Ok(()) };
        if let Some(allowed) = self.settings.max_shrink {
            guard::shrink(old.len(), text.len(), allowed)?;
        }
        self.settings
            .min_instances
            .map_or(Ok(()), |wanted| guard::instances(&self.used, store, wanted))
    }

    async fn install(
        &mut self,
        destination: &Destination,
        text: String,
        old: Option<Vec<u8>>,
    ) -> Result<(), OutputError> {
        let is_ahead = self.lead(&destination.path, &text).await;
        if let Err(error) = destination.install(&text, self.commands.check.as_ref()).await {
            if is_ahead {
                self.go_back(&destination.path).await;
            }
            self.refused = matches!(error, OutputError::Refused { .. }).then_some(text);
            return Err(error);
        }
        self.refused = None;
        // What was never followed by a success is nothing to go back to.
        self.before = self.before.take().or(old);
        self.progress.written(Instant::now());
        tracing::info!(template = %self.name().display(), file = %destination.path.display(), "File written");
        Ok(())
    }

    fn settle(&mut self, result: &Result<Outcome, JobError>) {
        self.is_current = result.is_ok();
        match result {
            Err(error) => self.failed(error),
            // The command has a say too, and so has HAProxy: until they are done, an outage goes on.
            Ok(Outcome::Written) if self.commands.after.is_some() => self.stage = Stage::Installed,
            Ok(_) if self.driver.is_some() => self.stage = Stage::Installed,
            Ok(_) => {
                self.stage = Stage::Installed;
                self.works();
            }
        }
        if let Some(driver) = self.driver.as_mut().filter(|_| self.stage == Stage::Installed) {
            match result {
                Ok(Outcome::Written) => driver.ask(Instant::now()),
                _ => driver.begin(Instant::now()),
            }
        }
    }

    /// The file is followed: there is no going back.
    pub fn accepted(&mut self) {
        self.before = None;
        self.works();
    }

    /// An attempt failed, or the command after it.
    pub fn failed(&mut self, error: &JobError) {
        self.stage = Stage::Failed;
        self.progress.failures += 1;
        if self.outage.failed(error, Instant::now()) {
            let failures = self.outage.total();
            tracing::error!(template = %self.name().display(), error = %error, failures, "Template failed");
        }
    }

    /// All of it worked, with the command after it.
    pub fn works(&mut self) {
        self.progress.is_in_place = true;
        if let Some(recovery) = self.outage.recovered(Instant::now()) {
            tracing::info!(template = %self.name().display(), failures = recovery.failures, "Template works again");
        }
    }

    /// Logs each problem once when it appears and once when it is gone.
    fn report(&mut self, problems: BTreeSet<String>) {
        for problem in problems.difference(&self.problems) {
            tracing::warn!(template = %self.name().display(), problem, left_out = problems.len(), "Left out");
        }
        for problem in self.problems.difference(&problems) {
            tracing::info!(template = %self.name().display(), problem, "No longer left out");
        }
        self.problems = Arc::new(problems);
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

#[cfg(test)]
mod tests;
