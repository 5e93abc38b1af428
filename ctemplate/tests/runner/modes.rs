//! Once, dry, parse only.

use rustix::process::Signal;

use super::{DATA, NOWHERE, configured, start, write};
use crate::fixture::Program;

#[tokio::test]
async fn once_gives_up_in_time_and_says_on_what() {
    let mut program = Program::new(&[("t.hbs", "{{key \"a\"}}"), ("u.hbs", "u")]);
    let args =
        ["-once", "-once-timeout", "300ms", "-template", "t.hbs:out", "-template", "u.hbs:u"];
    program.start(NOWHERE, &args);
    assert_eq!(program.exit_code().await, Some(14));
    let words = "not everything was rendered within 0.3 s: t.hbs waits for kv.";
    assert_eq!(program.said(words), 1, "{:?}", program.read("stderr"));
    assert_eq!(program.read("u").as_deref(), Some("u"));
}

#[tokio::test]
async fn a_query_that_fails_too_often_ends_it_if_so_configured() {
    let configuration = r#"
        consul { retry { attempts = 2 backoff = "10ms" } }
        template { source = "t.hbs" destination = "out" }"#;
    let mut program = configured(&[("t.hbs", "{{key \"a\"}}")], configuration);
    start(&mut program, &[]);
    assert_eq!(program.exit_code().await, Some(14));
    assert_eq!(program.said("(a) after 3 attempts"), 1, "{:?}", program.read("stderr"));
}

#[tokio::test]
async fn a_key_that_is_not_there_is_an_error_if_so_configured() {
    let consul = super::fixture::Consul::start().await;
    let configuration = r#"
        err_on_failed_lookup = true
        template { source = "t.hbs" destination = "out" }"#;
    let mut program = configured(&[("t.hbs", "{{key \"a\"}}")], configuration);
    program.start(&consul.address(), &["-config", "config.hcl"]);
    assert_eq!(program.exit_code().await, Some(14));
    assert_eq!(program.said("t.hbs: there is no data for kv."), 1);
    // Otherwise it is waited for, and the log says so.
    program.start(&consul.address(), &["-template", "t.hbs:out"]);
    program.says("Still waiting for data").await;
    assert_eq!(program.said("(a)"), 1);
    consul.put("a", "1").await;
    program.becomes("out", "1").await;
}

#[tokio::test]
async fn a_template_error_ends_it_if_so_configured() {
    let bad = ("t.hbs", "{{parseInt (file \"data\")}}");
    let template =
        |more: &str| format!("template {{ source = \"t.hbs\" destination = \"out\" {more} }}");
    let mut program = configured(&[bad, ("data", "1")], &template("error_fatal = true"));
    start(&mut program, &[]);
    program.becomes("out", "1").await;
    write(&program, "data", "x");
    assert_eq!(program.exit_code().await, Some(14));
    assert_eq!(program.said("t.hbs:1:1: parseInt"), 2);
    let mut program = configured(&[bad, ("data", "x")], &template(""));
    start(&mut program, &[]);
    program.says("t.hbs:1:1: parseInt").await;
    write(&program, "data", "2");
    program.becomes("out", "2").await;
    // One that has no file of its own is told from others by the file that it becomes.
    let inline = r#"template { contents = "{{file \"data\" | parseInt}}" destination = "out" }"#;
    let mut program = configured(&[("data", "x")], inline);
    start(&mut program, &[]);
    program.says("(dynamic) for out").await;
}

#[tokio::test]
async fn a_diff_shows_what_would_change_and_writes_nothing() {
    let configuration = r#"template { source = "t.hbs" destination = "out" command = "touch ran" check = "touch ran" }
        exec { command = "touch ran" }"#;
    let files = [DATA, ("data", "a\nc\n"), ("out", "a\nb\n")];
    for (flag, want) in
        [("-diff", "--- out\n+++ out\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"), ("-dry", "> out\na\nc\n")]
    {
        let mut program = configured(&files, configuration);
        start(&mut program, &["-once", flag]);
        assert_eq!(program.exit_code().await, Some(0));
        assert_eq!(program.read("stdout").as_deref(), Some(want));
        assert_eq!(program.read("out").as_deref(), Some("a\nb\n"));
        assert!(program.read("ran").is_none());
    }
}

#[tokio::test]
async fn parsing_only_writes_and_runs_nothing() {
    let configuration = |source: &str| {
        format!(
            "pid_file = \"pid\"
            template {{ source = \"{source}\" destination = \"out\" command = \"touch ran\" }}
            exec {{ command = \"touch ran\" }}"
        )
    };
    for (source, text, want) in [("t.hbs", "x", 0), ("t.hbs", "{{#if}}", 14)] {
        let mut program = configured(&[(source, text)], &configuration(source));
        start(&mut program, &["-parse-only"]);
        assert_eq!(program.exit_code().await, Some(want));
        let is_there = |name: &str| program.path(name).exists();
        assert!(!is_there("out") && !is_there("ran") && !is_there("pid"));
    }
}

#[tokio::test]
async fn each_template_waits_for_its_own_quiet() {
    let configuration = r#"
        wait = "20s:40s"
        template { source = "t.hbs" destination = "slow" }
        template { source = "t.hbs" destination = "fast" wait = "10ms:1s" }"#;
    let mut program = configured(&[DATA, ("data", "1")], configuration);
    start(&mut program, &[]);
    // The first text waits for nothing.
    program.becomes("slow", "1").await;
    program.becomes("fast", "1").await;
    write(&program, "data", "2");
    program.becomes("fast", "2").await;
    assert_eq!(program.read("slow").as_deref(), Some("1"));
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
}
