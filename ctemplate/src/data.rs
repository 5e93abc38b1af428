//! The values of dependencies, in the shape templates see them.
//!
//! Fields, orders and filters are consul-template's: templates use the same names in both languages. Sorting happens
//! here, once, when an answer arrives.
//!
//! # Layout
//!
//! - [`answer`]: Consul's answers with everything that templates can see.
//! - [`structs`]: Go's structs as values of templates. [`value`]: the values of dependencies as such.

pub mod answer;
pub mod structs;
pub mod value;

use std::collections::{BTreeMap, BTreeSet};

use consul::catalog;
use consul::connect::{CaRoot, LeafCert};
use consul::federation::{ExportedService, ImportedService, Partition, Peering};
use consul::kv::KvPair;
use consul::wire::{Map, ServiceAddress, Weights};
use serde::{Deserialize, Serialize};

use self::answer::{CatalogNode, Check, Node, Service, ServiceEntry};
use crate::dependency::{Instances, Status};

/// The value of a dependency. What instances share of it has a form for Consul's KV store, see [`crate::deduplicate`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Data {
    /// A key's value, `None` when it does not exist.
    Key(Option<String>),
    /// Keys with their values, in the order of their names.
    Keys(Vec<KeyPair>),
    /// Instances, by node and id, or by distance.
    Instances(Vec<Instance>),
    /// Services, by name.
    Services(Vec<CatalogService>),
    /// Nodes, by name and address, or by distance.
    Nodes(Vec<Node>),
    /// A node with its services by name and id.
    #[serde(skip)]
    Node(NodeServices),
    /// Names of datacenters, sorted.
    Datacenters(Vec<String>),
    /// Partitions, by name.
    Partitions(Vec<Partition>),
    /// Peers, by state, partition and name.
    #[serde(skip)]
    Peerings(Vec<Peering>),
    /// What others may use, by name.
    ExportedServices(Vec<ExportedService>),
    /// What others share with us, by name.
    ImportedServices(Vec<ImportedService>),
    /// Root certificates.
    #[serde(skip)]
    CaRoots(Vec<CaRoot>),
    /// A service's certificate.
    #[serde(skip)]
    CaLeaf(LeafCert),
    /// A file's text.
    #[serde(skip)]
    File(String),
}

/// A key with its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// The whole key.
    pub path: String,
    /// The key without the prefix that was asked for, and without slashes before it.
    pub key: String,
    /// The value; bytes that are not UTF-8 are replaced.
    pub value: String,
    /// When the key was made.
    pub create_index: u64,
    /// When it last changed.
    pub modify_index: u64,
    /// How often its lock was taken.
    pub lock_index: u64,
    /// For the application.
    pub flags: u64,
    /// The session that holds its lock.
    pub session: String,
}

/// A service of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogService {
    /// Its name.
    pub name: String,
    /// The tags of all its instances, sorted.
    pub tags: Vec<String>,
}

/// An instance of a service. Maps that Consul leaves out are `None`: encoders tell them from empty ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The node's name.
    pub node: String,
    /// The node's UUID.
    pub node_id: String,
    /// The node's address.
    pub node_address: String,
    /// The node's other addresses.
    pub node_tagged_addresses: Option<Map>,
    /// The node's metadata.
    pub node_meta: Option<Map>,
    /// The instance's metadata.
    pub service_meta: Option<Map>,
    /// The instance's address, or its node's when it has none.
    pub address: String,
    /// The instance's other addresses.
    pub service_tagged_addresses: Option<BTreeMap<String, ServiceAddress>>,
    /// The instance's id.
    pub id: String,
    /// The service's name.
    pub name: String,
    /// Sorted.
    pub tags: Vec<String>,
    /// Its checks and its node's.
    pub checks: Vec<Check>,
    /// The worst of the checks.
    pub status: String,
    /// The instance's port; Consul checks no range.
    pub port: i64,
    /// The instance's share of traffic.
    pub weights: Weights,
}

/// A node with its services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeServices {
    /// The node; `None` when Consul does not know it.
    pub node: Option<Node>,
    /// By name and id; `None` with the node.
    pub services: Option<Vec<NodeService>>,
}

/// A service of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeService {
    /// The instance's id.
    pub id: String,
    /// The service's name.
    pub service: String,
    /// Sorted.
    pub tags: Vec<String>,
    /// The instance's metadata.
    pub meta: Option<Map>,
    /// The instance's port; Consul checks no range.
    pub port: i64,
    /// The instance's address.
    pub address: String,
    /// Whether tags changed in the catalog survive.
    pub enable_tag_override: bool,
}

impl Data {
    /// A key's value.
    pub fn key(pair: Option<KvPair>) -> Self {
        Self::Key(pair.map(|pair| text(&pair.value)))
    }

    /// All keys below a prefix.
    pub fn keys(prefix: &str, pairs: Vec<KvPair>) -> Self {
        Self::Keys(pairs.into_iter().map(|pair| KeyPair::new(prefix, pair)).collect())
    }

    /// The services of the catalog.
    pub fn services(services: catalog::Services) -> Self {
        let service = |(name, tags)| CatalogService { name, tags: sorted(tags) };
        Self::Services(services.into_iter().map(service).collect())
    }

    /// The wanted ones of a service's instances.
    pub fn instances(wanted: &Instances, entries: Vec<ServiceEntry>) -> Self {
        let mut instances: Vec<_> = entries
            .into_iter()
            .filter(|entry| {
                is_wanted(
                    &wanted.statuses,
                    aggregate(entry.checks.iter().flatten().map(Check::state)),
                )
            })
            .map(Instance::new)
            .collect();
        // Ten thousand of them are kept: what decoding left room for is given back.
        instances.shrink_to_fit();
        if wanted.near.is_none() {
            instances.sort_by(|a, b| (&a.node, &a.id).cmp(&(&b.node, &b.id)));
        }
        Self::Instances(instances)
    }

    /// The nodes of the catalog.
    pub fn nodes(mut nodes: Vec<Node>, by_distance: bool) -> Self {
        if !by_distance {
            nodes.sort_by(|a, b| (&a.node, &a.address).cmp(&(&b.node, &b.address)));
        }
        Self::Nodes(nodes)
    }

    /// A node with its services.
    pub fn node(node: CatalogNode) -> Self {
        if node.node.is_none() {
            return Self::Node(NodeServices::default());
        }
        let services = node.services.unwrap_or_default();
        let mut services: Vec<_> = services.into_values().map(NodeService::new).collect();
        services.sort_by(|a, b| (&a.service, &a.id).cmp(&(&b.service, &b.id)));
        Self::Node(NodeServices { node: node.node, services: Some(services) })
    }

    /// Names of datacenters.
    pub fn datacenters(mut names: Vec<String>) -> Self {
        names.sort();
        Self::Datacenters(names)
    }

    /// Partitions.
    pub fn partitions(mut partitions: Vec<Partition>) -> Self {
        partitions.sort_by(|a, b| a.name.cmp(&b.name));
        Self::Partitions(partitions)
    }

    /// Peers.
    pub fn peerings(mut peerings: Vec<Peering>) -> Self {
        peerings.sort_by(|a, b| {
            (&a.state, &a.partition, &a.name).cmp(&(&b.state, &b.partition, &b.name))
        });
        Self::Peerings(peerings)
    }

    /// What others may use.
    pub fn exported_services(mut services: Vec<ExportedService>) -> Self {
        services.sort_by(|a, b| a.service.cmp(&b.service));
        Self::ExportedServices(services)
    }

    /// What others share with us.
    pub fn imported_services(mut services: Vec<ImportedService>) -> Self {
        services.sort_by(|a, b| a.service.cmp(&b.service));
        Self::ImportedServices(services)
    }
}

impl KeyPair {
    fn new(prefix: &str, pair: KvPair) -> Self {
        let key =
            pair.key.strip_prefix(prefix).unwrap_or(&pair.key).trim_start_matches('/').to_owned();
        Self {
            key,
            value: text(&pair.value),
            path: pair.key,
            create_index: pair.create_index,
            modify_index: pair.modify_index,
            lock_index: pair.lock_index,
            flags: pair.flags,
            session: pair.session.unwrap_or_default(),
        }
    }
}

impl Instance {
    fn new(entry: ServiceEntry) -> Self {
        let ServiceEntry { node, service, checks } = entry;
        let mut checks = checks.unwrap_or_default();
        checks.shrink_to_fit();
        let address =
            if service.address.is_empty() { node.address.clone() } else { service.address };
        Self {
            status: aggregate(checks.iter().map(Check::state))
                .map(|status| status.name().to_owned())
                .unwrap_or_default(),
            node: node.node,
            node_id: node.id,
            node_address: node.address,
            node_tagged_addresses: node.tagged_addresses,
            node_meta: node.meta,
            service_meta: service.meta,
            address,
            service_tagged_addresses: service.tagged_addresses,
            id: service.id,
            name: service.service,
            tags: sorted(service.tags.unwrap_or_default()),
            checks,
            port: service.port,
            weights: service.weights,
        }
    }
}

impl Check {
    /// Its id and its state.
    fn state(&self) -> (&str, &str) {
        (&self.check_id, &self.status)
    }
}

impl NodeService {
    fn new(service: Service) -> Self {
        Self {
            id: service.id,
            service: service.service,
            tags: sorted(service.tags.unwrap_or_default()),
            meta: service.meta,
            port: service.port,
            address: service.address,
            enable_tag_override: service.enable_tag_override,
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn sorted(mut tags: Vec<String>) -> Vec<String> {
    tags.sort();
    tags.shrink_to_fit();
    tags
}

fn is_wanted(statuses: &BTreeSet<Status>, status: Option<Status>) -> bool {
    statuses.contains(&Status::Any) || status.is_some_and(|status| statuses.contains(&status))
}

/// The state that checks make together, by their ids and states, as Consul's API library defines it; `None` when one of
/// them has a state that this program does not know.
fn aggregate<'a>(checks: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Status> {
    const NODE_MAINTENANCE: &str = "_node_maintenance";
    const SERVICE_MAINTENANCE: &str = "_service_maintenance:";
    let state = |(id, status): (&str, &str)| match status {
        _ if id == NODE_MAINTENANCE || id.starts_with(SERVICE_MAINTENANCE) => {
            Some(Status::Maintenance)
        }
        "critical" => Some(Status::Critical),
        "warning" => Some(Status::Warning),
        "passing" => Some(Status::Passing),
        _ => None,
    };
    let states: BTreeSet<_> = checks.into_iter().map(state).collect::<Option<_>>()?;
    let worst = [Status::Maintenance, Status::Critical, Status::Warning];
    let worst = worst.into_iter().find(|status| states.contains(status));
    Some(worst.unwrap_or(Status::Passing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, status: &str) -> Check {
        Check { check_id: id.to_owned(), status: status.to_owned(), ..Check::default() }
    }

    #[test]
    fn the_worst_check_decides() {
        for (checks, want) in [
            (vec![], Some(Status::Passing)),
            (vec![check("a", "passing")], Some(Status::Passing)),
            (vec![check("a", "passing"), check("b", "warning")], Some(Status::Warning)),
            (vec![check("a", "critical"), check("b", "warning")], Some(Status::Critical)),
            (vec![check("_service_maintenance:web", "critical")], Some(Status::Maintenance)),
            (vec![check("_node_maintenance", "critical")], Some(Status::Maintenance)),
            (vec![check("a", "odd")], None),
            (vec![check("a", "odd"), check("_node_maintenance", "critical")], None),
        ] {
            assert_eq!(aggregate(checks.iter().map(Check::state)), want, "{checks:?}");
        }
    }

    fn entry(node: &str, id: &str, address: &str) -> ServiceEntry {
        let node =
            Node { node: node.to_owned(), address: "10.0.0.9".to_owned(), ..Node::default() };
        let service = Service {
            id: id.to_owned(),
            address: address.to_owned(),
            tags: Some(vec!["b".into(), "a".into()]),
            ..Service::default()
        };
        ServiceEntry { node, service, checks: None }
    }

    #[test]
    fn instances_are_sorted_and_have_an_address() {
        let wanted = Instances::passing("web", None);
        let entries = vec![
            entry("n2", "web-2", "10.0.0.2"),
            entry("n1", "web-2", ""),
            entry("n1", "web-10", ""),
        ];
        let Data::Instances(instances) = Data::instances(&wanted, entries) else { panic!() };
        let seen: Vec<_> = instances
            .iter()
            .map(|i| (i.node.as_str(), i.id.as_str(), i.address.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("n1", "web-10", "10.0.0.9"),
                ("n1", "web-2", "10.0.0.9"),
                ("n2", "web-2", "10.0.0.2")
            ]
        );
        assert_eq!(instances[0].tags, ["a", "b"]);
    }

    #[test]
    fn unwanted_states_are_left_out() {
        let mut critical = entry("n1", "web", "");
        critical.checks = Some(vec![check("a", "critical")]);
        let count = |text: &str| {
            let wanted = Instances::parse(text).unwrap();
            let Data::Instances(instances) =
                Data::instances(&wanted, vec![critical.clone(), entry("n1", "b", "")])
            else {
                panic!()
            };
            instances.len()
        };
        assert_eq!(
            (count("web"), count("web|any"), count("web|critical"), count("web|warning")),
            (1, 2, 1, 0)
        );
    }

    #[test]
    fn a_prefix_is_text_and_is_cut_off() {
        let pair = |key: &str| KvPair {
            key: key.to_owned(),
            value: vec![0xff, b'x'],
            ..KvPair::default()
        };
        let Data::Keys(keys) = Data::keys("app", vec![pair("app/a/b"), pair("app2")]) else {
            panic!()
        };
        assert_eq!((keys[0].key.as_str(), keys[0].path.as_str()), ("a/b", "app/a/b"));
        assert_eq!((keys[1].key.as_str(), keys[1].value.as_str()), ("2", "\u{fffd}x"));
    }
}
