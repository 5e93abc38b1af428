//! From a server in HAProxy's file to the first request that it answers: by commands, and by a reload.
//!
//! `cargo bench -p ctemplate --bench haproxy_change` starts a real HAProxy with so many other backends of ten servers
//! each, replaces the only server of one more backend again and again, and prints how long that took.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first error")]

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use ctemplate::haproxy::driver::{Driver, Reload, Settings, Way};
use ctemplate::haproxy::reload::reload;
use integration::rig::haproxy::Haproxy;
use integration::rig::network::Network;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SIZES: [usize; 3] = [0, 100, 1000];
const ROUNDS: usize = 20;

/// A server that answers with its own port.
async fn serve(ip: Ipv4Addr) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            if matches!(stream.read(&mut request).await, Ok(1..)) {
                let port = format!("{:05}", address.port());
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{port}");
                stream.write_all(answer.as_bytes()).await.ok();
            }
        }
    });
    address
}

fn text(front: SocketAddr, server: SocketAddr, others: usize, socket: &Path) -> String {
    let mut text = format!(
        "global\n  stats socket {} mode 600 level admin\n  hard-stop-after 1s\n\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n  default-server inter 1h fall 3 rise 1\n\nfrontend in\n  bind {front}\n  default_backend of\n\nbackend of\n  server s_{} {server}\n",
        socket.display(),
        server.port()
    );
    for backend in 0..others {
        writeln!(text, "\nbackend b{backend}\n  balance roundrobin").unwrap();
        for server in 1..=10 {
            writeln!(text, "  server s{server} 127.0.0.1:{server} check weight 1").unwrap();
            writeln!(text, "  server s{server}_unchecked 127.0.0.1:{server} backup weight 1")
                .unwrap();
        }
    }
    text
}

/// Asks until a server answers.
async fn answered_by(front: SocketAddr, server: SocketAddr) -> Instant {
    let port = format!("{:05}", server.port());
    loop {
        let answer = async {
            let mut stream = TcpStream::connect(front).await?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            io::Result::Ok(answer)
        };
        if answer.await.is_ok_and(|answer| answer.ends_with(&port)) {
            return Instant::now();
        }
        tokio::task::yield_now().await;
    }
}

/// How long each change took.
async fn measure(others: usize, way: Way) -> Vec<Duration> {
    let network = Network::claim().unwrap();
    let front = (network.host(1), 3000).into();
    let servers = [serve(network.host(2)).await, serve(network.host(2)).await];
    let mut haproxy = Haproxy::reserve().unwrap();
    let configure = |haproxy: &Haproxy, round: usize| {
        let server = *servers.get(round % servers.len()).unwrap();
        haproxy.configure(&text(front, server, others, &haproxy.socket())).unwrap();
        server
    };
    configure(&haproxy, 0);
    haproxy.start().await.unwrap();
    let (path, master) = (haproxy.config_path(), haproxy.master_socket());
    let mut driver = Driver::new(Settings {
        socket: haproxy.socket(),
        reload: Reload::Master(master.clone()),
        reload_interval: Duration::ZERO,
        check_ports: true,
    });
    while !driver.is_settled() {
        driver.drive(&path).await.unwrap();
    }
    let first = driver.counts().reloads;
    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        let start = Instant::now();
        let server = configure(&haproxy, round);
        let follow = async {
            match way {
                Way::Runtime => driver.drive(&path).await.unwrap(),
                Way::Reload => reload(&master).await.unwrap(),
            }
        };
        let ((), end) = tokio::join!(follow, answered_by(front, server));
        times.push(end - start);
    }
    assert_eq!(driver.counts().reloads, first);
    times.sort();
    times
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut out = io::stdout().lock();
    writeln!(out, "servers  way      median     slowest").unwrap();
    for others in SIZES {
        for way in [Way::Runtime, Way::Reload] {
            let times = measure(others, way).await;
            let (median, slowest) = (times.get(ROUNDS / 2).unwrap(), times.last().unwrap());
            let (servers, way) = (others * 20 + 1, format!("{way:?}"));
            writeln!(out, "{servers:7}  {way:7}  {median:8.1?}  {slowest:8.1?}").unwrap();
        }
    }
}
