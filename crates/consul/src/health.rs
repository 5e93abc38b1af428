//! Instances with their checks. <https://developer.hashicorp.com/consul/api-docs/health>

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
}

impl Client {
    /// The instances of a service, with their nodes and checks.
    pub async fn instances(
        &self,
        wanted: &Instances<'_>,
        query: &Query,
    ) -> Result<Answer<Vec<ServiceEntry>>, Error> {
        let url = self.url(&["health", "service", wanted.service])?;
        let mut parameters = Vec::new();
        if wanted.passing {
            parameters.push(("passing", "1"));
        }
        parameters.extend(wanted.tag.map(|tag| ("tag", tag)));
        parameters.extend(wanted.near.map(|near| ("near", near)));
        self.read(url, &parameters, query, None).await
    }
}
