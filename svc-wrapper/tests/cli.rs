//! The command line of the real program.

#![cfg(test)]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_svc-wrapper")).env_clear().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn helps_and_tells_its_version() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let help = text(&help.stdout);
    for word in
        ["--consul", "--prefix", "--marathon", "--app-id", "--restart", "--settle", "MARATHON_URL"]
    {
        assert!(help.contains(word), "{word}");
    }
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(text(&version.stdout), concat!("svc-wrapper ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn every_option_is_in_the_readme() {
    let readme = include_str!("../README.md");
    let help = run(&["--help"]);
    let options = text(&help.stdout)
        .split_whitespace()
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-'));
    for option in options {
        assert!(readme.contains(&format!("`{option}")), "{option}");
    }
}

#[test]
fn misuse_is_one_line_and_64() {
    for arguments in [
        &[][..],
        &["m:1", "c:2"],
        &["m:1", "c:2", "prefix"],
        &["--consul", "c:1", "true"],
        &["--prefix", "p", "true"],
        &["--restart", "marathon", "true"],
        &["--log-level", "what=ever=", "true"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert_eq!(
            text(&output.stderr).lines().count(),
            1,
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    for arguments in [
        &["--no-such-option", "true"][..],
        &["--settle", "soon", "true"],
        &["--signal-target", "everybody", "true"],
        &["--rewrite", "TERM", "true"],
        &["--rewrite", "KILL:TERM", "true"],
        &["--pdeathsig", "SIGNOTHING", "true"],
        &["--expect-exit", "256", "true"],
        &["--leftovers", "some", "true"],
        &["--drain", "15", "true"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(64), "{arguments:?}");
    }
}

#[test]
fn options_end_at_the_command() {
    for (arguments, want) in [
        (&["echo", "--help"][..], "--help\n"),
        (&["-l", "error", "echo", "--version", "--", "x"], "--version -- x\n"),
        (&["--", "echo", "--", "x"], "-- x\n"),
        (&["echo", "m:1", "c:2", "x"], "m:1 c:2 x\n"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svc-wrapper"));
        // GNU echo takes --help for itself unless told to be POSIX's.
        let output = command.env("POSIXLY_CORRECT", "1").args(arguments).output().unwrap();
        assert_eq!((text(&output.stdout), output.status.code()), (want, Some(0)), "{arguments:?}");
    }
}

#[test]
fn logs_go_to_standard_error_and_can_be_json() {
    let output = run(&["--log-format", "json", "/bin/echo", "hello"]);
    assert_eq!(text(&output.stdout), "hello\n");
    let line = text(&output.stderr).lines().next().unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["message"], &line["command"]), (&"Starting".into(), &"/bin/echo".into()));
}
