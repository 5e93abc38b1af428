//! Real programs, started so that they cannot outlive whoever started them.
//!
//! A [`Process`] leads a process group of its own. Dropping it ends the whole group: SIGTERM, a bounded
//! wait, SIGKILL. For the case that the starter itself is killed, [`command`] goes through `setpriv
//! --pdeathsig KILL` (util-linux), which asks the kernel to kill the program when its parent dies.
//!
//! The kernel counts the *thread* that forked as the parent, so each process is started by a thread that
//! lives as long as the process: it starts it, waits for it and reaps it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

/// How long a dropped process may take to end by itself after SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A running program with a process group and a log of its own.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    log: PathBuf,
    exit: Arc<Exit>,
}

/// Filled by the thread that reaps the process; until then its pid cannot be anyone else's.
#[derive(Debug, Default)]
struct Exit {
    status: Mutex<Option<ExitStatus>>,
    known: Condvar,
}

/// A command for `program` that dies with its starter, where this machine has `setpriv`.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].into_iter().find(|p| Path::new(p).exists());
    match setpriv {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// The binary `name` of this workspace, beside the running executable.
///
/// # Panics
///
/// When it has not been built; `cargo test -p integration` alone builds only this package's own.
#[expect(clippy::panic, reason = "nothing can be tested without the program, so say how to get it")]
pub fn program(name: &str) -> PathBuf {
    let path = beside_this_executable().map(|dir| dir.join(name));
    match path {
        Ok(path) if path.is_file() => path,
        Ok(path) => panic!("{} is missing: run `cargo build --workspace --bins`", path.display()),
        Err(err) => panic!("cannot tell where {name} is: {err:#}"),
    }
}

fn beside_this_executable() -> Result<PathBuf> {
    let executable = std::env::current_exe().context("the path of this executable")?;
    let dir =
        executable.parent().ok_or_else(|| anyhow!("{} has no folder", executable.display()))?;
    // Cargo puts tests and examples into a folder below the one of the binaries.
    let nested = dir.ends_with("deps") || dir.ends_with("examples");
    let dir = if nested { dir.parent().unwrap_or(dir) } else { dir };
    Ok(dir.to_owned())
}

impl Process {
    /// Starts `command` (see [`command`]) with its output appended to the file `log`.
    ///
    /// # Errors
    ///
    /// When the log cannot be written or the program cannot be started.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("the log {}", log.display()))?;
        let err = out.try_clone().context("the log for standard error")?;
        command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(err);

        let exit = Arc::new(Exit::default());
        let (sender, started) = mpsc::channel();
        let reaper = Arc::clone(&exit);
        thread::Builder::new()
            .name(format!("wait-{name}"))
            .spawn(move || match command.spawn() {
                Ok(child) => {
                    // The receiver is gone only when the starting thread died, and then so will the child.
                    drop(sender.send(Ok(child.id())));
                    reaper.reap(child);
                }
                Err(err) => drop(sender.send(Err(err))),
            })
            .context("a thread for the process")?;
        let id = started.recv().context("the thread of the process")?;
        let id = id.with_context(|| format!("cannot start {name}"))?;
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("a process id of zero")?;
        Ok(Self { name: name.to_owned(), pid, log: log.to_owned(), exit })
    }

    /// What the process was called when it was started.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is its process group's too.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Sends `signal` to the process alone; a process that has ended is left in peace.
    pub fn signal(&self, signal: Signal) {
        let status = self.exit.lock();
        if status.is_none() {
            // ESRCH cannot happen before the process is reaped, and EPERM means it is not ours to stop.
            kill_process(self.pid, signal).ok();
        }
    }

    /// Sends `signal` to everything in its process group.
    pub fn signal_group(&self, signal: Signal) {
        // ESRCH: the group is empty, which is as good.
        kill_process_group(self.pid, signal).ok();
    }

    /// Whether it has not ended yet.
    pub fn is_running(&self) -> bool {
        self.exit.lock().is_none()
    }

    /// Waits for its end, at most as long as `patience`.
    pub fn wait(&self, patience: Duration) -> Option<ExitStatus> {
        let status = self.exit.lock();
        let waited = self.exit.known.wait_timeout_while(status, patience, |s| s.is_none());
        let (status, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *status
    }

    /// Everything it has printed so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Ends the process and its group, politely first, and returns how the process ended.
    pub fn stop(&self, patience: Duration) -> Option<ExitStatus> {
        if self.is_running() {
            self.signal_group(Signal::TERM);
            self.wait(patience);
        }
        self.signal_group(Signal::KILL);
        self.wait(STOP_PATIENCE)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop(STOP_PATIENCE);
    }
}

impl Exit {
    fn lock(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the ended process a zombie until the lock is held, so that nobody signals a reused pid.
    fn reap(&self, mut child: Child) {
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), ended), Err(rustix::io::Errno::INTR)) {}
        }
        let mut status = self.lock();
        *status = child.wait().ok();
        self.known.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn shell(script: &str) -> (tempfile::TempDir, Process) {
        let dir = tempfile::tempdir().unwrap();
        let mut command = command("/bin/sh");
        command.args(["-c", script]);
        let process = Process::start("sh", command, &dir.path().join("log")).unwrap();
        (dir, process)
    }

    #[test]
    fn reports_the_exit_status_and_the_output() {
        let (_dir, process) = shell("echo out; echo err >&2; exit 7");
        assert_eq!(process.wait(Duration::from_secs(10)).unwrap().code(), Some(7));
        assert!(!process.is_running());
        assert_eq!(process.log(), "out\nerr\n");
    }

    #[test]
    fn signals_reach_the_process() {
        let (_dir, process) = shell("exec sleep 60");
        process.signal(Signal::TERM);
        assert_eq!(process.wait(Duration::from_secs(10)).unwrap().signal(), Some(15));
    }

    #[test]
    fn dropping_ends_the_whole_group() {
        let (_dir, process) = shell("trap '' TERM; sleep 60 & wait; sleep 60");
        let group = process.pid;
        process.signal_group(Signal::KILL);
        process.wait(Duration::from_secs(10)).unwrap();
        drop(process);
        // Orphans of the group are reaped by init or a subreaper; killed they are in any case.
        let left = rustix::process::test_kill_process_group(group).is_ok();
        assert!(!left || all_zombies(group), "something of the group still runs");
    }

    fn all_zombies(group: Pid) -> bool {
        let group = group.as_raw_nonzero().to_string();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let stats = processes.filter_map(|p| fs::read_to_string(p.path().join("stat")).ok());
        let members = stats.filter_map(|stat| {
            let fields: Vec<String> =
                stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect();
            (fields[2] == group).then(|| fields[0].clone())
        });
        members.into_iter().all(|state| state == "Z" || state == "X")
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error_or_an_exit() {
        let dir = tempfile::tempdir().unwrap();
        let started =
            Process::start("none", Command::new("/does/not/exist"), &dir.path().join("log"));
        assert_eq!(started.unwrap_err().to_string(), "cannot start none");
    }
}
