//! Processes that lose their parent, and those that the command leaves behind.

use std::time::{Duration, Instant};

use crate::init::{Init, PYTHON};
use crate::observe;
use crate::options::wrapper;

#[test]
fn reaps_hundreds_of_orphans_as_pid_1() {
    let want = ("0 left below 1".to_owned(), Some(5));
    assert_eq!(observe::zombies(Init::Wrapper), want);
}

#[test]
fn adopts_orphans_when_it_is_not_pid_1() {
    assert!(observe::adopts(Init::Wrapper));
}

/// Leaves behind a process of its own group, one of another, one that is stopped, and one that is deaf to SIGTERM; all of
/// them, up to the one that is named, hold the test's pipe.
const LEAVER: &str = r#"
import os, signal, sys
for kind in ("group", "session", "stopped", "deaf"):
    ready, tell = os.pipe()
    if os.fork() == 0:
        if kind == "session":
            os.setsid()
        if kind == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if kind == "stopped":
            if os.fork() > 0:
                os.waitpid(-1, os.WUNTRACED)
                os.write(tell, b"x")
                os._exit(0)
            os.kill(os.getpid(), signal.SIGSTOP)
        os.write(tell, b"x")
        signal.pause()
        os._exit(0)
    os.read(ready, 1)
    if kind == sys.argv[1]:
        break
sys.exit(6)
"#;

#[test]
fn ends_what_the_command_leaves_behind_when_told_to() {
    for (way, last) in [("kill", "deaf"), ("term", "deaf"), ("term", "session")] {
        let running = wrapper(&["--leftovers", way, PYTHON, "-c", LEAVER, last]);
        // The end of the output: nobody holds the pipe any more.
        assert_eq!(running.end(), (String::new(), Some(6)), "{way} {last}");
    }
}

#[test]
fn leaves_alone_what_the_command_leaves_behind() {
    let script = "sleep 600 >/dev/null 2>&1 & echo $!; exit 6";
    let mut running = wrapper(&["sh", "-c", script]);
    let pid = running.line();
    assert_eq!(running.end().1, Some(6));
    let left = crate::init::state(&pid);
    crate::init::signal(pid.parse().ok().and_then(rustix::process::Pid::from_raw).unwrap(), 9);
    assert!(left.is_some());
}

#[test]
fn nobody_left_behind_costs_no_time() {
    let grace = Duration::from_secs(2);
    for way in ["term", "kill"] {
        let mut times = [0; 5].map(|_| {
            let start = Instant::now();
            assert_eq!(wrapper(&["--leftovers", way, "true"]).end().1, Some(0));
            start.elapsed()
        });
        times.sort();
        // A busy machine may be slow at two of them; a grace that was waited for would be part of most.
        assert!(times[2] < grace, "{way}: {times:?}");
    }
}
