//! The way from SIGTERM to the end.

use std::time::{Duration, Instant};

use crate::init::{Init, PYTHON, Running, namespace};
use crate::options::wrapper;
use crate::shell::wait_for_state;

/// A command that says `ready`, and then every signal that reaches it until SIGTERM does. It
/// writes a line at once: `print` may write the end of a line by itself (`PYTHONUNBUFFERED`), and
/// other programs write to the same pipe.
const LISTENER: [&str; 3] = [
    PYTHON,
    "-c",
    r#"
import os, signal
every = {signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGWINCH}
signal.pthread_sigmask(signal.SIG_BLOCK, every)
os.write(1, b"ready\n")
number = 0
while number != signal.SIGTERM:
    number = signal.sigwait(every)
    os.write(1, b"%d\n" % number)
"#,
];

fn listener(options: &[&str]) -> Running {
    let mut running = wrapper(&[options, &LISTENER].concat());
    assert_eq!(running.line(), "ready");
    running
}

#[test]
fn kills_a_command_that_ignores_sigterm_when_told_to() {
    for target in ["child", "group", "tree"] {
        let script = "trap '' TERM; echo ready; exec sleep 600";
        let options = ["--signal-target", target, "--kill-timeout", "20ms"];
        let mut running = wrapper(&[&options[..], &["sh", "-c", script]].concat());
        assert_eq!(running.line(), "ready");
        running.signal(15);
        assert_eq!(running.end().1, Some(137), "{target}");
    }
}

#[test]
fn the_command_hears_of_a_stop_when_the_drain_is_over() {
    let drain = Duration::from_millis(300);
    let mut running = listener(&["--drain", "300ms"]);
    let start = Instant::now();
    running.signal(15);
    assert_eq!(running.line(), "15");
    assert!(start.elapsed() >= drain, "{:?}", start.elapsed());
    assert_eq!(running.end().1, Some(0));
}

#[test]
fn a_second_sigterm_ends_the_drain() {
    let mut running = listener(&["--drain", "1h", "--pre-stop", "sleep", "--pre-stop", "600"]);
    running.signal(15);
    // Meanwhile it is served as ever, and the answer to another signal says that the first was taken: two that wait together
    // are one. Waiting signals are taken by their numbers, so the other one must be the greater.
    running.signal(28);
    assert_eq!(running.line(), "28");
    running.signal(15);
    assert_eq!(running.line(), "15");
    // The output ends: the program before the stop is gone as well.
    assert_eq!(running.end(), (String::new(), Some(0)));
}

#[test]
fn a_command_that_ends_while_it_is_drained_ends_all() {
    let script = "trap 'kill $!; exit 4' USR1; sh -c 'echo ready; exec sleep 600' & wait";
    let mut running = wrapper(&["--drain", "1h", "sh", "-c", script]);
    assert_eq!(running.line(), "ready");
    running.signal(15);
    running.signal(10);
    assert_eq!(running.end().1, Some(4));
}

#[test]
fn a_program_runs_before_the_stop() {
    // It has our environment and the null device, and may talk to the command by way of us.
    let script = r#"echo "$0 $1 $V"; read line || echo nothing; kill -HUP $PPID"#;
    let words = ["sh", "-c", script, "a b", "*"];
    let options: Vec<&str> = words.iter().flat_map(|word| ["--pre-stop", word]).collect();
    let mut command = Init::Wrapper.command();
    let mut running = Running::spawn(command.args(options).args(LISTENER).env("V", "$HOME"));
    assert_eq!(running.line(), "ready");
    running.signal(15);
    assert_eq!(running.end(), ("a b * $HOME\nnothing\n1\n15\n".to_owned(), Some(0)));
}

#[test]
fn a_program_before_the_stop_that_fails_stops_nothing() {
    for program in ["false", "/nonexistent/program", "/etc/passwd"] {
        let running = listener(&["--pre-stop", program]);
        running.signal(15);
        assert_eq!(running.end(), ("15\n".to_owned(), Some(0)), "{program}");
    }
}

#[test]
fn a_program_before_the_stop_has_as_long_as_the_drain() {
    let script = "sleep 600 & echo $!; wait";
    let words = ["sh", "-c", script];
    let mut options: Vec<&str> = words.iter().flat_map(|word| ["--pre-stop", word]).collect();
    options.extend(["--drain", "100ms"]);
    let running = listener(&options);
    running.signal(15);
    // The output ends: its own processes are about to be gone as well.
    let (output, code) = running.end();
    assert_eq!(code, Some(0));
    let grandchild = output.strip_suffix("15\n").unwrap().trim_end();
    // On a busy machine the drain is over before the shell has come to say who it is.
    if !grandchild.is_empty() {
        wait_for_state(grandchild, "Z");
    }
}

#[test]
fn signals_for_the_tree_spare_the_program_before_the_stop() {
    let script = "kill -USR1 $PPID; echo over";
    let words = ["sh", "-c", script];
    let mut options: Vec<&str> = words.iter().flat_map(|word| ["--pre-stop", word]).collect();
    options.extend(["--signal-target", "tree", "--drain", "1h"]);
    let mut running = listener(&options);
    running.signal(15);
    let mut lines = [running.line(), running.line()];
    lines.sort();
    assert_eq!(lines, ["10", "over"]);
    running.signal(15);
    assert_eq!(running.end().1, Some(0));
}

#[test]
fn a_stop_as_pid_1_is_the_same() {
    let mut command = namespace();
    command.arg(Init::Wrapper.program()).args(["--drain", "20ms", "--pre-stop", "true"]);
    let script = LISTENER[2].replace("number = 0", "number = 0\nos.kill(1, 15)");
    let running = Running::spawn(command.args([PYTHON, "-c", &script]));
    assert_eq!(running.end(), ("ready\n15\n".to_owned(), Some(0)));
}
