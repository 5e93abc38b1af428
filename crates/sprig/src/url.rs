//! URLs to dictionaries and back.

mod escape;
mod parse;

use gotemplate::{Error, Map, Value};

use self::escape::{Part, escape};
use crate::{
    cast,
    function::{Arguments, Function, STRING, dictionary, function},
};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        function("urlParse", [STRING], |a| {
            let url = Url::parse(a.text(0))
                .map_err(|error| Error::new(format!("unable to parse url: {error}")))?;
            Ok(Value::map([
                ("scheme", url.scheme.as_str().into()),
                ("host", cast::lossy(&url.host).into()),
                ("hostname", cast::lossy(url.host_name()).into()),
                ("path", cast::lossy(&url.path).into()),
                ("query", url.query.as_str().into()),
                ("opaque", url.opaque.as_str().into()),
                ("fragment", cast::lossy(&url.fragment).into()),
                ("userinfo", url.user.unwrap_or_default().into()),
            ]))
        }),
        function("urlJoin", [dictionary()], join),
    ]
}

/// The parts of a URL as Go's package has them. Those that are decoded may be any bytes.
#[derive(Debug, Default)]
struct Url {
    scheme: String,
    /// What follows the scheme where that is no path.
    opaque: String,
    /// Encoded anew.
    user: Option<String>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: String,
    fragment: Vec<u8>,
}

impl Url {
    /// The host without the port and brackets.
    fn host_name(&self) -> &[u8] {
        let host = match self.host.iter().rposition(|byte| *byte == b':') {
            Some(colon) if self.host.iter().skip(colon + 1).all(u8::is_ascii_digit) => {
                self.host.get(..colon).unwrap_or_default()
            }
            _ => &self.host,
        };
        host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
    }

    fn to_text(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if self.opaque.is_empty() {
            self.push_hierarchy(&mut out);
        } else {
            out.push_str(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push('?');
            out.push_str(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&escape(&self.fragment, Part::Fragment));
        }
        out
    }

    /// User, host and path.
    fn push_hierarchy(&self, out: &mut String) {
        if !self.host.is_empty()
            || self.user.is_some()
            || (!self.scheme.is_empty() && !self.path.is_empty())
        {
            out.push_str("//");
            if let Some(user) = &self.user {
                out.push_str(user);
                out.push('@');
            }
            out.push_str(&escape(&self.host, Part::Host));
        }
        let path = match self.path.as_slice() {
            b"*" => "*".to_owned(),
            path => escape(path, Part::Path),
        };
        if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
            out.push('/');
        }
        // A colon would be taken for the end of a scheme.
        if out.is_empty() && path.split('/').next().is_some_and(|first| first.contains(':')) {
            out.push_str("./");
        }
        out.push_str(&path);
    }
}

fn join(a: &Arguments<'_>) -> Result<Value, Error> {
    let map = a.map(0)?;
    let mut url = Url {
        scheme: part(map, "scheme")?,
        host: part(map, "host")?.into_bytes(),
        path: part(map, "path")?.into_bytes(),
        query: part(map, "query")?,
        opaque: part(map, "opaque")?,
        fragment: part(map, "fragment")?.into_bytes(),
        user: None,
    };
    let user = part(map, "userinfo")?;
    if !user.is_empty() {
        let parsed = Url::parse(&format!("proto://{user}@host"))
            .map_err(|error| Error::new(format!("unable to parse userinfo in dict: {error}")))?;
        url.user = parsed.user;
    }
    Ok(url.to_text().into())
}

fn part(map: &Map, key: &str) -> Result<String, Error> {
    match map.get(key).as_deref() {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.to_string()),
        Some(Value::Nil | Value::Missing) => Err(crate::panics::nil_dereference()),
        Some(other) => {
            let kind = cast::kind(other);
            Err(format!("unable to parse {key} key, must be of type string, but {kind} found")
                .into())
        }
    }
}
