//! The loop: data, the end of a quiet time, and signals.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context;
use daemon::outage::Outage;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, TemplateConfig};
use crate::dependency::Dependency;
use crate::job::{Job, Stage};
use crate::render::Template;
use crate::source;
use crate::store::Store;
use crate::watch::{Update, Watcher};

/// How long data may be missing before the log says what is.
const PATIENCE: Duration = Duration::from_secs(5);
/// Updates that may wait for the loop.
const UPDATES: usize = 2048;

/// Reads and parses the templates of a configuration.
pub fn parse(config: &Config) -> anyhow::Result<Vec<Job>> {
    let now = Instant::now();
    let job = |template: &TemplateConfig| {
        let source = source::load(template, config.values.as_deref())?;
        Ok(Job::new(template.clone(), Template::parse(source)?, config.wait, now))
    };
    config.templates.iter().map(job).collect()
}

/// Renders until told to stop, or until everything was rendered once.
pub async fn run(
    config: &Config,
    jobs: Vec<Job>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (sender, mut updates) = mpsc::channel(UPDATES);
    let mut runner = Runner::new(config, jobs, Watcher::new(config.consul.clone(), sender));
    loop {
        // A check or a command may take its time, but not the operator's: it ends with us.
        match shutdown.run_until_cancelled(runner.advance()).await {
            Some(result) => result?,
            None => return Ok(()),
        }
        if config.once && runner.is_complete() {
            return Ok(());
        }
        let due = runner.due();
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            update = updates.recv() => {
                let update = update.context("all watches have ended")?;
                runner.take(update);
                while let Ok(update) = updates.try_recv() {
                    runner.take(update);
                }
            }
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {}
            () = tokio::time::sleep_until(runner.complain_at.into()), if !runner.has_complained => runner.complain(),
        }
    }
}

struct Runner {
    jobs: Vec<Job>,
    store: Store,
    watcher: Watcher,
    once: bool,
    dry: bool,
    failing: BTreeSet<Dependency>,
    outage: Outage,
    complain_at: Instant,
    has_complained: bool,
}

impl Runner {
    fn new(config: &Config, jobs: Vec<Job>, watcher: Watcher) -> Self {
        Self {
            jobs,
            store: Store::default(),
            watcher,
            once: config.once,
            dry: config.dry,
            failing: BTreeSet::new(),
            outage: Outage::default(),
            complain_at: Instant::now() + PATIENCE,
            has_complained: false,
        }
    }

    /// Renders what is due until nothing is, and watches what the templates now want.
    async fn advance(&mut self) -> anyhow::Result<()> {
        // Most updates change nothing that is due; what is wanted changes only by rendering.
        if self.due().is_none_or(|due| due > Instant::now()) {
            return Ok(());
        }
        for job in &mut self.jobs {
            let result = job.advance(&self.store, self.dry, Instant::now()).await;
            if self.once {
                result?;
            }
        }
        let wanted = self.jobs.iter().flat_map(Job::used).cloned().collect();
        for unwanted in self.watcher.watch(&wanted) {
            self.store.forget(&unwanted);
            self.failing.remove(&unwanted);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.jobs.iter().filter_map(Job::due).min()
    }

    fn is_complete(&self) -> bool {
        self.jobs.iter().all(|job| *job.stage() == Stage::Installed)
    }

    fn take(&mut self, Update { dependency, result }: Update) {
        if !self.watcher.is_watching(&dependency) {
            return;
        }
        let now = Instant::now();
        match result {
            Ok(data) => {
                self.failing.remove(&dependency);
                if self.failing.is_empty()
                    && let Some(recovery) = self.outage.recovered(now)
                {
                    let seconds = recovery.lasted.as_secs();
                    tracing::info!(
                        failures = recovery.failures,
                        seconds,
                        "All dependencies answer again"
                    );
                }
                if self.store.insert(dependency.clone(), data) {
                    self.jobs.iter_mut().for_each(|job| job.changed(&dependency, now));
                }
            }
            Err(error) => {
                tracing::debug!(dependency = %dependency, error = %error, "No answer");
                // One line an outage, not one a dependency: when Consul is away they all fail.
                if self.outage.failed(&"no answer", now) {
                    tracing::warn!(dependency = %dependency, error = %error, "No answer; the last data stay in use");
                }
                self.failing.insert(dependency);
            }
        }
    }

    /// Says what the templates wait for.
    fn complain(&mut self) {
        self.has_complained = true;
        for job in &self.jobs {
            if let Stage::Waiting(missing) = job.stage() {
                let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
                tracing::warn!(template = %job.source().display(), missing = missing.join(", "), "Still waiting for data");
            }
        }
    }
}
