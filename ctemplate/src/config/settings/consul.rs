//! How Consul is reached.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use daemon::redact::Redacted;
use daemon::secret::Secret;
use serde::Serialize;

use super::defaults;
use crate::config::show;

/// How Consul is reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Consul {
    /// `host:port`, `http://host:port` or `https://host:port`.
    pub address: String,
    /// Ask in this namespace (Consul Enterprise).
    pub namespace: Option<String>,
    /// ACL token.
    #[serde(serialize_with = "show::secret")]
    pub token: Option<Secret>,
    /// User and password for a proxy in front of Consul.
    pub auth: Option<Auth>,
    /// When to ask again after a failure; never when none.
    pub retry: Option<Retry>,
    /// TLS, when it is not the address that asks for it.
    pub ssl: Option<Ssl>,
    /// The connections.
    pub transport: Transport,
}

/// User and password for HTTP's basic authentication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Auth {
    /// The user.
    pub username: String,
    /// The password.
    #[serde(serialize_with = "show::redacted")]
    pub password: Redacted<String>,
}

/// When to repeat what failed: after `backoff`, twice that, four times that, up to `max_backoff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// How often; for ever when none.
    pub attempts: Option<NonZeroU32>,
    /// The first pause.
    #[serde(serialize_with = "show::duration")]
    pub backoff: Duration,
    /// The longest pause; zero for no limit.
    #[serde(serialize_with = "show::duration")]
    pub max_backoff: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: defaults::ATTEMPTS,
            backoff: Duration::from_millis(250),
            max_backoff: Duration::from_mins(1),
        }
    }
}

/// TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ssl {
    /// Whether the server's certificate must be good.
    pub verify: bool,
    /// PEM file with our certificate, and with its key when `key` is not given.
    pub cert: Option<PathBuf>,
    /// PEM file with the certificate's key.
    pub key: Option<PathBuf>,
    /// PEM file with the authorities to trust instead of the system's.
    pub ca_cert: Option<PathBuf>,
    /// Folder of such files; `ca_cert` goes before it.
    pub ca_path: Option<PathBuf>,
    /// The name to expect in the server's certificate instead of the host in the address.
    pub server_name: Option<String>,
}

/// The connections to Consul.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Transport {
    /// How long an idle connection is silent before the kernel asks whether the other side lives.
    #[serde(serialize_with = "show::duration")]
    pub dial_keep_alive: Duration,
    /// How long connecting may take.
    #[serde(serialize_with = "show::duration")]
    pub dial_timeout: Duration,
    /// Whether each request gets a connection of its own.
    pub disable_keep_alives: bool,
    /// How long a connection is kept for the next request.
    #[serde(serialize_with = "show::duration")]
    pub idle_conn_timeout: Duration,
    /// How many connections are kept in all; zero for no limit.
    pub max_idle_conns: u32,
    /// How many connections to one host are kept.
    pub max_idle_conns_per_host: u32,
    /// How many connections to one host there may be, shared by all templates; zero for 100.
    pub max_conns_per_host: u32,
    /// How long the handshake of TLS may take.
    #[serde(serialize_with = "show::duration")]
    pub tls_handshake_timeout: Duration,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            dial_keep_alive: Duration::from_secs(30),
            dial_timeout: Duration::from_secs(30),
            disable_keep_alives: false,
            idle_conn_timeout: Duration::from_secs(5),
            max_idle_conns: 0,
            max_idle_conns_per_host: 100,
            max_conns_per_host: 0,
            tls_handshake_timeout: Duration::from_secs(10),
        }
    }
}
