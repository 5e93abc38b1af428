//! What Consul holds while programs are measured, and the changes made to it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value as Json, json};
use tokio::time::{sleep, timeout};

use super::usage;
use crate::http;
use crate::rig::dev_agent::DevAgent;

/// Registrations that are under way at a time: more do not make Consul quicker, and it may take few connections.
const PARALLEL: usize = 4;
/// Consul counts connections by the address they come from. Those from here take nothing from the programs that are measured,
/// and are not refused when these use up all they may have.
const OWN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Before a registration is sent again that Consul refused because of too many connections: one that was opened for a request
/// that another connection then served is counted for a while.
const PAUSE: Duration = Duration::from_millis(20);
/// How long Consul may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How large a catalog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Services.
    pub services: usize,
    /// Instances of each.
    pub instances: usize,
    /// Nodes, over which the instances are spread.
    pub nodes: usize,
}

/// A catalog in a real Consul.
#[derive(Debug)]
pub struct Catalog {
    http: Client,
    url: String,
    size: Size,
    changes: usize,
}

/// An instance as registered.
#[derive(Clone, Copy, Debug)]
struct Instance {
    service: usize,
    number: usize,
    /// What changes: the last digits of the port, a tag.
    version: usize,
    is_passing: bool,
}

/// What the file shows once a change has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// A text of the file.
    pub text: String,
    /// Whether it comes or goes.
    pub is_there: bool,
}

impl Catalog {
    /// A catalog of this size, not yet in Consul.
    ///
    /// # Errors
    ///
    /// When this machine cannot make HTTP clients.
    pub fn new(consul: &DevAgent, size: Size) -> Result<Self> {
        let http = http::builder().timeout(TIMEOUT).local_address(IpAddr::from(OWN)).build()?;
        Ok(Self { http, url: format!("http://{}", consul.api()), size, changes: 0 })
    }

    /// Registers everything.
    ///
    /// # Errors
    ///
    /// When Consul refuses something.
    pub async fn seed(&self) -> Result<()> {
        let pairs = (0..self.size.services)
            .flat_map(|service| (0..self.size.instances).map(move |number| (service, number)));
        let all = pairs.map(|(service, number)| {
            self.put(Instance { service, number, version: 0, is_passing: true })
        });
        stream::iter(all).buffer_unordered(PARALLEL).try_collect::<()>().await
    }

    /// Makes the next change, each of an instance of its own: its tags, its port or its health.
    ///
    /// # Errors
    ///
    /// When Consul refuses it.
    pub async fn change(&mut self) -> Result<Expectation> {
        self.changes += 1;
        // A prime step goes through the services in no order that anything could gain by.
        let service = (self.changes * 37) % self.size.services.max(1);
        let number = (self.changes / 3) % self.size.instances.max(1);
        let instance = Instance {
            service,
            number,
            version: self.changes,
            is_passing: !self.changes.is_multiple_of(3),
        };
        self.put(instance).await?;
        let is_there = instance.is_passing;
        let gone = || format!("server {} ", instance.id());
        let text = if is_there { instance.line(self.size) } else { gone() };
        Ok(Expectation { text, is_there })
    }

    /// What Consul has counted and published about itself.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn requests(&self) -> Result<f64> {
        let url = format!("{}/v1/agent/metrics?format=prometheus", self.url);
        let answer = self.http.get(&url).send().await?.error_for_status()?;
        Ok(usage::queries(&answer.text().await?))
    }

    async fn put(&self, instance: Instance) -> Result<()> {
        let url = format!("{}/v1/catalog/register", self.url);
        let body = instance.registration(self.size);
        let answer = timeout(TIMEOUT, self.send(&url, &body)).await;
        let answer = answer.with_context(|| format!("{url} refuses connections"))??;
        let status = answer.status();
        let said = answer.text().await?;
        ensure!(status.is_success(), "{url}: {status}: {said}");
        Ok(())
    }

    /// Sends it until it is not refused.
    async fn send(&self, url: &str, body: &Json) -> Result<Response> {
        loop {
            let answer = self.http.put(url).json(body).send().await;
            if http::status(&answer) != Some(StatusCode::TOO_MANY_REQUESTS) {
                return answer.context("a registration");
            }
            sleep(PAUSE).await;
        }
    }
}

impl Instance {
    fn name(self) -> String {
        format!("app-{:04}", self.service)
    }

    fn id(self) -> String {
        format!("{}-{}", self.name(), self.number)
    }

    /// The first half of the instances is in production, the second in staging.
    fn environment(self, size: Size) -> &'static str {
        if self.number * 2 < size.instances { "production" } else { "staging" }
    }

    fn node(self, size: Size) -> usize {
        (self.service + self.number) % size.nodes.max(1)
    }

    /// Two changes of three are of the port, or of a tag alone.
    const fn port(self) -> usize {
        if self.version % 3 == 1 { 40_000 + self.version % 20_000 } else { 31_000 + self.number }
    }

    /// What the template makes of it.
    fn line(self, size: Size) -> String {
        format!(
            "server {} {}:{} check weight 1 # v{}\n",
            self.id(),
            self.address(size),
            self.port(),
            self.version
        )
    }

    fn address(self, size: Size) -> String {
        let node = self.node(size);
        format!("10.1.{}.{}", node / 250, node % 250 + 1)
    }

    fn registration(self, size: Size) -> Json {
        let node = format!("host-{:03}", self.node(size));
        let listen = format!("internal-listen-http-{}", 3_000 + self.service);
        let status = if self.is_passing { "passing" } else { "critical" };
        json!({
            "Node": node,
            "Address": self.address(size),
            "Service": {
                "ID": self.id(),
                "Service": self.name(),
                "Address": self.address(size),
                "Port": self.port(),
                "Tags": [self.environment(size), listen, format!("v{}", self.version)],
            },
            "Check": {
                "Node": node,
                "CheckID": format!("service:{}", self.id()),
                "Name": "alive",
                "Status": status,
                "ServiceID": self.id(),
            },
        })
    }
}

impl Expectation {
    /// Whether a file shows it.
    pub fn is_met(&self, file: &str) -> bool {
        file.contains(&self.text) == self.is_there
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { services, instances, nodes } = self;
        write!(f, "{services} services of {instances} instances on {nodes} nodes")
    }
}
