//! What is known at one moment, in the form in which it is cheap to note down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ages::Ages;
use super::progress::Progress;
use crate::child;
use crate::deduplicate::standing::Standing;
use crate::dependency::Dependency;
use crate::haproxy::driver::{Applied, Counts, Driver};
use crate::haproxy::site::Site;
use crate::job::{Job, Stage};
use crate::store::Store;
use crate::watch::{PollError, Statistics};

/// Of what there may be thousands, so many are named; the rest is counted.
pub const NAMED: usize = 20;

/// Everything that is shown.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When the program started.
    pub start: Instant,
    /// The templates, in their order.
    pub templates: Vec<Template>,
    /// The last run of each command, by its line.
    pub commands: BTreeMap<String, Run>,
    /// The first dependencies that have no answer.
    pub failing: Vec<(String, Failing)>,
    /// How many there are.
    pub failing_count: usize,
    /// Since when there has always been one.
    pub failing_since: Option<Instant>,
    /// Where Consul is, and how it is watched.
    pub consul: Option<(String, Statistics)>,
    /// What is known of Consul.
    pub store: Store,
    /// What the values files say about routing, each once.
    pub sites: Vec<Site>,
    /// Since when instances are in their states.
    pub ages: Ages,
    /// The program that runs as a child.
    pub child: Option<child::Status>,
    /// How it stands among other instances, in the order of the templates; empty when nothing is shared.
    pub standings: Vec<Standing>,
}

/// A template on its way to its file.
#[derive(Clone, Debug)]
pub struct Template {
    /// What the log calls it.
    pub name: String,
    /// Its file.
    pub file: Option<String>,
    /// How far it came.
    pub state: State,
    /// The first dependencies that it waits for.
    pub waits_for: Vec<String>,
    /// How many these are.
    pub waits_for_count: usize,
    /// How many dependencies it has.
    pub dependencies: usize,
    /// What was left out of its text, and why.
    pub left_out: Arc<BTreeSet<String>>,
    /// What it fails with, and since when it fails.
    pub failure: Option<(String, Instant)>,
    /// Counts and times.
    pub progress: Progress,
    /// The HAProxy that follows its file.
    pub haproxy: Option<Haproxy>,
}

/// How far a template came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It lacks data.
    Waiting,
    /// Its file is as it should be.
    Installed,
    /// Its last attempt failed; the last good file stays.
    Failed,
}

/// The last run of a command.
#[derive(Clone, Debug)]
pub struct Run {
    /// When it was over.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// How often the command succeeded so far, and how often it failed.
    pub counts: [u64; 2],
}

/// A dependency without an answer.
#[derive(Clone, Debug)]
pub struct Failing {
    /// Since when.
    pub since: Instant,
    /// How often in a row.
    pub failures: u32,
    /// Why, the last time.
    pub error: String,
}

impl Failing {
    /// It begins to fail.
    pub const fn new(now: Instant) -> Self {
        Self { since: now, failures: 0, error: String::new() }
    }

    /// It failed, perhaps not for the first time.
    pub fn again(&mut self, error: &PollError) {
        self.failures += 1;
        self.error = error.to_string();
    }
}

/// A HAProxy that follows a template's file.
#[derive(Clone, Debug, Default)]
pub struct Haproxy {
    /// Whether it had what the file says when it was last looked at.
    pub is_settled: bool,
    /// Servers that are gone from the file, and still in the process.
    pub resting: usize,
    /// What was done last.
    pub applied: Option<Applied>,
    /// How often what was done.
    pub counts: Counts,
}

impl Snapshot {
    /// Nothing is known yet.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            templates: Vec::new(),
            commands: BTreeMap::new(),
            failing: Vec::new(),
            failing_count: 0,
            failing_since: None,
            consul: None,
            store: Store::default(),
            sites: Vec::new(),
            ages: Ages::new(start),
            child: None,
            standings: Vec::new(),
        }
    }

    /// Notes which dependencies have no answer. There may be thousands while Consul is away.
    pub fn fails(&mut self, failing: &BTreeMap<Dependency, Failing>, now: Instant) {
        let named = failing.iter().take(NAMED);
        self.failing = named.map(|(it, failing)| (it.to_string(), failing.clone())).collect();
        self.failing_count = failing.len();
        let since = self.failing_since.filter(|_| !failing.is_empty());
        self.failing_since = (!failing.is_empty()).then_some(since.unwrap_or(now));
    }

    /// Notes the last run of a command.
    pub fn ran(&mut self, line: &str, error: Option<String>, took: Duration, now: Instant) {
        let [mut succeeded, mut failed] =
            self.commands.get(line).map(|run| run.counts).unwrap_or_default();
        *if error.is_some() { &mut failed } else { &mut succeeded } += 1;
        let run = Run { at: now, took, error, counts: [succeeded, failed] };
        self.commands.insert(line.to_owned(), run);
    }
}

impl Haproxy {
    fn of(driver: &Driver) -> Self {
        Self {
            is_settled: driver.is_settled(),
            resting: driver.resting(),
            applied: driver.applied().cloned(),
            counts: driver.counts(),
        }
    }
}

impl Template {
    /// How a job stands.
    pub fn of(job: &Job) -> Self {
        let (state, missing) = match job.stage() {
            Stage::Waiting(missing) => (State::Waiting, Some(missing)),
            Stage::Installed => (State::Installed, None),
            Stage::Failed => (State::Failed, None),
        };
        let missing = missing.into_iter().flatten();
        Self {
            name: job.name().display().to_string(),
            file: job.file().map(|path| path.display().to_string()),
            state,
            waits_for: missing.clone().take(NAMED).map(ToString::to_string).collect(),
            waits_for_count: missing.count(),
            dependencies: job.used().len(),
            left_out: Arc::clone(job.left_out()),
            failure: job.failure().map(|(words, since)| (words.to_owned(), since)),
            progress: *job.progress(),
            haproxy: job.driver().map(Haproxy::of),
        }
    }
}
