//! Services that the agent did not take, and when each may be tried again.
//!
//! A service that Consul refuses, for want of rights to its name or for a value it does not like, waits longer and longer; all
//! others go on at once. When one is taken in the end, the token or the rights have changed, and nobody waits any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use daemon::backoff::Backoff;

use crate::plan::Plan;
use crate::skipped::Skipped;

const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What one agent did not take, by id.
#[derive(Debug, Default)]
pub struct Unwritten {
    services: BTreeMap<String, Failure>,
}

/// Why it did not.
#[derive(Debug)]
pub struct Failure {
    /// For whoever asks why it is not registered.
    pub skipped: Skipped,
    /// The answer's status, if it was one.
    pub status: Option<u16>,
    backoff: Backoff,
    not_before: Instant,
}

impl Unwritten {
    /// Takes out of the plan what is not to be tried yet. Nothing keeps a service from being removed.
    pub fn hold(&mut self, plan: &mut Plan, now: Instant) {
        if self.services.is_empty() {
            return;
        }
        let mut planned: BTreeSet<_> = plan.register.keys().map(ToString::to_string).collect();
        planned.extend(plan.maintenance.keys().chain(plan.deregister.keys()).cloned());
        self.services.retain(|id, _| planned.contains(id));
        let waits = |id: &str| self.services.get(id).is_some_and(|it| it.not_before > now);
        plan.register.retain(|id, _| !waits(&id.to_string()));
        plan.maintenance.retain(|id, _| !waits(id));
    }

    /// The agent has taken these.
    pub fn taken(&mut self, ids: &BTreeSet<String>, now: Instant) {
        let before = self.services.values().filter(|it| it.is_refused()).count();
        self.services.retain(|id, _| !ids.contains(id));
        if self.services.values().filter(|it| it.is_refused()).count() < before {
            for failure in self.services.values_mut() {
                failure.not_before = now;
            }
        }
    }

    /// It has not taken this one; `random` is taken from `0.0..1.0`.
    pub fn failed(
        &mut self,
        id: &str,
        skipped: Skipped,
        status: Option<u16>,
        now: Instant,
        random: f64,
    ) {
        let backoff = match self.services.remove(id) {
            Some(failure) => failure.backoff,
            None => Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
        };
        let mut failure = Failure { skipped, status, backoff, not_before: now };
        if failure.is_refused() {
            failure.not_before = now + failure.backoff.next(random);
        }
        self.services.insert(id.to_owned(), failure);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Failure)> {
        self.services.iter().map(|(id, failure)| (id.as_str(), failure))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }
}

impl Failure {
    /// It is the service that is not taken. 429 is about all of them; what else fails may work at once.
    fn is_refused(&self) -> bool {
        self.status.is_some_and(|status| (400..500).contains(&status) && status != 429)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Write;
    use crate::service::{Protocol, Registration, ServiceId};
    use crate::skipped::Reason;

    fn plan(tasks: &[&str]) -> Plan {
        let write = Write { registration: Registration::default().into(), changes: None };
        let id = |task: &str| ServiceId::new(task.into(), 80, Protocol::Tcp);
        let register = tasks.iter().map(|task| (id(task), write.clone())).collect();
        Plan { register, ..Plan::default() }
    }

    fn tried(unwritten: &mut Unwritten, tasks: &[&str], now: Instant) -> Vec<String> {
        let mut plan = plan(tasks);
        unwritten.hold(&mut plan, now);
        plan.register.into_keys().map(|id| id.task.as_str().to_owned()).collect()
    }

    fn fail(unwritten: &mut Unwritten, task: &str, status: u16, now: Instant) {
        let id = format!("{task}:80");
        let reason = Reason::Refused { id: id.clone(), keys: Vec::new(), why: String::new() };
        let skipped = Skipped { app: "/a".into(), task: None, reason };
        unwritten.failed(&id, skipped, Some(status), now, 1.0);
    }

    #[test]
    fn what_is_refused_waits_longer_and_longer_and_nothing_else_waits() {
        let (mut unwritten, mut now) = (Unwritten::default(), Instant::now());
        for pause in [2, 4, 8, 16, 30, 30] {
            fail(&mut unwritten, "a", 403, now);
            fail(&mut unwritten, "b", 500, now);
            fail(&mut unwritten, "c", 429, now);
            let just_before = now + Duration::from_millis(1000 * pause - 1);
            let tasks = ["a", "b", "c", "new"];
            assert_eq!(tried(&mut unwritten, &tasks, just_before), ["b", "c", "new"], "{pause}");
            now += Duration::from_secs(pause);
            assert_eq!(tried(&mut unwritten, &tasks, now), tasks, "{pause}");
        }
    }

    #[test]
    fn when_one_is_taken_after_all_the_others_wait_no_more() {
        let (mut unwritten, now) = (Unwritten::default(), Instant::now());
        fail(&mut unwritten, "a", 403, now);
        fail(&mut unwritten, "b", 403, now);
        unwritten.taken(&BTreeSet::from(["new:80".to_owned()]), now);
        assert!(tried(&mut unwritten, &["a", "b"], now).is_empty());
        unwritten.taken(&BTreeSet::from(["a:80".to_owned()]), now);
        assert_eq!(tried(&mut unwritten, &["b"], now), ["b"]);
    }

    #[test]
    fn what_is_wanted_no_more_is_forgotten_and_a_removal_never_waits() {
        let (mut unwritten, now) = (Unwritten::default(), Instant::now());
        fail(&mut unwritten, "a", 403, now);
        let gone = BTreeMap::from([("a:80".to_owned(), Registration::default())]);
        let mut plan = Plan { deregister: gone.clone(), ..Plan::default() };
        unwritten.hold(&mut plan, now);
        assert_eq!(plan.deregister, gone);
        assert!(tried(&mut unwritten, &[], now).is_empty() && unwritten.is_empty());
        assert_eq!(tried(&mut unwritten, &["a"], now), ["a"]);
    }
}
