//! An app as Marathon answers it, old and new forms side by side.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::deployment::DeploymentRef;
use crate::lenient;
use crate::{AppId, Task};

/// All apps of one answer, or what was kept of each. An app that cannot be read does not hide the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Apps<T = App> {
    /// What could be read.
    pub apps: Vec<T>,
    /// What could not.
    pub malformed: Vec<Malformed>,
}

impl<T> Apps<T> {
    pub(crate) const fn new() -> Self {
        Self { apps: Vec::new(), malformed: Vec::new() }
    }

    /// Reads one more, and keeps it as `keep` leaves it. Bytes that are no UTF-8 are read as a sign of that: one bad value must
    /// not hide everything else.
    ///
    /// # Errors
    /// The text is no JSON, and then nothing around it can be trusted either.
    pub(crate) fn read<R: DeserializeOwned>(
        &mut self,
        text: &[u8],
        keep: impl FnOnce(R) -> T,
    ) -> Result<(), serde_json::Error> {
        #[derive(Deserialize)]
        struct Id {
            id: AppId,
        }
        let text = String::from_utf8_lossy(text);
        match serde_json::from_str(&text) {
            Ok(app) => self.apps.push(keep(app)),
            Err(err) => {
                let IgnoredAny = serde_json::from_str(&text)?;
                let id = serde_json::from_str(&text).ok().map(|Id { id }| id);
                self.malformed.push(Malformed { id, reason: err.to_string() });
            }
        }
        Ok(())
    }
}

/// An app this crate has no model for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// When at least that could be read.
    pub id: Option<AppId>,
    /// The field and what was expected.
    pub reason: String,
}

/// The definition of an app and what runs of it.
///
/// Port numbers are wider than ports: one definition with an impossible port must not hide the app.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// Absolute path.
    pub id: AppId,
    /// A timestamp; changes with every accepted change, a scaling included.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub version: String,
    /// What changed when.
    #[serde(default)]
    pub version_info: Option<VersionInfo>,
    /// Plain values only; references to secrets are left out.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub env: BTreeMap<String, String>,
    /// Labels.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub labels: BTreeMap<String, String>,
    /// Up to 1.4: declared ports in host mode, service ports otherwise.
    #[serde(default, deserialize_with = "lenient::list")]
    pub ports: Vec<u32>,
    /// Since 0.14, host mode.
    #[serde(default, deserialize_with = "lenient::list")]
    pub port_definitions: Vec<PortDefinition>,
    /// Container, with the port mappings since 1.5.
    #[serde(default)]
    pub container: Option<Container>,
    /// Since 1.5.
    #[serde(default, deserialize_with = "lenient::list")]
    pub networks: Vec<Network>,
    /// 0.14 to 1.4: an address for each task.
    #[serde(default)]
    pub ip_address: Option<IpAddress>,
    /// Checks that Marathon or Mesos runs.
    #[serde(default, deserialize_with = "lenient::list")]
    pub health_checks: Vec<HealthCheck>,
    /// How many tasks are wanted.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub instances: u32,
    /// Tasks that wait to run.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub tasks_staged: u32,
    /// Tasks that run.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub tasks_running: u32,
    /// Tasks with results, all alive.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub tasks_healthy: u32,
    /// Tasks with a result that is not alive.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub tasks_unhealthy: u32,
    /// Running deployments that touch this app.
    #[serde(default, deserialize_with = "lenient::list")]
    pub deployments: Vec<DeploymentRef>,
    /// Embedded on request only, except in the answer for a single app.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tasks: Vec<Task>,
}

/// When the app changed, as versions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// The number of instances changed.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub last_scaling_at: String,
    /// Anything else changed, or the app was restarted: tasks of an older version are being replaced.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub last_config_change_at: String,
}

/// A port of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortDefinition {
    /// The declared (service) port, unless chosen by hand one of 10000 to 20000.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub port: u32,
    /// `tcp`, `udp` or `udp,tcp`; empty means tcp.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub protocol: String,
    /// Unique in the app.
    #[serde(default)]
    pub name: Option<String>,
    /// Labels of this port.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub labels: BTreeMap<String, String>,
}

/// A port of the container and where it is found on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// 0 means: the same as the host port.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub container_port: u32,
    /// Absent with container networking: the port is reached on the task's own address only.
    #[serde(default)]
    pub host_port: Option<u32>,
    /// `tcp`, `udp` or `udp,tcp`; empty means tcp.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub protocol: String,
    /// Unique in the app.
    #[serde(default)]
    pub name: Option<String>,
    /// Labels of this port.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub labels: BTreeMap<String, String>,
}

/// The container of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Since 1.5. `None` is no mappings, as in host mode.
    #[serde(default)]
    pub port_mappings: Option<Vec<PortMapping>>,
    /// Docker's part, with the network and the mappings up to 1.4.
    #[serde(default)]
    pub docker: Option<Docker>,
}

/// The docker part of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Docker {
    /// The image.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub image: String,
    /// Up to 1.4: `HOST`, `BRIDGE`, `USER`, `NONE`.
    #[serde(default)]
    pub network: Option<String>,
    /// Up to 1.4.
    #[serde(default)]
    pub port_mappings: Option<Vec<PortMapping>>,
}

/// A network the app's tasks join, since 1.5.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Network {
    /// `host`, `container/bridge`, `container`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub mode: String,
    /// Of a container network.
    #[serde(default)]
    pub name: Option<String>,
}

/// An address for each task, up to 1.4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpAddress {
    /// What listens where.
    #[serde(default)]
    pub discovery: Option<Discovery>,
}

/// Ports of an app whose tasks have addresses of their own, up to 1.4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// In the order of the definition.
    #[serde(default, deserialize_with = "lenient::list")]
    pub ports: Vec<DiscoveryPort>,
}

/// One port of [`Discovery`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct DiscoveryPort {
    /// The port.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub number: u32,
    /// `tcp` or `udp`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub protocol: String,
    /// Unique in the app.
    #[serde(default)]
    pub name: Option<String>,
}

/// A health check; its results are in [`Task::health_check_results`].
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// `HTTP`, `HTTPS`, `TCP`, `COMMAND`, `MESOS_HTTP`, `MESOS_HTTPS`, `MESOS_TCP`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub protocol: String,
    /// Of an HTTP check.
    #[serde(default)]
    pub path: Option<String>,
    /// Which port of the app.
    #[serde(default)]
    pub port_index: Option<usize>,
    /// A port by number instead.
    #[serde(default)]
    pub port: Option<u32>,
    /// Of a `COMMAND` check.
    #[serde(default)]
    pub command: Option<CheckCommand>,
    /// How often.
    #[serde(default)]
    pub interval_seconds: Option<u32>,
    /// For how long one may take.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
}

/// The command of a health check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct CheckCommand {
    /// For the shell.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub value: String,
}

/// How tasks are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkMode {
    /// Ports of the host.
    Host,
    /// Ports of the host that lead to ports of the container.
    Bridge,
    /// The task has an address of its own.
    Container,
}

impl App {
    /// The network mode, whichever release spelled it.
    pub fn network_mode(&self) -> NetworkMode {
        if let Some(network) = self.networks.first() {
            return match network.mode.as_str() {
                "host" => NetworkMode::Host,
                "container/bridge" => NetworkMode::Bridge,
                // 1.5 and later: the default of an entry without a mode.
                _ => NetworkMode::Container,
            };
        }
        let docker = self.container.as_ref().and_then(|container| container.docker.as_ref());
        match docker.and_then(|docker| docker.network.as_deref()) {
            Some("BRIDGE") => NetworkMode::Bridge,
            Some("USER") => NetworkMode::Container,
            None if self.ip_address.is_some() => NetworkMode::Container,
            // Docker's own default where a definition has mappings and names no network.
            None if self.port_mappings().is_some() => NetworkMode::Bridge,
            Some(_) | None => NetworkMode::Host,
        }
    }

    /// The mappings, from where this release keeps them.
    pub fn port_mappings(&self) -> Option<&[PortMapping]> {
        let container = self.container.as_ref()?;
        let old = || container.docker.as_ref()?.port_mappings.as_deref();
        container.port_mappings.as_deref().or_else(old)
    }

    /// When the configuration that new tasks get was set.
    pub fn config_version(&self) -> &str {
        match &self.version_info {
            Some(info) if !info.last_config_change_at.is_empty() => &info.last_config_change_at,
            _ => &self.version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(json: &str) -> App {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn network_modes_of_every_version() {
        let rows = [
            ("0.13 host", r#"{"id":"a","ports":[10000],"container":null}"#, NetworkMode::Host),
            (
                "0.13 docker host",
                r#"{"id":"a","container":{"docker":{"network":"HOST","portMappings":null}}}"#,
                NetworkMode::Host,
            ),
            (
                "1.4 bridge",
                r#"{"id":"a","container":{"docker":{"network":"BRIDGE","portMappings":[{"containerPort":80}]}}}"#,
                NetworkMode::Bridge,
            ),
            (
                "1.4 ip per task",
                r#"{"id":"a","ipAddress":{"discovery":{}}}"#,
                NetworkMode::Container,
            ),
            ("1.11 host", r#"{"id":"a","networks":[{"mode":"host"}]}"#, NetworkMode::Host),
            (
                "1.11 bridge",
                r#"{"id":"a","networks":[{"mode":"container/bridge"}]}"#,
                NetworkMode::Bridge,
            ),
            (
                "1.11 container",
                r#"{"id":"a","networks":[{"mode":"container","name":"x"}]}"#,
                NetworkMode::Container,
            ),
        ];
        for (name, json, want) in rows {
            assert_eq!(app(json).network_mode(), want, "{name}");
        }
    }

    #[test]
    fn nulls_and_secrets_are_read_over() {
        let read =
            app(r#"{"id":"/a","env":{"A":"1","S":{"secret":"x"}},"labels":null,"ports":null,
            "healthChecks":null,"container":{"portMappings":null,"docker":null},"versionInfo":null,
            "tasks":null,"deployments":[{"id":"d"}],"instances":null,"upgradeStrategy":{}}"#);
        assert_eq!(read.env, BTreeMap::from([("A".into(), "1".into())]));
        assert_eq!(read.deployments.len(), 1);
    }

    #[test]
    fn a_malformed_app_does_not_hide_the_others() {
        let mut apps = Apps::new();
        for text in [r#"{"id":"/a"}"#, r#"{"id":"/b","ports":"x"}"#, "7"] {
            apps.read(text.as_bytes(), |app: App| app.id).unwrap();
        }
        apps.read(b"{\"id\":\"/c\",\"version\":\"\xff\"}", |app: App| app.id).unwrap();
        assert_eq!(apps.apps, ["/a".into(), "/c".into()]);
        let ids: Vec<_> = apps.malformed.iter().map(|app| app.id.clone()).collect();
        assert_eq!(ids, [Some("/b".into()), None]);
        for broken in [r#"{"id":"/a""#, r#"{"id":"/a","ports":"x",}"#] {
            apps.read(broken.as_bytes(), |app: App| app.id).unwrap_err();
        }
    }
}
