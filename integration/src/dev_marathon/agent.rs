//! The processes of tasks.
//!
//! Each runs in a process group and a folder of its own, with `stdout` and `stderr` in files there, as in a Mesos
//! sandbox. SIGTERM goes to the process alone, as from Mesos and docker; whatever is left of the group when the
//! process is gone is killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::cluster::task::End;
use super::cluster::{Happening, Launch};
use super::serve::Marathon;
use crate::rig::process::command;

/// All running tasks of this machine, on whichever agent's address.
#[derive(Debug)]
pub struct Processes {
    images: BTreeMap<String, Vec<String>>,
    root: TempDir,
    running: Mutex<BTreeMap<String, Pid>>,
}

impl Processes {
    /// No process yet; `images` says what stands for docker images.
    ///
    /// # Errors
    ///
    /// When there is no place for sandboxes.
    pub fn new(images: Vec<(String, Vec<String>)>) -> Result<Self> {
        let root = tempfile::Builder::new().prefix("dev-marathon-").tempdir();
        let root = root.context("a folder for the sandboxes of tasks")?;
        Ok(Self { images: images.into_iter().collect(), root, running: Mutex::default() })
    }

    /// Where a task runs.
    pub fn sandbox(&self, task: &str) -> PathBuf {
        self.root.path().join(task)
    }

    /// Whether any task is left.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Sends a signal to a task's process, or to all of its group. Answers whether there is such a task.
    pub fn signal(&self, task: &str, signal: Signal, group: bool) -> bool {
        let running = self.lock();
        let Some(&pid) = running.get(task) else { return false };
        // The only possible error is that it has ended by itself, which is what was wanted.
        if group { kill_process_group(pid, signal) } else { kill_process(pid, signal) }.ok();
        true
    }

    /// SIGKILL to everything.
    pub fn kill_all(&self) {
        for &pid in self.lock().values() {
            kill_process_group(pid, Signal::KILL).ok();
        }
    }

    fn start(&self, launch: &Launch) -> Result<(Child, Pid)> {
        let words = self.words(launch)?;
        let (program, args) = words.split_first().context("the command is empty")?;
        let sandbox = self.sandbox(&launch.task);
        fs::create_dir_all(&sandbox).context("the sandbox")?;
        let file = |name| File::create(sandbox.join(name)).context("the output of the task");
        let mut command = command(program);
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("MESOS_SANDBOX", &sandbox)
            .envs(&launch.env)
            .current_dir(&sandbox)
            .stdin(Stdio::null())
            .stdout(file("stdout")?)
            .stderr(file("stderr")?)
            .process_group(0);
        let child =
            Command::from(command).spawn().with_context(|| format!("cannot run {program}"))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.context("the process has no id")?;
        self.lock().insert(launch.task.clone(), pid);
        Ok((child, pid))
    }

    /// The program and its arguments.
    fn words(&self, launch: &Launch) -> Result<Vec<String>> {
        let mut words = match &launch.image {
            Some(image) => self.command_of(image)?,
            None => Vec::new(),
        };
        if let Some(cmd) = &launch.cmd {
            // Docker would run the shell inside the image, in place of its command.
            words = vec!["/bin/sh".to_owned(), "-c".to_owned(), cmd.clone()];
        }
        words.extend(launch.args.iter().cloned());
        Ok(words)
    }

    fn command_of(&self, image: &str) -> Result<Vec<String>> {
        let without_tag = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
        let found = self.images.get(image);
        let found = found.or_else(|| self.images.get(without_tag?.0));
        found.cloned().ok_or_else(|| {
            anyhow!("image {image} is unknown: start dev-marathon with --image '{image}=COMMAND'")
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Pid>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a task and reports its start and its end.
pub fn run(marathon: &Arc<Marathon>, launch: Launch) {
    let started = marathon.processes.start(&launch);
    let marathon = Arc::clone(marathon);
    // The report cannot be made at once: this may be called while another report is taken in.
    tokio::spawn(async move {
        let task = launch.task;
        let end = match started {
            Ok((mut child, pid)) => {
                marathon.report(Happening::Started { task: task.clone() });
                let status = child.wait().await;
                kill_process_group(pid, Signal::KILL).ok();
                marathon.processes.lock().remove(&task);
                status.map_or_else(|err| End::NotStarted(err.to_string()), end_of)
            }
            Err(err) => End::NotStarted(format!("{err:#}")),
        };
        tracing::info!(task, ?end, "Task ended");
        marathon.report(Happening::Ended { task, end });
    });
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signaled(signal.unwrap_or_default()),
    }
}

/// Tells a task to end, and kills it when it does not within `grace`.
pub fn stop(marathon: &Arc<Marathon>, task: String, grace: Duration) {
    marathon.processes.signal(&task, Signal::TERM, false);
    let marathon = Arc::clone(marathon);
    tokio::spawn(async move {
        sleep(grace).await;
        marathon.processes.signal(&task, Signal::KILL, true);
    });
}
