//! What is known: the last value of every dependency.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::Data;
use crate::dependency::Dependency;

/// Maps dependencies to their last values. Templates share the values.
#[derive(Clone, Debug, Default)]
pub struct Store {
    values: BTreeMap<Dependency, Arc<Data>>,
}

impl Store {
    /// The last value of a dependency, if there was one.
    pub fn recall(&self, dependency: &Dependency) -> Option<&Arc<Data>> {
        self.values.get(dependency)
    }

    /// Takes a value. False when it equals the last one.
    pub fn insert(&mut self, dependency: Dependency, data: Data) -> bool {
        if self.values.get(&dependency).is_some_and(|last| **last == data) {
            return false;
        }
        self.values.insert(dependency, Arc::new(data));
        true
    }

    /// Drops the value of a dependency that nobody wants any more: it would grow stale unseen.
    pub fn forget(&mut self, dependency: &Dependency) {
        self.values.remove(dependency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_count() {
        let mut store = Store::default();
        let data = |name: &str| Data::Datacenters(vec![name.to_owned()]);
        assert!(store.insert(Dependency::Datacenters, data("dc1")));
        assert!(!store.insert(Dependency::Datacenters, data("dc1")));
        assert!(store.insert(Dependency::Datacenters, data("dc2")));
        store.forget(&Dependency::Datacenters);
        assert!(store.recall(&Dependency::Datacenters).is_none());
        assert!(store.insert(Dependency::Datacenters, data("dc2")));
    }
}
