//! Logs to the syslog daemon of this host, in the form that `syslog(3)` writes to `/dev/log`.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;

use daemon::log::LogArgs;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

/// `LOG_DAEMON` of syslog(3), in its place.
const FACILITY: u8 = 3 << 3;

/// Where `syslog(3)` writes to.
pub const SOCKET: &str = "/dev/log";

/// The way to the daemon.
#[derive(Clone, Debug)]
pub struct Syslog {
    socket: Arc<UnixDatagram>,
    path: Arc<Path>,
}

impl Syslog {
    /// To the daemon that listens at `path`, now or later.
    ///
    /// # Errors
    /// This system has no sockets left.
    pub fn new(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // A daemon that hangs must not stop us; what it does not take is lost.
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Arc::new(socket), path: path.into() })
    }
}

/// Sends this process's logs to the daemon.
///
/// # Errors
/// The filter does not parse, or nobody listens there.
pub fn init(args: &LogArgs, path: &Path) -> Result<(), String> {
    let level = &args.log_level;
    let filter = level.parse::<Targets>();
    let filter = filter.map_err(|err| format!("--log-level '{level}': {err}"))?;
    let syslog = Syslog::new(path).map_err(|err| format!("--syslog: {err}"))?;
    let probe = syslog.socket.connect(path);
    probe.map_err(|err| format!("--syslog: {}: {err}", path.display()))?;
    let syslog = Syslog::new(path).map_err(|err| format!("--syslog: {err}"))?;
    // The daemon adds the time, and the priority says the level.
    let log = fmt::layer().with_writer(syslog).without_time().with_level(false);
    let log = log.with_target(false).with_ansi(false).with_filter(filter);
    registry().with(log).try_init().map_err(|err| format!("--syslog: {err}"))
}

/// One line for the daemon, sent when it is complete.
#[derive(Debug)]
pub struct Line {
    syslog: Syslog,
    text: Vec<u8>,
}

impl Line {
    fn new(syslog: &Syslog, level: Level) -> Self {
        let severity = match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        let head = format!("<{}>registrator[{}]: ", FACILITY | severity, std::process::id());
        Self { syslog: syslog.clone(), text: head.into_bytes() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // By name each time: the daemon may have been started anew.
        self.syslog.socket.send_to(self.text.trim_ascii_end(), &self.syslog.path).ok();
    }
}

impl<'a> MakeWriter<'a> for Syslog {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line::new(self, Level::INFO)
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line::new(self, *meta.level())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_bad_it_is_and_who_says_so() {
        let path = std::env::temp_dir().join(format!("syslog-{}", std::process::id()));
        let daemon = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::new(&path).unwrap();
        for (level, priority) in [(Level::WARN, 28), (Level::INFO, 30)] {
            Line::new(&syslog, level).write_all(b"Service deregistered id=1\n").unwrap();
            let mut buffer = [0; 200];
            let length = daemon.recv(&mut buffer).unwrap();
            let want = format!(
                "<{priority}>registrator[{}]: Service deregistered id=1",
                std::process::id()
            );
            assert_eq!(String::from_utf8_lossy(&buffer[..length]), want);
        }
        drop(daemon);
        std::fs::remove_file(&path).unwrap();
        // Nobody listens: nothing breaks.
        Line::new(&syslog, Level::INFO).write_all(b"x").unwrap();
    }
}
