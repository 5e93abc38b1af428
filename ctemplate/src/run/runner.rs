//! What the loop works on: the templates, what is known, the commands that wait, and the child.

mod after;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daemon::outage::Outage;
use tokio::sync::{Notify, mpsc};

use super::queue::{self, Queue};
use super::{Plan, variables};
use crate::child::Child;
use crate::command::Command;
use crate::config::settings::{OnError, Retry, Settings};
use crate::data::Data;
use crate::deduplicate::Group;
use crate::dependency::Dependency;
use crate::haproxy::driver::Driver;
use crate::job::{Job, JobError, Outcome, Stage};
use crate::signals::Control;
use crate::status::Board;
use crate::status::snapshot::Failing;
use crate::store::Store;
use crate::watch::{Reading, Update, Watcher};

/// How long data may be missing before the log says what is.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many connections there may be when the settings do not say it: half of what Consul takes from one address.
const MAX_CONNECTIONS: usize = 100;

/// Everything that changes while the program runs.
#[derive(Debug)]
pub(super) struct Runner {
    settings: Settings,
    jobs: Vec<Job>,
    store: Store,
    watcher: Watcher,
    updates: mpsc::Sender<Update>,
    group: Group,
    /// Told when other instances have news.
    shared: Arc<Notify>,
    /// What the templates use, from us or from other instances.
    wanted: BTreeSet<Dependency>,
    /// What each of them used when that was last looked at.
    used: Option<Vec<Arc<BTreeSet<Dependency>>>>,
    queue: Queue,
    child: Option<Child>,
    control: Control,
    /// What has no answer.
    failing: BTreeMap<Dependency, Failing>,
    board: Arc<Board>,
    outage: Outage,
    complain_at: Option<Instant>,
    give_up_at: Option<Instant>,
}

/// `-once-timeout` is over.
#[derive(Debug, thiserror::Error)]
#[error("not everything was rendered within {}: {}", show(*.after), .unfinished.join("; "))]
pub(super) struct OnceTimeout {
    after: Duration,
    unfinished: Vec<String>,
}

/// A dependency for which Consul has no data, where that is an error.
#[derive(Debug, thiserror::Error)]
#[error("{template}: there is no data for {dependencies}, and err_on_failed_lookup is set")]
pub(super) struct NoData {
    template: String,
    dependencies: String,
}

fn show(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

impl Runner {
    pub(super) fn new(
        plan: Plan,
        updates: mpsc::Sender<Update>,
        shared: Arc<Notify>,
        control: Control,
        board: Arc<Board>,
    ) -> Self {
        let Plan { settings, client, jobs, names } = plan;
        let now = Instant::now();
        let watcher = Watcher::new(client.clone(), reading(&settings), updates.clone());
        board.configured(&jobs, watcher.observer());
        let group = Group::join(settings.deduplicate.as_ref(), &client, names, &shared);
        board.shares(group.observer());
        Self {
            jobs,
            group,
            shared,
            wanted: BTreeSet::new(),
            used: None,
            store: Store::default(),
            watcher,
            updates,
            queue: Queue::default(),
            child: None,
            control,
            failing: BTreeMap::new(),
            board,
            outage: Outage::default(),
            complain_at: Some(now + PATIENCE),
            give_up_at: settings.once_timeout.filter(|_| settings.once).map(|limit| now + limit),
            settings,
        }
    }

    /// Lets whoever asks see what is known.
    pub(super) fn tell(&self) {
        self.board.knows(&self.store, &self.failing);
    }

    /// Renders what is due until nothing is, watches what the templates now want, and tells others of what is new.
    pub(super) async fn advance(&mut self) -> anyhow::Result<()> {
        // Most updates change nothing that is due; what is wanted changes only by rendering.
        let is_due = |job: &Job| job.due().is_some_and(|due| due <= Instant::now());
        let mut has_news = false;
        if self.jobs.iter().any(is_due) {
            has_news = self.render().await?;
        }
        self.run_commands().await?;
        self.drive().await?;
        self.tell_child(has_news)
    }

    /// Renders what is due. True when a file is new.
    async fn render(&mut self) -> anyhow::Result<bool> {
        let mut has_news = false;
        for index in 0..self.jobs.len() {
            let Some(job) = self.jobs.get_mut(index) else { continue };
            let now = Instant::now();
            match job.advance(&self.store, self.settings.output, now).await {
                Ok(Outcome::Unchanged) => self.check_lookups(index)?,
                Ok(Outcome::Written) => {
                    has_news = true;
                    self.ask_for_command(index, now);
                }
                Err(error) => self.attempt_failed(index, error, now)?,
            }
        }
        self.watch();
        self.board.advanced(&self.jobs);
        Ok(has_news)
    }

    /// An attempt came to nothing: that is the end, or there is another one.
    fn attempt_failed(
        &mut self,
        index: usize,
        error: JobError,
        now: Instant,
    ) -> Result<(), JobError> {
        let Some(job) = self.jobs.get_mut(index) else { return Ok(()) };
        if self.settings.once || job.is_fatal(&error) {
            return Err(error);
        }
        if error.is_refusal() && job.on_error() == OnError::Retry {
            job.repeat(now + queue::pause(&retry(&self.settings), job.failures()));
        }
        Ok(())
    }

    /// Watches what the templates use and no other instance watches for us; takes what others know, and tells them what
    /// we do.
    pub(super) fn watch(&mut self) {
        let used: Vec<_> = self.jobs.iter().map(|job| Arc::clone(job.used())).collect();
        let is_same = |last: &Vec<_>| last.iter().zip(&used).all(|(a, b)| Arc::ptr_eq(a, b));
        if self.group.is_alone() && self.used.as_ref().is_some_and(is_same) {
            return;
        }
        self.used = Some(used);
        let (mut wanted, mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for (index, job) in self.jobs.iter().enumerate() {
            wanted.extend(job.used().iter().cloned());
            let asked = job.used().iter().filter(|it| self.group.asks(index, it));
            ours.extend(asked.cloned());
            if let Some(snapshot) = self.group.received(index) {
                let known = job.used().iter().filter_map(|it| Some((it, snapshot.recall(it)?)));
                let is_new = |(it, data): &(&Dependency, &Data)| {
                    self.store.recall(it).is_none_or(|known| known.data() != *data)
                };
                let new = known.filter(is_new).map(|(it, data)| (it.clone(), data.clone()));
                theirs.extend(new);
            }
        }
        for unwatched in self.watcher.watch(&ours) {
            self.failing.remove(&unwatched);
        }
        for unwanted in mem::replace(&mut self.wanted, wanted).difference(&self.wanted) {
            self.store.forget(unwanted);
            self.board.forgot(unwanted);
        }
        let now = Instant::now();
        for (dependency, data) in theirs {
            // Our own watch knows better.
            if !ours.contains(&dependency) {
                self.learn(&dependency, data, now);
            }
        }
        self.tell();
        for (index, job) in self.jobs.iter().enumerate() {
            self.group.offer(index, job.used(), &self.store);
        }
    }

    /// Takes a value.
    fn learn(&mut self, dependency: &Dependency, data: Data, now: Instant) {
        if self.store.insert(dependency.clone(), data) {
            self.jobs.iter_mut().for_each(|job| job.changed(dependency, now));
            if let Some(known) = self.store.recall(dependency) {
                self.board.learned(dependency, known.data(), now);
            }
        }
    }

    /// Lets another instance take over what we ask of Consul for others.
    pub(super) async fn leave(&mut self) {
        mem::take(&mut self.group).leave().await;
    }

    /// Does what another configuration says from now on. The child and what is known stay, if they can.
    pub(super) async fn replace(&mut self, plan: Plan) {
        let Plan { settings, client, jobs, names } = plan;
        self.leave().await;
        self.group = Group::join(settings.deduplicate.as_ref(), &client, names, &self.shared);
        self.board.shares(self.group.observer());
        let reading = reading(&settings);
        if settings.consul != self.settings.consul || reading != self::reading(&self.settings) {
            self.watcher = Watcher::new(client, reading, self.updates.clone());
            self.store = Store::default();
            self.failing.clear();
        }
        let mut old = mem::replace(&mut self.jobs, jobs);
        for job in &mut self.jobs {
            for old in &mut old {
                job.inherit(old);
            }
        }
        self.used = None;
        self.board.configured(&self.jobs, self.watcher.observer());
        self.queue.forget_jobs();
        self.complain_at = Some(Instant::now() + PATIENCE);
        match (&settings.exec, &mut self.child) {
            (Some(exec), Some(child)) => {
                let variables = variables(&exec.env, &settings);
                child.become_like(exec.clone(), variables, Instant::now());
            }
            (None, child) => {
                if let Some(child) = child.take() {
                    child.stop().await;
                }
            }
            (Some(_), None) => {}
        }
        self.settings = settings;
        tracing::info!(templates = self.jobs.len(), "Configuration read again");
    }

    /// When something is to be done that nothing else announces.
    pub(super) fn wake(&self) -> Option<Instant> {
        let jobs = self.jobs.iter().filter_map(Job::due);
        let queue = self.queue.due(|command| pending(&self.jobs, command));
        let drivers = self.jobs.iter().filter_map(|job| job.driver()?.due());
        jobs.chain(queue).chain(drivers).chain(self.complain_at).chain(self.give_up_at).min()
    }

    /// It is time for what is not done by [`Runner::advance`].
    pub(super) fn woken(&mut self, now: Instant) -> anyhow::Result<()> {
        if self.complain_at.is_some_and(|at| at <= now) {
            self.complain_at = None;
            self.complain();
        }
        match self.give_up_at.filter(|at| *at <= now) {
            Some(_) if !self.is_complete() => {
                let after = self.settings.once_timeout.unwrap_or_default();
                Err(OnceTimeout { after, unfinished: self.unfinished() }.into())
            }
            Some(_) => {
                self.give_up_at = None;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether all files are as they should be, and everybody was told.
    pub(super) fn is_complete(&self) -> bool {
        let is_installed = |job: &Job| {
            *job.stage() == Stage::Installed && job.driver().is_none_or(Driver::is_settled)
        };
        self.jobs.iter().all(is_installed) && self.queue.is_empty()
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_done(&self) -> bool {
        self.settings.once && self.is_complete() && self.child.is_none()
    }

    pub(super) const fn child(&mut self) -> Option<&mut Child> {
        self.child.as_mut()
    }

    pub(super) fn into_child(self) -> Option<Child> {
        self.child
    }

    /// Takes an answer, or notes that there was none.
    ///
    /// # Errors
    ///
    /// When there was none too often.
    pub(super) fn take(&mut self, Update { dependency, result }: Update) -> anyhow::Result<()> {
        if !self.watcher.is_watching(&dependency) {
            return Ok(());
        }
        let now = Instant::now();
        match result {
            Ok(data) => {
                self.failing.remove(&dependency);
                self.recovered(now);
                self.learn(&dependency, data, now);
                Ok(())
            }
            Err(error) => {
                tracing::debug!(dependency = %dependency, error = %error, "No answer");
                // One line an outage, not one a dependency: when Consul is away they all fail.
                if self.outage.failed(&"no answer", now) {
                    tracing::warn!(dependency = %dependency, error = %error, "No answer; the last data stay in use");
                }
                let failing = self.failing.entry(dependency.clone());
                let failing = failing.or_insert_with(|| Failing::new(now));
                failing.again(&error);
                let failures = failing.failures;
                if is_last(self.settings.consul.retry.as_ref(), failures) {
                    let context = format!("{dependency} after {failures} attempts");
                    return Err(anyhow::Error::new(error).context(context));
                }
                Ok(())
            }
        }
    }

    fn recovered(&mut self, now: Instant) {
        if self.failing.is_empty()
            && let Some(recovery) = self.outage.recovered(now)
        {
            let seconds = recovery.lasted.as_secs();
            tracing::info!(failures = recovery.failures, seconds, "All dependencies answer again");
        }
    }

    /// Demands that what a template waits for may still come, where the settings do so.
    fn check_lookups(&self, index: usize) -> Result<(), NoData> {
        let Some(job) = self.jobs.get(index).filter(|_| self.settings.err_on_failed_lookup) else {
            return Ok(());
        };
        let Stage::Waiting(missing) = job.stage() else { return Ok(()) };
        let answered = missing.iter().filter(|it| self.store.recall(it).is_some());
        let answered: Vec<_> = answered.map(ToString::to_string).collect();
        if answered.is_empty() {
            return Ok(());
        }
        let template = job.name().display().to_string();
        Err(NoData { template, dependencies: answered.join(", ") })
    }

    /// Says what the templates wait for.
    fn complain(&self) {
        for job in &self.jobs {
            if let Stage::Waiting(missing) = job.stage() {
                let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
                tracing::warn!(template = %job.name().display(), missing = missing.join(", "), "Still waiting for data");
            }
        }
    }

    /// What is not as it should be, in words.
    fn unfinished(&self) -> Vec<String> {
        let unfinished = self.jobs.iter().filter_map(|job| {
            let name = job.name().display();
            match job.stage() {
                Stage::Waiting(missing) => {
                    let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
                    Some(format!("{name} waits for {}", missing.join(", ")))
                }
                Stage::Failed => Some(format!("{name} failed")),
                Stage::Installed => None,
            }
        });
        unfinished.collect()
    }
}

/// Until when a file is still to come that a command is for.
fn pending(jobs: &[Job], command: &Command) -> Option<Instant> {
    jobs.iter().filter(|job| job.command() == Some(command)).filter_map(Job::due).max()
}

fn reading(settings: &Settings) -> Reading {
    let retry = retry(settings);
    Reading {
        wait: settings.block_query_wait,
        max_stale: settings.max_stale,
        backoff: retry.backoff,
        max_backoff: queue::longest(&retry),
        max_connections: match settings.consul.transport.max_conns_per_host {
            0 => MAX_CONNECTIONS,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        },
    }
}

fn retry(settings: &Settings) -> Retry {
    settings.consul.retry.unwrap_or_default()
}

/// Whether so many failures in a row are too many. Without a policy one is.
fn is_last(retry: Option<&Retry>, failures: u32) -> bool {
    retry.is_none_or(|retry| retry.attempts.is_some_and(|attempts| failures > attempts.get()))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn queries_are_repeated_for_as_long_as_the_policy_says() {
        let limited = Retry { attempts: NonZeroU32::new(2), ..Retry::default() };
        for (retry, failures, want) in [
            (Some(Retry::default()), u32::MAX, false),
            (Some(limited), 2, false),
            (Some(limited), 3, true),
            (None, 1, true),
        ] {
            assert_eq!(is_last(retry.as_ref(), failures), want, "{retry:?} {failures}");
        }
    }
}
