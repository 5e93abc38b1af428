//! The main thread's loop: events in, actions out.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use nix::libc::{SIGCHLD, SIGCONT, SIGKILL, SIGTERM};

use crate::child::Terminal;
use crate::cli::Target;
use crate::config::{Config, Drain};
use crate::env::Environment;
use crate::reap::News;
use crate::signals::Caught;
use crate::status::Board;
use crate::supervise::{self, Action, Event, Sender, Signal, State};
use crate::{child, exit, reap};

/// What the other threads tell the supervisor.
pub(super) enum Message {
    Signal(Signal),
    Ready(Environment),
    /// End the child, and leave with this code.
    Leave(u8),
    Abandoned,
}

const CONTINUATION: Signal = Signal { number: SIGCONT, sender: Sender::Process };

/// The child's keeper.
pub(super) struct Supervisor<'a> {
    config: &'a Config,
    board: &'a Board,
    caught: &'a Caught,
    environment: Environment,
    /// Only where the child has it while it runs.
    terminal: Option<Terminal>,
    /// The code to leave with, whatever the child's is.
    leaving: Option<u8>,
    state: State,
}

impl<'a> Supervisor<'a> {
    pub(super) fn new(config: &'a Config, board: &'a Board, caught: &'a Caught) -> Self {
        let own_group = config.handling.target == Target::Group;
        Self {
            config,
            board,
            caught,
            environment: Environment::default(),
            terminal: own_group.then(Terminal::ours).flatten(),
            leaving: None,
            state: State::Starting,
        }
    }

    /// Until the child is over; gives the exit code.
    pub(super) fn run(mut self, received: &Receiver<Message>) -> u8 {
        let mut events = VecDeque::new();
        loop {
            while let Some(event) = events.pop_front() {
                let handling = &self.config.handling;
                let (next, actions) = supervise::on(self.state, event, handling, Instant::now());
                let before = std::mem::replace(&mut self.state, next);
                for action in actions {
                    events.extend(self.perform(action, before));
                }
                if let State::Exited { code } = self.state {
                    let code = self.leaving.unwrap_or(code);
                    tracing::debug!(code, "Leaving");
                    return code;
                }
            }
            match next(received, self.state.deadline()) {
                None => events.push_back(Event::Tick),
                Some(message) => self.hear(message, &mut events),
            }
        }
    }

    fn hear(&mut self, message: Message, events: &mut VecDeque<Event>) {
        match message {
            Message::Abandoned => events.push_back(Event::Abandoned),
            Message::Ready(environment) => {
                self.environment = environment;
                events.push_back(Event::Ready);
            }
            Message::Leave(code) => {
                self.leaving = Some(code);
                let signal = Signal { number: SIGTERM, sender: Sender::Process };
                events.push_back(Event::Signal(signal));
            }
            Message::Signal(signal) if signal.number == SIGCHLD => {
                events.extend(reap::reap().filter_map(|news| self.event(news)));
            }
            Message::Signal(signal) => events.push_back(Event::Signal(signal)),
        }
    }

    fn event(&self, news: News) -> Option<Event> {
        match news {
            News::Ended(pid, ended) => {
                self.board.reaped();
                Some(Event::Reaped(pid, ended))
            }
            // Without a terminal of ours to hand back, a stopped child is nobody's business.
            News::Stopped(pid) => self.terminal.as_ref().map(|_| Event::Stopped(pid)),
            News::Alone => Some(Event::Alone),
        }
    }

    /// Does it; gives what came of it, if that matters. `before` is the state that led to it.
    fn perform(&self, action: Action, before: State) -> Option<Event> {
        let outcome = match action {
            Action::Start => return Some(self.start()),
            Action::StartPreStop => return Some(Event::PreStop(self.start_pre_stop())),
            Action::StopInBackground(child) if child::is_in_foreground() => {
                self.send(child, SIGCONT)
            }
            Action::StopSelf | Action::StopInBackground(_) => return self.stop(before),
            Action::Forward(pid, number) => {
                self.board.passed_on();
                self.send(pid, number)
            }
            Action::Kill(pid) => {
                tracing::warn!("Command did not end in time, killing it");
                self.send(pid, SIGKILL)
            }
            Action::EndPreStop(pid) => {
                tracing::warn!("Program before the stop did not end in time, killing it");
                child::end_pre_stop(pid)
            }
            Action::Leftovers(number) => {
                self.take_terminal(before).and(child::signal_leftovers(number))
            }
            Action::Exit(_) => self.take_terminal(before),
        };
        if let Err(error) = outcome {
            tracing::warn!(error = %error, ?action, "Signal not sent");
        }
        None
    }

    fn send(&self, pid: rustix::process::Pid, number: i32) -> io::Result<()> {
        child::signal(pid, number, self.config.handling.target, self.state.pre_stop())
    }

    fn start(&self) -> Event {
        let Config { command, handling, .. } = self.config;
        match child::start(command, &self.environment, handling, self.terminal.as_ref()) {
            Ok(pid) => {
                tracing::debug!(child = pid.as_raw_nonzero(), "Command started");
                self.board.started(pid);
                Event::Started(pid)
            }
            Err(error) => {
                let command = command.program.display();
                tracing::error!(%command, error = %error, "Command cannot be started");
                Event::NotStarted(exit::not_started(&error))
            }
        }
    }

    fn start_pre_stop(&self) -> Option<rustix::process::Pid> {
        let command = self.config.handling.drain.as_ref().and_then(Drain::pre_stop)?;
        let started = child::start_pre_stop(command, &self.environment);
        let command = command.program.display();
        if let Err(error) = &started {
            tracing::warn!(%command, error = %error, "Program before the stop cannot be started");
        }
        started.ok()
    }

    /// Stops us as a terminal's key does, and gives back the terminal for as long.
    fn stop(&self, before: State) -> Option<Event> {
        let continued = self.give_way(before).unwrap_or_else(|error| {
            tracing::warn!(error = %error, "Terminal not handed over");
            false
        });
        match self.config.handling.target {
            // Its group is not ours, so that nobody but us tells the child, even if we could not be stopped.
            Target::Group => Some(Event::Continued),
            // A child in our group was told along with us, unless somebody signalled us alone.
            Target::Child | Target::Tree => continued.then_some(Event::Signal(CONTINUATION)),
        }
    }

    /// Whether we were stopped, and somebody has continued us.
    fn give_way(&self, before: State) -> io::Result<bool> {
        self.take_terminal(before)?;
        let continued = self.caught.stop_self()?;
        if let (Some(terminal), Some(child)) = (&self.terminal, before.child()) {
            terminal.hand_to(child)?;
        }
        Ok(continued)
    }

    fn take_terminal(&self, before: State) -> io::Result<()> {
        match (&self.terminal, before.child()) {
            (Some(terminal), Some(child)) => terminal.take_from(child),
            _ => Ok(()),
        }
    }
}

/// The next message; `None` when the deadline came first.
fn next(received: &Receiver<Message>, deadline: Option<Instant>) -> Option<Message> {
    let Some(deadline) = deadline else {
        // An error means that the threads of signals and coordination both are gone, which leaves nothing to wait for.
        return Some(received.recv().unwrap_or(Message::Abandoned));
    };
    match received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(message) => Some(message),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Message::Abandoned),
    }
}
