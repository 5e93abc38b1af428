//! Maps, which are always visited in the order of their keys.

use std::{
    borrow::Cow,
    ops::Deref,
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard},
};

use super::{Type, Value};
use crate::error::Error;

/// Up to this many keys, comparing them for equality is faster than a search by their order: most differ in length.
const FEW: usize = 8;

type Entry = (Value, Value);

/// A map, which knows the types of its keys and elements.
///
/// As in Go, all values that hold the map see it change. Few maps ever do, so that only those that have changed pay for
/// a lock.
#[derive(Debug)]
pub struct Map {
    key: Type,
    element: Type,
    name: Option<Arc<str>>,
    nil: bool,
    /// Sorted by key, each key once.
    entries: Box<[Entry]>,
    /// What stands for `entries` since the first change.
    changed: OnceLock<RwLock<Arc<Vec<Entry>>>>,
}

impl Map {
    /// `map[key]element`. Keys and elements should be of these types; of equal keys the last one stays.
    pub fn new(
        key: Type,
        element: Type,
        entries: impl IntoIterator<Item = (Value, Value)>,
    ) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.order(b));
        entries.dedup_by(|later, earlier| {
            let same = later.0.order(&earlier.0).is_eq();
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        let (entries, changed) = (entries.into(), OnceLock::new());
        Self { key, element, name: None, nil: false, entries, changed }
    }

    /// A nil map: empty, and refuses to be changed.
    pub fn nil(key: Type, element: Type) -> Self {
        Self { nil: true, ..Self::new(key, element, []) }
    }

    /// Gives its type a name, like `main.Meta`.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The type of the keys.
    pub const fn key(&self) -> &Type {
        &self.key
    }

    /// The type of the elements.
    pub const fn element(&self) -> &Type {
        &self.element
    }

    /// Whether it is a nil map.
    pub const fn is_nil(&self) -> bool {
        self.nil
    }

    /// The element of a string key.
    pub fn get(&self, key: &str) -> Option<Cow<'_, Value>> {
        match self.changed.get() {
            None => find_text(&self.entries, key).map(Cow::Borrowed),
            Some(changed) => find_text(&read(changed), key).cloned().map(Cow::Owned),
        }
    }

    /// The element of any key.
    pub fn get_value(&self, key: &Value) -> Option<Cow<'_, Value>> {
        match self.changed.get() {
            None => find(&self.entries, key).map(Cow::Borrowed),
            Some(changed) => find(&read(changed), key).cloned().map(Cow::Owned),
        }
    }

    /// Keys and elements as they are now, sorted by key.
    pub fn entries(&self) -> Entries<'_> {
        Entries(match self.changed.get() {
            None => Kept::First(&self.entries),
            Some(changed) => Kept::Snapshot(Arc::clone(&read(changed))),
        })
    }

    /// Sets the element of a key, which should be of the map's types.
    ///
    /// # Errors
    ///
    /// Of a nil map, Go's; and where the map would come to contain itself, which in Go is the end of a program that
    /// prints it.
    pub fn insert(&self, key: Value, element: Value) -> Result<(), Error> {
        if self.nil {
            return Err("assignment to entry in nil map".into());
        }
        if self.is_within(&element) {
            return Err("the map would contain itself".into());
        }
        self.change(|entries| match entries.binary_search_by(|(entry, _)| entry.order(&key)) {
            Ok(index) => {
                if let Some(entry) = entries.get_mut(index) {
                    entry.1 = element;
                }
            }
            Err(index) => entries.insert(index, (key, element)),
        });
        Ok(())
    }

    /// Removes a key, if it is there.
    pub fn remove(&self, key: &Value) {
        self.change(|entries| {
            if let Ok(index) = entries.binary_search_by(|(entry, _)| entry.order(key)) {
                entries.remove(index);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) {
        let first = || RwLock::new(Arc::new(self.entries.to_vec()));
        let changed = self.changed.get_or_init(first);
        change(Arc::make_mut(&mut changed.write().unwrap_or_else(PoisonError::into_inner)));
    }

    /// Whether a value holds this very map.
    fn is_within(&self, value: &Value) -> bool {
        match value {
            Value::Map(map) => {
                std::ptr::eq(self, map.as_ref())
                    || map.entries().iter().any(|(_, element)| self.is_within(element))
            }
            Value::List(list) => list.iter().any(|item| self.is_within(item)),
            _ => false,
        }
    }

    /// Whether it was ever changed.
    pub(super) fn has_changed(&self) -> bool {
        self.changed.get().is_some()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Its type.
    pub fn type_of(&self) -> Type {
        self.name.as_ref().map_or_else(
            || Type::map(self.key.clone(), self.element.clone()),
            |name| Type::Named(Arc::clone(name)),
        )
    }
}

/// The keys and elements of a map at one time. Later changes of the map do not show.
#[derive(Clone, Debug)]
pub struct Entries<'m>(Kept<'m>);

#[derive(Clone, Debug)]
enum Kept<'m> {
    First(&'m [Entry]),
    Snapshot(Arc<Vec<Entry>>),
}

impl Deref for Entries<'_> {
    type Target = [(Value, Value)];

    fn deref(&self) -> &Self::Target {
        match &self.0 {
            Kept::First(entries) => entries,
            Kept::Snapshot(entries) => entries,
        }
    }
}

impl<'e> IntoIterator for &'e Entries<'_> {
    type Item = &'e (Value, Value);
    type IntoIter = std::slice::Iter<'e, (Value, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A panic elsewhere leaves the entries as they were before or after a change.
fn read(changed: &RwLock<Arc<Vec<Entry>>>) -> RwLockReadGuard<'_, Arc<Vec<Entry>>> {
    changed.read().unwrap_or_else(PoisonError::into_inner)
}

fn find_text<'e>(entries: &'e [Entry], key: &str) -> Option<&'e Value> {
    if entries.len() <= FEW {
        let same = |(entry, _): &&Entry| match entry {
            Value::String(text) => text.as_ref() == key,
            _ => false,
        };
        return entries.iter().find(same).map(|(_, value)| value);
    }
    let order = |(entry, _): &Entry| match entry {
        Value::String(text) => text.as_ref().cmp(key),
        other => other.rank().cmp(&Value::String(Arc::default()).rank()),
    };
    let index = entries.binary_search_by(order).ok()?;
    entries.get(index).map(|(_, value)| value)
}

fn find<'e>(entries: &'e [Entry], key: &Value) -> Option<&'e Value> {
    if let Value::String(text) = key {
        return find_text(entries, text);
    }
    let index = entries.binary_search_by(|(entry, _)| entry.order(key)).ok()?;
    entries.get(index).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(map: &Map, key: &str) -> Option<i64> {
        map.get(key).and_then(|value| value.as_i64())
    }

    fn map(entries: impl IntoIterator<Item = (String, i64)>) -> Map {
        let entries = entries.into_iter().map(|(key, value)| (Value::from(key), Value::int(value)));
        Map::new(Type::String, Type::Any, entries)
    }

    #[test]
    fn keeps_the_last_of_equal_keys() {
        let map = map([("b", 1), ("a", 2), ("b", 3)].map(|(key, value)| (key.to_owned(), value)));
        assert_eq!(map.len(), 2);
        assert_eq!(number(&map, "b"), Some(3));
        assert_eq!(number(&map, "a"), Some(2));
        assert_eq!(number(&map, "c"), None);
    }

    #[test]
    fn changes_for_all_that_hold_it() {
        for size in [0, 3, 20] {
            let one = Arc::new(map((0..size).map(|n| (format!("k{n:02}"), n))));
            let other = Arc::clone(&one);
            let before = other.entries();
            one.insert("k05x".into(), Value::int(-1)).unwrap();
            one.insert("k05x".into(), Value::int(-2)).unwrap();
            one.remove(&"k00".into());
            one.remove(&"none".into());
            assert_eq!(number(&other, "k05x"), Some(-2));
            assert_eq!(number(&other, "k00"), None);
            assert_eq!(number(&other, "k02"), (size > 2).then_some(2));
            assert_eq!(before.len(), usize::try_from(size).unwrap());
            assert!(other.entries().is_sorted_by(|a, b| a.0.order(&b.0).is_lt()));
        }
    }

    #[test]
    fn refuses_to_contain_itself() {
        let outer = Arc::new(map([]));
        let inner = Arc::new(map([]));
        outer.insert("inner".into(), Value::list([Value::Map(Arc::clone(&inner))])).unwrap();
        let error = inner.insert("outer".into(), Value::Map(Arc::clone(&outer))).unwrap_err();
        assert_eq!(error.message(), "the map would contain itself");
        assert!(inner.is_empty());
    }

    #[test]
    fn a_nil_map_cannot_be_changed() {
        let map = Map::nil(Type::String, Type::Any);
        let error = map.insert("a".into(), Value::Nil).unwrap_err();
        assert_eq!(error.message(), "assignment to entry in nil map");
        map.remove(&"a".into());
        assert!(map.is_empty() && map.is_nil());
    }
}
