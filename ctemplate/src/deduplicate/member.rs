//! One template's lock and data: what the state machine decides on, and what it decided.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use consul::kv::{Condition, KvPair};
use consul::session::{Behavior, Session};
use consul::{Answer, Client, Consistency, Cursor, Error, Query};
use daemon::backoff::{Backoff, jitter};
use daemon::outage::Outage;
use tokio::sync::{Notify, watch};
use tokio::time::sleep_until;

use super::role::{Event, Role};
use super::snapshot::{self, Snapshot, Unreadable};
use super::standing::{Holder, Observed};
use crate::config::settings::Deduplicate;

/// How long a query waits for a change.
const WAIT: Duration = Duration::from_mins(1);
/// The pause before a lock that nobody holds is tried again, and the first after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// What Consul takes as the time after which a session expires.
const TTL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_hours(24));

/// This instance and a template.
#[derive(Debug)]
pub(super) struct Member {
    client: Client,
    folder: String,
    ttl: Duration,
    max_stale: Duration,
    role: watch::Sender<Role>,
    holder: watch::Sender<Option<Holder>>,
    news: Arc<Notify>,
    cursor: Cursor,
    is_free: bool,
    read: Option<Read>,
    unpublished: Option<Vec<u8>>,
    renewed: Instant,
    not_before: Instant,
    backoff: Backoff,
    outage: Outage,
}

/// The last value of the data, and what it means.
#[derive(Debug)]
struct Read {
    bytes: Vec<u8>,
    meaning: Result<Arc<Snapshot>, Unreadable>,
}

impl Member {
    /// Of the template with this name. Its role and who leads are told from now on.
    pub(super) fn new(
        client: Client,
        settings: &Deduplicate,
        name: &str,
        news: Arc<Notify>,
    ) -> (Self, Observed) {
        let now = Instant::now();
        let ttl = settings.ttl.clamp(TTL.0, TTL.1);
        let folder = format!("{}/{name}/", settings.prefix.trim_matches('/'));
        let role = watch::Sender::new(Role::waiting(now, ttl));
        let holder = watch::Sender::new(None);
        let observed =
            Observed { folder: folder.clone(), role: role.subscribe(), holder: holder.subscribe() };
        let member = Self {
            client,
            folder,
            ttl,
            max_stale: settings.max_stale,
            role,
            holder,
            news,
            cursor: Cursor::default(),
            is_free: false,
            read: None,
            unpublished: None,
            renewed: now,
            not_before: now,
            backoff: Backoff::new(RETRY, ttl / 3),
            outage: Outage::default(),
        };
        (member, observed)
    }

    /// Takes part until nobody offers anything any more.
    pub(super) async fn run(mut self, mut offer: watch::Receiver<Option<Vec<u8>>>) {
        while offer.has_changed().is_ok() {
            let session = self.session();
            let (is_offered, result) = self.step(&mut offer).await;
            if is_offered || self.session() != session {
                // A new lock has no data yet, so that what was offered before counts again.
                self.unpublished.clone_from(&offer.borrow_and_update());
            }
            if let Some(lost) = session.filter(|session| self.session().as_ref() != Some(session)) {
                // It may hold the data still, which would keep the next one from writing them.
                self.destroy(&lost).await;
            }
            match (result, self.lead().await) {
                (Some(Err(error)), _) | (_, Err(error)) => self.failed(&error),
                (Some(Ok(())), Ok(())) => self.works(),
                // Consul was not asked.
                (None, Ok(())) => {}
            }
        }
        if let Some(session) = self.session() {
            self.destroy(&session).await;
        }
    }

    /// Waits for one thing to happen. True when something was offered, or never will be again; and what Consul said if it
    /// was asked.
    async fn step(
        &mut self,
        offer: &mut watch::Receiver<Option<Vec<u8>>>,
    ) -> (bool, Option<Result<(), Error>>) {
        let deadline = self.deadline();
        tokio::select! {
            _ = offer.changed() => (true, None),
            answer = self.look() => (false, Some(match answer {
                Ok(answer) => self.see(answer).await,
                Err(error) => Err(error),
            })),
            () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => {
                self.on(Event::Passed);
                (false, None)
            }
        }
    }

    fn session(&self) -> Option<String> {
        match &*self.role.borrow() {
            Role::Leading { session } => Some(session.clone()),
            Role::Waiting { .. } | Role::Following(_) | Role::Alone => None,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match *self.role.borrow() {
            Role::Waiting { until } => Some(until),
            Role::Following(_) | Role::Alone | Role::Leading { .. } => None,
        }
    }

    fn on(&mut self, event: Event) {
        let role = self.role.borrow().clone();
        let next = role.clone().on(event, Instant::now(), self.ttl);
        if next == role {
            return;
        }
        if mem::discriminant(&next) != mem::discriminant(&role) {
            self.tell(&next);
        }
        self.role.send_replace(next);
        self.news.notify_one();
    }

    fn tell(&self, role: &Role) {
        let folder = &self.folder;
        match role {
            Role::Leading { .. } => tracing::info!(folder, "Asking Consul for all instances"),
            Role::Following(_) => tracing::info!(folder, "Following the instance that asks Consul"),
            Role::Waiting { .. } => {
                tracing::info!(folder, "Waiting for an instance that asks Consul");
            }
            Role::Alone => {
                let reason = match &self.read {
                    Some(Read { meaning: Err(unreadable), .. }) => unreadable.to_string(),
                    _ => "there are none".to_owned(),
                };
                tracing::warn!(folder, reason, "No data of another instance; asking Consul");
            }
        }
    }

    /// Waits for something new in Consul.
    async fn look(&self) -> Result<Answer<Vec<KvPair>>, Error> {
        sleep_until(self.not_before.into()).await;
        let is_leading = self.session().is_some();
        let wait = match (is_leading, self.is_free) {
            (true, _) => self.ttl / 3,
            (false, true) => RETRY,
            (false, false) => WAIT,
        };
        let query = Query::blocking(self.cursor, wait);
        // The one that leads must not take an old answer for the loss of its lock.
        if !is_leading && !self.max_stale.is_zero() {
            let stale = query.clone().with_consistency(Consistency::Stale);
            let answer = self.client.kv_list(&self.folder, &stale).await?;
            if answer.last_contact <= self.max_stale {
                return Ok(answer);
            }
        }
        self.client.kv_list(&self.folder, &query).await
    }

    async fn see(&mut self, answer: Answer<Vec<KvPair>>) -> Result<(), Error> {
        self.not_before = Instant::now() + self.cursor.advance(answer.index).pause();
        let (mut holder, mut data) = (None, None);
        for pair in answer.value {
            match pair.key.strip_prefix(&self.folder) {
                Some("lock") => {
                    let name = String::from_utf8_lossy(&pair.value).into_owned();
                    holder = pair.session.map(|session| Holder { session, name });
                }
                Some("data") => data = Some(pair.value),
                _ => {}
            }
        }
        self.is_free = holder.is_none();
        let data = self.session().is_none().then_some(data).flatten().map(|data| self.read(data));
        let session = holder.as_ref().map(|holder| holder.session.clone());
        self.holder.send_replace(holder);
        self.on(Event::Seen { holder: session, data });
        if self.is_free && self.session().is_none() { self.acquire().await } else { Ok(()) }
    }

    /// What a value means; found out once.
    fn read(&mut self, bytes: Vec<u8>) -> Result<Arc<Snapshot>, Unreadable> {
        if let Some(last) = self.read.as_ref().filter(|last| last.bytes == bytes) {
            return last.meaning.clone();
        }
        let meaning = snapshot::decode(&bytes).map(Arc::new);
        self.read = Some(Read { bytes, meaning: meaning.clone() });
        meaning
    }

    /// Tries to take a lock that nobody holds.
    async fn acquire(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        let session = Session {
            name: "ctemplate deduplication".to_owned(),
            ttl: self.ttl,
            // Two that lead for a moment do no harm: only the holder of the lock can write.
            lock_delay: Duration::from_millis(1),
            behavior: Behavior::Delete,
        };
        let session = self.client.session_create(&session).await?;
        let name = own_name();
        let lock = format!("{}lock", self.folder);
        let result = self.client.kv_put(&lock, name.clone(), Condition::Acquire(&session)).await;
        if let Ok(true) = result {
            self.renewed = started;
            self.holder.send_replace(Some(Holder { session: session.clone(), name }));
            self.on(Event::Elected(session));
        } else {
            self.destroy(&session).await;
        }
        result.map(drop)
    }

    async fn destroy(&self, session: &str) {
        if let Err(error) = self.client.session_destroy(session).await {
            tracing::debug!(error = %error, "Session not ended; it expires");
        }
    }

    /// Renews the session in time, and publishes what is new.
    async fn lead(&mut self) -> Result<(), Error> {
        let Some(session) = self.session() else { return Ok(()) };
        if self.renewed.elapsed() >= self.ttl / 3 {
            let started = Instant::now();
            if !self.client.session_renew(&session).await? {
                self.on(Event::Deposed);
                return Ok(());
            }
            self.renewed = started;
        }
        let Some(bytes) = self.unpublished.clone() else { return Ok(()) };
        let data = format!("{}data", self.folder);
        if self.client.kv_put(&data, bytes, Condition::Acquire(&session)).await? {
            self.unpublished = None;
        } else {
            self.on(Event::Deposed);
            self.destroy(&session).await;
        }
        Ok(())
    }

    fn works(&mut self) {
        self.backoff.reset();
        if self.outage.recovered(Instant::now()).is_some() {
            tracing::info!(folder = self.folder, "Instances share again");
        }
    }

    fn failed(&mut self, error: &Error) {
        let now = Instant::now();
        if self.outage.failed(&"no answer", now) {
            tracing::warn!(folder = self.folder, error = %error, "Instances cannot share");
        }
        self.cursor = Cursor::default();
        self.not_before = now + self.backoff.next(jitter());
        if self.renewed.elapsed() > self.ttl {
            self.on(Event::Deposed);
        }
    }
}

/// What others know us by.
fn own_name() -> String {
    let host = rustix::system::uname();
    format!("process {} on {}", std::process::id(), host.nodename().to_string_lossy())
}
