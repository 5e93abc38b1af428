//! Renders templates from Consul and keeps them current.
//!
//! # How it works
//!
//! ```text
//!            wanted dependencies
//!        ┌──────────────────────────┐
//!        ▼                          │
//!     watch ──▶ store ──▶ quiescence ──▶ render ──▶ output ──▶ command
//!    blocking   last       due now?      text,      check,     reload
//!    queries    values                   used,      rename
//!                                        missing
//! ```
//!
//! Dependencies are discovered by rendering: a template that asks for something unknown is rendered again when the
//! answer is there, until nothing is missing. Only then is there a file. Everything between the answers of Consul and
//! the text of the file is a pure function; how Consul is watched is known to [`watch`] alone.
//!
//! # Layout
//!
//! - [`cli`], [`config`], [`exit`]: what was typed, what it means, how the program ends.
//! - [`source`], [`schema`]: the files a template is made of, and what its settings may be.
//! - [`dependency`], [`data`], [`store`]: what a template can depend on, what it sees of it, what is known.
//! - [`funcs`], [`haproxy`]: the function library, and what the catalog means for a load balancer.
//! - [`render`]: a template and the store to a text, with what it used and what it misses.
//! - [`quiescence`]: when to render.
//! - [`output`], [`guard`], [`diff`]: the file, texts that are not trusted, and what a text would change.
//! - [`command`], [`child`], [`signals`]: the commands before and after the file, the program that we run, and what
//!   reaches it.
//! - [`deduplicate`]: what instances share, so that not each of them asks Consul.
//! - [`job`]: one template on its way to its file. [`watch`]: the running queries. [`mod@run`]: the loop.
//! - `log`, [`status`], [`pid_file`]: what we say, what others can ask, and how they find us.

pub mod child;
pub mod cli;
pub mod command;
pub mod config;
pub mod data;
pub mod deduplicate;
pub mod dependency;
pub mod diff;
pub mod exit;
pub mod funcs;
pub mod guard;
pub mod haproxy;
pub mod job;
mod log;
pub mod output;
pub mod pid_file;
pub mod quiescence;
pub mod render;
pub mod run;
pub mod schema;
pub mod signals;
pub mod source;
pub mod status;
pub mod store;
pub mod watch;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use cli::Cli;
use config::settings::Settings;
use consul::Client;
use daemon::cli::fail;
use daemon::notify::Notify;
use exit::{End, Exit};
use pid_file::PidFile;
use run::Plan;
use signals::{Control, Roles};
use status::Board;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// Runs the program to its end.
pub fn main(cli: &Cli) -> ExitCode {
    // Where it cannot be had, orphans stay zombies, which is no reason not to start.
    if let Ok(Some(code)) = daemon::init::stand_in() {
        return code;
    }
    if let Some(socket) = &cli.reload_haproxy {
        return match reload(socket) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(error.as_ref(), Exit::Runner),
        };
    }
    let settings = match config::load(cli, variable) {
        Ok(settings) => settings,
        Err(error) => return fail(&error, error.exit()),
    };
    if settings.templates.is_empty() && settings.exec.is_none() && cli.configs.is_empty() {
        return fail(&NothingToDo, Exit::Flags);
    }
    if let Err(error) = log::start(&settings) {
        return fail(error.as_ref(), Exit::Config);
    }
    let plan = match plan(settings) {
        Ok(plan) => plan,
        Err(error) if error.is::<render::RenderError>() => {
            return fail(error.as_ref(), Exit::Runner);
        }
        Err(error) => return fail(error.as_ref(), Exit::Config),
    };
    if plan.settings.parse_only {
        return ExitCode::SUCCESS;
    }
    match serve(cli, plan) {
        Ok(end) => end.into(),
        Err(error) => fail(error.as_ref(), Exit::Runner),
    }
}

/// Neither flags nor a configuration.
#[derive(Debug, thiserror::Error)]
#[error("nothing to do: give a -template, a -config, or a command to -exec (see -help)")]
struct NothingToDo;

fn plan(settings: Settings) -> anyhow::Result<Plan> {
    let client = Client::new(config::connection::config(&settings.consul, variable)?)?;
    Plan::new(settings, client)
}

fn variable(name: &'static str) -> Option<String> {
    std::env::var(name).ok()
}

fn reload(socket: &Path) -> anyhow::Result<()> {
    Ok(runtime()?.block_on(haproxy::reload::reload(socket))?)
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn serve(cli: &Cli, plan: Plan) -> anyhow::Result<End> {
    runtime()?.block_on(async {
        let control = Control::start(Roles::of(&plan.settings))?;
        let notify = Notify::new(std::env::var_os("NOTIFY_SOCKET")).context("NOTIFY_SOCKET")?;
        let _pid_file = plan.settings.pid_file.as_deref().map(PidFile::write).transpose()?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            consul = %plan.client.address(),
            templates = plan.settings.templates.len(),
            pid = std::process::id(),
            "Started"
        );
        let mut pages = JoinSet::new();
        let board = board(plan.settings.status, &mut pages).await?;
        let address = plan.settings.status;
        let reload = || {
            let settings = config::load(cli, variable)?;
            log::tell(&settings);
            if settings.status != address {
                tracing::warn!("Another address for the status takes effect at the next start");
            }
            self::plan(settings)
        };
        run::run(plan, reload, &control, &notify, board).await
    })
}

/// What is served at the address for the status, as one of the tasks.
async fn board(address: Option<SocketAddr>, pages: &mut JoinSet<()>) -> anyhow::Result<Arc<Board>> {
    let Some(address) = address else { return Ok(Arc::default()) };
    let board = Arc::new(Board::new(Instant::now()));
    let listener = daemon::status::listen(address).await?;
    tracing::info!(address = %listener.local_addr()?, "Serving the status");
    let shown = Arc::clone(&board);
    pages.spawn(daemon::status::serve(listener, move |path| shown.page(path)));
    Ok(board)
}
