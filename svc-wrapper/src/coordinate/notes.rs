//! What the instances of an app leave each other in Consul: the lock, the intent document, and the operators' word.

use std::time::{Duration, Instant, SystemTime};

use consul::kv::KvPair;
use consul::txn::Operation;
use consul::{Client, Consistency, Cursor, Error, Query};
use daemon::backoff::{Backoff, jitter};

use crate::restart::intent::{Document, Phase, Record};
use crate::restart::{Bar, Moment, Slot, Written};

/// The folder of an app.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    consul: Client,
    folder: String,
}

/// What stands there.
pub(super) struct Noted {
    /// Somebody holds the lock.
    pub(super) locked: bool,
    /// `None` when a later program wrote the document.
    pub(super) slot: Option<Slot>,
    pub(super) bar: Option<Bar>,
    pub(super) at: Moment,
}

impl Notes {
    /// Those of an app, given by its id without the leading slash.
    pub(super) fn new(consul: Client, app: &str) -> Self {
        Self { consul, folder: format!("svc-wrapper/v1/{app}/") }
    }

    pub(super) fn key(&self, name: &str) -> String {
        [&self.folder, name].concat()
    }

    /// Reads all of it at once; `None` when the cluster has no leader, or what answered is not Consul.
    pub(super) async fn read(&self, consistency: Consistency) -> Result<Option<Noted>, Error> {
        let query = Query::default().with_consistency(consistency);
        let answer = self.consul.kv_list(&self.folder, &query).await?;
        Ok((answer.index.is_some() && answer.known_leader).then(|| self.judge(&answer.value)))
    }

    fn judge(&self, pairs: &[KvPair]) -> Noted {
        let at = Moment::from(SystemTime::now());
        let find = |name: &str| {
            let key = self.key(name);
            pairs.iter().find(|pair| pair.key == key)
        };
        let slot = match find("state").map(|pair| (Document::read(&pair.value), pair.modify_index))
        {
            None => Some(Slot::default()),
            Some((Document::Record(record), index)) => Some(Slot { record: Some(record), index }),
            Some((Document::Garbage, index)) => {
                tracing::warn!(key = self.key("state"), "Intent document cannot be read");
                Some(Slot { record: None, index })
            }
            Some((Document::Later, _)) => {
                tracing::debug!("Intent document of a later program, left alone");
                None
            }
        };
        let hold = find("hold");
        if let Some(hold) = hold {
            let reason = String::from_utf8_lossy(&hold.value);
            tracing::warn!(key = hold.key, %reason, "Restart needed, but operators paused them");
        }
        let early = || slot.as_ref()?.record.as_ref()?.bars(at).map(Bar::Early);
        let bar = hold.map(|_| Bar::Paused).or_else(early);
        if let Some(Bar::Early(rest)) = bar {
            tracing::info!(
                seconds = rest.as_secs(),
                "Restart needed, but the last one was just now"
            );
        }
        let locked = find("lock").is_some_and(|pair| pair.session.is_some());
        Noted { locked, slot, bar, at }
    }

    /// Writes the intent document, if `session` still holds the lock and nobody else wrote it.
    pub(super) async fn write(
        &self,
        record: &Record,
        index: Option<u64>,
        session: &str,
    ) -> Written {
        match self.try_write(record, index, session).await {
            Ok(true) => {
                let Record { seq, phase, target, attempts, .. } = record;
                if *phase == Phase::Intent {
                    tracing::info!(seq, %target, attempts, "Intent written");
                } else {
                    tracing::debug!(seq, ?phase, "Outcome written");
                }
                Written::Done
            }
            Ok(false) => Written::Outdated,
            Err(error) => {
                tracing::warn!(error = %error, "Intent document not written");
                if matches!(error.status(), Some(401 | 403)) {
                    Written::Denied
                } else {
                    Written::Unknown
                }
            }
        }
    }

    async fn try_write(
        &self,
        record: &Record,
        index: Option<u64>,
        session: &str,
    ) -> Result<bool, Error> {
        let (key, lock) = (self.key("state"), self.key("lock"));
        let index = match index {
            Some(index) => index,
            None => match self.index_of(record).await? {
                Some(index) => index,
                None => return Ok(false),
            },
        };
        let value = record.to_json().into_bytes();
        let operations = [
            Operation::CheckSession { key: lock, session: session.to_owned() },
            Operation::Cas { key, value, index },
        ];
        self.consul.txn(&operations).await
    }

    /// Where the same intent stands, if it still does.
    async fn index_of(&self, record: &Record) -> Result<Option<u64>, Error> {
        let query = Query::default().with_consistency(Consistency::Consistent);
        let pair = self.consul.kv_get(&self.key("state"), &query).await?.value;
        Ok(pair.and_then(|pair| match Document::read(&pair.value) {
            Document::Record(found) if (found.seq, &found.by) == (record.seq, &record.by) => {
                Some(pair.modify_index)
            }
            _ => None,
        }))
    }

    /// Waits until operators no longer pause restarts.
    pub(super) async fn unpaused(&self) {
        const WAIT: Duration = Duration::from_mins(1);
        let mut cursor = Cursor::default();
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));
        loop {
            let asked = Instant::now();
            match self.consul.kv_get(&self.key("hold"), &Query::blocking(cursor, WAIT)).await {
                Ok(answer) if answer.value.is_none() && answer.known_leader => return,
                Ok(answer) if answer.index.is_some() => {
                    cursor.advance(answer.index);
                    backoff.reset();
                }
                Ok(_) | Err(_) => cursor = Cursor::default(),
            }
            // An answer that comes at once, again and again, waits its turn like an error.
            if asked.elapsed() < Duration::from_secs(1) {
                tokio::time::sleep(backoff.next(jitter())).await;
            }
        }
    }
}
