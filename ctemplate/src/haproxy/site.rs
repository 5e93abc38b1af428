//! What a site says about routing, in its values.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::haproxy::tags::Side;

/// The part of a site's values that routing needs; templates may have more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Site {
    /// The environments, the most important first.
    pub environments: Vec<Environment>,
    /// Internal listeners of the site's own, by name.
    pub well_known: BTreeMap<String, WellKnown>,
    /// Which services it is for, and what they cannot have.
    pub services: Served,
    /// What the internal load balancer has for all services.
    pub internal: Internal,
    /// What the external load balancer has for all services.
    pub external: External,
}

/// Which services a load balancer is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Served {
    /// Services with one of these groups; all services when there is none.
    pub groups: BTreeSet<String>,
    /// Ports that no tag can take.
    pub reserved_ports: BTreeSet<u16>,
}

/// A tag that puts instances into a backend of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The tag.
    pub name: String,
    /// Digits before a service's port: `1` makes 3000 to 13000.
    #[serde(default)]
    pub port_prefix: String,
    /// Text before a service's host name: `staging-`.
    #[serde(default)]
    pub host_prefix: String,
}

/// A listener that the template has of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct WellKnown {
    /// Its port.
    pub port: u16,
}

/// The ports of the internal load balancer itself; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Internal {
    /// For statistics.
    pub stats_port: u16,
}

/// What the external load balancer itself has; port 0 is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct External {
    /// For plain requests.
    pub http_port: u16,
    /// For encrypted ones.
    pub https_port: u16,
    /// For statistics.
    pub stats_port: u16,
    /// Where its certificates are, if anywhere.
    pub certificate: String,
    /// A list of more of them.
    pub crt_list: String,
}

impl External {
    /// Whether it can speak TLS.
    pub const fn has_certificate(&self) -> bool {
        !self.certificate.is_empty() || !self.crt_list.is_empty()
    }
}

impl Site {
    /// Demands that the site does not contradict itself, as HAProxy would not notice, or refuse with less to say.
    ///
    /// # Errors
    ///
    /// What is there twice.
    pub fn check(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for Environment { name, .. } in &self.environments {
            if !names.insert(name) {
                return Err(format!("environment {name:?} is listed twice"));
            }
        }
        let mut owners = BTreeMap::new();
        for (place, owner) in self.listeners() {
            if let Some(other) = owners.insert(place, owner.clone()) {
                return Err(format!("{other} and {owner} are both on port {}", place.1));
            }
        }
        Ok(())
    }

    /// The ports that no tag can take, with who has them.
    pub fn ports(&self) -> BTreeMap<(Side, u16), String> {
        let reserved = self.services.reserved_ports.iter().flat_map(|port| {
            [Side::Internal, Side::External].map(|side| ((side, *port), "the site".to_owned()))
        });
        reserved.chain(self.listeners()).collect()
    }

    fn listeners(&self) -> impl Iterator<Item = ((Side, u16), String)> {
        let Self { internal, external, .. } = self;
        let well_known = self.well_known.iter();
        let well_known = well_known.map(|(name, it)| (Side::Internal, it.port, name.as_str()));
        let own = [
            (Side::Internal, internal.stats_port, "internal.stats_port"),
            (Side::External, external.http_port, "external.http_port"),
            (Side::External, external.https_port, "external.https_port"),
            (Side::External, external.stats_port, "external.stats_port"),
        ];
        let all = well_known.chain(own).filter(|(_, port, _)| *port != 0);
        all.map(|(side, port, owner)| ((side, port), owner.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_does_not_contradict_itself() {
        for (values, want) in [
            ("", Ok(())),
            ("external = {http_port = 80, https_port = 443}\nwell_known.a.port = 80", Ok(())),
            ("services.reserved_ports = [1]\nwell_known.a.port = 1", Ok(())),
            (
                "internal.stats_port = 1\nwell_known.a.port = 1",
                Err("a and internal.stats_port are both on port 1"),
            ),
            ("well_known = {a = {port = 1}, b = {port = 1}}", Err("a and b are both on port 1")),
            (
                "external = {http_port = 80, https_port = 80}",
                Err("external.http_port and external.https_port are both on port 80"),
            ),
            (
                "environments = [{name = 'a'}, {name = 'b'}, {name = 'a', port_prefix = '1'}]",
                Err("environment \"a\" is listed twice"),
            ),
        ] {
            let site: Site = toml::from_str(values).unwrap();
            assert_eq!(site.check(), want.map_err(str::to_owned), "{values}");
        }
    }
}
