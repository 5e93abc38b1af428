//! Keeps a poll running for every wanted dependency.
//!
//! What is wanted comes as a set after each rendering; how it is watched is this module's business alone.

mod poll;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use consul::Client;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

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
}

/// The running polls.
#[derive(Debug)]
pub struct Watcher {
    client: Client,
    reading: Reading,
    updates: mpsc::Sender<Update>,
    polls: BTreeMap<Dependency, AbortHandle>,
}

impl Watcher {
    /// Nothing is watched yet; updates go to the given channel.
    pub const fn new(client: Client, reading: Reading, updates: mpsc::Sender<Update>) -> Self {
        Self { client, reading, updates, polls: BTreeMap::new() }
    }

    /// Watches exactly what is wanted, and gives back what no longer is.
    pub fn watch(&mut self, wanted: &BTreeSet<Dependency>) -> Vec<Dependency> {
        let unwanted: Vec<_> =
            self.polls.keys().filter(|known| !wanted.contains(known)).cloned().collect();
        for dependency in &unwanted {
            if let Some(poll) = self.polls.remove(dependency) {
                poll.abort();
            }
        }
        for dependency in wanted {
            if !self.polls.contains_key(dependency) {
                let poll = poll::run(
                    self.client.clone(),
                    self.reading,
                    dependency.clone(),
                    self.updates.clone(),
                );
                self.polls.insert(dependency.clone(), tokio::spawn(poll).abort_handle());
            }
        }
        unwanted
    }

    /// Whether a dependency is still wanted: an update may arrive after its poll was stopped.
    pub fn is_watching(&self, dependency: &Dependency) -> bool {
        self.polls.contains_key(dependency)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.polls.values().for_each(AbortHandle::abort);
    }
}
