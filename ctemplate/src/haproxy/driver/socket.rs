//! Talking to a running HAProxy ("Management Guide", section 9.3): a connection a line, its commands separated by
//! semicolons.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::process::{Process, Scope};

/// How long an answer may take. That of a process with 20,000 servers takes 30 ms.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a new process may take after the reload: one that was asked for by a signal has yet to read its file.
const HANDOVER: Duration = Duration::from_secs(10);
/// How often a process is asked again that is about to leave.
const POLL: Duration = Duration::from_millis(20);

/// The socket for statistics, with level `admin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    path: PathBuf,
}

impl Socket {
    /// The one at `path`.
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What runs now. A process that is stopping is asked until another one answers.
    ///
    /// # Errors
    ///
    /// When nobody answers, or not as HAProxy does.
    pub async fn read(&self) -> io::Result<Process> {
        self.read_of(Scope::All).await
    }

    /// The same, with some of the servers.
    ///
    /// # Errors
    ///
    /// When nobody answers, or not as a HAProxy does that has them.
    pub async fn read_of(&self, scope: Scope) -> io::Result<Process> {
        self.read_until(PATIENCE, scope, |_| true).await
    }

    /// What runs, without its servers, once it is not the process `old` any more, which a reload is about to end.
    ///
    /// # Errors
    ///
    /// When nobody else answers in time.
    pub async fn read_other_than(&self, old: u32) -> io::Result<Process> {
        self.read_until(HANDOVER, Scope::Backends(BTreeSet::new()), |it| it.pid != old).await
    }

    async fn read_until(
        &self,
        patience: Duration,
        scope: Scope,
        is_wanted: impl Fn(&Process) -> bool,
    ) -> io::Result<Process> {
        let query = scope.query();
        let read = async {
            loop {
                let answer = self.exchange(&query).await?;
                let process = Process::parse(&answer, scope.clone());
                let process = process.ok_or_else(|| unreadable(&answer))?;
                if !process.is_stopping && is_wanted(&process) {
                    return Ok(process);
                }
                sleep(POLL).await;
            }
        };
        timeout(patience, read).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Sends a line of commands. Its answer is for people: how a refusal reads differs between versions.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub async fn send(&self, line: &str) -> io::Result<String> {
        let sent = timeout(PATIENCE, self.exchange(line)).await;
        sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn exchange(&self, line: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.path).await?;
        stream.write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn unreadable(answer: &str) -> io::Error {
    let start: String = answer.trim().chars().take(100).collect();
    io::Error::new(io::ErrorKind::InvalidData, format!("this is not HAProxy's answer: {start:?}"))
}
