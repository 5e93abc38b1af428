//! The whole platform on one machine: Consul, Marathon, a registrator on each agent, two load balancers.
//!
//! Every simulated host is an address of a loopback block of its own, so that several platforms run side by side, each
//! with the well-known ports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use marathon::{AppId, Client};
use serde_json::Value as Json;
use tempfile::TempDir;

use super::component;
use super::consul::Consul;
use super::eventually::within;
use super::haproxy::Haproxy;
use super::https::Certificate;
use super::load_balancer::{LoadBalancer, Settings};
use super::network::Network;
use super::process::{self, Process, program};
use crate::deploy;
use crate::http;

/// The simulated Mesos agents.
const AGENTS: [u8; 3] = [21, 22, 23];
const CONSUL_SERVERS: [u8; 3] = [11, 12, 13];
const MARATHON: u8 = 30;
const LOAD_BALANCER: u8 = 1;
/// The folder of the tasks' folders.
const TASKS: &str = "tasks";
/// How long any one program may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// The external frontends' ports: above 1024, so that nobody needs to be root.
pub const EXTERNAL_HTTP: u16 = 8080;
/// See [`EXTERNAL_HTTP`].
pub const EXTERNAL_HTTPS: u16 = 8443;
/// The host of the shipped app definition.
pub const HOST: &str = "test-server.example.com";

/// What a platform is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Consul's binary.
    pub consul: PathBuf,
    /// HAProxy's binary.
    pub haproxy: PathBuf,
    /// Marathon's wire format.
    pub compat: String,
    /// Where the load balancers listen; an address of the platform's own block when not given.
    pub bind: Option<Ipv4Addr>,
    /// Settings of the Consul cluster, in HCL.
    pub consul_settings: Vec<String>,
}

/// The running platform. Dropping it stops everything.
#[derive(Debug)]
pub struct Platform {
    // Fields are dropped in this order: those who watch go before those who are watched.
    /// The load balancer for services.
    pub internal: LoadBalancer,
    /// The load balancer for the world.
    pub external: LoadBalancer,
    /// One on each agent, in their order.
    pub registrators: Vec<Process>,
    /// The development Marathon.
    pub marathon: Process,
    /// The Consul cluster.
    pub consul: Consul,
    /// The external load balancer's certificate.
    pub certificate: Certificate,
    bind: Ipv4Addr,
    marathon_address: Ipv4Addr,
    folder: TempDir,
    network: Network,
}

impl Options {
    /// The components that are installed, Marathon's newest wire format.
    ///
    /// # Errors
    ///
    /// When a component is missing, with the command that gets it.
    pub fn installed() -> Result<Self> {
        let (consul, haproxy) = (component::consul()?, component::haproxy()?);
        Ok(Self {
            consul,
            haproxy,
            compat: "1.11".to_owned(),
            bind: None,
            consul_settings: Vec::new(),
        })
    }
}

impl Platform {
    /// Starts everything and tells `say` about it.
    ///
    /// # Errors
    ///
    /// When a program cannot be started or is not ready in time.
    pub async fn start(options: &Options, mut say: impl FnMut(&str)) -> Result<Self> {
        let network = Network::claim()?;
        let folder = tempfile::Builder::new().prefix("platform-").tempdir()?;
        let hosts = |numbers: [u8; 3]| numbers.map(|n| network.host(n));
        let bind = options.bind.unwrap_or_else(|| network.host(LOAD_BALANCER));
        let (agents, marathon_address) = (hosts(AGENTS), network.host(MARATHON));

        say("Consul: three servers, three agents");
        let consul_folder = folder.path().join("consul");
        let consul = Consul::start_with(
            &options.consul,
            &consul_folder,
            &hosts(CONSUL_SERVERS),
            &agents,
            &options.consul_settings,
        )
        .await?;

        say("Marathon: the development Marathon with the same three agents");
        let marathon = start_marathon(&options.compat, marathon_address, &agents, folder.path())?;
        ping(marathon_address, &marathon).await?;

        say("registrator: one on each agent");
        let registrator =
            |agent: &Ipv4Addr| start_registrator(*agent, marathon_address, folder.path());
        let registrators = agents.iter().map(registrator).collect::<Result<_>>()?;

        say("ctemplate and HAProxy: the internal and the external load balancer");
        let certificate = Certificate::for_hosts(&[HOST, &format!("staging-{HOST}")])?;
        let pem = folder.path().join("certificate.pem");
        fs::write(&pem, &certificate.pem)?;
        let site = Site { bind, marathon: marathon_address, consul: agents[0], certificate: &pem };
        let start = async |name: &str| {
            let haproxy = Haproxy::at(options.haproxy.clone(), folder.path().join(name));
            let values = haproxy.file(".values.toml");
            fs::write(&values, site.values(&haproxy.socket()))?;
            let template = component::workspace().join(format!("templates/{name}.cfg.hbs"));
            let consul = format!("{}:8500", site.consul);
            LoadBalancer::start(haproxy, &Settings { consul, template, values }).await
        };
        let (internal, external) = tokio::try_join!(start("internal"), start("external"))?;
        Ok(Self {
            internal,
            external,
            registrators,
            marathon,
            consul,
            certificate,
            bind,
            marathon_address,
            folder,
            network,
        })
    }

    /// A port of the load balancers.
    pub fn port(&self, port: u16) -> SocketAddr {
        (self.bind, port).into()
    }

    /// Leaves the files and logs behind when the platform stops, for somebody to read.
    pub fn keep_folder(&mut self) {
        self.folder.disable_cleanup(true);
    }

    /// The platform's block of addresses; hosts from 100 on are free.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Where everything is written: configurations, logs, tasks' folders.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a task has written to standard error, and its wrapper with it.
    ///
    /// # Errors
    ///
    /// When there is no such task.
    pub fn task_log(&self, task: &str) -> Result<String> {
        for root in self.folder().join(TASKS).read_dir()? {
            let log = root?.path().join(task).join("stderr");
            if log.exists() {
                return Ok(fs::read_to_string(log)?);
            }
        }
        bail!("{task} has no folder")
    }

    /// The development Marathon's API.
    pub fn marathon_url(&self) -> String {
        format!("http://{}:8080", self.marathon_address)
    }

    /// The development Marathon's switches for faults.
    pub fn faults_url(&self) -> String {
        format!("http://{}:8081", self.marathon_address)
    }

    /// A client of the development Marathon.
    ///
    /// # Errors
    ///
    /// When this machine cannot make HTTP clients.
    pub fn marathon(&self) -> Result<Client> {
        Ok(Client::new(marathon::Config::new(self.marathon_url().parse()?))?)
    }

    /// Deploys the shipped test server and waits until Marathon is done.
    ///
    /// # Errors
    ///
    /// When Marathon refuses it.
    pub async fn deploy(
        &self,
        environment: &str,
        instances: u32,
        tag: &str,
        say: impl FnMut(&str),
    ) -> Result<AppId> {
        let (id, definition) = self.definition(environment, instances, tag)?;
        self.submit(&id, &definition, say).await?;
        Ok(id)
    }

    /// The shipped test server's definition.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn definition(
        &self,
        environment: &str,
        instances: u32,
        tag: &str,
    ) -> Result<(AppId, Json)> {
        let definition = component::workspace().join("integration/apps/test-server.json");
        let values = [
            ("environment", environment),
            ("instances", &instances.to_string()),
            ("tag", tag),
            ("dockerhost", &self.bind.to_string()),
        ];
        let values: BTreeMap<_, _> =
            values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        deploy::fill(&fs::read_to_string(definition)?, &values)
    }

    /// Deploys an app and waits until Marathon is done.
    ///
    /// # Errors
    ///
    /// When Marathon refuses it.
    pub async fn submit(&self, id: &AppId, definition: &Json, say: impl FnMut(&str)) -> Result<()> {
        let marathon = self.marathon()?;
        let deployment = deploy::submit(&marathon, id, definition).await?;
        deploy::wait(&marathon, id, &deployment, say).await
    }

    /// Asks one of the load balancers' ports until all of `wanted` tasks have answered, in turn, and nobody else.
    ///
    /// # Errors
    ///
    /// When somebody else goes on to answer, or not all of them do.
    pub async fn answered_by(&self, port: u16, wanted: usize) -> Result<BTreeSet<String>> {
        let what = format!("{wanted} tasks to answer on port {port}");
        within(&what, PATIENCE * 2, async || {
            let mut tasks = BTreeSet::new();
            // Two rounds: each task answers twice when the balance is a round robin among the wanted ones.
            for _ in 0..wanted * 2 {
                let answer =
                    ask(self.port(port), None).await.map_err(|error| format!("{error:#}"))?;
                tasks.extend(answer.get("task").and_then(Json::as_str).map(str::to_owned));
            }
            if tasks.len() == wanted {
                Ok(tasks)
            } else {
                Err(format!("{} tasks answer", tasks.len()))
            }
        })
        .await
    }
}

/// `GET /` of a test server behind the given address, as JSON.
///
/// # Errors
///
/// When there is no answer, or none with 200.
pub async fn ask(address: SocketAddr, host: Option<&str>) -> Result<Json> {
    let client = http::builder().pool_max_idle_per_host(0).timeout(PATIENCE).build()?;
    let mut request = client.get(format!("http://{address}/")).header("Accept", "application/json");
    if let Some(host) = host {
        request = request.header("Host", host);
    }
    Ok(request.send().await?.error_for_status()?.json().await?)
}

fn start_marathon(
    compat: &str,
    address: Ipv4Addr,
    agents: &[Ipv4Addr],
    folder: &Path,
) -> Result<Process> {
    let mut command = process::command(program("dev-marathon"));
    command.args(["--listen", &format!("{address}:8080"), "--admin", &format!("{address}:8081")]);
    command.args(["--compat", compat]);
    for agent in agents {
        command.args(["--agent", &agent.to_string()]);
    }
    let wrapper = program("svc-wrapper");
    command.args(["--image", &format!("test-server='{}'", wrapper.display())]);
    // What an image brings along: the programs that its commands name.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        wrapper.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(folders)?);
    let tasks = folder.join(TASKS);
    fs::create_dir_all(&tasks)?;
    command.env("TMPDIR", tasks);
    Process::start("dev-marathon", command, &folder.join("marathon.log"))
}

async fn ping(address: Ipv4Addr, marathon: &Process) -> Result<()> {
    let url = format!("http://{address}:8080/ping");
    within("Marathon", PATIENCE, async || {
        if !marathon.is_running() {
            return Err(marathon.log());
        }
        http::get(&url).await.map(drop).map_err(|error| error.to_string())
    })
    .await
}

fn start_registrator(agent: Ipv4Addr, marathon: Ipv4Addr, folder: &Path) -> Result<Process> {
    let mut command = process::command(program("registrator"));
    command.args(["--consul", &format!("http://{agent}:8500")]);
    command.args(["--marathon", &format!("http://{marathon}:8080"), "--host", &agent.to_string()]);
    let name = format!("registrator-{agent}");
    Process::start(&name, command, &folder.join(format!("{name}.log")))
}

/// What the site's settings are written from.
struct Site<'a> {
    bind: Ipv4Addr,
    marathon: Ipv4Addr,
    consul: Ipv4Addr,
    certificate: &'a Path,
}

impl Site<'_> {
    /// The settings of a load balancer whose HAProxy listens to commands on this socket.
    fn values(&self, socket: &Path) -> String {
        let Self { bind, marathon, consul, certificate } = self;
        format!(
            r#"[global]
log = "stdout format raw"
stats_socket = "{}"

[internal]
bind = "{bind}"

[external]
bind = "{bind}"
http_port = {EXTERNAL_HTTP}
https_port = {EXTERNAL_HTTPS}
certificate = "{}"

[well_known.marathon]
servers = ["{marathon}:8080"]

[well_known.consul]
servers = ["{consul}:8500"]
"#,
            socket.display(),
            certificate.display()
        )
    }
}

/// The first of the given addresses on which all ports of a platform's load balancers are free.
///
/// # Errors
///
/// When none is, with the port that stood in the way.
pub fn free_address(candidates: impl IntoIterator<Item = Ipv4Addr>) -> Result<Ipv4Addr> {
    let ports = [3000, 13000, 14400, 18080, 18500, EXTERNAL_HTTP, EXTERNAL_HTTPS];
    let mut obstacle = None;
    for address in candidates {
        let taken = |port| TcpListener::bind((address, port)).err().map(|error| (port, error));
        match ports.into_iter().find_map(taken) {
            None => return Ok(address),
            Some((port, error)) => obstacle = Some(format!("{address}:{port}: {error}")),
        }
    }
    bail!(obstacle.unwrap_or_else(|| "no address to try".to_owned()))
}
