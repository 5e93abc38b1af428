//! What a machine needs to know of a definition, typed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::definition::Fields;
use super::rolling::Bounds;

/// The typed part of a complete definition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are those of Marathon's app definition")]
pub struct Spec {
    pub cmd: Option<String>,
    pub args: Vec<String>,
    pub env: BTreeMap<String, Value>,
    pub labels: BTreeMap<String, String>,
    pub instances: usize,
    pub cpus: f64,
    pub mem: f64,
    pub disk: f64,
    pub gpus: f64,
    pub container: Option<Container>,
    pub networks: Vec<Network>,
    pub port_definitions: Vec<PortDefinition>,
    pub require_ports: bool,
    pub constraints: Vec<Vec<String>>,
    pub dependencies: Vec<String>,
    pub health_checks: Vec<HealthCheck>,
    pub upgrade_strategy: UpgradeStrategy,
    pub backoff_seconds: f64,
    pub backoff_factor: f64,
    pub max_launch_delay_seconds: f64,
    pub task_kill_grace_period_seconds: Option<u64>,
    pub kill_selection: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are those of Marathon's app definition")]
pub struct Container {
    pub docker: Option<Docker>,
    pub port_mappings: Vec<PortMapping>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are those of Marathon's app definition")]
pub struct Docker {
    pub image: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are those of Marathon's app definition")]
pub struct Network {
    pub mode: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are those of Marathon's app definition")]
pub struct PortDefinition {
    pub port: u16,
    pub name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are those of Marathon's app definition")]
pub struct PortMapping {
    pub container_port: u16,
    pub host_port: Option<u16>,
    pub service_port: u16,
    pub name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are those of Marathon's app definition")]
pub struct HealthCheck {
    pub protocol: String,
    pub path: Option<String>,
    pub port_index: Option<usize>,
    pub port: Option<u16>,
    pub grace_period_seconds: f64,
    pub interval_seconds: f64,
    pub timeout_seconds: f64,
    pub max_consecutive_failures: u32,
    pub command: Option<CheckCommand>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are those of Marathon's app definition")]
pub struct CheckCommand {
    pub value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are those of Marathon's app definition")]
pub struct UpgradeStrategy {
    pub minimum_health_capacity: f64,
    pub maximum_over_capacity: f64,
}

/// One declared port, whatever the networking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The container port, or the declared port in host mode; 0 when there is none.
    pub declared: u16,
    /// What it takes of the agent's ports.
    pub slot: Slot,
    /// The port of the service, never 0 in a definition that is kept.
    pub service: u16,
    /// Its name.
    pub name: Option<String>,
}

/// What a declared port takes of the agent's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Any free one.
    Any,
    /// This one.
    Exactly(u16),
    /// None: the task is reached at its own address.
    None,
}

impl Spec {
    /// Reads the fields of a complete definition.
    ///
    /// # Errors
    ///
    /// Where a nested field has the wrong type; the words of the parser.
    pub fn read(fields: &Fields) -> Result<Self, String> {
        serde_json::from_value(Value::Object(fields.clone())).map_err(|err| err.to_string())
    }

    /// The ports in order.
    pub fn ports(&self) -> Vec<Port> {
        if self.is_host_mode() {
            return self.port_definitions.iter().map(|p| self.host_port(p)).collect();
        }
        let mappings = self.container.iter().flat_map(|c| &c.port_mappings);
        mappings.map(PortMapping::port).collect()
    }

    fn is_host_mode(&self) -> bool {
        self.networks.first().is_none_or(|n| n.mode == "host")
    }

    fn host_port(&self, port: &PortDefinition) -> Port {
        let slot = if self.require_ports { Slot::Exactly(port.port) } else { Slot::Any };
        Port { declared: port.port, slot, service: port.port, name: port.name.clone() }
    }

    /// The docker image, where there is one.
    pub fn image(&self) -> Option<&str> {
        self.container.as_ref()?.docker.as_ref().map(|d| d.image.as_str())
    }

    /// How long a task may take to end after SIGTERM; Mesos' own limit is 5 s.
    pub fn kill_grace(&self) -> Duration {
        Duration::from_secs(self.task_kill_grace_period_seconds.unwrap_or(5))
    }

    /// The bounds of a rolling replacement.
    pub fn bounds(&self) -> Bounds {
        let strategy = &self.upgrade_strategy;
        let UpgradeStrategy { minimum_health_capacity, maximum_over_capacity } = *strategy;
        Bounds::new(self.instances, minimum_health_capacity, maximum_over_capacity)
    }
}

impl PortMapping {
    fn port(&self) -> Port {
        let slot = match self.host_port {
            None => Slot::None,
            Some(0) => Slot::Any,
            Some(port) => Slot::Exactly(port),
        };
        let Self { container_port: declared, service_port: service, .. } = *self;
        Port { declared, slot, service, name: self.name.clone() }
    }
}

impl HealthCheck {
    /// The time between two probes.
    pub fn interval(&self) -> Duration {
        seconds(self.interval_seconds).max(Duration::from_millis(100))
    }

    /// The first probe does not wait longer than 5 s.
    pub fn first_after(&self) -> Duration {
        self.interval().min(Duration::from_secs(5))
    }

    /// How long a probe may take.
    pub fn timeout(&self) -> Duration {
        seconds(self.timeout_seconds).max(Duration::from_millis(100))
    }

    /// How long failures do not count after the start.
    pub fn grace(&self) -> Duration {
        seconds(self.grace_period_seconds)
    }

    /// How many failures in a row a task survives. The agent kills on failure number max, Marathon itself one later.
    pub fn survives(&self) -> Option<u32> {
        let max = self.max_consecutive_failures;
        if self.is_run_by_agent() { Some(max.saturating_sub(1)) } else { (max > 0).then_some(max) }
    }

    /// Checks that run beside the task and not in Marathon.
    pub fn is_run_by_agent(&self) -> bool {
        self.protocol == "COMMAND" || self.protocol.starts_with("MESOS_")
    }
}

/// A duration from a number that validation has not bounded.
pub fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
