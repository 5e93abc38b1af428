use std::fs;

use super::*;
use crate::config::settings::Env;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn run(line: &str) -> Result<(), CommandError> {
    block_on(Command::new(line.to_owned()).run())
}

fn exec(words: &[&str]) -> Exec {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Exec {
        command: CommandLine::new(words).unwrap(),
        env: Env::default(),
        kill_signal: Some(Signal::TERM),
        kill_timeout: Duration::from_secs(30),
        reload_signal: None,
        splay: Duration::ZERO,
        timeout: Duration::from_secs(30),
    }
}

fn configured(words: &[&str], variables: &[(&str, &str)]) -> Command {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Command::configured(&exec(words), variables)
}

#[test]
fn says_what_a_failing_command_printed() {
    assert!(run("true").is_ok());
    assert_eq!(
        run("echo out; echo err >&2; exit 3").unwrap_err().reason,
        "exit status: 3: out\nerr"
    );
    let error = run("/no/such/program").unwrap_err().to_string();
    assert!(error.starts_with("'/no/such/program': No such file"), "{error}");
    // Much more than fits into a pipe.
    let error = run("seq 100000; exit 1").unwrap_err().reason;
    assert!(error.starts_with("exit status: 1: 99991\n") && error.ends_with("\n100000"), "{error}");
}

#[test]
fn words_are_not_a_shell_s() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let script = format!("printf '%s|' \"$@\" $A > {}", out.display());
    let command = configured(&["/bin/sh", "-c", &script, "name", "a b", "$A"], &[("A", "1")]);
    assert!(!command.is_shell() && Command::new("a b".to_owned()).is_shell());
    block_on(command.run()).unwrap();
    assert_eq!(fs::read_to_string(&out).unwrap(), "a b|$A|1|");
}

#[test]
fn a_path_is_one_word_whatever_it_holds() {
    let path = Path::new("/tmp/it's $HOME");
    let command = Command::new("test -e {}".to_owned()).with_path(path);
    assert_eq!(command.line(), r"test -e '/tmp/it'\''s $HOME'");
    assert_eq!(configured(&["test", "{}"], &[]).with_path(path).words, ["test", "/tmp/it's $HOME"]);
}

#[test]
fn what_takes_too_long_is_ended_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script =
        format!("sleep 1000 & echo $! > {}; trap '' TERM; wait; sleep 1000", pid.display());
    let mut exec = exec(&[&script]);
    exec.timeout = Duration::from_millis(300);
    exec.kill_timeout = Duration::from_millis(100);
    let variables = std::env::vars_os().collect();
    let error = block_on(Command::configured(&exec, variables).run()).unwrap_err();
    assert_eq!(error.reason, "took longer than 0.3 s and was killed");
    let pid = fs::read_to_string(&pid).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn a_daemon_that_is_left_behind_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    run(&format!("sleep 1000 & echo $! > {}", pid.display())).unwrap();
    let pid: i32 = fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // It lives on after the command.
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}
