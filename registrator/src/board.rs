//! What whoever watches the program is told: metrics, health, and why a task is not registered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use daemon::status::Page;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use serde_json::{Value, json};

use crate::plan::Plan;
use crate::skipped::Skipped;

type Label = [(&'static str, &'static str); 1];
type Counters = Family<Label, Counter>;
type Gauges = Family<Label, Gauge>;
type Seconds = Gauge<f64, std::sync::atomic::AtomicU64>;

/// The loop writes on it; the status pages read from it.
#[derive(Debug, Default)]
pub struct Board {
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Metrics {
    registry: Registry,
    services: Gauge,
    not_registered: Gauge,
    held: Gauge,
    registered: Counter,
    deregistered: Counter,
    plan: Gauges,
    syncs: Counter,
    sync_age: Seconds,
    stream_connected: Gauge,
    stream_age: Seconds,
    events: Counter,
    errors: Counters,
    marathon_requests: Counters,
    consul_requests: Counters,
}

#[derive(Debug, Default)]
struct State {
    synced: Option<Instant>,
    heard: Option<Instant>,
    is_attached: bool,
    marathon_error: Option<String>,
    agents: BTreeMap<String, AgentState>,
}

/// How things are at one agent.
#[derive(Clone, Debug, Default)]
pub struct AgentState {
    /// Services that are as they should be, or were written.
    pub services: usize,
    /// Removals that wait.
    pub held: usize,
    /// What is not registered, and why.
    pub skipped: Arc<BTreeSet<Skipped>>,
    /// Why it does not answer.
    pub error: Option<String>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("registrator"),
            services: Gauge::default(),
            not_registered: Gauge::default(),
            held: Gauge::default(),
            registered: Counter::default(),
            deregistered: Counter::default(),
            plan: Gauges::default(),
            syncs: Counter::default(),
            sync_age: Seconds::default(),
            stream_connected: Gauge::default(),
            stream_age: Seconds::default(),
            events: Counter::default(),
            errors: Counters::default(),
            marathon_requests: Counters::default(),
            consul_requests: Counters::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("services", "Services of ours", self.services.clone());
        registry.register(
            "not_registered",
            "Tasks and keys left out, see /status",
            self.not_registered.clone(),
        );
        registry.register(
            "held_removals",
            "Removals that wait for Marathon to confirm them",
            self.held.clone(),
        );
        registry.register("services_registered", "Services written", self.registered.clone());
        registry.register("services_deregistered", "Services removed", self.deregistered.clone());
        registry.register("plan", "Size of the last plan", self.plan.clone());
        registry.register(
            "syncs",
            "Comparisons of what should be with what is",
            self.syncs.clone(),
        );
        let seconds = Unit::Seconds;
        registry.register_with_unit(
            "sync_age",
            "Since the last comparison",
            seconds.clone(),
            self.sync_age.clone(),
        );
        registry.register(
            "stream_connected",
            "1 while attached to the event stream",
            self.stream_connected.clone(),
        );
        registry.register_with_unit(
            "stream_age",
            "Since the last event or attachment",
            seconds,
            self.stream_age.clone(),
        );
        registry.register("events", "Events received", self.events.clone());
        registry.register("errors", "Failures by kind", self.errors.clone());
        registry.register(
            "marathon_requests",
            "Requests to Marathon",
            self.marathon_requests.clone(),
        );
        registry.register("consul_requests", "Requests to Consul", self.consul_requests.clone());
    }
}

impl Board {
    /// Attached to the event stream, or no longer.
    pub fn attached(&self, is_attached: bool, now: Instant) {
        self.metrics.stream_connected.set(i64::from(is_attached));
        let mut state = self.lock();
        state.is_attached = is_attached;
        if is_attached {
            state.heard = Some(now);
        }
    }

    /// An event came.
    pub fn event(&self, now: Instant) {
        self.metrics.events.inc();
        self.lock().heard = Some(now);
    }

    /// Something failed.
    pub fn error(&self, kind: &'static str) {
        self.metrics.errors.get_or_create(&[("kind", kind)]).inc();
    }

    /// Marathon was asked.
    pub fn asked_marathon(&self, what: &'static str, count: usize) {
        self.metrics.marathon_requests.get_or_create(&[("what", what)]).inc_by(count as u64);
    }

    /// Consul was asked or told.
    pub fn asked_consul(&self, what: &'static str, count: usize) {
        self.metrics.consul_requests.get_or_create(&[("what", what)]).inc_by(count as u64);
    }

    /// Marathon answers, or why not.
    pub fn marathon(&self, error: Option<String>) {
        self.lock().marathon_error = error;
    }

    /// What was found to be done.
    pub fn planned(&self, plan: &Plan) {
        let sizes = [
            ("register", plan.register.len()),
            ("maintenance", plan.maintenance.len()),
            ("deregister", plan.deregister.len()),
            ("keep", plan.keep),
        ];
        for (action, size) in sizes {
            let gauge = self.metrics.plan.get_or_create(&[("action", action)]);
            gauge.set(i64::try_from(size).unwrap_or(i64::MAX));
        }
    }

    /// What was done.
    pub fn written(&self, registered: u64, deregistered: u64) {
        self.metrics.registered.inc_by(registered);
        self.metrics.deregistered.inc_by(deregistered);
    }

    /// How things are at an agent.
    pub fn agent(&self, name: &str, agent: AgentState) {
        self.lock().agents.insert(name.to_owned(), agent);
    }

    /// An agent does not answer.
    pub fn agent_failed(&self, name: &str, error: &str) {
        self.lock().agents.entry(name.to_owned()).or_default().error = Some(error.to_owned());
    }

    /// All agents there are were compared.
    pub fn synced(&self, agents: impl Fn(&str) -> bool, now: Instant) {
        self.metrics.syncs.inc();
        let mut state = self.lock();
        state.synced = Some(now);
        state.agents.retain(|name, _| agents(name));
        let sum = |count: fn(&AgentState) -> usize| {
            i64::try_from(state.agents.values().map(count).sum::<usize>()).unwrap_or(i64::MAX)
        };
        self.metrics.services.set(sum(|agent| agent.services));
        self.metrics.not_registered.set(sum(|agent| agent.skipped.len()));
        self.metrics.held.set(sum(|agent| agent.held));
    }

    /// The page at a path.
    pub fn page(&self, path: &str) -> Option<Page> {
        let now = Instant::now();
        match path {
            "/health" => Some(Page::yes("alive")),
            "/ready" => Some(self.ready()),
            "/metrics" => {
                let state = self.lock();
                let age =
                    |at: Option<Instant>| at.map_or(f64::NAN, |at| since(at, now).as_secs_f64());
                self.metrics.sync_age.set(age(state.synced));
                self.metrics.stream_age.set(age(state.heard));
                Some(Page::metrics(&self.metrics.registry))
            }
            "/status" => Some(Page::json(&self.status(now))),
            _ => None,
        }
    }

    fn ready(&self) -> Page {
        let state = self.lock();
        let down =
            state.agents.iter().find_map(|(name, agent)| Some((name, agent.error.as_ref()?)));
        match (state.synced, down) {
            (None, _) => Page::no("Marathon and Consul have not been compared yet"),
            (Some(_), Some((name, error))) if state.agents.len() == 1 => {
                Page::no(format!("agent {name}: {error}"))
            }
            (Some(_), _) => Page::yes("ready"),
        }
    }

    fn status(&self, now: Instant) -> Value {
        let state = self.lock();
        let age = |at: Option<Instant>| at.map(|at| since(at, now).as_secs_f64());
        let agents = state.agents.iter().map(|(name, agent)| {
            let skipped = agent.skipped.iter().map(|Skipped { app, task, reason }| {
                let task = task.as_ref().map(marathon::TaskId::as_str);
                json!({"app": app.as_str(), "task": task, "reason": reason.to_string()})
            });
            let json = json!({
                "services": agent.services, "held_removals": agent.held, "error": agent.error,
                "not_registered": skipped.collect::<Vec<_>>(),
            });
            (name.clone(), json)
        });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "seconds_since_sync": age(state.synced),
            "stream": {"attached": state.is_attached, "seconds_since_event": age(state.heard)},
            "marathon": {"error": state.marathon_error},
            "agents": agents.collect::<serde_json::Map<_, _>>(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn since(at: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(at)
}

/// The name of a failure in the metrics.
pub const fn kind_of(kind: &marathon::Kind) -> &'static str {
    match kind {
        marathon::Kind::Connect(_) | marathon::Kind::Transport(_) => "marathon_connection",
        marathon::Kind::Timeout(_) => "marathon_timeout",
        marathon::Kind::Status { .. } => "marathon_status",
        marathon::Kind::Decode(_) => "marathon_answer",
        marathon::Kind::RedirectLoop(_) => "marathon_redirects",
        _ => "marathon_other",
    }
}
