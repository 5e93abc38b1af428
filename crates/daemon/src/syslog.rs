//! Logs to the syslog daemon of this host, in the form that `syslog(3)` writes to `/dev/log`.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Where `syslog(3)` writes to.
pub const SOCKET: &str = "/dev/log";

/// The facilities that have names, in the order of their numbers (RFC 5424, section 6.2.1); four numbers have none.
const FACILITIES: [&str; 24] = [
    "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV",
    "FTP", "", "", "", "", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6",
    "LOCAL7",
];

/// The way to the daemon.
#[derive(Clone, Debug)]
pub struct Syslog {
    socket: Arc<UnixDatagram>,
    path: Arc<Path>,
    facility: u8,
    name: Arc<str>,
}

impl Syslog {
    /// To the daemon that listens at `path`, now or later, as the program `name` of this facility (`DAEMON`, `LOCAL0`, …).
    ///
    /// # Errors
    ///
    /// There is no such facility, or this system has no sockets left.
    pub fn new(path: &Path, facility: &str, name: &str) -> io::Result<Self> {
        let number = FACILITIES.iter().position(|known| known.eq_ignore_ascii_case(facility));
        let number = number.filter(|_| !facility.is_empty()).and_then(|it| u8::try_from(it).ok());
        let unknown = || io::Error::other(format!("'{facility}' is no facility of syslog"));
        let facility = number.ok_or_else(unknown)? << 3;
        let socket = UnixDatagram::unbound()?;
        // A daemon that hangs must not stop us; what it does not take is lost.
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Arc::new(socket), path: path.into(), facility, name: name.into() })
    }

    /// Whether somebody listens there.
    ///
    /// # Errors
    ///
    /// Why nobody can be reached.
    pub fn probe(&self) -> io::Result<()> {
        UnixDatagram::unbound()?.connect(&self.path)
    }
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
        let priority = syslog.facility | severity;
        let head = format!("<{priority}>{}[{}]: ", syslog.name, std::process::id());
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let rows = [
            ("DAEMON", Level::WARN, 28),
            ("daemon", Level::INFO, 30),
            ("LOCAL0", Level::ERROR, 131),
            ("KERN", Level::DEBUG, 7),
        ];
        for (facility, level, priority) in rows {
            let syslog = Syslog::new(&path, facility, "program").unwrap();
            syslog.probe().unwrap();
            Line::new(&syslog, level).write_all(b"Service deregistered id=1\n").unwrap();
            let mut buffer = [0; 200];
            let length = daemon.recv(&mut buffer).unwrap();
            let want =
                format!("<{priority}>program[{}]: Service deregistered id=1", std::process::id());
            assert_eq!(String::from_utf8_lossy(&buffer[..length]), want);
        }
        for facility in ["", "LOCAL8"] {
            assert!(Syslog::new(&path, facility, "program").is_err(), "{facility}");
        }
        let syslog = Syslog::new(&path, "DAEMON", "program").unwrap();
        drop(daemon);
        // Nobody listens: nothing breaks.
        Line::new(&syslog, Level::INFO).write_all(b"x").unwrap();
        assert!(syslog.probe().is_err());
    }
}
