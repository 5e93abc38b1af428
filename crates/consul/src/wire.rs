//! Types as Consul spells them. Unknown fields are ignored; null, missing and empty mean the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// A set of names with a text each.
pub type Map = BTreeMap<String, String>;

/// A node of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Node {
    /// The node's UUID.
    #[serde(rename = "ID", deserialize_with = "nullable")]
    pub id: String,
    /// Its name.
    pub node: String,
    /// Its address.
    pub address: String,
    /// The datacenter it is in.
    #[serde(deserialize_with = "nullable")]
    pub datacenter: String,
    /// Its other addresses, by name (`lan`, `wan`, …).
    #[serde(deserialize_with = "nullable")]
    pub tagged_addresses: Map,
    /// Its metadata.
    #[serde(deserialize_with = "nullable")]
    pub meta: Map,
}

/// An instance of a service, as agent, catalog and health answers show it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Service {
    /// Unique on its agent.
    #[serde(rename = "ID")]
    pub id: String,
    /// The service's name.
    pub service: String,
    /// Its tags, in the order given at registration.
    #[serde(deserialize_with = "nullable")]
    pub tags: Vec<String>,
    /// Its metadata.
    #[serde(deserialize_with = "nullable")]
    pub meta: Map,
    /// 0 when it has none; Consul checks no range.
    pub port: i64,
    /// Empty when it is the node's.
    pub address: String,
    /// Its share of traffic.
    pub weights: Weights,
    /// Whether tags changed in the catalog survive the agent's sync.
    pub enable_tag_override: bool,
    /// Its other addresses, by name.
    #[serde(deserialize_with = "nullable")]
    pub tagged_addresses: BTreeMap<String, ServiceAddress>,
}

/// One of a service's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceAddress {
    /// Host name or IP address.
    pub address: String,
    /// Port; Consul checks no range.
    pub port: i64,
}

/// An instance's share of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Weights {
    /// While its checks pass.
    pub passing: u32,
    /// While one of them warns.
    pub warning: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { passing: 1, warning: 1 }
    }
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
    #[serde(deserialize_with = "nullable")]
    pub service_tags: Vec<String>,
    /// `http`, `tcp`, `ttl` and so on; absent from older agents.
    #[serde(rename = "Type")]
    pub kind: String,
}

/// An instance with its node and the checks of both, from `/v1/health/service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceEntry {
    /// Where it runs.
    pub node: Node,
    /// The instance.
    pub service: Service,
    /// Its checks and its node's.
    #[serde(deserialize_with = "nullable")]
    pub checks: Vec<Check>,
}

/// A node with what runs on it, from `/v1/catalog/node`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CatalogNode {
    /// The node; absent when Consul does not know it.
    pub node: Option<Node>,
    /// Its services by their ids.
    #[serde(deserialize_with = "nullable")]
    pub services: BTreeMap<String, Service>,
}

/// Reads null as the type's empty value: Go writes empty slices and maps either way.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_null_missing_and_unknown_fields() {
        let entry: ServiceEntry = serde_json::from_str(
            r#"{"Node":{"ID":null,"Node":"n","Address":"10.0.0.1","Meta":null},
                "Service":{"ID":"web:1","Service":"web","Tags":null,"Port":80,"Future":{}},"Checks":null}"#,
        )
        .unwrap();
        assert_eq!((entry.node.node.as_str(), entry.service.port), ("n", 80));
        assert!(entry.service.tags.is_empty() && entry.checks.is_empty());
        assert_eq!(entry.service.weights, Weights { passing: 1, warning: 1 });
    }
}
