//! The agents of Consul that are written to: the one beside us, or, with `--all-agents`, each of the cluster.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use consul::{Client, Query};
use daemon::backoff::{Backoff, jitter};
use daemon::outage::Outage;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::config::Scope;
use crate::here::Here;
use crate::report::Report;
use crate::service::Actual;
use crate::snapshot;
use crate::unwritten::Unwritten;

/// What the agent beside us is called here, whatever its node's name is at the time.
pub const LOCAL: &str = "local";

/// What an agent has, or why it does not say.
pub type Answer = Result<BTreeMap<String, Actual>, consul::Error>;

/// One agent.
#[derive(Debug)]
pub struct Agent {
    /// For its API.
    pub client: Client,
    /// What was told about it.
    pub report: Report,
    /// What it did not take.
    pub unwritten: Unwritten,
    outage: Outage,
    backoff: Backoff,
    not_before: Option<Instant>,
}

impl Agent {
    fn new(client: Client) -> Self {
        let backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(30));
        Self {
            client,
            report: Report::default(),
            unwritten: Unwritten::default(),
            outage: Outage::default(),
            backoff,
            not_before: None,
        }
    }

    /// Whether it may be bothered.
    pub fn is_ready(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    /// It wants to be left alone for a while.
    pub fn pause(&mut self, now: Instant) {
        self.not_before = Some(now + self.backoff.next(jitter()));
    }

    /// It does what it is asked.
    pub fn resume(&mut self) {
        self.backoff.reset();
        self.not_before = None;
    }

    /// It does not answer. One of many may be gone for long, and is not asked each time; the one beside us is.
    pub fn failed(&mut self, name: &str, err: &consul::Error, now: Instant) {
        // It is asked several things at the same time, and which of them fails first is no news.
        if self.outage.failed(&err.kind, now) {
            warn!(agent = name, error = %err, "Consul's agent does not answer");
        }
        if name != LOCAL {
            self.pause(now);
        }
    }

    /// It answers; true when it did not before.
    pub fn answers(&mut self, name: &str, now: Instant) -> bool {
        let Some(recovery) = self.outage.recovered(now) else { return false };
        let (failures, lasted) = (recovery.failures, recovery.lasted);
        info!(agent = name, failures, ?lasted, "Consul's agent answers again");
        self.resume();
        true
    }
}

/// The agents there are, and what each is called.
///
/// # Errors
/// The agent beside us does not answer.
pub async fn discover(
    consul: &Client,
    config: &consul::Config,
    scope: &Scope,
) -> Result<Vec<(String, Client, Here)>, consul::Error> {
    let given = match scope {
        Scope::Beside(given) => given,
        Scope::All => return nodes(consul, config).await,
    };
    let here = snapshot::here(consul, given).await?;
    Ok(vec![(LOCAL.to_owned(), consul.clone(), here)])
}

/// Every node of the catalog has an agent, which listens where the one we know does.
async fn nodes(
    consul: &Client,
    config: &consul::Config,
) -> Result<Vec<(String, Client, Here)>, consul::Error> {
    let nodes = consul.nodes(None, &Query::default()).await?.value;
    let mut agents = Vec::new();
    for node in nodes {
        let mut url = consul.address().clone();
        let is_address = url.set_host(Some(&bracketed(&node.address))).is_ok();
        let port = url.port_or_known_default().unwrap_or_default();
        if !is_address {
            warn!(node = node.node, address = node.address, "No address of an agent");
            continue;
        }
        let host = url.host_str().unwrap_or_default();
        let address = format!("{}://{host}:{port}", url.scheme());
        let client = Client::new(consul::Config { address, ..config.clone() })?;
        agents.push((node.node.clone(), client, Here::new(&node.address, &node.node, &[])));
    }
    Ok(agents)
}

fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

/// Takes in the agents that there are now; those that stay keep what is known of them.
pub fn update(
    agents: &mut BTreeMap<String, Agent>,
    found: Vec<(String, Client, Here)>,
) -> BTreeMap<String, Here> {
    let mut heres = BTreeMap::new();
    for (name, client, here) in found {
        match agents.get_mut(&name) {
            Some(agent) if agent.client.address() == client.address() => {}
            Some(agent) => agent.client = client,
            None => drop(agents.insert(name.clone(), Agent::new(client))),
        }
        heres.insert(name, here);
    }
    agents.retain(|name, _| heres.contains_key(name));
    heres
}

/// Asks agents what they have, all at the same time.
pub async fn read(agents: impl Iterator<Item = (String, Client)>) -> Vec<(String, Answer)> {
    let mut requests = JoinSet::new();
    for (name, client) in agents {
        requests.spawn(async move { (name, snapshot::agent(&client).await) });
    }
    requests.join_all().await
}
