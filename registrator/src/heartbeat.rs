//! When to tell Consul how a task fares whose check waits for our word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use marathon::TaskId;

use crate::check;
use crate::service::{ServiceId, Services};

/// Beats in the time that a check allows: two of them may be lost.
const BEATS: u32 = 3;

/// Word for one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The check's id.
    pub check: String,
    /// Whether Marathon finds the task healthy.
    pub alive: bool,
}

/// When each check last had word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeats {
    last: BTreeMap<ServiceId, (Instant, bool)>,
}

impl Heartbeats {
    /// Forgets everything: the agent may have lost its checks.
    pub fn forget(&mut self) {
        self.last.clear();
    }

    /// What to tell now about these services, whose tasks are healthy but for `unhealthy`.
    pub fn due(
        &mut self,
        services: &Services,
        unhealthy: &BTreeSet<TaskId>,
        now: Instant,
    ) -> Vec<Beat> {
        self.last.retain(|id, _| services.contains_key(id));
        let mut beats = Vec::new();
        for (id, service) in services {
            let Some(ttl) = service.ttl() else { continue };
            let alive = !unhealthy.contains(&id.task);
            let is_fresh = |(at, told): &(Instant, bool)| *told == alive && now < *at + ttl / BEATS;
            if !self.last.get(id).is_some_and(is_fresh) {
                self.last.insert(id.clone(), (now, alive));
                beats.push(Beat { check: check::id_of(&id.to_string(), 0), alive });
            }
        }
        beats
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::service::Registration;
    use crate::service::{Protocol, mark};

    #[test]
    fn word_is_given_at_once_in_time_and_when_it_changes() {
        let meta = |check: &str| BTreeMap::from([(mark::CHECK.to_owned(), check.to_owned())]);
        let service = |check| Registration { meta: meta(check), ..Registration::default() }.into();
        let id = |task: &str| ServiceId::new(task.into(), 80, Protocol::Tcp);
        let services = BTreeMap::from([
            (id("a"), service("ttl 30s initially passing")),
            (id("b"), service("tcp 10.0.0.1:80 interval 10s initially passing")),
        ]);
        let start = Instant::now();
        let (well, ill) = (BTreeSet::new(), BTreeSet::from(["a".into()]));
        let rows = [
            (0, &well, Some(true)),
            (9, &well, None),
            (10, &well, Some(true)),
            (11, &ill, Some(false)),
            (12, &ill, None),
            (13, &well, Some(true)),
        ];
        let mut heartbeats = Heartbeats::default();
        for (at, unhealthy, want) in rows {
            let beats = heartbeats.due(&services, unhealthy, start + Duration::from_secs(at));
            let want = want.map(|alive| Beat { check: "service:a:80".into(), alive });
            assert_eq!(beats, Vec::from_iter(want), "at {at}");
        }
        heartbeats.forget();
        assert_eq!(heartbeats.due(&services, &well, start).len(), 1);
        assert!(heartbeats.due(&BTreeMap::new(), &well, start).is_empty());
    }
}
