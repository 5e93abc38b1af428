//! The process from its first to its last moment.
//!
//! The main thread supervises. A second thread turns signals into messages, a third one, if Consul is known, coordinates;
//! neither can hold up the first.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use daemon::exit::Exit;
use signal_hook::consts::{SIGCHLD, SIGKILL};

use crate::cli::Cli;
use crate::config::{Config, Coordination};
use crate::env::Environment;
use crate::signals::Caught;
use crate::supervise::{self, Action, Event, Signal, State};
use crate::{child, coordinate, exit, reap, signals};

/// What the other threads tell the supervisor.
enum Message {
    Signal(Signal),
    Ready(Environment),
    Abandoned,
}

/// Says so when the thread that holds it ends, even by a panic.
struct Farewell(Sender<Message>);

impl Drop for Farewell {
    fn drop(&mut self) {
        // Nobody listens only when the process is about to end.
        drop(self.0.send(Message::Abandoned));
    }
}

/// Everything `main` does.
pub fn run() -> ExitCode {
    // Before anything else: a SIGTERM must not get lost, however early it comes.
    let caught = signals::catch();
    let cli = match daemon::cli::parse::<Cli>() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    if let Err(error) = daemon::log::init(&cli.log) {
        return daemon::cli::fail(&error, Exit::Usage);
    }
    let config = match Config::new(&cli, std::env::var_os) {
        Ok(config) => config,
        Err(error) => return daemon::cli::fail(&error, Exit::Usage),
    };
    match caught.context("signals").and_then(|caught| start(&config, caught)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => daemon::cli::fail(error.as_ref(), Exit::Failure),
    }
}

fn start(config: &Config, caught: Caught) -> anyhow::Result<u8> {
    let source = config.coordination.as_ref().map(|coordination| &coordination.source);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        command = %config.command.program.display(),
        consul = source.map(|source| source.consul.address.as_str()),
        prefix = source.map(|source| source.prefix.as_str()),
        "Starting"
    );
    if let Err(error) = reap::adopt_orphans() {
        tracing::debug!(error = %error, "Not a subreaper");
    }
    let (messages, received) = mpsc::channel();
    let signals = messages.clone();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            signals::read(caught, |signal| signals.send(Message::Signal(signal)).is_ok());
        })
        .context("a thread for signals")?;
    match config.coordination.clone() {
        Some(coordination) => coordinate(coordination, messages)?,
        // Cannot fail: the receiver is in our hands.
        None => messages.send(Message::Ready(Environment::default())).context("no supervisor")?,
    }
    Ok(supervise(config, &received))
}

fn coordinate(coordination: Coordination, messages: Sender<Message>) -> anyhow::Result<()> {
    let body = move || {
        let farewell = Farewell(messages);
        let ready = |environment| drop(farewell.0.send(Message::Ready(environment)));
        let outcome = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("a runtime")
            .and_then(|runtime| runtime.block_on(coordinate::run(coordination, ready)));
        if let Err(error) = outcome {
            tracing::error!(error = format!("{error:#}"), "Coordination ended");
        }
    };
    thread::Builder::new().name("coordinate".to_owned()).spawn(body).context("a thread")?;
    Ok(())
}

/// Until the child is over; gives the exit code.
fn supervise(config: &Config, received: &Receiver<Message>) -> u8 {
    let mut state = State::Starting;
    let mut environment = Environment::default();
    let mut events = VecDeque::new();
    loop {
        while let Some(event) = events.pop_front() {
            let (next, actions) =
                supervise::on(state, event, config.handling.kill_timeout, Instant::now());
            state = next;
            for action in actions {
                events.extend(perform(action, config, &environment));
            }
            if let State::Exited { code } = state {
                tracing::debug!(code, "Leaving");
                return code;
            }
        }
        match next(received, state.deadline()) {
            None => events.push_back(Event::Tick),
            Some(Message::Abandoned) => events.push_back(Event::Abandoned),
            Some(Message::Ready(ready)) => {
                environment = ready;
                events.push_back(Event::Ready);
            }
            Some(Message::Signal(signal)) if signal.number == SIGCHLD => {
                events.extend(reap::reap().map(|(pid, ended)| Event::Reaped(pid, ended)));
            }
            Some(Message::Signal(signal)) => events.push_back(Event::Signal(signal)),
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

/// Does it; gives what came of it, if that matters.
fn perform(action: Action, config: &Config, environment: &Environment) -> Option<Event> {
    let outcome = match action {
        Action::Start => return Some(start_child(config, environment)),
        Action::Forward(pid, number) => child::signal(pid, number),
        Action::Kill(pid) => {
            tracing::warn!("Command did not end in time, killing it");
            child::signal(pid, SIGKILL)
        }
        Action::StopSelf => child::stop_self(),
        Action::Exit(_) => Ok(()),
    };
    if let Err(error) = outcome {
        tracing::warn!(error = %error, ?action, "Signal not sent");
    }
    None
}

fn start_child(config: &Config, environment: &Environment) -> Event {
    match child::start(&config.command, environment) {
        Ok(pid) => {
            tracing::debug!(child = pid.as_raw_nonzero(), "Command started");
            Event::Started(pid)
        }
        Err(error) => {
            let command = config.command.program.display();
            tracing::error!(%command, error = %error, "Command cannot be started");
            Event::NotStarted(exit::not_started(&error))
        }
    }
}
