//! Signals: those that stop us, those that have us read the configuration again, and those that are the child's.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::config::settings::Settings;
use crate::exit::End;

/// What is caught. Those that report a fault of ours are not, nor SIGPIPE, which our own writes cause, nor those with which
/// a terminal stops what runs in its background.
const CAUGHT: [Signal; 16] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::ABORT,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::TERM,
    Signal::CONT,
    Signal::WINCH,
    Signal::IO,
    Signal::PROF,
    Signal::XCPU,
    Signal::XFSZ,
    Signal::TRAP,
    Signal::SYS,
];

/// The signals that mean something to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    kill: Option<Signal>,
    reload: Option<Signal>,
}

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Stop(End),
    Reload,
    Forward,
}

impl Roles {
    /// As the configuration has them.
    pub const fn of(settings: &Settings) -> Self {
        Self { kill: settings.kill_signal, reload: settings.reload_signal }
    }

    fn meaning(self, signal: Signal) -> Meaning {
        let signal_is = |role: Option<Signal>| role == Some(signal);
        match signal {
            _ if signal_is(self.kill) => Meaning::Stop(End::Stopped),
            _ if signal_is(self.reload) => Meaning::Reload,
            Signal::TERM | Signal::INT => Meaning::Stop(End::Done),
            _ => Meaning::Forward,
        }
    }
}

/// A process that gets the signals that are not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The process.
    pub pid: Pid,
    /// Whether it leads a process group, which is meant as a whole.
    pub leads_group: bool,
}

impl Target {
    /// Sends a signal. Who ended a moment ago is no error.
    pub fn send(self, signal: Signal) {
        let sent = if self.leads_group {
            kill_process_group(self.pid, signal)
        } else {
            kill_process(self.pid, signal)
        };
        if let Err(error) = sent {
            tracing::debug!(?signal, error = %error, "Signal not sent");
        }
    }
}

/// What signals ask for; clones are the same.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    roles: Mutex<Roles>,
    child: Mutex<Option<Target>>,
    end: OnceLock<End>,
    stop: CancellationToken,
    stop_now: CancellationToken,
    reload: Notify,
}

impl Control {
    /// Catches signals from now on, until the program ends.
    ///
    /// # Errors
    ///
    /// When the handlers cannot be installed.
    pub fn start(roles: Roles) -> io::Result<Self> {
        let shared = Shared {
            roles: Mutex::new(roles),
            child: Mutex::default(),
            end: OnceLock::new(),
            stop: CancellationToken::new(),
            stop_now: CancellationToken::new(),
            reload: Notify::new(),
        };
        let control = Self { shared: Arc::new(shared) };
        let (sender, mut arrived) = mpsc::unbounded_channel();
        for caught in CAUGHT {
            let mut stream = signal(SignalKind::from_raw(caught.as_raw()))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() && sender.send(caught).is_ok() {}
            });
        }
        let taking = control.clone();
        tokio::spawn(async move {
            while let Some(signal) = arrived.recv().await {
                taking.take(signal);
            }
        });
        Ok(control)
    }

    /// From now on signals mean this.
    pub fn assign(&self, roles: Roles) {
        *self.shared.roles.lock().unwrap_or_else(PoisonError::into_inner) = roles;
    }

    /// From now on this process gets the signals that are not ours; nobody when none.
    pub fn forward_to(&self, target: Option<Target>) {
        *self.shared.child.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Comes when the program is to end.
    pub fn stop(&self) -> &CancellationToken {
        &self.shared.stop
    }

    /// Comes when it is to end without regard to its child.
    pub fn stop_now(&self) -> &CancellationToken {
        &self.shared.stop_now
    }

    /// How it was asked to end.
    pub fn end(&self) -> End {
        self.shared.end.get().copied().unwrap_or(End::Done)
    }

    /// Waits until it is to read its configuration again.
    pub async fn reload(&self) {
        self.shared.reload.notified().await;
    }

    fn take(&self, signal: Signal) {
        let roles = *self.shared.roles.lock().unwrap_or_else(PoisonError::into_inner);
        match roles.meaning(signal) {
            Meaning::Stop(end) => {
                if self.shared.end.set(end).is_ok() {
                    tracing::info!(?signal, "Stopping");
                    self.shared.stop.cancel();
                } else {
                    self.shared.stop_now.cancel();
                }
            }
            Meaning::Reload => self.shared.reload.notify_one(),
            Meaning::Forward => {
                let child = *self.shared.child.lock().unwrap_or_else(PoisonError::into_inner);
                tracing::debug!(?signal, has_child = child.is_some(), "Signal for the child");
                if let Some(child) = child {
                    child.send(signal);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_means_what_the_configuration_says_before_what_it_is() {
        let usual = Roles { kill: Some(Signal::INT), reload: Some(Signal::HUP) };
        let other = Roles { kill: Some(Signal::QUIT), reload: Some(Signal::TERM) };
        let off = Roles { kill: None, reload: None };
        let (stopped, done) = (Meaning::Stop(End::Stopped), Meaning::Stop(End::Done));
        for (roles, signal, want) in [
            (usual, Signal::INT, stopped),
            (usual, Signal::TERM, done),
            (usual, Signal::HUP, Meaning::Reload),
            (usual, Signal::QUIT, Meaning::Forward),
            (other, Signal::INT, done),
            (other, Signal::TERM, Meaning::Reload),
            (other, Signal::QUIT, stopped),
            (other, Signal::HUP, Meaning::Forward),
            (off, Signal::HUP, Meaning::Forward),
            (off, Signal::INT, done),
        ] {
            assert_eq!(roles.meaning(signal), want, "{roles:?} {signal:?}");
        }
    }
}
