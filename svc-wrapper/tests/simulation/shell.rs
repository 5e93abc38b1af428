//! What surrounds the machine in a process: questions, time-outs, the lease, the watch. The counterpart of `coordinate.rs`.

use svc_wrapper::restart::{
    Action, Answer, Delay, Election, Event, Fault, Found, Identity, Instance, LEASE, Policy,
    Posted, Request, Stuck, Ticket, Wanted, Way, Written,
};

use crate::consul::{Seen, Session};
use crate::mix::{MINUTE, Millis, SECOND};
use crate::mutation::Mutation;
use crate::process::{Held, Parts, Pid, Watch};
use crate::world::{Half, Happening, Local, ToConsul, ToMarathon, World};

pub(crate) const SETTLE: Millis = 2 * SECOND;
const TERM: Millis = LEASE.as_secs() * SECOND;
const CONSUL_LIMIT: Millis = 15 * SECOND;
const MARATHON_LIMIT: Millis = 10 * SECOND;

fn policy() -> Policy {
    Policy {
        way: Way::Marathon,
        settle: std::time::Duration::from_millis(SETTLE),
        interval: std::time::Duration::from_secs(30),
        stuck: Stuck::Wait,
        stuck_after: std::time::Duration::from_mins(10),
    }
}

impl World {
    pub(crate) fn local(&mut self, pid: Pid, local: Local) {
        let process = &self.processes[pid];
        if !process.alive {
            return;
        }
        if process.paused > self.now {
            return self.at(process.paused, Happening::Local(pid, local));
        }
        match local {
            Local::Tick(deadline) if process.deadline == deadline => self.take(pid, Event::Tick),
            Local::Send(ticket, request) => self.send(pid, ticket, request),
            Local::Heard(ticket, answer) => self.heard(pid, ticket, answer),
            Local::Won(ticket, held) => self.won(pid, ticket, held),
            Local::Configuration(ticket, half) if process.asks(ticket) => {
                let wanted = half.seen.wanted(process.configured(), &self.digests);
                let parts = &mut self.processes[pid].parts;
                parts.consul = Some((wanted, half.slot, half.bar));
                parts.stale = half.stale;
                self.verified(pid, ticket);
            }
            Local::App(ticket, app) if process.asks(ticket) => {
                self.processes[pid].parts.app = Some(*app);
                self.verified(pid, ticket);
            }
            Local::Watch => self.watch(pid),
            Local::Watched(query, seen) if process.watch.query == query => self.watched(pid, seen),
            // Too late.
            Local::Tick(_) | Local::Configuration(..) | Local::App(..) | Local::Watched(..) => {}
            Local::Renew(session) => {
                if process.held.is_some_and(|held| held.session.0 == session.0) {
                    self.ask_consul(pid, Ticket::default(), &ToConsul::Renew(session, self.now));
                    let unknown = Local::Renewed(session, None, self.now);
                    self.tell(CONSUL_LIMIT, pid, unknown);
                }
            }
            Local::Renewed(session, lives, asked) => {
                if process.held.is_some_and(|held| held.session.0 == session.0) {
                    self.renewed(pid, lives, asked);
                }
            }
        }
    }

    /// The process has its first configuration and starts its child.
    pub(crate) fn boot(&mut self, pid: Pid) {
        if !self.processes[pid].alive {
            return;
        }
        if !self.consul.up {
            let later = self.random.between(500, 5 * SECOND);
            return self.after(later, Happening::Boot(pid));
        }
        let seen = self.read_without_quorum();
        if seen.value != Some(self.consul.value()) {
            self.ledger.reasons += 1;
        }
        let (release, now) = (self.processes[pid].release, self.instant(self.now));
        let identity = Identity {
            boot: self.digests.of(seen.index, seen.value),
            version: Some(release.version),
            task: format!("t{pid}"),
        };
        let process = &mut self.processes[pid];
        process.boot = Some(seen);
        process.machine = Some(Instance::new(identity, policy(), now));
        process.watch = Watch { cursor: seen.index, value: seen.value, ..Watch::default() };
        process.healthy = self.now + self.random.between(SECOND, 5 * SECOND);
        self.trace(|| format!("{pid} runs with {seen:?}"));
        self.tell(1, pid, Local::Watch);
    }

    fn read_without_quorum(&mut self) -> Seen {
        let late = self.random.chance(self.mix.stale);
        let late = if late { self.random.between(0, 5 * SECOND) } else { 0 };
        self.consul.read(self.now.saturating_sub(late))
    }

    /// Gives the machine an event and does what it says.
    fn take(&mut self, pid: Pid, event: Event) {
        let now = self.instant(self.now);
        let Some(machine) = self.processes[pid].machine.take() else { return };
        let before = machine.state().name();
        if self.tracing && !matches!(event, Event::Tick | Event::Renewed(_)) {
            self.trace(|| format!("{pid} {before}: {event:?}"));
        }
        let (machine, actions) = machine.on(event, now);
        let deadline = machine.state().deadline().map_or(Millis::MAX, |at| self.millis(at));
        if machine.state().name() != before {
            self.trace(|| format!("{pid} {before} -> {}", machine.state().name()));
        }
        self.processes[pid].machine = Some(machine);
        if deadline != self.processes[pid].deadline {
            self.processes[pid].deadline = deadline;
            if deadline != Millis::MAX {
                self.at(deadline.max(self.now), Happening::Local(pid, Local::Tick(deadline)));
            }
        }
        for action in actions {
            match action {
                Action::Ask(ticket, request, delay) => self.ask(pid, ticket, request, delay),
                Action::Release => {
                    if let Some(held) = self.processes[pid].held.take() {
                        self.destroy(pid, held.session);
                    }
                }
                Action::Report => {}
                // I7.
                Action::Signal | Action::Leave => self.violates(pid, "I7: touches its child"),
            }
        }
    }

    pub(crate) fn violates(&mut self, pid: Pid, what: &str) {
        self.trace(|| format!("{pid} VIOLATES {what}"));
        self.ledger.violations.push(what.to_owned());
    }

    fn ask(&mut self, pid: Pid, ticket: Ticket, request: Request, delay: Delay) {
        let random = self.random.fraction();
        let delay = match (self.mutation, &request) {
            (Mutation::NoLock, Request::Lock) => 0,
            _ => Millis::try_from(delay.with(random).as_millis()).unwrap(),
        };
        let process = &mut self.processes[pid];
        process.asked = Some((ticket, request.clone()));
        process.parts = Parts::default();
        self.tell(delay, pid, Local::Send(ticket, request));
    }

    fn send(&mut self, pid: Pid, ticket: Ticket, request: Request) {
        if !self.processes[pid].asks(ticket) && request != Request::Lock {
            return;
        }
        if let Some(answer) = self.mutated(pid, &request) {
            return match answer {
                Answer::Lock(Election::Won(_)) => {
                    let session = Session(0);
                    let until = self.now + TERM;
                    self.tell(0, pid, Local::Won(ticket, Held { session, until }));
                }
                answer => self.tell(0, pid, Local::Heard(ticket, answer)),
            };
        }
        let mut limit = |limit, answer| self.tell(limit, pid, Local::Heard(ticket, answer));
        match request {
            Request::App => {
                limit(MARATHON_LIMIT, Answer::App(Err(Fault::Unreachable)));
                self.ask_marathon(pid, ticket, ToMarathon::App);
            }
            Request::Lock => {
                limit(CONSUL_LIMIT, Answer::Lock(Election::Unreachable));
                self.ask_consul(pid, ticket, &ToConsul::Lock(self.now));
            }
            Request::LockFree => {
                limit(5 * MINUTE, Answer::LockFree);
                self.ask_consul(pid, ticket, &ToConsul::LockFree);
            }
            Request::Unpaused => {
                self.ask_consul(pid, ticket, &ToConsul::Unpaused);
                self.tell(75 * SECOND, pid, Local::Send(ticket, Request::Unpaused));
            }
            Request::Verify => {
                limit(CONSUL_LIMIT, Answer::Verified(Err(Fault::Unreachable)));
                self.ask_consul(pid, ticket, &ToConsul::Verify);
                self.ask_marathon(pid, ticket, ToMarathon::Verify);
            }
            Request::Write(record, index) => {
                limit(CONSUL_LIMIT, Answer::Written(Written::Unknown));
                let session = self.processes[pid].held.map(|held| held.session);
                self.ask_consul(pid, ticket, &ToConsul::Write(record, index, session));
            }
            Request::Post { force, before } => self.post(pid, ticket, force, before),
        }
    }

    fn post(&mut self, pid: Pid, ticket: Ticket, force: bool, before: Option<std::time::Instant>) {
        if before.is_some_and(|before| self.instant(self.now) >= before) {
            return self.tell(0, pid, Local::Heard(ticket, Answer::Posted(Posted::Later)));
        }
        // I2 and I3: read again since the lock was won, and since anything that was sent before.
        let verified = self.processes[pid].verified.take();
        if verified != Some(true) && self.mutation != Mutation::NoVerify {
            self.violates(pid, "I2: asks for a restart that it did not see to be needed");
        }
        if force {
            self.violates(pid, "forces a restart");
        }
        self.ledger.posts += 1;
        self.ledger.poster = pid;
        if !self.marathon.up {
            return self.tell(5, pid, Local::Heard(ticket, Answer::Posted(Posted::Later)));
        }
        self.tell(MARATHON_LIMIT, pid, Local::Heard(ticket, Answer::Posted(Posted::Unknown)));
        let network = self.mix.restarts;
        let copies = 1 + u64::from(self.random.chance(network.doubled));
        for _ in 0..copies {
            if let Some(travel) = self.travel(network.lost, network) {
                self.ledger.under_way += 1;
                self.after(travel, Happening::AtMarathon(pid, ticket, ToMarathon::Restart));
            }
        }
    }

    /// What a protocol that leaves something out takes for an answer.
    fn mutated(&self, pid: Pid, request: &Request) -> Option<Answer> {
        let process = &self.processes[pid];
        match (self.mutation, request) {
            (Mutation::NoVerify, Request::Verify) => {
                let (wanted, app) = process.remembered.clone();
                let slot = Some(self.consul.slot());
                let found = Found { wanted: wanted?, app, slot, bar: None, at: self.moment(pid) };
                Some(Answer::Verified(Ok(Box::new(found))))
            }
            (Mutation::NoLock, Request::Lock) => {
                Some(Answer::Lock(Election::Won(self.instant(self.now))))
            }
            (Mutation::NoLock, Request::Write(..)) => Some(Answer::Written(Written::Done)),
            _ => None,
        }
    }

    /// A question's first answer is the one that counts.
    fn heard(&mut self, pid: Pid, ticket: Ticket, answer: Answer) {
        let process = &mut self.processes[pid];
        if !process.asks(ticket) {
            return;
        }
        process.asked = None;
        if let Answer::App(Ok(app)) = &answer {
            process.remembered.1 = Some(app.clone());
        }
        self.take(pid, Event::Answered(ticket, answer));
    }

    /// Both halves make an answer.
    fn verified(&mut self, pid: Pid, ticket: Ticket) {
        let at = self.moment(pid);
        let process = &mut self.processes[pid];
        let Parts { consul: Some(_), app: Some(app), stale } = &process.parts else { return };
        process.verified = Some(*stale && app.changed <= process.release.version);
        let Parts { consul, app, .. } = std::mem::take(&mut process.parts);
        let Some((wanted, slot, bar)) = consul else { return };
        let found = Found { wanted, app, slot: Some(slot), bar, at };
        self.heard(pid, ticket, Answer::Verified(Ok(Box::new(found))));
    }

    fn won(&mut self, pid: Pid, ticket: Ticket, held: Held) {
        if !self.processes[pid].asks(ticket) {
            return self.destroy(pid, held.session);
        }
        let until = self.instant(held.until);
        let process = &mut self.processes[pid];
        (process.held, process.verified) = (Some(held), None);
        self.tell(TERM / 3, pid, Local::Renew(held.session));
        self.heard(pid, ticket, Answer::Lock(Election::Won(until)));
    }

    fn renewed(&mut self, pid: Pid, lives: Option<bool>, asked: Millis) {
        let now = self.now;
        let Some(held) = &mut self.processes[pid].held else { return };
        let session = held.session;
        match lives {
            Some(true) if asked + TERM > held.until => {
                held.until = asked + TERM;
                let until = held.until;
                self.tell(TERM / 3, pid, Local::Renew(session));
                let until = self.instant(until);
                self.take(pid, Event::Renewed(until));
            }
            // An older answer, or one that came twice.
            Some(true) => {}
            None if asked + TERM <= held.until => {}
            None if now < held.until => self.tell(SECOND, pid, Local::Renew(session)),
            Some(false) | None => {
                self.processes[pid].held = None;
                self.take(pid, Event::LeaseLost);
            }
        }
    }

    fn destroy(&mut self, pid: Pid, session: Session) {
        self.ask_consul(pid, Ticket::default(), &ToConsul::Destroy(session));
    }

    fn watch(&mut self, pid: Pid) {
        let process = &mut self.processes[pid];
        process.watch.query += 1;
        let Watch { query, cursor, .. } = process.watch;
        if let Some(travel) = self.request() {
            let ask = ToConsul::Watch(query, cursor);
            self.after(travel, Happening::AtConsul(pid, Ticket::default(), ask));
        } else {
            self.tell(75 * SECOND, pid, Local::Watched(query, None));
        }
    }

    fn watched(&mut self, pid: Pid, seen: Option<Seen>) {
        let process = &mut self.processes[pid];
        let Some(seen) = seen else {
            process.watch.cursor = 0;
            return self.watch_later(pid);
        };
        process.watch.value = seen.value;
        // An index that goes backwards starts all over.
        process.watch.cursor = if seen.index < process.watch.cursor { 0 } else { seen.index };
        let wanted = seen.wanted(process.configured(), &self.digests);
        process.remembered.0 = Some(wanted.clone());
        let usable = matches!(wanted, Wanted::Is(_));
        self.take(pid, Event::Read(wanted));
        if usable {
            self.processes[pid].watch.failures = 0;
            self.tell(1, pid, Local::Watch);
        } else {
            self.watch_later(pid);
        }
    }

    fn watch_later(&mut self, pid: Pid) {
        let failures = self.processes[pid].watch.failures;
        self.processes[pid].watch.failures = (failures + 1).min(7);
        let delay = 250 + self.random.between(0, 250 << failures);
        // Whatever is still to come from the query before does not count.
        self.processes[pid].watch.query += 1;
        self.tell(delay, pid, Local::Watch);
    }

    pub(crate) fn ask_consul(&mut self, pid: Pid, ticket: Ticket, ask: &ToConsul) {
        let copies = 1 + u64::from(self.random.chance(self.mix.network.doubled));
        for _ in 0..copies {
            if let Some(travel) = self.request() {
                self.after(travel, Happening::AtConsul(pid, ticket, ask.clone()));
            }
        }
    }

    fn ask_marathon(&mut self, pid: Pid, ticket: Ticket, ask: ToMarathon) {
        if let Some(travel) = self.request() {
            self.after(travel, Happening::AtMarathon(pid, ticket, ask));
        }
    }

    /// An answer on its way, unless it gets lost.
    pub(crate) fn answer(&mut self, pid: Pid, local: Local) {
        if let Some(travel) = self.reply() {
            self.tell(travel, pid, local);
        }
    }

    pub(crate) fn half(&mut self, pid: Pid) -> Half {
        let stale = self.processes[pid].is_stale(self.consul.value());
        let at = self.moment(pid);
        let slot = self.consul.slot();
        Half { seen: self.consul.read(self.now), slot, bar: self.consul.bar(at), stale }
    }
}
