//! Tags to what they ask for. `templates/README.md` is the manual of this language.

use crate::haproxy::names;
use crate::haproxy::settings::{self, Setting};

/// The balance algorithms that need no argument (HAProxy's manual, "balance").
const ALGORITHMS: [&str; 7] =
    ["roundrobin", "static-rr", "leastconn", "first", "source", "uri", "random"];

/// The highest weight HAProxy knows (manual, "weight").
pub const HEAVIEST: u32 = 256;

/// What a tag asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A port of a load balancer.
    Listen(Listener, u16),
    /// A balance algorithm.
    Balance(&'static str),
    /// A host name of the external load balancer.
    Host(String),
    /// A path below the host names.
    Path(String),
    /// A group of load balancers that serve it.
    Group(String),
    /// The weight of an instance.
    Weight(u32),
    /// How the backend treats its traffic.
    Set(Setting),
}

/// What listens on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub side: Side,
    /// How the traffic is treated.
    pub mode: Mode,
    /// Whether clients speak TLS.
    pub has_tls: bool,
}

/// The load balancer that has a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// For services that call each other.
    Internal,
    /// For the world.
    External,
}

/// How HAProxy treats the traffic of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Requests.
    Http,
    /// Bytes.
    Tcp,
}

/// Reads a tag: `None` when it is none of ours, an error when it is one of ours and wrong.
pub fn read(tag: &str) -> Option<Result<Wish, &'static str>> {
    let listen = LISTEN.iter().find_map(|(prefix, side, mode, has_tls)| {
        let listener = Listener { side: *side, mode: *mode, has_tls: *has_tls };
        tag.strip_prefix(prefix).map(|port| listen(listener, port))
    });
    if listen.is_some() {
        listen
    } else if let Some(name) = tag.strip_prefix("balance-") {
        let known = ALGORITHMS.into_iter().find(|known| *known == name);
        Some(known.map(Wish::Balance).ok_or("HAProxy has no such algorithm"))
    } else if let Some(name) = tag.strip_prefix("external-host-") {
        Some(names::host(name).map(Wish::Host).ok_or("that is no host name"))
    } else if let Some(path) = tag.strip_prefix("external-path-") {
        let path = names::path(path, "").map(Wish::Path);
        Some(path.ok_or("a path has only the characters A-Z a-z 0-9 _ . ~ - /"))
    } else if let Some(name) = tag.strip_prefix("group-") {
        Some(names::key_part(name).map(Wish::Group).ok_or("that is no name of a group"))
    } else if let Some(weight) = tag.strip_prefix("weight-") {
        let weight = names::integer(weight).filter(|weight| *weight <= HEAVIEST);
        Some(weight.map(Wish::Weight).ok_or("a weight is a number from 0 to 256"))
    } else {
        settings::read(tag).map(|setting| setting.map(Wish::Set))
    }
}

/// The port that a name or a tag ends in, after a dash.
pub fn trailing_port(text: &str) -> Option<u16> {
    text.rsplit_once('-').and_then(|(_, port)| names::port(port))
}

/// What begins a tag with a port.
const LISTEN: [(&str, Side, Mode, bool); 6] = [
    ("internal-listen-http-", Side::Internal, Mode::Http, false),
    ("internal-listen-tcp-", Side::Internal, Mode::Tcp, false),
    ("external-listen-http-", Side::External, Mode::Http, false),
    ("external-listen-tcp-", Side::External, Mode::Tcp, false),
    ("external-listen-https-", Side::External, Mode::Http, true),
    ("external-listen-tls-", Side::External, Mode::Tcp, true),
];

fn listen(listener: Listener, port: &str) -> Result<Wish, &'static str> {
    names::port(port)
        .map(|port| Wish::Listen(listener, port))
        .ok_or("a port is a number from 1 to 65535")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_whole() {
        use Mode::{Http, Tcp};
        use Side::{External, Internal};
        let listen = |side, mode, has_tls, port| {
            Some(Ok(Wish::Listen(Listener { side, mode, has_tls }, port)))
        };
        for (tag, want) in [
            ("production", None),
            ("internal-listen-http-3000", listen(Internal, Http, false, 3000)),
            ("internal-listen-tcp-65535", listen(Internal, Tcp, false, 65535)),
            ("external-listen-http-3000", listen(External, Http, false, 3000)),
            ("external-listen-tcp-5000", listen(External, Tcp, false, 5000)),
            ("external-listen-https-8443", listen(External, Http, true, 8443)),
            ("external-listen-tls-8883", listen(External, Tcp, true, 8883)),
            ("internal-listen-https-8443", None),
            ("balance-leastconn", Some(Ok(Wish::Balance("leastconn")))),
            ("external-host-WWW.example.com", Some(Ok(Wish::Host("www.example.com".to_owned())))),
            ("external-path-/api/", Some(Ok(Wish::Path("/api".to_owned())))),
            ("group-edge", Some(Ok(Wish::Group("edge".to_owned())))),
            ("weight-0", Some(Ok(Wish::Weight(0)))),
            ("sticky", Some(Ok(Wish::Set(Setting::Sticky)))),
            ("my-internal-listen-http-3000", None),
        ] {
            assert_eq!(read(tag), want, "{tag}");
        }
        for tag in [
            "internal-listen-http-",
            "internal-listen-http-0",
            "internal-listen-http-65536",
            "internal-listen-http-+80",
            "internal-listen-http-080",
            "internal-listen-http-3000\n  http-request deny",
            "external-listen-tcp-70000",
            "external-listen-tls-",
            "balance-luck",
            "external-host-a b",
            "external-path-/a b",
            "group-a b",
            "weight-257",
        ] {
            assert!(matches!(read(tag), Some(Err(_))), "{tag}");
        }
    }

    #[test]
    fn names_of_multi_port_services_end_in_their_port() {
        assert_eq!(trailing_port("test-server-3000"), Some(3000));
        for name in ["test-server", "web2", "web-", "3000", "web-99999"] {
            assert_eq!(trailing_port(name), None, "{name}");
        }
    }
}
