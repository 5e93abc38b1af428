//! Runs the restart protocol: the watch, Consul and Marathon on one side, [`Instance`] on the other.
//!
//! It has a thread and a runtime of its own. Whatever happens here, the child's supervision does not notice, but for what a
//! change may be made to lead to: a signal, or the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use consul::Client;
use tokio::sync::mpsc;

use crate::config::{Coordination, Member, Restart, Way};
use crate::env::Environment;
use crate::local::Local;
use crate::lock::Lock;
use crate::restart::{Identity, Instance, Policy, Stuck};
use crate::status::Board;
use crate::watch::Watch;

mod coordinator;
mod journal;
mod notes;
mod questions;

use coordinator::Coordinator;
use journal::Journal;
use notes::Notes;
use questions::{Marathon, Outages, Questions};

/// What is to become of the child.
#[derive(Clone, Debug)]
pub enum Order {
    /// Start it with this environment.
    Start(Environment),
    /// Send it this signal.
    Signal(i32),
    /// End it, and leave with this code.
    Leave(u8),
}

/// Fetches the configuration, orders the child's start, and from then on does about changes what is to be done.
///
/// # Errors
///
/// When no client can be made, or Consul stays away for longer than the start may take. Once the child was ordered to start it does not return.
pub async fn run(
    coordination: Coordination,
    local: Local,
    board: Arc<Board>,
    mut orders: impl FnMut(Order),
) -> anyhow::Result<()> {
    let Coordination { source, restart } = coordination;
    let consul = Client::new(source.consul.clone())?;
    let (watch, first) = Watch::start(consul.clone(), &source, local).await?;
    let journal = Journal::new(first, board);
    let boot = journal.last.environment.clone();
    let part = part(&restart, &boot, consul, watch.clone())?;
    orders(Order::Start(boot));
    let (readings, received) = mpsc::channel(1);
    let follow = tokio::spawn(watch.follow(readings));
    match part {
        None => journal.observe(received).await,
        Some((instance, questions)) => {
            let coordinator = Coordinator::new(instance, questions, orders);
            coordinator.run(received, journal).await;
        }
    }
    Ok(follow.await?)
}

/// This instance's part in the protocol, if it has any.
fn part(
    restart: &Restart,
    boot: &Environment,
    consul: Client,
    watch: Watch,
) -> anyhow::Result<Option<(Instance, Questions)>> {
    let alone = Member { app: String::new(), task: String::new(), host: String::new() };
    let (member, version, marathon, signal) = match &restart.way {
        Way::None => return Ok(None),
        Way::Signal(number) => (&alone, None, None, Some(*number)),
        Way::Exit(member) => (member, None, None, None),
        Way::Marathon(app) => {
            let client = marathon::Client::new(marathon::Config {
                connect_timeout: Duration::from_secs(2),
                request_timeout: Duration::from_secs(10),
                ..app.marathon.clone()
            })?;
            let watches_progress = restart.policy.stuck == Stuck::Force;
            let task = app.member.task.clone();
            let marathon = Marathon { client, app: app.id.clone(), task, watches_progress };
            (&app.member, app.version, Some(marathon), None)
        }
    };
    let name = name(member);
    let holder =
        serde_json::json!({ "task": name, "host": member.host, "pid": std::process::id() });
    let notes = Notes::new(consul.clone(), &member.app);
    let lock = Lock::new(consul, notes.key("lock"), holder.to_string());
    let outages = Outages::default();
    let questions = Questions { watch, notes, lock, marathon, signal, outages };
    let identity = Identity { boot: boot.digest(), version, task: name };
    let policy: Policy = restart.policy;
    Ok(Some((Instance::new(identity, policy, Instant::now()), questions)))
}

/// The task's id, or what else no other instance has.
fn name(member: &Member) -> String {
    if member.task.is_empty() {
        let chance = daemon::backoff::jitter();
        format!("{}:{}:{chance:.9}", member.host, std::process::id())
    } else {
        member.task.clone()
    }
}
