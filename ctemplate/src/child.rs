//! The program that runs as our child, told of each change.

use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::process;
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::command::Command;
use crate::command::environment::Variables;
use crate::config::settings::Exec;
use crate::signals::{Control, Target};

/// How long the kernel may take to end what was killed.
const KILLED: Duration = Duration::from_secs(5);

/// A running child.
#[derive(Debug)]
pub struct Child {
    exec: Exec,
    variables: Variables,
    control: Control,
    process: process::Child,
    target: Target,
    phase: Phase,
    status: watch::Sender<Status>,
}

/// How a child is, for whoever watches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its command line.
    pub command: String,
    /// The id of its process.
    pub pid: i32,
    /// When that was started.
    pub start: Instant,
    /// How often it was started again.
    pub restarts: u64,
    /// `running`, or else it was told to end: `restarting`, `ending` for good, or `killed`.
    pub state: &'static str,
}

/// What the child is in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It runs; when it ends, so do we. It is told of a change, or has run for too long, at these times.
    Running { tell: Option<Instant>, limit: Option<Instant> },
    /// It was asked to end, to be started again.
    Restarting { kill: Instant },
    /// It has run for too long and was asked to end.
    Ending { kill: Instant },
    /// It was killed.
    Killed { restarts: bool },
}

/// What is to be done to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Tell,
    Ask,
    Kill,
}

impl Phase {
    /// What comes next, and when.
    fn next(self) -> Option<(Instant, Action)> {
        match self {
            Self::Running { tell, limit } => {
                let tell = tell.map(|at| (at, Action::Tell));
                let limit = limit.map(|at| (at, Action::Ask));
                tell.into_iter().chain(limit).min_by_key(|(at, _)| *at)
            }
            Self::Restarting { kill } | Self::Ending { kill } => Some((kill, Action::Kill)),
            Self::Killed { .. } => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Running { .. } => "running",
            Self::Restarting { .. } => "restarting",
            Self::Ending { .. } => "ending",
            Self::Killed { .. } => "killed",
        }
    }

    /// Whether it is started again when it has ended.
    const fn restarts(self) -> bool {
        matches!(self, Self::Restarting { .. } | Self::Killed { restarts: true })
    }
}

impl Child {
    /// Starts the child with these variables. From now on it gets the signals that are not ours.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(exec: Exec, variables: Variables, control: Control) -> io::Result<Self> {
        let (process, target) = spawn(&exec, &variables)?;
        control.forward_to(Some(target));
        let start = Instant::now();
        let phase = running(&exec, start);
        let status = watch::Sender::new(Status {
            command: exec.command.words().join(" "),
            pid: target.pid.as_raw_pid(),
            start,
            restarts: 0,
            state: phase.name(),
        });
        Ok(Self { exec, variables, control, process, target, phase, status })
    }

    /// How it is, from now on until it is gone.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Tells the child of a change, after a random part of its splay.
    pub fn tell(&mut self, now: Instant) {
        // One that is on its way out reads the files when it is started again.
        if let Phase::Running { tell: tell @ None, .. } = &mut self.phase {
            *tell = Some(now + self.exec.splay.mul_f64(daemon::backoff::jitter()));
        }
    }

    /// Runs it in another way from now on. It is started again when that makes a difference.
    pub fn become_like(&mut self, exec: Exec, variables: Variables, now: Instant) {
        if (&self.exec, &self.variables) == (&exec, &variables) {
            return;
        }
        (self.exec, self.variables) = (exec, variables);
        if let Phase::Running { .. } = self.phase {
            self.restart(now);
        }
    }

    /// Waits until it has ended by itself; meanwhile does what is due. May be dropped and called again.
    ///
    /// # Errors
    ///
    /// When it cannot be started again.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            let next = self.phase.next();
            let at = next.map_or_else(Instant::now, |(at, _)| at);
            tokio::select! {
                status = self.process.wait() => {
                    self.control.forward_to(None);
                    if !self.phase.restarts() {
                        return status;
                    }
                    self.start_again()?;
                }
                () = sleep_until(at.into()), if next.is_some() => {
                    if let Some((_, action)) = next {
                        self.perform(action, Instant::now());
                    }
                }
            }
        }
    }

    /// Ends it: with its signal, and after its time to do so, or at once when told so a second time, with force.
    pub async fn stop(mut self) {
        self.control.forward_to(None);
        if self.process.id().is_none() {
            return;
        }
        self.target.send(self.kill_signal());
        let stop_now = self.control.stop_now().clone();
        tokio::select! {
            _ = self.process.wait() => return,
            () = tokio::time::sleep(self.exec.kill_timeout) => {}
            () = stop_now.cancelled() => {}
        }
        tracing::warn!(command = self.line(), "Child killed");
        self.target.send(Signal::KILL);
        if tokio::time::timeout(KILLED, self.process.wait()).await.is_err() {
            tracing::warn!("The child does not end");
        }
    }

    /// The command line, for logs.
    pub fn line(&self) -> String {
        self.exec.command.words().join(" ")
    }

    fn perform(&mut self, action: Action, now: Instant) {
        let kill = now + self.exec.kill_timeout;
        match (action, self.exec.reload_signal) {
            (Action::Tell, Some(signal)) => {
                tracing::info!(command = self.line(), ?signal, "Child told of the change");
                self.target.send(signal);
                if let Phase::Running { tell, .. } = &mut self.phase {
                    *tell = None;
                }
            }
            (Action::Tell, None) => self.restart(now),
            (Action::Ask, _) => {
                tracing::warn!(command = self.line(), "Child has run for too long");
                self.target.send(self.kill_signal());
                self.enter(Phase::Ending { kill });
            }
            (Action::Kill, _) => {
                tracing::warn!(command = self.line(), "Child killed");
                self.target.send(Signal::KILL);
                self.enter(Phase::Killed { restarts: self.phase.restarts() });
            }
        }
    }

    fn restart(&mut self, now: Instant) {
        tracing::info!(command = self.line(), "Restarting the child");
        self.target.send(self.kill_signal());
        self.enter(Phase::Restarting { kill: now + self.exec.kill_timeout });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.status.send_modify(|status| status.state = phase.name());
    }

    fn start_again(&mut self) -> io::Result<()> {
        (self.process, self.target) = spawn(&self.exec, &self.variables)?;
        self.control.forward_to(Some(self.target));
        let start = Instant::now();
        self.phase = running(&self.exec, start);
        self.status.send_modify(|status| {
            let restarts = status.restarts + 1;
            let (command, pid) =
                (self.exec.command.words().join(" "), self.target.pid.as_raw_pid());
            *status = Status { command, pid, start, restarts, state: self.phase.name() };
        });
        Ok(())
    }

    fn kill_signal(&self) -> Signal {
        self.exec.kill_signal.unwrap_or(Signal::KILL)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.control.forward_to(None);
        // Not waited for: whoever drops it leaves in a hurry.
        if self.process.id().is_some() {
            self.target.send(Signal::KILL);
        }
    }
}

fn running(exec: &Exec, now: Instant) -> Phase {
    let limit = (!exec.timeout.is_zero()).then(|| now + exec.timeout);
    Phase::Running { tell: None, limit }
}

/// On our standard streams. A shell leads a process group, so that signals reach what it starts; anything else stays in
/// ours, and on our terminal.
fn spawn(exec: &Exec, variables: &Variables) -> io::Result<(process::Child, Target)> {
    let command = Command::configured(exec, variables.clone());
    let leads_group = command.is_shell();
    let mut built = command.build(None)?;
    if leads_group {
        built.process_group(0);
    }
    let process = built.spawn()?;
    let pid = process.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("the kernel gave no process id"))?;
    tracing::info!(command = command.line(), pid = pid.as_raw_nonzero(), "Child started");
    Ok((process, Target { pid, leads_group }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_first_comes_first() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let running = |tell: Option<u64>, limit: Option<u64>| {
            Phase::Running { tell: tell.map(at), limit: limit.map(at) }.next()
        };
        assert_eq!(running(None, None), None);
        assert_eq!(running(Some(1), None), Some((at(1), Action::Tell)));
        assert_eq!(running(Some(2), Some(1)), Some((at(1), Action::Ask)));
        assert_eq!(running(Some(1), Some(2)), Some((at(1), Action::Tell)));
        assert_eq!(Phase::Ending { kill: at(3) }.next(), Some((at(3), Action::Kill)));
        assert_eq!(Phase::Killed { restarts: true }.next(), None);
    }

    #[test]
    fn only_who_was_ended_for_it_is_started_again() {
        let now = Instant::now();
        for (phase, want) in [
            (Phase::Running { tell: None, limit: None }, false),
            (Phase::Restarting { kill: now }, true),
            (Phase::Ending { kill: now }, false),
            (Phase::Killed { restarts: true }, true),
            (Phase::Killed { restarts: false }, false),
        ] {
            assert_eq!(phase.restarts(), want, "{phase:?}");
        }
    }
}
