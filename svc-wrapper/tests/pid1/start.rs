//! What the command finds when it starts, and what comes before that.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::init::{Choice, Init, PYTHON, Running, namespace, output, status};
use crate::observe;
use crate::options::wrapper;

/// Signals 32 and 33 belong to the C library, which lets nobody change them.
const NOT_OURS: u64 = 0b11 << 31;
const HUP: u64 = 1;

#[test]
fn the_command_starts_with_clean_signals() {
    let [blocked, ignored, caught] =
        observe::signal_state(Init::Wrapper).map(|set| set & !NOT_OURS);
    // What nohup(1) asked for holds; SIGPIPE does not stay ignored.
    assert_eq!([blocked, ignored, caught], [0, HUP, 0]);
    for options in [&["--pdeathsig", "KILL"][..], &["--signal-target", "group"]] {
        let text = wrapper(&[options, &["cat", "/proc/self/status"]].concat()).end().0;
        for field in ["SigBlk", "SigIgn", "SigCgt"] {
            let set = u64::from_str_radix(&status(&text, field), 16).unwrap();
            assert_eq!(set & !NOT_OURS, 0, "{options:?} {field}");
        }
    }
}

#[test]
fn the_command_gets_no_descriptor_but_its_streams() {
    let script = "import os; print(*sorted(os.listdir('/proc/self/fd')))";
    // The test itself may have been started with more than its streams, which it is not ours to close.
    let given = output(Command::new(PYTHON).args(["-c", script]));
    for options in [&[][..], &["--pdeathsig", "KILL"], &["--signal-target", "group"]] {
        let (list, _) = wrapper(&[options, &[PYTHON, "-c", script]].concat()).end();
        assert_eq!(list, given, "{options:?}");
    }
}

#[test]
fn arguments_streams_and_folder_reach_the_command_untouched() {
    let arguments = ["a b", "$HOME", "*", "", "$(id)", "'", "\n", "--help", "--"];
    for options in [&[][..], &["--pdeathsig", "TERM"]] {
        let command = [options, &["printf", "%s|"], &arguments].concat();
        assert_eq!(wrapper(&command).end().0, format!("{}|", arguments.join("|")));

        let mut cat = wrapper(&[options, &["cat"]].concat());
        cat.process.stdin.as_mut().unwrap().write_all(b"through\n").unwrap();
        assert_eq!(cat.end(), ("through\n".to_owned(), Some(0)));

        let mut pwd = Init::Wrapper.command();
        assert_eq!(output(pwd.current_dir("/usr/lib").args(options).arg("/bin/pwd")), "/usr/lib\n");
    }
}

#[test]
fn any_bytes_reach_the_command() {
    let bytes = OsStr::from_bytes(b"\xff\xfe=\x01\t");
    let script =
        "import os, sys; a = os.fsencode(sys.argv[1]); e = os.environb[b'V']; print(a == e, a)";
    for options in [&[][..], &["--pdeathsig", "TERM"]] {
        let mut command = Init::Wrapper.command();
        command.args(options).args([PYTHON, "-c", script]).arg(bytes).env("V", bytes);
        assert_eq!(output(&mut command), "True b'\\xff\\xfe=\\x01\\t'\n", "{options:?}");
    }
}

#[test]
fn the_environment_is_ours_and_nothing_else() {
    for options in [&[][..], &["--pdeathsig", "TERM"]] {
        let mut command = Init::Wrapper.command();
        let command = command.env_clear().env("A", "1").args(options).arg("/usr/bin/env");
        assert_eq!(output(command), "A=1\n", "{options:?}");
    }
}

#[test]
fn argv_zero_is_what_was_typed() {
    for options in [&[][..], &["--pdeathsig", "TERM"]] {
        let script = "tr '\\0' ' ' </proc/$$/cmdline";
        let (name, _) = wrapper(&[options, &["sh", "-c", script]].concat()).end();
        assert!(name.starts_with("sh -c "), "{options:?}: {name}");
    }
}

#[test]
fn a_failed_start_is_told_from_the_stage_too() {
    for (command, code) in [("/nonexistent/command", 127), ("/etc/passwd", 126)] {
        assert_eq!(wrapper(&["--pdeathsig", "KILL", command]).end().1, Some(code), "{command}");
    }
    // A program that is there, but not the one that its first line names.
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "#!/nonexistent/interpreter\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    for options in [&[][..], &["--pdeathsig", "KILL"]] {
        let command = [options, &[script.to_str().unwrap()]].concat();
        assert_eq!(wrapper(&command).end().1, Some(127), "{options:?}");
    }
}

#[test]
fn sigterm_ends_the_wait_for_consul_at_once() {
    // A port that is taken and never answers, and one that refuses: the reserved port 1 of this machine.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    for consul in [silent.as_str(), "127.0.0.1:1"] {
        let mut running = wrapper(&["--consul", consul, "--prefix", "p", "echo", "started"]);
        // The first line of the log comes long after the first signal that counts.
        let mut log = BufReader::new(running.process.stderr.take().unwrap());
        log.read_line(&mut String::new()).unwrap();
        running.signal(15);
        assert_eq!(running.end(), (String::new(), Some(143)), "{consul}");
    }
}

/// The kernel drops what PID 1 does not wait for. The shell in front of it shares its namespace and sends the signal as soon
/// as the wrapper blocks anything at all, which is what it does first.
#[test]
fn no_signal_is_lost_however_early_it_comes() {
    let script = r#"
        (
            until read -r line <"/proc/1/comm" && [ "$line" = svc-wrapper ]; do :; done 2>/dev/null
            until grep -q '^SigBlk:.*[1-9a-f]' /proc/1/status; do :; done
            kill -TERM 1
        ) &
        exec "$0" --consul 127.0.0.1:1 --prefix p echo started
    "#;
    for _ in 0..20 {
        let mut command = namespace();
        let running =
            Running::spawn(command.args(["sh", "-c", script]).arg(Init::Wrapper.program()));
        assert_eq!(running.end(), (String::new(), Some(143)));
    }
}

#[test]
fn the_kernel_ends_the_command_with_its_wrapper_when_told_to() {
    for choices in [&[Choice::DeathSignal][..], &[Choice::DeathSignal, Choice::Group]] {
        assert!(observe::dies_with(Init::Wrapper, choices), "{choices:?}");
    }
}
