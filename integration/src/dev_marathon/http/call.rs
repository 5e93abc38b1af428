//! A request, with its query read as Marathon reads it.

use std::net::SocketAddr;

use axum::http::header::HeaderName;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde_json::Value;
use url::form_urlencoded;

use crate::dev_marathon::refusal::Refusal;

/// What a client asks.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) client: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub(super) fn new(head: &Parts, body: Bytes, client: SocketAddr) -> Self {
        Self {
            method: head.method.clone(),
            uri: head.uri.path().to_owned(),
            client: client.ip().to_string(),
            query: pairs(head.uri.query().unwrap_or_default()),
            headers: head.headers.clone(),
            body,
        }
    }

    /// A request of which only the query matters.
    pub(super) fn of_query(method: &Method, query: &str) -> Self {
        Self {
            method: method.clone(),
            uri: String::new(),
            client: String::new(),
            query: pairs(query),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a parameter; `name[]` is the same to Marathon.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let is_it = |key: &str| key.strip_suffix("[]").unwrap_or(key) == name;
        self.query.iter().filter(|(key, _)| is_it(key)).map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// A boolean parameter: `true` in any case, everything else is false.
    pub(super) fn flag(&self, name: &str, absent: bool) -> bool {
        self.one(name).map_or(absent, |value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body).map_err(|err| Refusal::NotJson(err.to_string()))
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
