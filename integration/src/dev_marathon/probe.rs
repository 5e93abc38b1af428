//! Health checks, asked at their intervals until the task is gone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::cluster::{Happening, Watch};
use super::serve::Marathon;
use super::spec::HealthCheck;
use crate::rig::process::command;

/// Asks all checks of a task until it is gone.
pub fn watch(marathon: &Arc<Marathon>, watch: Watch) {
    let watch = Arc::new(watch);
    for index in 0..watch.checks.len() {
        tokio::spawn(ask(Arc::clone(marathon), Arc::clone(&watch), index));
    }
}

async fn ask(marathon: Arc<Marathon>, watch: Arc<Watch>, index: usize) {
    let Some((check, port)) = watch.checks.get(index) else { return };
    let address = port.map(|port| SocketAddr::from((watch.host, port)));
    let mut ticks = interval_at(Instant::now() + check.first_after(), check.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !marathon.is_running(&watch.task) {
            return;
        }
        let sandbox = marathon.processes.sandbox(&watch.task);
        let probe = probe(&marathon.client, check, address, &sandbox, &watch.env);
        let result = timeout(check.timeout(), probe).await;
        let result = result.unwrap_or_else(|_| Err("the check timed out".to_owned()));
        marathon.report(Happening::Probed { task: watch.task.clone(), check: index, result });
    }
}

async fn probe(
    client: &reqwest::Client,
    check: &HealthCheck,
    address: Option<SocketAddr>,
    sandbox: &Path,
    env: &BTreeMap<String, String>,
) -> Result<(), String> {
    let kind = check.protocol.trim_start_matches("MESOS_");
    match (kind, address) {
        ("COMMAND", _) => {
            let script = check.command.as_ref().map(|c| c.value.as_str()).unwrap_or_default();
            by_command(script, sandbox, env).await
        }
        (_, None) => Err("the check's port is not one of the task's".to_owned()),
        ("HTTP", Some(address)) => {
            by_http(client, address, check.path.as_deref().unwrap_or("/")).await
        }
        // HTTPS too: processes of a development machine have no certificate worth a handshake.
        (_, Some(address)) => {
            TcpStream::connect(address).await.map(drop).map_err(|err| err.to_string())
        }
    }
}

async fn by_http(client: &reqwest::Client, address: SocketAddr, path: &str) -> Result<(), String> {
    let url = format!("http://{address}/{}", path.trim_start_matches('/'));
    let answer =
        client.get(url).send().await.map_err(|err| format!("{:#}", anyhow::Error::from(err)))?;
    let status = answer.status().as_u16();
    if (200..400).contains(&status) { Ok(()) } else { Err(format!("HTTP status {status}")) }
}

async fn by_command(
    script: &str,
    sandbox: &Path,
    env: &BTreeMap<String, String>,
) -> Result<(), String> {
    let mut shell = command("/bin/sh");
    shell
        .args(["-c", script])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("MESOS_SANDBOX", sandbox)
        .envs(env)
        .current_dir(sandbox)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = Command::from(shell).kill_on_drop(true).status().await;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the command ended with {status}")),
        Err(err) => Err(err.to_string()),
    }
}
