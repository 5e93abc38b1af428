//! Questions as they arrive.

use svc_wrapper::restart::{Answer, Election, Fault, Posted, Ticket, Written};

use crate::consul::{Attempt, Consul};
use crate::mix::{MINUTE, Millis, SECOND};
use crate::process::{Held, Pid};
use crate::world::{Happening, Local, ToConsul, ToMarathon, World};

impl World {
    pub(crate) fn at_consul(&mut self, pid: Pid, ticket: Ticket, ask: ToConsul) {
        if !self.consul.up {
            return self.consul_is_away(pid, ticket, &ask);
        }
        match ask {
            ToConsul::Lock(sent) => self.lock(pid, ticket, sent),
            ToConsul::LockFree if self.consul.is_locked() => self.queueing.push((pid, ticket)),
            ToConsul::LockFree => {
                self.tell(SECOND, pid, Local::Heard(ticket, Answer::LockFree));
            }
            ToConsul::Unpaused if self.consul.hold => self.holding.push((pid, ticket)),
            ToConsul::Unpaused => self.tell(20, pid, Local::Heard(ticket, Answer::Unpaused)),
            ToConsul::Verify => {
                let half = self.half(pid);
                self.answer(pid, Local::Configuration(ticket, Box::new(half)));
            }
            ToConsul::Write(record, index, session) => {
                let written = self.consul.transact(session, &record, index);
                self.trace(|| {
                    format!("{pid} writes {written:?} {:?} {}", record.phase, record.seq)
                });
                self.answer(pid, Local::Heard(ticket, Answer::Written(written)));
            }
            ToConsul::Renew(session, sent) => {
                let renewals = self.consul.renew(session);
                if let Some(renewals) = renewals {
                    let patience = Consul::patience(self.random.fraction());
                    self.after(patience, Happening::Expire(session, renewals));
                }
                self.answer(pid, Local::Renewed(session, Some(renewals.is_some()), sent));
            }
            ToConsul::Destroy(session) => {
                if self.consul.destroy(session, self.now) {
                    self.lock_is_free();
                }
            }
            ToConsul::Watch(query, cursor) => {
                let late = self.random.chance(self.mix.stale);
                let late = if late { self.random.between(0, 5 * SECOND) } else { 0 };
                let seen = self.consul.read(self.now.saturating_sub(late));
                if cursor == 0 || seen.index != cursor {
                    self.answer_watch(pid, query);
                } else {
                    self.watching.push((pid, query));
                    // The right to read may have come or gone while nobody waited, and with no write since.
                    if self.processes[pid].watch.value != seen.value {
                        self.after(MINUTE, Happening::WaitOver(pid, query));
                    }
                }
            }
        }
    }

    fn consul_is_away(&mut self, pid: Pid, ticket: Ticket, ask: &ToConsul) {
        let heard = |answer| Local::Heard(ticket, answer);
        let local = match ask {
            ToConsul::Lock(_) => heard(Answer::Lock(Election::Unreachable)),
            ToConsul::LockFree => heard(Answer::LockFree),
            ToConsul::Unpaused => {
                let again = Happening::AtConsul(pid, ticket, ToConsul::Unpaused);
                return self.after(5 * SECOND, again);
            }
            ToConsul::Verify => heard(Answer::Verified(Err(Fault::Unreachable))),
            ToConsul::Write(..) => heard(Answer::Written(Written::Unknown)),
            ToConsul::Renew(session, sent) => Local::Renewed(*session, None, *sent),
            ToConsul::Destroy(_) => return,
            ToConsul::Watch(query, _) => Local::Watched(*query, None),
        };
        let delay = if matches!(ask, ToConsul::LockFree) { SECOND } else { 5 };
        self.tell(delay, pid, local);
    }

    fn lock(&mut self, pid: Pid, ticket: Ticket, sent: Millis) {
        let at = self.moment(pid);
        let election = match self.consul.acquire(at, self.now) {
            Attempt::Denied => Election::Denied,
            Attempt::Barred(bar) => Election::Barred(bar),
            Attempt::Lost => Election::Lost,
            Attempt::Won(session) => {
                self.trace(|| format!("{pid} has the lock"));
                let patience = Consul::patience(self.random.fraction());
                self.after(patience, Happening::Expire(session, 0));
                let until = sent + svc_wrapper::restart::LEASE.as_secs() * SECOND;
                return self.answer(pid, Local::Won(ticket, Held { session, until }));
            }
        };
        self.answer(pid, Local::Heard(ticket, Answer::Lock(election)));
    }

    /// Answers everybody who waits for a change.
    pub(crate) fn wake_watchers(&mut self) {
        for (pid, query) in std::mem::take(&mut self.watching) {
            self.answer_watch(pid, query);
        }
    }

    /// A blocking query was held for as long as it wanted to be.
    pub(crate) fn wait_over(&mut self, pid: Pid, query: u64) {
        let before = self.watching.len();
        self.watching.retain(|waiting| *waiting != (pid, query));
        if self.watching.len() < before {
            self.answer_watch(pid, query);
        }
    }

    fn answer_watch(&mut self, pid: Pid, query: u64) {
        let seen = self.consul.up.then(|| self.consul.read(self.now));
        match self.reply() {
            Some(travel) => self.tell(travel, pid, Local::Watched(query, seen)),
            None => self.tell(75 * SECOND, pid, Local::Watched(query, None)),
        }
    }

    pub(crate) fn lock_is_free(&mut self) {
        for (pid, ticket) in std::mem::take(&mut self.queueing) {
            self.tell(SECOND, pid, Local::Heard(ticket, Answer::LockFree));
        }
    }

    pub(crate) fn at_marathon(&mut self, pid: Pid, ticket: Ticket, ask: ToMarathon) {
        let up = self.marathon.up;
        let app = self.marathon.app(self.now);
        match ask {
            ToMarathon::App if up => self.answer(pid, Local::Heard(ticket, Answer::App(Ok(app)))),
            ToMarathon::Verify if up => self.answer(pid, Local::App(ticket, Box::new(app))),
            ToMarathon::App => {
                let fault = Answer::App(Err(Fault::Unreachable));
                self.tell(5, pid, Local::Heard(ticket, fault));
            }
            ToMarathon::Verify => {
                let fault = Answer::Verified(Err(Fault::Unreachable));
                self.tell(5, pid, Local::Heard(ticket, fault));
            }
            ToMarathon::Restart => {
                self.ledger.under_way -= 1;
                // What arrives at one that is going down is gone, and nobody says so.
                if up {
                    self.restart(pid, ticket);
                }
            }
        }
    }

    fn restart(&mut self, pid: Pid, ticket: Ticket) {
        let posted = self.marathon.restart(self.mix.window, self.now);
        self.trace(|| format!("Marathon answers {pid}: {posted:?}"));
        if let (Posted::Accepted(_), Some(deployment)) = (&posted, &self.marathon.deployment) {
            let id = deployment.id;
            self.ledger.restarts += 1;
            let value = self.consul.value();
            if !self.processes.iter().any(|process| process.is_stale(value)) {
                self.trace(|| "NEEDLESS".to_owned());
                self.ledger.needless += 1;
            }
            let delay = self.random.between(SECOND, 3 * SECOND);
            self.after(delay, Happening::Roll(id));
        }
        let network = self.mix.restarts;
        if let Some(travel) = self.travel(network.unanswered, network) {
            self.tell(travel, pid, Local::Heard(ticket, Answer::Posted(posted)));
        }
    }
}
