//! Transactions: several keys at once, or none. <https://developer.hashicorp.com/consul/api-docs/txn>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::client::{Client, encode};
use crate::error::Error;

/// One step of a transaction. Consul takes at most 128 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The session holds the key's lock.
    CheckSession {
        /// The whole key.
        key: String,
        /// The session's id.
        session: String,
    },
    /// The key is still at this modify index.
    CheckIndex {
        /// The whole key.
        key: String,
        /// As the last read gave it.
        index: u64,
    },
    /// There is no such key. Since Consul 1.6.
    CheckNotExists {
        /// The whole key.
        key: String,
    },
    /// Writes the key if it is still at this modify index; 0 when it must not exist.
    Cas {
        /// The whole key.
        key: String,
        /// Any bytes.
        value: Vec<u8>,
        /// As the last read gave it.
        index: u64,
    },
    /// Writes the key.
    Set {
        /// The whole key.
        key: String,
        /// Any bytes.
        value: Vec<u8>,
    },
    /// Removes the key, if it is there.
    Delete {
        /// The whole key.
        key: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Step<'a> {
    kv: Kv<'a>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Kv<'a> {
    verb: &'static str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl Client {
    /// Does all of it, or nothing: false when a condition was not met.
    pub async fn txn(&self, operations: &[Operation]) -> Result<bool, Error> {
        let url = self.url(&["txn"])?;
        let steps: Vec<_> =
            operations.iter().map(|operation| Step { kv: operation.wire() }).collect();
        let body = encode(&Method::PUT, &url, &steps)?;
        match self.write::<IgnoredAny>(Method::PUT, url, &[], body).await {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(409) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Operation {
    fn wire(&self) -> Kv<'_> {
        match self {
            Self::CheckSession { key, session } => {
                Kv { verb: "check-session", key, session: Some(session), ..Kv::default() }
            }
            Self::CheckIndex { key, index } => {
                Kv { verb: "check-index", key, index: Some(*index), ..Kv::default() }
            }
            Self::CheckNotExists { key } => Kv { verb: "check-not-exists", key, ..Kv::default() },
            Self::Cas { key, value, index } => Kv {
                verb: "cas",
                key,
                index: Some(*index),
                value: Some(STANDARD.encode(value)),
                ..Kv::default()
            },
            Self::Set { key, value } => {
                Kv { verb: "set", key, value: Some(STANDARD.encode(value)), ..Kv::default() }
            }
            Self::Delete { key } => Kv { verb: "delete", key, ..Kv::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_consul_reads_it() {
        let (key, session) = ("a/lock".to_owned(), "s".to_owned());
        let rows = [
            (
                Operation::CheckSession { key: key.clone(), session },
                r#"{"KV":{"Verb":"check-session","Key":"a/lock","Session":"s"}}"#,
            ),
            (
                Operation::Cas { key: key.clone(), value: b"hi".to_vec(), index: 0 },
                r#"{"KV":{"Verb":"cas","Key":"a/lock","Index":0,"Value":"aGk="}}"#,
            ),
            (Operation::Delete { key }, r#"{"KV":{"Verb":"delete","Key":"a/lock"}}"#),
        ];
        for (operation, want) in rows {
            assert_eq!(serde_json::to_string(&Step { kv: operation.wire() }).unwrap(), want);
        }
    }
}
