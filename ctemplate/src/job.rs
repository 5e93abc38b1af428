//! One template on its way to its file.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use daemon::outage::Outage;

use crate::command::CommandError;
use crate::config::{TemplateConfig, Wait};
use crate::dependency::Dependency;
use crate::output::{self, OutputError};
use crate::quiescence::Quiescence;
use crate::render::{self, RenderError, Template};
use crate::store::Store;

/// A template, when to render it, and how far it came.
#[derive(Debug)]
pub struct Job {
    config: TemplateConfig,
    template: Template,
    quiescence: Quiescence,
    stage: Stage,
    used: BTreeSet<Dependency>,
    problems: BTreeSet<String>,
    refused: Option<String>,
    outage: Outage,
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

/// An attempt that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The template cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The file is not installed.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The file is installed, but the command that should tell others failed.
    #[error("command {0}")]
    Command(#[from] CommandError),
    /// The text cannot be printed.
    #[error("standard output: {0}")]
    Print(#[from] io::Error),
}

impl Job {
    /// A template that is due at once.
    pub fn new(config: TemplateConfig, template: Template, wait: Wait, now: Instant) -> Self {
        let mut quiescence = Quiescence::new(wait);
        quiescence.tick_now(now);
        Self {
            config,
            template,
            quiescence,
            stage: Stage::Waiting(BTreeSet::new()),
            used: BTreeSet::new(),
            problems: BTreeSet::new(),
            refused: None,
            outage: Outage::default(),
        }
    }

    /// The template's path.
    pub fn source(&self) -> &Path {
        &self.config.source
    }

    /// How far it came.
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// What its last rendering asked for.
    pub const fn used(&self) -> &BTreeSet<Dependency> {
        &self.used
    }

    /// When it wants to be rendered.
    pub fn due(&self) -> Option<Instant> {
        self.quiescence.due()
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

    /// Renders the template if it is due, and installs the text if it is complete.
    ///
    /// # Errors
    ///
    /// What went wrong; it was logged, unless it went wrong in the same way before.
    pub async fn advance(
        &mut self,
        store: &Store,
        dry: bool,
        now: Instant,
    ) -> Result<(), JobError> {
        if !self.quiescence.take(now) {
            return Ok(());
        }
        let rendered = render::render(&self.template, store);
        self.used = rendered.record.used;
        if !rendered.record.missing.is_empty() {
            // An error may come from what is missing, so it says nothing yet.
            self.stage = Stage::Waiting(rendered.record.missing);
            return Ok(());
        }
        self.report(rendered.record.problems);
        let result = match rendered.text {
            // The check would refuse the same text again; its answer is in the log.
            Ok(text) if self.refused.as_ref() == Some(&text) => {
                self.stage = Stage::Failed;
                return Ok(());
            }
            Ok(text) => self.install(text, dry).await,
            Err(error) => Err(error.into()),
        };
        self.stage = if result.is_ok() { Stage::Installed } else { Stage::Failed };
        self.log(&result);
        result
    }

    async fn install(&mut self, text: String, dry: bool) -> Result<(), JobError> {
        let Some(path) = self.config.destination.clone().filter(|_| !dry) else {
            return self.print(&text);
        };
        match output::install(&path, &text, self.config.check.as_ref()).await {
            Ok(is_new) => {
                self.refused = None;
                if !is_new {
                    return Ok(());
                }
            }
            Err(error) => {
                self.refused = matches!(error, OutputError::Refused { .. }).then_some(text);
                return Err(error.into());
            }
        }
        tracing::info!(template = %self.source().display(), file = %path.display(), "File written");
        if let Some(command) = &self.config.command {
            command.run().await?;
            tracing::info!(command = command.line(), "Command succeeded");
        }
        Ok(())
    }

    /// Shows a text as consul-template's dry mode does: only when the file would change.
    fn print(&self, text: &str) -> Result<(), JobError> {
        let mut stdout = io::stdout().lock();
        if let Some(path) = &self.config.destination {
            if output::holds(path, text)? {
                return Ok(());
            }
            writeln!(stdout, "> {}", path.display())?;
        }
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }

    fn log(&mut self, result: &Result<(), JobError>) {
        let now = Instant::now();
        match result {
            Err(error) => {
                if self.outage.failed(error, now) {
                    let failures = self.outage.total();
                    tracing::error!(template = %self.config.source.display(), error = %error, failures, "Template failed");
                }
            }
            Ok(()) => {
                if let Some(recovery) = self.outage.recovered(now) {
                    tracing::info!(template = %self.config.source.display(), failures = recovery.failures, "Template works again");
                }
            }
        }
    }

    /// Logs each problem once when it appears and once when it is gone.
    fn report(&mut self, problems: BTreeSet<String>) {
        for problem in problems.difference(&self.problems) {
            tracing::warn!(template = %self.source().display(), problem, left_out = problems.len(), "Left out");
        }
        for problem in self.problems.difference(&problems) {
            tracing::info!(template = %self.source().display(), problem, "No longer left out");
        }
        self.problems = problems;
    }
}
