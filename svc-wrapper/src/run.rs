//! The process from its first to its last moment.
//!
//! The main thread supervises. A second thread turns signals into messages, a third one, if Consul is known, coordinates;
//! neither can hold up the first.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::Context;
use daemon::exit::Exit;

use crate::cli::Cli;
use crate::config::{Config, Coordination};
use crate::coordinate::Order;
use crate::env::Environment;
use crate::local::Local;
use crate::signals::Caught;
use crate::status::Board;
use crate::supervise::{self, Signal};
use crate::watch::Unavailable;
use crate::{child, coordinate, reap, show, signals, status};

mod supervisor;

use supervisor::{Message, Supervisor};

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
    if let Some(code) = child::become_command() {
        return code;
    }
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(code) = show::run_if_asked(&arguments) {
        return code;
    }
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
    let local = match Local::read(&config.mapping) {
        Ok(local) => local,
        Err(error) => return daemon::cli::fail(&error, Exit::Config),
    };
    match caught.context("signals").and_then(|caught| start(&config, local, caught)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => daemon::cli::fail(error.as_ref(), Exit::Failure),
    }
}

fn start(config: &Config, local: Local, caught: Caught) -> anyhow::Result<u8> {
    let source = config.coordination.as_ref().map(|coordination| &coordination.source);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        command = %config.command.program.display(),
        consul = source.map(|source| source.consul.address.as_str()),
        prefixes = source.map(|source| source.folders.join(" ")),
        "Starting"
    );
    if let Err(error) = reap::adopt_orphans() {
        tracing::debug!(error = %error, "Not a subreaper");
    }
    let board = Arc::new(Board::default());
    if let Some(address) = config.status {
        status::start(address, Arc::clone(&board))?;
    }
    let (messages, received) = mpsc::channel();
    let signals = messages.clone();
    let caught = Arc::new(caught);
    let reader = Arc::clone(&caught);
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let outcome = reader.read(|signal| signals.send(Message::Signal(signal)).is_ok());
            if let Err(error) = outcome {
                tracing::error!(error = %error, "Signals cannot be read");
            }
        })
        .context("a thread for signals")?;
    match config.coordination.clone() {
        Some(coordination) => coordinate(coordination, local, Arc::clone(&board), messages)?,
        // Cannot fail: the receiver is in our hands.
        None => messages.send(Message::Ready(alone(&local, &board))).context("no supervisor")?,
    }
    Ok(Supervisor::new(config, &board, &caught).run(&received))
}

/// What the child gets where no Consul is known.
fn alone(local: &Local, board: &Board) -> Environment {
    let mapped = local.effective(&[]);
    board.read(&mapped);
    if !mapped.skipped.is_empty() {
        let names: Vec<String> = mapped.skipped.iter().map(ToString::to_string).collect();
        tracing::warn!(names = names.join(", "), "Defaults that become no variable");
    }
    mapped.environment
}

fn coordinate(
    coordination: Coordination,
    local: Local,
    board: Arc<Board>,
    messages: Sender<Message>,
) -> anyhow::Result<()> {
    let body = move || {
        let farewell = Farewell(messages);
        let orders = |order| drop(farewell.0.send(message(order)));
        let outcome = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("a runtime")
            .and_then(|runtime| {
                runtime.block_on(coordinate::run(coordination, local, board, orders))
            });
        if let Err(error) = outcome {
            if let Some(unavailable) = error.downcast_ref::<Unavailable>() {
                tracing::error!(error = %unavailable, "Nothing to start with");
                drop(farewell.0.send(Message::Leave(Exit::Unavailable as u8)));
            } else {
                tracing::error!(error = format!("{error:#}"), "Coordination ended");
            }
        }
    };
    thread::Builder::new().name("coordinate".to_owned()).spawn(body).context("a thread")?;
    Ok(())
}

fn message(order: Order) -> Message {
    match order {
        Order::Start(environment) => Message::Ready(environment),
        Order::Signal(number) => {
            Message::Signal(Signal { number, sender: supervise::Sender::Process })
        }
        Order::Leave(code) => Message::Leave(code),
    }
}
