//! What the root of a container owes its processes, with real ones.

#![cfg(test)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix_libc_wrappers::process::SignalExt;

const WRAPPER: &str = env!("CARGO_BIN_EXE_svc-wrapper");

/// A wrapper that runs, ended with its test.
struct Wrapped {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Wrapped {
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(Command::new(WRAPPER).env_remove("CONSUL_HTTP_ADDR").args(arguments))
    }

    /// As PID 1 of a namespace of its own.
    fn start_as_pid_1(arguments: &[&str]) -> Self {
        assert!(
            ["/usr/bin/unshare", "/bin/unshare"].iter().any(|path| Path::new(path).exists()),
            "this test needs unshare, from the package util-linux"
        );
        let unshare = ["--pid", "--fork", "--mount-proc", "--kill-child", WRAPPER];
        Self::spawn(Command::new("unshare").args(unshare).args(arguments))
    }

    fn spawn(command: &mut Command) -> Self {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = pipes.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, number: i32) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, Signal::from_raw(number).unwrap()).unwrap();
    }

    fn send(&mut self, text: &str) {
        self.process.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Standard output from here on, and the exit code.
    fn end(mut self) -> (String, Option<i32>) {
        drop(self.process.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (rest, self.process.wait().unwrap().code())
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A script that says `ready`, waits for a signal, says `trapped` and exits with `code`.
///
/// What it waits for says `ready` itself: a signal to a job that the shell has forked but that is not yet a program of
/// its own is lost, and the job would stay behind with the test's pipe in its hands.
fn trapping(signal: i32, code: u8) -> String {
    let job = "sh -c 'echo ready; exec sleep 600'";
    format!("trap 'kill $!; echo trapped; exit {code}' {signal}; {job} & wait")
}

fn code(arguments: &[&str]) -> Option<i32> {
    Wrapped::start(arguments).end().1
}

#[test]
fn passes_every_exit_code_through() {
    for status in 0..=255 {
        let script = format!("exit {status}");
        assert_eq!(code(&["-l", "off", "sh", "-c", &script]), Some(status));
    }
}

#[test]
fn tells_why_a_command_did_not_start() {
    assert_eq!(code(&["/nonexistent/command"]), Some(127));
    assert_eq!(code(&["no-such-command-anywhere"]), Some(127));
    assert_eq!(code(&["/etc/passwd"]), Some(126));
    assert_eq!(code(&["/"]), Some(126));
}

#[test]
fn forwards_every_signal_and_tells_which_one_killed() {
    // Without those that do nothing or stop by default, and those no handler can be installed for.
    let deadly = (1..=31).filter(|n| ![4, 8, 9, 11, 17, 18, 19, 20, 21, 22, 23, 28].contains(n));
    for number in deadly.chain(34..=64) {
        let mut wrapped = Wrapped::start(&["sh", "-c", "ulimit -c 0; echo $$; exec sleep 600"]);
        assert_ne!(wrapped.line(), "");
        wrapped.signal(number);
        assert_eq!(wrapped.end().1, Some(128 + number), "signal {number}");
    }
}

#[test]
fn forwards_signals_that_kill_nobody() {
    for number in [18, 20, 23, 28] {
        let mut wrapped = Wrapped::start(&["sh", "-c", &trapping(number, 7)]);
        assert_eq!(wrapped.line(), "ready");
        wrapped.signal(number);
        assert_eq!(wrapped.end(), ("trapped\n".to_owned(), Some(7)), "signal {number}");
    }
}

#[test]
fn a_child_that_ends_in_peace_decides_its_own_code() {
    let mut wrapped = Wrapped::start(&["sh", "-c", &trapping(15, 0)]);
    assert_eq!(wrapped.line(), "ready");
    wrapped.signal(15);
    // The code alone would also be that of a shell that never heard of the signal.
    assert_eq!(wrapped.end(), ("trapped\n".to_owned(), Some(0)));
}

#[test]
fn kills_a_child_that_ignores_sigterm_when_told_to() {
    let script = "trap '' TERM; echo ready; exec sleep 600";
    let mut wrapped = Wrapped::start(&["--kill-timeout", "20ms", "sh", "-c", script]);
    assert_eq!(wrapped.line(), "ready");
    wrapped.signal(15);
    assert_eq!(wrapped.end().1, Some(137));
}

#[test]
fn sigterm_ends_the_wait_for_consul_at_once() {
    // A port that is taken and never answers, and one that refuses: the reserved port 1 of this machine.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    for consul in [silent.as_str(), "127.0.0.1:1"] {
        let mut wrapped = Wrapped::start(&["--consul", consul, "--prefix", "p", "echo", "started"]);
        // The first line of the log comes after the first handler.
        let mut log = BufReader::new(wrapped.process.stderr.take().unwrap());
        log.read_line(&mut String::new()).unwrap();
        wrapped.signal(15);
        assert_eq!(wrapped.end(), (String::new(), Some(143)), "{consul}");
    }
}

#[test]
fn the_child_starts_with_clean_signals() {
    /// Signals 32 and 33 belong to the C library, which lets nobody change them.
    const NOT_OURS: u64 = 0b11 << 31;
    let (status, _) = Wrapped::start(&["cat", "/proc/self/status"]).end();
    for field in ["SigBlk", "SigIgn", "SigCgt"] {
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        let mask = line.split_whitespace().nth(1).unwrap();
        assert_eq!(u64::from_str_radix(mask, 16).unwrap() & !NOT_OURS, 0, "{line}");
    }
}

#[test]
fn arguments_streams_and_environment_reach_the_child_untouched() {
    let arguments = ["a b", "$HOME", "*", "", "$(id)", "'", "\n"];
    let (output, _) = Wrapped::start(&[&["printf", "%s|"][..], &arguments].concat()).end();
    assert_eq!(output, format!("{}|", arguments.join("|")));

    let mut cat = Wrapped::start(&["cat"]);
    cat.send("through\n");
    assert_eq!(cat.end(), ("through\n".to_owned(), Some(0)));

    let mut command = Command::new(WRAPPER);
    let command = command.env_clear().env("A", "1").arg("/usr/bin/env");
    assert_eq!(Wrapped::spawn(command).end().0, "A=1\n");
}

#[test]
fn argv_zero_is_what_was_typed() {
    let (name, _) = Wrapped::start(&["sh", "-c", "tr '\\0' ' ' </proc/$$/cmdline"]).end();
    assert!(name.starts_with("sh -c "), "{name}");
}

#[test]
fn adopts_orphans_when_it_is_not_pid_1() {
    let orphan = r#"until [ "$(cut -d' ' -f4 /proc/$$/stat)" = "$0" ]; do :; done; echo adopted"#;
    let script = format!("(sh -c '{}' $PPID &); read line", orphan.replace('\'', r"'\''"));
    let mut wrapped = Wrapped::start(&["sh", "-c", &script]);
    assert_eq!(wrapped.line(), "adopted");
    wrapped.send("done\n");
    assert_eq!(wrapped.end().1, Some(0));
}

#[test]
fn reaps_a_hundred_orphans_as_pid_1() {
    // Ends when nobody but the script itself is a child of PID 1, dead or alive; `read` is the shell's own.
    let script = r#"
        i=0
        while [ $i -lt 100 ]; do (sh -c : &); i=$((i + 1)); done
        left=1
        while [ $left -gt 0 ]; do
            left=0
            for stat in /proc/[0-9]*/stat; do
                { read -r pid name state parent rest <"$stat"; } 2>/dev/null || continue
                [ "$parent" = 1 ] && [ "$pid" != $$ ] && left=$((left + 1))
            done
        done
        echo "pid $PPID"
        exit 5
    "#;
    let (output, code) = Wrapped::start_as_pid_1(&["sh", "-c", script]).end();
    assert_eq!((output.as_str(), code), ("pid 1\n", Some(5)));
}

#[test]
fn forwards_as_pid_1_what_the_kernel_would_drop() {
    for number in [1, 2, 3, 10, 12, 15, 40] {
        // Nothing outlives the namespace, so that the job needs no end of its own.
        let script = format!("trap 'exit 9' {number}; sleep 600 & kill -{number} 1; wait");
        assert_eq!(Wrapped::start_as_pid_1(&["sh", "-c", &script]).end().1, Some(9), "{number}");
    }
}
