//! Signals on their way to the command.

use crate::init::{Choice, Init, SLEEPER};
use crate::observe::{self, ECHO, FAMILY};
use crate::options::wrapper;

#[test]
fn forwards_every_signal_that_can_be_caught() {
    let lost = observe::lost_signals(Init::Wrapper.start(&[], &ECHO));
    assert_eq!(lost, [0; 0]);
}

#[test]
fn forwards_every_signal_as_pid_1() {
    let lost = observe::lost_signals(Init::Wrapper.start_as_pid_1(&[], &ECHO));
    assert_eq!(lost, [0; 0]);
}

#[test]
fn forwards_every_signal_to_a_group() {
    let lost = observe::lost_signals(Init::Wrapper.start(&[Choice::Group], &ECHO));
    assert_eq!(lost, [0; 0]);
}

#[test]
fn deadly_signals_end_a_command_that_does_not_expect_them() {
    for number in observe::deadly() {
        let mut running = Init::Wrapper.start(&[], &["sh", "-c", SLEEPER]);
        assert_eq!(running.line(), "ready");
        running.signal(number);
        assert_eq!(running.end().1, Some(128 + number), "signal {number}");
    }
}

#[test]
fn a_signal_reaches_whom_the_target_says() {
    for (target, want) in [
        ("child", &["child"][..]),
        ("group", &["child", "group"]),
        ("tree", &["child", "group", "tree"]),
    ] {
        let command = [&["--signal-target", target][..], &FAMILY].concat();
        assert_eq!(observe::receivers(wrapper(&command)), want, "{target}");
    }
}

#[test]
fn rewrites_and_drops_signals() {
    let script = r#"
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
print("ready", flush=True)
print(signal.sigwait(signal.valid_signals()))
"#;
    for (rewrite, sent, want) in
        [("TERM:QUIT", 15, "3"), ("USR1:RTMIN+6", 10, "40"), ("1:SIGUSR2", 1, "12")]
    {
        let mut running = wrapper(&["--rewrite", rewrite, crate::init::PYTHON, "-c", script]);
        assert_eq!(running.line(), "ready");
        running.signal(sent);
        assert_eq!(running.line(), want, "{rewrite}");
    }
    let drop = ["--rewrite", "USR1:none", "--rewrite", "TERM:QUIT"];
    let mut running = wrapper(&[&drop[..], &[crate::init::PYTHON, "-c", script]].concat());
    assert_eq!(running.line(), "ready");
    // Signals that wait together are taken in the order of their numbers.
    running.signal(10);
    running.signal(15);
    assert_eq!(running.line(), "3");
}

#[test]
fn a_fault_of_the_command_is_its_own() {
    let script = "import os, signal; signal.signal(signal.SIGSEGV, signal.SIG_DFL); import resource; \
                  resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.kill(os.getpid(), signal.SIGSEGV)";
    let mut running = Init::Wrapper.start(&[], &[crate::init::PYTHON, "-c", script]);
    assert_eq!(running.line(), "");
    assert_eq!(running.end().1, Some(139));
}
