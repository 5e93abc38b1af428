//! Logs to the syslog daemon of this host instead of standard error.

use std::path::Path;

use daemon::log::LogArgs;
use daemon::syslog::Syslog;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

pub use daemon::syslog::SOCKET;

/// Sends this process's logs to the daemon.
///
/// # Errors
/// The filter does not parse, or nobody listens there.
pub fn init(args: &LogArgs, path: &Path) -> Result<(), String> {
    let level = &args.log_level;
    let filter = level.parse::<Targets>();
    let filter = filter.map_err(|err| format!("--log-level '{level}': {err}"))?;
    let syslog = Syslog::new(path, "DAEMON", "registrator");
    let syslog = syslog.map_err(|err| format!("--syslog: {err}"))?;
    syslog.probe().map_err(|err| format!("--syslog: {}: {err}", path.display()))?;
    // The daemon adds the time, and the priority says the level.
    let log = fmt::layer().with_writer(syslog).without_time().with_level(false);
    let log = log.with_target(false).with_ansi(false).with_filter(filter);
    registry().with(log).try_init().map_err(|err| format!("--syslog: {err}"))
}
