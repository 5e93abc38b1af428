//! The transitions.

use std::time::{Duration, Instant};

use super::{
    Action, Answer, App, BLOCKED, DOUBT, Delay, Election, Event, Fault, LONGEST_SETTLE, MARGIN,
    Posted, Request, State, Tenure, Ticket, Wanted,
};
use crate::env::Digest;
use crate::version::Version;

/// One instance's part in the protocol.
#[derive(Clone, Debug)]
pub struct Instance {
    boot: Digest,
    version: Option<Version>,
    settle: Duration,
    wanted: Wanted,
    /// When the run of changes that is still settling began, and its latest.
    unsettled: (Instant, Instant),
    failures: u32,
    last: Ticket,
    state: State,
    actions: Vec<Action>,
}

impl Instance {
    /// An instance whose child was just started with the configuration `boot`.
    ///
    /// Without a `version` (not run by Marathon, or by a very old one) the first look at the app stands in for it.
    pub fn new(boot: Digest, version: Option<Version>, settle: Duration, now: Instant) -> Self {
        Self {
            wanted: Wanted::Is(boot.clone()),
            boot,
            version,
            settle: settle.min(LONGEST_SETTLE),
            unsettled: (now, now),
            failures: 0,
            last: Ticket::default(),
            state: State::Sync,
            actions: Vec::new(),
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Takes one event.
    #[must_use]
    pub fn on(mut self, event: Event, now: Instant) -> (Self, Vec<Action>) {
        match event {
            Event::Read(wanted) => self.read(wanted, now),
            Event::Answered(ticket, answer) => self.answered(ticket, answer, now),
            Event::Renewed(until) => {
                if let Some(tenure @ Tenure::Locked(_)) = self.state.tenure_mut() {
                    *tenure = Tenure::Locked(until);
                }
            }
            Event::LeaseLost => {
                // A request that was sent is followed up with or without the lock.
                if matches!(self.state, State::Verify(_, Tenure::Locked(_))) {
                    self.retry(now);
                }
            }
            Event::Tick => {
                if self.state.deadline().is_some_and(|deadline| now >= deadline) {
                    self.evaluate(now);
                }
            }
        }
        let actions = std::mem::take(&mut self.actions);
        (self, actions)
    }

    fn read(&mut self, wanted: Wanted, now: Instant) {
        if wanted == self.wanted {
            return;
        }
        let (first, latest) = self.unsettled;
        let first = if now >= latest + self.settle { now } else { first };
        self.unsettled = (first, now);
        self.wanted = wanted;
        self.failures = 0;
        match self.state {
            // These end with a look at the app, which then counts the new configuration in.
            State::Post(..) | State::Ambiguous { .. } | State::Doomed(_) => {}
            State::WaitDeployment(_) if !self.is_in_sync() => {}
            // A run of changes that never settles does not start over each time either.
            State::Check(_) | State::Elect(_) | State::Verify(..)
                if self.is_stale() && now >= self.settled() => {}
            _ => self.evaluate(now),
        }
    }

    fn answered(&mut self, ticket: Ticket, answer: Answer, now: Instant) {
        if self.state.ticket() != Some(ticket) {
            // The race is run, but nobody waits for the prize.
            if matches!(answer, Answer::Lock(Election::Won(_))) {
                self.actions.push(Action::Release);
            }
            return;
        }
        match (self.state.clone(), answer) {
            (State::Check(_) | State::WaitDeployment(_) | State::Doomed(_), Answer::App(app)) => {
                self.looked(app, now);
            }
            (State::Elect(_), Answer::Lock(election)) => self.elected(election, now),
            (State::Elect(_), Answer::LockFree) => self.evaluate(now),
            (State::Verify(_, tenure), Answer::Verified(found)) => {
                self.verified(found, tenure, now);
            }
            (State::Post(_, tenure, before), Answer::Posted(posted)) => {
                self.posted(posted, tenure, before, now);
            }
            (State::Ambiguous { tenure, before, sent, .. }, Answer::App(app)) => {
                self.searched(app, tenure, before, sent, now);
            }
            _ => {}
        }
    }

    /// What the configuration alone decides.
    fn evaluate(&mut self, now: Instant) {
        match &self.wanted {
            Wanted::Unusable(why) => self.enter(State::Hold(*why)),
            Wanted::Is(_) if self.is_in_sync() => {
                self.failures = 0;
                self.enter(State::Sync);
            }
            Wanted::Is(_) if now < self.settled() => {
                self.enter(State::Settle { until: self.settled() });
            }
            Wanted::Is(_) => {
                let delay = self.backoff();
                let ticket = self.ask(Request::App, delay);
                self.enter(State::Check(ticket));
            }
        }
    }

    /// What the app's state decides; the configuration comes first, except for the doomed.
    fn looked(&mut self, app: Result<App, Fault>, now: Instant) {
        match app {
            Ok(app) if self.is_doomed(&app) => {
                self.failures = 0;
                let ticket = self.ask(Request::App, Delay::seconds(30, 30));
                self.enter(State::Doomed(ticket));
            }
            _ if self.is_in_sync() || matches!(self.wanted, Wanted::Unusable(_)) => {
                self.evaluate(now);
            }
            Ok(app) if app.deploying => {
                let ticket = self.ask(Request::App, Delay::seconds(2, 8));
                self.enter(State::WaitDeployment(ticket));
            }
            Ok(_) if now < self.settled() => self.evaluate(now),
            Ok(_) => {
                let ticket = self.ask(Request::Lock, Delay::seconds(0, 2));
                self.enter(State::Elect(ticket));
            }
            Err(Fault::Unreachable) => self.retry(now),
            Err(Fault::Refused) => self.enter(State::Blocked { until: now + BLOCKED }),
        }
    }

    fn elected(&mut self, election: Election, now: Instant) {
        match election {
            Election::Won(until) => {
                let ticket = self.ask(Request::Verify, Delay::default());
                self.state = State::Verify(ticket, Tenure::Locked(until));
            }
            Election::Lost => {
                let ticket = self.ask(Request::LockFree, Delay::default());
                self.state = State::Elect(ticket);
            }
            // Without a lock only time keeps the instances apart.
            Election::Denied => {
                let ticket = self.ask(Request::Verify, Delay::seconds(0, 10));
                self.state = State::Verify(ticket, Tenure::Unlocked);
            }
            Election::Unreachable => self.retry(now),
        }
    }

    fn verified(&mut self, found: Result<(Wanted, App), Fault>, tenure: Tenure, now: Instant) {
        let app = match found {
            Ok((wanted, app)) => {
                self.read(wanted, now);
                if !matches!(self.state, State::Verify(..)) {
                    return;
                }
                app
            }
            Err(fault) => return self.looked(Err(fault), now),
        };
        if self.is_doomed(&app) || app.deploying {
            self.looked(Ok(app), now);
        } else if let Tenure::Locked(until) = tenure
            && now + MARGIN >= until
        {
            self.retry(now);
        } else {
            let ticket = self.ask(Request::Post, Delay::default());
            self.state = State::Post(ticket, tenure, app.changed);
        }
    }

    fn posted(&mut self, posted: Posted, tenure: Tenure, before: Version, now: Instant) {
        match posted {
            // Also after a clear yes the lock is kept until Marathon shows it to everyone.
            Posted::Accepted | Posted::Unknown => {
                let ticket = self.ask(Request::App, Delay::seconds(0, 1));
                self.state = State::Ambiguous { ticket, tenure, before, sent: now };
            }
            Posted::Conflict => {
                let ticket = self.ask(Request::App, Delay::seconds(2, 8));
                self.enter(State::WaitDeployment(ticket));
            }
            Posted::Later => self.retry(now),
            Posted::Refused => self.enter(State::Blocked { until: now + BLOCKED }),
        }
    }

    fn searched(
        &mut self,
        app: Result<App, Fault>,
        tenure: Tenure,
        before: Version,
        sent: Instant,
        now: Instant,
    ) {
        match app {
            Ok(app) if app.changed > before || app.deploying => self.looked(Ok(app), now),
            Ok(_) if now >= sent + DOUBT => self.retry(now),
            Err(Fault::Refused) => self.enter(State::Blocked { until: now + BLOCKED }),
            Ok(_) | Err(Fault::Unreachable) => {
                let ticket = self.ask(Request::App, Delay::seconds(1, 2));
                self.state = State::Ambiguous { ticket, tenure, before, sent };
            }
        }
    }

    /// From the start again, later each time.
    fn retry(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if matches!(self.state, State::Doomed(_) | State::WaitDeployment(_)) {
            let delay = self.backoff();
            let ticket = self.ask(Request::App, delay);
            match &mut self.state {
                State::Doomed(asked) | State::WaitDeployment(asked) => *asked = ticket,
                _ => {}
            }
        } else {
            self.evaluate(now);
        }
    }

    /// Leaves the current state for another; the lock goes with those that hold it.
    fn enter(&mut self, state: State) {
        if matches!(self.state.tenure(), Some(Tenure::Locked(_))) {
            // First, because what is asked next may be the lock again.
            self.actions.insert(0, Action::Release);
        }
        self.state = state;
    }

    fn ask(&mut self, request: Request, delay: Delay) -> Ticket {
        self.last = Ticket(self.last.0 + 1);
        self.actions.push(Action::Ask(self.last, request, delay));
        self.last
    }

    fn backoff(&self) -> Delay {
        const LONGEST: u64 = 60;
        match self.failures {
            0 => Delay::default(),
            failures => {
                let longest = 2_u64.checked_pow(failures).map_or(LONGEST, |s| s.min(LONGEST));
                Delay { after: Duration::from_millis(500), within: Duration::from_secs(longest) }
            }
        }
    }

    fn settled(&self) -> Instant {
        let (first, latest) = self.unsettled;
        (latest + self.settle).min(first + LONGEST_SETTLE)
    }

    fn is_in_sync(&self) -> bool {
        matches!(&self.wanted, Wanted::Is(digest) if *digest == self.boot)
    }

    fn is_stale(&self) -> bool {
        matches!(&self.wanted, Wanted::Is(digest) if *digest != self.boot)
    }

    fn is_doomed(&mut self, app: &App) -> bool {
        *self.version.get_or_insert_with(|| app.changed.clone()) < app.changed
    }
}
