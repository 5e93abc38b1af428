//! Keeps every wanted dependency watched, with a limited number of connections.
//!
//! What is wanted comes as a set after each rendering; how it is watched is this module's business alone.
//!
//! # Layout
//!
//! - `source`: which dependencies share a question (pure). `stale`: which are to be read (pure).
//! - `shown`: what the last answers showed of each node (pure). `sweep`: which nodes to look at (pure).
//! - `plan`: which way each question is watched (pure). `budget`: how many connections there may be (pure).
//! - `conductor`: runs what the plan says, over the connections of `connections`.
//! - `poll`: one question, asked again and again, or once. `signal`: blocking queries that tell what to read.

mod budget;
mod conductor;
mod connections;
mod plan;
mod poll;
mod shown;
mod signal;
mod source;
mod stale;
mod sweep;
mod sweeps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use consul::{Client, Traffic};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use self::conductor::{Conductor, Sources};
use self::connections::Connections;
use crate::data::Data;
use crate::dependency::Dependency;

/// News of a dependency.
#[derive(Debug)]
pub struct Update {
    /// Of what.
    pub dependency: Dependency,
    /// Its value, or why there is none for now; the poll goes on.
    pub result: Result<Data, PollError>,
}

/// A poll that failed and will be repeated.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// Consul did not answer, or with something unusable.
    #[error(transparent)]
    Consul(#[from] consul::Error),
    /// Consul has no leader, so that its answer may lack what is there.
    #[error("Consul has no leader")]
    NoLeader,
    /// A file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        error: std::io::Error,
    },
}

impl PollError {
    /// Whether there is too much asked of Consul.
    const fn is_refusal(&self) -> bool {
        matches!(self, Self::Consul(error) if error.is_refusal())
    }
}

/// How everything is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// How long a blocking query waits for a change.
    pub wait: Duration,
    /// How old the answer of a server that does not lead may be; zero to ask the leader only.
    pub max_stale: Duration,
    /// The pause after the first failure.
    pub backoff: Duration,
    /// The longest pause.
    pub max_backoff: Duration,
    /// How many connections there may be.
    pub max_connections: usize,
}

/// What is watched, and how it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections in use.
    pub connections: usize,
    /// How many there may be.
    pub budget: usize,
    /// Questions with a blocking query each.
    pub direct: usize,
    /// Questions that are read when a signal or the clock says so.
    pub on_signals: usize,
    /// Blocking queries that say so.
    pub signals: usize,
    /// Questions that may have another answer than the last one, and what may tell of such: nodes to be looked at, signals
    /// that have not spoken.
    pub unread: usize,
    /// Since when there has always been such a question.
    pub unread_since: Option<Instant>,
    /// Answers 429 and 503.
    pub refusals: u64,
    /// What went to Consul and came back.
    pub traffic: Traffic,
}

/// Looks at how it goes, from elsewhere.
#[derive(Clone, Debug)]
pub struct Observer {
    statistics: Arc<Mutex<Statistics>>,
    client: Client,
}

impl Observer {
    /// How it goes.
    pub fn statistics(&self) -> Statistics {
        let statistics = *self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        Statistics { traffic: self.client.traffic(), ..statistics }
    }

    /// Where Consul is.
    pub fn address(&self) -> &str {
        self.client.address().as_str()
    }
}

/// What is wanted, and the task that watches it.
#[derive(Debug)]
pub struct Watcher {
    wanted: BTreeSet<Dependency>,
    sources: mpsc::UnboundedSender<Sources>,
    observer: Observer,
    conductor: AbortHandle,
}

impl Watcher {
    /// Nothing is watched yet; updates go to the given channel. Needs a runtime.
    pub fn new(client: Client, reading: Reading, updates: mpsc::Sender<Update>) -> Self {
        let observer = Observer { statistics: Arc::default(), client: client.clone() };
        let statistics = Arc::clone(&observer.statistics);
        let (conductor, events) =
            Conductor::new(Connections::new(client), reading, updates, statistics);
        let (sources, received) = mpsc::unbounded_channel();
        let conductor = tokio::spawn(conductor.run(received, events)).abort_handle();
        Self { wanted: BTreeSet::new(), sources, observer, conductor }
    }

    /// Watches exactly what is wanted, and gives back what no longer is.
    pub fn watch(&mut self, wanted: &BTreeSet<Dependency>) -> Vec<Dependency> {
        if self.wanted == *wanted {
            return Vec::new();
        }
        let unwanted = self.wanted.difference(wanted).cloned().collect();
        self.wanted.clone_from(wanted);
        let mut sources = BTreeMap::<_, Vec<_>>::new();
        for dependency in wanted {
            sources.entry(source::of(dependency)).or_default().push(dependency.clone());
        }
        let sources = sources.into_iter().map(|(source, it)| (source, it.into())).collect();
        // It ends only with us.
        drop(self.sources.send(sources));
        unwanted
    }

    /// Whether a dependency is still wanted: an update may arrive after its poll was stopped.
    pub fn is_watching(&self, dependency: &Dependency) -> bool {
        self.wanted.contains(dependency)
    }

    /// How it goes.
    pub fn statistics(&self) -> Statistics {
        self.observer.statistics()
    }

    /// Lets others look at how it goes.
    pub const fn observer(&self) -> &Observer {
        &self.observer
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.conductor.abort();
    }
}
