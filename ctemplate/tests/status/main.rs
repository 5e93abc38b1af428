//! What the program tells of itself, asked over HTTP as others ask it, and seen in a real browser.

#![cfg(test)]

#[path = "../consul/fixture.rs"]
#[expect(dead_code, reason = "the tests beside Consul use the rest")]
mod fixture;

mod browser;

use std::fs;
use std::time::Duration;

use integration::http;
use integration::rig::eventually::eventually;
use rustix::process::Signal;
use serde_json::Value;

use fixture::{Consul, Program};

/// How long anything may take; it takes a moment unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program that serves its status.
struct Watched {
    program: Program,
    address: String,
}

impl Watched {
    /// Starts a program, at an address where nobody else is.
    async fn start(mut program: Program, consul: &str, args: &[&str]) -> Self {
        program.start(consul, &[&["-status", "127.0.0.1:0"], args].concat());
        program.says("Serving the status address=").await;
        let log = program.read("stderr").unwrap();
        let (_, rest) = log.split_once("Serving the status address=").unwrap();
        let address = rest.split_whitespace().next().unwrap().to_owned();
        Self { program, address }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A page, with its status.
    async fn page(&self, path: &str) -> (u16, String) {
        let response = http::get(&self.url(path)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.page(path).await.1).unwrap()
    }

    /// Waits until something in the JSON of a page is as it should be.
    async fn shows(&self, path: &str, pointer: &str, want: impl Into<Value>) {
        let want = want.into();
        eventually(&format!("{path}#{pointer} is {want}"), PATIENCE, async || {
            let page = self.json(path).await;
            let found = page.pointer(pointer);
            if found == Some(&want) { Ok(()) } else { Err(page.to_string()) }
        })
        .await;
    }

    /// Waits until a page says something.
    async fn says(&self, path: &str, words: &str) {
        eventually(&format!("{path} says {words}"), PATIENCE, async || {
            let (_, page) = self.page(path).await;
            if page.contains(words) { Ok(()) } else { Err(page) }
        })
        .await;
    }

    /// The value of a metric, by its name and labels.
    async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.page("/metrics").await;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
    }
}

/// A folder with the shipped templates.
fn shipped() -> Program {
    let program = Program::new(&[]);
    let templates = integration::rig::component::workspace().join("templates");
    fs::create_dir(program.path("partials")).unwrap();
    for folder in ["", "partials"] {
        for file in fs::read_dir(templates.join(folder)).unwrap().map(Result::unwrap) {
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), program.path(folder).join(file.file_name())).unwrap();
            }
        }
    }
    program
}

#[tokio::test]
async fn the_status_follows_what_happens() {
    let consul = Consul::start().await;
    let tags = ["production", "internal-listen-http-3000"];
    consul.register_with("web", &tags, "10.0.0.1", 31000).await;
    consul.register_with("web", &tags, "10.0.0.2", 31001).await;
    // The port belongs to another service.
    consul.register_with("zebra", &tags, "10.0.0.3", 31000).await;
    let program = shipped();
    fs::write(program.path("key.hbs"), "{{key \"a\"}}").unwrap();
    let args = ["-template", "internal.cfg.hbs:out:cat out > copy", "-template", "key.hbs:key.out"];
    let watched = Watched::start(program, &consul.address(), &args).await;
    watched.program.says("File written").await;
    watched.shows("/status", "/commands/0/succeeded", 1).await;
    let key = "key.hbs: waits for kv.get(a)";
    assert_eq!(watched.page("/health").await, (200, "alive\n".to_owned()));
    assert_eq!(watched.page("/ready").await, (503, format!("{key}\n")));
    assert_eq!(watched.page("/nonsense").await.0, 404);
    watched.says("/", key).await;
    watched.says("/", "service &quot;zebra&quot;: port 3000 of production is left out: it belongs to production:web").await;
    consul.put("a", "1").await;
    watched.shows("/status", "/ready", true).await;
    assert_eq!(watched.page("/ready").await, (200, "ready\n".to_owned()));
    watched.shows("/routes", "/0/backend", "cluster_production:web").await;
    watched.shows("/routes", "/0/servers/1/address", "10.0.0.2:31001").await;
    let servers = &watched.json("/routes").await[0]["servers"];
    assert_eq!(servers.as_array().unwrap().len(), 2);
    assert!(servers[0]["seconds"].is_f64() && servers[0]["state"] == "passing", "{servers}");
    let writes = "ctemplate_writes_total{template=\"internal.cfg.hbs\",file=\"out\"}";
    let requests = watched.metric("ctemplate_requests_total").await;
    let before = watched.metric(writes).await;
    consul.register_with("web", &tags, "10.0.0.4", 31002).await;
    watched.shows("/routes", "/0/servers/2/address", "10.0.0.4:31002").await;
    watched.shows("/status", "/commands/0/succeeded", 2).await;
    assert!(watched.metric(writes).await > before);
    assert!(watched.metric("ctemplate_requests_total").await > requests);
    assert!(watched.metric("ctemplate_connections").await >= 2.0);
    assert!(watched.metric("ctemplate_watches{way=\"direct\"}").await >= 3.0);
}

#[tokio::test]
async fn what_fails_shows_as_such() {
    let mut consul = Consul::start().await;
    consul.put("a", "1").await;
    let broken = "{{#if (eq (key \"a\") \"bad\")}}{{parseInt \"<b>\"}}{{/if}}{{key \"a\"}}";
    let program = Program::new(&[("t.hbs", broken)]);
    let watched = Watched::start(program, &consul.address(), &["-template", "t.hbs:out"]).await;
    watched.shows("/status", "/templates/0/state", "installed").await;
    consul.put("a", "bad").await;
    watched.shows("/status", "/templates/0/state", "failed").await;
    // The last good file is there.
    assert_eq!(watched.page("/ready").await.0, 200);
    let (_, page) = watched.page("/").await;
    assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
    assert!(watched.metric("ctemplate_templates{state=\"failed\"}").await > 0.0);
    // Counts outlive the configuration.
    let failures =
        watched.metric("ctemplate_failures_total{template=\"t.hbs\",file=\"out\"}").await;
    assert!(failures > 0.0);
    watched.program.signal(Signal::HUP);
    watched.program.says("Configuration read again").await;
    watched.shows("/status", "/templates/0/state", "failed").await;
    let again = watched.metric("ctemplate_failures_total{template=\"t.hbs\",file=\"out\"}").await;
    assert!(again > failures, "{again}");
    assert_eq!(watched.page("/ready").await.0, 200);
    consul.stop();
    watched.shows("/status", "/consul/failing", 1).await;
    watched.shows("/status", "/consul/failing_dependencies/0/dependency", "kv.get(a)").await;
    assert!(watched.metric("ctemplate_stale_seconds").await > 0.0);
    watched.says("/", "1 without an answer").await;
    consul.start_again().await;
    consul.put("a", "2").await;
    watched.shows("/status", "/templates/0/state", "installed").await;
    watched.shows("/status", "/consul/failing", 0).await;
    watched.shows("/status", "/templates/0/error", Value::Null).await;
    assert!(watched.metric("ctemplate_stale_seconds").await <= 0.0);
}

#[tokio::test]
async fn the_child_shows_with_its_restarts() {
    let child =
        "exec { command = [\"sh\", \"child.sh\"] kill_signal = \"SIGTERM\" splay = \"1ms\" }";
    let template = "template { source = \"t.hbs\" destination = \"out\" }";
    let program = Program::new(&[
        ("t.hbs", "{{file \"data\"}}"),
        ("data", "1"),
        ("child.sh", "echo $$ > pid; while :; do sleep 0.02; done"),
        ("config.hcl", &format!("{template} {child}")),
    ]);
    let watched = Watched::start(program, "127.0.0.1:1", &["-config", "config.hcl"]).await;
    watched.shows("/status", "/child/restarts", 0).await;
    let first = watched.json("/status").await["child"].clone();
    assert_eq!((&first["command"], &first["state"]), (&"sh child.sh".into(), &"running".into()));
    watched.program.becomes("pid", &format!("{}\n", first["pid"])).await;
    fs::write(watched.program.path("data"), "2").unwrap();
    watched.shows("/status", "/child/restarts", 1).await;
    let again = watched.json("/status").await["child"].clone();
    assert_ne!(again["pid"], first["pid"]);
    watched.program.becomes("pid", &format!("{}\n", again["pid"])).await;
    watched.says("/", &format!("process {}, started", again["pid"])).await;
    assert!((1.0..2.0).contains(&watched.metric("ctemplate_child_restarts_total").await));
    // It is gone when nobody wants it any more.
    fs::write(watched.program.path("config.hcl"), template).unwrap();
    watched.program.signal(Signal::HUP);
    watched.shows("/status", "/child", Value::Null).await;
}

#[tokio::test]
async fn who_asks_consul_for_all_instances_shows() {
    let consul = Consul::start().await;
    consul.put("a", "1").await;
    let instance = async || {
        let configuration = "deduplicate { enabled = true prefix = \"shared/\" } \
            template { source = \"t.ctmpl\" destination = \"out\" }";
        let files = [("t.ctmpl", "{{ key \"a\" }}"), ("config.hcl", configuration)];
        let args = ["-config", "config.hcl"];
        Watched::start(Program::new(&files), &consul.address(), &args).await
    };
    let role = "/templates/0/deduplicate/role";
    let mut leader = instance().await;
    leader.shows("/status", role, "leading").await;
    let follower = instance().await;
    follower.shows("/status", role, "following").await;
    let (leads, follows) = (leader.json("/status").await, follower.json("/status").await);
    let [leads, follows] = [&leads, &follows].map(|status| &status["templates"][0]["deduplicate"]);
    for field in ["folder", "leader", "leader_session"] {
        assert_eq!(leads[field], follows[field], "{field}");
    }
    let name = leads["leader"].as_str().unwrap();
    assert!(name.starts_with(&format!("process {} on ", leader.program.pid())), "{name}");
    follower.says("/", &format!("follows {name}, which asks Consul")).await;
    leader.program.signal(Signal::TERM);
    assert_eq!(leader.program.exit_code().await, Some(0));
    follower.shows("/status", role, "leading").await;
    let labels = "template=\"t.ctmpl\",file=\"out\",role=\"leading\"";
    let metric = format!("ctemplate_deduplicate_role{{{labels}}}");
    assert!(follower.metric(&metric).await > 0.0);
}

#[tokio::test]
async fn an_address_that_is_taken_ends_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut program = Program::new(&[("t.hbs", "x")]);
    program.start("127.0.0.1:1", &["-template", "t.hbs:out", "-status", &address]);
    assert_eq!(program.exit_code().await, Some(14));
    program.says(&format!("error: --status {address}: ")).await;
}
