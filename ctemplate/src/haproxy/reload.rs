//! Reloading a HAProxy through its master's socket, and knowing that it did.
//!
//! A signal (SIGUSR2) is not enough: one that arrives while the master executes itself anew for the last reload is lost,
//! and HAProxy goes on with the file before the last. The socket (`haproxy -W -S PATH`, manual "Management Guide",
//! section 9.4) takes one command after another; up to 2.6 it answers a reload with nothing, so its result is read from
//! the list of processes.

use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};

/// How long a reload may take. Loading a large file takes a second, and a port that another program holds is tried for
/// over two.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long nobody may listen on the socket. A master that executes itself anew reads its file in between.
const ABSENCE: Duration = Duration::from_secs(5);
/// How often the list of processes is read meanwhile.
const POLL: Duration = Duration::from_millis(20);

/// A reload that did not happen. HAProxy goes on with the configuration it had.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The master does not answer.
    #[error("{path}: {error}")]
    Socket {
        /// The master's socket.
        path: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The answer is not HAProxy's.
    #[error("{path}: this is not the socket of a HAProxy master: {answer:?}")]
    NoMaster {
        /// The socket.
        path: String,
        /// What it said.
        answer: String,
    },
    /// HAProxy could not load the file.
    #[error("HAProxy could not load its configuration, and goes on with the last one: {0}")]
    Refused(String),
}

/// The master's own line of `show proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Master {
    /// How often it was told to reload.
    reloads: u64,
    /// How often in a row that failed.
    failed: u64,
}

/// Makes the HAProxy whose master listens at `socket` load its configuration, and waits until it has.
pub async fn reload(socket: &Path) -> Result<(), ReloadError> {
    let deadline = Instant::now() + PATIENCE;
    let before = show(socket, deadline).await?;
    let answer = ask(socket, "reload", deadline).await?;
    if answer.contains("Success=0") {
        return Err(ReloadError::Refused(answer.trim().replace('\n', "; ")));
    }
    loop {
        let now = show(socket, deadline).await?;
        match (now.reloads > before.reloads, now.failed) {
            (true, 0) => return Ok(()),
            (true, _) => return Err(ReloadError::Refused("see HAProxy's log".to_owned())),
            (false, _) => sleep(POLL).await,
        }
        if Instant::now() >= deadline {
            return Err(ReloadError::Refused("it did not reload in time".to_owned()));
        }
    }
}

async fn show(socket: &Path, deadline: Instant) -> Result<Master, ReloadError> {
    let answer = ask(socket, "show proc", deadline).await?;
    Master::parse(&answer)
        .ok_or(ReloadError::NoMaster { path: socket.display().to_string(), answer })
}

/// Sends one command. While the master executes itself anew nobody listens, so a refused connection is tried again.
async fn ask(socket: &Path, command: &str, deadline: Instant) -> Result<String, ReloadError> {
    let absent = deadline.min(Instant::now() + ABSENCE);
    loop {
        let answer = timeout_at(deadline, exchange(socket, command)).await;
        let error = match answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let is_restarting = matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
        );
        if !is_restarting || Instant::now() >= absent {
            return Err(ReloadError::Socket { path: socket.display().to_string(), error });
        }
        sleep(POLL).await;
    }
}

async fn exchange(socket: &Path, command: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(format!("{command}\n").as_bytes()).await?;
    // Half-closed, the connection ends with the answer.
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

impl Master {
    /// Reads `15243  master  1 [failed: 0]  0d00h00m01s  2.6.12`; before 2.5 there is no count of failures.
    fn parse(answer: &str) -> Option<Self> {
        let mut words = answer.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.nth(1) == Some("master")).then_some(words)
        })?;
        let reloads = words.next()?.parse().ok()?;
        let failed = match words.next() {
            Some("[failed:") => words.next()?.trim_end_matches(']').parse().ok()?,
            _ => 0,
        };
        Some(Self { reloads, failed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_masters_line() {
        let show = |line: &str| {
            format!("#<PID> <type> <reloads>\n{line}\n# workers\n7 worker 3 0d00h00m01s 2.6\n")
        };
        for (line, want) in [
            (
                "15243           master          23 [failed: 1]  0d00h00m04s     2.6.12",
                Some((23, 1)),
            ),
            ("15243           master          2               0d00h00m04s     2.4.0", Some((2, 0))),
            ("15243           worker          2               0d00h00m04s     2.4.0", None),
        ] {
            let want = want.map(|(reloads, failed)| Master { reloads, failed });
            assert_eq!(Master::parse(&show(line)), want, "{line}");
        }
        assert_eq!(Master::parse("Unknown command: 'show proc'"), None);
    }
}
