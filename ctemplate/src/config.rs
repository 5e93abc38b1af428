//! What to do: the command line, the environment and the configuration files, checked and complete.
//!
//! What says the same thing is asked in this order, and the first answer counts: flags, `CT_LOCAL_CONFIG`, configuration
//! files from the last to the first, the environment, defaults.
//!
//! # Layout
//!
//! - [`settings`]: the result, and where its defaults are not consul-template's.
//! - `layer`: the same as one source gives it, with everything optional, and how layers are merged.
//! - `decode`: from the tree of a file to values. `files`: files and folders of them. [`flags`]: consul-template's flags.
//! - `finalize`: from the merged layers to the settings.
//! - [`connection`]: from the settings to a client of Consul.
//! - `show`, `signal`: how settings look in the log, and the names of signals.

pub mod connection;
mod decode;
mod files;
mod finalize;
pub mod flags;
mod layer;
pub mod settings;
mod show;
mod signal;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::cli::Cli;
use crate::exit::Exit;
use finalize::{Modes, finalize};
use layer::{Layer, Merge};
use settings::{CommandLine, Output, Settings};

pub use layer::Origin;
pub use settings::Wait;

/// The variable that holds the text of a configuration.
const LOCAL: &str = "CT_LOCAL_CONFIG";

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file or folder that cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A text that is wrong: `file:line:column: what`.
    #[error("{file}:{error}")]
    Text {
        /// The file, or the variable.
        file: String,
        /// What is wrong, and where.
        error: hcl::Error,
    },
    /// A template that is wrong as a whole.
    #[error("{origin}: {reason}")]
    Template {
        /// Where it is written.
        origin: Origin,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A HAProxy, and not one template that it could be the one of.
    #[error("haproxy: there are {0} templates; the section belongs into the one it is for")]
    Haproxy(usize),
    /// No level of logs.
    #[error(
        "log level '{0}': expected trace, debug, info, warn or error, or a filter such as info,hyper=debug"
    )]
    LogLevel(String),
    /// No facility of syslog.
    #[error("syslog facility '{0}': expected a name such as LOCAL0, DAEMON or USER")]
    Facility(String),
    /// No address to serve the status at.
    #[error("status '{0}': expected an address and a port, such as 127.0.0.1:9110")]
    Status(String),
}

impl ConfigError {
    /// How the program ends: as consul-template does.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Text { file, .. } if file == LOCAL => Exit::Flags,
            Self::Template { origin: Origin::Flag(_), .. } => Exit::Flags,
            Self::Template { .. } => Exit::Runner,
            _ => Exit::Config,
        }
    }
}

/// Reads everything that says what to do; may be called again when that may have changed.
///
/// # Errors
///
/// The first thing that is wrong, with its place.
pub fn load(
    cli: &Cli,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<Settings, ConfigError> {
    let variable = |name| variable(name).filter(|text| !text.is_empty());
    let mut warnings = Vec::new();
    let mut over = match variable(LOCAL) {
        Some(text) => files::parse(&text, LOCAL, &mut warnings)?,
        None => Layer::default(),
    };
    over.merge(cli.flags.layer());
    let log_level = Layer { log_level: cli.log_level.clone(), ..Layer::default() };
    over.merge(log_level);
    let errors_fatal = over.template_error_fatal;
    let mut layer = Layer::default();
    for path in &cli.configs {
        layer.merge(files::read(path, &mut warnings)?);
    }
    layer.merge(over);
    let mut settings = finalize(layer, &modes(cli), errors_fatal, &variable)?;
    settings.warnings.splice(0..0, warnings);
    Ok(settings)
}

fn modes(cli: &Cli) -> Modes {
    Modes {
        once: cli.once,
        parse_only: cli.parse_only,
        output: match (cli.diff, cli.dry) {
            (true, _) => Output::Diff,
            (false, true) => Output::Print,
            (false, false) => Output::Write,
        },
        check: cli.check.clone().and_then(|line| CommandLine::new(vec![line])),
        log_format: cli.log_format,
    }
}
