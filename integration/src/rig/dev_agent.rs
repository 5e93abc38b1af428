//! A single Consul in development mode, for tests that need no cluster.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use consul::{Client, Config, Query};
use tempfile::TempDir;

use super::component;
use super::eventually::within;
use super::network::Network;
use super::process::{self, Process};

/// How long it may take to start; it takes about two seconds.
const PATIENCE: Duration = Duration::from_mins(1);
/// The address of a network that it has.
const HOST: u8 = 1;

/// A Consul agent that is its own cluster, on an address of its own. It can be stopped and started again.
#[derive(Debug)]
pub struct DevAgent {
    network: Network,
    client: Client,
    folder: TempDir,
    settings: Vec<String>,
    process: Option<Process>,
}

impl DevAgent {
    /// Starts one, and waits until it has a leader and knows its own node.
    ///
    /// # Errors
    ///
    /// When Consul is missing or does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[], Config::default()).await
    }

    /// Starts one with these settings in HCL. `access` is what its own client needs then, besides the address.
    ///
    /// # Errors
    ///
    /// When Consul is missing or does not start.
    pub async fn start_with(settings: &[&str], access: Config) -> Result<Self> {
        let mut agent = Self::reserve_with(access)?;
        agent.settings = settings.iter().map(|text| (*text).to_owned()).collect();
        agent.start_again().await?;
        Ok(agent)
    }

    /// An address where one will be started later.
    ///
    /// # Errors
    ///
    /// When there is no address.
    pub fn reserve() -> Result<Self> {
        Self::reserve_with(Config::default())
    }

    fn reserve_with(access: Config) -> Result<Self> {
        let network = Network::claim()?;
        let client = Client::new(Config { address: network.host(HOST).to_string(), ..access })?;
        let (folder, settings) = (tempfile::tempdir()?, Vec::new());
        Ok(Self { network, client, folder, settings, process: None })
    }

    /// Starts it on the same address, with nothing of what it knew.
    ///
    /// # Errors
    ///
    /// When Consul is missing or does not start.
    pub async fn start_again(&mut self) -> Result<()> {
        let ip = self.ip().to_string();
        let mut command = process::command(component::consul()?);
        command.args(["agent", "-dev", "-node", "node", "-bind", &ip, "-client", &ip]);
        command.args(["-log-level", "err", "-hcl", "disable_update_check = true"]);
        for text in &self.settings {
            command.args(["-hcl", text]);
        }
        let process = Process::start("consul", command, &self.folder.path().join("log"))?;
        self.process = Some(process);
        // A leader is elected before the agent's own node is in its catalog.
        within("Consul to start", PATIENCE, async || {
            let nodes = self.client.nodes(None, &Query::default()).await;
            let log = || self.process.as_ref().map(Process::log).unwrap_or_default();
            let nodes = nodes.map_err(|error| format!("{error}\n{}", log()))?.value.len();
            if nodes == 1 { Ok(()) } else { Err("its node is not in the catalog".to_owned()) }
        })
        .await
    }

    /// Ends it without warning.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.signal_group(rustix::process::Signal::KILL);
            process.wait(PATIENCE);
        }
    }

    /// Its process, while it runs.
    pub const fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Its address.
    pub fn ip(&self) -> Ipv4Addr {
        self.network.host(HOST)
    }

    /// Where its API is: `address:8500`.
    pub fn api(&self) -> String {
        format!("{}:8500", self.ip())
    }

    /// A client of its API.
    pub const fn client(&self) -> &Client {
        &self.client
    }
}
