//! The key/value store. <https://developer.hashicorp.com/consul/api-docs/kv>

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::client::Client;
use crate::error::Error;
use crate::query::{Answer, Query};

/// A key with its value.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct KvPair {
    /// The whole key.
    pub key: String,
    /// Any bytes.
    #[serde(deserialize_with = "base64")]
    pub value: Vec<u8>,
    /// For the application.
    pub flags: u64,
    /// When the key was made.
    pub create_index: u64,
    /// When key or lock last changed; what `cas` compares.
    pub modify_index: u64,
    /// How often its lock was taken.
    pub lock_index: u64,
    /// The session that holds its lock.
    pub session: Option<String>,
}

/// Leaves the value out: it may be a secret.
impl fmt::Debug for KvPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvPair")
            .field("key", &self.key)
            .field("modify_index", &self.modify_index)
            .finish_non_exhaustive()
    }
}

/// The condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// None: the last writer wins.
    Always,
    /// The key is still at this modify index; 0 when it must not exist.
    Unchanged(u64),
    /// The session gets the key's lock, or holds it already.
    Acquire(&'a str),
    /// The session gives the key's lock back.
    Release(&'a str),
}

impl Client {
    /// One key, `None` when it does not exist.
    pub async fn kv_get(&self, key: &str, query: &Query) -> Result<Answer<Option<KvPair>>, Error> {
        let answer: Answer<Vec<KvPair>> =
            self.read(self.key_url(key)?, &[], query, Some(Vec::new())).await?;
        Ok(answer.map(|pairs| pairs.into_iter().next()))
    }

    /// All keys that begin with `prefix`, in order. A prefix is text, not a folder: end it with `/` to mean one.
    pub async fn kv_list(&self, prefix: &str, query: &Query) -> Result<Answer<Vec<KvPair>>, Error> {
        self.read(self.key_url(prefix)?, &[("recurse", "")], query, Some(Vec::new())).await
    }

    /// Writes a key. True unless the condition was not met.
    pub async fn kv_put(
        &self,
        key: &str,
        value: impl Into<Vec<u8>>,
        condition: Condition<'_>,
    ) -> Result<bool, Error> {
        let text;
        let parameter = match condition {
            Condition::Always => None,
            Condition::Unchanged(index) => {
                text = index.to_string();
                Some(("cas", text.as_str()))
            }
            Condition::Acquire(session) => Some(("acquire", session)),
            Condition::Release(session) => Some(("release", session)),
        };
        self.write(Method::PUT, self.key_url(key)?, parameter.as_slice(), value.into()).await
    }

    /// Removes all keys that begin with `prefix`.
    pub async fn kv_delete_tree(&self, prefix: &str) -> Result<(), Error> {
        let url = self.key_url(prefix)?;
        self.write(Method::DELETE, url, &[("recurse", "")], None).await.map(|_: bool| ())
    }

    pub(crate) fn key_url(&self, key: &str) -> Result<Url, Error> {
        let key = key.strip_prefix('/').unwrap_or(key);
        self.url(&["kv"].into_iter().chain(key.split('/')).collect::<Vec<_>>())
    }
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_values_and_hides_them() {
        let pairs: Vec<KvPair> = serde_json::from_str(
            r#"[{"Key":"a","Value":"czNjcjN0","ModifyIndex":7,"Flags":0},{"Key":"b","Value":null}]"#,
        )
        .unwrap();
        assert_eq!(pairs[0].value, b"s3cr3t");
        assert_eq!(pairs[1].value, b"");
        assert!(!format!("{pairs:?}").contains("115"), "{pairs:?}");
        assert!(format!("{pairs:?}").contains("modify_index: 7"));
    }
}
