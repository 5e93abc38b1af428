//! The catalog to the routing table: which service is reached where, in which environment.
//!
//! Two frontends on one port start without a warning and the kernel splits the connections between them, so every port
//! and every host name gets one owner: listeners of the site first, then environments in the order of the site's list,
//! then services in the order of their names. What loses is left out and reported; the rest of a service stays.
//!
//! What the site itself says is no such text: two listeners of its own on one port are an error.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::data::CatalogService;
use crate::haproxy::names;
use crate::haproxy::settings::{self, Settings};
use crate::haproxy::site::{Environment, Site};
use crate::haproxy::tags::{self, Listener, Mode, Side, Wish};

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
    /// The name of its external frontend for ports.
    pub external_frontend: String,
    /// The name of its backend.
    pub backend: String,
    /// The balance algorithm of its backend.
    pub balance: &'static str,
    /// The ports of its internal frontend.
    pub ports: BTreeSet<u16>,
    /// The ports of its external frontend without TLS.
    pub external_ports: BTreeSet<u16>,
    /// Those with TLS.
    pub external_tls_ports: BTreeSet<u16>,
    /// The host names that the external frontends send to it.
    pub hosts: BTreeSet<String>,
    /// The paths below these host names; the whole hosts when there is none.
    pub paths: BTreeSet<String>,
    /// How its backend treats its traffic.
    pub settings: Settings,
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

/// What the external frontends send to a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule<'a> {
    /// The host name.
    pub host: &'a str,
    /// The path below it; empty for all of it.
    pub path: &'a str,
    /// The backend.
    pub backend: &'a str,
    /// Whether its tags keep clients out: who does not read these must not serve it.
    pub guarded: bool,
}

impl Table {
    /// The rules of the external frontends. Of two that a request meets, HAProxy takes the first: longer paths come
    /// before shorter ones.
    pub fn rules(&self) -> Vec<Rule<'_>> {
        let mut rules: Vec<_> = self.routes.iter().flat_map(Route::rules).collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.path.len()));
        rules
    }
}

impl Route {
    /// A service that nothing leads to yet.
    fn new(environment: &Environment, service: &CatalogService, wishes: &[Wish]) -> Self {
        let owner = format!("{}:{}", environment.name, service.name);
        let mode = wishes.iter().find_map(|wish| match wish {
            Wish::Listen(listener, _) => Some(listener.mode),
            _ => None,
        });
        let mode = mode.unwrap_or(Mode::Http);
        let protocol = if mode == Mode::Http { "http" } else { "tcp" };
        Self {
            environment: environment.name.clone(),
            name: service.name.clone(),
            mode,
            frontend: format!("internal_{protocol}_in_{owner}"),
            external_frontend: format!("external_{protocol}_in_{owner}"),
            backend: format!("cluster_{owner}"),
            balance: "roundrobin",
            ports: BTreeSet::new(),
            external_ports: BTreeSet::new(),
            external_tls_ports: BTreeSet::new(),
            hosts: BTreeSet::new(),
            paths: paths(wishes),
            settings: Settings::of(mode),
            tags: service.tags.clone(),
        }
    }

    /// The ports of a listener.
    const fn ports_of(&mut self, listener: Listener) -> &mut BTreeSet<u16> {
        match listener {
            Listener { side: Side::Internal, .. } => &mut self.ports,
            Listener { has_tls: false, .. } => &mut self.external_ports,
            Listener { has_tls: true, .. } => &mut self.external_tls_ports,
        }
    }

    /// Whether anything leads to it.
    fn is_reached(&self) -> bool {
        let Self { ports, external_ports, external_tls_ports, hosts, .. } = self;
        [ports, external_ports, external_tls_ports].iter().any(|it| !it.is_empty())
            || !hosts.is_empty()
    }

    fn rules(&self) -> impl Iterator<Item = Rule<'_>> {
        let rule = |host, path| Rule {
            host,
            path,
            backend: &self.backend,
            guarded: self.settings.guard(),
        };
        self.hosts.iter().flat_map(move |host| {
            let whole = self.paths.is_empty().then(|| rule(host, ""));
            whole.into_iter().chain(self.paths.iter().map(move |path| rule(host, path)))
        })
    }
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

struct Draft<'a> {
    site: &'a Site,
    ports: BTreeMap<(Side, u16), String>,
    /// By host name and path.
    hosts: BTreeMap<(String, String), String>,
    table: Table,
}

impl<'a> Draft<'a> {
    fn new(site: &'a Site) -> Self {
        Self { site, ports: site.ports(), hosts: BTreeMap::new(), table: Table::default() }
    }

    fn problem(&mut self, service: &CatalogService, what: &str, why: &str) {
        // Names come from Consul and may hold anything; Debug keeps the report on one line.
        self.table.problems.push(format!("service {:?}: {what}: {why}", service.name));
    }

    /// What a service asks for, without what cannot be had in any environment.
    fn wishes(&mut self, service: &CatalogService) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let mut is_open = true;
        let mut has_wrong_path = false;
        for tag in &service.tags {
            match tags::read(tag) {
                None => {}
                Some(Err(why)) if settings::protects(tag) => {
                    self.problem(service, &format!("it is left out for its tag {tag:?}"), why);
                    is_open = false;
                }
                Some(Err(why)) if tag.starts_with("external-path-") => {
                    self.problem(
                        service,
                        &format!("its host names are left out for its tag {tag:?}"),
                        why,
                    );
                    has_wrong_path = true;
                }
                Some(Err(why)) => self.problem(service, &format!("tag {tag:?} is left out"), why),
                Some(Ok(Wish::Listen(_, port))) if !is_for(&service.name, port) => {}
                Some(Ok(wish)) => wishes.push(wish),
            }
        }
        if !is_open || !self.serves(&wishes) {
            return Vec::new();
        }
        if !wishes.is_empty() && !names::is_name(&service.name) {
            let why = "its name must be 1 to 100 of the characters A-Z a-z 0-9 _ . : -";
            self.problem(service, "it is left out", why);
            return Vec::new();
        }
        if has_wrong_path {
            // Without its path it would take the whole host name.
            wishes.retain(|wish| !matches!(wish, Wish::Host(_) | Wish::Path(_)));
        }
        let wishes = self.without_plain_twins(service, wishes);
        self.in_one_mode(service, wishes)
    }

    /// Whether this load balancer is for a service with these groups.
    fn serves(&self, wishes: &[Wish]) -> bool {
        let groups = &self.site.services.groups;
        let is_ours = |wish: &Wish| matches!(wish, Wish::Group(name) if groups.contains(name));
        groups.is_empty() || wishes.iter().any(is_ours)
    }

    /// The wishes without ports that are asked for with TLS, too: passwords must not travel in plain text by mistake.
    fn without_plain_twins(
        &mut self,
        service: &CatalogService,
        mut wishes: Vec<Wish>,
    ) -> Vec<Wish> {
        let encrypted = wishes.iter().filter_map(|wish| match wish {
            Wish::Listen(listener, port) if listener.has_tls => Some(*port),
            _ => None,
        });
        let encrypted: BTreeSet<_> = encrypted.collect();
        let is_twin = |wish: &Wish| {
            matches!(wish, Wish::Listen(Listener { side: Side::External, has_tls: false, .. }, port)
                if encrypted.contains(port))
        };
        let before = wishes.len();
        wishes.retain(|wish| !is_twin(wish));
        if wishes.len() < before {
            self.problem(
                service,
                "an external port has TLS only",
                "tags ask for it with and without",
            );
        }
        wishes
    }

    /// The wishes without those of the other mode.
    fn in_one_mode(&mut self, service: &CatalogService, mut wishes: Vec<Wish>) -> Vec<Wish> {
        let is_tcp = |wish: &Wish| matches!(wish, Wish::Listen(it, _) if it.mode == Mode::Tcp);
        let has_host = wishes.iter().any(|wish| matches!(wish, Wish::Host(_)));
        let is_http = |wish: &Wish| matches!(wish, Wish::Listen(it, _) if it.mode == Mode::Http);
        let has_http = has_host || wishes.iter().any(is_http);
        let before = wishes.len();
        wishes.retain(|wish| !(has_http && is_tcp(wish)));
        if wishes.len() < before {
            self.problem(
                service,
                "its TCP ports are left out",
                "a service has one mode, and tags ask for HTTP too",
            );
        }
        if !has_http && wishes.iter().any(is_tcp) {
            return self.without_http(service, wishes);
        }
        if !has_host && wishes.iter().any(|wish| matches!(wish, Wish::Path(_))) {
            self.problem(service, "its paths are left out", "a path is below a host name");
        }
        wishes
    }

    /// The wishes that also make sense in TCP mode; none when what keeps people out does not.
    fn without_http(&mut self, service: &CatalogService, mut wishes: Vec<Wish>) -> Vec<Wish> {
        let needs_http = |wish: &Wish| match wish {
            Wish::Set(setting) => setting.needs_http(),
            wish => matches!(wish, Wish::Path(_)),
        };
        let protects =
            |wish: &Wish| matches!(wish, Wish::Set(it) if it.protects() && it.needs_http());
        let why = "they need HTTP, and the service is in TCP mode";
        if wishes.iter().any(protects) {
            self.problem(service, "it is left out for its users", why);
            return Vec::new();
        }
        let before = wishes.len();
        wishes.retain(|wish| !needs_http(wish));
        if wishes.len() < before {
            self.problem(service, "tags are left out", why);
        }
        wishes
    }

    fn add(&mut self, environment: &Environment, service: &CatalogService, wishes: &[Wish]) {
        let mut route = Route::new(environment, service, wishes);
        let owner = format!("{}:{}", environment.name, service.name);
        for wish in wishes {
            match wish {
                Wish::Balance(algorithm) => route.balance = algorithm,
                Wish::Set(setting) => route.settings.set(setting),
                Wish::Listen(listener, port) => {
                    let port = self.claim_port(environment, service, &owner, (*listener, *port));
                    route.ports_of(*listener).extend(port);
                }
                Wish::Host(host) => {
                    let paths = &route.paths;
                    let host = self.claim_host(environment, service, (&owner, host), paths);
                    route.hosts.extend(host);
                }
                // Read before: where it is served, and by the servers.
                Wish::Path(_) | Wish::Group(_) | Wish::Weight(_) => {}
            }
        }
        if route.is_reached() {
            self.table.routes.push(route);
        }
    }

    fn claim_port(
        &mut self,
        environment: &Environment,
        service: &CatalogService,
        owner: &str,
        (listener, port): (Listener, u16),
    ) -> Option<u16> {
        let text = format!("{}{port}", environment.port_prefix);
        let which = if listener.side == Side::External { "external port" } else { "port" };
        let what = format!("{which} {text} of {} is left out", environment.name);
        let Ok(port) = text.parse() else {
            self.problem(service, &what, "ports end at 65535");
            return None;
        };
        if listener.has_tls && !self.site.external.has_certificate() {
            self.problem(service, &what, "there is no certificate");
            return None;
        }
        match claim(&mut self.ports, (listener.side, port), owner) {
            None => Some(port),
            Some(other) => {
                self.problem(service, &what, &format!("it belongs to {other}"));
                None
            }
        }
    }

    fn claim_host(
        &mut self,
        environment: &Environment,
        service: &CatalogService,
        (owner, host): (&str, &str),
        paths: &BTreeSet<String>,
    ) -> Option<String> {
        let host = format!("{}{host}", environment.host_prefix);
        let why = match names::host(&host) {
            None => "that is no host name".to_owned(),
            Some(host) => match self.claim_paths(&host, paths, owner) {
                None => return Some(host),
                Some(other) => format!("it belongs to {other}"),
            },
        };
        self.problem(service, &format!("host {host} of {} is left out", environment.name), &why);
        None
    }

    /// Gives all paths below a host name to who asks, or none of them: half a service would be a surprise.
    fn claim_paths(&mut self, host: &str, paths: &BTreeSet<String>, owner: &str) -> Option<String> {
        let whole = BTreeSet::from([String::new()]);
        let paths = if paths.is_empty() { &whole } else { paths };
        let keys = || paths.iter().map(|path| (host.to_owned(), path.clone()));
        let other = keys().find_map(|key| self.hosts.get(&key).filter(|other| *other != owner));
        if other.is_none() {
            self.hosts.extend(keys().map(|key| (key, owner.to_owned())));
            return None;
        }
        other.cloned()
    }
}

/// The paths that are asked for; none when everything is.
fn paths(wishes: &[Wish]) -> BTreeSet<String> {
    let paths = wishes.iter().filter_map(|wish| match wish {
        Wish::Path(path) => Some(path.clone()),
        _ => None,
    });
    let paths: BTreeSet<_> = paths.collect();
    // Below the root is everything.
    if paths.contains("/") { BTreeSet::new() } else { paths }
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
