//! Everything at once, one thing after the other: the queue of what will happen, and what does.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
use std::time::{Duration, Instant};

use svc_wrapper::restart::intent::Record;
use svc_wrapper::restart::{Answer, Moment, Request, Slot, State, Ticket};

use crate::consul::{Consul, Seen, Session};
use crate::digests::Digests;
use crate::ledger::{Ledger, Outcome};
use crate::marathon::{EPOCH, Marathon, Release};
use crate::mix::{MINUTE, Millis, Mix, Network, SECOND};
use crate::mutation::Mutation;
use crate::process::{Held, Pid, Process};
use crate::random::Random;

/// How long after the last fault everybody must be in sync. The flap limiter alone may take an hour, several times.
const PATIENCE: Millis = 6 * 60 * MINUTE;

/// More say that somebody runs in circles.
const MOST_EVENTS: u64 = 200_000;

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// In a process, unless it is stopped.
    Local(Pid, Local),
    /// A question arrives at Consul,
    AtConsul(Pid, Ticket, ToConsul),
    /// or at Marathon.
    AtMarathon(Pid, Ticket, ToMarathon),
    Expire(Session, u64),
    /// A query was held for long enough.
    WaitOver(Pid, u64),
    Boot(Pid),
    Roll(u64),
    Launch,
    Write(usize),
    /// Both are away until then.
    Outage(Server, Millis),
    Revoke(Millis),
    Hold(Millis),
    HoldOver,
    Busy(Millis),
    Reset,
    Crash,
    Pause(Millis),
    Deploy(Millis),
    RollBack(bool),
}

/// What happens in a process.
#[derive(Clone, Debug)]
pub(crate) enum Local {
    Tick(Millis),
    Send(Ticket, Request),
    Heard(Ticket, Answer),
    Won(Ticket, Held),
    /// Half an answer.
    Configuration(Ticket, Box<Half>),
    App(Ticket, Box<svc_wrapper::restart::App>),
    Watch,
    Watched(u64, Option<Seen>),
    Renew(Session),
    /// Whether the session lives, if that is known, and when the question was asked.
    Renewed(Session, Option<bool>, Millis),
}

/// What Consul knows.
#[derive(Clone, Debug)]
pub(crate) struct Half {
    pub(crate) seen: Seen,
    pub(crate) slot: Slot,
    pub(crate) bar: Option<svc_wrapper::restart::Bar>,
    pub(crate) stale: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum ToConsul {
    Lock(Millis),
    LockFree,
    Unpaused,
    Verify,
    Write(Box<Record>, Option<u64>, Option<Session>),
    Renew(Session, Millis),
    Destroy(Session),
    Watch(u64, u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ToMarathon {
    App,
    Verify,
    Restart,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    Consul,
    Marathon,
}

pub(crate) struct World {
    pub(crate) mix: Mix,
    pub(crate) mutation: Mutation,
    pub(crate) random: Random,
    start: Instant,
    pub(crate) now: Millis,
    queue: BinaryHeap<Reverse<Entry>>,
    queued: u64,
    pub(crate) consul: Consul,
    pub(crate) marathon: Marathon,
    pub(crate) processes: Vec<Process>,
    pub(crate) size: usize,
    pub(crate) digests: Digests,
    /// Who waits for a change, with which query; for the lock; for the operators.
    pub(crate) watching: Vec<(Pid, u64)>,
    pub(crate) queueing: Vec<(Pid, Ticket)>,
    pub(crate) holding: Vec<(Pid, Ticket)>,
    pub(crate) until: Until,
    pub(crate) ledger: Ledger,
    /// The last moment at which anything is planned.
    pub(crate) horizon: Millis,
    pub(crate) tracing: bool,
}

/// When what is wrong ends.
#[derive(Default)]
pub(crate) struct Until {
    pub(crate) consul: Millis,
    pub(crate) marathon: Millis,
    pub(crate) revoked: Millis,
    pub(crate) hold: Millis,
    pub(crate) busy: Millis,
}

struct Entry {
    at: Millis,
    order: u64,
    what: Happening,
}

impl World {
    pub(crate) fn new(seed: u64, mix: Mix, mutation: Mutation, size: usize) -> Self {
        let mut world = Self {
            mix,
            mutation,
            random: Random::new(seed),
            // Only an origin: no clock is ever looked at again.
            start: Instant::now(),
            now: 0,
            queue: BinaryHeap::new(),
            queued: 0,
            consul: Consul::new(),
            marathon: Marathon::new(),
            processes: Vec::new(),
            size,
            digests: Digests::new(mutation == Mutation::IndexesForHashes),
            watching: Vec::new(),
            queueing: Vec::new(),
            holding: Vec::new(),
            until: Until::default(),
            ledger: Ledger::default(),
            horizon: 0,
            tracing: false,
        };
        for _ in 0..size {
            world.launch();
        }
        world
    }

    /// Until everybody is in sync, with nothing left to happen.
    pub(crate) fn run(mut self) -> Outcome {
        while self.step(self.horizon + PATIENCE) && self.ledger.events < MOST_EVENTS {
            if self.now > self.horizon && self.ledger.under_way == 0 && self.is_settled() {
                return self.ledger.outcome(true);
            }
        }
        let settled = self.queue.is_empty() && self.is_settled();
        self.trace(|| format!("over, settled: {settled}"));
        self.ledger.outcome(settled)
    }

    /// What happens next, unless that is later; whether anything did.
    pub(crate) fn step(&mut self, limit: Millis) -> bool {
        if self.queue.peek().is_none_or(|Reverse(next)| next.at > limit) {
            return false;
        }
        let Some(Reverse(Entry { at, what, .. })) = self.queue.pop() else { return false };
        self.now = at;
        let (now, until) = (self.now, &self.until);
        (self.consul.up, self.marathon.up) = (now >= until.consul, now >= until.marathon);
        (self.consul.revoked, self.marathon.busy) = (now < until.revoked, now < until.busy);
        self.consul.hold = now < until.hold;
        self.ledger.events += 1;
        self.happen(what);
        true
    }

    /// Everything that happens in so long a time.
    pub(crate) fn pass(&mut self, time: Millis) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    pub(crate) fn is_settled(&self) -> bool {
        let value = self.consul.value();
        let in_sync = |process: &Process| {
            let boot = process.boot.is_some_and(|boot| boot.value == Some(value));
            boot && process.machine.as_ref().is_some_and(|machine| *machine.state() == State::Sync)
        };
        let mut alive = self.processes.iter().filter(|process| process.alive);
        self.marathon.deployment.is_none()
            && alive.clone().count() == self.size
            && alive.all(in_sync)
    }

    pub(crate) fn at(&mut self, at: Millis, what: Happening) {
        self.queued += 1;
        self.queue.push(Reverse(Entry { at, order: self.queued, what }));
    }

    pub(crate) fn after(&mut self, delay: Millis, what: Happening) {
        self.at(self.now + delay, what);
    }

    pub(crate) fn tell(&mut self, delay: Millis, pid: Pid, local: Local) {
        self.after(delay, Happening::Local(pid, local));
    }

    pub(crate) fn instant(&self, at: Millis) -> Instant {
        self.start + Duration::from_millis(at)
    }

    /// The first whole millisecond at which it is that late.
    pub(crate) fn millis(&self, instant: Instant) -> Millis {
        let nanos = instant.saturating_duration_since(self.start).as_nanos();
        Millis::try_from(nanos.div_ceil(1_000_000)).unwrap()
    }

    /// What a process takes for the time of day.
    pub(crate) fn moment(&self, pid: Pid) -> Moment {
        Moment::from_millis(EPOCH + self.now + self.processes[pid].skew)
    }

    /// How long a message takes, if it arrives.
    pub(crate) fn travel(&mut self, lost: f64, network: Network) -> Option<Millis> {
        if self.random.chance(lost) {
            return None;
        }
        let slow = self.random.chance(network.slow);
        Some(if slow {
            self.random.between(20, network.slowest)
        } else {
            self.random.between(1, 20)
        })
    }

    pub(crate) fn request(&mut self) -> Option<Millis> {
        self.travel(self.mix.network.lost, self.mix.network)
    }

    pub(crate) fn reply(&mut self) -> Option<Millis> {
        self.travel(self.mix.network.unanswered, self.mix.network)
    }

    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        if self.tracing {
            let (seconds, millis) = (self.now / SECOND, self.now % SECOND);
            writeln!(std::io::stdout(), "{seconds:>6}.{millis:03} {}", line()).unwrap();
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Local(pid, local) => self.local(pid, local),
            Happening::AtConsul(pid, ticket, ask) => self.at_consul(pid, ticket, ask),
            Happening::AtMarathon(pid, ticket, ask) => self.at_marathon(pid, ticket, ask),
            Happening::Expire(session, renewals) => {
                if self.consul.expire(session, renewals, self.now) {
                    self.trace(|| "the lock's session expired".to_owned());
                    self.lock_is_free();
                }
            }
            Happening::WaitOver(pid, query) => self.wait_over(pid, query),
            Happening::Boot(pid) => self.boot(pid),
            Happening::Roll(id) => self.roll(id),
            Happening::Launch => self.relaunch(),
            other => self.befall(&other),
        }
    }

    /// What comes from outside.
    fn befall(&mut self, what: &Happening) {
        self.trace(|| format!("{what:?}"));
        match *what {
            Happening::Write(value) => self.write(value),
            Happening::Outage(Server::Consul, until) => {
                self.until.consul = self.until.consul.max(until);
                self.consul.up = self.now >= self.until.consul;
                self.wake_watchers();
                self.lock_is_free();
            }
            Happening::Outage(Server::Marathon, until) => {
                self.until.marathon = self.until.marathon.max(until);
            }
            Happening::Revoke(until) => {
                self.until.revoked = self.until.revoked.max(until);
                self.consul.revoked = self.now < self.until.revoked;
                self.wake_watchers();
                if self.now < until {
                    self.at(until, Happening::Revoke(until));
                }
            }
            Happening::Hold(until) => {
                self.until.hold = self.until.hold.max(until);
                self.at(until, Happening::HoldOver);
            }
            Happening::HoldOver => self.resume_restarts(),
            Happening::Busy(until) => self.until.busy = self.until.busy.max(until),
            Happening::Reset => {
                self.consul.reset(self.now);
                self.wake_watchers();
                self.lock_is_free();
            }
            Happening::Crash => self.crash(),
            Happening::Pause(length) => {
                if let Some(pid) = self.anybody() {
                    self.trace(|| format!("{pid} is stopped for {length} ms"));
                    self.processes[pid].paused = self.now + length;
                }
            }
            Happening::Deploy(stall) if self.marathon.deployment.is_none() => {
                let id = self.marathon.deploy(self.mix.window, self.now + stall, self.now);
                self.after(SECOND, Happening::Roll(id));
            }
            Happening::RollBack(anew) => {
                if let Some(id) = self.marathon.roll_back(anew, self.now) {
                    self.after(SECOND, Happening::Roll(id));
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, value: usize) {
        if value != self.consul.value() {
            self.ledger.changes += 1;
            self.ledger.reasons += 1;
        }
        self.consul.write(value, self.now);
        self.wake_watchers();
    }

    fn resume_restarts(&mut self) {
        if !self.consul.up {
            return self.at(self.until.consul, Happening::HoldOver);
        }
        if !self.consul.hold {
            for (pid, ticket) in std::mem::take(&mut self.holding) {
                self.tell(20, pid, Local::Heard(ticket, Answer::Unpaused));
            }
        }
    }

    fn anybody(&mut self) -> Option<Pid> {
        let alive: Vec<Pid> =
            (0..self.processes.len()).filter(|pid| self.processes[*pid].alive).collect();
        (!alive.is_empty()).then(|| *self.random.pick(&alive))
    }

    fn crash(&mut self) {
        if let Some(pid) = self.anybody() {
            self.trace(|| format!("{pid} crashes"));
            self.processes[pid].alive = false;
            let delay = self.random.between(SECOND, 6 * SECOND);
            self.after(delay, Happening::Launch);
        }
    }

    fn relaunch(&mut self) {
        if !self.marathon.up {
            return self.at(self.until.marathon, Happening::Launch);
        }
        if self.processes.iter().filter(|process| process.alive).count() < self.size {
            self.launch();
        }
    }

    /// Marathon starts a task.
    fn launch(&mut self) {
        let skew = self.random.between(0, self.mix.skew);
        let release: Release = self.marathon.version;
        self.processes.push(Process::launched(release, skew));
        let pid = self.processes.len() - 1;
        self.trace(|| format!("{pid} is launched as {}", release.version));
        let delay = self.random.between(300, 3 * SECOND);
        self.after(delay, Happening::Boot(pid));
    }

    /// A deployment goes on: one task after the other.
    fn roll(&mut self, id: u64) {
        let Some(deployment) = &self.marathon.deployment else { return };
        if deployment.id != id {
            return;
        }
        let (stalled, now) = (deployment.stalled, self.now);
        if !self.marathon.up || now < stalled {
            let next = if self.marathon.up { stalled } else { self.until.marathon };
            return self.at(next, Happening::Roll(id));
        }
        let alive = |process: &&Process| process.alive;
        let unhealthy = |process: &Process| process.healthy > now;
        let alive = self.processes.iter().filter(alive);
        if alive.clone().count() < self.size || alive.clone().any(unhealthy) {
            return self.after(SECOND, Happening::Roll(id));
        }
        let version = self.marathon.version;
        let old = self.processes.iter().position(|p| p.alive && p.release != version);
        let Some(old) = old else {
            self.trace(|| "the deployment is over".to_owned());
            self.marathon.deployment = None;
            return;
        };
        self.trace(|| format!("{old} is replaced"));
        self.processes[old].alive = false;
        self.launch();
        self.after(SECOND, Happening::Roll(id));
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
