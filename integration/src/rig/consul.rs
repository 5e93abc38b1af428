//! A real Consul cluster: three servers, and an agent on each simulated host.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use consul::{Client, Config};

use super::eventually::within;
use super::process::{self, Process};
use crate::http;

/// How long a cluster may take to elect a leader and to know all its nodes; it takes about three seconds.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a leader is told to hand over in that time.
const ATTEMPTS: u32 = 12;

/// Consul's default port of the API.
const PORT: u16 = 8500;

/// The running cluster.
#[derive(Debug)]
pub struct Consul {
    binary: PathBuf,
    folder: PathBuf,
    settings: Vec<String>,
    servers: Vec<Member>,
    agents: Vec<Member>,
}

/// A server or an agent of the cluster.
#[derive(Debug)]
pub struct Member {
    name: String,
    address: Ipv4Addr,
    client: Client,
    process: Process,
}

impl Consul {
    /// Starts servers and agents on the given addresses, with their data below `folder`, and waits until they are one
    /// cluster.
    ///
    /// # Errors
    ///
    /// When a process cannot be started.
    pub async fn start(
        binary: &Path,
        folder: &Path,
        servers: &[Ipv4Addr],
        agents: &[Ipv4Addr],
    ) -> Result<Self> {
        Self::start_with(binary, folder, servers, agents, &[]).await
    }

    /// The same with further settings, in HCL.
    ///
    /// # Errors
    ///
    /// When a process cannot be started.
    pub async fn start_with(
        binary: &Path,
        folder: &Path,
        servers: &[Ipv4Addr],
        agents: &[Ipv4Addr],
        settings: &[String],
    ) -> Result<Self> {
        let mut consul = Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            settings: settings.to_owned(),
            servers: Vec::new(),
            agents: Vec::new(),
        };
        for (n, address) in (1..).zip(servers) {
            let member = consul.member(&format!("server-{n}"), *address, servers)?;
            consul.servers.push(member);
        }
        for (n, address) in (1..).zip(agents) {
            let member = consul.member(&format!("agent-{n}"), *address, servers)?;
            consul.agents.push(member);
        }
        let nodes = servers.len() + agents.len();
        within("the Consul cluster", PATIENCE, async || consul.is_complete(nodes).await).await?;
        Ok(consul)
    }

    /// The agents, in the order of their addresses.
    pub fn agents(&self) -> &[Member] {
        &self.agents
    }

    /// The servers, in the order of their addresses.
    pub fn servers(&self) -> &[Member] {
        &self.servers
    }

    /// Ends an agent without warning, as a crash does, and starts it again with the data it had, or without.
    ///
    /// # Errors
    ///
    /// When it cannot be started again.
    pub fn crash_agent(&mut self, n: usize, keep_data: bool) -> Result<()> {
        let agent = self.agents.get(n).context("no such agent")?;
        agent.kill();
        if !keep_data {
            fs::remove_dir_all(self.folder.join(&agent.name))?;
        }
        let member = self.again(agent)?;
        if let Some(agent) = self.agents.get_mut(n) {
            *agent = member;
        }
        Ok(())
    }

    /// Ends the leader without warning, and starts it again once another server leads.
    ///
    /// # Errors
    ///
    /// When no other leader is elected, or it cannot be started again.
    pub async fn crash_leader(&mut self) -> Result<()> {
        let old = within("a leader", PATIENCE, async || self.leader().await).await?;
        let server = self.servers.get(old).context("no such server")?;
        server.kill();
        self.leads_no_more(old, PATIENCE).await?;
        let member = self.again(server)?;
        if let Some(server) = self.servers.get_mut(old) {
            *server = member;
        }
        Ok(())
    }

    /// Lets the leader hand over to another server, and waits for that. Versions that cannot (before 1.15) lose their leader
    /// instead.
    ///
    /// # Errors
    ///
    /// When no other leader is elected.
    pub async fn move_leader(&mut self) -> Result<()> {
        let old = within("a leader", PATIENCE, async || self.leader().await).await?;
        let server = self.servers.get(old).context("no such server")?;
        let url = format!("http://{}/v1/operator/raft/transfer-leader", server.api());
        let http = http::client()?;
        // The one that it hands over to may lose the election.
        for _ in 0..ATTEMPTS {
            if http.post(&url).send().await?.status().as_u16() == 404 {
                return self.crash_leader().await;
            }
            if self.leads_no_more(old, PATIENCE / ATTEMPTS).await.is_ok() {
                return Ok(());
            }
        }
        bail!("{} stays the leader", server.name)
    }

    /// Waits until every member answers and knows a leader.
    ///
    /// # Errors
    ///
    /// When one does not.
    pub async fn settle(&self) -> Result<()> {
        within("every member to know a leader", PATIENCE, async || {
            for member in self.servers.iter().chain(&self.agents) {
                let answer = member.client().nodes(None, &consul::Query::default()).await;
                let answer = answer.map_err(|error| error.to_string())?;
                if !answer.known_leader {
                    return Err(format!("{} knows none", member.name));
                }
            }
            Ok(())
        })
        .await
    }

    async fn leads_no_more(&self, old: usize, patience: Duration) -> Result<()> {
        within("another leader", patience, async || match self.leader().await {
            Ok(new) if new != old => Ok(()),
            Ok(_) => Err("the old one still leads".to_owned()),
            Err(error) => Err(error),
        })
        .await
    }

    /// The leader's place among the servers, as most who answer see it.
    async fn leader(&self) -> Result<usize, String> {
        let mut seen = Vec::new();
        for server in &self.servers {
            // Consul has an API for this, which nothing but tests needs: a server's Raft address.
            let url = format!("http://{}/v1/status/leader", server.api());
            let Ok(answer) = http::get(&url).await else { continue };
            let text = answer.text().await.map_err(|error| error.to_string())?;
            let is_it = |server: &Member| text.contains(&format!("\"{}:", server.address));
            seen.extend(self.servers.iter().position(is_it));
        }
        match seen.as_slice() {
            [first, rest @ ..] if rest.contains(first) => Ok(*first),
            _ => Err(format!("{} servers know a leader", seen.len())),
        }
    }

    fn again(&self, member: &Member) -> Result<Member> {
        let servers: Vec<_> = self.servers.iter().map(|server| server.address).collect();
        self.member(&member.name, member.address, &servers)
    }

    fn member(&self, name: &str, address: Ipv4Addr, servers: &[Ipv4Addr]) -> Result<Member> {
        let data = self.folder.join(name);
        fs::create_dir_all(&data)?;
        let mut command = process::command(&self.binary);
        command.arg("agent").args(["-node", name, "-log-level", "warn", "-retry-interval", "1s"]);
        command.args(["-bind", &address.to_string(), "-client", &address.to_string()]);
        command.arg("-data-dir").arg(&data);
        // The same id whatever happens to the data. The servers keep the name of a living node for its id: under another
        // one an agent cannot write to the catalog, and 1.19.2 then drops the connection of whoever registers a service
        // that the catalog still lists for the node.
        command.args(["-node-id", &format!("00000000-0000-4000-8000-{:012x}", u32::from(address))]);
        // A laboratory's settings: leaders are elected in a second, and nobody is asked for newer versions.
        command.args(["-hcl", "performance { raft_multiplier = 1 }"]);
        command.args(["-hcl", "disable_update_check = true"]);
        // Whole clusters end here; agents that took their leave one after another would take five seconds each.
        command.args(["-hcl", "leave_on_terminate = false"]);
        for text in &self.settings {
            command.args(["-hcl", text]);
        }
        for server in servers {
            command.args(["-retry-join", &server.to_string()]);
        }
        if servers.contains(&address) {
            command.args(["-server", "-bootstrap-expect", &servers.len().to_string()]);
        }
        let log = self.folder.join(format!("{name}.log"));
        let process = Process::start(name, command, &log)?;
        let client =
            Client::new(Config { address: format!("{address}:{PORT}"), ..Config::default() })?;
        Ok(Member { name: name.to_owned(), address, client, process })
    }

    async fn is_complete(&self, nodes: usize) -> Result<(), String> {
        let member = self.agents.first().or(self.servers.first()).ok_or("no members")?;
        let answer = member.client().nodes(None, &consul::Query::default()).await;
        let known = answer.map_err(|error| error.to_string())?.value.len();
        if known == nodes { Ok(()) } else { Err(format!("{known} of {nodes} nodes")) }
    }
}

impl Member {
    fn kill(&self) {
        self.process.signal_group(rustix::process::Signal::KILL);
        self.process.wait(PATIENCE);
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its API is: `address:8500`.
    pub fn api(&self) -> String {
        format!("{}:{PORT}", self.address)
    }

    /// The address that it binds to and that its simulated host has.
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The process.
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// A client of its API.
    pub const fn client(&self) -> &Client {
        &self.client
    }
}
