//! One template on its way to its file.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
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
use crate::haproxy::site::Site;
use crate::output::{Destination, OutputError};
use crate::quiescence::Quiescence;
use crate::render::{self, Memory, RenderError, Template};
use crate::status::progress::Progress;
use crate::store::Store;

/// A template, when to render it, and how far it came.
#[derive(Debug)]
pub struct Job {
    name: PathBuf,
    settings: settings::Template,
    template: Template,
    memory: Memory,
    destination: Option<Destination>,
    commands: Commands,
    quiescence: Quiescence,
    stage: Stage,
    used: BTreeSet<Dependency>,
    problems: Arc<BTreeSet<String>>,
    was_complete: bool,
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
    /// The text cannot be printed.
    #[error("standard output: {0}")]
    Print(#[from] io::Error),
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
            quiescence,
            stage: Stage::Waiting(BTreeSet::new()),
            used: BTreeSet::new(),
            problems: Arc::default(),
            was_complete: false,
            before: None,
            refused: None,
            outage: Outage::default(),
            progress: Progress::default(),
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

    /// Counts on where the same template of another configuration came to.
    pub fn follow(&mut self, before: &[Self]) {
        let is_same = |it: &&Self| it.name() == self.name() && it.file() == self.file();
        if let Some(before) = before.iter().find(is_same) {
            self.progress = before.progress;
        }
    }

    /// How far it came.
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Whether it was rendered with everything it needs, at least once.
    pub const fn was_complete(&self) -> bool {
        self.was_complete
    }

    /// What its last rendering asked for.
    pub const fn used(&self) -> &BTreeSet<Dependency> {
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
            JobError::Output(OutputError::Refused { .. }) | JobError::Command(_) => {
                matches!(self.settings.on_error, OnError::Exit)
            }
            JobError::Suspicious(_) => false,
            JobError::Print(_) => true,
        }
    }

    /// A dependency has a new value. What waits for data does not also wait for quiet.
    pub fn changed(&mut self, dependency: &Dependency, now: Instant) {
        if !self.used.contains(dependency) {
            return;
        }
        match self.stage {
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
        let start = Instant::now();
        let rendered = render::render_with(&mut self.memory, &self.template, store);
        self.progress.rendered(start, Instant::now());
        self.used = rendered.record.used;
        if !rendered.record.missing.is_empty() {
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

    /// The command failed after the file was written: the file becomes what it was, so that it is again what its readers
    /// know. A file that is new has nothing to become.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn roll_back(&mut self) -> Result<(), OutputError> {
        self.stage = Stage::Failed;
        let (Some(destination), Some(before)) = (&self.destination, self.before.take()) else {
            return Ok(());
        };
        let text = destination.read()?.unwrap_or_default();
        destination.restore(&before)?;
        self.refused = String::from_utf8(text).ok();
        tracing::warn!(template = %self.name().display(), file = %destination.path.display(), "File restored");
        Ok(())
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
        if let Err(error) = destination.install(&text, self.commands.check.as_ref()).await {
            self.refused = matches!(error, OutputError::Refused { .. }).then_some(text);
            return Err(error);
        }
        self.refused = None;
        self.before = old;
        self.progress.written(Instant::now());
        tracing::info!(template = %self.name().display(), file = %destination.path.display(), "File written");
        Ok(())
    }

    fn settle(&mut self, result: &Result<Outcome, JobError>) {
        match result {
            Err(error) => self.failed(error),
            // The command has a say too: until it has run, an outage goes on.
            Ok(Outcome::Written) if self.commands.after.is_some() => self.stage = Stage::Installed,
            Ok(_) => {
                self.stage = Stage::Installed;
                self.works();
            }
        }
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
