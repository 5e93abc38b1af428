//! A HAProxy of a test's own: master and workers, with both of their sockets.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use tempfile::TempDir;

use super::component;
use super::eventually::within;
use super::process::{self, Process};

/// How long it may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// HAProxy, its configuration file and its sockets in a folder of their own.
#[derive(Debug)]
pub struct Haproxy {
    folder: TempDir,
    process: Option<Process>,
}

impl Haproxy {
    /// One that does not run yet.
    ///
    /// # Errors
    ///
    /// When there is no folder for it.
    pub fn reserve() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, process: None })
    }

    /// Its configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("haproxy.cfg")
    }

    /// The socket that the file is to name with `stats socket`, by its path in [`Haproxy::config_path`]'s folder.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("haproxy.sock")
    }

    /// The socket of its master.
    pub fn master_socket(&self) -> PathBuf {
        self.folder.path().join("master.sock")
    }

    /// Starts it with the file as it is, and waits until both sockets answer.
    ///
    /// # Errors
    ///
    /// When HAProxy is missing or does not start.
    pub async fn start(&mut self) -> Result<()> {
        let mut haproxy = process::command(component::haproxy()?);
        haproxy.arg("-W").arg("-f").arg(self.config_path()).arg("-S").arg(self.master_socket());
        let process = Process::start("haproxy", haproxy, &self.folder.path().join("haproxy.log"))?;
        let sockets = [self.master_socket(), self.socket()];
        let answers = || sockets.iter().try_for_each(|path| answers(path, &process));
        within("HAProxy's sockets", PATIENCE, async || answers()).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills the master, and with it its workers. What they listened on is free when this returns.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.signal_group(Signal::KILL);
            process.wait(PATIENCE);
        }
        for socket in [self.socket(), self.master_socket()] {
            // Not there when it never started.
            fs::remove_file(socket).ok();
        }
    }

    /// The master.
    pub const fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// How often it has loaded its file, by its log; once when it started.
    pub fn loads(&self) -> usize {
        let log = self.process.as_ref().map(Process::log).unwrap_or_default();
        log.matches("Loading success.").count()
    }

    /// Replaces the file as a whole.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn configure(&self, text: &str) -> Result<()> {
        let (path, new) = (self.config_path(), self.folder.path().join("new.cfg"));
        fs::write(&new, text)?;
        fs::rename(&new, &path).with_context(|| path.display().to_string())
    }
}

fn answers(socket: &Path, haproxy: &Process) -> Result<(), String> {
    if !haproxy.is_running() {
        return Err(format!("HAProxy has ended:\n{}", haproxy.log()));
    }
    UnixStream::connect(socket).map(drop).map_err(|error| error.to_string())
}
