//! Looks against answers.

use proptest::prelude::*;

use super::*;
use crate::data::answer::{Check, Service};

fn source(text: &str) -> Dependency {
    Dependency::Instances(Instances::parse(text).unwrap())
}

/// Node, id, service, index of the service, and its checks by their ids and indexes.
type Row<'a> = (&'a str, &'a str, &'a str, u64, &'a [(&'a str, u64)]);

/// Checks with the name of the service that they were given, and their indexes.
type Own = BTreeMap<String, (String, u64)>;

/// A catalog: instances, the checks of nodes, and addresses of nodes.
#[derive(Clone, Debug, Default)]
struct Catalog {
    index: u64,
    nodes: BTreeMap<String, (String, BTreeMap<String, u64>)>,
    /// By node and id: name, index, checks.
    instances: BTreeMap<(String, String), (String, u64, Own)>,
}

impl Catalog {
    fn of(rows: &[Row<'_>]) -> Self {
        let mut catalog = Self { index: 10, ..Self::default() };
        for (node, id, service, index, checks) in rows {
            catalog.nodes.entry((*node).to_owned()).or_default();
            let check = |(id, at): &(&str, u64)| ((*id).to_owned(), ((*service).to_owned(), *at));
            let checks = checks.iter().map(check).collect();
            let at = ((*node).to_owned(), (*id).to_owned());
            catalog.instances.insert(at, ((*service).to_owned(), *index, checks));
        }
        catalog
    }

    fn address(name: &str, address: &str) -> Node {
        Node { node: name.to_owned(), address: address.to_owned(), ..Node::default() }
    }

    /// As `health/service` answers.
    fn read(&self, source: &Dependency) -> Content {
        let Dependency::Instances(wanted) = source else { panic!() };
        let mut entries = Vec::new();
        for ((node, id), (service, modify_index, checks)) in &self.instances {
            if service.to_lowercase() != wanted.name.to_lowercase() {
                continue;
            }
            let (address, of_node) = &self.nodes[node];
            let check = |(check, at): (&String, &u64), service_id: &str| Check {
                check_id: check.clone(),
                service_id: service_id.to_owned(),
                modify_index: *at,
                ..Check::default()
            };
            let own = checks.iter().map(|(name, (_, at))| check((name, at), id));
            let all = of_node.iter().map(|it| check(it, "")).chain(own);
            entries.push(ServiceEntry {
                node: Self::address(node, address),
                service: Service {
                    id: id.clone(),
                    service: service.clone(),
                    modify_index: *modify_index,
                    ..Service::default()
                },
                checks: Some(all.collect()),
            });
        }
        Content::new(Index::new(self.index), &entries)
    }

    fn nodes(&self) -> Look {
        let nodes: Vec<_> =
            self.nodes.iter().map(|(name, of)| Self::address(name, &of.0)).collect();
        Look::nodes(&nodes)
    }

    fn checks(&self, node: &str) -> Look {
        let of_node = self.nodes.get(node).into_iter().flat_map(|it| &it.1);
        let mut checks: Vec<_> = of_node
            .map(|(name, at)| NodeCheck {
                check_id: name.clone(),
                modify_index: *at,
                ..NodeCheck::default()
            })
            .collect();
        for ((_, id), (.., own)) in self.instances.iter().filter(|it| it.0.0 == node) {
            checks.extend(own.iter().map(|(name, (service, at))| NodeCheck {
                check_id: name.clone(),
                service_id: id.clone(),
                service_name: service.clone(),
                modify_index: *at,
            }));
        }
        Look::checks(node, checks)
    }

    fn services(&self, node: &str) -> Look {
        let on = self.instances.iter().filter(|it| it.0.0 == node);
        let service = |((_, id), (service, at, _)): (&(String, String), &(String, u64, _))| {
            NodeService { id: id.clone(), service: service.clone(), modify_index: *at }
        };
        Look::services(node, on.map(service))
    }

    fn looks(&self) -> Vec<Look> {
        let each = self.nodes.keys().flat_map(|it| [self.checks(it), self.services(it)]);
        each.chain([self.nodes()]).collect()
    }
}

fn shown(catalog: &Catalog, sources: &[&str]) -> Shown {
    let mut shown = Shown::default();
    for it in sources {
        shown.insert(&source(it), catalog.read(&source(it)));
    }
    shown
}

fn names(shown: &Shown, look: &Look) -> Vec<String> {
    let mut differing = shown.differing(look);
    for source in shown.answers.keys() {
        assert_eq!(shown.differs(source, look), differing.contains(source), "{source}");
    }
    differing.sort();
    let name = |it: Dependency| match it {
        Dependency::Instances(it) => it.name,
        other => panic!("{other}"),
    };
    differing.into_iter().map(name).collect()
}

const START: [Row<'_>; 4] = [
    ("n1", "a", "web", 1, &[("c", 1)]),
    ("n1", "b", "db", 2, &[]),
    ("n2", "a", "Web", 3, &[("c", 3), ("d", 4)]),
    ("n2", "z", "other", 5, &[("c", 5)]),
];

fn at(node: &str, id: &str) -> (String, String) {
    (node.to_owned(), id.to_owned())
}

fn own(name: &str, index: u64) -> Own {
    [("c".to_owned(), (name.to_owned(), index))].into()
}

/// What changes; the services that the checks, the services and the nodes tell of.
type Change = (&'static str, fn(&mut Catalog), &'static str, &'static str, &'static str);

const CHANGES: [Change; 10] = [
    ("nothing", |_| {}, "", "", ""),
    ("a port", |it| it.instances.get_mut(&at("n1", "b")).unwrap().1 = 11, "", "db", ""),
    (
        "a check",
        |it| it.instances.get_mut(&at("n2", "a")).unwrap().2 = own("Web", 11),
        "WEB web",
        "",
        "",
    ),
    (
        "a node's check",
        |it| it.nodes.get_mut("n1").unwrap().1 = [("alive".to_owned(), 11)].into(),
        "WEB db web",
        "",
        "",
    ),
    (
        "a new instance",
        |it| drop(it.instances.insert(at("n1", "x"), ("none".to_owned(), 11, own("none", 11)))),
        "none",
        "none",
        "",
    ),
    ("one that goes", |it| drop(it.instances.remove(&at("n1", "a"))), "WEB web", "WEB web", ""),
    (
        "another service under the same id, whose check keeps its name",
        |it| drop(it.instances.insert(at("n2", "a"), ("db".to_owned(), 11, own("Web", 3)))),
        "WEB web",
        "WEB db web",
        "",
    ),
    ("what nobody wants", |it| it.instances.get_mut(&at("n2", "z")).unwrap().1 = 11, "", "", ""),
    (
        "an address",
        |it| it.nodes.get_mut("n1").unwrap().0 = "10.0.0.9".to_owned(),
        "",
        "",
        "WEB db web",
    ),
    ("a node that goes", |it| drop(it.nodes.remove("n2")), "", "", "WEB web"),
];

#[test]
fn each_look_tells_what_it_can() {
    let before = shown(&Catalog::of(&START), &["web|any", "WEB|any", "db|any", "none|any"]);
    for (what, change, by_checks, by_services, by_nodes) in CHANGES {
        let mut now = Catalog::of(&START);
        change(&mut now);
        let told = |looks: &[Look]| {
            let names = looks.iter().flat_map(|look| names(&before, look));
            Vec::from_iter(names.collect::<BTreeSet<_>>()).join(" ")
        };
        let on = |look: fn(&Catalog, &str) -> Look| ["n1", "n2"].map(|node| look(&now, node));
        assert_eq!(told(&on(Catalog::checks)), by_checks, "{what}: checks");
        assert_eq!(told(&on(Catalog::services)), by_services, "{what}: services");
        assert_eq!(told(&[now.nodes()]), by_nodes, "{what}: nodes");
    }
}

#[test]
fn a_check_that_kept_an_old_name_is_no_reason_to_read_for_ever() {
    let mut catalog = Catalog::of(&[("n1", "a", "web", 1, &[("c", 1)])]);
    let of = catalog.instances.values_mut().next().unwrap();
    of.0 = "db".to_owned();
    let shown = shown(&catalog, &["web|any", "db|any"]);
    for look in catalog.looks() {
        assert!(names(&shown, &look).is_empty());
    }
}

#[test]
fn nothing_stays_of_answers_that_are_gone() {
    let mut shown = shown(&Catalog::of(&START), &["web|any", "db|any"]);
    shown.insert(&source("web|any"), Catalog::default().read(&source("web|any")));
    assert_eq!(shown.on.len(), 1);
    shown.retain(|_| false);
    assert!(shown.answers.is_empty() && shown.named.is_empty() && shown.on.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Register { node: usize, id: usize, name: usize, has_check: bool },
    Deregister { node: usize, id: usize },
    Check { node: usize, id: usize },
    OfNode { node: usize },
    Lose { node: usize },
    Move { node: usize },
    Read { name: usize },
    Look { node: usize, is_of_checks: bool },
    Nodes,
}

fn step() -> impl Strategy<Value = Step> {
    let (node, id, name) = (0..3_usize, 0..3_usize, 0..3_usize);
    prop_oneof![
        4 => (node.clone(), id.clone(), name.clone(), any::<bool>())
            .prop_map(|(node, id, name, has_check)| Step::Register { node, id, name, has_check }),
        3 => (node.clone(), id.clone()).prop_map(|(node, id)| Step::Deregister { node, id }),
        2 => (node.clone(), id).prop_map(|(node, id)| Step::Check { node, id }),
        1 => node.clone().prop_map(|node| Step::OfNode { node }),
        1 => node.clone().prop_map(|node| Step::Lose { node }),
        1 => node.clone().prop_map(|node| Step::Move { node }),
        4 => name.prop_map(|name| Step::Read { name }),
        4 => (node, any::<bool>())
            .prop_map(|(node, is_of_checks)| Step::Look { node, is_of_checks }),
        1 => Just(Step::Nodes),
    ]
}

const NAMES: [&str; 3] = ["web", "db", "Web"];

impl Catalog {
    fn make(&mut self, step: &Step) {
        self.index += 1;
        let index = self.index;
        let at = |node: usize, id: usize| (format!("n{node}"), format!("i{id}"));
        match *step {
            Step::Register { node, id, name, has_check } => {
                let (node, id) = at(node, id);
                self.nodes.entry(node.clone()).or_default();
                let name = NAMES[name].to_owned();
                let of = self.instances.entry((node, id)).or_default();
                if has_check {
                    of.2.insert("c".to_owned(), (name.clone(), index));
                }
                (of.0, of.1) = (name, index);
            }
            Step::Deregister { node, id } => drop(self.instances.remove(&at(node, id))),
            Step::Check { node, id } => {
                if let Some((name, _, checks)) = self.instances.get_mut(&at(node, id)) {
                    checks.insert("c".to_owned(), (name.clone(), index));
                }
            }
            Step::OfNode { node } => {
                if let Some(of) = self.nodes.get_mut(&format!("n{node}")) {
                    of.1.insert("alive".to_owned(), index);
                }
            }
            Step::Move { node } => {
                if let Some(of) = self.nodes.get_mut(&format!("n{node}")) {
                    of.0 = index.to_string();
                }
            }
            Step::Lose { node } => {
                let node = format!("n{node}");
                self.nodes.remove(&node);
                self.instances.retain(|at, _| at.0 != node);
            }
            Step::Read { .. } | Step::Look { .. } | Step::Nodes => {}
        }
    }
}

proptest! {
    /// However changes, reads and looks follow each other: once all is looked at and what differs is read, all is known.
    #[test]
    fn looks_and_reads_end_with_what_is_there(steps in prop::collection::vec(step(), 0..60)) {
        let mut catalog = Catalog::default();
        let sources = NAMES.map(|name| source(&format!("{name}|any")));
        let mut known = Shown::default();
        for source in &sources {
            known.insert(source, catalog.read(source));
        }
        let read = |known: &mut Shown, catalog: &Catalog, look: &Look| {
            for source in known.differing(look) {
                known.insert(&source, catalog.read(&source));
            }
        };
        for step in &steps {
            catalog.make(step);
            match *step {
                Step::Read { name } => known.insert(&sources[name], catalog.read(&sources[name])),
                Step::Look { node, is_of_checks: true } => {
                    read(&mut known, &catalog, &catalog.checks(&format!("n{node}")));
                }
                Step::Look { node, is_of_checks: false } => {
                    read(&mut known, &catalog, &catalog.services(&format!("n{node}")));
                }
                Step::Nodes => read(&mut known, &catalog, &catalog.nodes()),
                _ => {}
            }
        }
        for look in catalog.looks() {
            read(&mut known, &catalog, &look);
        }
        for source in &sources {
            let mut on = BTreeMap::new();
            for node in catalog.nodes.keys() {
                if let Some(of) = known.on.get(node.as_str()).and_then(|on| on.get(source)) {
                    on.insert(node.clone(), of);
                }
            }
            let want = catalog.read(source).on;
            prop_assert_eq!(on, want.iter().map(|(node, of)| (node.clone(), of)).collect());
        }
        // And then nothing is read again.
        for look in catalog.looks() {
            prop_assert!(known.differing(&look).is_empty(), "{:?}", look);
        }
    }
}
