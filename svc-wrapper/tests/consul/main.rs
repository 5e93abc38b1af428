//! Configuration from a real Consul, and restarts asked of a Marathon that only counts.

#![cfg(test)]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStringExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use consul::Client;
use consul::kv::Condition;

mod fixture;

use fixture::{Marathon, block_on};
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;

const WRAPPER: &str = env!("CARGO_BIN_EXE_svc-wrapper");
const PREFIX: &str = "app/production/web";

/// A wrapper whose log is read.
struct Wrapped {
    process: Child,
    log: BufReader<ChildStderr>,
}

impl Wrapped {
    fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut process = Command::new(WRAPPER)
            .env_clear()
            .envs(variables.iter().copied())
            .env("PATH", "/usr/bin:/bin")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process, log }
    }

    /// Reads the log up to a line with these words.
    fn says(&mut self, words: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "no '{words}' in:\n{seen}");
            if line.contains(words) {
                return line;
            }
            seen.push_str(&line);
        }
    }

    /// Standard output, once the child is over.
    fn output(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.process.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
        assert!(self.process.wait().unwrap().success());
        bytes
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        // The wrapper passes it on, so that the child ends too; killed, it would leave the child behind.
        let pid =
            rustix::process::Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        if matches!(self.process.try_wait(), Ok(None)) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            drop(self.process.wait());
        }
    }
}

fn put(client: &Client, key: &str, value: impl Into<Vec<u8>>) {
    assert!(block_on(client.kv_put(key, value.into(), Condition::Always)).unwrap());
}

/// A name, pairs below the prefix, and the child's variables.
type Row<'a> = (&'a str, Vec<(&'a str, &'a [u8])>, Vec<OsString>);

/// What a child is given for these keys below the prefix, in order and without PATH.
fn environment(consul: &DevAgent, pairs: &[(&str, &[u8])]) -> Vec<OsString> {
    for (key, value) in pairs {
        put(consul.client(), &format!("{PREFIX}/{key}"), *value);
    }
    let arguments = ["--consul", &consul.api(), "--prefix", PREFIX, "cat", "/proc/self/environ"];
    let bytes = Wrapped::start(&arguments, &[("INHERITED", "outer"), ("BOTH", "outer")]).output();
    let mut variables: Vec<OsString> = bytes
        .split(|byte| *byte == 0)
        .filter(|variable| !variable.is_empty() && !variable.starts_with(b"PATH="))
        .map(|variable| OsString::from_vec(variable.to_vec()))
        .collect();
    variables.sort();
    variables
}

#[test]
fn keys_become_variables() {
    let consul = block_on(DevAgent::start()).unwrap();
    let both = |more: &[&[u8]]| -> Vec<OsString> {
        let outer: &[&[u8]] = &[b"BOTH=outer", b"INHERITED=outer"];
        let mut variables: Vec<OsString> =
            [outer, more].concat().iter().map(|text| OsString::from_vec(text.to_vec())).collect();
        variables.sort();
        variables
    };
    put(consul.client(), "app/production/web2/NEIGHBOUR", "x");
    put(consul.client(), &format!("{PREFIX}/"), "");
    let large = vec![b'x'; 131_065];
    let too_large = vec![b'x'; 400_000];
    let large_variable = [&b"LARGE="[..], &large].concat();
    let rows: Vec<Row<'_>> = vec![
        ("none", vec![], both(&[])),
        ("plain", vec![("A", b"1")], both(&[b"A=1"])),
        ("spaces and quotes", vec![("A", b"a b  'c' \"d\"")], both(&[b"A=a b  'c' \"d\""])),
        ("no shell", vec![("A", b"$(id);`id`;$HOME")], both(&[b"A=$(id);`id`;$HOME"])),
        ("lines", vec![("A", b"one\ntwo\n")], both(&[b"A=one\ntwo\n"])),
        ("equals sign", vec![("A", b"b=c")], both(&[b"A=b=c"])),
        ("empty", vec![("A", b"")], both(&[b"A="])),
        ("not UTF-8", vec![("A", b"\xff\xfe")], both(&[b"A=\xff\xfe"])),
        (
            "the script's own",
            vec![("APP", b"x"), ("CHILD_PID", b"1")],
            both(&[b"APP=x", b"CHILD_PID=1"]),
        ),
        ("large", vec![("LARGE", &large)], both(&[&large_variable])),
        ("too large", vec![("A", b"1"), ("LARGE", &too_large)], both(&[b"A=1"])),
        ("no names", vec![("a-b", b"x"), ("1A", b"x"), ("A=B", b"x"), ("A b", b"x")], both(&[])),
        ("nested", vec![("db/URL", b"x"), ("folder/", b"")], both(&[])),
        ("NUL", vec![("A", b"a\0b")], both(&[])),
        (
            "reserved",
            vec![("LD_PRELOAD", b"x"), ("PORT0", b"1"), ("MARATHON_APP_ID", b"/y")],
            both(&[]),
        ),
    ];
    for (name, pairs, want) in rows {
        assert_eq!(environment(&consul, &pairs), want, "{name}");
        block_on(consul.client().kv_delete_tree(&format!("{PREFIX}/"))).unwrap();
    }
    let over: Vec<OsString> = ["BOTH=inner", "INHERITED=outer"].map(OsString::from).to_vec();
    assert_eq!(environment(&consul, &[("BOTH", b"inner")]), over);
}

#[test]
fn a_path_in_the_configuration_is_for_the_child_alone() {
    let consul = block_on(DevAgent::start()).unwrap();
    put(consul.client(), &format!("{PREFIX}/PATH"), "/nonexistent");
    let arguments = ["--consul", &consul.api(), "--prefix", PREFIX, "sh", "-c", "echo $PATH"];
    assert_eq!(Wrapped::start(&arguments, &[]).output(), b"/nonexistent\n");
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
    let mut wrapped = Wrapped::start(&arguments, &[("CONSUL_HTTP_TOKEN", "")]);
    let mut log = String::new();
    wrapped.log.read_to_string(&mut log).unwrap();
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
