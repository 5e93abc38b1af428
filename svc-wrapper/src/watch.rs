//! The configuration from Consul: once to start with, then whenever it may have changed.

use std::time::{Duration, Instant};

use consul::kv::KvPair;
use consul::{Answer, Client, Consistency, Cursor, Error, Query};
use daemon::backoff::{Backoff, jitter};
use daemon::outage::Outage;
use tokio::sync::mpsc;

use crate::env::{self, Mapped};
use crate::reading::{Reading, judge, judge_error};

/// How long Consul holds a query while nothing changes. HAProxy in between must allow for it.
const WAIT: Duration = Duration::from_mins(1);

/// Reads the folder `prefix` of the KV store.
#[derive(Clone, Debug)]
pub struct Watch {
    consul: Client,
    prefix: String,
}

/// Says once that Consul fails, and once that it works again.
struct Patience {
    backoff: Backoff,
    outage: Outage,
}

impl Watch {
    /// A watch on `prefix`, which ends with `/`.
    pub const fn new(consul: Client, prefix: String) -> Self {
        Self { consul, prefix }
    }

    /// The configuration to start with, however long it takes, and where to go on watching.
    ///
    /// Unlike later, an empty or filtered answer counts: there is no better one to hold on to.
    pub async fn first(&self) -> (Mapped, Cursor) {
        let mut patience = Patience::new();
        loop {
            match self.list(&Query::default()).await {
                Ok(answer) if answer.index.is_some() && answer.known_leader => {
                    patience.works();
                    if answer.filtered_by_acls {
                        tracing::warn!(
                            prefix = self.prefix,
                            "Consul's ACL hides a part of the configuration"
                        );
                    }
                    let mut cursor = Cursor::default();
                    cursor.advance(answer.index);
                    return (env::map(&self.prefix, &answer.value), cursor);
                }
                Ok(_) => patience.fails(&"an answer without index or leader").await,
                Err(error) => patience.fails(&error).await,
            }
        }
    }

    /// The configuration as a quorum of Consul's servers has it now.
    pub async fn now(&self, configured: bool) -> Result<Reading, Error> {
        let query = Query::default().with_consistency(Consistency::Consistent);
        match self.list(&query).await {
            Ok(answer) => Ok(judge(&self.prefix, &answer, configured)),
            Err(error) => judge_error(&error).map(Reading::Unusable).ok_or(error),
        }
    }

    /// Sends what every further answer says, until nobody listens.
    pub async fn follow(
        self,
        mut cursor: Cursor,
        configured: bool,
        readings: mpsc::Sender<Reading>,
    ) {
        let mut patience = Patience::new();
        loop {
            let asked = self.list(&Query::blocking(cursor, WAIT)).await;
            let reading = match &asked {
                Ok(answer) => {
                    cursor.advance(answer.index);
                    Some(judge(&self.prefix, answer, configured))
                }
                Err(error) => judge_error(error).map(Reading::Unusable),
            };
            // What cannot be used may come at once, again and again, so it waits its turn like an error.
            let usable = matches!(reading, Some(Reading::Usable(_)));
            if let Some(reading) = reading
                && readings.send(reading).await.is_err()
            {
                return;
            }
            match asked {
                Ok(_) if usable => patience.works(),
                Ok(_) => patience.pauses().await,
                Err(error) => {
                    // What comes back may be a rebuilt cluster, whose lower index a blocking query would sit out.
                    cursor = Cursor::default();
                    patience.fails(&error).await;
                }
            }
        }
    }

    async fn list(&self, query: &Query) -> Result<Answer<Vec<KvPair>>, Error> {
        self.consul.kv_list(&self.prefix, query).await
    }
}

impl Patience {
    fn new() -> Self {
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
        Self { backoff, outage: Outage::default() }
    }

    async fn fails(&mut self, error: &(dyn std::fmt::Display + Sync)) {
        if self.outage.failed(error, Instant::now()) {
            tracing::warn!(error = %error, "Consul cannot be read, trying again");
        }
        self.pauses().await;
    }

    async fn pauses(&mut self) {
        tokio::time::sleep(self.backoff.next(jitter())).await;
    }

    fn works(&mut self) {
        self.backoff.reset();
        if let Some(recovery) = self.outage.recovered(Instant::now()) {
            let seconds = recovery.lasted.as_secs();
            tracing::info!(seconds, failures = recovery.failures, "Consul can be read again");
        }
    }
}
