//! A HAProxy: master and workers, with both of their sockets.

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

/// HAProxy, with its configuration file and its sockets beside each other.
#[derive(Debug)]
pub struct Haproxy {
    process: Option<Process>,
    binary: PathBuf,
    /// Where its files are, and how their names begin.
    prefix: PathBuf,
    _folder: Option<TempDir>,
}

impl Haproxy {
    /// One that does not run yet, with a folder of its own.
    ///
    /// # Errors
    ///
    /// When HAProxy is missing, or there is no folder for it.
    pub fn reserve() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let prefix = folder.path().join("haproxy");
        Ok(Self { _folder: Some(folder), ..Self::at(component::haproxy()?, prefix) })
    }

    /// One that does not run yet, whose files' paths begin like this.
    pub const fn at(binary: PathBuf, prefix: PathBuf) -> Self {
        Self { process: None, binary, prefix, _folder: None }
    }

    /// The path of one of its files: what they all begin with, and this.
    pub fn file(&self, suffix: &str) -> PathBuf {
        let mut path = self.prefix.clone().into_os_string();
        path.push(suffix);
        path.into()
    }

    /// Its configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.file(".cfg")
    }

    /// The socket that the file is to name with `stats socket`.
    pub fn socket(&self) -> PathBuf {
        self.file(".sock")
    }

    /// The socket of its master.
    pub fn master_socket(&self) -> PathBuf {
        self.file(".master.sock")
    }

    /// What starts it.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Starts it with the file as it is, and waits until both sockets answer.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub async fn start(&mut self) -> Result<()> {
        let mut haproxy = process::command(&self.binary);
        haproxy.arg("-W").arg("-f").arg(self.config_path()).arg("-S").arg(self.master_socket());
        let process = Process::start("haproxy", haproxy, &self.file(".haproxy.log"))?;
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

    /// What it has printed.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// How often it has loaded its file, by its log; once when it started.
    pub fn loads(&self) -> usize {
        self.log().matches("Loading success.").count()
    }

    /// Replaces the file as a whole.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn configure(&self, text: &str) -> Result<()> {
        let (path, new) = (self.config_path(), self.file(".cfg.new"));
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
