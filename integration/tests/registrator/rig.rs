//! What the tests of the registrator start, and what they ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consul::wire::{CatalogNode, Service};
use consul::{Answer, Query};
use integration::http;
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;
use integration::rig::marathon::DevMarathon;
use integration::rig::network::Network;
use integration::rig::process::{Process, command, program};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// The id of a service that somebody has registered by hand.
const STRANGER: &str = "by-hand";
/// What the agent calls itself.
const NODE: &str = "node";
/// 20 times a second.
const SAMPLE: Duration = Duration::from_millis(50);

/// One Consul agent, one Marathon whose only Mesos agent has its address, one registrator.
pub(crate) struct Rig {
    pub(crate) registrator: Process,
    pub(crate) marathon: DevMarathon,
    pub(crate) consul: DevAgent,
    pub(crate) folder: TempDir,
    network: Network,
    /// Whether there was an agent to register a service of somebody else's at.
    has_stranger: bool,
}

impl Rig {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::beside(DevAgent::start().await.unwrap(), arguments).await
    }

    /// With an agent that has settings of its own.
    pub(crate) async fn beside(consul: DevAgent, arguments: &[&str]) -> Self {
        Self::with(consul, command(program("registrator")), arguments).await
    }

    /// With a registrator that is called like this.
    pub(crate) async fn with(consul: DevAgent, command: Command, arguments: &[&str]) -> Self {
        let api = consul.api();
        Self::at(consul, &api, command, arguments).await
    }

    /// With a registrator that reaches the agent at `api`.
    pub(crate) async fn at(
        consul: DevAgent,
        api: &str,
        mut command: Command,
        arguments: &[&str],
    ) -> Self {
        let has_stranger = consul.client().register(&stranger()).await.is_ok();
        let network = Network::claim().unwrap();
        let ip = consul.ip().to_string();
        let marathon = DevMarathon::start(&network, &["--agent", &ip]).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        command.args(options(api, marathon.url())).args(arguments);
        command.args(["--status", &format!("{}:9110", network.host(2))]);
        let log = folder.path().join("log");
        let registrator = Process::start("registrator", command, &log).unwrap();
        Self { registrator, marathon, consul, folder, network, has_stranger }
    }

    pub(crate) async fn deploy(&self, app: &Value) {
        let answer = self.marathon.post("/v2/apps", app).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text);
        self.marathon.deployed().await;
    }

    pub(crate) async fn scale(&self, instances: usize) {
        let body = json!({ "instances": instances });
        let answer = self.marathon.put("/v2/apps/web", &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.marathon.deployed().await;
    }

    pub(crate) async fn fault(&self, path: &str, body: Value) {
        self.marathon.order(Method::POST, path, Some(&body)).await.unwrap();
    }

    pub(crate) async fn services(&self) -> Result<BTreeMap<String, Service>, String> {
        let mut services =
            self.consul.client().agent_services().await.map_err(|err| err.to_string())?;
        let has_stranger = services.remove(STRANGER).is_some();
        assert_eq!(has_stranger, self.has_stranger, "{}", self.registrator.log());
        Ok(services)
    }

    /// Waits until the agent and the catalog have exactly the services of the app's tasks, and the agent that of a stranger.
    pub(crate) async fn mirrored(&self, tasks: usize) {
        eventually(&format!("{tasks} services"), PATIENCE, async || {
            let ids = self.marathon.task_ids("web").await.map_err(|err| format!("{err:#}"))?;
            let wanted: BTreeSet<_> = ids.iter().map(|id| format!("{id}:80")).collect();
            let found: BTreeSet<_> = self.services().await?.into_keys().collect();
            let node = self.consul.client().node(NODE, &Query::default()).await;
            let catalog = node.map_err(|err| err.to_string())?.value.services;
            let is_same = wanted.iter().all(|id| catalog.contains_key(id));
            if found == wanted && wanted.len() == tasks && is_same && ours(&catalog) == tasks {
                return Ok(());
            }
            Err(format!("{found:?}, not {wanted:?}\n{}", self.registrator.log()))
        })
        .await;
    }

    pub(crate) async fn page(&self, path: &str) -> String {
        let url = format!("http://{}:9110{path}", self.network.host(2));
        eventually(&url, PATIENCE, async || {
            let answer = http::get(&url).await.map_err(|err| err.to_string())?;
            answer.text().await.map_err(|err| err.to_string())
        })
        .await
    }

    /// A counter or gauge, as it is written in `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let page = self.page("/metrics").await;
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
    }

    /// Waits until a counter has grown by as much.
    pub(crate) async fn grown(&self, name: &str, by: u64) {
        let before = self.metric(name).await;
        eventually(&format!("{name} to grow"), PATIENCE, async || {
            let now = self.metric(name).await;
            if now >= before + by { Ok(()) } else { Err(self.registrator.log()) }
        })
        .await;
    }

    /// Waits until the log says it.
    pub(crate) async fn said(&self, text: &str) {
        eventually(text, PATIENCE, async || {
            let log = self.registrator.log();
            if log.contains(text) { Ok(()) } else { Err(log) }
        })
        .await;
    }

    /// How often the log has said it.
    pub(crate) fn times(&self, text: &str) -> usize {
        self.registrator.log().matches(text).count()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("registrator"));
        command.args(options(&self.consul.api(), self.marathon.url())).args(arguments);
        command.output().unwrap()
    }
}

/// A service that the registrator did not write: in every test it is to survive.
fn stranger() -> consul::agent::Registration {
    consul::agent::Registration {
        id: STRANGER.to_owned(),
        name: "mysql".to_owned(),
        ..consul::agent::Registration::default()
    }
}

pub(crate) fn options(consul: &str, marathon: &str) -> Vec<String> {
    ["--consul", consul, "--marathon", marathon].map(str::to_owned).to_vec()
}

/// Processes that do nothing, so that there can be many.
pub(crate) fn web(instances: u32) -> Value {
    json!({
        "id": "/web", "cmd": "exec sleep 1000", "instances": instances, "cpus": 0.01, "mem": 1,
        "portDefinitions": [{"port": 80, "name": "http"}], "requirePorts": false,
        "taskKillGracePeriodSeconds": 1,
    })
}

/// The smallest number of our services that was ever seen.
#[derive(Clone, Copy)]
struct Least {
    agent: usize,
    catalog: usize,
}

/// Looks at the agent and the catalog all the time.
pub(crate) struct Sampler {
    least: Arc<Mutex<Least>>,
    task: JoinHandle<()>,
}

impl Sampler {
    pub(crate) fn start(rig: &Rig) -> Self {
        let unseen = Least { agent: usize::MAX, catalog: usize::MAX };
        let least = Arc::new(Mutex::new(unseen));
        let (seen, client) = (Arc::clone(&least), rig.consul.client().clone());
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SAMPLE);
            let query = Query::default();
            loop {
                ticks.tick().await;
                let (agent, node) =
                    tokio::join!(client.agent_services(), client.node(NODE, &query));
                let mut least = seen.lock().unwrap();
                least.agent = agent.map_or(least.agent, |found| least.agent.min(ours(&found)));
                let catalog = |node: Answer<CatalogNode>| ours(&node.value.services);
                least.catalog = node.map_or(least.catalog, |node| least.catalog.min(catalog(node)));
            }
        });
        Self { least, task }
    }

    /// The smallest number at the agent. The catalog, which follows it, was never empty.
    pub(crate) fn stop(self) -> usize {
        self.task.abort();
        let Least { agent, catalog } = *self.least.lock().unwrap();
        assert!((1..usize::MAX).contains(&catalog), "{catalog} in the catalog at some time");
        agent
    }
}

fn ours(services: &BTreeMap<String, Service>) -> usize {
    services.keys().filter(|id| !["consul", STRANGER].contains(&id.as_str())).count()
}
