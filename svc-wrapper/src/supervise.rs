//! What the supervisor of one child does about what happens (pure).
//!
//! | state | signal | child ended | deadline |
//! | --- | --- | --- | --- |
//! | starting | one that would end a process: exit 128 + n | – | – |
//! | running | forward; TERM with a drain: draining; TERM: stopping | leave | – |
//! | draining | forward; TERM: forward it, stopping | leave | forward TERM, stopping |
//! | stopping | forward | leave | kill it |
//! | leaving | TERM: kill the leftovers | – | kill the leftovers, give up in the end |
//!
//! Leaving is over at once where leftovers are left alone, else when no process is left. A drain that lasts as long as its
//! program ends with it, too. Nothing here knows of Consul or Marathon: configuration never signals the child.

use std::time::{Duration, Instant};

use nix::libc as signal;
use rustix::process::Pid;

use crate::cli::{Leftovers, Target};
use crate::config::{Drain, Handling};
use crate::exit::Ended;

/// How long leftovers may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// How long after a SIGKILL the next one goes out: to processes that were forked meanwhile.
const KILL_AGAIN: Duration = Duration::from_millis(100);
/// How many SIGKILLs. What is left then hangs in the kernel, and we are not to hang with it.
const KILLS: u8 = 10;

/// Where the child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no child yet: its configuration is being fetched.
    Starting,
    /// It runs.
    Running {
        /// The child.
        pid: Pid,
    },
    /// We were told to stop, and it is not to know until the deadline.
    Draining {
        /// The child.
        pid: Pid,
        /// When it is told.
        deadline: Instant,
        /// The program that was to run meanwhile, while it does.
        pre_stop: Option<Pid>,
    },
    /// It was told to end, and may take until the deadline if there is one.
    Stopping {
        /// The child.
        pid: Pid,
        /// When it is killed.
        deadline: Option<Instant>,
    },
    /// It is over, other processes may not be.
    Leaving {
        /// What we leave with.
        code: u8,
        /// When they are killed.
        deadline: Instant,
        /// How often they are still.
        kills: u8,
    },
    /// It is over, and so are we.
    Exited {
        /// What we leave with.
        code: u8,
    },
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The child's environment is known.
    Ready,
    /// No environment will ever come, because what fetches it broke.
    Abandoned,
    /// The child was started.
    Started(Pid),
    /// The child could not be started; the exit code says why.
    NotStarted(u8),
    /// The program before the stop was started, or could not be.
    PreStop(Option<Pid>),
    /// A signal came.
    Signal(Signal),
    /// A process of ours ended.
    Reaped(Pid, Ended),
    /// A process of ours was stopped, which its terminal's job control has to hear of.
    Stopped(Pid),
    /// We were stopped and go on, and nobody but us tells the child.
    Continued,
    /// No process is left.
    Alone,
    /// Time passed.
    Tick,
}

/// A signal that was sent to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// Who sent it.
    pub sender: Sender,
}

/// Who sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A process, to us alone as far as one can know.
    Process,
    /// The kernel. For a key at the terminal it signals the whole foreground group, in which the child mostly is too.
    Kernel,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the child.
    Start,
    /// Start the program before the stop.
    StartPreStop,
    /// Kill the program before the stop, because time is up.
    EndPreStop(Pid),
    /// Send the child, or whom the target says, a signal.
    Forward(Pid, i32),
    /// Kill it.
    Kill(Pid),
    /// Send what the child left behind a signal.
    Leftovers(i32),
    /// Stop ourselves, as the terminal asked.
    StopSelf,
    /// The same, unless it has become our turn at the terminal: then continue what stopped for want of it.
    StopInBackground(Pid),
    /// Leave with this code.
    Exit(u8),
}

impl State {
    /// When a [`Event::Tick`] is wanted.
    pub const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Stopping { deadline, .. } => deadline,
            Self::Draining { deadline, .. } | Self::Leaving { deadline, .. } => Some(deadline),
            Self::Starting | Self::Running { .. } | Self::Exited { .. } => None,
        }
    }

    /// The child, while there is one.
    pub const fn child(self) -> Option<Pid> {
        match self {
            Self::Running { pid } | Self::Draining { pid, .. } | Self::Stopping { pid, .. } => {
                Some(pid)
            }
            Self::Starting | Self::Leaving { .. } | Self::Exited { .. } => None,
        }
    }

    /// The program before the stop, while it runs.
    pub const fn pre_stop(self) -> Option<Pid> {
        match self {
            Self::Draining { pre_stop, .. } => pre_stop,
            _ => None,
        }
    }
}

/// Takes one event.
pub fn on(state: State, event: Event, handling: &Handling, now: Instant) -> (State, Vec<Action>) {
    match (state, state.child()) {
        (State::Starting, _) => starting(event),
        (State::Leaving { code, deadline, kills }, _) => match event {
            Event::Alone => exit(code),
            Event::Tick if now >= deadline => kill_leftovers(code, kills, now),
            Event::Signal(Signal { number: signal::SIGTERM, .. }) if kills == KILLS => {
                kill_leftovers(code, kills, now)
            }
            _ => (state, vec![]),
        },
        (_, Some(pid)) => alive(state, pid, event, handling, now),
        _ => (state, vec![]),
    }
}

fn starting(event: Event) -> (State, Vec<Action>) {
    match event {
        Event::Ready => (State::Starting, vec![Action::Start]),
        Event::Started(pid) => (State::Running { pid }, vec![]),
        Event::NotStarted(code) => exit(code),
        Event::Abandoned => exit(1),
        Event::Signal(signal) if ends_a_process(signal.number) => {
            exit(Ended::Killed(signal.number).code())
        }
        _ => (State::Starting, vec![]),
    }
}

fn alive(
    state: State,
    pid: Pid,
    event: Event,
    handling: &Handling,
    now: Instant,
) -> (State, Vec<Action>) {
    let time_is_up = state.deadline().is_some_and(|deadline| now >= deadline);
    match (event, state) {
        (Event::Reaped(who, ended), _) if who == pid => leave(state, ended, handling, now),
        (Event::Stopped(who), _) if who == pid => (state, vec![Action::StopSelf]),
        (Event::Continued, _) => (state, vec![Action::Forward(pid, signal::SIGCONT)]),
        (Event::Signal(signal), _) => signalled(state, pid, signal, handling, now),
        (Event::PreStop(Some(pre_stop)), State::Draining { deadline, .. }) => {
            (State::Draining { pid, deadline, pre_stop: Some(pre_stop) }, vec![])
        }
        (Event::PreStop(None), State::Draining { .. }) => pre_stopped(state, pid, handling, now),
        (Event::Reaped(who, _), State::Draining { pre_stop, .. }) if pre_stop == Some(who) => {
            pre_stopped(state, pid, handling, now)
        }
        (Event::Tick, State::Draining { .. }) if time_is_up => tell(state, pid, handling, now),
        // The child cannot survive it, so that what is left to wait for is its end.
        (Event::Tick, State::Stopping { .. }) if time_is_up => {
            (State::Stopping { pid, deadline: None }, vec![Action::Kill(pid)])
        }
        _ => (state, vec![]),
    }
}

fn signalled(
    state: State,
    pid: Pid,
    signal: Signal,
    handling: &Handling,
    now: Instant,
) -> (State, Vec<Action>) {
    if signal.number != signal::SIGTERM || handling.forwarded(signal::SIGTERM).is_none() {
        return (state, pass_on(pid, signal, handling));
    }
    match (state, &handling.drain) {
        (State::Running { .. }, Some(drain)) => {
            let deadline = now + drain.limit();
            let actions = drain.pre_stop().map(|_| Action::StartPreStop).into_iter().collect();
            (State::Draining { pid, deadline, pre_stop: None }, actions)
        }
        (State::Stopping { .. }, _) => (state, pass_on(pid, signal, handling)),
        _ => tell(state, pid, handling, now),
    }
}

/// The program before the stop is over, for better or worse.
fn pre_stopped(state: State, pid: Pid, handling: &Handling, now: Instant) -> (State, Vec<Action>) {
    match (state, &handling.drain) {
        (State::Draining { deadline, .. }, Some(Drain::Time(..))) => {
            (State::Draining { pid, deadline, pre_stop: None }, vec![])
        }
        (State::Draining { deadline, .. }, _) => {
            tell(State::Draining { pid, deadline, pre_stop: None }, pid, handling, now)
        }
        _ => (state, vec![]),
    }
}

/// Tells the child to stop.
fn tell(state: State, pid: Pid, handling: &Handling, now: Instant) -> (State, Vec<Action>) {
    let deadline = handling.kill_timeout.map(|timeout| now + timeout);
    let end = state.pre_stop().map(Action::EndPreStop);
    let forward = handling.forwarded(signal::SIGTERM).map(|number| Action::Forward(pid, number));
    (State::Stopping { pid, deadline }, end.into_iter().chain(forward).collect())
}

fn leave(state: State, ended: Ended, handling: &Handling, now: Instant) -> (State, Vec<Action>) {
    let code = if handling.expected.contains(&ended.code()) { 0 } else { ended.code() };
    let (next, action) = match handling.leftovers {
        Leftovers::Ignore => (State::Exited { code }, Action::Exit(code)),
        Leftovers::Term => (
            State::Leaving { code, deadline: now + GRACE, kills: KILLS },
            Action::Leftovers(signal::SIGTERM),
        ),
        Leftovers::Kill => (
            State::Leaving { code, deadline: now + KILL_AGAIN, kills: KILLS - 1 },
            Action::Leftovers(signal::SIGKILL),
        ),
    };
    (next, state.pre_stop().map(Action::EndPreStop).into_iter().chain([action]).collect())
}

fn kill_leftovers(code: u8, kills: u8, now: Instant) -> (State, Vec<Action>) {
    match kills.checked_sub(1) {
        Some(kills) => (
            State::Leaving { code, deadline: now + KILL_AGAIN, kills },
            vec![Action::Leftovers(signal::SIGKILL)],
        ),
        None => exit(code),
    }
}

fn exit(code: u8) -> (State, Vec<Action>) {
    (State::Exited { code }, vec![Action::Exit(code)])
}

fn pass_on(pid: Pid, signal: Signal, handling: &Handling) -> Vec<Action> {
    let in_our_group = handling.target != Target::Group;
    match (signal.number, signal.sender) {
        // A continuation that we forward may come late and undo the key, unless the key comes after it.
        (number @ signal::SIGTSTP, Sender::Kernel) => {
            vec![Action::Forward(pid, number), Action::StopSelf]
        }
        // A job in the background used the terminal, and may do so again before the first time stops us. The second is then
        // heard when somebody has continued us, with the terminal perhaps, and has nothing left to stop.
        (signal::SIGTTIN | signal::SIGTTOU, Sender::Kernel) => vec![Action::StopInBackground(pid)],
        (signal::SIGINT | signal::SIGQUIT | signal::SIGWINCH, Sender::Kernel) if in_our_group => {
            vec![]
        }
        (number, _) => {
            let forward = |number| Action::Forward(pid, number);
            handling.forwarded(number).map(forward).into_iter().collect()
        }
    }
}

/// signal(7): every signal ends a process by default but those that do nothing, stop or continue.
fn ends_a_process(number: i32) -> bool {
    ![
        signal::SIGCHLD,
        signal::SIGCONT,
        signal::SIGURG,
        signal::SIGWINCH,
        signal::SIGTSTP,
        signal::SIGTTIN,
        signal::SIGTTOU,
    ]
    .contains(&number)
}

#[cfg(test)]
mod tests;
