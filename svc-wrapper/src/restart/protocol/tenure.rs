//! The transitions under the lock, or without one where the token may not lock.

use std::time::Instant;

use super::Instance;
use crate::restart::intent::Record;
use crate::restart::stuck::{self, Stuck};
use crate::restart::{
    Accepted, Action, Answer, App, BLOCKED, Bar, DOUBT, Delay, Draft, Fault, Found, MARGIN, Next,
    Posted, Request, Slot, State, Tenure, Wanted, Written,
};

impl Instance {
    pub(super) fn answered_in_office(&mut self, state: State, answer: Answer, now: Instant) {
        match (state, answer) {
            (State::Verify(_, tenure), Answer::Verified(found)) => match found {
                Ok(found) => self.verified(*found, tenure, now),
                Err(fault) => self.looked(Err(fault), now),
            },
            (State::Intend(_, tenure, draft), Answer::Written(written)) => {
                self.intended(written, tenure, draft, now);
            }
            (State::Post(_, tenure, draft), Answer::Posted(posted)) => {
                self.posted(posted, tenure, draft, now);
            }
            (State::Ambiguous { tenure, draft, accepted, sent, .. }, Answer::App(app)) => {
                self.searched(app, tenure, draft, accepted, sent, now);
            }
            (State::Record(_, tenure, next), Answer::Written(written)) => {
                self.recorded(written, tenure, next, now);
            }
            _ => {}
        }
    }

    /// A request that was sent is followed up with or without the lock.
    pub(super) fn lease_lost(&mut self, now: Instant) {
        if let State::Verify(_, Tenure::Locked(_))
        | State::Intend(_, Tenure::Locked(_), _)
        | State::Record(_, Tenure::Locked(_), Next::Verify) = self.state
        {
            self.retry(now);
        }
    }

    fn verified(&mut self, found: Found, tenure: Tenure, now: Instant) {
        let Found { wanted, app, slot, bar, at } = found;
        self.read(wanted, now);
        if !matches!(self.state, State::Verify(..)) {
            return;
        }
        // However it was come to this: nothing is asked for that is not wanted, or not for long enough.
        let target = match self.wanted.clone() {
            Wanted::Is(target) if self.is_stale() && now >= self.settled() => target,
            _ => return self.evaluate(now),
        };
        let Some(app) = app else {
            return match bar {
                Some(bar @ Bar::Paused) => self.bar(bar, now),
                _ => self.leave(),
            };
        };
        let slot = slot.filter(|_| !self.denied);
        if let Some(vigil) = &mut self.vigil {
            vigil.note(&app, now);
        }
        let record = slot.as_ref().and_then(|slot| slot.record.as_deref());
        let remedy = match self.remedy(&app, now) {
            Stuck::Force if !stuck::is_ours(&app, record, &target) => Stuck::Wait,
            remedy => remedy,
        };
        if self.is_doomed(&app) || (!app.deployments.is_empty() && remedy == Stuck::Wait) {
            // What looked stuck and cannot be helped is given the same time again.
            self.vigil = None;
            return self.looked(Ok(app), now);
        }
        if let Some(bar) = bar {
            return self.bar(bar, now);
        }
        if remedy == Stuck::Exit {
            return self.leave();
        }
        if let Some(record) = record {
            if record.took_effect(app.changed) {
                let repaired = record.posted(Some(app.changed), None);
                return self.record(repaired, slot.map(|slot| slot.index), tenure, Next::Verify);
            }
            if let Some(rest) = record.pends(app.changed, &self.identity.task, at) {
                return self.bar(Bar::Early(rest), now);
            }
        }
        let intent = |slot: &Slot| {
            let (by, interval) = (&self.identity.task, self.policy.interval);
            Record::intent(slot, &target, app.changed, by, interval, at)
        };
        let index = slot.as_ref().map(|slot| slot.index);
        let record = slot.as_ref().filter(|_| tenure != Tenure::Unlocked).map(intent);
        let draft = Draft { before: app.changed, blocking: app.deployments, record };
        self.intend(draft, index, tenure, now);
    }

    fn intend(&mut self, draft: Draft, index: Option<u64>, tenure: Tenure, now: Instant) {
        if let Some(record) = draft.record.clone() {
            let ticket = self.ask(Request::Write(Box::new(record), index), Delay::default());
            self.state = State::Intend(ticket, tenure, Box::new(draft));
        } else {
            self.post(Box::new(draft), tenure, now);
        }
    }

    fn intended(&mut self, written: Written, tenure: Tenure, mut draft: Box<Draft>, now: Instant) {
        match written {
            Written::Done => self.post(draft, tenure, now),
            // The lock is ours all the same, and it is what counts while nobody dies.
            Written::Denied => {
                self.denied = true;
                draft.record = None;
                self.post(draft, tenure, now);
            }
            Written::Outdated | Written::Unknown => self.retry(now),
        }
    }

    fn post(&mut self, draft: Box<Draft>, tenure: Tenure, now: Instant) {
        let before = match tenure {
            Tenure::Locked(until) => until.checked_sub(MARGIN),
            Tenure::Unlocked => None,
        };
        if before.is_some_and(|before| now >= before) {
            return self.retry(now);
        }
        let force = !draft.blocking.is_empty();
        let ticket = self.ask(Request::Post { force, before }, Delay::default());
        self.state = State::Post(ticket, tenure, draft);
    }

    fn posted(&mut self, posted: Posted, tenure: Tenure, draft: Box<Draft>, now: Instant) {
        match posted {
            // Also after a clear yes the lock is kept until Marathon shows it to everyone.
            Posted::Accepted(accepted) => {
                self.search(tenure, draft, Some(Box::new(accepted)), now);
            }
            Posted::Unknown => self.search(tenure, draft, None, now),
            Posted::Conflict => self.wait_for_deployment(),
            Posted::Later => self.retry(now),
            Posted::Refused(error) => match draft.record {
                Some(record) => self.record(record.failed(error), None, tenure, Next::Blocked),
                None => self.enter(State::Blocked { until: now + BLOCKED }),
            },
        }
    }

    fn search(
        &mut self,
        tenure: Tenure,
        draft: Box<Draft>,
        accepted: Option<Box<Accepted>>,
        sent: Instant,
    ) {
        let ticket = self.ask(Request::App, Delay::seconds(0, 1));
        self.state = State::Ambiguous { ticket, tenure, draft, accepted, sent };
    }

    fn searched(
        &mut self,
        app: Result<App, Fault>,
        tenure: Tenure,
        draft: Box<Draft>,
        accepted: Option<Box<Accepted>>,
        sent: Instant,
        now: Instant,
    ) {
        match app {
            Ok(app) if app.changed > draft.before || app.deployments != draft.blocking => {
                self.seen(app, tenure, *draft, accepted, now);
            }
            Ok(_) if now >= sent + DOUBT => self.retry(now),
            Err(Fault::Refused) => self.enter(State::Blocked { until: now + BLOCKED }),
            Ok(_) | Err(Fault::Unreachable) => {
                let ticket = self.ask(Request::App, Delay::seconds(1, 2));
                self.state = State::Ambiguous { ticket, tenure, draft, accepted, sent };
            }
        }
    }

    /// Something happened to the app since; whether it is ours only a heard yes or a new version says.
    fn seen(
        &mut self,
        app: App,
        tenure: Tenure,
        draft: Draft,
        accepted: Option<Box<Accepted>>,
        now: Instant,
    ) {
        let changed = (app.changed > draft.before).then_some(app.changed);
        let (version, deployment) = match accepted {
            Some(accepted) => (accepted.version.or(changed), Some(accepted.deployment)),
            None => (changed, app.deployments.first().cloned()),
        };
        match draft.record {
            Some(record) if version.is_some() => {
                let posted = record.posted(version, deployment);
                self.record(posted, None, tenure, Next::Look(Box::new(app)));
            }
            _ => self.looked(Ok(app), now),
        }
    }

    fn record(&mut self, record: Record, index: Option<u64>, tenure: Tenure, next: Next) {
        let ticket = self.ask(Request::Write(Box::new(record), index), Delay::default());
        self.state = State::Record(ticket, tenure, next);
    }

    /// Whoever holds the lock next can do without the record, so that nothing waits for it.
    fn recorded(&mut self, written: Written, tenure: Tenure, next: Next, now: Instant) {
        self.denied |= written == Written::Denied;
        match next {
            Next::Verify if written == Written::Done => {
                let ticket = self.ask(Request::Verify, Delay::default());
                self.state = State::Verify(ticket, tenure);
            }
            Next::Verify => self.retry(now),
            Next::Look(app) => self.looked(Ok(*app), now),
            Next::Blocked => self.enter(State::Blocked { until: now + BLOCKED }),
        }
    }

    fn leave(&mut self) {
        self.actions.push(Action::Leave);
        self.state = State::Leaving;
    }
}
