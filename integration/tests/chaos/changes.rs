//! Random changes to a small world: few names, so that they meet each other.

use std::time::Duration;

use integration::http;
use integration::rig::eventually::eventually;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value as Json, json};

const INSTANCES: u32 = 4;
const NODES: u32 = 5;
const KEYS: u32 = 5;
const TAGS: [&str; 4] = ["production", "staging", "blue", "green"];
/// How long Consul may be without a leader.
const PATIENCE: Duration = Duration::from_mins(1);
const STATES: [&str; 3] = ["passing", "warning", "critical"];

/// What can be changed.
#[derive(Debug)]
pub(crate) struct World {
    http: reqwest::Client,
    url: String,
    services: u32,
    /// The registrations that Consul has: what a change of health or tags begins with.
    registered: Vec<Json>,
}

impl World {
    /// Of so many services, in the Consul at this address.
    pub(crate) fn new(api: &str, services: u32) -> Self {
        let url = format!("http://{api}/v1/");
        Self { http: http::client().unwrap(), url, services, registered: Vec::new() }
    }

    /// Consul has lost everything.
    pub(crate) fn forget(&mut self) {
        self.registered.clear();
    }

    /// Makes one change.
    pub(crate) async fn change(&mut self, random: &mut StdRng) {
        match random.random_range(0..100) {
            0..40 => self.register(random).await,
            40..60 => self.flip(random).await,
            60..72 => self.tag(random).await,
            72..84 => self.deregister(random).await,
            84..87 => self.lose_a_node(random).await,
            87..96 => self.put_a_key(random).await,
            _ => {
                let key = format!("kv/chaos/k{}", random.random_range(0..KEYS));
                self.delete(&key).await;
            }
        }
    }

    async fn register(&mut self, random: &mut StdRng) {
        let service = format!("app-{}", random.random_range(0..self.services));
        let id = format!("{service}-{}", random.random_range(0..INSTANCES));
        let host = random.random_range(0..NODES);
        let node = format!("host-{host}");
        let registration = json!({
            "Node": node,
            "Address": format!("10.0.0.{}", host + 1),
            "Service": {
                "ID": id,
                "Service": service,
                "Address": format!("10.1.0.{}", random.random_range(1..250)),
                "Port": random.random_range(1000..60000),
                "Tags": some_tags(random),
            },
            "Check": check(&node, &id, random),
        });
        self.put_registration(registration).await;
    }

    async fn flip(&mut self, random: &mut StdRng) {
        let Some(mut registration) = self.any(random) else { return };
        let (node, id) = names(&registration);
        registration["Check"] = check(&node, &id, random);
        self.put_registration(registration).await;
    }

    async fn tag(&mut self, random: &mut StdRng) {
        let Some(mut registration) = self.any(random) else { return };
        registration["Service"]["Tags"] = some_tags(random);
        self.put_registration(registration).await;
    }

    async fn deregister(&mut self, random: &mut StdRng) {
        let Some(registration) = self.any(random) else { return };
        let (node, id) = names(&registration);
        self.registered.retain(|other| names(other) != (node.clone(), id.clone()));
        self.put("catalog/deregister", &json!({ "Node": node, "ServiceID": id })).await;
    }

    async fn lose_a_node(&mut self, random: &mut StdRng) {
        let node = format!("host-{}", random.random_range(0..NODES));
        self.registered.retain(|other| names(other).0 != node);
        self.put("catalog/deregister", &json!({ "Node": node })).await;
    }

    async fn put_a_key(&self, random: &mut StdRng) {
        let key = format!("chaos/k{}", random.random_range(0..KEYS));
        let value = random.random_range(0..1000);
        self.put(&format!("kv/{key}"), &Json::from(value)).await;
    }

    async fn put_registration(&mut self, registration: Json) {
        self.registered.retain(|other| names(other) != names(&registration));
        self.put("catalog/register", &registration).await;
        self.registered.push(registration);
    }

    fn any(&self, random: &mut StdRng) -> Option<Json> {
        let count = self.registered.len();
        (count > 0).then(|| self.registered[random.random_range(0..count)].clone())
    }

    async fn put(&self, path: &str, body: &Json) {
        self.send(self.http.put(format!("{}{path}", self.url)).json(body)).await;
    }

    async fn delete(&self, path: &str) {
        self.send(self.http.delete(format!("{}{path}", self.url))).await;
    }

    /// Until Consul takes it: it may have no leader just now, or not run. Whatever is said twice changes nothing.
    async fn send(&self, request: reqwest::RequestBuilder) {
        eventually("a change", PATIENCE, async || {
            let answer = request.try_clone().unwrap().send().await;
            let answer = answer.map_err(|error| format!("{error:?}"))?;
            let status = answer.status();
            let said = answer.text().await.unwrap_or_default();
            assert!(status.is_success() || status.is_server_error(), "{status}: {said}");
            status.is_success().then_some(()).ok_or(said)
        })
        .await;
    }
}

fn check(node: &str, id: &str, random: &mut StdRng) -> Json {
    let status = STATES[random.random_range(0..STATES.len())];
    let check = format!("service:{id}");
    json!({ "Node": node, "CheckID": check, "Name": "alive", "Status": status, "ServiceID": id })
}

fn some_tags(random: &mut StdRng) -> Json {
    TAGS.into_iter().filter(|_| random.random_bool(0.5)).collect::<Vec<_>>().into()
}

/// The node and the id of a registration.
fn names(registration: &Json) -> (String, String) {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    (text(&registration["Node"]), text(&registration["Service"]["ID"]))
}
