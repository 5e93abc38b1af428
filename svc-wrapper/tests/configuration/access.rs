//! Tokens, services, and more than there is room for.

use std::fs;

use consul::agent::Registration;
use consul::{Config, Token};
use integration::rig::dev_agent::DevAgent;

use crate::fixture::{Wrapped, block_on, put};

const ROOT: &str = "9e0f1a52-4c5e-4b0e-9d7a-3a7c1d2b4e55";

#[test]
fn a_token_file_is_read_again() {
    let settings = format!(
        "acl {{ enabled = true, default_policy = \"deny\", tokens {{ initial_management = \"{ROOT}\", agent = \"{ROOT}\" }} }}"
    );
    let access = Config { token: Some(Token::from(ROOT.to_owned())), ..Config::default() };
    let consul = block_on(DevAgent::start_with(&[&settings], access)).unwrap();
    put(consul.client(), "app/x/A", "1");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let wrong = "11111111-2222-4333-8444-555555555555";
    fs::write(&path, wrong).unwrap();
    let api = consul.api();
    let file = path.to_str().unwrap();
    let arguments =
        ["--consul", &api, "--consul-token-file", file, "--prefix", "app/x", "sh", "-c", "echo $A"];
    let mut wrapped = Wrapped::start(&arguments, &[]);
    let line = wrapped.says("Consul cannot be read");
    assert!(line.contains("403") && !line.contains(wrong), "{line}");
    fs::write(&path, format!("{ROOT}\n")).unwrap();
    assert_eq!(wrapped.output(), b"1\n");

    let arguments = ["--consul", &api, "--prefix", "app/x", "sh", "-c", "echo $A"];
    for variable in [("CONSUL_HTTP_TOKEN", ROOT), ("CONSUL_HTTP_TOKEN_FILE", file)] {
        assert_eq!(Wrapped::start(&arguments, &[variable]).output(), b"1\n", "{variable:?}");
    }
    // Without one, everything looks deleted; that is no configuration to end with, but one to start with.
    assert_eq!(Wrapped::start(&arguments, &[]).output(), b"\n");
}

#[test]
fn another_datacenter_is_asked_for() {
    let consul = block_on(DevAgent::start()).unwrap();
    put(consul.client(), "app/x/A", "1");
    let api = consul.api();
    for (datacenter, want) in [("dc1", Some(0)), ("none", Some(69))] {
        let arguments = [
            "--consul",
            &api,
            "--prefix",
            "app/x",
            "--consul-datacenter",
            datacenter,
            "--start-timeout",
            "2s",
            "--on-start-failure",
            "exit",
            "true",
        ];
        let ended = Wrapped::start(&arguments, &[]).ends();
        assert_eq!(ended.status.code(), want, "{datacenter}: {}", ended.log);
    }
}

#[test]
fn a_service_becomes_five_variables_and_its_end_changes_nothing() {
    let consul = block_on(DevAgent::start()).unwrap();
    let register = |id: &str, port: u16| {
        let service = Registration {
            id: id.to_owned(),
            name: "my-db".to_owned(),
            address: "10.0.0.1".to_owned(),
            port,
            tags: ["a", "b"].map(str::to_owned).to_vec(),
            ..Registration::default()
        };
        block_on(consul.client().register(&service)).unwrap();
    };
    register("db:2", 2);
    register("db:1", 1);
    let api = consul.api();
    let options = [
        "--consul",
        &api,
        "--prefix",
        "app/x",
        "--service-query",
        "my-db",
        "--upcase",
        "--service-format-port",
        "{{service}}_the_{{key}}",
    ];
    let print =
        ["sh", "-c", "echo $MY_DB_ID $MY_DB_NAME $MY_DB_ADDRESS $MY_DB_TAG $MY_DB_THE_PORT"];
    let output = Wrapped::start(&[&options[..], &print].concat(), &[]).output();
    assert_eq!(output, b"db:1 my-db 10.0.0.1 a,b 1\n");

    let mut wrapped =
        Wrapped::start(&[&["-l", "debug"], &options[..], &["sleep", "600"]].concat(), &[]);
    wrapped.says("Configuration read");
    block_on(consul.client().deregister("db:1")).unwrap();
    let line = wrapped.says("Configuration changed");
    assert!(line.contains("~MY_DB_ID") && line.contains("~MY_DB_THE_PORT"), "{line}");
    block_on(consul.client().deregister("db:2")).unwrap();
    assert!(wrapped.says("cannot be trusted").contains("Empty"));
}

#[test]
fn one_prefix_that_vanishes_holds_all() {
    let consul = block_on(DevAgent::start()).unwrap();
    put(consul.client(), "base/A", "1");
    put(consul.client(), "app/x/B", "1");
    let api = consul.api();
    let arguments =
        ["-l", "debug", "--consul", &api, "--prefix", "base", "--prefix", "app/x", "sleep", "600"];
    let mut wrapped = Wrapped::start(&arguments, &[]);
    wrapped.says("Configuration read");
    block_on(consul.client().kv_delete_tree("base/")).unwrap();
    assert!(wrapped.says("cannot be trusted").contains("Empty"));
    put(consul.client(), "app/x/B", "2");
    assert!(wrapped.says("onfiguration").contains("cannot be trusted"));
    put(consul.client(), "base/A", "1");
    assert!(wrapped.says("Configuration changed").contains("~B"));
}

#[test]
fn the_largest_are_left_out_when_all_are_too_much() {
    let consul = block_on(DevAgent::start()).unwrap();
    // More than the 6 MiB that the kernel gives at most, whatever the limit of the stack.
    for at in 0..64 {
        put(consul.client(), &format!("app/x/V{at:02}"), vec![b'x'; 110_000 + at]);
    }
    let api = consul.api();
    let arguments = ["--consul", &api, "--prefix", "app/x", "cat", "/proc/self/environ"];
    let ended = Wrapped::start(&arguments, &[]).ends();
    assert!(ended.status.success(), "{}", ended.log);
    let mut names: Vec<_> = ended
        .output
        .split(|byte| *byte == 0)
        .filter(|variable| variable.starts_with(b"V"))
        .map(|variable| String::from_utf8_lossy(&variable[..3]).into_owned())
        .collect();
    names.sort();
    let smallest: Vec<_> = (0..names.len()).map(|at| format!("V{at:02}")).collect();
    assert_eq!(names, smallest);
    assert!(
        !names.is_empty() && ended.log.contains(r#"app/x/V63\" (no room for it"#),
        "{}",
        ended.log
    );
}
