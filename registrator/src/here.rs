//! Which tasks run on this agent.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What this agent is called.
///
/// Marathon names an agent by the host name or the address that the Mesos agent was started with, which need not be what
/// Consul calls the node. Names that are neither ours nor addresses are resolved, unless the operator said what we are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Here {
    address: String,
    names: BTreeSet<String>,
    given: bool,
    scripts: bool,
    resolved: BTreeMap<String, Vec<IpAddr>>,
}

/// Where a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// Here; services are reached at this address.
    Here(&'a str),
    /// On another agent.
    Elsewhere,
    /// Not known before the name is resolved.
    Unknown,
}

impl Here {
    /// The agent at `address`, called `given`, or, when that is empty, as its Consul node or by its address.
    pub fn new(address: &str, node: &str, given: &[String]) -> Self {
        let own = [address.to_owned(), node.to_owned()];
        let names = if given.is_empty() { &own } else { given };
        Self {
            address: address.to_owned(),
            names: names.iter().map(|name| normal(name)).filter(|name| !name.is_empty()).collect(),
            given: !given.is_empty(),
            scripts: false,
            resolved: BTreeMap::new(),
        }
    }

    /// The same agent, which runs scripts as checks, or does not.
    #[must_use]
    pub fn with_scripts(mut self, scripts: bool) -> Self {
        self.scripts = scripts;
        self
    }

    /// Whether the agent runs scripts as checks.
    pub const fn runs_scripts(&self) -> bool {
        self.scripts
    }

    /// Where `host` is.
    pub fn place<'a>(&'a self, host: &'a str) -> Place<'a> {
        let name = normal(host);
        let is_address = host.parse::<IpAddr>().is_ok();
        if self.names.contains(&name) {
            // A name is found under the address that the node advertises; HAProxy needs no resolver then.
            return Place::Here(if is_address { host } else { &self.address });
        }
        if is_address || self.given {
            return Place::Elsewhere;
        }
        match self.resolved.get(&name) {
            Some(addresses) if addresses.iter().any(|ip| self.names.contains(&ip.to_string())) => {
                Place::Here(&self.address)
            }
            Some(addresses) if !addresses.is_empty() => Place::Elsewhere,
            _ => Place::Unknown,
        }
    }

    /// Whether `host` is here, or may be.
    pub fn may_be(&self, host: &str) -> bool {
        self.place(host) != Place::Elsewhere
    }

    /// What resolving told; no address means that it failed, which takes back nothing.
    pub fn learn(&mut self, resolved: BTreeMap<String, Vec<IpAddr>>) {
        for (name, addresses) in resolved {
            let known = self.resolved.entry(normal(&name)).or_default();
            if !addresses.is_empty() {
                *known = addresses;
            }
        }
    }

    /// Keeps what is resolved, for a new view of the agent.
    #[must_use]
    pub fn with_resolved_of(mut self, other: &Self) -> Self {
        self.resolved.clone_from(&other.resolved);
        self
    }

    /// Whether resolving this name might tell more. A name that failed is tried again only with `retry`.
    pub fn should_resolve(&self, host: &str, retry: bool) -> bool {
        self.place(host) == Place::Unknown
            && !host.is_empty()
            && (retry || !self.resolved.contains_key(&normal(host)))
    }
}

/// Host names compare without case and without the root's dot.
fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_ours_by_name_address_or_resolution() {
        let mut here = Here::new("10.0.0.1", "Srv1", &[]);
        here.learn(BTreeMap::from([
            ("srv1.example.com".to_owned(), vec!["10.0.0.1".parse().unwrap()]),
            ("srv2.example.com".to_owned(), vec!["10.0.0.2".parse().unwrap()]),
            ("gone.example.com".to_owned(), vec![]),
        ]));
        let rows = [
            ("10.0.0.1", Place::Here("10.0.0.1")),
            ("10.0.0.2", Place::Elsewhere),
            ("srv1", Place::Here("10.0.0.1")),
            ("SRV1.example.com.", Place::Here("10.0.0.1")),
            ("srv2.example.com", Place::Elsewhere),
            ("gone.example.com", Place::Unknown),
            ("new.example.com", Place::Unknown),
        ];
        for (host, want) in rows {
            assert_eq!(here.place(host), want, "{host}");
        }
        assert!(here.should_resolve("new.example.com", false));
        assert!(!here.should_resolve("gone.example.com", false));
        assert!(here.should_resolve("gone.example.com", true));
    }

    #[test]
    fn given_names_are_the_only_ones() {
        let given = ["srv1.internal".to_owned(), "192.168.0.1".to_owned()];
        let here = Here::new("10.0.0.1", "srv1", &given);
        assert_eq!(here.place("srv1.internal"), Place::Here("10.0.0.1"));
        assert_eq!(here.place("192.168.0.1"), Place::Here("192.168.0.1"));
        for elsewhere in ["srv1", "10.0.0.1", "other"] {
            assert_eq!(here.place(elsewhere), Place::Elsewhere, "{elsewhere}");
        }
    }
}
