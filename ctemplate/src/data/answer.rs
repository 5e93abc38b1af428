//! Consul's answers with everything that templates can see: more than other programs need, and null apart from empty.

use std::collections::BTreeMap;

use consul::wire::{Map, ServiceAddress, Weights};
use serde::{Deserialize, Deserializer, Serialize};

/// A node of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Node {
    /// The node's UUID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name.
    pub node: String,
    /// Its address.
    pub address: String,
    /// The datacenter it is in.
    pub datacenter: String,
    /// Its other addresses, by name.
    pub tagged_addresses: Option<Map>,
    /// Its metadata.
    pub meta: Option<Map>,
}

/// An instance of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Service {
    /// Unique on its agent.
    #[serde(rename = "ID")]
    pub id: String,
    /// The service's name.
    pub service: String,
    /// Its tags, in the order given at registration.
    pub tags: Option<Vec<String>>,
    /// Its metadata.
    pub meta: Option<Map>,
    /// 0 when it has none; Consul checks no range.
    pub port: i64,
    /// Empty when it is the node's.
    pub address: String,
    /// Its share of traffic.
    pub weights: Weights,
    /// Whether tags changed in the catalog survive the agent's sync.
    pub enable_tag_override: bool,
    /// Its other addresses, by name.
    pub tagged_addresses: Option<BTreeMap<String, ServiceAddress>>,
    /// When it last changed.
    pub modify_index: u64,
}

/// A check and its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Check {
    /// The node it runs on.
    pub node: String,
    /// Unique on its agent.
    #[serde(rename = "CheckID")]
    pub check_id: String,
    /// For people.
    pub name: String,
    /// `passing`, `warning` or `critical`.
    pub status: String,
    /// For people.
    pub notes: String,
    /// What the last run said.
    pub output: String,
    /// The instance it belongs to; empty for a node's check.
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    /// The name of that instance's service.
    pub service_name: String,
    /// The tags of that instance.
    pub service_tags: Option<Vec<String>>,
    /// `http`, `tcp`, `ttl` and so on.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its partition.
    pub partition: String,
    /// Where a proxy exposes it.
    pub exposed_port: i64,
    /// The peer it comes from.
    pub peer_name: String,
    /// How it is run, if anything is said of it. There are very many checks, and of most there is not.
    #[serde(deserialize_with = "unless_empty")]
    pub definition: Option<Box<Definition>>,
    /// When it was made.
    pub create_index: u64,
    /// When it last changed.
    pub modify_index: u64,
}

fn unless_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<Definition>>, D::Error> {
    let definition = Option::<Definition>::deserialize(deserializer)?;
    Ok(definition.filter(|it| *it != Definition::default()).map(Box::new))
}

/// How a check is run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Definition {
    /// The URL of an HTTP check.
    #[serde(rename = "HTTP")]
    pub http: String,
    /// Headers of its request.
    pub header: Option<BTreeMap<String, Vec<String>>>,
    /// The method of its request.
    pub method: String,
    /// The body of its request.
    pub body: String,
    /// The server's name in its certificate.
    #[serde(rename = "TLSServerName")]
    pub tls_server_name: String,
    /// Whether any certificate will do.
    #[serde(rename = "TLSSkipVerify")]
    pub tls_skip_verify: bool,
    /// Where a TCP check connects to.
    #[serde(rename = "TCP")]
    pub tcp: String,
    /// Whether that is encrypted.
    #[serde(rename = "TCPUseTLS")]
    pub tcp_use_tls: bool,
    /// Where a UDP check sends to.
    #[serde(rename = "UDP")]
    pub udp: String,
    /// What a gRPC check asks.
    #[serde(rename = "GRPC")]
    pub grpc: String,
    /// The service of the operating system that is looked at.
    #[serde(rename = "OSService")]
    pub os_service: String,
    /// Whether the gRPC check is encrypted.
    #[serde(rename = "GRPCUseTLS")]
    pub grpc_use_tls: bool,
    /// The session whose state is looked at.
    pub session_name: String,
    /// Time between two runs, as Go writes durations.
    pub interval: String,
    /// How long a run may take.
    pub timeout: String,
    /// When a critical service is removed.
    pub deregister_critical_service_after: String,
}

/// An instance with its node and the checks of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceEntry {
    /// Where it runs.
    pub node: Node,
    /// The instance.
    pub service: Service,
    /// Its checks and its node's.
    pub checks: Option<Vec<Check>>,
}

/// A node with what runs on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CatalogNode {
    /// The node; absent when Consul does not know it.
    pub node: Option<Node>,
    /// Its services by their ids.
    pub services: Option<BTreeMap<String, Service>>,
}
