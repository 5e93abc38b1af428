//! The sandbox: everything real but Mesos, started with one command.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use marathon::{Event, kinds};

use crate::rig::component;
use crate::rig::platform::{EXTERNAL_HTTP, EXTERNAL_HTTPS, HOST, Options, Platform, free_address};
use crate::story;

/// How often the configurations are looked at to tell of their changes.
const LOOK: Duration = Duration::from_millis(100);

/// The events that are told. Health comes once a task; newer versions send it a second time for the instance.
const SHOWN: [&str; 4] = [
    kinds::STATUS_UPDATE,
    kinds::HEALTH_STATUS_CHANGED,
    kinds::DEPLOYMENT_SUCCESS,
    kinds::DEPLOYMENT_FAILED,
];

/// The whole platform on this machine: a Consul cluster, a development Marathon, three agents with their registrators,
/// an internal and an external HAProxy under ctemplate, and a test server in two environments
///
/// Consul and HAProxy are fetched when this machine does not have them. Everything listens on loopback addresses and
/// stops with Ctrl-C.
#[derive(Clone, Debug, Parser)]
#[command(version, after_help = AFTER)]
pub struct Cli {
    /// Walk through the story of the README, say what happens, and leave
    #[arg(long)]
    pub check: bool,
    /// Where the load balancers listen; by default 127.0.0.1, or the next address where all their ports are free
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<Ipv4Addr>,
    /// Marathon's wire format: 1.11, 1.4 or 0.13
    #[arg(long, value_name = "VERSION", default_value = "1.11")]
    pub compat: String,
}

const AFTER: &str = "\
Environment: CONSUL_BIN and HAPROXY_BIN name binaries to use instead of those that are found or fetched.
Exit codes: 0 stopped by SIGINT or SIGTERM, or the story went as told; 1 it did not, or something is missing; 64 usage.";

/// Starts the platform, then shows it or checks it.
///
/// # Errors
///
/// When something is missing or does not start, or the story does not go as told.
pub async fn run(cli: &Cli) -> Result<()> {
    let shutdown = daemon::shutdown::on_signal()?;
    let work = async {
        let started = Instant::now();
        let mut say =
            |line: &str| print(&format!("{:7.2}s  {line}", started.elapsed().as_secs_f32()));
        say("Fetch what is missing, build what changed");
        let components =
            tokio::task::spawn_blocking(|| component::fetch(&["consul", "haproxy"])).await??;
        let [consul, haproxy] =
            <[_; 2]>::try_from(components).ok().context("integration/fetch printed odd paths")?;
        tokio::task::spawn_blocking(build).await??;
        // Every address of 127.0.0.0/8 is this machine on Linux.
        let candidates = (1..=9).map(|n| Ipv4Addr::new(127, 0, 0, n));
        let bind =
            cli.bind.map_or_else(|| free_address(candidates), |bind| free_address([bind]))?;
        let options = Options {
            consul,
            haproxy,
            compat: cli.compat.clone(),
            bind: Some(bind),
            consul_settings: Vec::new(),
        };
        let mut platform = Platform::start(&options, &mut say).await?;
        if cli.check {
            return check(&mut platform, &mut say).await;
        }
        story::deploy(&platform, &mut say).await?;
        print(&tour(&platform));
        follow(&platform, &mut say).await
    };
    match shutdown.run_until_cancelled(work).await {
        Some(result) => result,
        // The platform was dropped with the work, which stopped everything.
        None if cli.check => bail!("stopped by a signal"),
        None => Ok(()),
    }
}

async fn check(platform: &mut Platform, say: &mut impl FnMut(&str)) -> Result<()> {
    let told = story::run(platform, say).await;
    if told.is_ok() {
        say("All of it happened as told");
    } else {
        platform.keep_folder();
        say(&format!("Files and logs stay in {}", platform.folder().display()));
    }
    told
}

/// Builds the other programs, in the profile of this one.
fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(component::workspace()).args(["build", "--quiet", "--workspace", "--bins"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // What `cargo run` tells this program about its own package would look like a change to build scripts.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let status = command.status().context("cargo")?;
    ensure!(status.success(), "cargo build: {status}");
    Ok(())
}

fn tour(platform: &Platform) -> String {
    let agents: Vec<_> = platform
        .consul
        .agents()
        .iter()
        .map(|agent| format!("{} {}", agent.name(), agent.api()))
        .collect();
    let [production, staging, marathon, consul, http, https] =
        [3000, 13000, 18080, 18500, EXTERNAL_HTTP, EXTERNAL_HTTPS].map(|port| platform.port(port));
    format!(
        "
Running:
  production          http://{production}/
  staging             http://{staging}/
  by host name        http://{http}/  https://{https}/
  Marathon            http://{marathon}/  (itself at {})
  Consul              http://{consul}/  ({})
  files and logs      {}

Try in another terminal:
  curl http://{production}/        # four tasks in turn
  curl http://{staging}/       # the one in staging
  curl -H 'Host: {HOST}' http://{http}/
  curl -k --connect-to '::{https}' https://{HOST}/
  curl -X PUT -d hello http://{consul}/v1/kv/app/production/test-server/GREETING    # one rolling restart
  curl http://{production}/env/GREETING
  curl -X PUT -H 'Content-Type: application/json' -d '{{\"instances\": 8}}' \\
       http://{marathon}/v2/apps/app/production/test-server
  cat {}

Changes show below; Ctrl-C stops everything.
",
        platform.marathon_url(),
        agents.join(", "),
        platform.folder().display(),
        platform.internal.config_path().display(),
    )
}

/// Tells of Marathon's events and of new configurations until the end.
async fn follow(platform: &Platform, say: &mut impl FnMut(&str)) -> Result<()> {
    let client = platform.marathon()?;
    let mut events = client.events(&SHOWN).await?;
    let mut looks = tokio::time::interval(LOOK);
    let balancers = [("internal", &platform.internal), ("external", &platform.external)];
    let mut seen = [String::new(), String::new()];
    loop {
        tokio::select! {
            event = events.next() => {
                if let Some(line) = describe(&event?) {
                    say(&line);
                }
            }
            _ = looks.tick() => {
                for ((name, balancer), seen) in balancers.iter().zip(&mut seen) {
                    let config = balancer.config()?;
                    if *seen != config {
                        let servers = config.matches(" check weight ").count();
                        say(&format!("haproxy.cfg ({name}): {servers} servers"));
                        *seen = config;
                    }
                }
            }
        }
    }
}

fn describe(event: &Event) -> Option<String> {
    Some(match event {
        Event::StatusUpdate { task, status, host, .. } => format!("{task} on {host}: {status:?}"),
        Event::HealthChanged { instance, healthy: Some(true), .. } => {
            format!("{instance} is healthy")
        }
        Event::HealthChanged { instance, healthy: Some(false), .. } => {
            format!("{instance} is not healthy")
        }
        Event::DeploymentSuccess { id } => format!("deployment {id} is done"),
        Event::DeploymentFailed { id } => format!("deployment {id} was cancelled"),
        _ => return None,
    })
}

#[expect(clippy::print_stdout, reason = "what the sandbox is there for")]
fn print(text: &str) {
    println!("{text}");
    // A closed standard output is no reason to stop the platform.
    std::io::stdout().flush().ok();
}
