//! What the tags do to requests: the external template, a real HAProxy, and servers in this process.

#![cfg(test)]

#[path = "golden/catalog.rs"]
mod catalog;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use integration::rig::component;
use integration::rig::eventually::eventually;
use integration::rig::https::Certificate;
use integration::rig::network::Network;
use integration::rig::process::{Process, command};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, UnixStream};

use crate::catalog::Catalog;

/// Ports of the load balancer, on an address of its own.
const HTTP: u16 = 8080;
const HTTPS: u16 = 8443;
const STATS: u16 = 8404;

const PATIENCE: Duration = Duration::from_secs(10);

/// HAProxy with the external template's file.
struct Balancer {
    network: Network,
    folder: TempDir,
    instances: Vec<Json>,
    keys: BTreeMap<String, String>,
    values: String,
    haproxy: Option<Process>,
}

impl Balancer {
    fn new() -> Self {
        let network = Network::claim().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let values = format!(
            "[global]\nlog = \"stdout format raw\"\nstats_socket = \"{socket}\"\n[stats]\nbind = \"{ip}\"\n[external]\nbind = \"{ip}\"\n\
             http_port = {HTTP}\nhttps_port = {HTTPS}\nstats_port = {STATS}\n",
            socket = folder.path().join("socket").display(),
            ip = network.host(1)
        );
        let (instances, keys) = (Vec::new(), BTreeMap::new());
        Self { network, folder, instances, keys, values, haproxy: None }
    }

    fn ip(&self) -> Ipv4Addr {
        self.network.host(1)
    }

    /// Adds to the values, whose last table is `external`.
    fn set(&mut self, values: &str) {
        self.values.push_str(values);
    }

    /// Adds a service with a server that answers with a name.
    async fn serve(&mut self, service: &str, name: &'static str, tags: &str) {
        let address = serve(name).await;
        self.register(service, address, tags, true);
    }

    fn register(&mut self, service: &str, address: SocketAddr, tags: &str, passing: bool) {
        let tags: Vec<_> = tags.split(' ').chain(["production"]).collect();
        self.instances.push(json!({
            "service": service, "id": address.to_string(), "node": "n", "passing": passing,
            "address": address.ip().to_string(), "port": address.port(), "tags": tags,
        }));
    }

    /// Gives it a certificate for each host name, in a list.
    fn certify(&mut self, hosts: [&'static str; 2]) -> [(&'static str, Certificate); 2] {
        let folder = self.folder.path();
        let list = hosts.map(|host| format!("{}/{host}.pem\n", folder.display()));
        fs::write(folder.join("list"), list.concat()).unwrap();
        let certificates = hosts.map(|host| {
            let certificate = Certificate::for_hosts(&[host]).unwrap();
            fs::write(folder.join(format!("{host}.pem")), &certificate.pem).unwrap();
            (host, certificate)
        });
        let list = format!("crt_list = \"{}/list\"\n", folder.display());
        self.set(&list);
        certificates
    }

    async fn start(&mut self) {
        let values = self.folder.path().join("site.toml");
        fs::write(&values, &self.values).unwrap();
        let catalog = json!({"instances": self.instances, "keys": self.keys});
        let catalog: Catalog = serde_json::from_value(catalog).unwrap();
        let (text, problems) = catalog.rendered("external.cfg.hbs", Some(&values)).unwrap();
        assert_eq!(problems, BTreeSet::new());
        let config = self.folder.path().join("haproxy.cfg");
        fs::write(&config, text).unwrap();
        let mut haproxy = command(component::haproxy().unwrap());
        haproxy.arg("-db").arg("-f").arg(&config);
        let log = self.folder.path().join("log");
        let haproxy = self.haproxy.insert(Process::start("haproxy", haproxy, &log).unwrap());
        // It listens at one port after another, and answers to commands once it does at all of them.
        let socket = self.folder.path().join("socket");
        eventually("HAProxy to answer", PATIENCE, async || {
            let answer = command_at(&socket, "show info").await;
            if answer.is_ok_and(|it| it.contains("Version")) { Ok(()) } else { Err(haproxy.log()) }
        })
        .await;
    }

    /// The whole answer to a request from the address `host` of the test's network.
    async fn ask_from(&self, host: u8, port: u16, request: &str) -> String {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((self.network.host(host), 0).into()).unwrap();
        let mut stream = socket.connect((self.ip(), port).into()).await.unwrap();
        let request = format!("GET {request}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // A connection that is refused late ends with a reset; what came before counts.
        stream.read_to_string(&mut answer).await.ok();
        answer
    }

    /// What HAProxy answers to a command.
    async fn command(&self, command: &str) -> String {
        command_at(&self.folder.path().join("socket"), command).await.unwrap()
    }

    /// The answer for a host name and a path.
    async fn get(&self, host: &str, path: &str, headers: &str) -> String {
        self.ask_from(1, HTTP, &format!("{path} HTTP/1.1\r\nHost: {host}{headers}")).await
    }
}

async fn command_at(socket: &Path, command: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(format!("{command}\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Answers every request with 200, a name and the protocol that the load balancer told, until the test ends.
async fn serve(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await?);
                }
                let request = String::from_utf8_lossy(&request);
                let protocol = header(&request, "x-forwarded-proto").unwrap_or_default();
                let size = name.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\nX-Protocol: {protocol}\r\n\r\n{name}"
                );
                stream.write_all(answer.as_bytes()).await
            });
        }
    });
    address
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    headers.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default()
}

#[tokio::test]
async fn only_users_with_their_password_enter() {
    let mut balancer = Balancer::new();
    balancer.serve("web", "web", "external-host-a.test auth-admins").await;
    balancer.serve("nobody", "nobody", "external-host-b.test auth-absent").await;
    // `openssl passwd -6 -salt saltsalt secret`
    let hash = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1";
    balancer.keys.insert("service/haproxy/auth/admins".to_owned(), format!("ann:{hash}"));
    balancer.start().await;
    for (host, user, want) in [
        ("a.test", "", "401"),
        ("a.test", "ann:wrong", "401"),
        ("a.test", "bob:secret", "401"),
        ("a.test", "ann:secret", "200"),
        ("b.test", "ann:secret", "401"),
    ] {
        use base64::Engine as _;
        let user = base64::engine::general_purpose::STANDARD.encode(user);
        let answer = balancer.get(host, "/", &format!("\r\nAuthorization: Basic {user}")).await;
        assert_eq!(status(&answer), want, "{answer}");
    }
}

#[tokio::test]
async fn only_clients_of_the_networks_are_let_in() {
    let mut balancer = Balancer::new();
    let (first, second) = (balancer.network.host(7), balancer.network.host(8));
    let allowed = format!("allow-{first} allow-{second}/32");
    balancer.serve("web", "web", &format!("external-host-a.test {allowed}")).await;
    balancer.serve("db", "db", &format!("external-listen-tcp-5000 {allowed}")).await;
    balancer.start().await;
    for (host, want) in [(7, true), (8, true), (9, false)] {
        let answer = balancer.ask_from(host, HTTP, "/ HTTP/1.1\r\nHost: a.test").await;
        assert_eq!(status(&answer), if want { "200" } else { "403" }, "{answer}");
        let answer = balancer.ask_from(host, 5000, "/ HTTP/1.1").await;
        assert_eq!(body(&answer), if want { "db" } else { "" }, "{answer}");
    }
}

#[tokio::test]
async fn each_client_has_a_limit_of_its_own() {
    let mut balancer = Balancer::new();
    balancer.serve("web", "web", "external-host-a.test rate-limit-3").await;
    balancer.serve("free", "free", "external-host-b.test").await;
    balancer.start().await;
    let request = "/ HTTP/1.1\r\nHost: a.test";
    for want in ["200", "200", "200", "429", "429"] {
        assert_eq!(status(&balancer.ask_from(7, HTTP, request).await), want);
    }
    assert_eq!(status(&balancer.ask_from(8, HTTP, request).await), "200");
    assert_eq!(status(&balancer.ask_from(7, HTTP, "/ HTTP/1.1\r\nHost: b.test").await), "200");
}

#[tokio::test]
async fn plain_requests_go_to_https_where_a_tag_says_so() {
    let mut balancer = Balancer::new();
    let tags = "external-host-a.test redirect-https external-listen-http-8081";
    balancer.serve("web", "web", tags).await;
    balancer.serve("plain", "plain", "external-host-b.test").await;
    let certificates = balancer.certify(["a.test", "b.test"]);
    balancer.start().await;

    let answer = balancer.get("a.test", "/x?y=1", "").await;
    assert_eq!(status(&answer), "308", "{answer}");
    assert_eq!(header(&answer, "location"), Some("https://a.test/x?y=1"));
    let answer = balancer.get("b.test", "/", "").await;
    assert_eq!(body(&answer), "plain");
    assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
    assert_eq!(header(&answer, "strict-transport-security"), None);
    // A port of its own has no other one to be sent to.
    let answer = balancer.ask_from(1, 8081, "/ HTTP/1.1\r\nHost: a.test:8081").await;
    assert_eq!(body(&answer), "web");
    // Each host name with its own certificate: the client takes no other.
    for ((host, certificate), want) in certificates.iter().zip(["web", "plain"]) {
        let answer = certificate.get((balancer.ip(), HTTPS).into(), host).await.unwrap();
        assert_eq!(body(&answer), want);
        let hsts = header(&answer, "strict-transport-security");
        assert_eq!(hsts, Some("max-age=31536000; preload"));
    }
}

#[tokio::test]
async fn ports_of_services_speak_tls_where_a_tag_says_so() {
    let mut balancer = Balancer::new();
    balancer.serve("web", "web", "external-listen-https-8444 external-listen-http-8081").await;
    balancer.serve("db", "db", "external-listen-tls-8883").await;
    let certificates = balancer.certify(["a.test", "b.test"]);
    balancer.start().await;
    // The client's server name decides which certificate it gets, on each port: it takes no other.
    for (host, certificate) in &certificates {
        for (port, want) in [(8444, ("web", "https")), (8883, ("db", ""))] {
            let answer = certificate.get((balancer.ip(), port).into(), host).await.unwrap();
            assert_eq!((body(&answer), header(&answer, "x-protocol").unwrap()), want, "{host}");
            // It would bind the host name's other ports, too.
            assert_eq!(header(&answer, "strict-transport-security"), None);
        }
    }
    let request = "/ HTTP/1.1\r\nHost: a.test";
    for port in [8444, 8883] {
        assert_eq!(body(&balancer.ask_from(1, port, request).await), "", "{port} is not plain");
    }
    let answer = balancer.ask_from(1, 8081, request).await;
    assert_eq!((body(&answer), header(&answer, "x-protocol")), ("web", Some("http")));
}

#[tokio::test]
async fn a_client_stays_with_its_server() {
    let mut balancer = Balancer::new();
    balancer.serve("web", "one", "external-host-a.test sticky").await;
    balancer.serve("web", "two", "external-host-a.test sticky").await;
    balancer.start().await;
    let mut seen = BTreeSet::new();
    for _ in 0..4 {
        let first = balancer.get("a.test", "/", "").await;
        let cookie = header(&first, "set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap();
        assert!(cookie.starts_with("SERVER=") && !cookie.contains("127"), "{cookie}");
        for _ in 0..3 {
            let next = balancer.get("a.test", "/", &format!("\r\nCookie: {cookie}")).await;
            assert_eq!(body(&next), body(&first));
        }
        seen.insert(body(&first).to_owned());
    }
    assert_eq!(seen.len(), 2, "without the cookie it is either");
}

#[tokio::test]
async fn a_server_that_died_unnoticed_costs_nobody_a_request() {
    let mut balancer = Balancer::new();
    balancer.serve("web", "web", "external-host-a.test").await;
    // Consul says that it passes, and nobody listens there.
    let nobody = SocketAddr::from((balancer.network.host(9), 9));
    balancer.register("web", nobody, "external-host-a.test", true);
    // Only requests can find it out.
    balancer.set("[check]\ninterval = \"1h\"\n");
    balancer.start().await;
    for _ in 0..10 {
        assert_eq!(body(&balancer.get("a.test", "/", "").await), "web");
    }
    let states = balancer.command("show servers state cluster_production:web").await;
    let state = |ip: String| {
        let mut lines = states.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let line = lines.find(|line| line.get(4) == Some(&&*ip)).unwrap();
        // Its state in operation: 0 is down, 2 is up.
        line[5].to_owned()
    };
    assert_eq!(state(nobody.ip().to_string()), "0", "{states}");
    assert_eq!(state("127.0.0.1".to_owned()), "2", "{states}");
}

#[tokio::test]
async fn the_longest_path_of_a_host_wins() {
    let mut balancer = Balancer::new();
    balancer.serve("web", "web", "external-host-a.test").await;
    balancer.serve("api", "api", "external-host-a.test external-path-/api").await;
    balancer.serve("v2", "v2", "external-host-a.test external-path-/api/v2").await;
    balancer.start().await;
    for (path, want) in [
        ("/", "web"),
        ("/apix", "web"),
        ("/api", "api"),
        ("/api?x=/api/v2", "api"),
        ("/api/v1", "api"),
        ("/api/v2/", "v2"),
        ("/API", "web"),
    ] {
        assert_eq!(body(&balancer.get("A.test:80", path, "").await), want, "{path}");
    }
    assert_eq!(status(&balancer.get("b.test", "/", "").await), "404");
}

#[tokio::test]
async fn canaries_get_the_share_of_their_weight() {
    let mut balancer = Balancer::new();
    balancer.serve("web", "old", "external-host-a.test weight-90").await;
    balancer.serve("web", "new", "external-host-a.test weight-10").await;
    balancer.start().await;
    let mut canaries = 0;
    for _ in 0..100 {
        canaries += usize::from(body(&balancer.get("a.test", "/", "").await) == "new");
    }
    assert!((8..=12).contains(&canaries), "{canaries}");
}

#[tokio::test]
async fn pages_and_statistics_are_shown() {
    let mut balancer = Balancer::new();
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    balancer.register("web", nobody, "external-host-a.test", false);
    balancer.serve("well", "well", "external-host-b.test").await;
    // Nobody listens there: HAProxy's own answer.
    balancer.register("gone", nobody, "external-host-c.test retries-1", true);
    for name in ["maintenance", "no_such_host", "503"] {
        let head = if name == "503" { "HTTP/1.0 503 Sorry\r\n\r\n" } else { "" };
        fs::write(balancer.folder.path().join(name), format!("{head}page {name}")).unwrap();
    }
    let path = balancer.folder.path().display().to_string();
    balancer.set(&format!(
        "[pages]\nmaintenance = \"{path}/maintenance\"\nno_such_host = \"{path}/no_such_host\"\n\
         errors = {{ 503 = \"{path}/503\" }}\n"
    ));
    balancer.start().await;
    let answer = balancer.get("a.test", "/", "").await;
    assert_eq!((status(&answer), body(&answer)), ("503", "page maintenance"), "{answer}");
    assert_eq!(header(&answer, "retry-after"), Some("30"));
    assert_eq!(body(&balancer.get("b.test", "/", "").await), "well");
    assert_eq!(body(&balancer.get("c.test", "/", "").await), "page 503");
    let answer = balancer.get("d.test", "/", "").await;
    assert_eq!((status(&answer), body(&answer)), ("404", "page no_such_host"));

    // In maintenance without a new file.
    let servers = balancer.command("show servers state cluster_production:well").await;
    let servers =
        servers.lines().filter_map(|line| line.split(' ').nth(3)).filter(|it| it.starts_with("n_"));
    for server in servers.map(str::to_owned).collect::<Vec<_>>() {
        let command = format!("set server cluster_production:well/{server} state maint");
        assert_eq!(balancer.command(&command).await, "\n");
    }
    assert_eq!(body(&balancer.get("b.test", "/", "").await), "page maintenance");

    let stats = async |path: &str| balancer.ask_from(1, STATS, &format!("{path} HTTP/1.0")).await;
    let metrics = stats("/metrics").await;
    assert!(
        metrics.contains("haproxy_backend_http_responses_total{proxy=\"cluster_production:well\""),
        "{metrics}"
    );
    assert!(stats("/").await.contains("cluster_production:well"));
    assert_eq!(status(&stats("/up").await), "200");
}
