//! Sessions, which hold locks. <https://developer.hashicorp.com/consul/api-docs/session>

use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::client::{Client, encode};
use crate::error::Error;

/// A session to create.
///
/// It has no node checks: whoever holds it shows by renewing it in time that it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// For people.
    pub name: String,
    /// Invalidated when not renewed for this long (Consul takes up to twice as long); 10 s to 24 h.
    pub ttl: Duration,
    /// How long its locks stay refused to others after it was invalidated.
    pub lock_delay: Duration,
    /// What happens to the keys it holds when it ends.
    pub behavior: Behavior,
}

/// What happens to the keys a session holds when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Behavior {
    /// They stay, unlocked.
    Release,
    /// They go.
    Delete,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Create<'a> {
    name: &'a str,
    #[serde(rename = "TTL")]
    ttl: String,
    lock_delay: String,
    behavior: Behavior,
    node_checks: [&'static str; 0],
    checks: [&'static str; 0],
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "ID")]
    id: String,
}

impl Client {
    /// Creates a session and gives its id.
    pub async fn session_create(&self, session: &Session) -> Result<String, Error> {
        let text = |duration: Duration| format!("{}ms", duration.as_millis());
        let body = Create {
            name: &session.name,
            ttl: text(session.ttl),
            lock_delay: text(session.lock_delay),
            behavior: session.behavior,
            node_checks: [],
            checks: [],
        };
        let url = self.url(&["session", "create"])?;
        let body = encode(&Method::PUT, &url, &body)?;
        let created: Created = self.write(Method::PUT, url, &[], body).await?;
        Ok(created.id)
    }

    /// Renews a session. False when it is gone, and with it its locks.
    pub async fn session_renew(&self, id: &str) -> Result<bool, Error> {
        match self.command(self.url(&["session", "renew", id])?, &[], None::<&()>).await {
            Ok(()) => Ok(true),
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends a session. Its locks are free after their delay, as when it ends by itself.
    pub async fn session_destroy(&self, id: &str) -> Result<(), Error> {
        self.command(self.url(&["session", "destroy", id])?, &[], None::<&()>).await
    }
}
