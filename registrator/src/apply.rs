//! Writes a plan to the agent. One write that fails stops no other.

use std::collections::BTreeMap;

use consul::agent::CheckDefinition;
use consul::wire::Weights;
use tokio::task::JoinSet;
use tracing::info;

use crate::plan::{Plan, Write};
use crate::service::{Check, Registration, ServiceId, Target, mark};

/// Writes at the same time; the agent is on this host, and others use it too.
const CONCURRENT: usize = 8;

/// Writes the plan, and removes when all is written: what replaces a task is there before the task leaves. Gives the ids
/// whose write failed, and why.
pub async fn apply(consul: &consul::Client, plan: Plan) -> BTreeMap<String, consul::Error> {
    let writes = plan.register.into_iter().map(|(id, write)| Item::Write(id, Box::new(write)));
    let removals = plan.deregister.into_iter();
    let removals = removals.map(|(id, service)| Item::Remove(id, Box::new(service)));
    let mut failed = run(consul, writes).await;
    failed.extend(run(consul, removals).await);
    failed
}

async fn run(
    consul: &consul::Client,
    mut items: impl Iterator<Item = Item>,
) -> BTreeMap<String, consul::Error> {
    let mut failed = BTreeMap::new();
    let mut running = JoinSet::new();
    loop {
        while running.len() < CONCURRENT
            && let Some(item) = items.next()
        {
            let consul = consul.clone();
            running.spawn(async move { item.run(&consul).await });
        }
        match running.join_next().await {
            None => return failed,
            Some(Ok((id, Err(err)))) => drop(failed.insert(id, err)),
            // A write that panicked is seen as missing by the next comparison.
            Some(Ok((_, Ok(()))) | Err(_)) => {}
        }
    }
}

enum Item {
    Remove(String, Box<Registration>),
    Write(ServiceId, Box<Write>),
}

impl Item {
    async fn run(self, consul: &consul::Client) -> (String, Result<(), consul::Error>) {
        match self {
            Self::Remove(id, service) => {
                let result = consul.deregister(&id).await;
                if result.is_ok() {
                    let app = service.meta(mark::APP).unwrap_or_default();
                    info!(service = %service.name, id, app, "Service deregistered");
                }
                (id, result)
            }
            Self::Write(id, write) => {
                let id = id.to_string();
                let result = consul.register(&registration(&id, &write.registration)).await;
                if result.is_ok() {
                    written(&id, &write);
                }
                (id, result)
            }
        }
    }
}

fn written(id: &str, write: &Write) {
    let Registration { name, address, port, .. } = &write.registration;
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
    consul::agent::Registration {
        id: id.to_owned(),
        name: service.name.clone(),
        tags: service.tags.clone(),
        meta: service.meta.clone(),
        port: service.port,
        address: service.address.clone(),
        weights: Weights::default(),
        enable_tag_override: false,
        checks: service.check.iter().map(|check| definition(id, check)).collect(),
    }
}

fn definition(id: &str, check: &Check) -> CheckDefinition {
    let (http, tcp) = match &check.target {
        Target::Http(url) => (Some(url.clone()), None),
        Target::Tcp(address) => (None, Some(address.clone())),
    };
    CheckDefinition {
        check_id: format!("service:{id}"),
        name: check.to_string(),
        http,
        tcp,
        ttl: None,
        interval: Some(check.interval.clone()),
        timeout: check.timeout.clone(),
        status: Some(check.initial_status.clone()),
        deregister_critical_service_after: check.deregister_after.clone(),
    }
}
