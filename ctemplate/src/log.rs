//! The log as the settings have it.

use std::path::Path;

use anyhow::Context as _;
use daemon::log::{Copies, LogArgs, init_with};
use daemon::log_file::{LogFile, Rotation};
use daemon::syslog::{SOCKET, Syslog};

use crate::config::settings::{self, MaxFiles, Settings};

/// The file in a folder that is given instead of one.
const NAME: &str = "ctemplate.log";

/// Sets up the log, and tells it what was found in the settings.
///
/// # Errors
///
/// When a part of it cannot be had.
pub(crate) fn start(settings: &Settings) -> anyhow::Result<()> {
    let log = &settings.log;
    let copies = Copies {
        file: log.file.as_ref().map(file).transpose()?,
        syslog: log.syslog.as_ref().map(syslog).transpose()?,
    };
    let args = LogArgs { log_level: log.filter.clone(), log_format: log.format };
    init_with(&args, copies)?;
    tell(settings);
    Ok(())
}

/// Tells the log what was found in the settings.
pub(crate) fn tell(settings: &Settings) {
    for warning in &settings.warnings {
        tracing::warn!(reason = warning, "A setting has no effect");
    }
    let json = serde_json::to_string(settings).unwrap_or_else(|error| error.to_string());
    tracing::debug!(settings = json, "Final configuration");
}

fn file(settings: &settings::LogFile) -> anyhow::Result<LogFile> {
    let path = if settings.path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        settings.path.join(NAME)
    } else {
        settings.path.clone()
    };
    let rotation = Rotation {
        bytes: settings.rotate_bytes,
        age: settings.rotate_duration,
        keep: match settings.rotate_max_files {
            MaxFiles::All => None,
            MaxFiles::Newest(count) => Some(usize::try_from(count).unwrap_or(usize::MAX)),
        },
    };
    LogFile::open(&path, rotation).with_context(|| format!("log file {}", path.display()))
}

fn syslog(settings: &settings::Syslog) -> anyhow::Result<Syslog> {
    let syslog = Syslog::new(Path::new(SOCKET), &settings.facility, &settings.name);
    let syslog = syslog.context("syslog")?;
    syslog.probe().with_context(|| format!("syslog: {SOCKET}"))?;
    Ok(syslog)
}
