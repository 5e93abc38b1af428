//! What the restart protocol leaves in a real Consul, and what it finds there.

#![cfg(test)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use consul::kv::Condition;
use consul::{Client, Config, Query, Token};
use svc_wrapper::restart::intent::{Document, Phase, Record};

#[expect(dead_code, reason = "others need more of it")]
#[path = "../consul/fixture.rs"]
mod fixture;
#[expect(dead_code, reason = "others need more of it")]
#[path = "../consul/wrapped.rs"]
mod wrapped;

use fixture::{Marathon, block_on};
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;
use wrapped::Wrapped;

const PREFIX: &str = "app/production/web";
const FOLDER: &str = "svc-wrapper/v1/app/production/web";

/// An app of one instance that was started with `A=1`.
struct Stage {
    consul: DevAgent,
    marathon: Marathon,
    wrapped: Wrapped,
}

impl Stage {
    fn set(key: &str, value: &str) -> Self {
        let consul = block_on(DevAgent::start()).unwrap();
        let marathon = Marathon::start(&format!("/{PREFIX}"));
        put(consul.client(), &format!("{PREFIX}/A"), "1");
        if !key.is_empty() {
            put(consul.client(), &format!("{FOLDER}/{key}"), value);
        }
        let arguments =
            ["--settle", "100ms", &marathon.address, &consul.api(), PREFIX, "sleep", "600"];
        let variables =
            [("MARATHON_APP_VERSION", Marathon::FIRST), ("MESOS_TASK_ID", "web.instance-1")];
        let mut wrapped = Wrapped::start(&arguments, &variables);
        wrapped.says("Configuration read");
        Self { consul, marathon, wrapped }
    }

    fn change(&self) {
        put(self.consul.client(), &format!("{PREFIX}/A"), "2");
    }

    fn record(&self) -> Record {
        let key = format!("{FOLDER}/state");
        let pair = block_on(self.consul.client().kv_get(&key, &Query::default())).unwrap().value;
        match Document::read(&pair.unwrap().value) {
            Document::Record(record) => *record,
            other => panic!("{other:?}"),
        }
    }
}

fn put(client: &Client, key: &str, value: impl Into<Vec<u8>>) {
    assert!(block_on(client.kv_put(key, value.into(), Condition::Always)).unwrap());
}

/// What a holder of the lock left that is gone since long.
fn left(phase: &str, pre: &str, not_before: &str) -> String {
    format!(
        r#"{{"v":1,"seq":4,"phase":"{phase}","target":"v1:0","pre":"{pre}","by":"web.instance-0",
            "at":"2026-01-01T00:00:00Z","attempts":1,"not_before":"{not_before}","colour":"blue"}}"#
    )
}

#[test]
fn writes_down_what_it_did() {
    let mut stage = Stage::set("", "");
    stage.change();
    stage.wrapped.says("Intent written");
    stage.wrapped.says("Marathon replaces this task");
    assert_eq!(stage.marathon.posts(), 1);
    let record = stage.record();
    assert_eq!((record.seq, record.phase, record.attempts), (1, Phase::Posted, 1));
    assert_eq!(record.pre.to_string(), Marathon::FIRST);
    assert!(record.version > Some(record.pre), "{record:?}");
    assert_eq!((record.deployment.as_deref(), record.by.as_str()), (Some("d"), "web.instance-1"));
    assert_eq!(record.window.moments().len(), 1);
    assert_eq!(record.not_before.since(record.at), Duration::from_secs(30));
}

#[test]
fn goes_on_where_a_holder_died() {
    for (name, pre, seq, attempts) in [
        ("before its request had an effect", Marathon::FIRST, 5, 2),
        ("after it", "2026-11-20T00:00:00.000Z", 5, 1),
    ] {
        let mut stage = Stage::set("state", &left("intent", pre, "2026-01-01T00:00:30Z"));
        stage.change();
        stage.wrapped.says("Marathon replaces this task");
        assert_eq!(stage.marathon.posts(), 1, "{name}");
        let record = stage.record();
        assert_eq!((record.seq, record.attempts, record.phase), (seq, attempts, Phase::Posted));
    }
}

#[test]
fn writes_over_what_nobody_can_read_but_not_over_what_is_of_a_later_program() {
    for (document, kept) in [("nonsense", false), (r#"{"v":2,"phase":"dreamt"}"#, true)] {
        let mut stage = Stage::set("state", document);
        stage.change();
        stage.wrapped.says("Marathon replaces this task");
        assert_eq!(stage.marathon.posts(), 1);
        let key = format!("{FOLDER}/state");
        let pair = block_on(stage.consul.client().kv_get(&key, &Query::default())).unwrap().value;
        assert_eq!(pair.unwrap().value == document.as_bytes(), kept, "{document}");
    }
}

#[test]
fn operators_pause_and_resume_restarts() {
    let mut stage = Stage::set("hold", "release freeze");
    stage.change();
    assert!(stage.wrapped.says("operators paused").contains("release freeze"));
    assert_eq!(stage.marathon.posts(), 0);
    block_on(stage.consul.client().kv_delete_tree(&format!("{FOLDER}/hold"))).unwrap();
    stage.wrapped.says("Marathon replaces this task");
    assert_eq!(stage.marathon.posts(), 1);
}

#[test]
fn waits_after_a_restart_that_was_just_now() {
    let left = left("posted", "2026-11-20T00:00:00.000Z", "9999-01-01T00:00:00Z");
    let mut stage = Stage::set("state", &left);
    stage.change();
    // However wrong the clock was that wrote it.
    assert!(stage.wrapped.says("the last one was just now").contains("3600"));
    assert_eq!(stage.marathon.posts(), 0);
}

/// Asks Consul for what its client in this repository has no use for.
fn raw(consul: &DevAgent, token: &str, path: &str, body: &str) {
    let address = consul.api();
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let head = format!("PUT {path} HTTP/1.0\r\nX-Consul-Token: {token}");
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{path}: {answer}");
}

#[test]
fn asks_without_the_lock_where_it_may_not_lock() {
    const ROOT: &str = "9e0f1a52-4c5e-4b0e-9d7a-3a7c1d2b4e55";
    const READER: &str = "1f0d3f0e-61d5-4f3c-8f5d-2a35a0a9a111";
    // Consul 1.11 renamed `master`, and still knows the old name.
    let settings = format!(
        "acl {{ enabled = true, default_policy = \"deny\", tokens {{ master = \"{ROOT}\", agent = \"{ROOT}\" }} }}"
    );
    let access = Config { token: Some(Token::from(ROOT.to_owned())), ..Config::default() };
    let consul = block_on(DevAgent::start_with(&[&settings], access)).unwrap();
    let policy = r#"{"Name":"reader","Rules":"key_prefix \"app/\" { policy = \"read\" }"}"#;
    raw(&consul, ROOT, "/v1/acl/policy", policy);
    let token = format!(r#"{{"SecretID":"{READER}","Policies":[{{"Name":"reader"}}]}}"#);
    raw(&consul, ROOT, "/v1/acl/token", &token);

    let marathon = Marathon::start(&format!("/{PREFIX}"));
    put(consul.client(), &format!("{PREFIX}/A"), "1");
    let arguments = ["--settle", "100ms", &marathon.address, &consul.api(), PREFIX, "sleep", "600"];
    let variables = [("MARATHON_APP_VERSION", Marathon::FIRST), ("CONSUL_HTTP_TOKEN", READER)];
    let mut instances = [(); 3].map(|()| Wrapped::start(&arguments, &variables));
    for instance in &mut instances {
        instance.says("Configuration read");
    }
    put(consul.client(), &format!("{PREFIX}/A"), "2");
    for instance in &mut instances {
        instance.says("No right to lock");
        instance.says("Marathon replaces this task");
    }
    assert!((1..=3).contains(&marathon.posts()), "{}", marathon.posts());
}

#[test]
fn signals_the_command_instead() {
    let consul = block_on(DevAgent::start()).unwrap();
    let key = format!("{PREFIX}/A");
    put(consul.client(), &key, "1");
    let script = "trap 'echo told; exit 3' USR1; echo listening >&2; while :; do sleep 0.05; done";
    let way = ["--restart", "signal", "--restart-signal", "USR1", "--settle", "100ms"];
    let place = ["--consul", &consul.api(), "--prefix", PREFIX, "sh", "-c", script];
    let mut wrapped = Wrapped::start(&[&way[..], &place[..]].concat(), &[]);
    wrapped.says("listening");
    put(consul.client(), &key, "2");
    let ended = wrapped.ends();
    assert_eq!((ended.status.code(), ended.output.as_slice()), (Some(3), &b"told\n"[..]));
}

#[test]
fn leaves_for_another_scheduler_under_the_lock() {
    let consul = block_on(DevAgent::start()).unwrap();
    let key = format!("{PREFIX}/A");
    put(consul.client(), &key, "1");
    let way = ["--restart", "exit", "--settle", "100ms"];
    let place = ["--consul", &consul.api(), "--prefix", PREFIX, "sleep", "600"];
    let start = || Wrapped::start(&[&way[..], &place[..]].concat(), &[]);
    let mut wrapped = [start(), start()];
    for wrapped in &mut wrapped {
        wrapped.says("Configuration read");
    }
    put(consul.client(), &key, "2");
    let lock = format!("{FOLDER}/lock");
    let is_held = async || {
        let pair = consul.client().kv_get(&lock, &Query::default()).await;
        let pair = pair.map_err(|error| error.to_string())?.value;
        pair.map(|_| ()).ok_or_else(|| "no lock".to_owned())
    };
    block_on(eventually("a lock", Duration::from_mins(1), is_held));
    for wrapped in wrapped {
        let ended = wrapped.ends();
        assert_eq!(ended.status.code(), Some(75), "{}", ended.log);
        assert!(ended.log.contains("Ending the command, to be started again"), "{}", ended.log);
    }
}
