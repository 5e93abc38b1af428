//! What the tests of the registrator start, and what they ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consul::wire::Service;
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
/// 20 times a second.
const SAMPLE: Duration = Duration::from_millis(50);

/// One Consul agent, one Marathon whose only Mesos agent has its address, one registrator.
pub(crate) struct Rig {
    pub(crate) registrator: Process,
    pub(crate) marathon: DevMarathon,
    pub(crate) consul: DevAgent,
    pub(crate) folder: TempDir,
    network: Network,
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
        let network = Network::claim().unwrap();
        let ip = consul.ip().to_string();
        let marathon = DevMarathon::start(&network, &["--agent", &ip]).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        command.args(options(api, marathon.url())).args(arguments);
        command.args(["--status", &format!("{}:9110", network.host(2))]);
        let log = folder.path().join("log");
        let registrator = Process::start("registrator", command, &log).unwrap();
        Self { registrator, marathon, consul, folder, network }
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
        services.remove("by-hand");
        Ok(services)
    }

    /// Waits until the agent has exactly the services of the app's tasks.
    pub(crate) async fn mirrored(&self, tasks: usize) {
        eventually(&format!("{tasks} services"), PATIENCE, async || {
            let ids = self.marathon.task_ids("web").await.map_err(|err| format!("{err:#}"))?;
            let wanted: BTreeSet<_> = ids.iter().map(|id| format!("{id}:80")).collect();
            let found: BTreeSet<_> = self.services().await?.into_keys().collect();
            if found == wanted && wanted.len() == tasks {
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

    pub(crate) async fn register_by_hand(&self) {
        let service = consul::agent::Registration {
            id: "by-hand".to_owned(),
            name: "mysql".to_owned(),
            ..consul::agent::Registration::default()
        };
        self.consul.client().register(&service).await.unwrap();
    }

    pub(crate) async fn has_by_hand(&self) -> bool {
        self.consul.client().agent_services().await.unwrap().contains_key("by-hand")
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
pub(crate) struct Sampler {
    least: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

impl Sampler {
    pub(crate) fn start(rig: &Rig) -> Self {
        let least = Arc::new(Mutex::new(usize::MAX));
        let (seen, client) = (Arc::clone(&least), rig.consul.client().clone());
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SAMPLE);
            loop {
                ticks.tick().await;
                if let Ok(services) = client.agent_services().await {
                    let ours = services.keys().filter(|id| *id != "by-hand").count();
                    let mut least = seen.lock().unwrap();
                    *least = (*least).min(ours);
                }
            }
        });
        Self { least, task }
    }

    pub(crate) fn stop(self) -> usize {
        self.task.abort();
        *self.least.lock().unwrap()
    }
}
