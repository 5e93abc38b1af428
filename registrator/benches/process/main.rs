//! What the program costs: 1,000 apps with 10,000 tasks on ten agents, and a rolling restart of 100 of the apps.
//!
//! `cargo bench -p registrator --bench process`
//!
//! The program is real, and so is Consul. Marathon is a stand-in that only answers: ten thousand tasks are more than one
//! machine runs. What is compared with is the way of the original, which reads all apps at each event; it is measured in
//! the same run, with a sample of such reads by a process that does nothing else.

#![expect(clippy::cast_precision_loss, reason = "counts and sizes far below 2^52")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use integration::http;
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::within;
use integration::rig::network::Network;
use integration::rig::process::{Process, command};

mod crowd;

use crowd::Crowd;

const RESTARTED: usize = 100;
/// Between two replacements of tasks: a Marathon that is busy.
const PACE: Duration = Duration::from_millis(10);
const SAMPLE: usize = 50;
const PATIENCE: Duration = Duration::from_mins(2);
/// What the process may take at most, in MB.
const MEMORY: f64 = 30.0;

/// What was spent up to a moment.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    marathon: u64,
    consul: u64,
    bytes: u64,
    cpu: Duration,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--full-reads") {
        let url = arguments.next().context("no address")?;
        return runtime.block_on(full_reads(&url));
    }
    runtime.block_on(measure())
}

/// The original's way, as a process of its own: one read of everything for each event.
#[expect(clippy::print_stdout, reason = "read by the process that started this one")]
async fn full_reads(url: &str) -> Result<()> {
    let client = marathon::Client::new(marathon::Config::new(url.parse()?))?;
    let before = cpu_of("self")?;
    for _ in 0..SAMPLE {
        client.apps_with_tasks().await?;
    }
    println!("{}", cpu_of("self")?.saturating_sub(before).as_micros());
    Ok(())
}

/// The programs under test.
struct Site {
    consul: DevAgent,
    crowd: Crowd,
    process: Process,
    status: String,
}

impl Site {
    async fn mirrored(&self) -> Result<()> {
        let wanted = self.crowd.services();
        within("all services", PATIENCE, async || {
            let found = self.consul.client().agent_services().await;
            let found = found.map_err(|err| err.to_string())?;
            let is_right =
                found.len() == wanted.len() && found.keys().all(|id| wanted.contains(id));
            if is_right { Ok(()) } else { Err(format!("{} {}", found.len(), self.process.log())) }
        })
        .await
    }

    async fn spent(&self) -> Result<Spent> {
        let page = http::get(&format!("http://{}/metrics", self.status)).await?.text().await?;
        let sum = |name: &str| {
            let lines = page.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>()
        };
        Ok(Spent {
            marathon: sum("registrator_marathon_requests_total"),
            consul: sum("registrator_consul_requests_total"),
            bytes: self.crowd.bytes(),
            cpu: cpu_of(&self.process.pid().to_string())?,
        })
    }

    /// In MB.
    fn memory(&self, field: &str) -> Result<f64> {
        Ok(memory_of(self.process.pid(), field)? * 1024.0 / 1e6)
    }
}

async fn measure() -> Result<()> {
    let (consul, network) = (DevAgent::start().await?, Network::claim()?);
    let crowd = Crowd::start(network.host(1), consul.ip()).await?;
    let folder = tempfile::tempdir()?;
    let status = format!("{}:9110", network.host(2));
    let mut program = command(env!("CARGO_BIN_EXE_registrator"));
    program.args(["--consul", &consul.api(), "--marathon", crowd.url(), "--status", &status]);
    program.args(["--host", &consul.ip().to_string(), "--log-level", "warn"]);
    let start = Instant::now();
    let process = Process::start("registrator", program, &folder.path().join("log"))?;
    let site = Site { consul, crowd, process, status };
    site.mirrored().await?;
    let mut report = String::new();
    let services = site.crowd.services().len();
    writeln!(report, "first registration of {services} services: {:.1?}", start.elapsed())?;
    writeln!(report, "memory then: {:.1} MB at most", site.memory("VmHWM:")?)?;
    let (before, start) = (site.spent().await?, Instant::now());
    let events = site.crowd.roll(RESTARTED, PACE).await?;
    site.mirrored().await?;
    let after = site.spent().await?;
    writeln!(report, "{events} events in {:.1?}", start.elapsed())?;
    let (now, most) = (site.memory("VmRSS:")?, site.memory("VmHWM:")?);
    let verdict = if most < MEMORY { "below" } else { "NOT below" };
    writeln!(report, "memory: {now:.1} MB now, {most:.1} MB at most, {verdict} {MEMORY} MB")?;
    compare(&mut report, events as f64, before, after, baseline(&site.crowd).await?)?;
    print(&report);
    Ok(())
}

/// What one event costs who reads everything: requests, KiB, milliseconds of CPU.
async fn baseline(crowd: &Crowd) -> Result<[f64; 3]> {
    let bytes = crowd.bytes();
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    let child = command.args(["--full-reads", crowd.url()]).output().await?;
    let micros: f64 = String::from_utf8(child.stdout)?.trim().parse().context("the sample")?;
    let sample = SAMPLE as f64;
    Ok([1.0, (crowd.bytes() - bytes) as f64 / sample / 1024.0, micros / sample / 1000.0])
}

fn compare(
    report: &mut String,
    events: f64,
    before: Spent,
    after: Spent,
    baseline: [f64; 3],
) -> Result<()> {
    let ours = [
        (after.marathon - before.marathon) as f64 / events,
        (after.bytes - before.bytes) as f64 / 1024.0 / events,
        after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1000.0 / events,
    ];
    let names = ["requests to Marathon", "KiB from Marathon", "CPU, ms"];
    writeln!(report, "per event              full read        ours     ratio")?;
    for ((name, full), ours) in names.iter().zip(baseline).zip(ours) {
        writeln!(report, "{name:20} {full:11.3} {ours:11.3} {:9.0}", full / ours)?;
    }
    let consul = (after.consul - before.consul) as f64 / events;
    writeln!(report, "requests to Consul               {consul:11.3}")?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the results of the benchmark")]
fn print(report: &str) {
    print!("{report}");
}

/// User and system time of a process, in Linux' ticks of 10 ms.
fn cpu_of(pid: &str) -> Result<Duration> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no name")?;
    let ticks =
        fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Of `/proc/PID/status`, in KiB.
fn memory_of(pid: i32, field: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
