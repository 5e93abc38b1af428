//! Somebody at a terminal.

use rustix::process::Pid;

use crate::init::{Init, PYTHON, namespace, signal, undisturbed};
use crate::observe;
use crate::shell::{SUSPEND, Session, TALKER, wait_for_state};

/// Ctrl-C.
const INTERRUPT: &str = "\x03";
const TARGETS: [&str; 3] = ["child", "group", "tree"];

/// Says what [`TALKER`] says, and reads without looking first.
const READER: &str = r#"
import os
os.write(1, b"child %d\n" % os.getpid())
os.write(1, b"init %d\n" % os.getppid())
text = b""
while text != b"end\n":
    text = os.read(0, 100)
    os.write(1, b"read " + text)
"#;

/// Reads in the background too, time and again: the terminal's signal does not stop it.
const STUBBORN: &str = r#"
import os, signal
signal.signal(signal.SIGTTIN, lambda *_: None)
signal.signal(signal.SIGUSR2, lambda *_: os.write(1, b"told\n"))
os.write(1, b"child %d\n" % os.getpid())
os.write(1, b"init %d\n" % os.getppid())
os.write(1, b"read " + os.read(0, 100))
"#;

/// The wrapper with a script at the prompt of a shell; gives the process ids of the two.
fn talk(shell: &mut Session, target: &str, script: &str, after: &str) -> (String, String) {
    let program = Init::Wrapper.program();
    let wrapper = format!("{} -l off --signal-target {target}", program.display());
    shell.type_in(&format!("{wrapper} {PYTHON} -c '{script}'{after}\n"));
    let child = shell.line("child ");
    let init = shell.line("init ");
    (init, child)
}

fn tell(pid: &str, number: i32) {
    signal(pid.parse().ok().and_then(Pid::from_raw).unwrap(), number);
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    for target in TARGETS {
        let mut shell = Session::shell();
        let (init, _) = talk(&mut shell, target, TALKER, "");
        shell.type_in(INTERRUPT);
        shell.wait_for("signal 2\r\n");
        // What the wrapper would have forwarded comes before a later signal with a higher number.
        tell(&init, 12);
        assert_eq!(shell.wait_for("signal 12\r\n"), "", "{target}");
        shell.type_in("end\n");
        shell.wait_for("read end");
    }
}

#[test]
fn ctrl_z_stops_both_and_fg_continues_both() {
    for target in TARGETS {
        let mut shell = Session::shell();
        let (init, child) = talk(&mut shell, target, TALKER, "");
        // What is passed on late may undo the next key: once is not enough.
        for round in 0..20 {
            shell.type_in(SUSPEND);
            shell.wait_for("Stopped");
            wait_for_state(&init, "T");
            wait_for_state(&child, "T");
            // The shell has its terminal back.
            shell.type_in("echo prompt $((40 + 2))\n");
            shell.wait_for("prompt 42");
            assert_eq!(shell.foreground(), shell.leader());
            shell.type_in("fg\n");
            shell.wait_for("-c");
            // Reading works in the foreground alone.
            shell.type_in(&format!("{round}\n"));
            shell.wait_for(&format!("read {round}\r\n"));
            // The wrapper goes on too: it passes a signal on.
            tell(&init, 12);
            shell.wait_for("signal 12\r\n");
        }
        shell.type_in("end\n");
        shell.wait_for("read end");
        shell.type_in("echo code $?\n");
        shell.wait_for("code 0");
        assert_eq!(shell.foreground(), shell.leader());
    }
}

#[test]
fn a_job_in_the_background_stops_when_it_reads() {
    for target in TARGETS {
        let mut shell = Session::shell();
        let (init, child) = talk(&mut shell, target, READER, "");
        shell.type_in(SUSPEND);
        shell.wait_for("Stopped");
        wait_for_state(&child, "T");
        shell.type_in("bg\n");
        // It goes on to read, which is not for it to do now: the whole job stops again, and the shell hears of it.
        shell.type_in("until [ -n \"$(jobs -s)\" ]; do :; done; echo again $((40 + 2))\n");
        shell.wait_for("again 42");
        wait_for_state(&init, "T");
        wait_for_state(&child, "T");
        shell.type_in("fg\n");
        shell.wait_for("-c");
        shell.type_in("end\n");
        shell.wait_for("read end");
    }
}

#[test]
fn one_fg_is_enough_however_often_the_terminal_asked_to_stop() {
    // Only who shares the wrapper's group is read about in it.
    for target in ["child", "tree"].repeat(10) {
        let mut shell = Session::shell();
        let (init, _) = talk(&mut shell, target, STUBBORN, " &");
        shell.type_in("until [ -n \"$(jobs -s)\" ]; do :; done; echo stopped $((40 + 2))\n");
        shell.wait_for("stopped 42");
        shell.type_in("fg\n");
        shell.wait_for("-c");
        // When a later signal is answered, the wrapper is about to have heard all that the terminal had asked.
        tell(&init, 12);
        shell.wait_for("told");
        shell.type_in("end\n");
        shell.wait_for("read end");
    }
}

#[test]
fn a_job_in_the_background_takes_no_terminal() {
    for target in TARGETS {
        let mut shell = Session::shell();
        talk(&mut shell, target, TALKER, " </dev/tty &");
        assert_eq!(shell.foreground(), shell.leader(), "{target}");
        shell.type_in("kill -9 %1; wait; echo prompt $((40 + 2))\n");
        shell.wait_for("prompt 42");
    }
    assert!(!observe::steals_terminal(Init::Wrapper));
}

#[test]
fn ctrl_z_does_nothing_where_nobody_could_continue() {
    let program = Init::Wrapper.program();
    for target in TARGETS {
        for as_pid_1 in [false, true] {
            let mut command = if as_pid_1 { namespace() } else { undisturbed() };
            command.arg(&program).args(["--signal-target", target, PYTHON, "-c", TALKER]);
            let mut session = Session::start(&command);
            session.wait_for("init ");
            session.type_in(SUSPEND);
            session.type_in("end\n");
            session.wait_for("read end");
        }
    }
}

#[test]
fn stops_and_continues_like_any_job() {
    assert!(observe::suspends(Init::Wrapper));
}
