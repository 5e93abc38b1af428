//! Mirrors Marathon tasks into Consul services.
//!
//! # How it works
//!
//! ```text
//!   Marathon                      registrator                          Consul agent
//!  ┌─────────┐  events   ┌─────────┐ what to read, what ends           ┌───────────┐
//!  │ stream  │──────────▶│ trigger │──────┐                            │ services  │
//!  │         │           └─────────┘      ▼                            │ and checks│
//!  │ REST    │  snapshot ┌──────┐   ┌─────────┐   ┌──────┐   ┌───────┐ │           │
//!  │         │──────────▶│ view │──▶│ desired │──▶│ plan │──▶│ apply │▶│           │
//!  └─────────┘           └──────┘   └─────────┘   └──────┘   └───────┘ └─────┬─────┘
//!                                     ▲ known,      ▲ guard                  │
//!                                     │ tombstones  └──────── snapshot ──────┘
//! ```
//!
//! An event is a hint. It says which app to read again, and, alone among all it could say, that a task is about to end. What
//! is registered follows from what Marathon answers over REST and from what the agent has; it is computed anew, as a
//! value, each time anything may have changed, and only differences are written. So nothing depends on having seen every
//! event, on their order, or on what was written before: a stream that breaks, an agent that loses its data and a
//! restart of this program all end in the same comparison.
//!
//! # Layout
//!
//! | file | | for |
//! | --- | --- | --- |
//! | `cli.rs` `file.rs` `config.rs` | | the command line and the configuration file, as typed, then checked and complete |
//! | `service.rs` | pure | ids, registrations, ownership |
//! | `policy.rs` | pure | what the operator decides for all apps |
//! | `metadata.rs` | pure | which `SERVICE_*` key is meant for a port |
//! | `naming.rs` `check.rs` `placeholder.rs` | pure | keys to names, tags, metadata and checks |
//! | `ports.rs` | pure | which port of a task is reached where |
//! | `registration.rs` | pure | one port to what is written |
//! | `here.rs` | pure | which tasks are on this agent |
//! | `view.rs` | pure | what Marathon last said |
//! | `tombstone.rs` | pure | tasks that are known to end |
//! | `desired.rs` `skipped.rs` | pure | what should be registered, and why the rest is not |
//! | `plan.rs` | pure | the difference to what is |
//! | `guard.rs` | pure | removals that look like a mistake wait |
//! | `trigger.rs` | pure | what an event means, when to read |
//! | `heartbeat.rs` | pure | when checks that wait for our word get it |
//! | `unwritten.rs` | pure | what Consul does not take waits before it is tried again |
//! | `origin.rs` | pure | which keys a service was made from |
//! | `mirror.rs` | pure | all of the above together |
//! | `explain.rs` | pure | what becomes of each task of an app, and why |
//! | `agents.rs` | shell | the agents that are written to |
//! | `snapshot.rs` | shell | reads Marathon and Consul |
//! | `stream.rs` | shell | keeps attached to the event stream |
//! | `apply.rs` | shell | writes a plan |
//! | `report.rs` `board.rs` | shell | what is logged, once, and what is shown on request |
//! | `syslog.rs` | shell | the host's syslog daemon |
//! | `reconcile.rs` | shell | the loop |
//! | `exit.rs` | | how the program ends |

pub mod agents;
pub mod apply;
pub mod board;
pub mod check;
pub mod cli;
pub mod config;
pub mod desired;
pub mod exit;
pub mod explain;
pub mod file;
pub mod guard;
pub mod heartbeat;
pub mod here;
pub mod metadata;
pub mod mirror;
pub mod naming;
pub mod origin;
pub mod placeholder;
pub mod plan;
pub mod policy;
pub mod ports;
pub mod reconcile;
pub mod registration;
pub mod report;
pub mod service;
pub mod skipped;
pub mod snapshot;
pub mod stream;
pub mod syslog;
pub mod tombstone;
pub mod trigger;
pub mod unwritten;
pub mod view;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use daemon::exit::Exit;
use daemon::log::LogArgs;
use daemon::notify::Notify;
use tokio::task::JoinSet;

use crate::board::Board;
use crate::cli::{Cli, Typed};
use crate::config::Config;
use crate::exit::Obstacle;
use crate::file::{File, FileError};

/// The program: parses the command line, runs, and says how it ended.
pub fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    let (cli, file) = match read(&args) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let has_syslog = cli.syslog;
    let path = cli.config.clone();
    let mut log = cli.log.clone();
    if log.log_level == "fatal" {
        // The original's name for the level at which next to nothing is logged.
        "error".clone_into(&mut log.log_level);
    }
    let config = match Config::new(cli, variable) {
        Ok(config) => config,
        Err(err) => {
            let blamed = err.option().and_then(|option| file.blame(option, &err.to_string()));
            return match blamed {
                Some(err) => daemon::cli::fail(&err, Exit::Config),
                None => daemon::cli::fail(&err, Exit::Usage),
            };
        }
    };
    if let Err(err) = start_log(&log, has_syslog) {
        return daemon::cli::fail(err.as_ref(), Exit::Usage);
    }
    match start(config, path.as_deref()) {
        Ok(exit) => exit.into(),
        Err(err) => {
            let exit = err.downcast_ref().map_or(Exit::Failure, Obstacle::exit);
            daemon::cli::fail(err.as_ref(), exit)
        }
    }
}

fn read(args: &[OsString]) -> Result<(Cli, File), ExitCode> {
    let parse = |args: Vec<OsString>| daemon::cli::parse_from::<Typed>(args, Exit::Usage);
    let Typed { cli, matches } = parse(args.to_vec())?;
    let Some(path) = cli.config.as_deref() else { return Ok((cli, File::default())) };
    let wrong = |err: FileError| daemon::cli::fail(&err, Exit::Config);
    let text = fs::read_to_string(path);
    let text = text.map_err(|err| wrong(file::unreadable(path, &err)))?;
    let file = File::parse(path, &text).map_err(wrong)?;
    let typed = parse(file.complete(args, &matches, variable))?;
    Ok((typed.cli, file))
}

fn variable(name: &'static str) -> Option<String> {
    std::env::var(name).ok()
}

fn start_log(log: &LogArgs, has_syslog: bool) -> anyhow::Result<()> {
    if has_syslog {
        syslog::init(log, Path::new(syslog::SOCKET)).map_err(anyhow::Error::msg)
    } else {
        Ok(daemon::log::init(log)?)
    }
}

fn start(config: Config, file: Option<&Path>) -> anyhow::Result<Exit> {
    // One thread does: there is little to compute and much to wait for.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = daemon::shutdown::on_signal().context("signal handlers")?;
        let notify = Notify::new(std::env::var_os("NOTIFY_SOCKET")).context("NOTIFY_SOCKET")?;
        let board = Arc::new(Board::default());
        let mut status = JoinSet::new();
        if let Some(address) = config.status {
            let listener = daemon::status::listen(address).await?;
            let board = Arc::clone(&board);
            status.spawn(daemon::status::serve(listener, move |path| board.page(path)));
        }
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            config = file.map(|path| path.display().to_string()),
            marathon = %config.marathon.endpoints,
            consul = %config.consul.address,
            owner = %config.rules.ownership.owner,
            pid = std::process::id(),
            "Started"
        );
        Ok(reconcile::run(config, board, notify, shutdown).await?)
    })
}
