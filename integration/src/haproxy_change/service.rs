//! The service that changes: of its two servers, each of which answers with its address, one is registered.

use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use consul::Client;
use consul::agent::Registration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::http;
use crate::rig::dev_agent::DevAgent;
use crate::rig::network::Network;

/// The hosts of a network with HAProxy's frontends and with the servers.
const FRONT: u8 = 1;
const SERVERS: u8 = 2;
/// Where HAProxy is asked for the service: below the ports of all the others.
const PORT: u16 = 2999;
/// Between two requests: an error that is far below what is measured, and it leaves the processors to the programs.
const PAUSE: Duration = Duration::from_millis(1);
/// How long one request may take, of those that a reload may lose.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The service. Its servers live as long as it does.
#[derive(Debug)]
pub struct Service {
    consul: Client,
    http: reqwest::Client,
    registered: SocketAddr,
    other: SocketAddr,
    network: Network,
    _servers: JoinSet<()>,
}

impl Service {
    /// Starts both servers, and registers one.
    ///
    /// # Errors
    ///
    /// When Consul refuses it, or this machine cannot open ports.
    pub async fn start(consul: &DevAgent) -> Result<Self> {
        let (network, mut servers) = (Network::claim()?, JoinSet::new());
        let ip = network.host(SERVERS);
        let (registered, other) = (serve(ip, &mut servers).await?, serve(ip, &mut servers).await?);
        // A connection for each request: one that is kept stays with the HAProxy from before a reload.
        let http = http::builder().timeout(TIMEOUT).pool_max_idle_per_host(0).build()?;
        let consul = consul.client().clone();
        let service = Self { consul, http, registered, other, network, _servers: servers };
        service.register().await?;
        Ok(service)
    }

    /// Registers the other server instead of the one that is.
    ///
    /// # Errors
    ///
    /// When Consul refuses it.
    pub async fn change(&mut self) -> Result<()> {
        mem::swap(&mut self.registered, &mut self.other);
        self.register().await
    }

    /// The address that HAProxy's frontends are to have.
    pub fn front(&self) -> Ipv4Addr {
        self.network.host(FRONT)
    }

    /// Asks HAProxy until the server that is registered answers.
    ///
    /// # Errors
    ///
    /// When it does not in this time.
    pub async fn answers(&self, patience: Duration) -> Result<()> {
        let (url, want) = (format!("http://{}:{PORT}/", self.front()), self.registered.to_string());
        let until = async {
            // Before the first file nobody listens, and during a reload a connection may be lost.
            while !self.ask(&url).await.is_ok_and(|answer| answer == want) {
                sleep(PAUSE).await;
            }
        };
        timeout(patience, until).await.with_context(|| format!("no answer within {patience:?}"))
    }

    async fn ask(&self, url: &str) -> reqwest::Result<String> {
        self.http.get(url).send().await?.error_for_status()?.text().await
    }

    async fn register(&self) -> Result<()> {
        let registration = Registration {
            id: "changing".to_owned(),
            name: "changing".to_owned(),
            tags: vec![format!("internal-listen-http-{PORT}")],
            address: self.registered.ip().to_string(),
            port: self.registered.port(),
            ..Registration::default()
        };
        self.consul.register(&registration).await.context("a registration")
    }
}

/// Starts a server that answers with its address, which this returns.
async fn serve(ip: Ipv4Addr, servers: &mut JoinSet<()>) -> Result<SocketAddr> {
    let listener = TcpListener::bind((ip, 0)).await?;
    let address = listener.local_addr()?;
    let name = address.to_string();
    let router = Router::new().fallback(move || async move { name });
    servers.spawn(async move {
        // Serving ends with the runtime; axum goes on after errors.
        axum::serve(listener, router).await.ok();
    });
    Ok(address)
}
