//! Partitions, peers, and the services that are shared among them.
//! <https://developer.hashicorp.com/consul/api-docs/peering>,
//! <https://developer.hashicorp.com/consul/api-docs/exported-services>

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::Error;
use crate::query::{Answer, Query};
use crate::wire::{Map, nullable};

/// A partition of a datacenter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
}

/// A cluster that shares services with ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Peering {
    /// Its UUID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name here.
    pub name: String,
    /// The partition it shares with.
    pub partition: String,
    /// Its metadata.
    pub meta: Option<Map>,
    /// `PENDING`, `ACTIVE` and so on.
    pub state: String,
    /// The peering's UUID on its side.
    #[serde(rename = "PeerID")]
    pub peer_id: String,
    /// The name of its servers in their certificates.
    pub peer_server_name: String,
    /// Where its servers are.
    pub peer_server_addresses: Option<Vec<String>>,
    /// What goes over the connection.
    pub stream_status: StreamStatus,
    /// What it is called on its side.
    pub remote: Remote,
}

/// What goes over the connection with a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StreamStatus {
    /// Names of services that it shares with us.
    pub imported_services: Option<Vec<String>>,
    /// Names of services that we share with it.
    pub exported_services: Option<Vec<String>>,
    /// When it last showed to be there, as RFC 3339 writes it.
    pub last_heartbeat: Option<String>,
    /// When something last came.
    pub last_receive: Option<String>,
    /// When something was last sent.
    pub last_send: Option<String>,
}

/// What a peer is called on its side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Remote {
    /// Its partition.
    pub partition: String,
    /// Its datacenter.
    pub datacenter: String,
}

/// A service that others may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExportedService {
    /// Its name.
    pub service: String,
    /// Who may.
    pub consumers: Consumers,
}

/// Who may use a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Consumers {
    /// Peers, by name.
    #[serde(deserialize_with = "nullable")]
    pub peers: Vec<String>,
    /// Partitions, by name.
    #[serde(deserialize_with = "nullable")]
    pub partitions: Vec<String>,
}

/// A service that others share with us.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImportedService {
    /// Its name.
    pub service: String,
    /// Its namespace.
    pub namespace: String,
    /// The partition it comes from.
    pub source_partition: String,
}

impl Client {
    /// All partitions.
    pub async fn partitions(&self) -> Result<Vec<Partition>, Error> {
        let url = self.url(&["partitions"])?;
        let answer: Answer<Option<_>> = self.read(url, &[], &Query::default(), None).await?;
        Ok(answer.value.unwrap_or_default())
    }

    /// All peers.
    pub async fn peerings(&self, query: &Query) -> Result<Answer<Vec<Peering>>, Error> {
        let answer: Answer<Option<_>> =
            self.read(self.url(&["peerings"])?, &[], query, None).await?;
        Ok(answer.map(Option::unwrap_or_default))
    }

    /// The services that others may use.
    pub async fn exported_services(
        &self,
        query: &Query,
    ) -> Result<Answer<Vec<ExportedService>>, Error> {
        let url = self.url(&["exported-services"])?;
        let answer: Answer<Option<_>> = self.read(url, &[], query, None).await?;
        Ok(answer.map(Option::unwrap_or_default))
    }

    /// The services that others share with us.
    pub async fn imported_services(
        &self,
        query: &Query,
    ) -> Result<Answer<Vec<ImportedService>>, Error> {
        let url = self.url(&["imported-services"])?;
        let answer: Answer<Option<_>> = self.read(url, &[], query, None).await?;
        Ok(answer.map(Option::unwrap_or_default))
    }
}
