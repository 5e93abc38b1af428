//! What went wrong, where, and whether to try again.

use std::fmt;
use std::time::Duration;

use daemon::cause::root_cause;
use daemon::secret::SecretError;
use daemon::tls::TlsError;
use url::Url;

/// A request that did not give what it was made for.
#[derive(Debug)]
pub struct Error {
    /// Without credentials and parameters.
    pub url: String,
    /// What went wrong.
    pub kind: Kind,
}

/// What went wrong with a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// The TLS settings are not what they should be.
    #[error("TLS: {0}")]
    Tls(#[source] TlsError),
    /// The file with the token cannot be read; nothing was asked.
    #[error("token: {0}")]
    Token(#[source] SecretError),
    /// No connection came about: the request was not delivered.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection broke.
    #[error("{0}")]
    Transport(String),
    /// No complete answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// Marathon, or something before it, refused.
    #[error("{}", refusal(*status, message))]
    Status {
        /// Of the answer.
        status: u16,
        /// Marathon's own words; empty when it had none.
        message: String,
        /// The deployments that lock the app, on 409.
        deployments: Vec<String>,
    },
    /// The answer was not what the API promises.
    #[error("unexpected answer: {0}")]
    Decode(String),
    /// Redirected more often than a leader election explains, or without a usable address.
    #[error("redirected {0} times")]
    RedirectLoop(usize),
    /// The event stream was silent for longer than Marathon's keep-alives allow.
    #[error("event stream silent for {0:?}")]
    Silence(Duration),
    /// Marathon ended the event stream.
    #[error("event stream closed by Marathon")]
    Closed,
}

impl Error {
    pub(crate) fn new(url: &Url, kind: Kind) -> Self {
        Self { url: without_query(url), kind }
    }

    /// Classifies an error of the HTTP client; `limit` is the time-out the request had.
    pub(crate) fn transport(url: &Url, err: &reqwest::Error, limit: Duration) -> Self {
        let kind = if err.is_connect() {
            Kind::Connect(root_cause(err))
        } else if err.is_timeout() {
            Kind::Timeout(limit)
        } else {
            Kind::Transport(root_cause(err))
        };
        Self::new(url, kind)
    }

    /// Worth trying again later, unchanged.
    pub fn is_transient(&self) -> bool {
        match &self.kind {
            Kind::Status { status, .. } => *status == 429 || *status >= 500,
            Kind::Tls(_) => false,
            _ => true,
        }
    }

    /// The HTTP status, when there was one.
    pub fn status(&self) -> Option<u16> {
        match &self.kind {
            Kind::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether Marathon may have acted on the request. `false` is certain; `true` means ask before doing it again.
    pub fn may_have_been_delivered(&self) -> bool {
        match &self.kind {
            Kind::Tls(_) | Kind::Token(_) | Kind::Connect(_) | Kind::RedirectLoop(_) => false,
            // A server error may come from a proxy that had passed the request on.
            Kind::Status { status, .. } => *status >= 500,
            _ => true,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.kind)
    }
}

// No source: Display already says all of it, and a chain would say it twice.
impl std::error::Error for Error {}

/// The parameters are always the same for a path, and would bury what went wrong.
pub(crate) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

fn refusal(status: u16, message: &str) -> String {
    if message.is_empty() {
        format!("status {status}")
    } else {
        format!("status {status}: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Kind {
        Kind::Status { status, message: String::new(), deployments: Vec::new() }
    }

    #[test]
    fn what_to_try_again_and_what_may_have_happened() {
        let limit = Duration::from_secs(1);
        let rows = [
            (Kind::Connect("refused".into()), true, false),
            (Kind::Transport("reset".into()), true, true),
            (Kind::Timeout(limit), true, true),
            (Kind::RedirectLoop(5), true, false),
            (Kind::Decode("eof".into()), true, true),
            (status(503), true, true),
            (status(429), true, false),
            (status(401), false, false),
            (status(404), false, false),
            (status(409), false, false),
        ];
        for (kind, transient, delivered) in rows {
            let err = Error { url: "http://a/".into(), kind };
            assert_eq!(
                (err.is_transient(), err.may_have_been_delivered()),
                (transient, delivered),
                "{err}"
            );
        }
    }

    #[test]
    fn marathons_own_words_are_shown() {
        let kind = Kind::Status {
            status: 404,
            message: "App '/x' does not exist".into(),
            deployments: Vec::new(),
        };
        let err = Error { url: "http://a/v2/apps/x".into(), kind };
        assert_eq!(err.to_string(), "http://a/v2/apps/x: status 404: App '/x' does not exist");
    }
}
