//! A Consul: one folder of configuration, one lock, one intent document, one word of the operators.

use std::collections::BTreeMap;

use svc_wrapper::restart::intent::{Document, Record};
use svc_wrapper::restart::{Bar, LEASE, Moment, Slot, Unusable, Wanted, Written};

use crate::digests::Digests;
use crate::mix::{Millis, SECOND};

/// How long a lock stays refused after its session ended.
const LOCK_DELAY: Millis = 5 * SECOND;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Session(pub(crate) u64);

#[expect(clippy::struct_excessive_bools, reason = "faults come in every combination")]
pub(crate) struct Consul {
    pub(crate) up: bool,
    pub(crate) revoked: bool,
    /// Nobody may lock anything, or write.
    pub(crate) read_only: bool,
    /// Restarts are paused.
    pub(crate) hold: bool,
    /// When the configuration became which value, at which index.
    history: Vec<(Millis, u64, usize)>,
    index: u64,
    /// Living sessions with how often each was renewed.
    sessions: BTreeMap<u64, u64>,
    created: u64,
    lock: Option<u64>,
    refused_until: Millis,
    state: Option<(Box<Record>, u64)>,
}

/// What a read of the configuration gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) index: u64,
    /// `None`: nothing, or what looks like nothing.
    pub(crate) value: Option<usize>,
}

pub(crate) enum Attempt {
    Denied,
    Barred(Bar),
    Lost,
    Won(Session),
}

impl Consul {
    pub(crate) fn new() -> Self {
        Self {
            up: true,
            revoked: false,
            read_only: false,
            hold: false,
            history: vec![(0, 100, 0)],
            index: 100,
            sessions: BTreeMap::new(),
            created: 0,
            lock: None,
            refused_until: 0,
            state: None,
        }
    }

    /// The value that counts, whoever may see it.
    pub(crate) fn value(&self) -> usize {
        self.history.last().unwrap().2
    }

    /// Writes the configuration, perhaps as it was.
    pub(crate) fn write(&mut self, value: usize, now: Millis) {
        self.index += 1;
        self.history.push((now, self.index, value));
    }

    /// Comes back from a snapshot, without sessions and with lower indexes.
    pub(crate) fn reset(&mut self, now: Millis) {
        let value = self.value();
        self.index = self.history.len() as u64;
        self.history.push((now, self.index, value));
        self.sessions.clear();
        self.lock = None;
        if let Some((_, index)) = &mut self.state {
            *index = 1;
        }
    }

    /// What is there, or was there a moment ago.
    pub(crate) fn read(&self, then: Millis) -> Seen {
        if self.revoked {
            return Seen { index: self.index, value: None };
        }
        let found = self.history.iter().rev().find(|(since, ..)| *since <= then);
        let (_, index, value) = *found.unwrap_or(&self.history[0]);
        Seen { index, value: Some(value) }
    }

    pub(crate) fn slot(&self) -> Slot {
        match &self.state {
            None => Slot::default(),
            Some((record, index)) => Slot { record: Some(record.clone()), index: *index },
        }
    }

    pub(crate) fn bar(&self, at: Moment) -> Option<Bar> {
        let early = || self.state.as_ref()?.0.bars(at).map(Bar::Early);
        if self.hold { Some(Bar::Paused) } else { early() }
    }

    pub(crate) fn acquire(&mut self, at: Moment, now: Millis) -> Attempt {
        if self.revoked || self.read_only {
            return Attempt::Denied;
        }
        if let Some(bar) = self.bar(at) {
            return Attempt::Barred(bar);
        }
        if self.lock.is_some() || now < self.refused_until {
            return Attempt::Lost;
        }
        self.created += 1;
        self.sessions.insert(self.created, 0);
        self.lock = Some(self.created);
        Attempt::Won(Session(self.created))
    }

    pub(crate) const fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Renews a session, and says how often that happened; `None` when it is gone.
    pub(crate) fn renew(&mut self, session: Session) -> Option<u64> {
        let renewals = self.sessions.get_mut(&session.0)?;
        *renewals += 1;
        Some(*renewals)
    }

    /// How long after its last renewal a session ends: its TTL, and up to as much again.
    pub(crate) fn patience(fraction: f64) -> Millis {
        let ttl = u64::try_from(LEASE.as_millis()).unwrap();
        ttl + u64::try_from(LEASE.mul_f64(fraction).as_millis()).unwrap()
    }

    /// Ends a session that was not renewed since. True when the lock became free.
    pub(crate) fn expire(&mut self, session: Session, renewals: u64, now: Millis) -> bool {
        self.sessions.get(&session.0) == Some(&renewals) && self.destroy(session, now)
    }

    /// Ends a session. True when the lock became free.
    pub(crate) fn destroy(&mut self, session: Session, now: Millis) -> bool {
        if self.sessions.remove(&session.0).is_none() || self.lock != Some(session.0) {
            return false;
        }
        self.lock = None;
        self.refused_until = now + LOCK_DELAY;
        true
    }

    /// The transaction: the lock is the session's, and the document is still what it was.
    pub(crate) fn transact(
        &mut self,
        session: Option<Session>,
        record: &Record,
        index: Option<u64>,
    ) -> Written {
        if self.revoked || self.read_only {
            return Written::Denied;
        }
        let slot = self.slot();
        let is_same = |found: &Record| (found.seq, &found.by) == (record.seq, &record.by);
        let unchanged = match index {
            Some(index) => index == slot.index,
            None => slot.record.as_deref().is_some_and(is_same),
        };
        if session.is_none_or(|session| self.lock != Some(session.0)) || !unchanged {
            return Written::Outdated;
        }
        // The real writing and reading of it are a part of the simulation.
        let json = record.to_json();
        let Document::Record(record) = Document::read(json.as_bytes()) else { panic!("{json}") };
        self.index += 1;
        self.state = Some((record, self.index));
        Written::Done
    }
}

impl Seen {
    /// What the wrapper makes of it. Only one that was started with variables misses them.
    pub(crate) fn wanted(self, configured: bool, digests: &Digests) -> Wanted {
        match self.value {
            None if configured => Wanted::Unusable(Unusable::Empty),
            value => Wanted::Is(digests.of(self.index, value)),
        }
    }
}
