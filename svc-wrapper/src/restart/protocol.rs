//! The transitions up to the lock.

use std::time::{Duration, Instant};

use super::stuck::{Stuck, Vigil};
use super::{
    Action, Answer, App, BLOCKED, Bar, Cause, Delay, Election, Event, Fault, Identity,
    LONGEST_SETTLE, LOOK_AGAIN, Next, Policy, Request, State, Tenure, Ticket, Wanted, Way,
};

mod tenure;

/// One instance's part in the protocol.
#[derive(Clone, Debug)]
pub struct Instance {
    identity: Identity,
    policy: Policy,
    wanted: Wanted,
    /// When the run of changes that is still settling began, and its latest.
    unsettled: (Instant, Instant),
    /// No restart is asked for before that.
    not_before: Instant,
    /// The deployment that is waited for.
    vigil: Option<Vigil>,
    /// Whether the token was seen not to be good for the intent document.
    denied: bool,
    failures: u32,
    last: Ticket,
    state: State,
    actions: Vec<Action>,
}

impl Instance {
    /// An instance whose child was just started.
    pub fn new(identity: Identity, policy: Policy, now: Instant) -> Self {
        Self {
            wanted: Wanted::Is(identity.boot.clone()),
            identity,
            policy: Policy { settle: policy.settle.min(LONGEST_SETTLE), ..policy },
            unsettled: (now, now),
            not_before: now,
            vigil: None,
            denied: false,
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
            _ if self.state == State::Leaving => {}
            Event::Read(wanted) => self.read(wanted, now),
            Event::Answered(ticket, answer) => self.answered(ticket, answer, now),
            Event::Renewed(until) => {
                if let Some(tenure @ Tenure::Locked(_)) = self.state.tenure_mut() {
                    *tenure = Tenure::Locked(until);
                }
            }
            Event::LeaseLost => self.lease_lost(now),
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
        let first = if now >= latest + self.policy.settle { now } else { first };
        self.unsettled = (first, now);
        self.wanted = wanted;
        self.failures = 0;
        match self.state {
            // These end with a look at the app, which then counts the new configuration in.
            State::Post(..)
            | State::Ambiguous { .. }
            | State::Record(_, _, Next::Look(_) | Next::Blocked)
            | State::Doomed(_)
            | State::Leaving => {}
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
            (State::Elect(_), Answer::LockFree)
            | (State::Hold(Cause::Paused(_)), Answer::Unpaused) => self.evaluate(now),
            (state, answer) => self.answered_in_office(state, answer, now),
        }
    }

    /// What the configuration and the clock alone decide.
    fn evaluate(&mut self, now: Instant) {
        match &self.wanted {
            Wanted::Unusable(why) => self.enter(State::Hold(Cause::Unusable(*why))),
            Wanted::Is(_) if self.is_in_sync() => {
                (self.failures, self.vigil, self.denied) = (0, None, false);
                self.enter(State::Sync);
            }
            Wanted::Is(_) if now < self.settled() => {
                self.enter(State::Settle { until: self.settled() });
            }
            Wanted::Is(_) if now < self.not_before => {
                self.enter(State::Hold(Cause::Early(self.not_before)));
            }
            Wanted::Is(digest) => match self.policy.way {
                Way::Marathon => {
                    let delay = self.backoff();
                    let ticket = self.ask(Request::App, delay);
                    self.enter(State::Check(ticket));
                }
                Way::Exit => {
                    let Delay { after, within } = self.backoff();
                    self.elect(Delay { after, within: within + Duration::from_secs(2) });
                }
                Way::Signal => {
                    self.identity.boot = digest.clone();
                    self.actions.push(Action::Signal);
                    self.enter(State::Sync);
                }
            },
        }
    }

    /// What the app's state decides; the configuration comes first, except for the doomed.
    fn looked(&mut self, app: Result<App, Fault>, now: Instant) {
        match app {
            Ok(app) if self.is_doomed(&app) => {
                self.failures = 0;
                self.keep_vigil(&app, now);
                let ticket = self.ask(Request::App, Delay::seconds(30, 30));
                self.enter(State::Doomed(ticket));
            }
            _ if self.is_in_sync() || matches!(self.wanted, Wanted::Unusable(_)) => {
                self.evaluate(now);
            }
            Ok(app) if app.is_deploying() => {
                self.keep_vigil(&app, now);
                if self.remedy(&app, now) == Stuck::Wait {
                    self.wait_for_deployment();
                } else {
                    self.elect(Delay::seconds(0, 2));
                }
            }
            Ok(_) => {
                if matches!(self.state, State::WaitDeployment(_)) {
                    self.not_before = self.not_before.max(now + self.policy.interval);
                }
                self.vigil = None;
                if now < self.settled() || now < self.not_before {
                    self.evaluate(now);
                } else {
                    self.elect(Delay::seconds(0, 2));
                }
            }
            Err(Fault::Unreachable) => self.retry(now),
            Err(Fault::Refused) => self.enter(State::Blocked { until: now + BLOCKED }),
        }
    }

    fn elect(&mut self, delay: Delay) {
        let ticket = self.ask(Request::Lock, delay);
        self.enter(State::Elect(ticket));
    }

    fn wait_for_deployment(&mut self) {
        let ticket = self.ask(Request::App, Delay::seconds(2, 8));
        self.enter(State::WaitDeployment(ticket));
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
            Election::Barred(bar) => self.bar(bar, now),
        }
    }

    /// Waits for what keeps everybody from asking.
    fn bar(&mut self, bar: Bar, now: Instant) {
        match bar {
            Bar::Paused => {
                let ticket = self.ask(Request::Unpaused, Delay::default());
                self.enter(State::Hold(Cause::Paused(ticket)));
            }
            Bar::Early(rest) => {
                self.not_before = now + rest.min(LOOK_AGAIN);
                self.evaluate(now);
            }
        }
    }

    fn keep_vigil(&mut self, app: &App, now: Instant) {
        let vigil = self.vigil.get_or_insert_with(|| Vigil::new(now));
        vigil.note(app, now);
        if vigil.tells(self.policy.stuck_after, now) {
            self.actions.push(Action::Report);
        }
    }

    /// What may be done about the deployment, as far as looks at the app can tell.
    fn remedy(&self, app: &App, now: Instant) -> Stuck {
        let (Some(vigil), Policy { stuck, stuck_after, .. }) = (&self.vigil, self.policy) else {
            return Stuck::Wait;
        };
        let due = app.is_deploying()
            && match stuck {
                Stuck::Wait => false,
                Stuck::Exit => vigil.calls_for_exit(stuck_after, now),
                Stuck::Force => vigil.calls_for_force(stuck_after, now),
            };
        if due { stuck } else { Stuck::Wait }
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
        (latest + self.policy.settle).min(first + LONGEST_SETTLE)
    }

    fn is_in_sync(&self) -> bool {
        matches!(&self.wanted, Wanted::Is(digest) if *digest == self.identity.boot)
    }

    fn is_stale(&self) -> bool {
        matches!(&self.wanted, Wanted::Is(digest) if *digest != self.identity.boot)
    }

    fn is_doomed(&mut self, app: &App) -> bool {
        let seen = || app.task.and_then(|task| task.version).unwrap_or(app.changed);
        *self.identity.version.get_or_insert_with(seen) < app.changed
    }
}

impl App {
    const fn is_deploying(&self) -> bool {
        !self.deployments.is_empty()
    }
}
