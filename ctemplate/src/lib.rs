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
//! - [`source`]: the files a template is made of.
//! - [`dependency`], [`data`], [`store`]: what a template can depend on, what it sees of it, what is known.
//! - [`funcs`], [`haproxy`]: the function library, and what the catalog means for a load balancer.
//! - [`render`]: a template and the store to a text, with what it used and what it misses.
//! - [`quiescence`]: when to render.
//! - [`output`], [`command`]: the file, and the commands before and after it.
//! - [`job`]: one template on its way to its file. [`watch`]: the running queries. [`mod@run`]: the loop.

pub mod cli;
pub mod command;
pub mod config;
pub mod data;
pub mod dependency;
pub mod exit;
pub mod funcs;
pub mod haproxy;
pub mod job;
pub mod output;
pub mod quiescence;
pub mod render;
pub mod run;
pub mod source;
pub mod store;
pub mod watch;

use std::path::Path;
use std::process::ExitCode;

use cli::Cli;
use config::Config;
use daemon::cli::fail;
use exit::Exit;
use tokio::runtime::{Builder, Runtime};

/// Runs the program to its end.
pub fn main(cli: Cli) -> ExitCode {
    if let Err(error) = daemon::log::init(&cli.log) {
        return fail(&error, Exit::Flags);
    }
    if let Some(socket) = &cli.reload_haproxy {
        return finish(reload(socket));
    }
    let config = match Config::new(cli) {
        Ok(config) => config,
        Err(error) => return fail(&error, Exit::Flags),
    };
    let jobs = match run::parse(&config) {
        Ok(jobs) => jobs,
        Err(error) if error.is::<render::RenderError>() => {
            return fail(error.as_ref(), Exit::Runner);
        }
        Err(error) => return fail(error.as_ref(), Exit::Config),
    };
    finish(serve(&config, jobs))
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    result.map_or_else(|error| fail(error.as_ref(), Exit::Runner), |()| ExitCode::SUCCESS)
}

fn reload(socket: &Path) -> anyhow::Result<()> {
    Ok(runtime()?.block_on(haproxy::reload::reload(socket))?)
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn serve(config: &Config, jobs: Vec<job::Job>) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let shutdown = daemon::shutdown::on_signal()?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            consul = %config.consul.address(),
            templates = config.templates.len(),
            pid = std::process::id(),
            "Started"
        );
        run::run(config, jobs, shutdown).await
    })
}
