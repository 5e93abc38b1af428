//! A shell with job control on a terminal of its own, as somebody sits at it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcgetpgrp, tcsetattr};

use crate::init::{state, undisturbed};

/// How long nothing may happen. It is far more than a busy machine needs: who waits longer waits for ever.
const PATIENCE: Duration = Duration::from_mins(2);

/// Ctrl-Z.
pub(crate) const SUSPEND: &str = "\x1a";

/// What runs on a terminal, killed with its test.
pub(crate) struct Session {
    process: Child,
    terminal: File,
    seen: String,
}

impl Session {
    /// An interactive shell.
    pub(crate) fn shell() -> Self {
        Self::start(Command::new("bash").args(["--norc", "--noprofile", "--noediting", "-i"]))
    }

    /// A command that is the first of its session, like what a container with a terminal starts.
    pub(crate) fn start(command: &Command) -> Self {
        let terminal =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, vec![]).unwrap();
        let path = std::ffi::OsStr::from_bytes(name.to_bytes());
        let mut options = OpenOptions::new();
        let custom = rustix::fs::OFlags::NOCTTY.bits().cast_signed();
        let options = std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, custom);
        let end: OwnedFd = options.read(true).write(true).open(path).unwrap().into();
        // Only what programs say is to be seen, not what is typed.
        let mut modes = tcgetattr(&end).unwrap();
        modes.local_modes.remove(LocalModes::ECHO);
        // A key that signals drops what waits to be seen, the first answers to the signal with it (termios(3)).
        modes.local_modes.insert(LocalModes::NOFLSH);
        tcsetattr(&end, OptionalActions::Now, &modes).unwrap();
        let stream = || Stdio::from(end.try_clone().unwrap());
        let process = undisturbed()
            .args(["setsid", "--ctty"])
            .arg(command.get_program())
            .args(command.get_args())
            .env("PS1", "$ ")
            .env("HISTFILE", "/dev/null")
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        Self { process, terminal: terminal.into(), seen: String::new() }
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until it has seen `text`; gives what came before it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            if let Some((before, after)) = self.seen.split_once(text) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.seen = after;
                return before;
            }
            let mut buffer = [0; 4096];
            let mut terminal = [PollFd::new(&self.terminal, PollFlags::IN)];
            let patience = PATIENCE.try_into().unwrap();
            // A signal to the tests counts as nothing to read, which the next round may mend.
            let speaks = poll(&mut terminal, Some(&patience)) != Ok(0);
            let count = if speaks { self.terminal.read(&mut buffer).unwrap_or(0) } else { 0 };
            assert!(count > 0, "'{text}' never came after: {}\n{}", self.seen, self.processes());
            self.seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    }

    /// The rest of a line that begins so.
    pub(crate) fn line(&mut self, start: &str) -> String {
        self.wait_for(start);
        self.wait_for("\n").trim().to_owned()
    }

    /// Whose turn it is at the terminal.
    pub(crate) fn foreground(&self) -> Pid {
        tcgetpgrp(&self.terminal).unwrap()
    }

    /// The first process of the session, which is also its first group.
    pub(crate) fn leader(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap()
    }

    /// The processes of the session with their lines of `/proc/PID/stat`.
    fn members(&self) -> Vec<(Pid, String)> {
        let session = self.process.id().to_string();
        let member = |entry: std::fs::DirEntry| {
            let pid = entry.file_name().into_string().ok()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let (_, fields) = stat.rsplit_once(')')?;
            let is_member = fields.split_whitespace().nth(3) == Some(&session);
            is_member.then_some((Pid::from_raw(pid)?, stat))
        };
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(member).collect()
    }

    /// The same for people, with the signals that wait and those that are blocked.
    fn processes(&self) -> String {
        let signals = |pid: &Pid| {
            let path = format!("/proc/{}/status", pid.as_raw_nonzero());
            let status = std::fs::read_to_string(path).unwrap_or_default();
            let lines =
                status.lines().filter(|line| line.starts_with("Sig") || line.starts_with("ShdPnd"));
            lines.collect::<Vec<_>>().join(", ")
        };
        let members = self.members();
        let lines =
            members.iter().map(|(pid, stat)| format!("{}: {}\n", stat.trim(), signals(pid)));
        lines.collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // All that is left of the session goes with its terminal, but what is stopped, which needs more.
        for (pid, _) in self.members() {
            // It may have ended meanwhile.
            kill_process(pid, Signal::KILL).ok();
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Waits until a process is in a state, or gone.
pub(crate) fn wait_for_state(pid: &str, want: &str) {
    let start = Instant::now();
    while let Some(state) = state(pid).filter(|state| state != want) {
        assert!(start.elapsed() < PATIENCE, "process {pid} is {state}, not {want}");
        std::thread::yield_now();
    }
}

/// Says who it and its init are, then which signals it gets and what is typed, until that is `end`.
pub(crate) const TALKER: &str = r#"
import os, select, signal
signals, tell = os.pipe()
os.set_blocking(tell, False)
signal.set_wakeup_fd(tell)
for number in (signal.SIGINT, signal.SIGUSR2):
    signal.signal(number, lambda *_: None)
os.write(1, b"child %d\n" % os.getpid())
os.write(1, b"init %d\n" % os.getppid())
text = b""
while text != b"end\n":
    for source in select.select([0, signals], [], [])[0]:
        text = os.read(source, 100)
        if source == signals:
            os.write(1, b"".join(b"signal %d\n" % number for number in text))
        else:
            os.write(1, b"read " + text)
"#;
