//! The lock among the instances of an app: a key in Consul, held by a session.
//!
//! The session has no node checks: only its renewals show that its holder lives. The holder goes by its own clock, counted
//! from before each request, because Consul may take twice the time to notice a dead one and a holder that is cut off
//! would notice even later.

use std::time::{Duration, Instant};

use consul::kv::Condition;
use consul::session::{Behavior, Session};
use consul::{Client, Cursor, Error, Query};

use crate::restart::LEASE;

/// The key and what its holder writes into it.
#[derive(Clone, Debug)]
pub struct Lock {
    consul: Client,
    key: String,
    holder: String,
}

/// The session that holds the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its id.
    pub session: String,
    /// When it ends, by our clock, unless renewed.
    pub until: Instant,
}

/// Outcome of an attempt.
#[derive(Debug)]
pub enum Attempt {
    /// The lock is ours.
    Won(Lease),
    /// Another has it, or had it a moment ago.
    Lost,
}

impl Lock {
    /// The lock at a key. `holder` is for people who look at it.
    pub const fn new(consul: Client, key: String, holder: String) -> Self {
        Self { consul, key, holder }
    }

    /// Tries once. Whoever saw that another has it spares Consul a session, of which there would be one for each instance.
    pub async fn acquire(&self) -> Result<Attempt, Error> {
        let until = Instant::now() + LEASE;
        let session = self.consul.session_create(&session(&self.holder)).await?;
        let condition = Condition::Acquire(&session);
        match self.consul.kv_put(&self.key, self.holder.as_str(), condition).await {
            Ok(true) => Ok(Attempt::Won(Lease { session, until })),
            Ok(false) => {
                self.release(&session).await;
                Ok(Attempt::Lost)
            }
            Err(error) => {
                self.release(&session).await;
                Err(error)
            }
        }
    }

    /// Renews for as long as the session lives, and tells the end of each lease. Returns when it is lost.
    pub async fn keep(&self, lease: Lease, mut renewed: impl FnMut(Instant)) {
        let mut until = lease.until;
        let mut pause = LEASE / 3;
        loop {
            tokio::time::sleep(pause).await;
            let asked = Instant::now();
            match self.consul.session_renew(&lease.session).await {
                Ok(true) => {
                    until = asked + LEASE;
                    pause = LEASE / 3;
                    renewed(until);
                }
                Err(_) if Instant::now() < until => pause = Duration::from_secs(1),
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Gives the lock back, and removes the key with it. When that fails the session ends by itself.
    pub async fn release(&self, session: &str) {
        if let Err(error) = self.consul.session_destroy(session).await {
            tracing::debug!(error = %error, "Lock not given back, its session will run out");
        }
    }

    /// Waits until nobody holds the lock, as far as Consul can be asked.
    pub async fn freed(&self) {
        // For five seconds after its session ended, even by our own hand, a lock is free and yet refused (its delay).
        const PAUSE: Duration = Duration::from_secs(1);
        const WAIT: Duration = Duration::from_mins(1);
        let mut cursor = Cursor::default();
        loop {
            let query = Query::blocking(cursor, WAIT);
            match self.consul.kv_get(&self.key, &query).await {
                Ok(answer) if answer.value.as_ref().is_some_and(|pair| pair.session.is_some()) => {
                    if answer.index.is_none() {
                        break;
                    }
                    cursor.advance(answer.index);
                }
                Ok(_) | Err(_) => break,
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn session(holder: &str) -> Session {
    const LOCK_DELAY: Duration = Duration::from_secs(5);
    Session {
        name: format!("svc-wrapper {holder}"),
        ttl: LEASE,
        lock_delay: LOCK_DELAY,
        behavior: Behavior::Delete,
    }
}
