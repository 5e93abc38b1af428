//! Since when each instance is in its state.
//!
//! Consul does not tell, so it is since we know: never longer than we run.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::data::{Data, Instance};
use crate::dependency::Dependency;

/// When instances were first seen in the state they are in. There may be tens of thousands, so each takes 16 bytes.
#[derive(Clone, Debug)]
pub struct Ages {
    start: Instant,
    seen: Arc<BTreeMap<Dependency, Box<[Seen]>>>,
}

/// An instance in a state, and the second since the start when that was new.
type Seen = (u64, u32);

impl Ages {
    /// Nothing was seen yet.
    pub fn new(start: Instant) -> Self {
        Self { start, seen: Arc::default() }
    }

    /// A dependency has a new value.
    pub fn learn(&mut self, dependency: &Dependency, data: &Data, now: Instant) {
        let Data::Instances(instances) = data else { return };
        let seconds = now.saturating_duration_since(self.start).as_secs();
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        let before = self.seen.get(dependency);
        let seen = instances.iter().map(|instance| {
            let mark = mark(instance);
            (mark, before.and_then(|seen| find(seen, mark)).unwrap_or(seconds))
        });
        let seen = seen.collect();
        Arc::make_mut(&mut self.seen).insert(dependency.clone(), seen);
    }

    /// Nobody wants a dependency any more.
    pub fn forget(&mut self, dependency: &Dependency) {
        if self.seen.contains_key(dependency) {
            Arc::make_mut(&mut self.seen).remove(dependency);
        }
    }

    /// Since when an instance of a dependency is as it is.
    pub fn since(&self, dependency: &Dependency, instance: &Instance) -> Option<Instant> {
        let seconds = find(self.seen.get(dependency)?, mark(instance))?;
        Some(self.start + Duration::from_secs(seconds.into()))
    }
}

fn find(seen: &[Seen], mark: u64) -> Option<u32> {
    seen.iter().find(|(other, _)| *other == mark).map(|(_, seconds)| *seconds)
}

/// The same for the same endpoint in the same state.
fn mark(instance: &Instance) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&instance.address, instance.port, &instance.status).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependency::Instances;

    #[test]
    fn a_state_lasts_until_it_changes() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let web = Dependency::Instances(Instances::passing("web", None));
        let instance = |port, status: &str| Instance {
            port,
            status: status.to_owned(),
            ..Instance::default()
        };
        let mut ages = Ages::new(start);
        let (one, two) = (instance(1, "passing"), instance(2, "passing"));
        ages.learn(&web, &Data::Instances(vec![one.clone(), two.clone()]), at(1));
        let worse = instance(2, "critical");
        ages.learn(&web, &Data::Instances(vec![one.clone(), worse.clone()]), at(9));
        let since = |ages: &Ages, instance| ages.since(&web, instance);
        assert_eq!(since(&ages, &one), Some(at(1)));
        assert_eq!(since(&ages, &worse), Some(at(9)));
        assert_eq!(since(&ages, &two), None);
        ages.learn(&web, &Data::Instances(vec![one.clone(), two.clone()]), at(12));
        assert_eq!(since(&ages, &two), Some(at(12)), "it was away in between");
        ages.forget(&web);
        assert_eq!(since(&ages, &one), None);
    }
}
