//! Writes a plan to the agent. One write that fails stops no other.

use std::collections::{BTreeMap, BTreeSet};

use consul::agent::CheckDefinition;
use tokio::task::JoinSet;
use tracing::{debug, info};

use crate::check::{self, Check, Target};
use crate::heartbeat::Beat;
use crate::plan::{Plan, Write};
use crate::service::{Registration, ServiceId, mark};

/// Writes at the same time; the agent is on this host, and others use it too.
const CONCURRENT: usize = 8;

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The ids whose write failed, and why.
    pub failed: BTreeMap<String, consul::Error>,
    /// The ids whose write was taken.
    pub taken: BTreeSet<String>,
    /// How many services were registered or changed.
    pub registered: u64,
    /// How many services were removed.
    pub deregistered: u64,
}

impl Outcome {
    /// Consul wants fewer requests: what is left of the plan is not tried.
    pub fn is_stopped(&self) -> bool {
        self.failed.values().any(|err| err.status() == Some(429))
    }
}

/// Writes the plan, and removes when all is written: what replaces a task is there before the task leaves.
pub async fn apply(consul: &consul::Client, plan: Plan) -> Outcome {
    let mut outcome = Outcome::default();
    let writes = plan.register.into_iter().map(|(id, write)| Item::Write(id, Box::new(write)));
    run(consul, writes, &mut outcome).await;
    let rests = plan.maintenance.into_iter().map(|(id, reason)| Item::Rest(id, reason));
    run(consul, rests, &mut outcome).await;
    let removals = plan.deregister.into_iter();
    let removals = removals.map(|(id, service)| Item::Remove(id, Box::new(service)));
    run(consul, removals, &mut outcome).await;
    outcome
}

/// Tells the agent about checks that wait for our word; false when it did not take all of it.
pub async fn beat(consul: &consul::Client, beats: Vec<Beat>) -> bool {
    let mut heard = true;
    for Beat { check, alive } in beats {
        // The same words each time: a new text would be a write to the catalog.
        let (status, output) = if alive {
            ("passing", "Marathon finds the task healthy")
        } else {
            ("critical", "Marathon finds the task unhealthy")
        };
        if let Err(err) = consul.update_ttl(&check, status, output).await {
            debug!(check, error = %err, "Check was not told");
            heard = false;
        }
    }
    heard
}

async fn run(
    consul: &consul::Client,
    mut items: impl Iterator<Item = Item>,
    outcome: &mut Outcome,
) {
    let mut running = JoinSet::new();
    loop {
        while running.len() < CONCURRENT
            && !outcome.is_stopped()
            && let Some(item) = items.next()
        {
            let consul = consul.clone();
            running.spawn(async move { item.run(&consul).await });
        }
        match running.join_next().await {
            None => return,
            Some(Ok(Done { id, result: Err(err), .. })) => {
                outcome.taken.remove(&id);
                outcome.failed.insert(id, err);
            }
            Some(Ok(Done { id, kind, result: Ok(()) })) => {
                outcome.registered += u64::from(kind == Kind::Registered);
                outcome.deregistered += u64::from(kind == Kind::Deregistered);
                outcome.taken.insert(id);
            }
            // A write that panicked is seen as missing by the next comparison.
            Some(Err(_)) => {}
        }
    }
}

enum Item {
    Remove(String, Box<Registration>),
    Rest(String, Option<String>),
    Write(ServiceId, Box<Write>),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Registered,
    Rotated,
    Deregistered,
}

struct Done {
    id: String,
    kind: Kind,
    result: Result<(), consul::Error>,
}

impl Item {
    async fn run(self, consul: &consul::Client) -> Done {
        match self {
            Self::Remove(id, service) => {
                let result = consul.deregister(&id).await;
                if result.is_ok() {
                    let app = service.meta(mark::APP).unwrap_or_default();
                    info!(service = %service.name, id, app, "Service deregistered");
                }
                Done { id, kind: Kind::Deregistered, result }
            }
            Self::Rest(id, reason) => {
                let why = reason.as_deref().unwrap_or_default();
                let result = consul.maintenance(&id, reason.is_some(), why).await;
                if result.is_ok() {
                    info!(id, reason = why, in_rotation = reason.is_none(), "Service rotated");
                }
                Done { id, kind: Kind::Rotated, result }
            }
            Self::Write(id, write) => {
                let id = id.to_string();
                let result = consul.register(&registration(&id, &write.registration)).await;
                if result.is_ok() {
                    written(&id, &write);
                }
                Done { id, kind: Kind::Registered, result }
            }
        }
    }
}

fn written(id: &str, write: &Write) {
    let Registration { name, address, port, .. } = &*write.registration;
    let app = write.registration.meta(mark::APP).unwrap_or_default();
    match &write.changes {
        None => info!(service = %name, id, app, address, port, "Service registered"),
        Some(changes) => {
            let fields: Vec<_> = changes.iter().map(|change| change.field).collect();
            info!(service = %name, id, app, changed = fields.join(","), "Service changed");
        }
    }
}

fn registration(id: &str, service: &Registration) -> consul::agent::Registration {
    let checks = service.checks.iter().enumerate();
    consul::agent::Registration {
        id: id.to_owned(),
        name: service.name.clone(),
        tags: service.tags.clone(),
        meta: service.meta.clone(),
        port: service.port,
        address: service.address.clone(),
        weights: service.weights,
        enable_tag_override: service.tag_override,
        checks: checks.map(|(n, check)| definition(check::id_of(id, n), check)).collect(),
    }
}

fn definition(check_id: String, check: &Check) -> CheckDefinition {
    let mut definition = CheckDefinition {
        check_id,
        name: check::text_of(std::slice::from_ref(check)).unwrap_or_default(),
        interval: Some(check.interval.clone()),
        timeout: check.timeout.clone(),
        status: Some(check.initial_status.clone()),
        deregister_critical_service_after: check.deregister_after.clone(),
        ..CheckDefinition::default()
    };
    match check.target.clone() {
        Target::Http { url, method, any_certificate } => {
            definition.http = Some(url);
            definition.method = method;
            definition.tls_skip_verify = any_certificate;
        }
        Target::Tcp(address) => definition.tcp = Some(address),
        Target::Grpc { address, tls, any_certificate } => {
            definition.grpc = Some(address);
            definition.grpc_use_tls = tls;
            definition.tls_skip_verify = any_certificate;
        }
        Target::Ttl(ttl) => {
            definition.ttl = Some(ttl);
            // Consul takes a check with both for one that it runs itself.
            definition.interval = None;
        }
        Target::Script(script) => {
            definition.args = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
        }
    }
    definition
}
