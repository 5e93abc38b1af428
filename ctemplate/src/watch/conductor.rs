//! Starts and stops what the plan says, and plans again when something it depends on has changed.
//!
//! Whatever changes its way is read once: a direct query begins without an index. What is read on signals need not wait for
//! them, because all that they tell is compared with what was read. So what has no answer yet comes first, and signals whose
//! first answers are large begin when all of it was asked for: there is no file without it. They also wait until the budget
//! has settled: Consul counts one that is given up until it would have answered, and others find no room meanwhile.
//!
//! # Layout
//!
//! - `limit`: how many connections Consul takes, where it tells, and what happens when they were too many.
//! - `room`: what is read and looked at once, as far as there is room.

mod limit;
mod room;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use consul::Index;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, Id};
use tokio::time::{interval, sleep_until};

use self::limit::Limit;
use super::budget::Budget;
use super::connections::Connections;
use super::plan::{self, Demand, Plan, Signal};
use super::poll::{self, Question};
use super::shown::{self, Look, Shown};
use super::signal::{self, News};
use super::stale::Stale;
use super::sweeps::{self, Sweeps};
use super::{PollError, Reading, Statistics, Update};
use crate::dependency::{Dependency, Scope};

/// How often what no signal tells of is read, when it does not fit into the limit; how often the budget is looked at.
const CLOCK: Duration = Duration::from_secs(1);
/// So many requests leave room under any limit that one would set.
const FEW: usize = 16;
/// Looks at nodes under way at a time, and first answers of signals on nodes.
const LOOKS: usize = 4;
/// The questions, each with the dependencies that it answers.
pub(super) type Sources = BTreeMap<Dependency, Arc<[Dependency]>>;

/// What a task tells.
#[derive(Debug)]
pub(super) enum Event {
    /// A question that is watched directly was answered anew.
    Changed(Dependency),
    /// A question was not answered, and is asked again.
    Failed(Dependency),
    /// A question was read once.
    Read { source: Dependency, task: Id, shown: shown::Content },
    /// There is too much asked of Consul.
    Refused,
    /// How many connections Consul takes from one address, where it tells.
    Limit(Option<usize>),
    /// Something has changed.
    Signal(Signal, News),
    /// A signal tells nothing until it speaks again.
    Lost(Signal, PollError),
    /// A node was looked at once; nothing, where it is as it was.
    Visited { at: Signal, look: Option<Look>, index: Option<Index> },
}

/// A question with a blocking query.
#[derive(Debug)]
struct Direct {
    task: AbortHandle,
    /// The place of its connection.
    at: usize,
    variants: watch::Sender<Arc<[Dependency]>>,
}

/// A question that is read once.
#[derive(Debug)]
struct Read {
    task: AbortHandle,
    /// How many changes there were when it began.
    changes: u64,
    /// What was seen since: the answer may be older.
    looks: Vec<Arc<Look>>,
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
    /// Those to be read that had neither an answer nor an error yet.
    untried: BTreeSet<Dependency>,
    /// Whether something that the plan depends on has changed.
    is_outdated: bool,
    plan: Plan,
    direct: BTreeMap<Dependency, Direct>,
    signals: BTreeMap<Signal, AbortHandle>,
    /// For their first answers.
    turn: Arc<Semaphore>,
    /// Those that have not spoken since they began, or since they failed.
    silent: BTreeSet<Signal>,
    /// Whether one of them failed.
    is_deaf: bool,
    reads: BTreeMap<Dependency, Read>,
    /// What was read, by the scopes whose signals tell of its changes.
    shown: BTreeMap<Scope, Shown>,
    sweeps: Sweeps,
    /// To be read.
    stale: Stale,
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
            untried: BTreeSet::new(),
            is_outdated: false,
            plan: Plan::default(),
            direct: BTreeMap::new(),
            signals: BTreeMap::new(),
            turn: Arc::new(Semaphore::new(LOOKS)),
            silent: BTreeSet::new(),
            is_deaf: false,
            reads: BTreeMap::new(),
            shown: BTreeMap::new(),
            sweeps: Sweeps::default(),
            stale: Stale::default(),
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
            let pause_ends = self.sweeps.pause_ends(Instant::now());
            let pause = sleep_until(pause_ends.unwrap_or_else(Instant::now).into());
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
                () = pause, if pause_ends.is_some() => {}
            }
            if self.is_outdated || self.limit() != limit {
                self.replan();
            }
            self.read_and_sweep();
            self.count();
        }
    }

    /// How many requests may be open.
    fn limit(&self) -> usize {
        self.connections.limit(self.budget.get())
    }

    fn want(&mut self, sources: Sources) {
        for (source, variants) in &sources {
            let Some(old) = self.sources.get(source) else {
                self.untried.insert(source.clone());
                continue;
            };
            if variants.iter().any(|it| !old.contains(it)) {
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

    fn on(&mut self, event: Event) {
        match event {
            Event::Changed(source) => self.touch(source),
            Event::Failed(source) => self.tried(&source),
            Event::Read { source, task, shown } => self.was_read(source, task, shown),
            Event::Refused => self.refused(),
            Event::Limit(limit) => self.told_limit(limit),
            Event::Signal(signal, news) => self.heard(&signal, news),
            Event::Lost(signal, error) => self.lost(signal, &error),
            Event::Visited { at, look, index } => {
                if self.sweeps.visited(&at, index, Instant::now())
                    && let Some(look) = look
                {
                    self.looked(&at.scope, look);
                }
            }
        }
    }

    fn was_read(&mut self, source: Dependency, task: Id, content: shown::Content) {
        let Entry::Occupied(read) = self.reads.entry(source) else { return };
        // One that was stopped may have been quicker.
        if read.get().task.id() != task {
            return;
        }
        let (source, read) = read.remove_entry();
        self.tried(&source);
        // The blocking query may have said something newer before.
        let is_old = self.changed.get(&source).is_some_and(|at| *at > read.changes);
        let mut differs = false;
        if self.plan.read.contains(&source)
            && let Some(scope) = plan::signalled(&source)
        {
            let shown = self.shown.entry(scope.clone()).or_default();
            shown.insert(&source, content);
            differs = read.looks.iter().any(|look| shown.differs(&source, look));
        }
        if is_old || differs {
            self.stale.insert(source);
        }
    }

    /// After the last one, signals that have waited for it may begin.
    fn tried(&mut self, source: &Dependency) {
        if self.untried.remove(source) {
            let scope = plan::signalled(source);
            self.is_outdated |= !self.untried.iter().any(|it| plan::signalled(it) == scope);
        }
    }

    fn heard(&mut self, signal: &Signal, news: News) {
        if !self.signals.contains_key(signal) {
            return;
        }
        let scope = signal.scope.clone();
        if news.is_everything {
            let is_in = |source: &&Dependency| plan::signalled(source) == Some(&scope);
            self.stale.extend(self.plan.read.iter().filter(is_in).cloned());
        }
        self.sweeps.heard(signal, &news, Instant::now());
        self.silent.remove(signal);
        if self.is_deaf && self.silent.is_empty() {
            self.is_deaf = false;
            tracing::info!("Consul tells of changes again");
        }
        if let Some(look) = news.look {
            self.looked(&scope, look);
        }
    }

    fn lost(&mut self, signal: Signal, error: &PollError) {
        if !self.signals.contains_key(&signal) {
            return;
        }
        // Refusals are told of by themselves.
        if !error.is_refusal() && !std::mem::replace(&mut self.is_deaf, true) {
            let unread = self.plan.read.len();
            tracing::warn!(%error, unread, "Consul does not tell what has changed");
        }
        self.silent.insert(signal);
    }

    /// Whatever was read and differs is read again; what is being read is compared when it is there.
    fn looked(&mut self, scope: &Scope, look: Look) {
        if let Look::Nodes(nodes) = &look {
            let names: BTreeSet<_> = nodes.keys().cloned().collect();
            if self.nodes.get(scope) != Some(&names) {
                self.nodes.insert(scope.clone(), names);
                self.is_outdated = true;
            }
        }
        let differing = self.shown.get(scope).map(|shown| shown.differing(&look));
        let look = Arc::new(look);
        for (source, read) in &mut self.reads {
            if plan::signalled(source) == Some(scope) {
                read.looks.push(Arc::clone(&look));
            }
        }
        let differing = differing.into_iter().flatten();
        self.stale.extend(differing.filter(|it| !self.reads.contains_key(it)));
    }

    fn tick(&mut self) {
        if self.budget.tick(Instant::now()) {
            tracing::info!("Consul takes requests again; all connections are used");
        }
        let unsignalled = |it: &&Dependency| plan::signalled(it).is_none();
        self.stale.extend(self.plan.read.iter().filter(unsignalled).cloned());
        // Some wait for the budget.
        self.is_outdated |= self.signals.len() < self.plan.signals.len();
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
        self.untried.retain(|it| plan.read.contains(it) && plan::signalled(it).is_some());
        self.changed.retain(|it, _| self.sources.contains_key(it));
        self.shown.values_mut().for_each(|shown| shown.retain(|it| plan.read.contains(it)));
        keep(&mut self.signals, &plan.signals, AbortHandle::abort);
        self.silent.retain(|it| plan.signals.contains(it));
        self.nodes.retain(|scope, _| plan.signals.iter().any(|it| it.scope == *scope));
        self.shown.retain(|scope, _| plan.signals.iter().any(|it| it.scope == *scope));
        self.sweeps.cover(sweeps::covered(&plan.signals, &self.nodes), Instant::now());
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
        let first: BTreeSet<_> = self.untried.iter().filter_map(plan::signalled).collect();
        let is_settled = self.budget.is_settled(Instant::now());
        for signal in &self.plan.signals {
            let may_begin = !signal.is_large() || is_settled && !first.contains(&signal.scope);
            if may_begin && !self.signals.contains_key(signal) {
                self.silent.insert(signal.clone());
                let client = self.connections.first();
                let (turn, events) = (Arc::clone(&self.turn), self.events.clone());
                let task = signal::run(client, self.reading, signal.clone(), turn, events);
                self.signals.insert(signal.clone(), tokio::spawn(task).abort_handle());
            }
        }
    }

    fn question(
        &self,
        source: &Dependency,
    ) -> Option<(Question, watch::Sender<Arc<[Dependency]>>)> {
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

    fn count(&mut self) {
        let connections = self.connections.used(self.open());
        self.budget.uses(connections);
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        statistics.connections = connections;
        statistics.budget = self.budget.get();
        statistics.direct = self.direct.len();
        statistics.on_signals = self.plan.read.len();
        statistics.signals = self.signals.len();
        // Each look and each signal may tell of one, also those that are still to begin.
        let silent = self.silent.len() + self.plan.signals.len() - self.signals.len();
        statistics.unread = self.stale.len() + self.reads.len() + self.sweeps.len() + silent;
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
