//! The catalog to the routing table: which service is reached where, in which environment.
//!
//! Two frontends on one port start without a warning and the kernel splits the connections between them, so every port
//! and every host name gets one owner: listeners of the site first, then environments in the order of the site's list,
//! then services in the order of their names. What loses is left out and reported; the rest of a service stays.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::data::CatalogService;
use crate::haproxy::names;
use crate::haproxy::tags::{self, Mode, Wish};

/// What a site says about routing; part of its values file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Site {
    /// The environments, the most important first.
    pub environments: Vec<Environment>,
    /// Listeners of the site's own, by name.
    pub well_known: BTreeMap<String, WellKnown>,
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

/// A service in one environment, and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The environment, which is the tag of its instances.
    pub environment: String,
    /// The service's name in Consul.
    pub name: String,
    /// The mode of its frontend and its backend.
    pub mode: Mode,
    /// The name of its internal frontend.
    pub frontend: String,
    /// The name of its backend.
    pub backend: String,
    /// The balance algorithm of its backend.
    pub balance: &'static str,
    /// The ports of its internal frontend.
    pub ports: BTreeSet<u16>,
    /// The host names that the external frontends send to it.
    pub hosts: BTreeSet<String>,
    /// All its tags, for templates that know more of them.
    pub tags: Vec<String>,
}

/// The routes of a catalog, and what had to be left out of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// In the order of environments and names.
    pub routes: Vec<Route>,
    /// For people: who, what, why.
    pub problems: Vec<String>,
}

/// Reads the routing table out of a catalog.
pub fn table(services: &[CatalogService], site: &Site) -> Table {
    let mut draft = Draft::new(site);
    let wishes: Vec<_> = services.iter().map(|service| draft.wishes(service)).collect();
    for environment in &site.environments {
        for (service, wishes) in services.iter().zip(&wishes) {
            if service.tags.contains(&environment.name) {
                draft.add(environment, service, wishes);
            }
        }
    }
    draft.table
}

struct Draft {
    ports: BTreeMap<u16, String>,
    hosts: BTreeMap<String, String>,
    table: Table,
}

impl Draft {
    fn new(site: &Site) -> Self {
        let ports =
            site.well_known.iter().map(|(name, listener)| (listener.port, name.clone())).collect();
        Self { ports, hosts: BTreeMap::new(), table: Table::default() }
    }

    fn problem(&mut self, service: &CatalogService, what: &str, why: &str) {
        // Names come from Consul and may hold anything; Debug keeps the report on one line.
        self.table.problems.push(format!("service {:?}: {what}: {why}", service.name));
    }

    /// What a service asks for, without what cannot be had in any environment.
    fn wishes(&mut self, service: &CatalogService) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for tag in &service.tags {
            match tags::read(tag) {
                None => {}
                Some(Err(why)) => self.problem(service, &format!("tag {tag:?} is left out"), why),
                Some(Ok(Wish::Listen(_, port))) if !is_for(&service.name, port) => {}
                Some(Ok(wish)) => wishes.push(wish),
            }
        }
        if !wishes.is_empty() && !names::is_name(&service.name) {
            let why = "its name must be 1 to 100 of the characters A-Z a-z 0-9 _ . : -";
            self.problem(service, "it is left out", why);
            return Vec::new();
        }
        let has_http =
            wishes.iter().any(|wish| matches!(wish, Wish::Listen(Mode::Http, _) | Wish::Host(_)));
        let before = wishes.len();
        wishes.retain(|wish| !(has_http && matches!(wish, Wish::Listen(Mode::Tcp, _))));
        if wishes.len() < before {
            self.problem(
                service,
                "its TCP ports are left out",
                "a service has one mode, and tags ask for HTTP too",
            );
        }
        wishes
    }

    fn add(&mut self, environment: &Environment, service: &CatalogService, wishes: &[Wish]) {
        let owner = format!("{}:{}", environment.name, service.name);
        let mut route = Route {
            environment: environment.name.clone(),
            name: service.name.clone(),
            mode: Mode::Http,
            frontend: String::new(),
            backend: format!("cluster_{owner}"),
            balance: "roundrobin",
            ports: BTreeSet::new(),
            hosts: BTreeSet::new(),
            tags: service.tags.clone(),
        };
        for wish in wishes {
            match wish {
                Wish::Balance(algorithm) => route.balance = algorithm,
                Wish::Listen(mode, port) => {
                    route.mode = *mode;
                    route.ports.extend(self.claim_port(environment, service, &owner, *port));
                }
                Wish::Host(host) => {
                    route.hosts.extend(self.claim_host(environment, service, &owner, host));
                }
            }
        }
        if route.ports.is_empty() && route.hosts.is_empty() {
            return;
        }
        let mode = if route.mode == Mode::Http { "http" } else { "tcp" };
        route.frontend = format!("internal_{mode}_in_{owner}");
        self.table.routes.push(route);
    }

    fn claim_port(
        &mut self,
        environment: &Environment,
        service: &CatalogService,
        owner: &str,
        port: u16,
    ) -> Option<u16> {
        let text = format!("{}{port}", environment.port_prefix);
        let Ok(port) = text.parse() else {
            let what = format!("port {text} of {} is left out", environment.name);
            self.problem(service, &what, "ports end at 65535");
            return None;
        };
        match claim(&mut self.ports, port, owner) {
            None => Some(port),
            Some(other) => {
                let what = format!("port {port} of {} is left out", environment.name);
                self.problem(service, &what, &format!("it belongs to {other}"));
                None
            }
        }
    }

    fn claim_host(
        &mut self,
        environment: &Environment,
        service: &CatalogService,
        owner: &str,
        host: &str,
    ) -> Option<String> {
        let host = format!("{}{host}", environment.host_prefix);
        let why = match (names::host(&host), claim(&mut self.hosts, host.clone(), owner)) {
            (Some(host), None) => return Some(host),
            (None, _) => "that is no host name".to_owned(),
            (_, Some(other)) => format!("it belongs to {other}"),
        };
        self.problem(service, &format!("host {host} of {} is left out", environment.name), &why);
        None
    }
}

/// Gives the key to the first who asks; answers with the owner when that is somebody else.
fn claim<K: Ord>(owners: &mut BTreeMap<K, String>, key: K, owner: &str) -> Option<String> {
    let current = owners.entry(key).or_insert_with(|| owner.to_owned());
    (current != owner).then(|| current.clone())
}

/// Whether a port is meant for a service: on an app with several ports every service carries the tags of all, and is
/// named after its own.
fn is_for(name: &str, port: u16) -> bool {
    tags::trailing_port(name).is_none_or(|own| own == port)
}

#[cfg(test)]
mod tests;
