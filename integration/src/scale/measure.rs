//! One program, measured from its start to its end.

use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::time::sleep;

use super::bystander::{Bystander, Seen};
use super::catalog::{Catalog, Expectation};
use super::statistics::Summary;
use super::subject::{OUTPUT, Subject};
use super::usage;
use crate::rig::dev_agent::DevAgent;
use crate::rig::process::Process;

/// How often the file is looked at: an error of latencies that is far below what is measured.
const LOOK: Duration = Duration::from_millis(1);

/// What bounds a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Changes made.
    pub changes: usize,
    /// How long idleness is watched.
    pub idle: Duration,
    /// How long the first file, the calm after it, and each change may take.
    pub patience: Duration,
}

/// What came out; nothing for what did not happen.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The program.
    pub subject: Subject,
    /// From its start to its file.
    pub first_file: Option<Duration>,
    /// From a change to the file with it.
    pub latency: Option<Summary>,
    /// Processor time for a change.
    pub cpu_per_change: Option<Duration>,
    /// Consul's for a change, the change itself and the bystander's requests meanwhile included.
    pub consul_cpu_per_change: Option<Duration>,
    /// Requests that Consul answered for a change.
    pub requests_per_change: Option<f64>,
    /// The share of a processor that it takes when nothing happens.
    pub idle_cpu: Option<f64>,
    /// Consul's meanwhile.
    pub idle_consul_cpu: Option<f64>,
    /// The most memory it had, in bytes.
    pub memory: Option<f64>,
    /// Its connections to Consul when all is watched, or at the end.
    pub connections: Option<u32>,
    /// What another client saw meanwhile.
    pub bystander: Seen,
    /// What did not happen.
    pub note: Option<String>,
}

/// A program at work, with what is needed to watch it.
struct Run<'a> {
    process: Process,
    file: PathBuf,
    consul: &'a DevAgent,
    catalog: &'a mut Catalog,
    bounds: Bounds,
}

/// Starts a program, makes changes, watches it idle, ends it.
///
/// # Errors
///
/// When it cannot be started or Consul refuses something. A program that does not do its work is no error: what it did not
/// do is missing from the measurement.
pub async fn measure(
    subject: Subject,
    command: Command,
    folder: &Path,
    consul: &DevAgent,
    catalog: &mut Catalog,
    bounds: Bounds,
) -> Result<Measurement> {
    let bystander = Bystander::start(consul)?;
    let started = Instant::now();
    let process = Process::start(subject.name(), command, &folder.join("log"))?;
    let mut run = Run { process, file: folder.join(OUTPUT), consul, catalog, bounds };
    let mut result = Measurement::nothing(subject);
    if let Err(error) = run.fill(&mut result, started).await {
        result.note = Some(format!("{error:#}{}", run.last_words()));
    }
    let pid = run.process.pid();
    let address = SocketAddrV4::new(consul.ip(), subject.port());
    // A program that has ended has neither.
    result.memory = usage::most_memory(pid).ok();
    result.connections = usage::connections(pid, address).ok();
    result.bystander = bystander.seen();
    Ok(result)
}

impl Measurement {
    fn nothing(subject: Subject) -> Self {
        Self {
            subject,
            first_file: None,
            latency: None,
            cpu_per_change: None,
            consul_cpu_per_change: None,
            requests_per_change: None,
            idle_cpu: None,
            idle_consul_cpu: None,
            memory: None,
            connections: None,
            bystander: Seen::default(),
            note: None,
        }
    }
}

impl Run<'_> {
    /// Fills in what happens, as far as it goes.
    async fn fill(&mut self, result: &mut Measurement, started: Instant) -> Result<()> {
        let any = Expectation { text: "backend ".to_owned(), is_there: true };
        self.shows(&any, started).await.context("the first file")?;
        result.first_file = Some(started.elapsed());
        self.calm().await?;
        self.idle(result).await?;
        self.changes(result).await
    }

    async fn idle(&self, result: &mut Measurement) -> Result<()> {
        let (before, began) = (self.times()?, Instant::now());
        sleep(self.bounds.idle).await;
        let (after, seconds) = (self.times()?, began.elapsed().as_secs_f64());
        result.idle_cpu = Some(after.0.saturating_sub(before.0).as_secs_f64() / seconds);
        result.idle_consul_cpu = Some(after.1.saturating_sub(before.1).as_secs_f64() / seconds);
        Ok(())
    }

    async fn changes(&mut self, result: &mut Measurement) -> Result<()> {
        let (before, asked) = (self.times()?, self.catalog.requests().await?);
        let mut latencies = Vec::new();
        for n in 1..=self.bounds.changes {
            let began = Instant::now();
            let expectation = self.catalog.change().await?;
            self.shows(&expectation, began).await.with_context(|| format!("change {n}"))?;
            latencies.push(began.elapsed());
        }
        self.calm().await?;
        let (after, asked_now) = (self.times()?, self.catalog.requests().await?);
        let count = u32::try_from(latencies.len())?.max(1);
        result.latency = Summary::of(&latencies);
        result.cpu_per_change = Some(after.0.saturating_sub(before.0) / count);
        result.consul_cpu_per_change = Some(after.1.saturating_sub(before.1) / count);
        result.requests_per_change = Some((asked_now - asked) / f64::from(count));
        Ok(())
    }

    /// Waits until the file shows it. The file is read only when it is another one than before.
    async fn shows(&self, expectation: &Expectation, began: Instant) -> Result<()> {
        let mut read = None;
        loop {
            let stamp =
                fs::metadata(&self.file).and_then(|file| Ok((file.modified()?, file.len())));
            let stamp = stamp.ok();
            if stamp.is_some() && stamp != read {
                read = stamp;
                let text = fs::read_to_string(&self.file).unwrap_or_default();
                if expectation.is_met(&text) {
                    return Ok(());
                }
            }
            if !self.process.is_running() {
                bail!("it has ended");
            }
            if began.elapsed() > self.bounds.patience {
                bail!("not within {:?}", self.bounds.patience);
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until the program has nothing left to do.
    async fn calm(&self) -> Result<()> {
        usage::calm(self.process.pid(), self.bounds.patience).await
    }

    /// The processor times of the program and of Consul.
    fn times(&self) -> Result<(Duration, Duration)> {
        let consul = self.consul.process().context("Consul does not run")?;
        Ok((usage::processor_time(self.process.pid())?, usage::processor_time(consul.pid())?))
    }

    /// What the program logged last.
    fn last_words(&self) -> String {
        let log = self.process.log();
        // "Unexpected response code: 429" and "…: 429 Too Many Requests".
        let refused = log.matches(": 429").count();
        let last = log.lines().last().map(|line| line.chars().take(200).collect::<String>());
        last.map(|last| format!("; 429 is in its log {refused} times; the end: {last}"))
            .unwrap_or_default()
    }
}
