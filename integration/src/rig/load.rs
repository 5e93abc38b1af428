//! A load generator that counts what failed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::ACCEPT;
use serde_json::Value as Json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::http;

/// How long a request may take before it counts as failed.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pause of a client between two requests: enough for thousands of requests over a rolling restart, and it leaves
/// the machine to what is measured.
const PAUSE: Duration = Duration::from_millis(5);

/// Clients that ask one address again and again.
#[derive(Debug)]
pub struct Load {
    stop: CancellationToken,
    clients: JoinSet<()>,
    report: Arc<Mutex<Report>>,
}

/// What the clients saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// All requests.
    pub requests: u64,
    /// Those that were not answered with 200, by what happened.
    pub failures: BTreeMap<String, u64>,
    /// Who answered: the ids of the tasks.
    pub tasks: BTreeSet<String>,
}

impl Load {
    /// Starts clients that ask `http://address/`: half of them keep their connection, half open one for each request.
    pub fn start(address: SocketAddr, clients: usize) -> Self {
        let (stop, report) = (CancellationToken::new(), Arc::new(Mutex::new(Report::default())));
        let mut running = JoinSet::new();
        for n in 0..clients {
            let (stop, report) = (stop.clone(), Arc::clone(&report));
            running.spawn(async move {
                let ask = ask_for_ever(address, n % 2 == 0, &report);
                stop.run_until_cancelled(ask).await;
            });
        }
        Self { stop, clients: running, report }
    }

    /// What the clients have seen so far.
    pub fn report(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops the clients and tells what they saw. A request that is under way is not counted.
    pub async fn stop(mut self) -> Report {
        self.stop.cancel();
        while self.clients.join_next().await.is_some() {}
        self.report()
    }
}

impl Report {
    /// How many requests failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

async fn ask_for_ever(address: SocketAddr, keeps_connection: bool, report: &Mutex<Report>) {
    let idle = usize::from(keeps_connection);
    let client = http::builder().pool_max_idle_per_host(idle).timeout(TIMEOUT).build();
    let Ok(client) = client else { return };
    loop {
        let answer = ask(&client, address).await;
        {
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.requests += 1;
            match answer {
                Ok(task) => drop(report.tasks.insert(task)),
                Err(failure) => *report.failures.entry(failure).or_default() += 1,
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(client: &reqwest::Client, address: SocketAddr) -> Result<String, String> {
    let request = client.get(format!("http://{address}/")).header(ACCEPT, "application/json");
    let response = request.send().await.map_err(|error| cause(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("status {status}"));
    }
    let body: Json = response.json().await.map_err(|error| cause(&error))?;
    Ok(body.get("task").and_then(Json::as_str).unwrap_or_default().to_owned())
}

fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
