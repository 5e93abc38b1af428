//! Where Marathon is: a list of endpoints as operators write it.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// A user and a password. Neither `Debug` nor `Display` shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }
}

impl FromStr for Credentials {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() => {
                Ok(Self { user: user.into(), password: password.into() })
            }
            _ => Err(EndpointError::Credentials),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[redacted]", self.user)
    }
}

/// One Marathon. The URL carries no credentials: they are kept apart so that it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host, port and, behind a proxy, a path prefix.
    pub url: Url,
    /// For this endpoint, and for the leader it redirects to.
    pub credentials: Option<Credentials>,
}

/// A list that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    first: Endpoint,
    rest: Vec<Endpoint>,
}

impl Endpoints {
    /// In the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Endpoint> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The same, with `credentials` for those that came without.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Option<&Credentials>) -> Self {
        for endpoint in std::iter::once(&mut self.first).chain(&mut self.rest) {
            if endpoint.credentials.is_none() {
                endpoint.credentials = credentials.cloned();
            }
        }
        self
    }
}

impl FromStr for Endpoints {
    type Err = EndpointError;

    /// Reads `http://a:8080,b:8080`: an entry without a scheme has that of the entry before it, the first one `http`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut scheme = "http".to_owned();
        let mut endpoints = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let endpoint = parse(entry, &scheme)?;
            endpoint.url.scheme().clone_into(&mut scheme);
            endpoints.push(endpoint);
        }
        let mut endpoints = endpoints.into_iter();
        let first = endpoints.next().ok_or(EndpointError::Empty)?;
        Ok(Self { first, rest: endpoints.collect() })
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, endpoint) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", endpoint.url.as_str().trim_end_matches('/'))?;
        }
        Ok(())
    }
}

/// What is wrong with a list of endpoints. Never shows the entry's credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Nothing but commas.
    #[error("no Marathon endpoint given")]
    Empty,
    /// Not a URL.
    #[error("{entry:?} is not an endpoint: {reason}")]
    Url {
        /// As given, without credentials.
        entry: String,
        /// What the URL parser says.
        reason: String,
    },
    /// Neither `http`, `https` nor without a scheme.
    #[error("{entry:?} is not an endpoint: only http:// and https:// are supported")]
    Scheme {
        /// As given, without credentials.
        entry: String,
    },
    /// Not `user:password`.
    #[error("credentials must be user:password")]
    Credentials,
    /// A certificate without its key, or the other way round.
    #[error("Marathon: {0}")]
    Identity(#[from] daemon::tls::HalfIdentity),
}

fn parse(entry: &str, scheme: &str) -> Result<Endpoint, EndpointError> {
    let text = if entry.contains("://") { entry.to_owned() } else { format!("{scheme}://{entry}") };
    let shown = || text.rsplit_once('@').map_or(text.as_str(), |(_, host)| host).to_owned();
    let wrong = |reason: String| EndpointError::Url { entry: shown(), reason };
    let mut url = Url::parse(&text).map_err(|err| wrong(err.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EndpointError::Scheme { entry: shown() });
    }
    if url.port() == Some(0) {
        return Err(wrong("port 0".to_owned()));
    }
    let credentials = take_credentials(&mut url);
    url.set_query(None);
    url.set_fragment(None);
    Ok(Endpoint { url, credentials })
}

/// Takes user and password out of a URL, so that it can be shown.
pub(crate) fn take_credentials(url: &mut Url) -> Option<Credentials> {
    let credentials = Credentials {
        user: decode(url.username()),
        password: url.password().map(decode).unwrap_or_default(),
    };
    // Fails only for URLs without a host, which carry no credentials.
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return None;
    }
    (!credentials.user.is_empty()).then_some(credentials)
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = (byte == b'%').then(|| tail.split_at_checked(2)).flatten();
        let decoded = escape.and_then(|(hex, after)| {
            let hex = std::str::from_utf8(hex).ok()?;
            Some((u8::from_str_radix(hex, 16).ok()?, after))
        });
        let (byte, tail) = decoded.unwrap_or((byte, tail));
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_operators_write_them() {
        let rows = [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://a:8080,b:8080", "http://a:8080,http://b:8080"),
            ("a:8080, http://b:8080/", "http://a:8080,http://b:8080"),
            ("https://a,b:8443", "https://a,https://b:8443"),
            ("http://u:p@a:8080/marathon/", "http://a:8080/marathon"),
        ];
        for (given, want) in rows {
            assert_eq!(given.parse::<Endpoints>().unwrap().to_string(), want, "{given}");
        }
    }

    #[test]
    fn what_is_not_an_endpoint_is_named() {
        let rows = [
            (",", "no Marathon endpoint given"),
            ("http://a:x", r#""http://a:x" is not an endpoint: invalid port number"#),
            (
                "ftp://u:secret@a",
                r#""a" is not an endpoint: only http:// and https:// are supported"#,
            ),
        ];
        for (given, want) in rows {
            assert_eq!(given.parse::<Endpoints>().unwrap_err().to_string(), want, "{given}");
        }
    }

    #[test]
    fn credentials_leave_the_url_and_are_not_shown() {
        let endpoints: Endpoints = "http://ann:p%40ss@a,b".parse().unwrap();
        let option: Credentials = "bob:x:y".parse().unwrap();
        let endpoints = endpoints.with_credentials(Some(&option));
        let passwords: Vec<_> =
            endpoints.iter().map(|e| e.credentials.as_ref().unwrap().password()).collect();
        assert_eq!(passwords, ["p@ss", "x:y"]);
        let shown = format!("{endpoints:?} {endpoints}");
        assert!(!shown.contains("p@ss") && !shown.contains("x:y"), "{shown}");
    }
}
