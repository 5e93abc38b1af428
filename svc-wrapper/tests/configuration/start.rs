//! Starts with and without Consul, and the cache.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;

use crate::fixture::{Wrapped, block_on, put};

const PRINT: [&str; 3] = ["sh", "-c", "echo \"$A $B\""];

/// An address where nothing listens, as long as the agent is not started.
fn away() -> DevAgent {
    DevAgent::reserve().unwrap()
}

fn start(consul: &DevAgent, options: &[&str], command: &[&str]) -> Wrapped {
    let api = consul.api();
    let arguments = [&["--consul", &api, "--prefix", "app/x"], options, command].concat();
    Wrapped::start(&arguments, &[])
}

fn cache(folder: &tempfile::TempDir) -> (PathBuf, String) {
    let path = folder.path().join("cache.json");
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

fn holds(path: &Path, words: &str) {
    let check = async || {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        if text.contains(words) { Ok(()) } else { Err(text) }
    };
    block_on(eventually("the cache", Duration::from_mins(1), check));
}

#[test]
fn exits_with_69_and_one_line() {
    for options in
        [&["--start-timeout", "300ms"][..], &["--start-timeout", "0", "--on-start-failure", "exit"]]
    {
        let ended = start(&away(), options, &PRINT).ends();
        assert_eq!(ended.status.code(), Some(69), "{}", ended.log);
        let lines: Vec<_> = ended.log.lines().filter(|line| line.contains("ERROR")).collect();
        assert_eq!(lines.len(), 1, "{}", ended.log);
        assert!(lines[0].contains("Consul gave no configuration within"), "{}", ended.log);
        assert!(ended.output.is_empty());
    }
}

#[test]
fn runs_with_the_defaults_alone() {
    let folder = tempfile::tempdir().unwrap();
    let defaults = folder.path().join("app.env");
    fs::write(&defaults, "A=default\nB='x y'\n").unwrap();
    let defaults = defaults.to_str().unwrap();
    let options = ["--start-timeout", "0", "--on-start-failure", "run", "--defaults", defaults];
    assert_eq!(start(&away(), &options, &PRINT).output(), b"default x y\n");
    // No Consul at all is no failure, and has defaults too.
    let arguments = [&["--defaults", defaults][..], &PRINT].concat();
    assert_eq!(Wrapped::start(&arguments, &[]).output(), b"default x y\n");
}

#[test]
fn waits_and_says_so_once() {
    let mut consul = away();
    let mut wrapped = start(&consul, &["--on-start-failure", "wait"], &PRINT);
    wrapped.says("Consul cannot be read");
    block_on(consul.start_again()).unwrap();
    let ended = wrapped.ends();
    assert_eq!(ended.output, b" \n");
    // The words change when it is no longer refused but not ready.
    assert!(!ended.log.contains("Connection refused"), "{}", ended.log);
}

#[test]
fn starts_from_the_cache_and_notices_what_changed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (path, text) = cache(&folder);
    let mut consul = block_on(DevAgent::start()).unwrap();
    put(consul.client(), "app/x/A", b"one\ntwo \xff".to_vec());
    let first = start(&consul, &["--cache", &text], &["sh", "-c", "printf '%s' \"$A\""]).output();
    assert_eq!(first, b"one\ntwo \xff");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    consul.stop();
    let options = ["--cache", &text, "--start-timeout", "200ms"];
    let second = start(&consul, &options, &["sh", "-c", "printf '%s' \"$A\""]).output();
    assert_eq!(second, b"one\ntwo \xff");

    let mut third = start(&consul, &options, &["sleep", "600"]);
    third.says("starting with what the cache holds");
    third.says("Configuration read");
    block_on(consul.start_again()).unwrap();
    put(consul.client(), "app/x/A", "new");
    put(consul.client(), "app/x/B", "new");
    let seen = third.says("Configuration changed");
    assert!(seen.contains("~A") || seen.contains("+B"), "{seen}");
    holds(&path, "app/x/B");
}

#[test]
fn a_cache_that_is_damaged_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (path, text) = cache(&folder);
    for (content, want) in [
        (None, "No such file"),
        (Some("{\"format\": 1, \"found"), "damaged in line 1"),
        (Some("{\"format\": 2}"), "written in format 2, not in 1"),
        (Some("{\"format\": 1, \"found\": []}"), "for other prefixes"),
    ] {
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let ended = start(&away(), &["--cache", &text, "--start-timeout", "0"], &PRINT).ends();
        assert_eq!(ended.status.code(), Some(69), "{}", ended.log);
        let line = ended.log.lines().find(|line| line.contains("ERROR")).unwrap();
        assert!(line.contains(want) && line.contains("cache.json"), "{line}");
    }
}

#[test]
fn with_a_cache_nothing_starts_without_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, text) = cache(&folder);
    let consul = block_on(DevAgent::start()).unwrap();
    put(consul.client(), "app/x/A", "kept");
    assert_eq!(start(&consul, &["--cache", &text], &PRINT).output(), b"kept \n");
    block_on(consul.client().kv_delete_tree("app/x/")).unwrap();
    // What is empty is waited for, as long as this.
    let short = ["--cache", &text, "--start-timeout", "200ms"];
    assert_eq!(start(&consul, &short, &PRINT).output(), b"kept \n");
    let allowed = ["--cache", &text, "--allow-empty"];
    assert_eq!(start(&consul, &allowed, &PRINT).output(), b" \n");
    holds(&path, "\"pairs\":[]");
}

#[test]
fn a_cache_that_cannot_be_written_harms_nothing() {
    let consul = block_on(DevAgent::start()).unwrap();
    put(consul.client(), "app/x/A", "1");
    let ended = start(&consul, &["--cache", "/no/such/folder/cache"], &PRINT).ends();
    assert_eq!(ended.output, b"1 \n");
    assert!(ended.log.contains("Cache not written"), "{}", ended.log);
}

#[test]
fn a_mistake_in_the_defaults_is_78_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.env");
    fs::write(&path, "A=1\nnonsense\n").unwrap();
    let arguments = [&["--defaults", path.to_str().unwrap()][..], &PRINT].concat();
    let ended = Wrapped::start(&arguments, &[]).ends();
    assert_eq!(ended.status.code(), Some(78));
    assert!(ended.log.ends_with("app.env:2:1: no '=' in this line\n"), "{}", ended.log);
}

#[test]
fn what_contradicts_itself_is_64() {
    for options in [
        &["--on-start-failure", "cache"][..],
        &["--on-start-failure", "wait", "--start-timeout", "1s"],
        &["--allow", "a-b"],
        &["--name-prefix", "1"],
        &["--service-format-id", "{{what}}"],
        &["--nested", "maybe"],
        &["--service-query", ".."],
    ] {
        let ended = start(&away(), options, &PRINT).ends();
        assert_eq!(ended.status.code(), Some(64), "{options:?}: {}", ended.log);
        assert_eq!(ended.log.lines().count(), 1, "{}", ended.log);
    }
}
