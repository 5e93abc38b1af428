//! One thing to ask Consul, and keep asking.

use consul::health::Instances;
use consul::{Answer, Client, Error, Query};

use crate::config::Source;
use crate::env::Found;
use crate::service;

/// One thing to ask Consul.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What lies in this folder of the KV store, whose name ends with a slash.
    Folder(String),
    /// The healthy instances of this service.
    Service(String),
}

impl Question {
    /// What a source asks, in the order in which answers win over earlier ones.
    pub(super) fn all(source: &Source) -> Vec<Self> {
        let services = source.services.iter().cloned().map(Self::Service);
        services.chain(source.folders.iter().cloned().map(Self::Folder)).collect()
    }

    /// The question that this is an answer to.
    pub(crate) fn of(found: &Found) -> Self {
        match found {
            Found::Folder { folder, .. } => Self::Folder(folder.clone()),
            Found::Service { service, .. } => Self::Service(service.clone()),
        }
    }

    /// The answer without anything in it.
    pub(super) fn nothing(self) -> Found {
        match self {
            Self::Folder(folder) => Found::Folder { folder, pairs: Vec::new() },
            Self::Service(service) => Found::Service { service, instances: Vec::new() },
        }
    }

    /// Asks.
    pub(super) async fn ask(&self, consul: &Client, query: &Query) -> Result<Answer<Found>, Error> {
        match self {
            Self::Folder(folder) => {
                let answer = consul.kv_list(folder, query).await?;
                Ok(answer.map(|pairs| Found::Folder { folder: folder.clone(), pairs }))
            }
            Self::Service(service) => {
                let wanted = Instances { service, passing: true, ..Instances::default() };
                let answer = consul.instances(&wanted, query).await?;
                Ok(answer.map(|entries| Found::Service {
                    service: service.clone(),
                    instances: service::instances(entries),
                }))
            }
        }
    }
}
