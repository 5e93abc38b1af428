//! One way from Consul to HAProxy, measured.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::service::Service;
use super::subject::{Programs, Setup, Subject};
use crate::rig::dev_agent::DevAgent;
use crate::rig::haproxy::Haproxy;
use crate::rig::process::Process;
use crate::scale::statistics::Summary;
use crate::scale::usage;

/// How long a program may go on to work after a change before it gets the next one.
const REST: Duration = Duration::from_secs(5);

/// What bounds a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Changes made.
    pub changes: usize,
    /// How long the first answer, and each answer after a change, may take.
    pub patience: Duration,
}

/// What came out.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// The way.
    pub subject: Subject,
    /// From a change to the answer of the new server; nothing without changes.
    pub latency: Option<Summary>,
    /// How often HAProxy loaded its file for all changes.
    pub reloads: usize,
}

/// Starts a HAProxy and the program, makes changes, ends both.
///
/// # Errors
///
/// When one of them does not start, Consul refuses a change, or a change does not arrive.
pub async fn measure(
    setup: Setup,
    programs: &Programs,
    consul: &DevAgent,
    service: &mut Service,
    bounds: Bounds,
) -> Result<Measurement> {
    let folder = TempDir::new()?;
    let mut haproxy = Haproxy::reserve()?;
    let socket = haproxy.socket();
    haproxy.configure(&format!("global\n  stats socket {} level admin\n", socket.display()))?;
    haproxy.start().await?;
    let command = programs.command(setup, consul, &haproxy, service.front(), folder.path())?;
    let process = Process::start(setup.subject.name(), command, &folder.path().join("log"))?;
    let said = |when: &str| format!("{when}; the program said: {}", process.log());
    service.answers(bounds.patience).await.with_context(|| said("the first answer"))?;
    usage::calm(process.pid(), bounds.patience).await?;

    let (loads, mut times) = (haproxy.loads(), Vec::new());
    for n in 1..=bounds.changes {
        let began = Instant::now();
        service.change().await?;
        let answered = service.answers(bounds.patience).await;
        times.push(began.elapsed());
        answered.with_context(|| said(&format!("change {n}")))?;
        usage::calm(process.pid(), REST).await?;
    }
    let reloads = haproxy.loads().saturating_sub(loads);
    Ok(Measurement { subject: setup.subject, latency: Summary::of(&times), reloads })
}
