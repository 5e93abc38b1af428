//! What is to be read (pure), in the order in which it was said: while changes go on, everybody's turn comes.

use std::collections::BTreeMap;

use crate::dependency::Dependency;

/// A queue in which each question stands once.
#[derive(Debug, Default)]
pub(super) struct Stale {
    places: BTreeMap<Dependency, u64>,
    queue: BTreeMap<u64, Dependency>,
    last: u64,
}

impl Stale {
    /// Puts a question at the end; one that waits already keeps its place.
    pub(super) fn insert(&mut self, source: Dependency) {
        if !self.places.contains_key(&source) {
            self.last += 1;
            self.queue.insert(self.last, source.clone());
            self.places.insert(source, self.last);
        }
    }

    pub(super) fn remove(&mut self, source: &Dependency) {
        if let Some(place) = self.places.remove(source) {
            self.queue.remove(&place);
        }
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&Dependency) -> bool) {
        self.places.retain(|source, _| stays(source));
        self.queue.retain(|_, source| stays(source));
    }

    /// Whoever has waited longest comes first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Dependency> {
        self.queue.values()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}

impl Extend<Dependency> for Stale {
    fn extend<T: IntoIterator<Item = Dependency>>(&mut self, sources: T) {
        sources.into_iter().for_each(|source| self.insert(source));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_each_place() {
        let file = |name: &&str| Dependency::File((*name).into());
        let mut stale = Stale::default();
        stale.extend(["c", "a", "b", "c"].iter().map(file));
        stale.remove(&file(&"c"));
        stale.extend(["c", "d", "a"].iter().map(file));
        stale.retain(|it| *it != file(&"d"));
        let order: Vec<_> = stale.iter().cloned().collect();
        assert_eq!(order, ["a", "b", "c"].each_ref().map(file));
        assert_eq!(stale.len(), 3);
    }
}
