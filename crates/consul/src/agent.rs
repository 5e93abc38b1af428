//! The agent's own view: what is registered here. <https://developer.hashicorp.com/consul/api-docs/agent>

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::Error;
use crate::query::Query;
use crate::wire::{Check, Map, Service, Weights, nullable};

/// What an agent says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AgentSelf {
    /// Its configuration, as far as it shows.
    pub config: AgentConfig,
    /// Its place in the cluster.
    pub member: Member,
    /// What its configuration came to; hidden from tokens without `agent:read`.
    #[serde(deserialize_with = "nullable")]
    pub debug_config: DebugConfig,
}

/// The part of an agent's effective configuration that others need. Its fields are no promise of Consul's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DebugConfig {
    /// Whether checks registered over HTTP may run programs.
    pub enable_remote_script_checks: bool,
    /// The advertised address.
    #[serde(rename = "AdvertiseAddrLAN", deserialize_with = "nullable")]
    pub advertise_addr_lan: String,
    /// How many connections it takes from one address; any number where there is no such limit.
    #[serde(rename = "HTTPMaxConnsPerClient")]
    pub http_max_conns_per_client: i64,
}

/// The part of an agent's configuration that every version shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AgentConfig {
    /// The node's name.
    pub node_name: String,
    /// The node's UUID.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// The agent's datacenter.
    pub datacenter: String,
    /// Consul's version.
    pub version: String,
    /// The advertised address; only agents before 1.0 show it here.
    pub advertise_addr: Option<String>,
}

/// An agent's place in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Member {
    /// The node's name.
    pub name: String,
    /// The advertised address.
    pub addr: String,
}

/// A service to register on the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Registration {
    /// Unique on the agent.
    #[serde(rename = "ID")]
    pub id: String,
    /// The service's name.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its metadata.
    pub meta: Map,
    /// Its port.
    pub port: u16,
    /// Its address.
    pub address: String,
    /// Its share of traffic.
    pub weights: Weights,
    /// Whether tags changed in the catalog survive the agent's sync.
    pub enable_tag_override: bool,
    /// How Consul checks it.
    pub checks: Vec<CheckDefinition>,
}

/// How Consul checks a service. Exactly one of `http`, `tcp`, `grpc`, `ttl`, `args` is set. Durations are Go's texts (`10s`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CheckDefinition {
    /// Unique on the agent.
    #[serde(rename = "CheckID")]
    pub check_id: String,
    /// For people.
    pub name: String,
    /// Request this URL; 2xx passes, 429 warns.
    #[serde(rename = "HTTP", skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Of an HTTP check; GET when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Of an HTTPS or gRPC check: take any certificate.
    #[serde(rename = "TLSSkipVerify", skip_serializing_if = "is_false")]
    pub tls_skip_verify: bool,
    /// Ask gRPC's health service at this `host:port` or `host:port/service`.
    #[serde(rename = "GRPC", skip_serializing_if = "Option::is_none")]
    pub grpc: Option<String>,
    /// Of a gRPC check.
    #[serde(rename = "GRPCUseTLS", skip_serializing_if = "is_false")]
    pub grpc_use_tls: bool,
    /// Run this program; 0 passes, 1 warns. Refused by agents without `enable_script_checks`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Connect to this `host:port`.
    #[serde(rename = "TCP", skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// Critical unless told otherwise within this time.
    #[serde(rename = "TTL", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// Time between two runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// How long one run may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// The state before the first run; Consul's default is `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Remove the service when it has been critical for this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deregister_critical_service_after: Option<String>,
}

impl Client {
    /// What this agent says about itself.
    pub async fn agent_self(&self) -> Result<AgentSelf, Error> {
        self.local(&["agent", "self"]).await
    }

    /// The services registered on this agent, by id.
    pub async fn agent_services(&self) -> Result<BTreeMap<String, Service>, Error> {
        self.local(&["agent", "services"]).await
    }

    /// The checks of this agent, by id.
    pub async fn agent_checks(&self) -> Result<BTreeMap<String, Check>, Error> {
        self.local(&["agent", "checks"]).await
    }

    /// Registers a service or replaces it, its checks included.
    pub async fn register(&self, registration: &Registration) -> Result<(), Error> {
        let url = self.url(&["agent", "service", "register"])?;
        // Without this parameter a check that is no longer wanted would stay.
        self.command(url, &[("replace-existing-checks", "true")], Some(registration)).await
    }

    /// Removes a service. One that is not there (404 since Consul 1.7) is removed.
    pub async fn deregister(&self, id: &str) -> Result<(), Error> {
        let url = self.url(&["agent", "service", "deregister", id])?;
        match self.command(url, &[], None::<&()>).await {
            Err(error) if error.status() == Some(404) => Ok(()),
            result => result,
        }
    }

    /// Takes a service out of rotation, or puts it back, without removing it.
    pub async fn maintenance(&self, id: &str, enable: bool, reason: &str) -> Result<(), Error> {
        let url = self.url(&["agent", "service", "maintenance", id])?;
        let enable = if enable { "true" } else { "false" };
        self.command(url, &[("enable", enable), ("reason", reason)], None::<&()>).await
    }

    /// Tells the agent how a TTL check fares.
    pub async fn update_ttl(&self, id: &str, status: &str, output: &str) -> Result<(), Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Update<'a> {
            status: &'a str,
            output: &'a str,
        }
        let url = self.url(&["agent", "check", "update", id])?;
        self.command(url, &[], Some(&Update { status, output })).await
    }

    async fn local<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        Ok(self.read(self.url(path)?, &[], &Query::default(), None).await?.value)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
