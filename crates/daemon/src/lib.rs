//! What every long-running program of the suite needs besides its own job.
//!
//! # Layout
//!
//! - [`backoff`]: how long to wait before the next attempt (pure).
//! - [`cause`]: what of an error says what happened.
//! - [`cli`]: arguments parsed, with the exit code that a usage error deserves.
//! - [`duration`]: durations in Go's notation, as operators of this field write them (pure).
//! - [`exit`]: the exit codes.
//! - [`init`]: what PID 1 owes the processes of its container.
//! - [`log`], [`log_file`], [`syslog`]: text or JSON logs on standard error, in a file, and for the host's daemon.
//! - [`notify`]: what the service manager is told.
//! - [`outage`]: one log line when something starts to fail and one when it works again.
//! - [`redact`]: values that must not reach a log.
//! - [`secret`]: secrets, as they are or in files.
//! - [`shutdown`]: SIGTERM and SIGINT as a token.
//! - [`status`]: `/health`, `/ready`, `/metrics` and `/status` over HTTP.
//! - [`tls`]: how a server is trusted, and how we are known to it.

pub mod backoff;
pub mod cause;
pub mod cli;
pub mod duration;
pub mod exit;
pub mod init;
pub mod log;
pub mod log_file;
pub mod notify;
pub mod outage;
pub mod redact;
pub mod secret;
pub mod shutdown;
pub mod status;
pub mod syslog;
pub mod tls;
