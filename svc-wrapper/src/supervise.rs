//! What the supervisor of one child does about what happens (pure).
//!
//! | state | signal | environment ready | child started | child ended | deadline |
//! | --- | --- | --- | --- | --- | --- |
//! | starting | one that would end a process: exit 128 + n | start it | running | – | – |
//! | running | forward; TERM with a kill timeout: stopping | – | – | exit with its code | – |
//! | stopping | forward | – | – | exit with its code | kill it |
//!
//! Nothing here knows of Consul or Marathon: configuration never signals the child.

use std::time::{Duration, Instant};

use rustix::process::Pid;
use signal_hook::consts as signal;

use crate::exit::Ended;

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
    /// It was told to end and may take until the deadline.
    Stopping {
        /// The child.
        pid: Pid,
        /// When it is killed.
        deadline: Instant,
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
    /// A signal came.
    Signal(Signal),
    /// A process of ours ended.
    Reaped(Pid, Ended),
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
    /// The kernel. For a key at the terminal it signals the whole foreground group, in which the child is too.
    Kernel,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the child.
    Start,
    /// Send it a signal.
    Forward(Pid, i32),
    /// Kill it.
    Kill(Pid),
    /// Stop ourselves, as the terminal asked.
    StopSelf,
    /// Leave with this code.
    Exit(u8),
}

impl State {
    /// When a [`Event::Tick`] is wanted.
    pub const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Stopping { deadline, .. } => Some(deadline),
            _ => None,
        }
    }
}

/// Takes one event. `kill_timeout` is how long a child may take to end after SIGTERM, if there is a limit.
pub fn on(
    state: State,
    event: Event,
    kill_timeout: Option<Duration>,
    now: Instant,
) -> (State, Vec<Action>) {
    match (state, event) {
        (State::Starting, Event::Ready) => (state, vec![Action::Start]),
        (State::Starting, Event::Started(pid)) => (State::Running { pid }, vec![]),
        (State::Starting, Event::NotStarted(code)) => exit(code),
        (State::Starting, Event::Abandoned) => exit(1),
        (State::Starting, Event::Signal(signal)) if ends_a_process(signal.number) => {
            exit(Ended::Killed(signal.number).code())
        }
        (State::Running { pid } | State::Stopping { pid, .. }, Event::Reaped(who, ended))
            if who == pid =>
        {
            exit(ended.code())
        }
        (State::Running { pid }, Event::Signal(signal)) => {
            let deadline = kill_timeout.map(|timeout| now + timeout);
            let next = match deadline {
                Some(deadline) if signal.number == signal::SIGTERM => {
                    State::Stopping { pid, deadline }
                }
                _ => state,
            };
            (next, pass_on(pid, signal))
        }
        (State::Stopping { pid, .. }, Event::Signal(signal)) => (state, pass_on(pid, signal)),
        // The child cannot survive it, so that what is left to wait for is its end.
        (State::Stopping { pid, deadline }, Event::Tick) if now >= deadline => {
            (State::Running { pid }, vec![Action::Kill(pid)])
        }
        _ => (state, vec![]),
    }
}

fn exit(code: u8) -> (State, Vec<Action>) {
    (State::Exited { code }, vec![Action::Exit(code)])
}

fn pass_on(pid: Pid, signal: Signal) -> Vec<Action> {
    let at_terminal = [signal::SIGINT, signal::SIGQUIT, signal::SIGWINCH].contains(&signal.number);
    match (signal.number, signal.sender) {
        (signal::SIGTSTP, Sender::Kernel) => vec![Action::StopSelf],
        (_, Sender::Kernel) if at_terminal => vec![],
        (number, _) => vec![Action::Forward(pid, number)],
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
mod tests {
    use super::*;

    fn pid(raw: i32) -> Pid {
        Pid::from_raw(raw).unwrap()
    }

    fn sent(number: i32) -> Event {
        Event::Signal(Signal { number, sender: Sender::Process })
    }

    fn typed(number: i32) -> Event {
        Event::Signal(Signal { number, sender: Sender::Kernel })
    }

    #[test]
    fn waits_for_its_environment() {
        let now = Instant::now();
        for (name, event, want) in [
            ("environment", Event::Ready, vec![Action::Start]),
            ("TERM", sent(15), vec![Action::Exit(143)]),
            ("Ctrl-C", typed(2), vec![Action::Exit(130)]),
            ("real-time", sent(34), vec![Action::Exit(162)]),
            ("new window size", sent(28), vec![]),
            ("adopted orphan", Event::Reaped(pid(8), Ended::Exited(3)), vec![]),
            ("no such command", Event::NotStarted(127), vec![Action::Exit(127)]),
            ("broken coordinator", Event::Abandoned, vec![Action::Exit(1)]),
        ] {
            let (state, actions) = on(State::Starting, event, None, now);
            assert_eq!(actions, want, "{name}");
            let over = matches!(want.first(), Some(Action::Exit(_)));
            assert_eq!(state == State::Starting, !over, "{name}");
        }
        let started = on(State::Starting, Event::Started(pid(7)), None, now);
        assert_eq!(started, (State::Running { pid: pid(7) }, vec![]));
    }

    #[test]
    fn serves_a_running_child() {
        let child = pid(7);
        let forward = |number| vec![Action::Forward(child, number)];
        for (name, event, want) in [
            ("TERM", sent(15), forward(15)),
            ("real-time", sent(40), forward(40)),
            ("sent INT", sent(2), forward(2)),
            ("Ctrl-C reaches the child by itself", typed(2), vec![]),
            ("Ctrl-Z", typed(20), vec![Action::StopSelf]),
            ("sent TSTP", sent(20), forward(20)),
            ("hang-up", typed(1), forward(1)),
            ("broken coordinator", Event::Abandoned, vec![]),
            ("orphan", Event::Reaped(pid(8), Ended::Exited(3)), vec![]),
            ("end", Event::Reaped(child, Ended::Exited(3)), vec![Action::Exit(3)]),
            ("death", Event::Reaped(child, Ended::Killed(9)), vec![Action::Exit(137)]),
        ] {
            let running = State::Running { pid: child };
            let (_, actions) = on(running, event, None, Instant::now());
            assert_eq!(actions, want, "{name}");
        }
    }

    #[test]
    fn kills_a_child_that_takes_too_long() {
        let (start, child, limit) = (Instant::now(), pid(7), Duration::from_secs(5));
        let (state, actions) = on(State::Running { pid: child }, sent(15), Some(limit), start);
        assert_eq!(actions, [Action::Forward(child, 15)]);
        assert_eq!(state.deadline(), Some(start + limit));
        let (same, actions) = on(state, Event::Tick, Some(limit), start + limit / 2);
        assert_eq!((same, actions), (state, vec![]));
        let (_, actions) = on(state, Event::Tick, Some(limit), start + limit);
        assert_eq!(actions, [Action::Kill(child)]);
    }
}
