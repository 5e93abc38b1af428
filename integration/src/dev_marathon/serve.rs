//! Everything wired together: the state, its surroundings, and the way between them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::agent::{self, Processes};
use super::cli::Cli;
use super::cluster::{Action, Cluster, Happening, Outside};
use super::events::Streams;
use super::faults::Faults;
use super::ports::AGENT_PORTS;
use super::{admin, http, probe};

/// Time after the longest grace period until everything is killed without asking.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// The running program.
#[derive(Debug)]
pub struct Marathon {
    cluster: Mutex<Cluster>,
    faults: Mutex<Faults>,
    /// Events that wait for others, to be sent out of order.
    waiting: Mutex<Vec<Value>>,
    leader: Mutex<String>,
    node: [u8; 6],
    /// The open event streams.
    pub streams: Streams,
    /// The processes of the tasks.
    pub processes: Processes,
    /// What health checks ask with.
    pub client: reqwest::Client,
    /// `user:password`, where clients have to know it.
    pub credentials: Option<String>,
}

impl Marathon {
    fn new(cli: &Cli, leader: String) -> Result<Self> {
        let node: [u8; 6] = rand::random();
        let framework = Uuid::now_v1(&node);
        let first_port = rand::random_range(AGENT_PORTS);
        let client = crate::http::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .context("a client for health checks")?;
        Ok(Self {
            cluster: Mutex::new(Cluster::new(cli.compat, &cli.agents, framework, first_port)),
            faults: Mutex::default(),
            waiting: Mutex::default(),
            leader: Mutex::new(leader),
            node,
            streams: Streams::default(),
            processes: Processes::new(cli.images.clone())?,
            client,
            credentials: cli.credentials.clone(),
        })
    }

    /// Changes the state, then does what the change asks for.
    pub fn turn<T>(self: &Arc<Self>, change: impl FnOnce(&mut Cluster, &Outside<'_>) -> T) -> T {
        let uuid = || Uuid::now_v1(&self.node);
        let outside = Outside { now: Timestamp::now(), is_free: &is_free, uuid: &uuid };
        let (answer, actions) = {
            let mut cluster = lock(&self.cluster);
            let answer = change(&mut cluster, &outside);
            (answer, cluster.take_actions())
        };
        for action in actions {
            self.perform(action);
        }
        answer
    }

    /// Takes in what happened.
    pub fn report(self: &Arc<Self>, happening: Happening) {
        self.turn(|cluster, outside| cluster.on(happening, outside));
    }

    /// Looks at the state.
    pub fn look<T>(&self, at: impl FnOnce(&Cluster) -> T) -> T {
        at(&lock(&self.cluster))
    }

    /// Whether a task runs and nobody ends it.
    pub fn is_running(&self, task: &str) -> bool {
        self.look(|cluster| cluster.task(task).is_some_and(super::cluster::task::Task::is_running))
    }

    /// The ordered faults.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    /// The leader, as `host:port`.
    pub fn leader(&self) -> String {
        lock(&self.leader).clone()
    }

    /// Another leader is elected: this one's streams are closed.
    pub fn elect(&self, leader: String) {
        *lock(&self.leader) = leader;
        self.streams.close();
    }

    /// A stream is gone.
    pub fn announce_detached(self: &Arc<Self>, client: &str) {
        self.turn(|cluster, outside| {
            cluster.announce_stream("event_stream_detached", client, outside.now);
        });
    }

    fn perform(self: &Arc<Self>, action: Action) {
        match action {
            Action::Launch(launch) => agent::run(self, *launch),
            Action::Kill { task, grace } => agent::stop(self, task, grace),
            Action::Watch(watch) => probe::watch(self, *watch),
            Action::Announce(event) => {
                let mut waiting = lock(&self.waiting);
                waiting.push(event);
                if self.faults().holds_next_event() {
                    return;
                }
                let events = std::mem::take(&mut *waiting);
                drop(waiting);
                for event in events.iter().rev() {
                    self.announce(event);
                }
            }
            Action::Wake(after) => {
                let marathon = Arc::clone(self);
                tokio::spawn(async move {
                    sleep(after).await;
                    marathon.report(Happening::Woken);
                });
            }
        }
    }

    fn announce(self: &Arc<Self>, event: &Value) {
        let copies = self.faults().copies_of_next_event();
        let gone: Vec<String> = (0..copies).flat_map(|_| self.streams.send(event)).collect();
        for client in gone {
            self.announce_detached(&client);
        }
    }

    /// Ends all tasks, each within its grace period.
    async fn stop_tasks(self: &Arc<Self>) {
        let graces = |cluster: &Cluster| {
            cluster.tasks().map(|t| t.definition.spec.kill_grace()).max().unwrap_or_default()
        };
        let deadline = Instant::now() + self.look(graces) + LAST_PATIENCE;
        self.turn(Cluster::close);
        while !self.processes.is_empty() && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
        self.processes.kill_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_free(host: Ipv4Addr, port: u16) -> bool {
    StdListener::bind((host, port)).is_ok()
}

/// Runs until SIGTERM or SIGINT; a second signal does not wait for the tasks.
///
/// # Errors
///
/// When an address cannot be listened on.
pub async fn serve(cli: Cli) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = bind(cli.listen).await?;
    let address = listener.local_addr()?;
    let marathon = Arc::new(Marathon::new(&cli, address.to_string())?);
    if let Some(admin) = cli.admin {
        tokio::spawn(admin::serve(bind(admin).await?, Arc::clone(&marathon)));
    }
    tokio::spawn(http::serve(listener, Arc::clone(&marathon)));
    tracing::info!(%address, compat = cli.compat.release(), agents = ?cli.agents, "Listening");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("Stopping all tasks");
    tokio::select! {
        () = marathon.stop_tasks() => {}
        _ = terminate.recv() => marathon.processes.kill_all(),
        _ = interrupt.recv() => marathon.processes.kill_all(),
    }
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}
