//! `wrk`, a load generator that others know, and what it says has failed.
//!
//! It says so of a connection that ends before an answer is complete, also of an idle one on which no request was
//! lost, of one that cannot be opened or written to, of a status from 400 on, and of an answer that comes late. A
//! connection that ends with an answer that said so (`Connection: close`) is none. It does not tell of a request that
//! is still without an answer when it is stopped.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use super::component;
use super::process::{self, Process};

/// How long an answer may take before wrk counts it as too late.
const TIMEOUT: &str = "10s";
/// The most that it runs, when nobody stops it.
const LONGEST: &str = "30m";
/// How long it may take to tell what it has seen.
const PATIENCE: Duration = Duration::from_secs(10);
const SCRIPT: &str = include_str!("wrk.lua");

/// A running wrk.
#[derive(Debug)]
pub struct Wrk {
    process: Process,
    _folder: TempDir,
}

/// What becomes of a connection after its first answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// It is kept for the next request.
    Kept,
    /// It is closed: each request says `Connection: close`.
    New,
}

/// What wrk has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The requests that were answered.
    pub requests: u64,
    /// Each line that tells of failures, in wrk's words; it prints none when there were none.
    pub failures: Vec<String>,
}

impl Wrk {
    /// Starts one that asks `http://ADDRESS/` of each address, on so many connections at a time.
    ///
    /// # Errors
    ///
    /// When wrk is missing or cannot be started.
    pub fn start(addresses: &[SocketAddr], connections: Connections, each: usize) -> Result<Self> {
        let first = addresses.first().context("nothing to ask")?;
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("wrk.lua");
        fs::write(&script, SCRIPT)?;
        let mut wrk = process::command(component::wrk()?);
        wrk.arg("--script").arg(script).args(["--timeout", TIMEOUT, "--duration", LONGEST]);
        wrk.args(["--threads", &addresses.len().to_string()]);
        wrk.args(["--connections", &(addresses.len() * each).to_string()]);
        if connections == Connections::New {
            wrk.args(["--header", "Connection: close"]);
        }
        wrk.arg(format!("http://{first}/"));
        let addresses: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        wrk.env("ADDRESSES", addresses.join(" "));
        let process = Process::start("wrk", wrk, &folder.path().join("log"))?;
        Ok(Self { process, _folder: folder })
    }

    /// Stops it, and tells what it saw.
    ///
    /// # Errors
    ///
    /// When it had stopped before, or tells nothing.
    pub fn stop(self) -> Result<Summary> {
        ensure!(self.process.is_running(), "wrk has ended:\n{}", self.process.log());
        self.process.signal(Signal::INT);
        self.process.wait(PATIENCE);
        let log = self.process.log();
        summary(&log).with_context(|| format!("wrk has no summary:\n{log}"))
    }
}

fn summary(output: &str) -> Option<Summary> {
    let lines = || output.lines().map(str::trim);
    let requests = lines().find_map(|line| line.split_once(" requests in "))?.0.parse().ok()?;
    let is_failure = |line: &&str| {
        ["Socket errors:", "Non-2xx or 3xx responses:"].iter().any(|it| line.starts_with(it))
    };
    let failures = lines().filter(is_failure).map(str::to_owned).collect();
    Some(Summary { requests, failures })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERED: &str = "Running 30m test @ http://127.0.0.1:3000/
  3 threads and 6 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.18ms    6.88ms 100.26ms   91.42%
    Req/Sec   669.02    336.74     1.26k    56.22%
  25857 requests in 13.07s, 1.29MB read
";
    const SPEED: &str = "Requests/sec:   1978.73
Transfer/sec:    100.93KB
";

    #[test]
    fn failures_are_what_wrk_says() {
        let socket = "  Socket errors: connect 0, read 40, write 0, timeout 0\n";
        let status = "  Non-2xx or 3xx responses: 7\n";
        for failures in ["", socket, status, &format!("{socket}{status}")] {
            let got = summary(&format!("{ANSWERED}{failures}{SPEED}")).unwrap();
            let failures: Vec<_> = failures.lines().map(|it| it.trim().to_owned()).collect();
            assert_eq!((got.requests, got.failures), (25857, failures));
        }
        assert_eq!(summary("unable to connect to 127.0.0.1:3000 Connection refused\n"), None);
    }
}
