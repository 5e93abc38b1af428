//! Exit codes.

use std::collections::BTreeMap;

use crate::init::{Init, SLEEPER};
use crate::observe;

#[test]
fn passes_every_exit_code_through() {
    assert_eq!(observe::changed_exit_codes(Init::Wrapper), BTreeMap::new());
}

#[test]
fn passes_every_exit_code_through_as_pid_1() {
    for code in [0, 1, 42, 127, 128, 143, 255] {
        let script = format!("exit {code}");
        let ended = Init::Wrapper.start_as_pid_1(&[], &["sh", "-c", &script]).end();
        assert_eq!(ended.1, Some(code));
    }
}

#[test]
fn tells_which_signal_killed_the_command() {
    assert_eq!(observe::changed_death_codes(Init::Wrapper), BTreeMap::new());
}

#[test]
fn tells_why_a_command_did_not_start() {
    let want = [Some(127), Some(127), Some(126), Some(126)];
    assert_eq!(observe::start_failures(Init::Wrapper), want);
}

#[test]
fn a_command_that_ends_in_peace_decides_its_own_code() {
    // The shell's own sleep must end with it, or it would keep the test's pipe.
    let script =
        "trap 'kill $!; echo trapped; exit 0' TERM; sh -c 'echo ready; exec sleep 600' & wait";
    let mut running = Init::Wrapper.start(&[], &["sh", "-c", script]);
    assert_eq!(running.line(), "ready");
    running.signal(15);
    // The code alone would also be that of a shell that never heard of the signal.
    assert_eq!(running.end(), ("trapped\n".to_owned(), Some(0)));
}

#[test]
fn expected_exits_become_zero() {
    assert_eq!(observe::expected_exit(Init::Wrapper), Some(0));
    for (options, code, want) in [
        (&["--expect-exit", "3,143"][..], 3, 0),
        (&["--expect-exit", "3", "--expect-exit", "4"], 4, 0),
        (&["--expect-exit", "3"], 4, 4),
    ] {
        let script = format!("exit {code}");
        let command = [options, &["sh", "-c", &script]].concat();
        assert_eq!(crate::options::wrapper(&command).end().1, Some(want), "{options:?} {code}");
    }
}

#[test]
fn what_we_could_not_start_is_never_expected() {
    let ended = crate::options::wrapper(&["--expect-exit", "127", "/nonexistent/command"]).end();
    assert_eq!(ended.1, Some(127));
}

#[test]
fn a_death_that_nobody_asked_for_is_told_too() {
    let mut running = Init::Wrapper.start(&[], &["sh", "-c", &format!("echo $$; {SLEEPER}")]);
    let child = running.line().parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
    assert_eq!(running.line(), "ready");
    crate::init::signal(child, 9);
    assert_eq!(running.end().1, Some(137));
}
