//! One agent's or server's address, token and datacenter; how a request becomes an [`Answer`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use daemon::cause::root_cause;
use daemon::redact::Redacted;
pub use daemon::secret::Secret as Token;
use daemon::tls::Tls;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Error, Kind, came_unasked};
use crate::index::Index;
use crate::query::{Answer, Query};

/// Where Consul is and who asks.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `host`, `host:port`, `http://host:port` or `https://host:port`; the port defaults to 8500, for https to 8501.
    pub address: String,
    /// ACL token, sent as `X-Consul-Token`.
    pub token: Option<Token>,
    /// `user:password` for a proxy in front of Consul.
    pub credentials: Option<Redacted<String>>,
    /// Ask this datacenter instead of the agent's own.
    pub datacenter: Option<String>,
    /// Ask in this namespace; Consul Enterprise has them.
    pub namespace: Option<String>,
    /// For `https`.
    pub tls: Tls,
    /// The connections.
    pub transport: Transport,
}

/// How connections are made and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// How long a connection is silent before the kernel asks whether the other side lives.
    pub keep_alive: Duration,
    /// How long a connection is kept for the next request.
    pub idle_timeout: Duration,
    /// How many connections are kept for the next request.
    pub max_idle: usize,
    /// Whether to offer HTTP/2 where there is TLS: many requests then share a connection.
    pub http2: bool,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(90),
            max_idle: usize::MAX,
            http2: false,
        }
    }
}

/// What went to and fro so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that were sent.
    pub requests: u64,
    /// Requests that were answered, with whatever status.
    pub answers: u64,
    /// How old the last answer that was read was: the time since the server that gave it had heard from the leader.
    pub last_contact: Duration,
}

/// The same, while it is counted.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    answers: AtomicU64,
    last_contact_millis: AtomicU64,
}

/// A client of one Consul agent or server. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    config: Arc<Config>,
    multiplexes: Arc<AtomicBool>,
    counts: Arc<Counts>,
}

impl Client {
    /// A client for the given address; connects only when asked something.
    ///
    /// # Errors
    ///
    /// When the address is no HTTP URL, a file of the TLS settings is not what it should be, or this machine cannot make
    /// HTTP clients at all.
    pub fn new(config: Config) -> Result<Self, Error> {
        let base = base(&config.address)?;
        let tls = if base.scheme() == "https" { config.tls.client() } else { Tls::nobody() };
        let mut tls = tls.map_err(|error| wrong(&Method::GET, &base, Kind::Tls(error)))?;
        if config.transport.http2 {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        #[expect(clippy::disallowed_methods, reason = "with its TLS settings")]
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(config.transport.connect_timeout)
            .tcp_keepalive(config.transport.keep_alive)
            .pool_idle_timeout(config.transport.idle_timeout)
            .pool_max_idle_per_host(config.transport.max_idle)
            // Consul is on this host or this network, and proxies do not keep blocking queries.
            .no_proxy()
            .build()
            .map_err(|error| failed(&Method::GET, &base, &error))?;
        let (multiplexes, counts) = (Arc::default(), Arc::default());
        Ok(Self { http, base, config: Arc::new(config), multiplexes, counts })
    }

    /// The same client with connections of its own.
    ///
    /// # Errors
    ///
    /// As for [`Client::new`]: files of the TLS settings are read again.
    pub fn with_own_connections(&self) -> Result<Self, Error> {
        let counts = Arc::clone(&self.counts);
        Ok(Self { counts, ..Self::new(Config::clone(&self.config))? })
    }

    /// Whether requests share a connection, as the last answer has shown; false before the first.
    pub fn multiplexes(&self) -> bool {
        self.multiplexes.load(Ordering::Relaxed)
    }

    /// What went to and fro, on the connections of clones and of [`Client::with_own_connections`] too.
    pub fn traffic(&self) -> Traffic {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            requests: count(&self.counts.requests),
            answers: count(&self.counts.answers),
            last_contact: Duration::from_millis(count(&self.counts.last_contact_millis)),
        }
    }

    /// The address that requests go to.
    pub const fn address(&self) -> &Url {
        &self.base
    }

    /// The URL of an API path given by its segments, which may hold any characters.
    pub(crate) fn url(&self, segments: &[&str]) -> Result<Url, Error> {
        let mut url = self.base.clone();
        let mut path = String::from("/v1");
        for &segment in segments {
            // The URL standard takes these for steps in the tree, also when they are escaped.
            if matches!(segment, "." | "..") {
                let kind = Kind::Url(format!("'{segment}' cannot be part of a path"));
                return Err(Error { method: "GET", url: url.into(), kind });
            }
            path.push('/');
            path.extend(percent_encode(segment));
        }
        url.set_path(&path);
        Ok(url)
    }

    /// Reads a value; `absent` is what 404 means, where it does not mean a mistake.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        url: Url,
        parameters: &[(&str, &str)],
        query: &Query,
        absent: Option<T>,
    ) -> Result<Answer<T>, Error> {
        let url = self.with_parameters(url, parameters, query);
        let response = self.send(&Method::GET, &url, None, query.patience()).await?;
        let answer = described(response.headers());
        let age = u64::try_from(answer.last_contact.as_millis()).unwrap_or(u64::MAX);
        self.counts.last_contact_millis.store(age, Ordering::Relaxed);
        match absent {
            // Consul's own 404 carries an index; a proxy's does not, and says nothing about Consul.
            Some(value) if response.status() == StatusCode::NOT_FOUND && answer.index.is_some() => {
                Ok(answer.map(|()| value))
            }
            _ => {
                let value = decode(response, &Method::GET, &url).await?;
                Ok(answer.map(|()| value))
            }
        }
    }

    /// Writes, and decodes what Consul says to it.
    pub(crate) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        parameters: &[(&str, &str)],
        body: impl Into<Option<Vec<u8>>>,
    ) -> Result<T, Error> {
        let url = self.with_parameters(url, parameters, &Query::default());
        let response = self.send(&method, &url, body.into(), Query::default().patience()).await?;
        decode(response, &method, &url).await
    }

    /// Writes where Consul answers with nothing.
    pub(crate) async fn command(
        &self,
        url: Url,
        parameters: &[(&str, &str)],
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<(), Error> {
        let method = Method::PUT;
        let url = self.with_parameters(url, parameters, &Query::default());
        let body = body.map(|body| encode(&method, &url, body)).transpose()?;
        let response = self.send(&method, &url, body, Query::default().patience()).await?;
        accepted(response, &method, &url).await.map(drop)
    }

    fn with_parameters(&self, mut url: Url, parameters: &[(&str, &str)], query: &Query) -> Url {
        let general = query.parameters();
        let own = self.config.datacenter.iter().filter(|_| query.datacenter.is_none());
        let own = own.map(|datacenter| ("dc", datacenter));
        let namespace = self.config.namespace.iter().filter(|_| query.tenancy.namespace.is_none());
        let own: Vec<_> = own.chain(namespace.map(|name| ("ns", name))).collect();
        if !(parameters.is_empty() && general.is_empty() && own.is_empty()) {
            url.query_pairs_mut().extend_pairs(parameters).extend_pairs(general).extend_pairs(own);
        }
        url
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        body: Option<Vec<u8>>,
        timeout: Duration,
    ) -> Result<Response, Error> {
        let mut request = self.http.request(method.clone(), url.clone()).timeout(timeout);
        if let Some(token) = &self.config.token {
            let token = token.read().map_err(|error| wrong(method, url, Kind::Token(error)))?;
            request = request.header("X-Consul-Token", token.expose());
        }
        if let Some(credentials) = &self.config.credentials {
            let (user, password) =
                credentials.expose().split_once(':').unwrap_or((credentials.expose(), ""));
            request = request.basic_auth(user, Some(password));
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        let response = request.send().await.map_err(|error| failed(method, url, &error))?;
        self.counts.answers.fetch_add(1, Ordering::Relaxed);
        self.multiplexes.store(response.version() == Version::HTTP_2, Ordering::Relaxed);
        Ok(response)
    }
}

/// The JSON of a request's body.
pub(crate) fn encode(method: &Method, url: &Url, body: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|error| wrong(method, url, Kind::Decode(error.to_string())))
}

fn base(address: &str) -> Result<Url, Error> {
    let wrong =
        |reason: String| Error { method: "GET", url: address.to_owned(), kind: Kind::Url(reason) };
    let text =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let mut url =
        Url::parse(&text).map_err(|error| wrong(format!("not an address of Consul: {error}")))?;
    let (port, usual) = match url.scheme() {
        "http" => (8500, ":80"),
        "https" => (8501, ":443"),
        _ => return Err(wrong(NO_ADDRESS.to_owned())),
    };
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(NO_ADDRESS.to_owned()));
    }
    // The URL standard drops the port that the scheme implies, also when it was meant.
    if url.port().is_none() && !text.trim_end_matches('/').ends_with(usual) {
        // Cannot fail: the URL has a host.
        url.set_port(Some(port)).map_err(|()| wrong("no port".to_owned()))?;
    }
    url.set_path("/");
    Ok(url)
}

const NO_ADDRESS: &str =
    "not an address of Consul: expected host:port, http://host:port or https://host:port";

/// Escapes everything that is not unreserved in RFC 3986, section 2.3.
fn percent_encode(segment: &str) -> impl Iterator<Item = char> {
    segment.bytes().flat_map(|byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let text = if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        text.chars().collect::<Vec<_>>()
    })
}

fn described(headers: &HeaderMap) -> Answer<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name| text(name).and_then(|value| value.parse::<u64>().ok());
    // Since 1.10 agents answer blocking health queries from a stream of events, and then always say that they know no
    // leader; without one such a query fails.
    let is_streamed = text("X-Consul-Query-Backend") == Some("streaming");
    Answer {
        value: (),
        index: number("X-Consul-Index").and_then(Index::new),
        known_leader: is_streamed || text("X-Consul-KnownLeader") != Some("false"),
        last_contact: Duration::from_millis(number("X-Consul-LastContact").unwrap_or_default()),
        filtered_by_acls: text("X-Consul-Results-Filtered-By-ACLs") == Some("true"),
    }
}

async fn accepted(response: Response, method: &Method, url: &Url) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.text().await.unwrap_or_default();
    Err(wrong(method, url, Kind::Status { status: status.as_u16(), body }))
}

async fn decode<T: DeserializeOwned>(
    response: Response,
    method: &Method,
    url: &Url,
) -> Result<T, Error> {
    let body = accepted(response, method, url).await?.bytes().await;
    let body = body.map_err(|error| failed(method, url, &error))?;
    serde_json::from_slice(&body)
        .map_err(|error| wrong(method, url, Kind::Decode(error.to_string())))
}

fn failed(method: &Method, url: &Url, error: &reqwest::Error) -> Error {
    if error.is_timeout() && !error.is_connect() {
        return wrong(method, url, Kind::Timeout);
    }
    if came_unasked(error) {
        return wrong(
            method,
            url,
            Kind::Status { status: 429, body: "before the request".to_owned() },
        );
    }
    wrong(method, url, Kind::Transport(root_cause(error)))
}

fn wrong(method: &Method, url: &Url, kind: Kind) -> Error {
    let method = match *method {
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "GET",
    };
    Error { method, url: url.to_string(), kind }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn client(address: &str) -> Result<Client, Error> {
        let tls = Tls { insecure: true, ..Tls::default() };
        Client::new(Config { address: address.to_owned(), tls, ..Config::default() })
    }

    #[test]
    fn takes_addresses_as_consul_does() {
        for (address, want) in [
            ("127.0.0.1:8500", "http://127.0.0.1:8500/"),
            ("consul", "http://consul:8500/"),
            ("http://consul", "http://consul:8500/"),
            ("http://consul:80", "http://consul/"),
            ("http://[::1]:8501/", "http://[::1]:8501/"),
            ("https://consul", "https://consul:8501/"),
            ("https://consul:443/", "https://consul/"),
        ] {
            assert_eq!(client(address).unwrap().address().as_str(), want, "{address}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for address in ["", "ftp://consul", "consul:port", "http://"] {
            assert!(client(address).is_err(), "{address}");
        }
    }

    #[test]
    fn keeps_every_byte_of_a_path() {
        let client = client("c:1").unwrap();
        let url = |key: &str| client.key_url(key).map(String::from);
        assert_eq!(url("a/b c/é?#").unwrap(), "http://c:1/v1/kv/a/b%20c/%C3%A9%3F%23");
        assert_eq!(url("a//b/").unwrap(), "http://c:1/v1/kv/a//b/");
        assert_eq!(url("%2e%2e/x").unwrap(), "http://c:1/v1/kv/%252e%252e/x");
        assert!(url("a/../b").is_err());
    }
    /// Consul answers a connection too many at once, and closes it.
    #[tokio::test]
    async fn knows_a_refusal_that_comes_before_the_request() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = client(&listener.local_addr().unwrap().to_string()).unwrap();
        let server = std::thread::spawn(move || {
            for connection in listener.incoming().take(100) {
                let answer = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";
                drop(connection.unwrap().write_all(answer));
            }
        });
        for _ in 0..100 {
            let error = client.datacenters().await.unwrap_err();
            assert!(error.is_refusal(), "{error:?}");
        }
        server.join().unwrap();
    }
}
