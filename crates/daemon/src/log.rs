//! Text or JSON logs on standard error, and where else they are wanted.
//!
//! Standard output belongs to what a program was asked to print (a rendered template, a plan).

use std::io::IsTerminal;
use std::sync::Mutex;

use clap::{Args, ValueEnum};
use thiserror::Error;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, registry};

use crate::log_file::LogFile;
use crate::syslog::Syslog;

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

/// Where logs go besides standard error.
#[derive(Debug, Default)]
pub struct Copies {
    /// To this file, as they are on standard error.
    pub file: Option<LogFile>,
    /// To this daemon, as text without time and level, which it adds.
    pub syslog: Option<Syslog>,
}

type Output = Box<dyn Layer<Registry> + Send + Sync>;

/// Sends this process's logs to standard error.
///
/// # Errors
///
/// When the filter does not parse, or a log was set up before.
pub fn init(args: &LogArgs) -> Result<(), LogError> {
    init_with(args, Copies::default())
}

/// The same, with copies.
///
/// # Errors
///
/// As [`init`].
pub fn init_with(args: &LogArgs, copies: Copies) -> Result<(), LogError> {
    let wrong = |reason: String| LogError { level: args.log_level.clone(), reason };
    // Not `EnvFilter`, whose regular expressions are a megabyte that every program would carry.
    let filter: Targets = args.log_level.parse().map_err(|error| wrong(format!("{error}")))?;
    let log = fmt::layer().with_writer(std::io::stderr);
    let mut outputs: Vec<Output> = vec![match args.log_format {
        Format::Text => log.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed(),
        Format::Json => log.json().flatten_event(true).boxed(),
    }];
    if let Some(file) = copies.file {
        let log = fmt::layer().with_writer(Mutex::new(file)).with_ansi(false);
        outputs.push(match args.log_format {
            Format::Text => log.with_target(false).boxed(),
            Format::Json => log.json().flatten_event(true).boxed(),
        });
    }
    if let Some(syslog) = copies.syslog {
        let log = fmt::layer().with_writer(syslog).without_time().with_level(false);
        outputs.push(log.with_target(false).with_ansi(false).boxed());
    }
    registry()
        .with(outputs.with_filter(filter))
        .try_init()
        .map_err(|error| wrong(error.to_string()))
}
