//! A load generator that tells who answered and why what failed did; [`wrk`](super::wrk) tells neither.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use daemon::cause::root_cause;
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
/// How long a connection is used again after its last answer. The shipped templates close one that is idle for a second:
/// on a machine that lets a client wait for longer, it would ask over one that is closed, and never get an answer.
const IDLE: Duration = Duration::from_millis(500);

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
    let client = http::builder().pool_max_idle_per_host(idle).pool_idle_timeout(IDLE);
    let Ok(client) = client.timeout(TIMEOUT).build() else { return };
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
    let response = request.send().await.map_err(|error| root_cause(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("status {status}"));
    }
    let body: Json = response.json().await.map_err(|error| root_cause(&error))?;
    Ok(body.get("task").and_then(Json::as_str).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{self, BufRead as _, BufReader, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use super::*;
    use crate::rig::eventually::eventually;

    /// What the shipped templates let HAProxy wait for the next request.
    const KEEP_ALIVE: Duration = Duration::from_secs(1);

    /// Answers until there is no request for too long.
    fn answer(connection: &TcpStream) -> io::Result<()> {
        connection.set_read_timeout(Some(KEEP_ALIVE))?;
        let (mut input, mut output) = (BufReader::new(connection), connection);
        let mut line = String::new();
        while input.read_line(&mut line)? > 0 {
            if line == "\r\n" {
                output.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")?;
            }
            line.clear();
        }
        Ok(())
    }

    /// Serves one connection after the other, and tells of the end of each.
    fn serve(listener: &TcpListener, ended: &Sender<()>) {
        for connection in listener.incoming().flatten() {
            answer(&connection).ok();
            drop(connection);
            if ended.send(()).is_err() {
                return;
            }
        }
    }

    #[tokio::test]
    async fn a_client_that_was_kept_from_asking_does_not_ask_over_a_closed_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, ended) = channel();
        thread::spawn(move || serve(&listener, &sender));
        let load = Load::start(address, 1);
        for _ in 0..3 {
            let before = load.report().requests;
            eventually("a request", TIMEOUT, async || {
                if load.report().requests > before { Ok(()) } else { Err("none".to_owned()) }
            })
            .await;
            // Nothing else runs on this thread meanwhile, as on a machine that has no time for it.
            ended.recv_timeout(TIMEOUT).unwrap();
        }
        let report = load.stop().await;
        assert_eq!(report.failures, BTreeMap::new());
    }
}
