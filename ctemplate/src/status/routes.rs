//! Which service is reached where, with its servers: the table behind the routes of HAProxy (pure).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde::Serialize;

use super::snapshot::Snapshot;
use super::view::since;
use crate::data::{Data, Instance};
use crate::dependency::{Dependency, Instances, Scope};
use crate::haproxy::routes::{self, Route};
use crate::haproxy::servers;
use crate::haproxy::tags::Mode;
use crate::store::Store;

/// A route, and who serves it.
#[derive(Clone, Debug, Serialize)]
pub struct RouteView {
    environment: String,
    service: String,
    mode: Mode,
    frontend: String,
    ports: BTreeSet<u16>,
    external_ports: BTreeSet<u16>,
    external_tls_ports: BTreeSet<u16>,
    hosts: BTreeSet<String>,
    paths: BTreeSet<String>,
    backend: String,
    balance: String,
    pub(super) servers: Vec<ServerView>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ServerView {
    name: String,
    address: String,
    weight: u32,
    /// Of its checks in Consul.
    state: String,
    /// How long it has been in that state, as far as we know: not from before we started.
    seconds: Option<f64>,
}

/// The first routes, in the order of environments and names, and how many there are.
pub fn routes(snapshot: &Snapshot, limit: usize, now: Instant) -> (Vec<RouteView>, usize) {
    let catalog = snapshot.store.recall(&Dependency::Services { scope: Scope::default() });
    let Some(Data::Services(services)) = catalog.map(|known| known.data()) else {
        return (Vec::new(), 0);
    };
    let instances = by_service(&snapshot.store);
    let tables = snapshot.sites.iter().map(|site| routes::table(services, site).routes);
    let routes: Vec<_> = tables.flatten().collect();
    let count = routes.len();
    let views = routes.into_iter().take(limit).map(|route| view(route, &instances, snapshot, now));
    (views.collect(), count)
}

/// What the templates asked for of a service: its instances, all or some.
type Answers<'a> = BTreeMap<&'a str, Vec<(&'a Dependency, &'a Instances, &'a [Instance])>>;

fn by_service(store: &Store) -> Answers<'_> {
    let mut answers = Answers::new();
    for (dependency, data) in store.iter() {
        if let (Dependency::Instances(wanted), Data::Instances(instances)) = (dependency, data)
            && !wanted.connect
            && wanted.scope == Scope::default()
        {
            answers.entry(&wanted.name).or_default().push((dependency, wanted, instances));
        }
    }
    answers
}

fn view(route: Route, answers: &Answers<'_>, snapshot: &Snapshot, now: Instant) -> RouteView {
    let mut servers = BTreeMap::new();
    for (dependency, wanted, instances) in answers.get(route.name.as_str()).into_iter().flatten() {
        let is_environment = |tag: &String| tag.eq_ignore_ascii_case(&route.environment);
        if !wanted.tag.as_ref().is_none_or(is_environment) {
            continue;
        }
        for instance in instances.iter().filter(|it| it.tags.iter().any(is_environment)) {
            let (found, _) = servers::servers(&route.name, std::slice::from_ref(instance));
            let Some(server) = found.into_iter().next() else { continue };
            let at = snapshot.ages.since(dependency, instance);
            servers.entry(server.name.clone()).or_insert_with(|| ServerView {
                name: server.name,
                address: server.address,
                weight: server.weight,
                state: instance.status.clone(),
                seconds: at.map(|at| since(at, now)),
            });
        }
    }
    RouteView {
        environment: route.environment,
        service: route.name,
        mode: route.mode,
        frontend: route.frontend,
        ports: route.ports,
        external_ports: route.external_ports,
        external_tls_ports: route.external_tls_ports,
        hosts: route.hosts,
        paths: route.paths,
        backend: route.backend,
        balance: route.balance.to_owned(),
        servers: servers.into_values().collect(),
    }
}
