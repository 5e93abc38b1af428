//! How a backend treats its traffic: the tags that ask for it, and their values.
//!
//! Every value is read into a type and printed from there, so that no text of a tag reaches the configuration.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Serialize;

use crate::haproxy::names;
use crate::haproxy::tags::Mode;

/// The longest time that a tag may ask for, in milliseconds: a day.
const LONGEST: u64 = 24 * 60 * 60 * 1000;

/// What one tag asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A client stays with its server, by a cookie.
    Sticky,
    /// Plain requests from outside are sent to HTTPS.
    RedirectHttps,
    /// Texts are compressed.
    Compression,
    /// Requests of one client in ten seconds.
    RateLimit(u32),
    /// The name of the list of users who may enter.
    Auth(String),
    /// Clients that may connect.
    Allow(String),
    /// Connections to an instance at a time.
    Maxconn(u32),
    /// Further tries to connect.
    Retries(u32),
    /// The path that HAProxy's check asks for.
    CheckHttp(String),
    /// HAProxy's check only connects.
    CheckTcp,
    /// The port that HAProxy checks.
    CheckPort(u16),
    /// The time between two checks.
    CheckInterval(String),
    /// How long HAProxy waits.
    Timeout(Timeout, String),
}

/// What HAProxy waits for (manual, section 4.2, "timeout").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// A byte of the client.
    Client,
    /// A connection to a server.
    Connect,
    /// A byte of a server.
    Server,
    /// A byte in either direction, after an upgrade.
    Tunnel,
}

/// How the tags of a service change its backend; what no tag asks for is left to the site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a tag of its own, any may be set with any"
)]
pub struct Settings {
    /// Whether a client stays with its server.
    pub sticky: bool,
    /// Whether plain requests from outside are sent to HTTPS.
    pub redirect_https: bool,
    /// Whether texts are compressed.
    pub compression: bool,
    /// Requests of one client in ten seconds.
    pub rate_limit: Option<u32>,
    /// The name of the list of users who may enter.
    pub auth: Option<String>,
    /// The networks that may connect; all when empty.
    pub allow: BTreeSet<String>,
    /// Connections to an instance at a time.
    pub maxconn: Option<u32>,
    /// Further tries to connect.
    pub retries: Option<u32>,
    /// The path that HAProxy's check asks for.
    pub check_path: Option<String>,
    /// Whether the check only connects.
    pub check_tcp: bool,
    /// The port that HAProxy checks.
    pub check_port: Option<u16>,
    /// The time between two checks.
    pub check_interval: Option<String>,
    /// In the words of HAProxy.
    pub timeout_client: Option<String>,
    /// In the words of HAProxy.
    pub timeout_connect: Option<String>,
    /// In the words of HAProxy.
    pub timeout_server: Option<String>,
    /// In the words of HAProxy.
    pub timeout_tunnel: Option<String>,
}

impl Setting {
    /// Whether it only makes sense for requests.
    pub const fn needs_http(&self) -> bool {
        use Setting::{Auth, Compression, RateLimit, RedirectHttps, Sticky};
        matches!(self, Sticky | RedirectHttps | Compression | RateLimit(_) | Auth(_))
    }

    /// Whether it keeps people out: a service must not be open because its tag is misspelt.
    pub const fn protects(&self) -> bool {
        matches!(self, Self::Auth(_) | Self::Allow(_))
    }
}

impl Settings {
    /// What a service in this mode has without any tag.
    pub fn of(mode: Mode) -> Self {
        Self { check_tcp: mode == Mode::Tcp, ..Self::default() }
    }

    /// Whether some clients are kept out, or some of their requests.
    pub fn guard(&self) -> bool {
        self.auth.is_some() || self.rate_limit.is_some() || !self.allow.is_empty()
    }

    /// Takes in what a tag asks for.
    pub fn set(&mut self, setting: &Setting) {
        match setting {
            Setting::Sticky => self.sticky = true,
            Setting::RedirectHttps => self.redirect_https = true,
            Setting::Compression => self.compression = true,
            Setting::RateLimit(limit) => self.rate_limit = Some(*limit),
            Setting::Auth(name) => self.auth = Some(name.clone()),
            Setting::Allow(network) => drop(self.allow.insert(network.clone())),
            Setting::Maxconn(limit) => self.maxconn = Some(*limit),
            Setting::Retries(tries) => self.retries = Some(*tries),
            Setting::CheckHttp(path) => {
                (self.check_path, self.check_tcp) = (Some(path.clone()), false);
            }
            Setting::CheckTcp => (self.check_path, self.check_tcp) = (None, true),
            Setting::CheckPort(port) => self.check_port = Some(*port),
            Setting::CheckInterval(time) => self.check_interval = Some(time.clone()),
            Setting::Timeout(which, time) => {
                let timeout = match which {
                    Timeout::Client => &mut self.timeout_client,
                    Timeout::Connect => &mut self.timeout_connect,
                    Timeout::Server => &mut self.timeout_server,
                    Timeout::Tunnel => &mut self.timeout_tunnel,
                };
                *timeout = Some(time.clone());
            }
        }
    }
}

/// Whether a tag is of those that keep people out.
pub fn protects(tag: &str) -> bool {
    tag.starts_with("allow-") || tag.starts_with("auth-")
}

/// Reads a tag: `None` when it is none of ours, an error when it is one of ours and wrong.
pub fn read(tag: &str) -> Option<Result<Setting, &'static str>> {
    match tag {
        "sticky" => return Some(Ok(Setting::Sticky)),
        "redirect-https" => return Some(Ok(Setting::RedirectHttps)),
        "compression" => return Some(Ok(Setting::Compression)),
        "check-tcp" => return Some(Ok(Setting::CheckTcp)),
        _ => {}
    }
    READERS.iter().find_map(|(prefix, reader)| tag.strip_prefix(prefix).map(reader))
}

type Reader = fn(&str) -> Result<Setting, &'static str>;

/// What begins a tag with a value, and how the value is read.
const READERS: [(&str, Reader); 13] = [
    ("allow-", |text| network(text).map(Setting::Allow).ok_or("that is no IP address or network")),
    ("auth-", |text| names::key_part(text).map(Setting::Auth).ok_or(NO_LIST)),
    ("check-http-", |text| names::path(text, "?&=%").map(Setting::CheckHttp).ok_or(NO_PATH)),
    ("check-interval-", |text| duration(text).map(Setting::CheckInterval).ok_or(NO_TIME)),
    ("check-port-", |text| names::port(text).map(Setting::CheckPort).ok_or(NO_PORT)),
    ("maxconn-", |text| number(text, 1_000_000).map(Setting::Maxconn).ok_or(NO_COUNT)),
    ("rate-limit-", |text| number(text, 1_000_000).map(Setting::RateLimit).ok_or(NO_COUNT)),
    ("retries-", |text| number(text, 100).map(Setting::Retries).ok_or("tries are 1 to 100")),
    ("timeout-client-", |text| timeout(Timeout::Client, text)),
    ("timeout-connect-", |text| timeout(Timeout::Connect, text)),
    ("timeout-server-", |text| timeout(Timeout::Server, text)),
    ("timeout-tunnel-", |text| timeout(Timeout::Tunnel, text)),
    ("check-", |_| Err("checks are check-http-PATH, check-tcp, check-port- or check-interval-")),
];

const NO_COUNT: &str = "it takes a number from 1 to 1000000";
const NO_LIST: &str = "a list of users is named with 1 to 100 of the characters A-Z a-z 0-9 _ . -";
const NO_PATH: &str =
    "a path has only the characters A-Z a-z 0-9 _ . ~ - /, that of a check ? & = % too";
const NO_PORT: &str = "a port is a number from 1 to 65535";
const NO_TIME: &str = "a time is a number with ms, s, m or h, a day at most";

fn timeout(which: Timeout, text: &str) -> Result<Setting, &'static str> {
    duration(text).map(|time| Setting::Timeout(which, time)).ok_or(NO_TIME)
}

fn number(text: &str, highest: u32) -> Option<u32> {
    names::integer(text).filter(|number| (1..=highest).contains(number))
}

fn duration(text: &str) -> Option<String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits)? {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return None,
    };
    let time = u64::from(names::integer::<u32>(digits)?) * unit;
    (1..=LONGEST).contains(&time).then(|| text.to_owned())
}

fn network(text: &str) -> Option<String> {
    let (address, bits) = match text.split_once('/') {
        None => (text, None),
        Some((address, bits)) => (address, Some(bits)),
    };
    let ip: IpAddr = address.parse().ok()?;
    let Some(bits) = bits else { return Some(ip.to_string()) };
    let widest = if ip.is_ipv4() { 32 } else { 128 };
    let bits = names::integer::<u8>(bits).filter(|bits| *bits <= widest)?;
    Some(format!("{ip}/{bits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_tags_are_typed() {
        let timeout = |which, text: &str| Setting::Timeout(which, text.to_owned());
        for (tag, want) in [
            ("sticky", Setting::Sticky),
            ("redirect-https", Setting::RedirectHttps),
            ("compression", Setting::Compression),
            ("rate-limit-100", Setting::RateLimit(100)),
            ("auth-admins", Setting::Auth("admins".to_owned())),
            ("allow-10.0.0.0/8", Setting::Allow("10.0.0.0/8".to_owned())),
            ("allow-2001:DB8::1", Setting::Allow("2001:db8::1".to_owned())),
            ("maxconn-50", Setting::Maxconn(50)),
            ("retries-2", Setting::Retries(2)),
            ("check-http-/up?full=1", Setting::CheckHttp("/up?full=1".to_owned())),
            ("check-http-up", Setting::CheckHttp("/up".to_owned())),
            ("check-tcp", Setting::CheckTcp),
            ("check-port-9000", Setting::CheckPort(9000)),
            ("check-interval-500ms", Setting::CheckInterval("500ms".to_owned())),
            ("timeout-client-1h", timeout(Timeout::Client, "1h")),
            ("timeout-connect-2s", timeout(Timeout::Connect, "2s")),
            ("timeout-server-5m", timeout(Timeout::Server, "5m")),
            ("timeout-tunnel-24h", timeout(Timeout::Tunnel, "24h")),
        ] {
            assert_eq!(read(tag), Some(Ok(want)), "{tag}");
        }
    }

    #[test]
    fn what_is_not_of_the_type_is_an_error() {
        for tag in [
            "rate-limit-0",
            "rate-limit-1000001",
            "auth-",
            "auth-a/b",
            "auth-../x",
            "allow-10.0.0.0/33",
            "allow-::1/129",
            "allow-10.0.0.1 } or { always_true",
            "allow-example.com",
            "maxconn-5\n  http-request deny",
            "maxconn-+5",
            "maxconn-",
            "retries-101",
            "check-http-/a b",
            "check-http-/a\"",
            "check-udp",
            "check-port-0",
            "check-interval-2",
            "check-interval-25h",
            "timeout-server-0s",
            "timeout-server-5d",
            "timeout-server-${HOME}",
        ] {
            assert!(matches!(read(tag), Some(Err(_))), "{tag}");
        }
        for tag in ["sticky-", "production", "redirect-https2", "timeouts", "my-maxconn-5"] {
            assert_eq!(read(tag), None, "{tag}");
        }
    }
}
