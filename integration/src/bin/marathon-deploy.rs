//! `marathon-deploy`: deploys an app from its definition and waits until it is done.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write as _, stdout};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use daemon::exit::Exit;
use integration::deploy;

/// Deploys an app from its definition and waits until the deployment is done
///
/// In the definition $environment, $instances and $tag stand for what is given here, and $NAME for each --set
/// NAME=VALUE. The app is created, or updated when it exists.
#[derive(Debug, Parser)]
#[command(version, after_help = "Exit codes: 0 deployed, 1 refused or unreachable, 64 usage.")]
struct Cli {
    /// A file or an HTTP URL
    definition: String,
    /// What $environment becomes
    environment: String,
    /// What $instances becomes
    #[arg(default_value_t = 1)]
    instances: u32,
    /// Marathon's URL, or several separated by commas
    #[arg(long, value_name = "URL", env = "MARATHON_URL", default_value = "http://127.0.0.1:8080")]
    marathon: marathon::Endpoints,
    /// What $tag becomes
    #[arg(long, default_value = "latest")]
    tag: String,
    /// What $NAME becomes; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match daemon::cli::parse::<Cli>() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => daemon::cli::fail(error.as_ref(), Exit::Failure),
    }
}

async fn run(cli: Cli) -> Result<()> {
    let mut values: BTreeMap<_, _> = cli.set.into_iter().collect();
    values.insert("environment".to_owned(), cli.environment);
    values.insert("instances".to_owned(), cli.instances.to_string());
    values.insert("tag".to_owned(), cli.tag);
    let (id, definition) = deploy::fill(&deploy::read(&cli.definition).await?, &values)?;
    let marathon = marathon::Client::new(marathon::Config::new(cli.marathon))?;
    let deployment = deploy::submit(&marathon, &id, &definition).await?;
    show(&format!("{id}: deployment {deployment}"), true)?;
    let mut result = Ok(());
    deploy::wait(&marathon, &id, &deployment, |line| {
        if result.is_ok() {
            result = show(&format!("{id}: {line}"), false);
        }
    })
    .await?;
    result?;
    show(&format!("{id}: deployed"), true)
}

/// On a terminal a line of progress replaces the one before.
fn show(line: &str, is_final: bool) -> Result<()> {
    let mut out = stdout().lock();
    if out.is_terminal() && !is_final {
        write!(out, "\r\x1b[K{line}")?;
    } else if out.is_terminal() {
        writeln!(out, "\r\x1b[K{line}")?;
    } else {
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
