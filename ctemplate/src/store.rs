//! What is known: the last value of every dependency.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use gotemplate::Value;

use crate::data::Data;
use crate::dependency::Dependency;

/// Maps dependencies to their last values. Clones share everything until one of them changes.
#[derive(Clone, Debug, Default)]
pub struct Store {
    values: Arc<Values>,
}

#[derive(Debug)]
struct Values {
    /// No other values have this number.
    number: u64,
    known: BTreeMap<Arc<Dependency>, Arc<Known>>,
}

/// A store for whoever may want to look at it, which costs it nothing until somebody does: a clone that is kept would make
/// the next change copy everything.
#[derive(Clone, Debug, Default)]
pub struct Glimpse(Weak<Values>);

/// The last value of a dependency.
#[derive(Debug)]
pub struct Known {
    dependency: Arc<Dependency>,
    data: Data,
    value: OnceLock<Value>,
    /// The number of the values that it came to, and whether it has left them.
    home: u64,
    is_gone: AtomicBool,
}

impl Known {
    /// Of what.
    pub const fn dependency(&self) -> &Arc<Dependency> {
        &self.dependency
    }

    /// As programs see it.
    pub const fn data(&self) -> &Data {
        &self.data
    }

    /// As templates see it. Made once for all renderings, but for instances: there are very many of them, and whoever
    /// has looked at them remembers what came of it.
    pub fn value(&self) -> Value {
        match self.data {
            Data::Instances(_) => self.data.value(),
            _ => self.value.get_or_init(|| self.data.value()).clone(),
        }
    }
}

impl Store {
    /// For whoever may want to look at it before it changes.
    pub fn glimpse(&self) -> Glimpse {
        Glimpse(Arc::downgrade(&self.values))
    }

    /// Everything, in the order of dependencies.
    pub fn iter(&self) -> impl Iterator<Item = (&Dependency, &Data)> {
        self.values.known.iter().map(|(dependency, known)| (dependency.as_ref(), known.data()))
    }

    /// The last value of a dependency, if there was one.
    pub fn recall(&self, dependency: &Dependency) -> Option<&Arc<Known>> {
        self.values.known.get(dependency)
    }

    /// Whether this is the last value of its dependency. Nothing is searched for, unless the value came to a clone of this
    /// store or to one that this is a clone of.
    pub fn has(&self, known: &Known) -> bool {
        if known.home == self.values.number {
            return !known.is_gone.load(Ordering::Relaxed);
        }
        self.recall(&known.dependency).is_some_and(|last| std::ptr::eq(Arc::as_ptr(last), known))
    }

    /// Takes a value. False when it equals the last one.
    pub fn insert(&mut self, dependency: Dependency, data: Data) -> bool {
        let last = self.values.known.get(&dependency);
        if last.is_some_and(|last| last.data == data) {
            return false;
        }
        let before = last.and_then(|last| Some((&last.data, last.value.get()?)));
        let value = before.and_then(|(before, value)| data.value_after(before, value));
        // A dependency stays the very same for as long as it is known.
        let dependency =
            last.map_or_else(|| dependency.into(), |last| Arc::clone(&last.dependency));
        let values = Arc::make_mut(&mut self.values);
        let known = Known {
            dependency: Arc::clone(&dependency),
            data,
            value: value.map_or_else(OnceLock::new, OnceLock::from),
            home: values.number,
            is_gone: AtomicBool::new(false),
        };
        let last = values.known.insert(dependency, known.into());
        values.left(last.as_deref());
        true
    }

    /// Drops the value of a dependency that nobody wants any more: it would grow stale unseen.
    pub fn forget(&mut self, dependency: &Dependency) {
        if self.values.known.contains_key(dependency) {
            let values = Arc::make_mut(&mut self.values);
            let last = values.known.remove(dependency);
            values.left(last.as_deref());
        }
    }
}

impl Values {
    /// A value is no longer the last one here.
    fn left(&self, known: Option<&Known>) {
        if let Some(known) = known.filter(|known| known.home == self.number) {
            known.is_gone.store(true, Ordering::Relaxed);
        }
    }
}

impl Default for Values {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), known: BTreeMap::new() }
    }
}

/// Values that go their own way from here.
impl Clone for Values {
    fn clone(&self) -> Self {
        Self { known: self.known.clone(), ..Self::default() }
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

    #[test]
    fn a_value_is_the_last_one_until_another_comes() {
        let datacenters = Dependency::Datacenters { reachable: false };
        let data = |name: &str| Data::Datacenters(vec![name.to_owned()]);
        let recalled = |store: &Store| Arc::clone(store.recall(&datacenters).unwrap());
        let mut store = Store::default();
        store.insert(datacenters.clone(), data("dc1"));
        let first = recalled(&store);
        assert!(store.has(&first) && !Store::default().has(&first));
        // A clone goes its own way, whichever of the two changes.
        let [mut one, mut other, still] = [(), (), ()].map(|()| store.clone());
        one.insert(datacenters.clone(), data("dc2"));
        other.forget(&datacenters);
        let second = recalled(&one);
        assert!(Arc::ptr_eq(first.dependency(), second.dependency()));
        assert!(one.has(&second) && !one.has(&first) && !other.has(&first) && !other.has(&second));
        assert!(store.has(&first) && still.has(&first) && !store.has(&second));
        store.insert(datacenters.clone(), data("dc2"));
        assert!(!store.has(&first) && still.has(&first) && !store.has(&second));
        // The same again is another one: in between it was not there.
        one.forget(&datacenters);
        assert!(!one.has(&second));
        one.insert(datacenters.clone(), data("dc2"));
        assert!(!one.has(&second) && one.has(&recalled(&one)));
    }
}
