//! Bringing a running HAProxy to its file, without a reload where that is possible.
//!
//! The file is always written first; what is done here only makes the process follow. What the process has is read from
//! it each time, never remembered: HAProxy may restart, or be reloaded by somebody else, whenever it likes. Only one thing
//! it does not tell: which frontends, ports and options it has loaded. That is known when the process began after the file
//! was last changed, or when we had it load the file; else it is told to load it.
//!
//! | what differs | what is done |
//! | --- | --- |
//! | nothing | nothing |
//! | servers: new, gone, address, weight, state | commands on its socket; read back; what did not take is reloaded |
//! | anything else | a reload, no sooner than [`Settings::reload_interval`] after the last; servers meanwhile by commands |
//! | anything else, and HAProxy refuses it, or a port is taken | [`DriveError::Refused`] with the file that is to be instead |
//!
//! A server that is gone rests in maintenance, where it finishes what it has, and is deleted when it is idle.
//!
//! # Layout
//!
//! - [`configuration`], [`difference`]: what a file says, and whether another one can follow without a reload.
//! - [`process`], `memory`, [`plan`]: what a process says, what it does not say, and what it is to be told.
//! - [`socket`], [`ports`]: telling it; ports that others hold.

pub mod configuration;
pub mod difference;
mod memory;
pub mod plan;
pub mod ports;
pub mod process;
pub mod socket;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::memory::{File, Identity, Memory, clock};
use self::plan::{Change, What};
use self::process::Process;
use self::socket::Socket;
use super::reload::{self, ReloadError};
use crate::command::Command;

/// How often the process is looked at when nothing is to do: it may have been started again.
const LOOK: Duration = Duration::from_secs(10);
/// How soon it is tried again when it does not answer at all.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a server rests before it is deleted. Up to 2.9 HAProxy does not know of every connection that still points at
/// a server; those it does not know end with what they were opened for.
const REST: Duration = Duration::from_secs(2);
/// Since when servers can be added while HAProxy runs.
const ADDS_SERVERS: (u16, u16) = (2, 6);

/// How a HAProxy is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The socket of its statistics, with level `admin`.
    pub socket: PathBuf,
    /// What makes it load its file.
    pub reload: Reload,
    /// The least time between two reloads.
    pub reload_interval: Duration,
    /// Whether new ports are tried before a reload.
    pub check_ports: bool,
}

/// What makes a HAProxy load its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The socket of its master, which tells how it went.
    Master(PathBuf),
    /// A command.
    Command(Command),
}

/// What was done last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// How.
    pub way: Way,
    /// When it was done.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// How many commands were sent.
    pub commands: usize,
    /// Why it took a reload.
    pub reason: Option<String>,
}

/// How a process was brought to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By commands.
    Runtime,
    /// By loading it.
    Reload,
}

/// How often what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes by commands alone.
    pub runtime: u64,
    /// Reloads.
    pub reloads: u64,
    /// Reloads that were refused.
    pub refused: u64,
}

/// Why a HAProxy does not follow its file.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It does not run, or cannot be reached.
    #[error("HAProxy does not answer: {0}")]
    Away(String),
    /// It goes on with what it had.
    #[error("not reloaded ({reason}): {error}")]
    Refused {
        /// Why a reload was needed.
        reason: String,
        /// Why there was none.
        error: String,
        /// What the file can be instead: the last good one, with the servers of this one.
        instead: Option<String>,
    },
}

/// Keeps one HAProxy at its file.
#[derive(Debug)]
pub struct Driver {
    settings: Settings,
    socket: Socket,
    memory: Memory,
    due: Option<Instant>,
    reload_at: Option<Instant>,
    is_silent: bool,
    is_settled: bool,
    applied: Option<Applied>,
    counts: Counts,
}

impl Driver {
    /// For a HAProxy that is not looked at before it is asked for.
    pub fn new(settings: Settings) -> Self {
        Self {
            socket: Socket::new(settings.socket.clone()),
            settings,
            memory: Memory::default(),
            due: None,
            reload_at: None,
            is_silent: false,
            is_settled: false,
            applied: None,
            counts: Counts::default(),
        }
    }

    /// Takes over what another one knows of the same HAProxy.
    #[must_use]
    pub fn inheriting(self, other: Self) -> Self {
        let settings = self.settings;
        if settings.socket != other.settings.socket {
            return Self::new(settings);
        }
        Self { settings, ..other }
    }

    /// When it wants to look at the process.
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The file is about to change. What it holds is what a process runs that began before.
    pub fn prepare(&mut self, path: &Path) {
        self.memory.prepare(path);
    }

    /// The file is new.
    pub fn ask(&mut self, now: Instant) {
        self.due = Some(now);
        self.is_settled = false;
    }

    /// The file is there. What has looked at it goes on as it was.
    pub fn begin(&mut self, now: Instant) {
        self.due.get_or_insert(now);
    }

    /// Whether the process had what the file says when it was last looked at.
    pub const fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// What was done last.
    pub const fn applied(&self) -> Option<&Applied> {
        self.applied.as_ref()
    }

    /// How often what was done.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How many servers that are gone from the file are still in the process.
    pub fn resting(&self) -> usize {
        self.memory.resting()
    }

    /// Makes the process follow its file, as far as it can now: [`Driver::due`] says when to call this again.
    ///
    /// # Errors
    ///
    /// Why it does not follow.
    pub async fn drive(&mut self, path: &Path) -> Result<(), DriveError> {
        let start = Instant::now();
        self.due = Some(start + LOOK);
        let file =
            File::read(path).map_err(|error| DriveError::File { path: path.to_owned(), error })?;
        match self.socket.read().await {
            Ok(process) => {
                self.answers(None);
                self.follow(&file, process, start).await
            }
            Err(error) => {
                self.answers(Some(&error));
                self.follow_unseen(&file, &error, start).await
            }
        }
    }

    async fn follow(
        &mut self,
        file: &File,
        process: Process,
        start: Instant,
    ) -> Result<(), DriveError> {
        let (identity, version) = (Identity::of(&process), process.version);
        self.memory.recognise(identity, file);
        let mut reason = self.memory.reload_reason(file);
        let mut commands = 0;
        if reason.is_none() || !self.may_reload(file, start) {
            let changed = self.change(file, process, start).await;
            let (sent, answer) = changed.map_err(|error| self.away(&error))?;
            commands = sent;
            reason = reason.or_else(|| answer.map(|answer| unable(version, &answer)));
        }
        let Some(reason) = reason else {
            self.memory.follows(identity, file);
            self.is_settled = true;
            if commands > 0 {
                self.counts.runtime += 1;
                self.done(Way::Runtime, start, commands, None);
            }
            return Ok(());
        };
        self.reload_in_time(file, Some(identity), reason, commands, start).await
    }

    /// Nothing can be asked, so what has changed is loaded.
    async fn follow_unseen(
        &mut self,
        file: &File,
        error: &io::Error,
        start: Instant,
    ) -> Result<(), DriveError> {
        self.due = Some(start + AGAIN);
        if self.memory.has(file) {
            self.is_settled = true;
            return Ok(());
        }
        let reason = format!("{}: {error}", self.socket.path().display());
        self.reload_in_time(file, None, reason, 0, start).await
    }

    /// Whether a reload can be made now, neither too soon after the last nor with what was refused.
    fn may_reload(&self, file: &File, now: Instant) -> bool {
        self.reload_at.is_none_or(|at| at <= now) && self.memory.refusal(file, now).is_none()
    }

    /// Sends the commands it takes, and reads back what came of them: how many there were, and what HAProxy said when
    /// they were not enough.
    async fn change(
        &mut self,
        file: &File,
        process: Process,
        now: Instant,
    ) -> io::Result<(usize, Option<String>)> {
        let Some(loaded) = self.memory.loaded() else { return Ok((0, None)) };
        let plan = plan::plan(&loaded, &file.configuration, &process);
        let answer = self.send(&plan.changes).await?;
        let commands = plan.changes.iter().map(Change::commands).sum();
        let goes = |change: &Change| {
            let place = (change.what == What::Rest).then(|| change.place.clone());
            place.filter(|place| file.configuration.server(place).is_none())
        };
        let gone = plan.changes.iter().filter_map(goes).chain(plan.resting).collect();
        let over = self.memory.rest(gone, now, REST);
        if let Some(since) = self.memory.resting_since() {
            let pause = if since + LOOK > now { REST } else { LOOK };
            self.due = self.due.min(Some(now + pause));
        }
        let delete = |place| Change { place, what: What::Delete };
        // HAProxy refuses to delete a server that is in use; it is tried again.
        self.send(&over.into_iter().map(delete).collect::<Vec<_>>()).await?;
        if commands == 0 {
            return Ok((0, None));
        }
        let process = self.socket.read().await?;
        let left = plan::plan(&loaded, &file.configuration, &process).changes;
        Ok((commands, (!left.is_empty()).then_some(answer)))
    }

    async fn send(&self, changes: &[Change]) -> io::Result<String> {
        let mut answer = String::new();
        for line in plan::lines(changes) {
            answer.push_str(&self.socket.send(&line).await?);
        }
        Ok(answer)
    }

    /// Makes the process load the file, unless that was refused, or it is too soon.
    async fn reload_in_time(
        &mut self,
        file: &File,
        old: Option<Identity>,
        reason: String,
        commands: usize,
        start: Instant,
    ) -> Result<(), DriveError> {
        self.is_settled = false;
        if let Some(error) = self.memory.refusal(file, start) {
            return Err(self.memory.refused(file, reason, error.to_owned()));
        }
        if !self.may_reload(file, start) {
            self.due = self.due.min(self.reload_at);
            return Ok(());
        }
        match self.reload(file, old).await {
            Ok(()) => {}
            Err(Failure::Away(error)) => {
                self.reload_at = Some(Instant::now() + LOOK);
                return Err(self.away(&error));
            }
            Err(Failure::Refused(error)) => {
                self.counts.refused += 1;
                self.memory.refuse(file, error.clone(), Instant::now());
                return Err(self.memory.refused(file, reason, error));
            }
        }
        self.counts.reloads += 1;
        self.done(Way::Reload, start, commands, Some(reason));
        // What it has loaded need not be what it runs: it may have read servers from a file of states.
        self.due = Some(Instant::now());
        Ok(())
    }

    /// Makes the process load the file, and waits for the one that takes its place.
    async fn reload(&mut self, file: &File, old: Option<Identity>) -> Result<(), Failure> {
        if let Some(loaded) = self.memory.loaded().filter(|_| self.settings.check_ports) {
            let taken = ports::taken(&ports::added(&loaded, &file.configuration)).await;
            if !taken.is_empty() {
                let taken: Vec<_> = taken.iter().map(ToString::to_string).collect();
                let error = format!("another program listens on {}", taken.join(", "));
                return Err(Failure::Refused(error));
            }
        }
        let at = clock();
        let result = self.settings.reload.run().await;
        self.reload_at = Some(Instant::now() + self.settings.reload_interval);
        result?;
        let new = match old {
            None => None,
            Some(old) => {
                let wrong = |error| Failure::Refused(format!("no new process took over: {error}"));
                Some(self.socket.read_other_than(old.pid).await.map_err(wrong)?)
            }
        };
        self.memory.has_reloaded(new.as_ref().map(Identity::of), file, at);
        Ok(())
    }

    fn away(&mut self, error: &dyn std::fmt::Display) -> DriveError {
        self.due = Some(Instant::now() + AGAIN);
        DriveError::Away(error.to_string())
    }

    /// Says once when the process stops answering, and once when it does again.
    fn answers(&mut self, error: Option<&io::Error>) {
        if self.is_silent == error.is_some() {
            return;
        }
        self.is_silent = error.is_some();
        // It may be another process, which does not suffer from what was done to the last.
        self.reload_at = None;
        let socket = self.socket.path().display();
        if let Some(error) = error {
            tracing::warn!(%socket, %error, "HAProxy's socket does not answer; changes need a reload");
        } else {
            tracing::info!(%socket, "HAProxy's socket answers again");
        }
    }

    fn done(&mut self, way: Way, start: Instant, commands: usize, reason: Option<String>) {
        let took = start.elapsed();
        let millis = took.as_millis();
        match &reason {
            None => tracing::info!(commands, millis, "HAProxy has new servers"),
            Some(reason) => tracing::info!(reason, commands, millis, "HAProxy reloaded"),
        }
        self.applied = Some(Applied { way, at: Instant::now(), took, commands, reason });
    }
}

/// What to say when commands were not enough.
fn unable(version: (u16, u16), answer: &str) -> String {
    let (major, minor) = version;
    if version < ADDS_SERVERS && major > 0 {
        return format!("HAProxy {major}.{minor} cannot be told every change of servers");
    }
    let mut lines = answer.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_refusal = |line: &&str| !line.starts_with("New server registered");
    let line = lines.find(is_refusal).unwrap_or("it said nothing").trim_end_matches('.');
    format!("HAProxy could not be told every change of servers: {line}")
}

/// Why there was no reload.
enum Failure {
    /// Nobody was there to be asked.
    Away(String),
    /// It did not load the file.
    Refused(String),
}

impl Reload {
    async fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Master(socket) => reload::reload(socket).await.map_err(|error| match error {
                ReloadError::Socket { .. } => Failure::Away(error.to_string()),
                _ => Failure::Refused(error.to_string()),
            }),
            Self::Command(command) => {
                command.run().await.map_err(|error| Failure::Refused(error.to_string()))
            }
        }
    }
}
