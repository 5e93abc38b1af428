//! The cluster's view. <https://developer.hashicorp.com/consul/api-docs/catalog>

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::client::Client;
use crate::error::Error;
use crate::query::{Answer, Query};
use crate::wire::{CatalogNode, Node};

/// Service names with all tags of all their instances.
pub type Services = BTreeMap<String, Vec<String>>;

impl Client {
    /// The names of all services with their tags.
    pub async fn services(&self, query: &Query) -> Result<Answer<Services>, Error> {
        self.read(self.url(&["catalog", "services"])?, &[], query, None).await
    }

    /// Nothing, for whom it is enough to know that some service has changed: the answer's index tells. A filter would make
    /// the answer short, but for it Consul joins every instance with its node, which takes it five times as long; Consul 1.8
    /// ignores it.
    pub async fn services_signal(&self, query: &Query) -> Result<Answer<()>, Error> {
        let url = self.url(&["catalog", "services"])?;
        let answer: Answer<IgnoredAny> = self.read(url, &[], query, None).await?;
        Ok(answer.map(drop))
    }

    /// All nodes, nearest to `near` first when it is given (`_agent` is this agent).
    pub async fn nodes(
        &self,
        near: Option<&str>,
        query: &Query,
    ) -> Result<Answer<Vec<Node>>, Error> {
        self.nodes_as(near, query).await
    }

    /// The same, read as a type of the caller's own.
    pub async fn nodes_as<T: DeserializeOwned>(
        &self,
        near: Option<&str>,
        query: &Query,
    ) -> Result<Answer<Vec<T>>, Error> {
        let near = near.map(|near| ("near", near));
        self.read(self.url(&["catalog", "nodes"])?, near.as_slice(), query, None).await
    }

    /// A node with its services; its `node` is `None` when the catalog does not have it.
    pub async fn node(&self, name: &str, query: &Query) -> Result<Answer<CatalogNode>, Error> {
        self.node_as(name, query).await
    }

    /// The same, read as a type of the caller's own; its default stands for a node that the catalog does not have.
    pub async fn node_as<T: DeserializeOwned + Default>(
        &self,
        name: &str,
        query: &Query,
    ) -> Result<Answer<T>, Error> {
        let url = self.url(&["catalog", "node", name])?;
        let answer: Answer<Option<T>> = self.read(url, &[], query, Some(None)).await?;
        Ok(answer.map(Option::unwrap_or_default))
    }

    /// Nothing, for whom the index is enough: while it is the same, the node and its services are. In Consul 1.19 it is the
    /// node's own; in 1.8, that of all.
    pub async fn node_index(&self, name: &str, query: &Query) -> Result<Answer<()>, Error> {
        let url = self.url(&["catalog", "node", name])?;
        let filter = [("filter", "Service == \"none\"")];
        let answer: Answer<Option<IgnoredAny>> = self.read(url, &filter, query, Some(None)).await?;
        Ok(answer.map(drop))
    }

    /// The names of all known datacenters.
    pub async fn datacenters(&self) -> Result<Vec<String>, Error> {
        Ok(self
            .read(self.url(&["catalog", "datacenters"])?, &[], &Query::default(), None)
            .await?
            .value)
    }
}
