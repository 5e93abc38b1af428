//! An init with a command in it: svc-wrapper or tini, as PID 1 or not.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix_libc_wrappers::process::SignalExt;

/// Debian's, which `integration/fetch python-marathon` sees to; others on PATH may be slow wrappers.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// The programs under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Init {
    Wrapper,
    #[allow(dead_code, reason = "the suite itself is about the wrapper; tests/tini compares")]
    Tini,
}

/// What both have an option for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Orphans are adopted by one that is not PID 1.
    Subreaper,
    /// The group of the command gets the signals.
    Group,
    /// SIGKILL for the command when the init dies.
    DeathSignal,
    /// 143 becomes 0.
    Expect143,
}

impl Init {
    pub(crate) fn program(self) -> PathBuf {
        match self {
            Self::Wrapper => env!("CARGO_BIN_EXE_svc-wrapper").into(),
            Self::Tini => integration::rig::component::tini().unwrap(),
        }
    }

    /// With all signals at their defaults, whatever the tests themselves were started with: nohup(1) and shells without job
    /// control leave some ignored, which every process below would inherit.
    pub(crate) fn command(self) -> Command {
        let mut command = undisturbed();
        command.arg(self.program());
        command
    }

    pub(crate) fn options(self, choices: &[Choice]) -> Vec<&'static str> {
        let of = |choice: &Choice| -> &'static [&'static str] {
            match (self, choice) {
                (Self::Wrapper, Choice::Subreaper) => &[],
                (Self::Wrapper, Choice::Group) => &["--signal-target", "group"],
                (Self::Wrapper, Choice::DeathSignal) => &["--pdeathsig", "KILL"],
                (Self::Wrapper, Choice::Expect143) => &["--expect-exit", "143"],
                (Self::Tini, Choice::Subreaper) => &["-s"],
                (Self::Tini, Choice::Group) => &["-g"],
                (Self::Tini, Choice::DeathSignal) => &["-p", "SIGKILL"],
                (Self::Tini, Choice::Expect143) => &["-e", "143"],
            }
        };
        choices.iter().flat_map(of).copied().chain(["--"]).collect()
    }

    /// As a child of the test.
    pub(crate) fn start(self, choices: &[Choice], command: &[&str]) -> Running {
        let options = self.options(choices);
        Running::spawn(self.command().args(options).args(command))
    }

    /// As PID 1 of a namespace of its own.
    pub(crate) fn start_as_pid_1(self, choices: &[Choice], command: &[&str]) -> Running {
        let options = self.options(choices);
        Running::spawn(namespace().arg(self.program()).args(options).args(command))
    }
}

/// `env`, which runs what follows with all signals at their defaults.
pub(crate) fn undisturbed() -> Command {
    let mut command = Command::new("/usr/bin/env");
    command.arg("--default-signal");
    command
}

/// `unshare`, which runs what follows as PID 1 and takes it along when it ends itself.
pub(crate) fn namespace() -> Command {
    let mut command = undisturbed();
    command.args(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]);
    command
}

/// What says `ready` and then is `sleep`, which every signal ends that ends anything.
pub(crate) const SLEEPER: &str = "ulimit -c 0; echo ready; exec sleep 600";

/// An init that runs, ended with its test.
pub(crate) struct Running {
    pub(crate) process: Child,
    pub(crate) output: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        // What tests run is theirs alone.
        let command = command.env_remove("CONSUL_HTTP_ADDR").env_remove("MARATHON_URL");
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = pipes.get_program().display().to_string();
        let mut process = pipes.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, number: i32) {
        signal(self.pid(), number);
    }

    /// Standard output from here on, and the exit code.
    pub(crate) fn end(mut self) -> (String, Option<i32>) {
        drop(self.process.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (rest, self.process.wait().unwrap().code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub(crate) fn signal(pid: Pid, number: i32) {
    kill_process(pid, Signal::from_raw(number).unwrap()).unwrap();
}

/// Runs it to its end and gives its output.
pub(crate) fn output(command: &mut Command) -> String {
    Running::spawn(command).end().0
}

/// A field of `/proc/<pid>/status`.
pub(crate) fn status(text: &str, field: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

/// The letter for the state of a process; none when it is gone.
pub(crate) fn state(pid: impl AsRef<OsStr>) -> Option<String> {
    let path = PathBuf::from("/proc").join(pid.as_ref()).join("status");
    std::fs::read_to_string(path).ok().map(|text| status(&text, "State:"))
}
