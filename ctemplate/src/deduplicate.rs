//! Sharing between instances: for each template one of them asks Consul, and leaves the answers in its KV store for the
//! others.
//!
//! Below `PREFIX/HASH/`, where the hash is of the template, `lock` is held by the one that leads and `data` is what it
//! knows. Each instance has one query on both. What the answers of Consul depend on besides the question (the agent, a
//! file, a certificate's key) is not shared.
//!
//! # Layout
//!
//! - [`role`]: who leads and who follows (pure). [`snapshot`]: the data as a value of Consul (pure).
//! - `member`: one template's lock and data. [`standing`]: how that looks from outside.

mod member;
pub mod role;
pub mod snapshot;
pub mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use consul::Client;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use self::member::Member;
use self::role::Role;
use self::snapshot::Snapshot;
use self::standing::{Observed, Observer};
use crate::config::settings::Deduplicate;
use crate::data::Data;
use crate::dependency::Dependency;
use crate::render::Source;
use crate::store::Store;

/// How long the locks may take to be given back at the end; they are free without that when their sessions expire.
const FAREWELL: Duration = Duration::from_secs(1);

/// A template's name in the KV store: equal for templates that ask for the same when they see the same.
pub fn name(source: &Source) -> String {
    let Source { text, language, delimiters, partials, values, .. } = source;
    let parts = serde_json::json!([text, language.extension(), delimiters, partials, values]);
    let digest = Sha256::digest(parts.to_string());
    digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What this instance shares. Without any settings that is nothing.
#[derive(Debug, Default)]
pub struct Group {
    /// By the names of templates.
    members: BTreeMap<String, Handle>,
    /// The names of templates, in the order of the jobs.
    names: Vec<String>,
}

#[derive(Debug)]
struct Handle {
    observed: Observed,
    offer: watch::Sender<Option<Vec<u8>>>,
    is_too_large: bool,
    task: JoinHandle<()>,
}

impl Group {
    /// Joins the others. `news` is told whenever a role or the data of another instance change.
    pub fn join(
        settings: Option<&Deduplicate>,
        client: &Client,
        names: Vec<String>,
        news: &Arc<Notify>,
    ) -> Self {
        let Some(settings) = settings else { return Self::default() };
        let mut members = BTreeMap::new();
        for name in &names {
            members.entry(name.clone()).or_insert_with(|| {
                let (offer, offered) = watch::channel(None);
                let (member, observed) =
                    Member::new(client.clone(), settings, name, Arc::clone(news));
                let task = tokio::spawn(member.run(offered));
                Handle { observed, offer, is_too_large: false, task }
            });
        }
        Self { members, names }
    }

    /// Who looks at its members from outside.
    pub fn observer(&self) -> Observer {
        let jobs = (0..self.names.len()).filter_map(|job| self.member(job));
        Observer::new(jobs.map(|member| member.observed.clone()).collect())
    }

    /// Whether nothing is shared.
    pub fn is_alone(&self) -> bool {
        self.members.is_empty()
    }

    fn member(&self, job: usize) -> Option<&Handle> {
        self.members.get(self.names.get(job)?)
    }

    /// Whether this instance asks Consul for a dependency of a job.
    pub fn asks(&self, job: usize, dependency: &Dependency) -> bool {
        self.member(job).is_none_or(|member| member.observed.role.borrow().asks(dependency))
    }

    /// What another instance says of the dependencies of a job.
    pub fn received(&self, job: usize) -> Option<Arc<Snapshot>> {
        match &*self.member(job)?.observed.role.borrow() {
            Role::Following(snapshot) => Some(Arc::clone(snapshot)),
            Role::Waiting { .. } | Role::Alone | Role::Leading { .. } => None,
        }
    }

    /// Offers others what is known of the dependencies of a job, if we lead and all of it is known.
    pub fn offer(&mut self, job: usize, used: &BTreeSet<Dependency>, store: &Store) {
        let member = self.names.get(job).and_then(|name| self.members.get_mut(name));
        let Some(member) = member else { return };
        let is_leading = matches!(*member.observed.role.borrow(), Role::Leading { .. });
        let offer = if is_leading {
            let Some(known) = known(used, store) else { return };
            let (bytes, fits) = snapshot::encode(&known);
            if !fits && !member.is_too_large {
                tracing::warn!(
                    "The data of a template do not fit into a value of Consul: each instance asks itself"
                );
            }
            member.is_too_large = !fits;
            Some(bytes)
        } else {
            None
        };
        member.offer.send_if_modified(|last| {
            let is_new = *last != offer;
            *last = offer;
            is_new
        });
    }

    /// Gives the locks back, so that another takes over at once.
    pub async fn leave(self) {
        let deadline = Instant::now() + FAREWELL;
        // Without anybody who offers something a member ends.
        let tasks: Vec<_> = self.members.into_values().map(|member| member.task).collect();
        for task in tasks {
            if !matches!(timeout_at(deadline, task).await, Ok(Ok(()))) {
                tracing::debug!("A lock is not given back; it is free when its session expires");
            }
        }
    }
}

/// What is known of what can be shared; `None` until that is everything.
fn known<'a>(used: &BTreeSet<Dependency>, store: &'a Store) -> Option<BTreeMap<String, &'a Data>> {
    let shared = used.iter().filter(|dependency| role::is_shared(dependency));
    shared.map(|it| Some((it.to_string(), store.recall(it)?.data()))).collect()
}
