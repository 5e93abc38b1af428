//! What is known: the last value of every dependency.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

use gotemplate::Value;

use crate::data::Data;
use crate::dependency::Dependency;

/// Maps dependencies to their last values. Clones share everything until one of them changes.
#[derive(Clone, Debug, Default)]
pub struct Store {
    values: Arc<BTreeMap<Dependency, Arc<Known>>>,
}

/// A store for whoever may want to look at it, which costs it nothing until somebody does: a clone that is kept would make
/// the next change copy everything.
#[derive(Clone, Debug, Default)]
pub struct Glimpse(Weak<BTreeMap<Dependency, Arc<Known>>>);

/// The last value of a dependency.
#[derive(Debug)]
pub struct Known {
    data: Data,
    value: OnceLock<Value>,
}

impl Known {
    /// As programs see it.
    pub const fn data(&self) -> &Data {
        &self.data
    }

    /// As templates see it; made once for all renderings.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| self.data.value())
    }
}

impl Store {
    /// For whoever may want to look at it before it changes.
    pub fn glimpse(&self) -> Glimpse {
        Glimpse(Arc::downgrade(&self.values))
    }

    /// Everything, in the order of dependencies.
    pub fn iter(&self) -> impl Iterator<Item = (&Dependency, &Data)> {
        self.values.iter().map(|(dependency, known)| (dependency, known.data()))
    }

    /// The last value of a dependency, if there was one.
    pub fn recall(&self, dependency: &Dependency) -> Option<&Arc<Known>> {
        self.values.get(dependency)
    }

    /// Takes a value. False when it equals the last one.
    pub fn insert(&mut self, dependency: Dependency, data: Data) -> bool {
        if self.values.get(&dependency).is_some_and(|last| last.data == data) {
            return false;
        }
        let known = Arc::new(Known { data, value: OnceLock::new() });
        Arc::make_mut(&mut self.values).insert(dependency, known);
        true
    }

    /// Drops the value of a dependency that nobody wants any more: it would grow stale unseen.
    pub fn forget(&mut self, dependency: &Dependency) {
        Arc::make_mut(&mut self.values).remove(dependency);
    }
}

impl Glimpse {
    /// The store, unless it has changed since.
    pub fn store(&self) -> Option<Store> {
        self.0.upgrade().map(|values| Store { values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glimpse_is_of_one_moment_and_copies_nothing() {
        let mut store = Store::default();
        let datacenters = Dependency::Datacenters { reachable: false };
        store.insert(datacenters.clone(), Data::Datacenters(Vec::new()));
        let glimpse = store.glimpse();
        assert!(glimpse.store().is_some_and(|seen| seen.recall(&datacenters).is_some()));
        store.insert(Dependency::Partitions, Data::Datacenters(Vec::new()));
        assert!(glimpse.store().is_none());
        assert_eq!(store.glimpse().store().unwrap().iter().count(), 2);
    }

    #[test]
    fn only_differences_count() {
        let mut store = Store::default();
        let datacenters = Dependency::Datacenters { reachable: false };
        let data = |name: &str| Data::Datacenters(vec![name.to_owned()]);
        assert!(store.insert(datacenters.clone(), data("dc1")));
        assert!(!store.insert(datacenters.clone(), data("dc1")));
        assert!(store.insert(datacenters.clone(), data("dc2")));
        store.forget(&datacenters);
        assert!(store.recall(&datacenters).is_none());
        assert!(store.insert(datacenters, data("dc2")));
    }
}
