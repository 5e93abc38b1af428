//! Bringing a running HAProxy to its file, without a reload where that is possible.
//!
//! What the process has is read from it, not remembered: HAProxy may restart, or be reloaded by somebody else, whenever it
//! likes. Of thousands of servers that takes tens of milliseconds, so after a change only those are read whose backends have
//! changed, with what tells one process from another; all of them at the start, after a reload, when another process answers,
//! when something went otherwise than it should, and every ten seconds. Only one thing HAProxy does not tell: which frontends,
//! ports and options it has loaded. That is known when the process began after the file was last changed, or when we had it
//! load the file; else it is told to load it.
//!
//! | what differs | what is done |
//! | --- | --- |
//! | nothing | nothing |
//! | servers: new, gone, address, weight, state | commands on its socket; read back; what did not take is reloaded |
//! | anything else | a reload, no sooner than [`Settings::reload_interval`] after the last; servers meanwhile by commands |
//! | anything else, and HAProxy refuses it, or a port is taken | [`DriveError::Refused`] with the file that is to be instead |
//!
//! Where only servers differ, and the process has what the file says, it is told before the file is written, see
//! [`Driver::lead`]: checking a large file and having it on disk takes longer than all the rest. The file is checked and
//! written all the same, and when it is refused the process goes back to what the file says. No unchecked file is ever in
//! place; the price is that a ctemplate that is killed in that moment leaves a process that is ahead of its file.
//!
//! A server that is gone rests in maintenance, where it finishes what it has, and is deleted when it is idle.
//!
//! # Layout
//!
//! - [`configuration`], [`difference`]: what a file says, and whether another one can follow without a reload.
//! - [`process`], `memory`, [`plan`]: what a process says, what it does not say, and what it is to be told.
//! - `commands`, `reloading`: telling it, and having it load its file.
//! - [`socket`], [`ports`]: its socket; ports that others hold.

mod commands;
pub mod configuration;
pub mod difference;
mod memory;
pub mod plan;
pub mod ports;
pub mod process;
mod reloading;
pub mod socket;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::memory::{File, Identity, Memory};
use self::process::{Process, Scope};
use self::reloading::Reloading;
use self::socket::Socket;
use crate::command::Command;

/// How often all of the process is looked at: it may have been started again, or changed by somebody else.
const LOOK: Duration = Duration::from_secs(10);
/// How soon it is tried again when it does not answer at all.
const AGAIN: Duration = Duration::from_secs(1);

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
    /// As it was read last.
    file: Option<Arc<File>>,
    due: Option<Instant>,
    /// When all servers are read, whatever is known of them.
    look_at: Instant,
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
            file: None,
            due: None,
            look_at: Instant::now(),
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
        self.due = Some(if self.look_at > start { self.look_at } else { start + LOOK });
        let file = File::read(path, self.file.as_deref())
            .map_err(|error| DriveError::File { path: path.to_owned(), error })?;
        let file = Arc::new(file);
        self.file = Some(Arc::clone(&file));
        let affected = self.memory.affected(&file, start, commands::REST);
        // What has changed does not wait for a look at everything.
        let scope = affected.filter(|it| !it.is_empty() || self.look_at > start);
        let is_partial = scope.is_some();
        self.follow(&file, scope.unwrap_or(Scope::All), start).await?;
        if is_partial && self.look_at <= start {
            self.follow(&file, Scope::All, Instant::now()).await?;
        }
        Ok(())
    }

    async fn follow(
        &mut self,
        file: &File,
        scope: Scope,
        start: Instant,
    ) -> Result<(), DriveError> {
        let read = self.read(scope).await;
        self.answers(read.as_ref().err());
        let process = match read {
            Ok(process) => process,
            Err(error) => return self.follow_unseen(file, &error, start).await,
        };
        if process.scope == Scope::All {
            self.look_at = start + LOOK;
            self.due = Some(self.look_at);
        }
        let (identity, version) = (Identity::of(&process), process.version);
        self.memory.recognise(identity, file);
        let obstacle = self.obstacle(file, start);
        let mut reason = self.memory.reload_reason(file);
        let mut commands = 0;
        if reason.is_none() || obstacle.is_some() {
            let changed = self.change(file, process, start).await;
            let changed = changed.map_err(|error| self.away(&error))?;
            commands = changed.commands;
            reason = reason.or_else(|| changed.reload_reason(version));
        }
        let Some(reason) = reason else {
            self.followed(identity, file, commands, start);
            return Ok(());
        };
        let reloading = Reloading { file, old: Some(identity), reason, commands, start };
        self.reload_unless(obstacle, reloading).await
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
        let reloading = Reloading { file, old: None, reason, commands: 0, start };
        self.reload_unless(self.obstacle(file, start), reloading).await
    }

    /// Tells the process what a file says that is about to be written, where it has what the file before says and can be
    /// told all that differs. True when it was told something: it is then to be driven to whatever file there is.
    pub async fn lead(&mut self, text: &str) -> bool {
        let start = Instant::now();
        let file = Arc::new(File::unwritten(text.to_owned(), self.file.as_deref()));
        self.file = Some(Arc::clone(&file));
        if !self.is_settled || self.memory.reload_reason(&file).is_some() {
            return false;
        }
        let affected = self.memory.affected(&file, start, commands::REST);
        let Some(scope) = affected.filter(|it| !it.is_empty()) else { return false };
        // Whatever is wrong is found again, and told, once there is a file.
        let Ok(process) = self.socket.read_of(scope).await else { return false };
        let identity = Identity::of(&process);
        if !self.memory.knows(identity) {
            return false;
        }
        match self.change(&file, process, start).await {
            Ok(changed) if changed.is_enough() => {
                self.followed(identity, &file, changed.commands, start);
                changed.commands > 0
            }
            Ok(_) | Err(_) => true,
        }
    }

    /// What runs. All of it is read where it is another process than the one that is known, or has not what that had.
    async fn read(&self, scope: Scope) -> io::Result<Process> {
        if scope == Scope::All {
            return self.socket.read().await;
        }
        match self.socket.read_of(scope).await {
            Ok(process) if self.memory.knows(Identity::of(&process)) => Ok(process),
            Err(error) if error.kind() != io::ErrorKind::InvalidData => Err(error),
            Ok(_) | Err(_) => self.socket.read().await,
        }
    }

    /// The process has what the file says.
    fn followed(&mut self, process: Identity, file: &File, commands: usize, start: Instant) {
        self.memory.follows(process, file);
        self.is_settled = true;
        if commands > 0 {
            self.counts.runtime += 1;
            self.done(Way::Runtime, start, commands, None);
        }
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
        // It may be another process, which does not suffer from what was done to the last, and has not what that had.
        self.reload_at = None;
        self.look_at = Instant::now();
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
