//! As PID 1 of a container.

use rustix::process::{Pid, Signal, kill_process};

use super::configured;
use crate::fixture::Program;

/// Leaves orphans behind, and ends when PID 1 has waited for all of them.
const ORPHANS: &str = r#"
for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.01 &); done
while [ "$(grep -ls '^PPid:.1$' /proc/[0-9]*/status | wc -l)" -gt 1 ]; do :; done
exit 5
"#;

/// Tells of its end.
const DEAF: &str = "trap 'echo TERM > told; exit' TERM; echo > ready; while :; do sleep 0.02; done";

fn child(script: &str) -> Program {
    let configuration =
        "exec { command = [\"sh\", \"child.sh\"] kill_signal = \"SIGTERM\" }".to_owned();
    configured(&[("child.sh", script)], &configuration)
}

#[tokio::test]
async fn orphans_are_reaped_and_the_child_s_code_is_ours() {
    let mut program = child(ORPHANS);
    program.start_as_pid_1(&["-config", "config.hcl"]);
    assert_eq!(program.exit_code().await, Some(5));
}

#[tokio::test]
async fn signals_to_pid_1_mean_what_they_mean_elsewhere() {
    for (signal, code) in [(Signal::TERM, 0), (Signal::INT, 12)] {
        let mut program = child(DEAF);
        program.start_as_pid_1(&["-config", "config.hcl"]);
        program.becomes("ready", "\n").await;
        let outside = program.pid();
        let children = std::fs::read_to_string(format!("/proc/{outside}/task/{outside}/children"));
        let pid_1 = children.unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(pid_1).unwrap(), signal).unwrap();
        assert_eq!(program.exit_code().await, Some(code), "{signal:?}");
        assert_eq!(program.read("told").as_deref(), Some("TERM\n"));
    }
}
