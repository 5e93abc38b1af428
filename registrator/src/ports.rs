//! Where the ports of a task are reached.
//!
//! Marathon gives a task its host ports as a bare list. Which entry belongs to which declared port depends on the network
//! mode: every port definition, and every mapping with a host port, takes the next one; a mapping without host port takes
//! none. On a container network all ports are reached on the task's own address, also those that are mapped.

use std::collections::BTreeMap;

use marathon::{App, NetworkMode, PortMapping, Task};

use crate::service::Protocol;
use crate::skipped::Reason;

/// A port of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Which of the app's declared ports.
    pub index: usize,
    /// The number that metadata keys and the service's id use.
    pub declared: u16,
    /// The name that the definition gives it.
    pub name: Option<String>,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Where it is reached.
    pub address: String,
    /// Where it is reached.
    pub port: u16,
    /// Its port of the host, if it has one.
    pub host_port: Option<u16>,
}

/// The ports of a task, and numbers in the definition that no port can have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Not empty.
    pub ports: Vec<Port>,
    /// Their places in the host's list are kept.
    pub impossible: Vec<u32>,
}

/// A declared port, before it is known where it is reached.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a> {
    /// As in the definition; 0 stands for the host port.
    pub number: u32,
    /// Unique in the app.
    pub name: Option<&'a str>,
    /// Its own labels.
    pub labels: Option<&'a BTreeMap<String, String>>,
    protocol: &'a str,
    /// Whether it takes the next of the task's host ports.
    is_mapped: bool,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// The agent's address and the host port.
    Host,
    /// The task's own address and the declared port.
    Task,
}

/// The ports of a task; `host` is the address of its agent.
///
/// # Errors
/// The task does not fit the app's definition, as while the definition changes, or has no port at all.
pub fn of_task(app: &App, task: &Task, host: &str) -> Result<Ports, Reason> {
    let declared = declared(app);
    let on_host = declared.iter().filter(|port| port.is_mapped).count();
    if on_host != task.ports.len() {
        return Err(Reason::PortCount { declared: on_host, assigned: task.ports.len() });
    }
    let mut host_ports = task.ports.iter().copied();
    let mut found = Ports::default();
    for (index, port) in declared.iter().enumerate() {
        let host_port = if port.is_mapped { host_ports.next() } else { None };
        let Ok(number) = u16::try_from(port.number) else {
            found.impossible.push(port.number);
            continue;
        };
        // Marathon's 0 stands for "the same as the host port".
        let declared = if number == 0 { host_port.unwrap_or_default() } else { number };
        let (address, number) = match port.place {
            Place::Host => (host, host_port.unwrap_or_default()),
            Place::Task => (own_address(task)?, declared),
        };
        // Still 0: the mapping Marathon invents for an app on a container network that declares none.
        if declared != 0 && number != 0 {
            found.ports.extend(protocols(port.protocol).map(|protocol| Port {
                index,
                declared,
                name: port.name.map(str::to_owned),
                protocol,
                address: address.to_owned(),
                port: number,
                host_port,
            }));
        }
    }
    match (found.ports.is_empty(), found.impossible.first()) {
        (true, Some(number)) => Err(Reason::PortNumber(*number)),
        (true, None) => Err(Reason::NoPorts),
        (false, _) => Ok(found),
    }
}

/// The ports that a definition declares, in the order in which indexes count them.
pub fn declared(app: &App) -> Vec<Declared<'_>> {
    let mode = app.network_mode();
    match (mode, app.port_mappings()) {
        (NetworkMode::Host, _) => of_host(app),
        (_, Some(mappings)) => mappings.iter().map(|mapping| of_mapping(mode, mapping)).collect(),
        (_, None) => of_discovery(app),
    }
}

fn of_host(app: &App) -> Vec<Declared<'_>> {
    let on_host = |number: u32, protocol, name, labels| Declared {
        number,
        name,
        labels,
        protocol,
        is_mapped: true,
        place: Place::Host,
    };
    if app.port_definitions.is_empty() {
        return app.ports.iter().map(|number| on_host(*number, "tcp", None, None)).collect();
    }
    let definitions = app.port_definitions.iter();
    let declared = definitions
        .map(|port| on_host(port.port, &port.protocol, port.name.as_deref(), Some(&port.labels)));
    declared.collect()
}

fn of_mapping(mode: NetworkMode, mapping: &PortMapping) -> Declared<'_> {
    let is_bridge = mode == NetworkMode::Bridge;
    Declared {
        number: mapping.container_port,
        name: mapping.name.as_deref(),
        labels: Some(&mapping.labels),
        protocol: &mapping.protocol,
        // Bridge mode takes a missing host port for a dynamic one.
        is_mapped: is_bridge || mapping.host_port.is_some(),
        place: if is_bridge { Place::Host } else { Place::Task },
    }
}

/// Up to 1.4, an address for each task without docker's mappings.
fn of_discovery(app: &App) -> Vec<Declared<'_>> {
    let discovery = app.ip_address.as_ref().and_then(|address| address.discovery.as_ref());
    let ports = discovery.map(|discovery| discovery.ports.as_slice()).unwrap_or_default();
    let on_task = ports.iter();
    on_task
        .map(|port| Declared {
            number: port.number,
            name: port.name.as_deref(),
            labels: None,
            protocol: &port.protocol,
            is_mapped: false,
            place: Place::Task,
        })
        .collect()
}

/// The task's own address, with container networking.
///
/// # Errors
/// It has none yet.
pub fn own_address(task: &Task) -> Result<&str, Reason> {
    let address = task.ip_addresses.first().map(|ip| ip.ip_address.as_str());
    address.filter(|address| !address.is_empty()).ok_or(Reason::NoAddress)
}

/// `tcp`, `udp` or both, as in `udp,tcp`; tcp when nothing is said.
fn protocols(text: &str) -> impl Iterator<Item = Protocol> {
    let udp = text.split(',').any(|part| part.trim().eq_ignore_ascii_case("udp"));
    let tcp = !udp || text.split(',').any(|part| part.trim().eq_ignore_ascii_case("tcp"));
    let tcp = tcp.then_some(Protocol::Tcp);
    tcp.into_iter().chain(udp.then_some(Protocol::Udp))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ports(app: &Value, task: &Value) -> Result<Vec<String>, Reason> {
        let app = serde_json::from_value(app.clone()).unwrap();
        let task = serde_json::from_value(task.clone()).unwrap();
        let shown = |port: &Port| {
            format!("{}/{:?}={}:{}", port.declared, port.protocol, port.address, port.port)
        };
        of_task(&app, &task, "10.0.0.1").map(|found| found.ports.iter().map(shown).collect())
    }

    #[test]
    fn ports_of_every_version_and_network() {
        let task = json!({"id": "a.1", "ports": [31000, 31001], "ipAddresses": [{"ipAddress": "172.17.0.2"}]});
        let mappings = json!([{"containerPort": 80, "hostPort": 0}, {"containerPort": 53, "hostPort": 0, "protocol": "udp,tcp"}]);
        let container = json!([
            {"containerPort": 80}, {"containerPort": 81, "hostPort": 0},
            {"containerPort": 53, "protocol": "udp"}, {"containerPort": 0, "hostPort": 0},
        ]);
        let on_bridge =
            vec!["80/Tcp=10.0.0.1:31000", "53/Tcp=10.0.0.1:31001", "53/Udp=10.0.0.1:31001"];
        let rows = [
            (
                "0.13 host",
                json!({"id": "a", "ports": [8080, 0]}),
                vec!["8080/Tcp=10.0.0.1:31000", "31001/Tcp=10.0.0.1:31001"],
            ),
            (
                "1.4 host",
                json!({"id": "a", "ports": [1, 2], "portDefinitions": [{"port": 1}, {"port": 2, "protocol": "udp"}]}),
                vec!["1/Tcp=10.0.0.1:31000", "2/Udp=10.0.0.1:31001"],
            ),
            (
                "0.13 bridge",
                json!({"id": "a", "ports": [10000, 10001], "container": {"docker": {"network": "BRIDGE", "portMappings": mappings}}}),
                on_bridge.clone(),
            ),
            (
                "1.11 bridge",
                json!({"id": "a", "networks": [{"mode": "container/bridge"}], "container": {"portMappings": mappings}}),
                on_bridge,
            ),
            (
                "1.11 container",
                json!({"id": "a", "networks": [{"mode": "container"}], "container": {"portMappings": container}}),
                vec![
                    "80/Tcp=172.17.0.2:80",
                    "81/Tcp=172.17.0.2:81",
                    "53/Udp=172.17.0.2:53",
                    "31001/Tcp=172.17.0.2:31001",
                ],
            ),
        ];
        for (name, app, want) in rows {
            assert_eq!(ports(&app, &task).unwrap(), want, "{name}");
        }
    }

    #[test]
    fn an_impossible_number_costs_no_other_port_its_place() {
        let app = json!({"id": "a", "container": {"portMappings": [
            {"containerPort": 99999, "hostPort": 0}, {"containerPort": 80, "hostPort": 0, "name": "http"},
        ]}});
        let task = json!({"id": "a.1", "ports": [31000, 31001]});
        let (app, task) =
            (serde_json::from_value(app).unwrap(), serde_json::from_value(task).unwrap());
        let found = of_task(&app, &task, "10.0.0.1").unwrap();
        assert_eq!(found.impossible, [99999]);
        let [port] = found.ports.as_slice() else { panic!("{found:?}") };
        assert_eq!((port.index, port.port, port.name.as_deref()), (1, 31001, Some("http")));
    }

    #[test]
    fn an_address_for_each_task_before_1_5() {
        let app = json!({"id": "a", "ipAddress": {"discovery": {"ports": [{"number": 80, "protocol": "tcp"}]}}});
        let task = json!({"id": "a.1", "ipAddresses": [{"ipAddress": "10.1.0.2"}]});
        assert_eq!(ports(&app, &task).unwrap(), ["80/Tcp=10.1.0.2:80"]);
        assert_eq!(ports(&app, &json!({"id": "a.1"})), Err(Reason::NoAddress));
    }

    #[test]
    fn a_task_that_does_not_fit_is_refused() {
        let task = json!({"id": "a.1", "ports": [31000]});
        let app = json!({"id": "a", "ports": [1, 2]});
        assert_eq!(ports(&app, &task), Err(Reason::PortCount { declared: 2, assigned: 1 }));
        let host =
            json!({"id": "a", "container": {"docker": {"network": "HOST", "portMappings": null}}});
        assert_eq!(ports(&host, &json!({"id": "a.1"})), Err(Reason::NoPorts));
        let impossible = json!({"id": "a", "ports": [99999]});
        assert_eq!(
            ports(&impossible, &json!({"id": "a.1", "ports": [31000]})),
            Err(Reason::PortNumber(99999))
        );
        let invented = json!({"id": "a", "networks": [{"mode": "container"}], "container": {"portMappings": [{"containerPort": 0}]}});
        let task = json!({"id": "a.1", "ipAddresses": [{"ipAddress": "10.1.0.2"}]});
        assert_eq!(ports(&invented, &task), Err(Reason::NoPorts));
    }
}
