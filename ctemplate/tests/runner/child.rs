//! The program that runs as a child.

use rustix::process::Signal;

use super::{DATA, configured, start, write};
use crate::fixture::{Program, eventually};

/// A child that writes down what happens to it.
const SCRIPT: &str = r#"#!/bin/sh
for signal in HUP INT USR1 USR2 QUIT; do
    trap "echo $signal >> signals" $signal
done
trap 'echo TERM >> signals; exit 3' TERM
echo "$(cat out)" >> starts
while :; do sleep 0.02; done
"#;

fn with_child(exec: &str, more: &str) -> Program {
    let configuration = format!(
        "template {{ source = \"t.hbs\" destination = \"out\" }}
        exec {{ command = [\"sh\", \"child.sh\"] kill_signal = \"SIGTERM\" {exec} }}
        {more}"
    );
    configured(&[DATA, ("data", "1"), ("child.sh", SCRIPT)], &configuration)
}

#[tokio::test]
async fn the_child_is_told_of_changes_by_its_signal() {
    let mut program = with_child("reload_signal = \"SIGUSR1\"", "");
    start(&mut program, &[]);
    program.becomes("starts", "1\n").await;
    assert!(program.read("signals").is_none());
    write(&program, "data", "2");
    program.becomes("signals", "USR1\n").await;
    assert_eq!(program.read("starts").as_deref(), Some("1\n"));
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    assert_eq!(program.read("signals").as_deref(), Some("USR1\nTERM\n"));
}

#[tokio::test]
async fn the_child_is_started_again_where_it_has_no_signal_for_changes() {
    let mut program = with_child("splay = \"100ms\"", "");
    start(&mut program, &[]);
    program.becomes("starts", "1\n").await;
    write(&program, "data", "2");
    program.becomes("starts", "1\n2\n").await;
    assert_eq!(program.read("signals").as_deref(), Some("TERM\n"));
    assert!(program.is_running());
}

#[tokio::test]
async fn the_child_gets_the_signals_that_are_not_ours() {
    let mut program = with_child("", "kill_signal = \"SIGUSR1\" reload_signal = \"\"");
    start(&mut program, &[]);
    program.becomes("starts", "1\n").await;
    let mut want = String::new();
    for (signal, name) in [(Signal::HUP, "HUP"), (Signal::USR2, "USR2"), (Signal::QUIT, "QUIT")] {
        program.signal(signal);
        want.extend([name, "\n"]);
        program.becomes("signals", &want).await;
    }
    program.signal(Signal::USR1);
    assert_eq!(program.exit_code().await, Some(12));
    assert_eq!(program.read("signals"), Some(want + "TERM\n"));
}

#[tokio::test]
async fn the_child_s_end_is_ours() {
    for (command, want) in [
        ("[\"sh\", \"-c\", \"exit 7\"]", 7),
        ("[\"true\"]", 0),
        ("\"sleep 0; exit 9\"", 9),
        ("[\"sh\", \"-c\", \"kill -9 $$\"]", 137),
        ("[\"/no/such/program\"]", 14),
    ] {
        for args in [&[][..], &["-once"][..]] {
            let configuration = format!("exec {{ command = {command} }}");
            let mut program = configured(&[], &configuration);
            start(&mut program, args);
            assert_eq!(program.exit_code().await, Some(want), "{command} {args:?}");
        }
    }
}

#[tokio::test]
async fn a_child_that_does_not_end_is_killed_with_all_it_started() {
    let script = "trap '' TERM; sleep 1000 & echo $! > pid; while :; do sleep 0.02; done";
    let configuration = format!(
        "exec {{ command = \"{script}\" kill_signal = \"SIGTERM\" kill_timeout = \"200ms\" }}"
    );
    let mut program = configured(&[], &configuration);
    start(&mut program, &[]);
    let pid = || program.read("pid").unwrap_or_default().trim().to_owned();
    eventually("the child has started", || !pid().is_empty()).await;
    let pid = pid();
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    program.says("Child killed").await;
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    eventually("what it started has ended", || stat().is_empty() || stat().contains(") Z ")).await;
}

#[tokio::test]
async fn a_second_signal_waits_for_nobody() {
    let script = "trap '' TERM; echo > ready; while :; do sleep 0.02; done";
    let configuration = format!(
        "exec {{ command = \"{script}\" kill_signal = \"SIGTERM\" kill_timeout = \"1h\" }}"
    );
    let mut program = configured(&[], &configuration);
    start(&mut program, &[]);
    program.becomes("ready", "\n").await;
    program.signal(Signal::TERM);
    program.says("Stopping").await;
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_child_may_run_for_so_long() {
    // One that needs no time to be ready for the signal.
    let configuration =
        r#"exec { command = ["sleep", "1000"] kill_signal = "SIGTERM" timeout = "300ms" }"#;
    let mut program = configured(&[], configuration);
    start(&mut program, &[]);
    assert_eq!(program.exit_code().await, Some(143));
}
