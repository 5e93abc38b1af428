//! Two instances beside one Consul: one asks, the other follows, and takes over.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::fixture::{Consul, Program, eventually};

/// How many keys the template reads, with a connection each.
const KEYS: usize = 12;
const LEADS: &str = "Asking Consul for all instances";
const FOLLOWS: &str = "Following the instance that asks Consul";

/// An instance with its template, which has not started.
fn instance(ttl: &str) -> Program {
    let template: Vec<_> = (0..KEYS).map(|n| format!("{{{{key \"app/{n}\"}}}}")).collect();
    let configuration = format!(
        "deduplicate {{ enabled = true prefix = \"shared/\" ttl = \"{ttl}\" }}
        template {{ source = \"t.ctmpl\" destination = \"out\" }}"
    );
    Program::new(&[("t.ctmpl", &template.join(" ")), ("config.hcl", &configuration)])
}

/// Gives every key a value. What the file becomes.
async fn put(consul: &Consul, last: &str) -> String {
    let mut want = Vec::new();
    for n in 0..KEYS {
        let value = if n + 1 == KEYS { last.to_owned() } else { n.to_string() };
        consul.put(&format!("app/{n}"), &value).await;
        want.push(value);
    }
    want.join(" ")
}

/// Two instances of the same template: one that leads, and the other that was started after it.
async fn pair(consul: &Consul, ttl: &str) -> (Program, Program) {
    let (mut leader, mut follower) = (instance(ttl), instance(ttl));
    let args = ["-config", "config.hcl"];
    leader.start(&consul.address(), &args);
    leader.says(LEADS).await;
    follower.start(&consul.address(), &args);
    (leader, follower)
}

/// How many connections a program has.
fn connections(program: &Program) -> usize {
    let files = fs::read_dir(format!("/proc/{}/fd", program.pid())).unwrap();
    let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    targets.filter(|target| is_socket(target)).count()
}

fn is_socket(target: &Path) -> bool {
    target.to_string_lossy().starts_with("socket:")
}

#[tokio::test]
async fn one_instance_asks_and_another_takes_over() {
    let consul = Consul::start().await;
    let want = put(&consul, "first").await;
    let (leader, follower) = pair(&consul, "10s").await;
    leader.becomes("out", &want).await;
    follower.becomes("out", &want).await;
    assert_eq!((follower.said(LEADS), follower.said(FOLLOWS)), (0, 1));
    let want = put(&consul, "second").await;
    follower.becomes("out", &want).await;
    leader.becomes("out", &want).await;
    let (many, few) = (connections(&leader), connections(&follower));
    assert!(many >= KEYS && few < KEYS / 2, "{many} and {few} connections");
    leader.signal(Signal::KILL);
    // What changes while nobody leads is not lost.
    let want = put(&consul, "third").await;
    follower.says(LEADS).await;
    follower.becomes("out", &want).await;
    let want = put(&consul, "fourth").await;
    follower.becomes("out", &want).await;
    eventually("it asks for every key", || connections(&follower) >= KEYS).await;
}

#[tokio::test]
async fn an_instance_that_ends_gives_its_lock_back() {
    let consul = Consul::start().await;
    let want = put(&consul, "first").await;
    // Nobody could wait for a session of this length to expire.
    let (mut leader, follower) = pair(&consul, "1h").await;
    follower.becomes("out", &want).await;
    leader.signal(Signal::TERM);
    assert_eq!(leader.exit_code().await, Some(0));
    follower.says(LEADS).await;
    let want = put(&consul, "second").await;
    follower.becomes("out", &want).await;
}

#[tokio::test]
async fn data_that_cannot_be_read_are_not_waited_for() {
    let consul = Consul::start().await;
    let want = put(&consul, "first").await;
    let (_leader, follower) = pair(&consul, "1h").await;
    follower.says(FOLLOWS).await;
    consul.put(&consul.find("shared/", "/data").await, "no snapshot").await;
    follower.says("No data of another instance; asking Consul").await;
    follower.becomes("out", &want).await;
    // Nor is what the leader has not got.
    let want = put(&consul, "second").await;
    follower.becomes("out", &want).await;
}
