//! Instances with their checks. <https://developer.hashicorp.com/consul/api-docs/health>

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::client::Client;
use crate::error::Error;
use crate::query::{Answer, Query};
use crate::wire::ServiceEntry;

/// Which instances of a service to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instances<'a> {
    /// The service's name.
    pub service: &'a str,
    /// Only those with this tag.
    pub tag: Option<&'a str>,
    /// Only those whose checks all pass.
    pub passing: bool,
    /// Nearest to this node first; `_agent` is the agent that answers.
    pub near: Option<&'a str>,
    /// What serves it in the mesh: its proxies, and instances that are part of the mesh themselves.
    pub connect: bool,
}

impl Client {
    /// The instances of a service, with their nodes and checks.
    pub async fn instances(
        &self,
        wanted: &Instances<'_>,
        query: &Query,
    ) -> Result<Answer<Vec<ServiceEntry>>, Error> {
        self.instances_as(wanted, query).await
    }

    /// The same, read as a type of the caller's own.
    pub async fn instances_as<T: DeserializeOwned>(
        &self,
        wanted: &Instances<'_>,
        query: &Query,
    ) -> Result<Answer<Vec<T>>, Error> {
        let kind = if wanted.connect { "connect" } else { "service" };
        let url = self.url(&["health", kind, wanted.service])?;
        let mut parameters = Vec::new();
        if wanted.passing {
            parameters.push(("passing", "1"));
        }
        parameters.extend(wanted.tag.map(|tag| ("tag", tag)));
        parameters.extend(wanted.near.map(|near| ("near", near)));
        self.read(url, &parameters, query, None).await
    }

    /// The checks of a node and of what runs on it, read as a type of the caller's own.
    pub async fn node_checks_as<T: DeserializeOwned>(
        &self,
        node: &str,
        query: &Query,
    ) -> Result<Answer<Vec<T>>, Error> {
        self.read(self.url(&["health", "node", node])?, &[], query, None).await
    }

    /// Nothing, for whom it is enough to know that some check has changed: the answer's index tells.
    pub async fn checks_signal(&self, query: &Query) -> Result<Answer<()>, Error> {
        let filter = [("filter", "CheckID == \"none\"")];
        let url = self.url(&["health", "state", "any"])?;
        let answer: Answer<IgnoredAny> = self.read(url, &filter, query, None).await?;
        Ok(answer.map(drop))
    }
}
