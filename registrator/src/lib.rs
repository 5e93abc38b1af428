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
//! | `cli.rs` `config.rs` | | the command line, as typed, then checked and complete |
//! | `service.rs` | pure | ids, registrations, checks, ownership |
//! | `naming.rs` `check.rs` | pure | `SERVICE_*` keys to names, tags, metadata and checks |
//! | `ports.rs` | pure | which port of a task is reached where |
//! | `here.rs` | pure | which tasks are on this agent |
//! | `view.rs` | pure | what Marathon last said |
//! | `tombstone.rs` | pure | tasks that are known to end |
//! | `desired.rs` `skipped.rs` | pure | what should be registered, and why the rest is not |
//! | `plan.rs` | pure | the difference to what is |
//! | `guard.rs` | pure | removals that look like a mistake wait |
//! | `trigger.rs` | pure | what an event means, when to read |
//! | `mirror.rs` | pure | all of the above together |
//! | `snapshot.rs` | shell | reads Marathon and Consul |
//! | `stream.rs` | shell | keeps attached to the event stream |
//! | `apply.rs` | shell | writes a plan |
//! | `report.rs` | shell | logs what cannot be done, once |
//! | `reconcile.rs` | shell | the loop |

pub mod apply;
pub mod check;
pub mod cli;
pub mod config;
pub mod desired;
pub mod guard;
pub mod here;
pub mod mirror;
pub mod naming;
pub mod plan;
pub mod ports;
pub mod reconcile;
pub mod report;
pub mod service;
pub mod skipped;
pub mod snapshot;
pub mod stream;
pub mod tombstone;
pub mod trigger;
pub mod view;

use std::process::ExitCode;

use anyhow::Context as _;
use daemon::exit::Exit;

use crate::cli::Cli;
use crate::config::Config;

/// The program: parses the command line, runs, and says how it ended.
pub fn main() -> ExitCode {
    let cli: Cli = match daemon::cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let unsupported = [("--syslog", cli.syslog), ("--force-colors", cli.force_colors)];
    let mut log = cli.log.clone();
    if log.log_level == "fatal" {
        // The original's name for the level at which next to nothing is logged.
        "error".clone_into(&mut log.log_level);
    }
    let config = match Config::try_from(cli) {
        Ok(config) => config,
        Err(err) => return daemon::cli::fail(&err, Exit::Usage),
    };
    if let Err(err) = daemon::log::init(&log) {
        return daemon::cli::fail(&err, Exit::Usage);
    }
    for (option, _) in unsupported.iter().filter(|(_, given)| *given) {
        tracing::warn!(option, "Option accepted for the original's sake has no effect");
    }
    let once = config.once;
    match start(config) {
        Ok(exit) => exit.into(),
        Err(err) => {
            let exit = if once { Exit::Unavailable } else { Exit::Failure };
            daemon::cli::fail(err.as_ref(), exit)
        }
    }
}

fn start(config: Config) -> anyhow::Result<Exit> {
    // One thread does: there is little to compute and much to wait for.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = daemon::shutdown::on_signal().context("signal handlers")?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            marathon = %config.marathon,
            consul = %config.consul.address,
            owner = %config.ownership.owner,
            pid = std::process::id(),
            "Started"
        );
        reconcile::run(config, shutdown).await
    })
}
