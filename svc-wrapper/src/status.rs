//! What whoever operates the wrapper can ask it: `/health`, `/ready`, `/metrics`, `/status`.
//!
//! Supervision and coordination write on the [`Board`] what they know; the pages are read from it. They are served by a
//! thread of their own, so that nobody who asks can hold up a signal or a restart.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use daemon::status::{Page, listen, serve};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustix::process::Pid;
use serde::Serialize;

use crate::env::Mapped;
use crate::restart::State;

/// What is known at the moment.
#[derive(Debug)]
pub struct Board {
    started: Instant,
    notes: Mutex<Notes>,
    signals: Counter,
    reaped: Counter,
    changes: Counter,
    steps: Family<[(&'static str, &'static str); 1], Counter>,
    variables: Gauge,
    skipped: Gauge,
    registry: Registry,
}

/// What `/status` shows.
#[derive(Clone, Debug, Default, Serialize)]
struct Notes {
    version: &'static str,
    uptime_seconds: u64,
    /// The command's process, once it was started.
    pid: Option<i32>,
    configuration: Option<Configuration>,
    /// Where the restart protocol stands; absent where a change leads to no restart.
    protocol: Option<&'static str>,
}

/// The configuration as it was read last. Values are no part of it.
#[derive(Clone, Debug, Serialize)]
struct Configuration {
    digest: String,
    variables: Vec<String>,
    skipped: Vec<String>,
}

impl Default for Board {
    fn default() -> Self {
        let mut board = Self {
            started: Instant::now(),
            notes: Mutex::default(),
            signals: Counter::default(),
            reaped: Counter::default(),
            changes: Counter::default(),
            steps: Family::default(),
            variables: Gauge::default(),
            skipped: Gauge::default(),
            registry: Registry::with_prefix("svc_wrapper"),
        };
        let registry = &mut board.registry;
        registry.register("signals", "Signals passed on to the command", board.signals.clone());
        registry.register("reaped", "Processes waited for", board.reaped.clone());
        registry.register(
            "configuration_changes",
            "Changes of the configuration that were read",
            board.changes.clone(),
        );
        registry.register(
            "protocol_steps",
            "Steps of the restart protocol, by the state they led to",
            board.steps.clone(),
        );
        registry.register(
            "variables",
            "Variables that the configuration gives",
            board.variables.clone(),
        );
        registry.register("skipped_keys", "Keys that become no variable", board.skipped.clone());
        board
    }
}

impl Board {
    /// The command was started.
    pub fn started(&self, pid: Pid) {
        self.notes().pid = Some(pid.as_raw_nonzero().get());
    }

    /// A signal was passed on.
    pub fn passed_on(&self) {
        self.signals.inc();
    }

    /// A process was waited for.
    pub fn reaped(&self) {
        self.reaped.inc();
    }

    /// The configuration was read.
    pub fn read(&self, mapped: &Mapped) {
        let digest = mapped.environment.digest().to_string();
        let variables: Vec<_> =
            mapped.environment.iter().map(|(name, _)| name.to_owned()).collect();
        let skipped: Vec<_> = mapped.skipped.iter().map(ToString::to_string).collect();
        self.variables.set(i64::try_from(variables.len()).unwrap_or(i64::MAX));
        self.skipped.set(i64::try_from(skipped.len()).unwrap_or(i64::MAX));
        let mut notes = self.notes();
        if notes.configuration.as_ref().is_some_and(|before| before.digest != digest) {
            self.changes.inc();
        }
        notes.configuration = Some(Configuration { digest, variables, skipped });
    }

    /// The restart protocol stands here now.
    pub fn stands(&self, state: &State) {
        let mut notes = self.notes();
        if notes.protocol != Some(state.name()) {
            notes.protocol = Some(state.name());
            self.steps.get_or_create(&[("to", state.name())]).inc();
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Whoever panicked in between had written whole values.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, path: &str) -> Option<Page> {
        match path {
            "/health" => Some(Page::yes("alive")),
            "/ready" if self.notes().pid.is_some() => Some(Page::yes("the command runs")),
            "/ready" => Some(Page::no("the command was not started yet")),
            "/metrics" => Some(Page::metrics(&self.registry)),
            "/status" => {
                let uptime_seconds = self.started.elapsed().as_secs();
                let version = env!("CARGO_PKG_VERSION");
                Some(Page::json(&Notes { version, uptime_seconds, ..self.notes().clone() }))
            }
            _ => None,
        }
    }
}

/// Serves the board until the process ends.
///
/// # Errors
///
/// When the address cannot be listened on, or there can be no thread.
pub fn start(address: SocketAddr, board: Arc<Board>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("a runtime")?;
    let listener = runtime.block_on(listen(address))?;
    let body = move || runtime.block_on(serve(listener, move |path| board.page(path)));
    thread::Builder::new().name("status".to_owned()).spawn(body).context("a thread")?;
    Ok(())
}
