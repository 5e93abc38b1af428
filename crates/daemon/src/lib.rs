//! What every long-running program of the suite needs besides its own job.
//!
//! # Layout
//!
//! - [`backoff`]: how long to wait before the next attempt (pure).
//! - [`cli`]: arguments parsed, with the exit code that a usage error deserves.
//! - [`duration`]: durations in Go's notation, as operators of this field write them (pure).
//! - [`exit`]: the exit codes.
//! - [`log`]: text or JSON logs on standard error.
//! - [`outage`]: one log line when something starts to fail and one when it works again.
//! - [`redact`]: values that must not reach a log.
//! - [`secret`]: secrets, as they are or in files.
//! - [`shutdown`]: SIGTERM and SIGINT as a token.
//! - [`status`]: `/health`, `/ready`, `/metrics` and `/status` over HTTP.
//! - [`tls`]: how a server is trusted, and how we are known to it.

pub mod backoff;
pub mod cli;
pub mod duration;
pub mod exit;
pub mod log;
pub mod outage;
pub mod redact;
pub mod secret;
pub mod shutdown;
pub mod status;
pub mod tls;
