//! Text or JSON logs on standard error.
//!
//! Standard output belongs to what a program was asked to print (a rendered template, a plan).

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use thiserror::Error;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// The log options every program has.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// What to log: trace, debug, info, warn or error, or a filter such as `info,hyper=debug`
    #[arg(long, short = 'l', value_name = "FILTER", default_value = "info", help_heading = "Logs")]
    pub log_level: String,
    /// How to log: lines for people, or one JSON object a line
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text, help_heading = "Logs")]
    pub log_format: Format,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for people.
    Text,
    /// A JSON object with `timestamp`, `level`, `target` and the fields.
    Json,
}

/// The log cannot be set up.
#[derive(Debug, Error)]
#[error("--log-level '{level}': {reason}")]
pub struct LogError {
    level: String,
    reason: String,
}

/// Sends this process's logs to standard error.
///
/// # Errors
///
/// When the filter does not parse, or a log was set up before.
pub fn init(args: &LogArgs) -> Result<(), LogError> {
    let wrong = |reason: String| LogError { level: args.log_level.clone(), reason };
    // Not `EnvFilter`, whose regular expressions are a megabyte that every program would carry.
    let filter: Targets = args.log_level.parse().map_err(|error| wrong(format!("{error}")))?;
    let log = fmt::layer().with_writer(std::io::stderr);
    match args.log_format {
        Format::Text => {
            let log = log.with_ansi(std::io::stderr().is_terminal()).with_target(false);
            registry().with(log.with_filter(filter)).try_init()
        }
        Format::Json => {
            registry().with(log.json().flatten_event(true).with_filter(filter)).try_init()
        }
    }
    .map_err(|error| wrong(error.to_string()))
}
