//! A site of a few services as a file of HAProxy's, web servers behind it, and what HAProxy then must have.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use integration::rig::network::Network;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The host of a network that the frontends listen on, and the one with the servers.
const FRONT: u8 = 1;
const SERVERS: u8 = 2;
/// The ports of the first service and the first server.
const SERVICE: u16 = 3000;
const SERVER: u16 = 10_000;

/// The text of a file, as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    front: Ipv4Addr,
    servers: Ipv4Addr,
    /// For each service its servers, by number, with their weights.
    pub(crate) services: BTreeMap<u16, BTreeMap<u16, u16>>,
    /// Whether clients stay with their servers, by a cookie.
    pub(crate) is_sticky: bool,
    /// Lines at the end of `defaults`.
    pub(crate) defaults: Vec<String>,
    /// Sections at the end.
    pub(crate) extra: String,
}

impl Site {
    pub(crate) fn new(network: &Network) -> Self {
        let (front, servers) = (network.host(FRONT), network.host(SERVERS));
        Self {
            front,
            servers,
            services: BTreeMap::new(),
            is_sticky: false,
            defaults: Vec::new(),
            extra: String::new(),
        }
    }

    /// Where a service is reached.
    pub(crate) fn frontend(&self, service: u16) -> SocketAddr {
        (self.front, SERVICE + service).into()
    }

    /// Where a server listens.
    pub(crate) fn server(&self, number: u16) -> SocketAddr {
        (self.servers, SERVER + number).into()
    }

    /// As the shipped templates have it.
    pub(crate) fn text(&self, socket: &Path) -> String {
        let mut text = format!(
            "global\n  hard-stop-after 10s\n  stats socket {} mode 600 level admin\n\ndefaults\n  mode http\n  option redispatch 1\n  option idle-close-on-response\n  retries 5\n  timeout connect 2s\n  timeout client 30s\n  timeout server 30s\n  default-server inter 500ms fall 3 rise 1 observe layer4 error-limit 3 on-error mark-down\n",
            socket.display()
        );
        for line in &self.defaults {
            writeln!(text, "  {line}").unwrap();
        }
        for (service, servers) in &self.services {
            let frontend = self.frontend(*service);
            write!(
                text,
                "\nfrontend in:{service}\n  bind {frontend}\n  default_backend of:{service}\n\nbackend of:{service}\n  balance roundrobin\n  option allbackups\n  option httpchk GET /\n"
            )
            .unwrap();
            if self.is_sticky {
                text.push_str("  cookie SERVER insert indirect nocache httponly\n");
            }
            for (number, weight) in servers {
                let address = self.server(*number);
                let cookie = self.is_sticky.then(|| format!(" cookie c{number}"));
                let cookie = cookie.unwrap_or_default();
                writeln!(text, "  server s{number} {address} check weight {weight}{cookie}")
                    .unwrap();
                writeln!(text, "  server s{number}_unchecked {address} backup weight {weight}")
                    .unwrap();
            }
        }
        text.push_str(&self.extra);
        text
    }

    /// What HAProxy then has: servers with their addresses, weights, and whether they are checked.
    pub(crate) fn wanted(&self) -> BTreeMap<String, (SocketAddr, u16, bool)> {
        let mut wanted = BTreeMap::new();
        for (service, servers) in &self.services {
            for (number, weight) in servers {
                for (suffix, is_checked) in [("", true), ("_unchecked", false)] {
                    let place = format!("of:{service}/s{number}{suffix}");
                    wanted.insert(place, (self.server(*number), *weight, is_checked));
                }
            }
        }
        wanted
    }
}

/// Web servers that say which one answers. They live as long as the test's runtime.
pub(crate) struct Servers {
    all: BTreeMap<u16, Server>,
    /// Whether `/slow` is answered.
    gate: watch::Sender<bool>,
}

/// One of them.
#[derive(Clone)]
struct Server {
    number: u16,
    /// Requests that it got, without health checks.
    asked: Arc<AtomicU64>,
    /// Whether it was told to end.
    stop: CancellationToken,
    gate: watch::Receiver<bool>,
}

/// What a server wants to know of a request.
struct Request {
    is_check: bool,
    is_slow: bool,
}

impl Servers {
    pub(crate) async fn start(site: &Site, count: u16) -> Self {
        let mut servers = Self { all: BTreeMap::new(), gate: watch::Sender::new(false) };
        for number in 0..count {
            servers.add(site, number).await;
        }
        servers
    }

    /// Starts another one.
    pub(crate) async fn add(&mut self, site: &Site, number: u16) {
        let listener = TcpListener::bind(site.server(number)).await.unwrap();
        let (asked, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let server = Server { number, asked, stop, gate: self.gate.subscribe() };
        self.all.insert(number, server.clone());
        tokio::spawn(async move {
            let accept = async {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(server.clone().serve(stream));
                }
            };
            server.stop.run_until_cancelled(accept).await;
        });
    }

    /// Ends one, as programs end at SIGTERM: it takes no more connections, and closes each that has no request under way.
    pub(crate) fn stop(&self, number: u16) {
        self.all[&number].stop.cancel();
    }

    /// Answers what has waited for it.
    pub(crate) fn open(&self) {
        self.gate.send_replace(true);
    }

    /// How many requests all servers have got, those that have ended too.
    pub(crate) fn asked_in_all(&self) -> u64 {
        self.all.values().map(|server| server.asked.load(Ordering::Relaxed)).sum()
    }

    /// How many requests a server has got, without health checks.
    pub(crate) fn asked(&self, number: u16) -> u64 {
        self.all[&number].asked.load(Ordering::Relaxed)
    }
}

impl Server {
    async fn serve(mut self, mut stream: TcpStream) {
        let (reader, mut writer) = stream.split();
        let mut lines = BufReader::new(reader).lines();
        while let Some(request) = self.next(&mut lines).await {
            if !request.is_check {
                self.asked.fetch_add(1, Ordering::Relaxed);
            }
            if request.is_slow && self.gate.wait_for(|is_open| *is_open).await.is_err() {
                return;
            }
            let body = format!("{{\"task\":\"s{}\"}}", self.number);
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            if writer.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// The next request of a connection; nothing when it ends or the server does.
    async fn next<R: AsyncBufRead + Unpin>(&self, lines: &mut Lines<R>) -> Option<Request> {
        let first = tokio::select! {
            // What has arrived is answered.
            biased;
            line = lines.next_line() => line.ok().flatten()?,
            () = self.stop.cancelled() => return None,
        };
        let mut request = Request { is_check: true, is_slow: first.starts_with("GET /slow ") };
        loop {
            let line = lines.next_line().await.ok().flatten()?;
            if line.is_empty() {
                return Some(request);
            }
            // HAProxy's own checks name no host.
            request.is_check &= !line.to_ascii_lowercase().starts_with("host:");
        }
    }
}
