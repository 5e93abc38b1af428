//! Configuration from a real Consul, and restarts asked of a Marathon that only counts.

#![cfg(test)]

use std::time::Duration;

use consul::Client;
use consul::kv::Condition;

mod fixture;
mod wrapped;

use fixture::{Marathon, block_on};
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;
use wrapped::Wrapped;

const PREFIX: &str = "app/production/web";

fn put(client: &Client, key: &str, value: impl Into<Vec<u8>>) {
    assert!(block_on(client.kv_put(key, value.into(), Condition::Always)).unwrap());
}

#[test]
fn starts_when_consul_does() {
    let mut consul = DevAgent::reserve().unwrap();
    let arguments = ["--consul", &consul.api(), "--prefix", PREFIX, "sh", "-c", "echo started"];
    let mut wrapped = Wrapped::start(&arguments, &[]);
    wrapped.says("Consul cannot be read");
    block_on(consul.start_again()).unwrap();
    assert_eq!(wrapped.output(), b"started\n");
}

#[test]
fn no_value_is_ever_logged() {
    let consul = block_on(DevAgent::start()).unwrap();
    put(consul.client(), &format!("{PREFIX}/TOKEN"), "s3cr3t");
    put(consul.client(), &format!("{PREFIX}/a-b"), "s3cr3t");
    let arguments = ["-l", "trace", "--consul", &consul.api(), "--prefix", PREFIX, "true"];
    let log = Wrapped::start(&arguments, &[("CONSUL_HTTP_TOKEN", "")]).ends().log;
    assert!(log.contains("TOKEN") && log.contains("a-b") && !log.contains("s3cr3t"), "{log}");
    // Base64 is how Consul's answers carry it.
    assert!(!log.contains("czNjcjN0"), "{log}");
}

#[test]
fn one_change_is_one_restart_and_no_change_is_none() {
    let consul = block_on(DevAgent::start()).unwrap();
    let marathon = Marathon::start(&format!("/{PREFIX}"));
    let key = format!("{PREFIX}/A");
    put(consul.client(), &key, "1");
    let arguments = ["--settle", "100ms", &marathon.address, &consul.api(), PREFIX, "sleep", "600"];
    let variables = [("MARATHON_APP_VERSION", Marathon::FIRST)];
    let mut instances: Vec<Wrapped> =
        (0..4).map(|_| Wrapped::start(&arguments, &variables)).collect();
    for instance in &mut instances {
        instance.says("Configuration read");
    }

    // The same value, a neighbour, and keys that are no variables, the last of which shows that all of it was seen.
    put(consul.client(), &key, "1");
    put(consul.client(), "app/production/web2/A", "x");
    put(consul.client(), &format!("{PREFIX}/not-a-name"), "x");
    for instance in &mut instances {
        instance.says("not-a-name");
    }
    assert_eq!(marathon.requests(), [""; 0]);

    put(consul.client(), &key, "2");
    for instance in &mut instances {
        instance.says("~A");
        instance.says("Marathon replaces this task");
    }
    assert_eq!(marathon.posts(), 1);
    // The lock goes with the session that held it.
    let lock = "svc-wrapper/v1/app/production/web/lock";
    let is_gone = async || {
        let key = consul.client().kv_get(lock, &consul::Query::default()).await;
        let key = key.map_err(|error| error.to_string())?.value;
        key.map_or(Ok(()), |key| Err(format!("{key:?}")))
    };
    block_on(eventually("the lock to be gone", Duration::from_mins(1), is_gone));
}

#[test]
fn a_consul_that_lost_everything_restarts_nothing() {
    let mut consul = block_on(DevAgent::start()).unwrap();
    let marathon = Marathon::start(&format!("/{PREFIX}"));
    let key = format!("{PREFIX}/A");
    for value in ["3", "2", "1"] {
        put(consul.client(), &key, value);
    }
    let arguments = ["--settle", "0", &marathon.address, &consul.api(), PREFIX, "sleep", "600"];
    let mut wrapped = Wrapped::start(&arguments, &[]);
    wrapped.says("Configuration read");
    consul.stop();
    wrapped.says("Consul cannot be read");
    block_on(consul.start_again()).unwrap();
    wrapped.says("cannot be trusted");
    put(consul.client(), &key, "1");
    wrapped.says("Configuration is as this task has it");
    assert_eq!(marathon.requests(), [""; 0]);
}

#[test]
fn a_configuration_that_vanishes_restarts_nothing() {
    let consul = block_on(DevAgent::start()).unwrap();
    let marathon = Marathon::start(&format!("/{PREFIX}"));
    put(consul.client(), &format!("{PREFIX}/A"), "1");
    let arguments = ["--settle", "0", &marathon.address, &consul.api(), PREFIX, "sleep", "600"];
    let mut wrapped = Wrapped::start(&arguments, &[]);
    wrapped.says("Configuration read");
    block_on(consul.client().kv_delete_tree(&format!("{PREFIX}/"))).unwrap();
    assert!(wrapped.says("cannot be trusted").contains("Empty"));
    put(consul.client(), &format!("{PREFIX}/A"), "1");
    wrapped.says("Configuration is as this task has it");
    assert_eq!(marathon.requests(), [""; 0]);
}
