//! A command while it runs: its process group, and the last of what it prints.

use std::fmt;
use std::io::{self, PipeReader};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What the kernel says.
    pub(super) status: ExitStatus,
    /// The last lines of what it printed.
    pub(super) printed: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.printed.as_str() {
            "" => write!(f, "{}", self.status),
            printed => write!(f, "{}: {printed}", self.status),
        }
    }
}

/// A command and all it started. It is killed as a whole when nobody waits for its end any more.
#[derive(Debug)]
pub(super) struct Group {
    leader: Child,
    pid: Pid,
    has_ended: bool,
}

impl Group {
    /// The group that a child leads.
    pub(super) fn of(leader: Child) -> io::Result<Self> {
        let pid = leader.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the kernel gave no process id"))?;
        Ok(Self { leader, pid, has_ended: false })
    }

    /// Waits until the leader has ended, and keeps what is printed until then from stopping it.
    pub(super) async fn wait_reading(&mut self, tail: &mut Tail) -> io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = self.leader.wait() => {
                    self.has_ended = true;
                    return status;
                }
                () = tail.read() => {}
            }
        }
    }

    /// Asks the group to end, and kills it when the leader does not in time.
    pub(super) async fn end(mut self, signal: Signal, patience: Duration) {
        // Fails only when the whole group has ended by itself.
        kill_process_group(self.pid, signal).ok();
        drop(tokio::time::timeout(patience, self.leader.wait()).await);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.has_ended {
            kill_process_group(self.pid, Signal::KILL).ok();
        }
    }
}

/// The last of what a command prints.
#[derive(Debug)]
pub(super) struct Tail {
    pipe: Receiver,
    bytes: Vec<u8>,
    is_open: bool,
}

impl Tail {
    const BYTES: usize = 8192;
    const LINES: usize = 10;

    pub(super) fn new(reader: PipeReader) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(reader.into())?;
        Ok(Self { pipe, bytes: Vec::new(), is_open: true })
    }

    /// Waits for something and takes it; for ever once nobody can print any more.
    async fn read(&mut self) {
        if !self.is_open || self.pipe.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.take();
    }

    /// Takes what is there. False when there is nothing, now or for ever.
    fn take(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.pipe.try_read(&mut buffer) {
            Ok(0) => {
                self.is_open = false;
                false
            }
            Ok(length) => {
                self.bytes.extend(buffer.iter().take(length));
                let excess = self.bytes.len().saturating_sub(Self::BYTES);
                self.bytes.drain(..excess);
                true
            }
            Err(_) => false,
        }
    }

    /// The last lines. What a daemon prints that was left behind is read and dropped, so that it does not die of it.
    pub(super) fn finish(mut self) -> String {
        while self.take() {}
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        if self.is_open {
            tokio::spawn(async move {
                while self.is_open {
                    self.read().await;
                    self.bytes.clear();
                }
            });
        }
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let skipped = lines.len().saturating_sub(Self::LINES);
        lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
    }
}
