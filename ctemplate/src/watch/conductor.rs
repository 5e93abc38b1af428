//! Starts and stops what the plan says, and plans again when something it depends on has changed.
//!
//! Whatever changes its way is read once after the new way is there: a direct query begins without an index, and what is
//! read on signals is read after each of them has spoken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::AbortHandle;
use tokio::time::interval;

use super::budget::Budget;
use super::connections::Connections;
use super::plan::{self, Demand, Plan, Signal};
use super::poll::{self, Question};
use super::signal::{self, News};
use super::{Reading, Statistics, Update};
use crate::dependency::{Dependency, Scope};

/// How often what no signal tells of is read, when it does not fit into the limit; how often the budget is looked at.
const CLOCK: Duration = Duration::from_secs(1);

/// The questions, each with the dependencies that it answers.
pub(super) type Sources = BTreeMap<Dependency, Arc<BTreeSet<Dependency>>>;

/// What a task tells.
#[derive(Debug)]
pub(super) enum Event {
    /// A question that is watched directly was answered anew.
    Changed(Dependency),
    /// A question was read once; the index of its answer.
    Read(Dependency, Option<consul::Index>),
    /// There is too much asked of Consul.
    Refused,
    /// What to read.
    Signal(Signal, News),
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
    sources: Sources,
    plan: Plan,
    direct: BTreeMap<Dependency, (AbortHandle, usize)>,
    signals: BTreeMap<Signal, AbortHandle>,
    reads: BTreeMap<Dependency, AbortHandle>,
    /// To be read, once the signals of its scope have spoken.
    stale: BTreeSet<Dependency>,
    heard: BTreeSet<Signal>,
    nodes: BTreeMap<Scope, BTreeSet<String>>,
    indexes: BTreeMap<Dependency, consul::Index>,
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
            sources: Sources::new(),
            plan: Plan::default(),
            direct: BTreeMap::new(),
            signals: BTreeMap::new(),
            reads: BTreeMap::new(),
            stale: BTreeSet::new(),
            heard: BTreeSet::new(),
            nodes: BTreeMap::new(),
            indexes: BTreeMap::new(),
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
            if self.limit() != limit {
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
                // The new variant needs the answer that the others have already.
                stop(self.direct.remove(source).map(|(task, _)| task));
                stop(self.reads.remove(source));
                self.stale.insert(source.clone());
            }
        }
        self.sources = sources;
        self.replan();
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Changed(source) => self.touch(source),
            Event::Read(source, index) => {
                self.reads.remove(&source);
                let last = index.and_then(|index| self.indexes.insert(source.clone(), index));
                if last.is_some_and(|last| Some(last) != index) {
                    self.touch(source);
                    self.replan();
                }
            }
            Event::Refused => {
                if let Ok(mut statistics) = self.statistics.lock() {
                    statistics.refusals += 1;
                }
                let was_whole = self.budget.is_whole();
                if self.budget.refused(Instant::now()) && was_whole {
                    tracing::warn!("Consul refuses requests; fewer connections are used");
                }
            }
            Event::Signal(signal, news) => self.heard(signal, news),
        }
    }

    fn heard(&mut self, signal: Signal, news: News) {
        if !self.signals.contains_key(&signal) {
            return;
        }
        let is_in = |source: &&Dependency| plan::signalled(source) == Some(&signal.scope);
        match &news {
            News::Services(names) => {
                let is_meant = |it: &&Dependency| matches!(it, Dependency::Instances(it) if names.contains(&it.name));
                self.stale.extend(self.plan.read.iter().filter(is_in).filter(is_meant).cloned());
            }
            News::Everything | News::Nodes(_) => {
                self.stale.extend(self.plan.read.iter().filter(is_in).cloned());
            }
        }
        let scope = signal.scope.clone();
        self.heard.insert(signal);
        if let News::Nodes(nodes) = news
            && self.nodes.get(&scope) != Some(&nodes)
        {
            self.nodes.insert(scope, nodes);
            self.replan();
        }
    }

    fn tick(&mut self) {
        if self.budget.tick(Instant::now()) && self.budget.is_whole() {
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
        let plan = plan::plan(&Demand {
            sources: self.sources.keys().collect(),
            limit: self.limit(),
            changed: &self.changed,
            nodes: &self.nodes,
        });
        self.stale.extend(plan.read.difference(&self.plan.read).cloned());
        self.stale.retain(|it| plan.read.contains(it));
        self.indexes.retain(|it, _| plan.read.contains(it));
        self.changed.retain(|it, _| self.sources.contains_key(it));
        keep(&mut self.direct, &plan.direct, |(task, _)| task.abort());
        keep(&mut self.reads, &plan.read, AbortHandle::abort);
        keep(&mut self.signals, &plan.signals, AbortHandle::abort);
        self.heard.retain(|it| plan.signals.contains(it));
        self.nodes.retain(|scope, _| plan.signals.iter().any(|it| it.scope == *scope));
        self.plan = plan;
        self.start();
    }

    fn start(&mut self) {
        let mut loads = self.connections.loads(self.direct.values().map(|(_, at)| *at));
        for source in &self.plan.direct {
            let Some(question) = self.question(source) else { continue };
            if self.direct.contains_key(source) {
                continue;
            }
            let (connection, at) = self.connections.choose(&mut loads);
            let task = poll::run(connection, question, self.updates.clone(), self.events.clone());
            self.direct.insert(source.clone(), (tokio::spawn(task).abort_handle(), at));
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
        let may = |it: &&Dependency| !self.reads.contains_key(*it) && self.has_signals(it);
        let next: Vec<_> = self.stale.iter().filter(may).take(room).cloned().collect();
        for source in next {
            self.stale.remove(&source);
            if let Some(question) = self.question(&source) {
                let client = self.connections.first();
                let task = poll::once(client, question, self.updates.clone(), self.events.clone());
                self.reads.insert(source, tokio::spawn(task).abort_handle());
            }
        }
    }

    /// Whether every signal that tells of a question's changes has spoken.
    fn has_signals(&self, source: &Dependency) -> bool {
        let Some(scope) = plan::signalled(source) else { return true };
        let mut of_scope = self.plan.signals.iter().filter(|it| it.scope == *scope);
        of_scope.all(|it| self.heard.contains(it))
    }

    fn question(&self, source: &Dependency) -> Option<Question> {
        let variants = Arc::clone(self.sources.get(source)?);
        Some(Question { source: source.clone(), variants, reading: self.reading })
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
        let direct = self.direct.values().map(|(task, _)| task);
        direct.chain(self.signals.values()).chain(self.reads.values()).for_each(AbortHandle::abort);
    }
}

fn stop(task: Option<AbortHandle>) {
    if let Some(task) = task {
        task.abort();
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
