//! Starts and stops what the plan says, and plans again when something it depends on has changed.
//!
//! Whatever changes its way is read once after the new way is there: a direct query begins without an index, and what is
//! read on signals is read after each of them has spoken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use consul::Client;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id};
use tokio::time::{interval, sleep, timeout};

use super::budget::Budget;
use super::connections::Connections;
use super::plan::{self, Demand, Plan, Signal};
use super::poll::{self, Question};
use super::signal::{self, News};
use super::stale::Stale;
use super::{Reading, Statistics, Update};
use crate::dependency::{Dependency, Scope};

/// How often what no signal tells of is read, when it does not fit into the limit; how often the budget is looked at.
const CLOCK: Duration = Duration::from_secs(1);
/// So many requests leave room under any limit that one would set.
const FEW: usize = 16;
/// Reads under way at a time: more do not make Consul quicker, and each may leave another connection behind for a while.
const READS: usize = 16;
/// How long Consul may take to tell its limit.
const PATIENCE: Duration = Duration::from_secs(2);

/// The questions, each with the dependencies that it answers.
pub(super) type Sources = BTreeMap<Dependency, Arc<BTreeSet<Dependency>>>;

/// What a task tells.
#[derive(Debug)]
pub(super) enum Event {
    /// A question that is watched directly was answered anew.
    Changed(Dependency),
    /// A question was read once.
    Read { source: Dependency, task: Id },
    /// There is too much asked of Consul.
    Refused,
    /// How many connections Consul takes from one address, where it tells.
    Limit(Option<usize>),
    /// What to read.
    Signal(Signal, News),
}

/// A question with a blocking query.
#[derive(Debug)]
struct Direct {
    task: AbortHandle,
    /// The place of its connection.
    at: usize,
    variants: watch::Sender<Arc<BTreeSet<Dependency>>>,
}

/// A question that is read once.
#[derive(Debug)]
struct Read {
    task: AbortHandle,
    /// How many changes there were when it began.
    changes: u64,
}

/// What is known of Consul's limit of connections from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Unknown,
    Asked {
        /// Whether nothing more is watched before the answer.
        is_awaited: bool,
    },
    /// Or Consul does not tell.
    Told,
}

/// The running tasks.
#[derive(Debug)]
pub(super) struct Conductor {
    connections: Connections,
    reading: Reading,
    updates: mpsc::Sender<Update>,
    events: UnboundedSender<Event>,
    statistics: Arc<Mutex<Statistics>>,
    budget: Budget,
    consul_limit: Limit,
    sources: Sources,
    /// Whether something that the plan depends on has changed.
    is_outdated: bool,
    plan: Plan,
    direct: BTreeMap<Dependency, Direct>,
    signals: BTreeMap<Signal, AbortHandle>,
    reads: BTreeMap<Dependency, Read>,
    /// To be read, once the signals of its scope have spoken.
    stale: Stale,
    heard: BTreeSet<Signal>,
    nodes: BTreeMap<Scope, BTreeSet<String>>,
    changed: BTreeMap<Dependency, u64>,
    changes: u64,
}

impl Conductor {
    /// Nothing runs yet. The other end of the channel belongs to [`Conductor::run`].
    pub(super) fn new(
        connections: Connections,
        reading: Reading,
        updates: mpsc::Sender<Update>,
        statistics: Arc<Mutex<Statistics>>,
    ) -> (Self, UnboundedReceiver<Event>) {
        let (events, received) = mpsc::unbounded_channel();
        let conductor = Self {
            connections,
            reading,
            updates,
            events,
            statistics,
            budget: Budget::new(reading.max_connections),
            consul_limit: Limit::Unknown,
            sources: Sources::new(),
            is_outdated: false,
            plan: Plan::default(),
            direct: BTreeMap::new(),
            signals: BTreeMap::new(),
            reads: BTreeMap::new(),
            stale: Stale::default(),
            heard: BTreeSet::new(),
            nodes: BTreeMap::new(),
            changed: BTreeMap::new(),
            changes: 0,
        };
        (conductor, received)
    }

    /// Works until nobody wants anything any more.
    pub(super) async fn run(
        mut self,
        mut wanted: UnboundedReceiver<Sources>,
        mut events: UnboundedReceiver<Event>,
    ) {
        let mut clock = interval(CLOCK);
        loop {
            let limit = self.limit();
            tokio::select! {
                sources = wanted.recv() => match sources {
                    Some(sources) => self.want(sources),
                    None => return,
                },
                Some(event) = events.recv() => {
                    self.on(event);
                    while let Ok(event) = events.try_recv() {
                        self.on(event);
                    }
                }
                _ = clock.tick() => self.tick(),
            }
            if self.is_outdated || self.limit() != limit {
                self.replan();
            }
            self.read();
            self.count();
        }
    }

    /// How many requests may be open.
    fn limit(&self) -> usize {
        self.connections.limit(self.budget.get())
    }

    fn want(&mut self, sources: Sources) {
        for (source, variants) in &sources {
            let has_more = self.sources.get(source).is_some_and(|old| !variants.is_subset(old));
            if has_more {
                // The new variant needs the answer that the others have already. A blocking query goes on: Consul 1.8
                // counts one that is given up until it would have answered.
                if let Some(direct) = self.direct.get(source) {
                    direct.variants.send_replace(Arc::clone(variants));
                }
                if let Some(read) = self.reads.remove(source) {
                    read.task.abort();
                }
                self.stale.insert(source.clone());
            }
        }
        self.sources = sources;
        self.is_outdated = true;
        if self.sources.len() > FEW && matches!(self.consul_limit, Limit::Unknown) {
            self.ask(true);
        }
    }

    /// Asks Consul for its limit.
    fn ask(&mut self, is_awaited: bool) {
        if !matches!(self.consul_limit, Limit::Asked { .. }) {
            self.consul_limit = Limit::Asked { is_awaited };
            tokio::spawn(limit(self.connections.first(), self.events.clone()));
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Changed(source) => self.touch(source),
            Event::Read { source, task } => self.was_read(source, task),
            Event::Refused => self.refused(),
            Event::Limit(limit) => {
                self.consul_limit = Limit::Told;
                self.is_outdated = true;
                if limit.is_some_and(|limit| self.budget.learn(limit)) {
                    let connections = self.budget.get();
                    tracing::info!(
                        limit,
                        connections,
                        "Half of Consul's connections are for others"
                    );
                }
            }
            Event::Signal(signal, news) => self.heard(signal, news),
        }
    }

    fn was_read(&mut self, source: Dependency, task: Id) {
        // One that was stopped may have been quicker.
        let Some(read) = self.reads.get(&source).filter(|read| read.task.id() == task) else {
            return;
        };
        // The blocking query may have said something newer before.
        let is_old = self.changed.get(&source).is_some_and(|at| *at > read.changes);
        self.reads.remove(&source);
        if is_old {
            self.stale.insert(source);
        }
    }

    fn refused(&mut self) {
        let now = Instant::now();
        let is_less = self.budget.refused(now);
        if let Limit::Asked { is_awaited } = &mut self.consul_limit {
            self.is_outdated |= std::mem::take(is_awaited);
        } else if is_less {
            self.ask(false);
        }
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        statistics.refusals += 1;
        if self.budget.is_news(now) {
            let (refusals, unread) = (statistics.refusals, statistics.unread);
            let connections = self.budget.get();
            tracing::warn!(
                refusals,
                unread,
                connections,
                "Consul refuses requests; fewer connections are used"
            );
        }
    }

    fn heard(&mut self, signal: Signal, news: News) {
        if !self.signals.contains_key(&signal) {
            return;
        }
        let is_in = |source: &&Dependency| plan::signalled(source) == Some(&signal.scope);
        let is_meant = |source: &&Dependency| news.concerns(source);
        self.stale.extend(self.plan.read.iter().filter(is_in).filter(is_meant).cloned());
        let scope = signal.scope.clone();
        self.heard.insert(signal);
        if let News::Nodes(nodes) = news
            && self.nodes.get(&scope) != Some(&nodes)
        {
            self.nodes.insert(scope, nodes);
            self.is_outdated = true;
        }
    }

    fn tick(&mut self) {
        if self.budget.tick(Instant::now()) {
            tracing::info!("Consul takes requests again; all connections are used");
        }
        let unsignalled = |it: &&Dependency| plan::signalled(it).is_none();
        self.stale.extend(self.plan.read.iter().filter(unsignalled).cloned());
    }

    fn touch(&mut self, source: Dependency) {
        self.changes += 1;
        self.changed.insert(source, self.changes);
    }

    fn replan(&mut self) {
        if matches!(self.consul_limit, Limit::Asked { is_awaited: true }) {
            return;
        }
        self.is_outdated = false;
        let plan = plan::plan(&Demand {
            sources: self.sources.keys().collect(),
            limit: self.limit(),
            changed: &self.changed,
            nodes: &self.nodes,
        });
        self.stale.extend(plan.read.difference(&self.plan.read).cloned());
        keep(&mut self.direct, &plan.direct, |direct| direct.task.abort());
        // What is direct from now on reads for itself.
        let is_read = |it: &Dependency| plan.read.contains(it) || self.direct.contains_key(it);
        self.stale.retain(is_read);
        self.reads.retain(|source, read| {
            let stays = is_read(source);
            if !stays {
                read.task.abort();
            }
            stays
        });
        self.changed.retain(|it, _| self.sources.contains_key(it));
        keep(&mut self.signals, &plan.signals, AbortHandle::abort);
        self.heard.retain(|it| plan.signals.contains(it));
        self.nodes.retain(|scope, _| plan.signals.iter().any(|it| it.scope == *scope));
        self.plan = plan;
        self.start();
    }

    fn start(&mut self) {
        let mut loads = self.connections.loads(self.direct.values().map(|direct| direct.at));
        for source in &self.plan.direct {
            if self.direct.contains_key(source) {
                continue;
            }
            let Some((question, variants)) = self.question(source) else { continue };
            let (connection, at) = self.connections.choose(&mut loads);
            let task = poll::run(connection, question);
            let task = tokio::spawn(task).abort_handle();
            self.direct.insert(source.clone(), Direct { task, at, variants });
        }
        for signal in &self.plan.signals {
            if !self.signals.contains_key(signal) {
                let client = self.connections.first();
                let task = signal::run(client, self.reading, signal.clone(), self.events.clone());
                self.signals.insert(signal.clone(), tokio::spawn(task).abort_handle());
            }
        }
    }

    /// Reads what is stale, as far as there is room.
    fn read(&mut self) {
        let used = self.direct.len() + self.signals.len() + self.reads.len();
        let room = self.limit().saturating_sub(used).max(usize::from(self.reads.is_empty()));
        let room = room.min(READS.saturating_sub(self.reads.len()));
        let may = |it: &&Dependency| {
            !self.reads.contains_key(*it) && (self.direct.contains_key(*it) || self.has_signals(it))
        };
        let next: Vec<_> = self.stale.iter().filter(may).take(room).cloned().collect();
        for source in next {
            self.stale.remove(&source);
            if let Some((question, _)) = self.question(&source) {
                let client = self.connections.first();
                let task = poll::once(client, question);
                let task = tokio::spawn(task).abort_handle();
                self.reads.insert(source, Read { task, changes: self.changes });
            }
        }
    }

    /// Whether every signal that tells of a question's changes has spoken.
    fn has_signals(&self, source: &Dependency) -> bool {
        let Some(scope) = plan::signalled(source) else { return true };
        let mut of_scope = self.plan.signals.iter().filter(|it| it.scope == *scope);
        of_scope.all(|it| self.heard.contains(it))
    }

    fn question(
        &self,
        source: &Dependency,
    ) -> Option<(Question, watch::Sender<Arc<BTreeSet<Dependency>>>)> {
        let (sender, variants) = watch::channel(Arc::clone(self.sources.get(source)?));
        let question = Question {
            source: source.clone(),
            variants,
            reading: self.reading,
            updates: self.updates.clone(),
            events: self.events.clone(),
        };
        Some((question, sender))
    }

    fn count(&self) {
        let open = self.direct.len() + self.signals.len() + self.reads.len();
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        statistics.connections = self.connections.used(open);
        statistics.budget = self.budget.get();
        statistics.direct = self.direct.len();
        statistics.on_signals = self.plan.read.len();
        statistics.signals = self.signals.len();
        statistics.unread = self.stale.len() + self.reads.len();
        let since = statistics.unread_since.take().filter(|_| statistics.unread > 0);
        statistics.unread_since =
            (statistics.unread > 0).then(|| since.unwrap_or_else(Instant::now));
    }
}

impl Drop for Conductor {
    fn drop(&mut self) {
        let direct = self.direct.values().map(|direct| &direct.task);
        let reads = self.reads.values().map(|read| &read.task);
        direct.chain(self.signals.values()).chain(reads).for_each(AbortHandle::abort);
    }
}

/// Asks until there is an answer.
async fn limit(client: Client, events: UnboundedSender<Event>) {
    loop {
        let limit = match timeout(PATIENCE, client.agent_self()).await {
            Ok(Ok(agent)) => usize::try_from(agent.debug_config.http_max_conns_per_client).ok(),
            Ok(Err(error)) if error.is_refusal() => {
                if events.send(Event::Refused).is_err() {
                    return;
                }
                sleep(CLOCK).await;
                continue;
            }
            // Consul does not tell everybody, and proxies do not know.
            _ => None,
        };
        drop(events.send(Event::Limit(limit.filter(|limit| *limit > 0))));
        return;
    }
}

/// Stops what is not in the plan.
fn keep<K: Ord, V>(running: &mut BTreeMap<K, V>, planned: &BTreeSet<K>, stop: impl Fn(&V)) {
    running.retain(|key, task| {
        let stays = planned.contains(key);
        if !stays {
            stop(task);
        }
        stays
    });
}
