//! What the last answers about services showed, node by node (pure), and which of them show something else than is there now.
//!
//! Looks at nodes are compared with what was read, never with other looks. So whatever an answer shows and a look does not,
//! or the other way round, is read again, in whichever order they were made; what came and went between two looks is no
//! exception, should an answer have caught it. Of everything only numbers are kept: Consul gives whatever it holds the index
//! of its last change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use consul::Index;
use serde::Deserialize;

use super::source::lower;
use crate::data::answer::{Node, ServiceEntry};
use crate::dependency::{Dependency, Instances};

/// What Consul says of nodes.
#[derive(Debug)]
pub(super) enum Look {
    /// These are there.
    Nodes(BTreeMap<String, u64>),
    /// A node's checks.
    Checks(String, Checks),
    /// A node's services: their names in small letters.
    Services(String, BTreeMap<String, u64>),
}

/// The checks of a node and of what runs on it.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// Those of the node itself.
    of_node: u64,
    /// Those of an instance.
    of_instance: HashMap<u64, u64>,
    /// The instances that have some, by the names of their services in small letters.
    instances: BTreeMap<String, BTreeMap<u64, u64>>,
}

/// A check of a node.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NodeCheck {
    #[serde(rename = "CheckID")]
    check_id: String,
    #[serde(rename = "ServiceID")]
    service_id: String,
    service_name: String,
    modify_index: u64,
}

/// An instance on a node.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NodeService {
    #[serde(rename = "ID")]
    id: String,
    service: String,
    modify_index: u64,
}

/// What an answer about a service showed.
#[derive(Debug, Default)]
pub(super) struct Content {
    index: Option<Index>,
    on: BTreeMap<String, OnNode>,
}

/// What an answer showed of a node.
#[derive(Debug, Default, PartialEq, Eq)]
struct OnNode {
    /// The service's name in small letters.
    name: String,
    node: u64,
    services: u64,
    checks: u64,
    /// The instances.
    ids: Vec<u64>,
}

/// An answer that is there.
#[derive(Debug)]
struct Answered {
    index: Option<Index>,
    nodes: Vec<Arc<str>>,
}

/// What the last answers showed.
#[derive(Debug, Default)]
pub(super) struct Shown {
    answers: BTreeMap<Arc<Dependency>, Answered>,
    named: BTreeMap<String, BTreeSet<Arc<Dependency>>>,
    on: BTreeMap<Arc<str>, BTreeMap<Arc<Dependency>, OnNode>>,
}

impl Look {
    /// From `catalog/nodes`.
    pub(super) fn nodes(nodes: &[Node]) -> Self {
        Self::Nodes(nodes.iter().map(|node| (node.node.clone(), of_node(node))).collect())
    }

    /// From `health/node`.
    pub(super) fn checks(node: &str, checks: Vec<NodeCheck>) -> Self {
        let mut of = Checks::default();
        for check in checks {
            let number = number(&(&check.service_id, &check.check_id, check.modify_index));
            if check.service_id.is_empty() {
                add(&mut of.of_node, number);
                continue;
            }
            let id = self::number(&check.service_id);
            add(of.of_instance.entry(id).or_default(), number);
            let instances = of.instances.entry(lower(&check.service_name).collect()).or_default();
            let newest = instances.entry(id).or_default();
            *newest = check.modify_index.max(*newest);
        }
        Self::Checks(node.to_owned(), of)
    }

    /// From `catalog/node`.
    pub(super) fn services(node: &str, services: impl Iterator<Item = NodeService>) -> Self {
        let mut named = BTreeMap::<_, u64>::new();
        for it in services {
            let sum = named.entry(lower(&it.service).collect()).or_default();
            add(sum, number(&(&it.id, it.modify_index)));
        }
        Self::Services(node.to_owned(), named)
    }
}

impl Content {
    /// Of this index.
    pub(super) fn new(index: Option<Index>, entries: &[ServiceEntry]) -> Self {
        let mut on = BTreeMap::<String, OnNode>::new();
        for ServiceEntry { node, service, checks } in entries {
            let at = on.entry(node.node.clone()).or_insert_with(|| OnNode {
                name: lower(&service.service).collect(),
                node: of_node(node),
                ..OnNode::default()
            });
            add(&mut at.services, number(&(&service.id, service.modify_index)));
            for check in checks.iter().flatten() {
                let number = number(&(&check.service_id, &check.check_id, check.modify_index));
                add(&mut at.checks, number);
            }
            at.ids.push(number(&service.id));
        }
        Self { index, on }
    }
}

impl Shown {
    /// A question was answered.
    pub(super) fn insert(&mut self, source: &Dependency, content: Content) {
        self.remove(source);
        let Dependency::Instances(wanted) = source else { return };
        let source = Arc::new(source.clone());
        self.named.entry(name(wanted)).or_default().insert(Arc::clone(&source));
        let mut nodes = Vec::with_capacity(content.on.len());
        for (node, mut of) in content.on {
            of.ids.shrink_to_fit();
            let known = self.on.get_key_value(node.as_str()).map(|(node, _)| Arc::clone(node));
            let node = known.unwrap_or_else(|| node.into());
            self.on.entry(Arc::clone(&node)).or_default().insert(Arc::clone(&source), of);
            nodes.push(node);
        }
        self.answers.insert(source, Answered { index: content.index, nodes });
    }

    /// An answer is no longer there.
    pub(super) fn remove(&mut self, source: &Dependency) {
        let Some(answered) = self.answers.remove(source) else { return };
        for node in answered.nodes {
            if let Some(of) = self.on.get_mut(&node) {
                of.remove(source);
                if of.is_empty() {
                    self.on.remove(&node);
                }
            }
        }
        if let Dependency::Instances(wanted) = source {
            let name = name(wanted);
            if let Some(sources) = self.named.get_mut(&name) {
                sources.remove(source);
                if sources.is_empty() {
                    self.named.remove(&name);
                }
            }
        }
    }

    /// Keeps only these answers.
    pub(super) fn retain(&mut self, stays: impl Fn(&Dependency) -> bool) {
        let gone: Vec<_> = self.answers.keys().filter(|it| !stays(it)).cloned().collect();
        for source in &gone {
            self.remove(source);
        }
    }

    /// Which questions have another answer than the last one, as far as a look tells.
    pub(super) fn differing(&self, look: &Look) -> Vec<Dependency> {
        let (node, names): (_, Vec<_>) = match look {
            Look::Nodes(_) => {
                let sources = self.answers.keys().filter(|it| self.differs(it, look));
                return sources.map(|it| Dependency::clone(it)).collect();
            }
            Look::Checks(node, checks) => (node, checks.instances.keys().collect()),
            Look::Services(node, services) => (node, services.keys().collect()),
        };
        let on = self.on.get(node.as_str());
        let there = on.into_iter().flatten().map(|(source, of)| (source, Some(of)));
        let sources = names.into_iter().filter_map(|name| self.named.get(name)).flatten();
        let elsewhere = sources.filter(|it| !on.is_some_and(|on| on.contains_key(*it)));
        let all = there.chain(elsewhere.map(|source| (source, None)));
        let differing = all.filter(|(source, of)| self.differs_there(source, *of, look));
        differing.map(|(source, _)| Dependency::clone(source)).collect()
    }

    /// Whether a question has another answer than the last one, as far as a look tells.
    pub(super) fn differs(&self, source: &Dependency, look: &Look) -> bool {
        let of = |node: &str| self.on.get(node).and_then(|on| on.get(source));
        match look {
            Look::Nodes(now) => {
                let mut nodes = self.answers.get(source).into_iter().flat_map(|it| &it.nodes);
                nodes.any(|node| now.get(&**node) != of(node).map(|of| &of.node))
            }
            Look::Checks(node, _) | Look::Services(node, _) => {
                self.differs_there(source, of(node), look)
            }
        }
    }

    /// The same, where it is known what the answer showed of the node.
    fn differs_there(&self, source: &Dependency, of: Option<&OnNode>, look: &Look) -> bool {
        let Dependency::Instances(wanted) = source else { return false };
        match look {
            Look::Nodes(_) => false,
            Look::Checks(_, checks) => {
                of.is_some_and(|of| checks.differ(of))
                    || match of {
                        Some(of) => self.lacks(source, &of.name, &of.ids, checks),
                        None => self.lacks(source, &name(wanted), &[], checks),
                    }
            }
            Look::Services(_, now) => match of {
                Some(of) => now.get(&of.name) != Some(&of.services),
                None => now.contains_key(&name(wanted)),
            },
        }
    }

    /// Whether an answer lacks an instance that has a check. It may have kept the name of the service that its instance had
    /// before: one that is older than the answer tells nothing.
    fn lacks(&self, source: &Dependency, name: &str, shown: &[u64], checks: &Checks) -> bool {
        let index = self.answers.get(source).and_then(|it| it.index).map_or(0, Index::get);
        let mut instances = checks.instances.get(name).into_iter().flatten();
        instances.any(|(id, newest)| *newest > index && !shown.contains(id))
    }
}

impl Checks {
    fn differ(&self, shown: &OnNode) -> bool {
        let mut sum = 0;
        for id in &shown.ids {
            add(&mut sum, self.of_node);
            add(&mut sum, self.of_instance.get(id).copied().unwrap_or_default());
        }
        sum != shown.checks
    }
}

fn name(wanted: &Instances) -> String {
    lower(&wanted.name).collect()
}

/// Not of its index: the answers about services do not carry it apart.
fn of_node(node: &Node) -> u64 {
    let Node { id, node, address, datacenter: _, tagged_addresses, meta } = node;
    // Absent and empty are the same, whichever way either answer puts it.
    let filled = |map: &Option<consul::wire::Map>| map.clone().unwrap_or_default();
    number(&(id, node, address, filled(tagged_addresses), filled(meta)))
}

fn number(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// In whatever order they come.
const fn add(sum: &mut u64, number: u64) {
    *sum = sum.wrapping_add(number);
}

#[cfg(test)]
mod tests;
