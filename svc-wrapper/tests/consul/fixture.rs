//! A real Consul, and a Marathon that only counts what it is asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use consul::{Client, Config, Query};
use tokio::runtime::{Builder, Runtime};

/// Runs a future of the tests' own client, whose connections live as long as the runtime they were made in.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let build = || Builder::new_current_thread().enable_all().build().unwrap();
    RUNTIME.get_or_init(build).block_on(future)
}

/// Waits for a condition.
pub(crate) fn eventually(mut check: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !check() {
        assert!(Instant::now() < deadline, "it never happened");
        block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
    }
}

/// An address of 127.0.0.0/8 that nobody else in this machine's tests uses.
pub(crate) struct Address {
    ip: Ipv4Addr,
    _claim: TcpListener,
}

impl Address {
    const HTTP: u16 = 8500;
    /// Held for as long as the address is: a Consul has no use for it, and another test cannot get it.
    const CLAIM: u16 = 1499;

    pub(crate) fn reserve() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [high, low] = u16::try_from(std::process::id() % 0xffff).unwrap().to_be_bytes();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let address = Ipv4Addr::new(127, 64 | (high & 63), low, number);
            if let Ok(claim) = TcpListener::bind((address, Self::CLAIM)) {
                return Self { ip: address, _claim: claim };
            }
        }
    }

    pub(crate) fn http(&self) -> String {
        format!("{}:{}", self.ip, Self::HTTP)
    }
}

/// A Consul in development mode; ends with its value.
pub(crate) struct Consul {
    pub(crate) address: String,
    pub(crate) client: Client,
    process: Child,
    claim: Option<Address>,
}

impl Consul {
    pub(crate) fn start() -> Self {
        let address = Address::reserve();
        let mut consul = Self::start_at(&address);
        consul.claim = Some(address);
        consul
    }

    pub(crate) fn start_at(address: &Address) -> Self {
        let ip = address.ip.to_string();
        let arguments =
            ["agent", "-dev", "-log-level", "err", "-dns-port", "-1", "-grpc-port", "-1"];
        let process = Command::new(consul_binary())
            .args(arguments)
            .args(["-bind", &ip, "-client", &ip, "-node", &ip])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let config = Config { address: address.http(), ..Config::default() };
        let client = Client::new(config).unwrap();
        let consul = Self { address: address.http(), client, process, claim: None };
        let ready = || {
            let answer = block_on(consul.client.kv_list("x/", &Query::default()));
            answer.is_ok_and(|answer| answer.known_leader)
        };
        eventually(ready);
        consul
    }
}

impl Drop for Consul {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(self.claim.take());
    }
}

/// Where `integration/fetch` puts it, unless `CONSUL_BIN` says otherwise.
fn consul_binary() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_default();
    let fetched = cache.join("consul-sidecars/consul-1.8.7/consul");
    let path = std::env::var_os("CONSUL_BIN").map_or(fetched, PathBuf::from);
    assert!(path.is_file(), "no Consul at {}; run: integration/fetch consul", path.display());
    path
}

/// Answers for one app; a restart makes a new version of it at once.
pub(crate) struct Marathon {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Marathon {
    /// The app's version before any restart.
    pub(crate) const FIRST: &str = "2026-11-21T00:00:00.000Z";

    pub(crate) fn start(app: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, path) = (Arc::clone(&requests), format!("/v2/apps{app}"));
        // Ends with the test program; it holds nothing that would outlive it.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, path) = (Arc::clone(&seen), path.clone());
                std::thread::spawn(move || serve(&stream, &path, &seen));
            }
        });
        Self { address, requests }
    }

    /// What was asked so far, as `GET /v2/apps/x`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How often a restart was.
    pub(crate) fn posts(&self) -> usize {
        posts(&self.requests.lock().unwrap())
    }
}

fn posts(requests: &[String]) -> usize {
    requests.iter().filter(|request| request.starts_with("POST ")).count()
}

fn serve(mut stream: &TcpStream, path: &str, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let request = head[0].trim_end_matches(" HTTP/1.1").to_owned();
        let version = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            format!("2026-11-21T00:00:00.{:03}Z", posts(&seen))
        };
        let known = [format!("GET {path}"), format!("POST {path}/restart")].contains(&request);
        let (status, body) = if !known {
            ("404 Not Found", r#"{"message":"no such app"}"#.to_owned())
        } else if request.starts_with("GET ") {
            let info =
                format!(r#"{{"lastScalingAt":"{version}","lastConfigChangeAt":"{version}"}}"#);
            let app = format!(
                r#"{{"id":"/x","version":"{version}","versionInfo":{info},"deployments":[]}}"#
            );
            ("200 OK", format!(r#"{{"app":{app}}}"#))
        } else {
            ("200 OK", format!(r#"{{"version":"{version}","deploymentId":"d"}}"#))
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}",
            body.len()
        );
        if write!(stream, "{head}\r\n\r\n{body}").is_err() {
            return;
        }
    }
}
