//! Reads Marathon and Consul into values.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use marathon::{AppId, Kind, Malformed};
use tokio::task::JoinSet;
use tracing::debug;

use crate::here::Here;
use crate::service::{Actual, Registration};
use crate::trigger::Work;
use crate::view::{AppAnswer, View};

/// A resolver that does not answer must not keep a good answer of Marathon's waiting.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Requests to Marathon at the same time.
const CONCURRENT: usize = 4;

/// The check by which Consul keeps a service out of rotation (api/agent.go, `ServiceMaintPrefix`). Its notes are the reason.
const MAINTENANCE: &str = "_service_maintenance:";

/// What became of a read of Marathon.
#[derive(Debug)]
pub struct Reading {
    /// What it was for.
    pub work: Work,
    /// When it was asked.
    pub asked: Instant,
    /// What came of it.
    pub outcome: Result<Fresh, marathon::Error>,
    /// Host names that were resolved for it.
    pub resolved: BTreeMap<String, Vec<IpAddr>>,
}

/// What Marathon said.
#[derive(Debug)]
pub enum Fresh {
    /// Everything.
    All(View),
    /// About these apps.
    Apps(Vec<AppAnswer>),
}

/// Reads what `work` says, and resolves the hosts in it that no one of `heres` knows. What has not changed since `before` is
/// shared with it.
pub async fn marathon(
    client: marathon::Client,
    work: Work,
    before: View,
    heres: Arc<BTreeMap<String, Here>>,
) -> Reading {
    let asked = Instant::now();
    let outcome = match &work {
        Work::All => all(&client, &before).await,
        Work::Apps(ids) => apps(&client, ids, &before).await,
    };
    let retry = work == Work::All;
    let names: Vec<_> = outcome.iter().flat_map(Fresh::hosts).collect();
    let is_unknown = |host: &String| heres.values().any(|here| here.should_resolve(host, retry));
    let unknown = names.into_iter().filter(is_unknown).collect();
    Reading { work, asked, resolved: resolve(unknown).await, outcome }
}

impl Fresh {
    fn hosts(&self) -> BTreeSet<String> {
        match self {
            Self::All(view) => view.hosts().into_iter().map(str::to_owned).collect(),
            Self::Apps(answers) => {
                let tasks = answers.iter().flat_map(AppAnswer::tasks);
                tasks.map(|task| task.host.clone()).collect()
            }
        }
    }
}

async fn all(client: &marathon::Client, before: &View) -> Result<Fresh, marathon::Error> {
    let apps = client.apps_with_tasks_as(|app| before.shared(app)).await?;
    named(&apps.malformed, "/v2/apps")?;
    // One after the other: when the first fails, the second is not worth asking for.
    let Some(pods) = client.pods_as(|pod| before.shared_pod(pod)).await? else {
        static SAID: Once = Once::new();
        SAID.call_once(|| debug!("Marathon has no pods"));
        return Ok(Fresh::All(View::of(apps)));
    };
    named(&pods.malformed, "/v2/pods/::status")?;
    Ok(Fresh::All(View::of(apps).with_pods(pods)))
}

/// Without its id nobody can tell which services an app has: then the answer as a whole is not to be trusted.
fn named(malformed: &[Malformed], url: &str) -> Result<(), marathon::Error> {
    let Some(nameless) = malformed.iter().find(|app| app.id.is_none()) else { return Ok(()) };
    let kind = Kind::Decode(format!("an app without id: {}", nameless.reason));
    Err(marathon::Error { url: url.to_owned(), kind })
}

async fn apps(
    client: &marathon::Client,
    ids: &BTreeSet<AppId>,
    before: &View,
) -> Result<Fresh, marathon::Error> {
    let mut answers = Vec::new();
    let mut requests = JoinSet::new();
    let mut ids = ids.iter().cloned();
    loop {
        while requests.len() < CONCURRENT
            && let Some(id) = ids.next()
        {
            let client = client.clone();
            requests.spawn(async move { app(&client, id).await });
        }
        match requests.join_next().await {
            None => return Ok(Fresh::Apps(answers)),
            Some(Ok(Ok(answer))) => answers.push(answer),
            // One app that has no model: the list of all apps says which, and gives the others.
            Some(Ok(Err(err))) if matches!(err.kind, Kind::Decode(_)) => {
                return all(client, before).await;
            }
            Some(Ok(Err(err))) => return Err(err),
            // A request that panicked is one that said nothing.
            Some(Err(_)) => {}
        }
    }
}

/// Events do not say whether an id is that of an app or of a pod.
async fn app(client: &marathon::Client, id: AppId) -> Result<AppAnswer, marathon::Error> {
    match client.app(&id).await {
        Err(err) if is_gone(&err) => {}
        answer => return answer.map(|app| AppAnswer::Found(Box::new(app))),
    }
    match client.pod(&id).await {
        Err(err) if matches!(err.status(), Some(404 | 405)) => Ok(AppAnswer::Gone(id)),
        answer => answer.map(AppAnswer::Pod),
    }
}

/// Marathon says so in its own words; a 404 without them comes from something else that listens there.
fn is_gone(err: &marathon::Error) -> bool {
    matches!(&err.kind, Kind::Status { status: 404, message, .. } if !message.is_empty())
}

async fn resolve(names: BTreeSet<String>) -> BTreeMap<String, Vec<IpAddr>> {
    let mut lookups = JoinSet::new();
    let mut resolved: BTreeMap<_, Vec<IpAddr>> = BTreeMap::new();
    for name in names {
        resolved.insert(name.clone(), Vec::new());
        lookups.spawn(async move {
            let lookup = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses = lookup.into_iter().flatten().map(|address| address.ip()).collect();
            (name, addresses)
        });
    }
    let deadline = tokio::time::Instant::now() + RESOLVE_TIMEOUT;
    while let Ok(Some(lookup)) = tokio::time::timeout_at(deadline, lookups.join_next()).await {
        resolved.extend(lookup);
    }
    resolved
}

/// What the agent is called, where it is, and what it lets us do.
pub async fn here(consul: &consul::Client, given: &[String]) -> Result<Here, consul::Error> {
    let agent = consul.agent_self().await?;
    // Agents before 1.0 tell their address in their configuration.
    let lan = Some(agent.debug_config.advertise_addr_lan);
    let addresses = [Some(agent.member.addr), agent.config.advertise_addr, lan];
    let address = addresses.into_iter().flatten().find(|address| !address.is_empty());
    let node = Some(agent.config.node_name).filter(|name| !name.is_empty());
    let here = Here::new(&address.unwrap_or_default(), &node.unwrap_or(agent.member.name), given);
    Ok(here.with_scripts(agent.debug_config.enable_remote_script_checks))
}

/// The services that the agent has, by id.
pub async fn agent(consul: &consul::Client) -> Result<BTreeMap<String, Actual>, consul::Error> {
    let mut checked = BTreeSet::new();
    let mut resting = BTreeMap::new();
    // One after the other: of thousands of services both answers together are most of the memory that is ever needed.
    for (id, check) in consul.agent_checks().await? {
        if id.starts_with(MAINTENANCE) {
            resting.insert(check.service_id, check.notes);
        } else {
            checked.insert(check.service_id);
        }
    }
    let actual = consul.agent_services().await?.into_iter().map(|(id, service)| {
        let registration = Registration {
            name: service.service,
            tags: service.tags,
            meta: service.meta,
            address: service.address,
            // Consul takes numbers that are no ports, from others; they differ from all that we want, as no port does.
            port: u16::try_from(service.port).unwrap_or_default(),
            weights: service.weights,
            tag_override: service.enable_tag_override,
            checks: Vec::new(),
            rest: resting.remove(&id),
        };
        let has_check = checked.contains(&id);
        (id, Actual { registration, has_check })
    });
    Ok(actual.collect())
}

#[cfg(test)]
mod tests;
