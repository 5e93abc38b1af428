//! The watcher beside a real Consul: whichever way it watches, it ends up with what direct queries say.
//!
//! `program` is the program itself, where it is about connections. `silence` is without a real Consul.

#![cfg(test)]

mod program;
mod silence;

use std::collections::BTreeSet;
use std::time::Duration;

use consul::kv::Condition;
use consul::{Client, Query};
use ctemplate::data::Data;
use ctemplate::dependency::{Dependency, Instances, KeyPath};
use ctemplate::store::Store;
use ctemplate::watch::{Reading, Statistics, Update, Watcher};
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually_true;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_mins(1);
const SERVICES: u64 = 40;
const ROUNDS: usize = 16;

/// Numbers that look random and are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A Consul whose catalog changes at random.
struct World {
    agent: DevAgent,
    nodes: u64,
    random: Random,
}

impl World {
    async fn put(&self, path: &str, body: &str) {
        let mut stream = TcpStream::connect(self.agent.api()).await.unwrap();
        let length = body.len();
        let head = format!(
            "PUT /v1/{path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Length: {length}"
        );
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path} {body}: {answer}");
    }

    async fn register(&mut self, service: u64) {
        let (node, port) = (self.random.below(self.nodes), self.random.below(2));
        let tag = ["Blue", "green", "blue"][usize::try_from(self.random.below(3)).unwrap()];
        let known = ["passing", "warning", "critical"];
        let status = known[usize::try_from(self.random.below(3)).unwrap()];
        let id = format!("s{service}:{port}");
        let check = format!(
            r#","Check":{{"Node":"n{node}","CheckID":"c:{id}","ServiceID":"{id}","Status":"{status}"}}"#
        );
        let check = if self.random.below(4) == 0 { String::new() } else { check };
        // Often all is as it was but this.
        let port = port + 10 * self.random.below(3);
        self.put("catalog/register", &format!(
            r#"{{"Node":"n{node}","Address":"10.0.0.{node}","Service":{{"ID":"{id}","Service":"s{service}","Tags":["{tag}"],"Port":{port}}}{check}}}"#
        )).await;
    }

    /// Changes services only, and not what concerns a whole node or the keys.
    async fn change_a_service(&mut self) {
        let service = self.random.below(SERVICES);
        if self.random.below(3) > 0 {
            return self.register(service).await;
        }
        let (node, port) = (self.random.below(self.nodes), self.random.below(2));
        let body = format!(r#"{{"Node":"n{node}","ServiceID":"s{service}:{port}"}}"#);
        self.put("catalog/deregister", &body).await;
    }

    async fn change(&mut self) {
        let node = self.random.below(self.nodes);
        match self.random.below(9) {
            0 => self.put("catalog/deregister", &format!(r#"{{"Node":"n{node}"}}"#)).await,
            1 => {
                // The node's own check counts for every instance on it.
                let status =
                    ["passing", "critical"][usize::try_from(self.random.below(2)).unwrap()];
                let check =
                    format!(r#"{{"Node":"n{node}","CheckID":"alive","Status":"{status}"}}"#);
                let body =
                    format!(r#"{{"Node":"n{node}","Address":"10.0.0.{node}","Check":{check}}}"#);
                self.put("catalog/register", &body).await;
            }
            2 => {
                let value = self.random.below(100).to_string();
                assert!(
                    self.agent
                        .client()
                        .kv_put("k", value.as_str(), Condition::Always)
                        .await
                        .unwrap()
                );
            }
            3 => {
                let (address, rack) = (self.random.below(2), self.random.below(2));
                self.put("catalog/register", &format!(
                    r#"{{"Node":"n{node}","Address":"10.0.{address}.{node}","NodeMeta":{{"rack":"{rack}"}}}}"#
                )).await;
            }
            _ => self.change_a_service().await,
        }
    }

    /// Different ones each time, variants of the same service, and services in other letters.
    fn wanted(&mut self) -> BTreeSet<Dependency> {
        let mut wanted = BTreeSet::from([
            Dependency::services("").unwrap(),
            Dependency::Key(KeyPath::parse("kv.get", "k").unwrap()),
        ]);
        for service in 0..SERVICES {
            for variant in ["blue.s#", "S#|any", "BLUE.s#|warning,critical", "s#"] {
                if self.random.below(5) > 0 {
                    let text = variant.replace('#', &service.to_string());
                    wanted.insert(Dependency::Instances(Instances::parse(&text).unwrap()));
                }
            }
        }
        wanted
    }
}

/// What Consul itself says, filtered by Consul itself.
async fn truth(client: &Client, dependency: &Dependency) -> Data {
    let query = Query::default();
    match dependency {
        Dependency::Instances(wanted) => {
            let instances = consul::health::Instances {
                service: &wanted.name,
                tag: wanted.tag.as_deref(),
                passing: wanted.only_passing(),
                ..consul::health::Instances::default()
            };
            Data::instances(wanted, client.instances_as(&instances, &query).await.unwrap().value)
        }
        Dependency::Services { .. } => Data::services(client.services(&query).await.unwrap().value),
        Dependency::Key(key) => Data::key(client.kv_get(&key.path, &query).await.unwrap().value),
        other => panic!("{other}"),
    }
}

struct Observer {
    watcher: Watcher,
    updates: mpsc::Receiver<Update>,
    store: Store,
}

impl Observer {
    fn new(client: Client, max_connections: usize) -> Self {
        let (sender, updates) = mpsc::channel(64);
        let reading = Reading {
            wait: Duration::from_mins(1),
            max_stale: Duration::from_secs(2),
            backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(1),
            max_connections,
        };
        Self { watcher: Watcher::new(client, reading, sender), updates, store: Store::default() }
    }

    fn watch(&mut self, wanted: &BTreeSet<Dependency>) {
        for unwanted in self.watcher.watch(wanted) {
            self.store.forget(&unwanted);
        }
    }

    fn take(&mut self) {
        while let Ok(update) = self.updates.try_recv() {
            if self.watcher.is_watching(&update.dependency) {
                self.store.insert(update.dependency, update.result.unwrap());
            }
        }
    }

    /// Waits until the store says what Consul says.
    async fn knows(&mut self, client: &Client, wanted: &BTreeSet<Dependency>) {
        let mut truths = Vec::new();
        for dependency in wanted {
            truths.push((dependency, truth(client, dependency).await));
        }
        eventually_true("everything is known", PATIENCE, async || {
            self.take();
            let known = |it| self.store.recall(it).map(|known| known.data());
            truths.iter().all(|(it, data)| known(it) == Some(data))
        })
        .await;
    }
}

/// Changes the catalog and what is wanted, and waits until the store says what Consul says.
async fn follows(nodes: u64, max_connections: usize, is_planned: impl Fn(Statistics) -> bool) {
    let agent = DevAgent::start().await.unwrap();
    let client = agent.client().clone();
    let mut world = World { agent, nodes, random: Random(0x2545_f491_4f6c_dd1d) };
    for service in 0..SERVICES {
        world.register(service).await;
    }
    let mut observer = Observer::new(client.clone(), max_connections);
    for round in 0..ROUNDS {
        let wanted = world.wanted();
        observer.watch(&wanted);
        // In every other round nothing happens that would be a reason to read everything.
        let is_wild = round % 2 == 0;
        for _ in 0..10 {
            if is_wild {
                world.change().await;
            } else {
                world.change_a_service().await;
            }
            observer.take();
        }
        observer.knows(&client, &wanted).await;
        let statistics = observer.watcher.statistics();
        assert!(statistics.connections <= max_connections, "{statistics:?}");
    }
    eventually_true("the plan is the expected one", PATIENCE, async || {
        is_planned(observer.watcher.statistics())
    })
    .await;
    eventually_true("all is read", PATIENCE, async || {
        let statistics = observer.watcher.statistics();
        assert_eq!(statistics.unread > 0, statistics.unread_since.is_some(), "{statistics:?}");
        statistics.unread == 0
    })
    .await;
    let traffic = observer.watcher.statistics().traffic;
    assert!(traffic.requests >= traffic.answers && traffic.answers > 0, "{traffic:?}");
}

#[tokio::test]
async fn follows_with_a_query_for_each_service() {
    follows(3, 100, |it| (it.on_signals, it.signals) == (0, 0)).await;
}

#[tokio::test]
async fn follows_by_signals_of_each_node() {
    follows(3, 24, |it| it.on_signals > 0 && it.signals == 9).await;
}

#[tokio::test]
async fn follows_by_signals_of_the_whole_catalog() {
    follows(3, 5, |it| it.on_signals > 0 && it.signals == 3).await;
}

#[tokio::test]
async fn follows_by_signals_of_each_node_on_checks_and_looks_at_its_services() {
    follows(16, 40, |it| it.on_signals > 0 && it.signals == 30).await;
}

#[tokio::test]
async fn follows_by_signals_of_some_nodes_and_looks_at_the_others() {
    follows(24, 24, |it| it.on_signals > 0 && it.signals == 16).await;
}

const MANY: u64 = 40;

fn registration(n: u64, port: u64, tag: &str, check: &str) -> String {
    let node = n % 16;
    format!(
        r#"{{"Node":"n{node}","Address":"10.0.0.{node}","Service":{{"ID":"s{n}","Service":"s{n}","Tags":["{tag}"],"Port":{port}}}{check}}}"#
    )
}

fn check(n: u64, status: &str, output: &str) -> String {
    let node = n % 16;
    format!(
        r#","Check":{{"Node":"n{node}","CheckID":"c{n}","ServiceID":"s{n}","Status":"{status}","Output":"{output}"}}"#
    )
}

fn of_node(node: u64, more: &str) -> String {
    format!(r#"{{"Node":"n{node}","Address":"10.0.0.{node}"{more}}}"#)
}

/// What it is, where it is sent, and what is sent.
fn kinds_of_change() -> Vec<(&'static str, &'static str, String)> {
    let (register, deregister) = ("catalog/register", "catalog/deregister");
    let alive = r#","Check":{"Node":"n4","CheckID":"alive","Status":"critical"}"#;
    vec![
        ("a port", register, registration(13, 81, "", "")),
        ("a port beside a check", register, registration(12, 81, "", "")),
        ("a tag", register, registration(23, 80, "blue", "")),
        ("a state", register, registration(2, 80, "", &check(2, "critical", ""))),
        ("what a check said", register, registration(22, 80, "", &check(22, "passing", "x"))),
        ("maintenance of a node", register, of_node(4, alive)),
        ("its end", deregister, r#"{"Node":"n4","CheckID":"alive"}"#.to_owned()),
        ("an address of a node", register, of_node(5, "").replace("10.0.0", "10.9.9")),
        ("metadata of a node", register, of_node(9, r#","NodeMeta":{"rack":"r"}"#)),
        ("a service without checks", register, registration(MANY, 80, "", "")),
        ("its end", deregister, of_node(MANY % 16, r#","ServiceID":"s40""#)),
        ("a lost node", deregister, r#"{"Node":"n11"}"#.to_owned()),
        ("a node that returns", register, registration(11, 80, "", "")),
    ]
}

/// One after the other, and nothing else: whatever tells of it has to tell of it by itself.
#[tokio::test]
async fn sees_each_kind_of_change_in_each_way() {
    let agent = DevAgent::start().await.unwrap();
    let client = agent.client().clone();
    let world = World { agent, nodes: 16, random: Random(1) };
    for n in 0..MANY {
        let check = if n % 2 == 0 { check(n, "passing", "") } else { String::new() };
        world.put("catalog/register", &registration(n, 80, "", &check)).await;
    }
    let service = |n| Instances::parse(&format!("s{n}|any")).unwrap();
    let wanted: BTreeSet<_> = (0..=MANY).map(|n| Dependency::Instances(service(n))).collect();
    let mut observers = [100, 40, 24, 5].map(|most| Observer::new(client.clone(), most));
    for observer in &mut observers {
        observer.watch(&wanted);
        observer.knows(&client, &wanted).await;
    }
    for (what, path, body) in kinds_of_change() {
        world.put(path, &body).await;
        for observer in &mut observers {
            observer.knows(&client, &wanted).await;
            let statistics = observer.watcher.statistics();
            assert!(statistics.connections <= statistics.budget, "{what}: {statistics:?}");
        }
    }
}

#[tokio::test]
async fn reads_what_no_signal_tells_of_by_the_clock() {
    let agent = DevAgent::start().await.unwrap();
    let keys: Vec<_> = (0..20).map(|n| format!("k{n}")).collect();
    let key = |name: &String| Dependency::Key(KeyPath::parse("kv.get", name).unwrap());
    let wanted: BTreeSet<_> = keys.iter().map(key).collect();
    let mut observer = Observer::new(agent.client().clone(), 8);
    observer.watch(&wanted);
    for value in ["a", "b"] {
        for name in &keys {
            assert!(agent.client().kv_put(name, value, Condition::Always).await.unwrap());
        }
        let want = Data::key(agent.client().kv_get("k0", &Query::default()).await.unwrap().value);
        eventually_true(&format!("every key is {value}"), PATIENCE, async || {
            observer.take();
            let known = |it| observer.store.recall(it).map(|known| known.data().clone());
            wanted.iter().all(|it| known(it).as_ref() == Some(&want))
        })
        .await;
    }
    let statistics = observer.watcher.statistics();
    assert!(statistics.on_signals > 10 && statistics.connections <= 8, "{statistics:?}");
}

#[tokio::test]
async fn every_service_has_its_turn_while_changes_go_on() {
    const SERVICES: u64 = 200;
    let agent = DevAgent::start().await.unwrap();
    let client = agent.client().clone();
    let mut world = World { agent, nodes: 3, random: Random(1) };
    for service in 0..SERVICES {
        world.register(service).await;
    }
    let service = |n| Instances::parse(&format!("s{n}|any")).unwrap();
    let wanted: BTreeSet<_> = (0..SERVICES).map(|n| Dependency::Instances(service(n))).collect();
    // So few connections that each change is a reason to read everything.
    let mut observer = Observer::new(client, 4);
    observer.watch(&wanted);
    eventually_true("all services are known", PATIENCE, async || {
        world.register(0).await;
        observer.take();
        wanted.iter().all(|it| observer.store.recall(it).is_some())
    })
    .await;
}
