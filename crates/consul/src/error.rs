//! What can go wrong, with the URL.

use daemon::cause::root_cause;
use daemon::secret::SecretError;
use daemon::tls::TlsError;
use thiserror::Error;

/// A request that gave no usable answer.
#[derive(Debug, Error)]
#[error("{}: {kind}", self.request())]
#[non_exhaustive]
pub struct Error {
    /// The method of the request.
    pub method: &'static str,
    /// The URL of the request. Tokens travel in a header, never here.
    pub url: String,
    /// What happened.
    #[source]
    pub kind: Kind,
}

/// What happened to a request.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Kind {
    /// The address or key cannot be part of a URL.
    #[error("{0}")]
    Url(String),
    /// The TLS settings are not what they should be.
    #[error("TLS: {0}")]
    Tls(#[source] TlsError),
    /// The file with the token cannot be read; nothing was asked.
    #[error("token: {0}")]
    Token(#[source] SecretError),
    /// No answer: refused, reset, unresolvable.
    #[error("{0}")]
    Transport(String),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// Consul said no.
    #[error("status {status}: {}", first_line(.body))]
    Status {
        /// HTTP status.
        status: u16,
        /// Consul's explanation.
        body: String,
    },
    /// The answer is not what the API page promises.
    #[error("unreadable answer: {0}")]
    Decode(String),
}

impl Error {
    /// What was asked; an address that is none was asked nothing.
    fn request(&self) -> String {
        match &self.kind {
            Kind::Url(_) | Kind::Tls(_) => self.url.clone(),
            _ => format!("{} {}", self.method, self.url),
        }
    }

    /// Whether the same request may succeed later without anyone changing anything.
    ///
    /// 429 is Consul's limit of connections or requests, 5xx a missing leader or an agent that starts. An unreadable
    /// answer counts too: proxies give them while what is behind them restarts.
    pub const fn is_transient(&self) -> bool {
        match &self.kind {
            Kind::Url(_) | Kind::Tls(_) => false,
            // The file may be about to be replaced.
            Kind::Token(_) | Kind::Transport(_) | Kind::Timeout | Kind::Decode(_) => true,
            Kind::Status { status, .. } => *status == 429 || *status >= 500,
        }
    }

    /// Whether there is too much asked of Consul, from here or from elsewhere: 429 and 503.
    pub const fn is_refusal(&self) -> bool {
        matches!(self.status(), Some(429 | 503))
    }

    /// The HTTP status, when that is what went wrong.
    pub const fn status(&self) -> Option<u16> {
        match &self.kind {
            Kind::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Whether the answer to a request came before the request, as the 429 does that Consul gives to a connection too many.
///
/// All that hyper tells of it is a text.
pub fn came_unasked(error: &reqwest::Error) -> bool {
    root_cause(error) == "received unexpected message from connection"
}

fn first_line(body: &str) -> &str {
    const LONGEST: usize = 200;
    let line = body.trim().lines().next().unwrap_or_default();
    line.get(..line.floor_char_boundary(LONGEST)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_and_what() {
        let kind = Kind::Status { status: 403, body: "Permission denied\nmore\n".to_owned() };
        let error = Error { method: "GET", url: "http://c:8500/v1/kv/a".to_owned(), kind };
        assert_eq!(error.to_string(), "GET http://c:8500/v1/kv/a: status 403: Permission denied");
        assert!(!error.is_transient());
    }

    #[test]
    fn shortens_long_bodies_between_characters() {
        assert_eq!(first_line(&"é".repeat(300)).chars().count(), 100);
    }
}
