//! What the wrapper costs: time to start a command, and memory while it runs, beside tini and no wrapper at all.
//!
//! `cargo bench -p svc-wrapper` needs tini and Consul (`integration/fetch tini consul`); envconsul is compared with where it
//! is found (`ENVCONSUL_BIN`, or on the PATH). Every figure is the median of runs that take turns, so that whatever else the
//! machine does hits all of them alike.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use consul::kv::Condition;
use consul::{Consistency, Query};
use integration::rig::component;
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::within;

const WRAPPER: &str = env!("CARGO_BIN_EXE_svc-wrapper");
const RUNS: usize = 101;
const KEYS: usize = 50;
const PREFIX: &str = "app/production/bench";
const PATIENCE: Duration = Duration::from_secs(20);

/// A way to run a command.
struct Way {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

/// What a way costs.
struct Cost {
    name: &'static str,
    start: Duration,
    /// Peak memory, and what of it is no other process's (the rest is code that all share).
    memory: Option<(u64, u64)>,
}

fn main() -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(bench())
}

async fn bench() -> Result<()> {
    let agent = DevAgent::start().await?;
    for n in 0..KEYS {
        let key = format!("{PREFIX}/VARIABLE_{n}");
        agent.client().kv_put(&key, format!("the value of {n}"), Condition::Always).await?;
    }
    let api = agent.api();
    let mut ways = vec![
        way("no wrapper", "/bin/true", &[]),
        way("tini", component::tini()?, &["-s", "--", "/bin/true"]),
        way("svc-wrapper, no Consul", WRAPPER, &["--consul", "none", "/bin/true"]),
        way(
            "svc-wrapper, 50 keys",
            WRAPPER,
            &["--consul", &api, "--prefix", PREFIX, "--log-level", "error", "/bin/true"],
        ),
    ];
    if let Some(envconsul) = envconsul() {
        let (address, prefix) = (format!("-consul-addr={api}"), format!("-prefix={PREFIX}/"));
        ways.push(way("envconsul, 50 keys", envconsul, &[&address, &prefix, "-once", "/bin/true"]));
    }
    let answer = answer(&agent).await?;
    let mut costs = Vec::new();
    for (way, start) in ways.iter().zip(starts(&ways)?) {
        costs.push(Cost { name: way.name, start, memory: way.memory().await? });
    }
    print(&costs, answer);
    Ok(())
}

fn way(name: &'static str, program: impl Into<PathBuf>, arguments: &[&str]) -> Way {
    let arguments = arguments.iter().map(ToString::to_string).collect();
    Way { name, program: program.into(), arguments }
}

fn envconsul() -> Option<PathBuf> {
    let given = env::var_os("ENVCONSUL_BIN").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join("envconsul"));
    given.or_else(|| found.into_iter().find(|file| file.is_file()))
}

/// How long Consul takes to answer what the wrapper asks it.
async fn answer(agent: &DevAgent) -> Result<Duration> {
    let query = Query::default().with_consistency(Consistency::Default);
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let begin = Instant::now();
        let pairs = agent.client().kv_list(&format!("{PREFIX}/"), &query).await?.value;
        times.push(begin.elapsed());
        ensure!(pairs.len() == KEYS, "{} keys", pairs.len());
    }
    Ok(median(times))
}

/// The median time from start to end of each, in turns.
fn starts(ways: &[Way]) -> Result<Vec<Duration>> {
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..RUNS {
        for (way, times) in ways.iter().zip(&mut times) {
            let begin = Instant::now();
            let status = way.command(None).status().with_context(|| way.name)?;
            times.push(begin.elapsed());
            ensure!(status.success(), "{}: {status}", way.name);
        }
    }
    Ok(times.into_iter().map(median).collect())
}

impl Way {
    /// Runs another command than `true` where one is given.
    fn command(&self, instead: Option<&[&str]>) -> Command {
        let mut command = Command::new(&self.program);
        let kept = self.arguments.len() - usize::from(instead.is_some());
        command.args(self.arguments.iter().take(kept)).args(instead.unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Memory while its command runs, in KiB.
    async fn memory(&self) -> Result<Option<(u64, u64)>> {
        if self.arguments.is_empty() {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let mark = folder.path().join("started");
        let script = format!(": > '{}'; exec sleep 60", mark.display());
        let mut process = self.command(Some(&["/bin/sh", "-c", &script])).spawn()?;
        let started = within("the command to start", PATIENCE, async || {
            if mark.exists() { Ok(()) } else { Err(String::new()) }
        })
        .await;
        let proc = PathBuf::from(format!("/proc/{}", process.id()));
        let figures = started.and_then(|()| {
            let private = field(&proc.join("smaps_rollup"), "Private_Dirty:")?;
            Ok((field(&proc.join("status"), "VmHWM:")?, private))
        });
        // The command's end is the wrapper's; killed itself it would leave the command behind.
        let children = fs::read_to_string(proc.join(format!("task/{}/children", process.id())))?;
        for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            if let Some(pid) = rustix::process::Pid::from_raw(child) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
            }
        }
        process.wait()?;
        figures.map(Some)
    }
}

/// A figure of a file in /proc, in KiB; see `proc_pid_status(5)`.
fn field(file: &Path, name: &str) -> Result<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let figure = line.and_then(|line| line.split_whitespace().next());
    figure.and_then(|figure| figure.parse().ok()).with_context(|| format!("no {name} in it"))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn print(costs: &[Cost], answer: Duration) {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let plain = costs.first().map_or(Duration::ZERO, |cost| cost.start);
    let tini = costs.get(1);
    println!("Consul answers the {KEYS} keys in {:.2} ms", millis(answer));
    println!(
        "{:<24}{:>10}{:>14}{:>8}{:>12}{:>12}{:>8}",
        "", "start", "over plain", "ratio", "peak", "private", "ratio"
    );
    for cost in costs {
        let over = millis(cost.start.saturating_sub(plain));
        let ratio = tini.map_or(0.0, |tini| cost.start.as_secs_f64() / tini.start.as_secs_f64());
        print!("{:<24}{:>7.2} ms{over:>11.2} ms{ratio:>8.2}", cost.name, millis(cost.start));
        match (cost.memory, tini.and_then(|tini| tini.memory)) {
            (Some((peak, private)), Some((tini, _))) => {
                println!("{peak:>8} KiB{private:>8} KiB{:>8.2}", peak as f64 / tini as f64);
            }
            _ => println!(),
        }
    }
}
