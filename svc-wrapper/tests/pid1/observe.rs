//! What is to be seen of an init, whichever it is: the tests of svc-wrapper want it, the comparison with tini prints it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::init::{
    Choice, Init, PYTHON, Running, SLEEPER, output, signal, state, status, undisturbed,
};
use crate::shell::{SUSPEND, Session, TALKER, wait_for_state};

/// All signals but those that cannot be caught, SIGCHLD, and the two of the C library.
pub(crate) fn catchable() -> impl Iterator<Item = i32> {
    (1..=64).filter(|number| ![9, 17, 19, 32, 33].contains(number))
}

/// Signals that end a process by default.
pub(crate) fn deadly() -> impl Iterator<Item = i32> {
    catchable().filter(|number| ![18, 20, 21, 22, 23, 28].contains(number))
}

/// The signals that do not come through to a command that waits for every one of them.
pub(crate) fn lost_signals(mut init: Running) -> Vec<i32> {
    let mut lost = vec![];
    for number in catchable() {
        let line = init.line();
        if line != format!("{number} came") {
            assert_eq!(line, format!("{number} lost"), "the command ended early");
            lost.push(number);
        }
    }
    lost
}

/// The command for [`lost_signals`]: it sends its parent one signal after the other. The last one is the marker after each
/// of them: signals that wait together are taken in the order of their numbers (signal(7)), so that what has not come
/// before the marker will not come at all.
pub(crate) const ECHO: [&str; 3] = [
    PYTHON,
    "-c",
    r#"
import os, signal
every = signal.valid_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, every)
for number in every - {9, 17, 19, 32, 33}:
    os.kill(os.getppid(), number)
    if number != 64:
        os.kill(os.getppid(), 64)
    came = set()
    while 64 not in came:
        info = signal.sigtimedwait(every, 20)
        if info is None:
            break
        came.add(info.si_signo)
    print(number, "came" if number in came else "lost", flush=True)
"#,
];

/// Exit codes that come out as others.
pub(crate) fn changed_exit_codes(init: Init) -> BTreeMap<i32, Option<i32>> {
    let run = |code: i32| init.start(&[], &["sh", "-c", &format!("exit {code}")]).end().1;
    (0..=255).map(|code| (code, run(code))).filter(|(code, got)| *got != Some(*code)).collect()
}

/// Signals that end the command, with a code that is not 128 + n.
pub(crate) fn changed_death_codes(init: Init) -> BTreeMap<i32, Option<i32>> {
    let run = |number: i32| {
        let script = format!("ulimit -c 0; kill -{number} $$; exec sleep 600");
        init.start(&[], &["sh", "-c", &script]).end().1
    };
    let deaths = deadly().chain([9]).map(|number| (number, run(number)));
    deaths.filter(|(number, got)| *got != Some(128 + number)).collect()
}

/// The exit codes for a path that is not there, a name that is not there, a file that is no program, and a folder.
pub(crate) fn start_failures(init: Init) -> [Option<i32>; 4] {
    ["/nonexistent/command", "no-such-command-anywhere", "/etc/passwd", "/"]
        .map(|command| init.start(&[], &[command]).end().1)
}

/// What is left of three hundred orphans once they are all dead, and the exit code of their maker.
///
/// Ends when none is left, or when what is left has been there while a thousand more processes came and went.
pub(crate) fn zombies(init: Init) -> (String, Option<i32>) {
    let script = r#"
        i=0
        while [ $i -lt 300 ]; do (sh -c : &); i=$((i + 1)); done
        left=1 tries=0
        while [ $left -gt 0 ] && [ $tries -lt 1000 ]; do
            left=0 tries=$((tries + 1))
            for stat in /proc/[0-9]*/stat; do
                { read -r pid name state parent rest <"$stat"; } 2>/dev/null || continue
                [ "$parent" = 1 ] && [ "$pid" != $$ ] && left=$((left + 1))
            done
            (:)
        done
        echo "$left left below $PPID"
        exit 5
    "#;
    let (output, code) = init.start_as_pid_1(&[], &["sh", "-c", script]).end();
    (output.trim_end().to_owned(), code)
}

/// Whether an orphan finds itself adopted by the init, which is not PID 1.
pub(crate) fn adopts(init: Init) -> bool {
    let script = r"
import os
if os.fork() == 0:
    middle = os.getpid()
    if os.fork() == 0:
        while os.getppid() == middle:
            pass
        print(os.getppid(), flush=True)
    os._exit(0)
os.wait()
input()
";
    let mut running = init.start(&[Choice::Subreaper], &[PYTHON, "-c", script]);
    let adopter = running.line();
    adopter == running.process.id().to_string()
}

/// Who gets a signal: the command, somebody in its group, somebody below it in another one.
///
/// They all block it, so that the command can look up for whom it waits. A second signal tells that the first was passed on.
pub(crate) fn receivers(mut init: Running) -> Vec<String> {
    assert_eq!(init.line(), "ready");
    init.signal(10);
    init.signal(12);
    init.line().split_whitespace().map(str::to_owned).collect()
}

/// The command for [`receivers`].
pub(crate) const FAMILY: [&str; 3] = [
    PYTHON,
    "-c",
    r#"
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGUSR2])
family = {"child": os.getpid()}
for name in ("group", "tree"):
    ready, tell = os.pipe()
    family[name] = os.fork()
    if family[name] == 0:
        if name == "tree":
            os.setpgid(0, 0)
        os.write(tell, b"x")
        signal.pause()
    os.read(ready, 1)
print("ready", flush=True)
signal.sigwait([signal.SIGUSR2])
def waits(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("ShdPnd"):
            return int(line.split()[1], 16) & 1 << signal.SIGUSR1 - 1
print(*(name for name, pid in family.items() if waits(pid)), flush=True)
for name in ("group", "tree"):
    os.kill(family[name], signal.SIGKILL)
"#,
];

/// What is blocked, ignored and caught in a command whose init was started by somebody careless: SIGUSR1 blocked, SIGPIPE ignored,
/// and SIGHUP ignored as by nohup(1).
pub(crate) fn signal_state(init: Init) -> [u64; 3] {
    let careless = r"
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
for number in (signal.SIGPIPE, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
";
    let mut command = undisturbed();
    command.args([PYTHON, "-c", careless]).arg(init.program()).args(init.options(&[]));
    let text = output(command.args(["cat", "/proc/self/status"]));
    ["SigBlk", "SigIgn", "SigCgt"].map(|field| {
        u64::from_str_radix(&status(&text, field), 16).unwrap_or_else(|_| panic!("{field}: {text}"))
    })
}

/// The command's exit code for a stop that it does not survive, where 143 is expected.
pub(crate) fn expected_exit(init: Init) -> Option<i32> {
    let mut running = init.start(&[Choice::Expect143], &["sh", "-c", SLEEPER]);
    assert_eq!(running.line(), "ready");
    running.signal(15);
    running.end().1
}

/// Whether the command dies when the init is killed.
pub(crate) fn dies_with(init: Init, choices: &[Choice]) -> bool {
    let script = format!("echo $$; {SLEEPER}");
    let mut running = init.start(choices, &["sh", "-c", &script]);
    let child = running.line();
    assert_eq!(running.line(), "ready");
    running.signal(9);
    let dies = eventually(|| state(&child).is_none_or(|state| state == "Z"));
    if !dies {
        signal(child.parse().ok().and_then(Pid::from_raw).unwrap(), 9);
    }
    assert_eq!(running.end().0, "");
    dies
}

/// Whether a job in the background takes the terminal from the shell.
pub(crate) fn steals_terminal(init: Init) -> bool {
    let mut shell = Session::shell();
    let words = init.options(&[Choice::Group]).join(" ");
    let script = "echo started; exec sleep 600";
    // A shell that has lost its terminal ends when it reads the next command: it is to wait instead.
    shell.type_in(&format!("{} {words} sh -c '{script}' & wait\n", init.program().display()));
    shell.wait_for("started");
    shell.foreground() != shell.leader()
}

/// Whether Ctrl-Z gives the shell its prompt back.
pub(crate) fn suspends(init: Init) -> bool {
    let mut shell = Session::shell();
    let words = init.options(&[]).join(" ");
    shell.type_in(&format!("{} {words} {PYTHON} -c '{TALKER}'\n", init.program().display()));
    let child = shell.line("child ");
    let parent = shell.line("init ");
    shell.type_in(SUSPEND);
    wait_for_state(&child, "T");
    eventually(|| state(&parent).is_some_and(|state| state == "T"))
}

/// Whether it comes to that at all: what has not happened after this long is not going to.
fn eventually(happened: impl Fn() -> bool) -> bool {
    const LONG: Duration = Duration::from_secs(10);
    let start = Instant::now();
    while start.elapsed() < LONG {
        if happened() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}
