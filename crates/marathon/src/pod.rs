//! A pod as Marathon answers its status, read as apps: one for each container, with what runs of it as tasks.
//!
//! | of an app | is of a pod |
//! | --- | --- |
//! | id, version, networks | the pod's |
//! | env, labels | the pod's, overlaid with the container's |
//! | port definitions (host), port mappings (else) | the container's endpoints |
//! | health check | the container's, on the endpoint that it names |
//! | task id | `containerId`, which is the Mesos task's; `<instance>.<container>` where it is missing |
//! | task's host, own addresses, version | the instance's |
//! | task's health | the condition `healthy` of the container, else what its endpoints say |

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::app::{App, CheckCommand, Container, HealthCheck, Network, PortDefinition, PortMapping};
use crate::task::{HealthCheckResult, Task, TaskIp, TaskState};
use crate::{AppId, TaskId, lenient};

/// What marks a result that Mesos has not given yet, and which is shown as a bad one (`PodStatusConversion` of Marathon).
const UNREPORTED: &str = "health-unreported-by-mesos";
/// Before the version in the reference of an instance to its definition.
const VERSIONS: &str = "::versions/";

/// A pod.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Status")]
pub struct Pod {
    /// Absolute path. No app has the same.
    pub id: AppId,
    /// Its containers, in the order of the definition, each with the pod's id.
    pub containers: Vec<App>,
}

#[derive(Deserialize)]
struct Status {
    id: AppId,
    spec: Spec,
    #[serde(default, deserialize_with = "lenient::list")]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default, deserialize_with = "lenient::or_default")]
    version: String,
    #[serde(default, deserialize_with = "lenient::texts")]
    environment: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "lenient::texts")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "lenient::list")]
    networks: Vec<Network>,
    containers: Vec<ContainerSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerSpec {
    name: String,
    #[serde(default, deserialize_with = "lenient::texts")]
    environment: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "lenient::texts")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "lenient::list")]
    endpoints: Vec<Endpoint>,
    #[serde(default)]
    health_check: Option<Check>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    name: String,
    #[serde(default)]
    container_port: Option<u32>,
    /// 0 is one of Mesos' choice. Absent: there is none.
    #[serde(default)]
    host_port: Option<u32>,
    #[serde(default, deserialize_with = "lenient::list")]
    protocol: Vec<String>,
    #[serde(default, deserialize_with = "lenient::texts")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    #[serde(default)]
    http: Option<Asked>,
    #[serde(default)]
    tcp: Option<Asked>,
    #[serde(default)]
    exec: Option<Exec>,
    #[serde(default)]
    interval_seconds: Option<u32>,
    #[serde(default)]
    timeout_seconds: Option<u32>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default, deserialize_with = "lenient::or_default")]
    endpoint: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    scheme: String,
}

#[derive(Deserialize)]
struct Exec {
    #[serde(default, deserialize_with = "lenient::or_default")]
    command: Command,
}

#[derive(Default, Deserialize)]
struct Command {
    /// Absent where the command is a list of arguments.
    #[serde(default)]
    shell: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    id: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    agent_hostname: String,
    /// The path of the definition it was started from.
    #[serde(default)]
    spec_reference: Option<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    networks: Vec<Joined>,
    #[serde(default, deserialize_with = "lenient::list")]
    containers: Vec<ContainerStatus>,
}

#[derive(Deserialize)]
struct Joined {
    #[serde(default, deserialize_with = "lenient::list")]
    addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    #[serde(default)]
    status: Option<TaskState>,
    #[serde(default)]
    container_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    conditions: Vec<Condition>,
    #[serde(default, deserialize_with = "lenient::list")]
    endpoints: Vec<EndpointStatus>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(default, deserialize_with = "lenient::or_default")]
    name: String,
    #[serde(default)]
    value: Value,
    #[serde(default, deserialize_with = "lenient::or_default")]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointStatus {
    #[serde(default, deserialize_with = "lenient::or_default")]
    name: String,
    #[serde(default)]
    allocated_host_port: Option<u16>,
    #[serde(default)]
    healthy: Option<bool>,
}

impl From<Status> for Pod {
    fn from(status: Status) -> Self {
        let Status { id, mut spec, instances } = status;
        if spec.networks.is_empty() {
            spec.networks.push(Network { mode: "host".to_owned(), name: None });
        }
        let containers = std::mem::take(&mut spec.containers);
        let app = |container| app(&id, &spec, container, &instances);
        Self { containers: containers.into_iter().map(app).collect(), id }
    }
}

fn app(id: &AppId, spec: &Spec, mut container: ContainerSpec, instances: &[Instance]) -> App {
    let mode = spec.networks.first().map(|network| network.mode.as_str()).unwrap_or_default();
    let (on_host, on_bridge) = (mode == "host", mode == "container/bridge");
    // Nothing leads to it.
    container.endpoints.retain(|endpoint| !on_bridge || endpoint.host_port.is_some());
    let runs = instances.iter().flat_map(|instance| {
        let mine = instance.containers.iter().filter(|status| status.name == container.name);
        mine.map(move |status| (instance, status))
    });
    let is_mapped = |endpoint: &&Endpoint| on_host || endpoint.host_port.is_some();
    let mapped: Vec<_> = container.endpoints.iter().filter(is_mapped).collect();
    let tasks: Vec<_> = runs.map(|(instance, status)| task(instance, status, &mapped)).collect();
    let check = container.health_check.take();
    let endpoints = container.endpoints;
    App {
        id: id.clone(),
        version: spec.version.clone(),
        version_info: None,
        env: overlaid(&spec.environment, container.environment),
        labels: overlaid(&spec.labels, container.labels),
        ports: Vec::new(),
        health_checks: check.and_then(|check| check.of_app(&endpoints)).into_iter().collect(),
        port_definitions: if on_host {
            endpoints.iter().map(definition).collect()
        } else {
            Vec::new()
        },
        container: (!on_host).then(|| Container {
            port_mappings: Some(endpoints.iter().map(mapping).collect()),
            docker: None,
        }),
        networks: spec.networks.clone(),
        ip_address: None,
        instances: u32::try_from(instances.len()).unwrap_or(u32::MAX),
        tasks_staged: 0,
        tasks_running: 0,
        tasks_healthy: 0,
        tasks_unhealthy: 0,
        deployments: Vec::new(),
        tasks,
    }
}

fn overlaid(
    of_pod: &BTreeMap<String, String>,
    of_container: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut all = of_pod.clone();
    all.extend(of_container);
    all
}

fn definition(endpoint: &Endpoint) -> PortDefinition {
    PortDefinition {
        port: endpoint.host_port.unwrap_or_default(),
        protocol: endpoint.protocol.join(","),
        name: Some(endpoint.name.clone()),
        labels: endpoint.labels.clone(),
    }
}

fn mapping(endpoint: &Endpoint) -> PortMapping {
    PortMapping {
        container_port: endpoint.container_port.unwrap_or_default(),
        host_port: endpoint.host_port,
        protocol: endpoint.protocol.join(","),
        name: Some(endpoint.name.clone()),
        labels: endpoint.labels.clone(),
    }
}

fn task(instance: &Instance, status: &ContainerStatus, mapped: &[&Endpoint]) -> Task {
    let Instance { id, agent_hostname, spec_reference, networks, .. } = instance;
    let own = status.container_id.as_deref().filter(|own| {
        let rest = own.strip_prefix(id.as_str());
        rest.is_some_and(|rest| rest.starts_with('.'))
    });
    // In the order of the definition, which is the one that counts; the status need not have it.
    let port = |endpoint: &&Endpoint| {
        let told = status.endpoints.iter().find(|told| told.name == endpoint.name)?;
        told.allocated_host_port
    };
    let addresses = networks.iter().flat_map(|network| &network.addresses);
    let version = spec_reference.as_deref().and_then(|path| path.split_once(VERSIONS));
    Task {
        id: own.map_or_else(|| TaskId::new(format!("{id}.{}", status.name)), TaskId::new),
        host: agent_hostname.clone(),
        ports: mapped.iter().filter_map(port).collect(),
        ip_addresses: addresses.map(|ip| TaskIp { ip_address: ip.clone() }).collect(),
        health_check_results: status
            .health()
            .map(|alive| HealthCheckResult { alive })
            .into_iter()
            .collect(),
        reported_state: Some(status.status.clone().unwrap_or(TaskState::Staging)),
        started_at: None,
        version: version.map(|(_, version)| version.to_owned()),
    }
}

impl ContainerStatus {
    /// `None` when there is no result, yet or ever.
    fn health(&self) -> Option<bool> {
        if let Some(condition) = self.conditions.iter().find(|it| it.name == "healthy") {
            let alive = condition.value == "true" || condition.value == true;
            return (alive || condition.reason != UNREPORTED).then_some(alive);
        }
        let mut results = self.endpoints.iter().filter_map(|endpoint| endpoint.healthy).peekable();
        results.peek()?;
        Some(results.all(|healthy| healthy))
    }
}

impl Check {
    fn of_app(self, endpoints: &[Endpoint]) -> Option<HealthCheck> {
        let check = HealthCheck {
            interval_seconds: self.interval_seconds,
            timeout_seconds: self.timeout_seconds,
            ..HealthCheck::default()
        };
        let index = |name: &str| endpoints.iter().position(|endpoint| endpoint.name == name);
        if let Some(http) = self.http {
            let is_https = http.scheme.eq_ignore_ascii_case("https");
            let protocol = if is_https { "MESOS_HTTPS" } else { "MESOS_HTTP" }.to_owned();
            let port_index = index(&http.endpoint);
            return Some(HealthCheck { protocol, path: http.path, port_index, ..check });
        }
        if let Some(tcp) = self.tcp {
            let protocol = "MESOS_TCP".to_owned();
            return Some(HealthCheck { protocol, port_index: index(&tcp.endpoint), ..check });
        }
        let command = self.exec?.command.shell.map(|value| CheckCommand { value });
        Some(HealthCheck { protocol: "COMMAND".to_owned(), command, ..check })
    }
}

#[cfg(test)]
mod tests;
