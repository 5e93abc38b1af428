//! Maps, which are always visited in the order of their keys.

use std::sync::Arc;

use super::{Type, Value};

/// Up to this many keys, comparing them for equality is faster than a search by their order: most differ in length.
const FEW: usize = 8;

/// A map, which knows the types of its keys and elements.
#[derive(Clone, Debug)]
pub struct Map {
    key: Type,
    element: Type,
    name: Option<Arc<str>>,
    /// Sorted by key, each key once.
    entries: Box<[(Value, Value)]>,
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
        Self { key, element, name: None, entries: entries.into() }
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

    /// The element of a string key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        if self.entries.len() <= FEW {
            let same = |(entry, _): &&(Value, Value)| match entry {
                Value::String(text) => text.as_ref() == key,
                _ => false,
            };
            return self.entries.iter().find(same).map(|(_, value)| value);
        }
        let order = |(entry, _): &(Value, Value)| match entry {
            Value::String(text) => text.as_ref().cmp(key),
            other => other.rank().cmp(&Value::String(Arc::default()).rank()),
        };
        let index = self.entries.binary_search_by(order).ok()?;
        self.entries.get(index).map(|(_, value)| value)
    }

    /// The element of any key.
    pub fn get_value(&self, key: &Value) -> Option<&Value> {
        if let Value::String(text) = key {
            return self.get(text);
        }
        let index = self.entries.binary_search_by(|(entry, _)| entry.order(key)).ok()?;
        self.entries.get(index).map(|(_, value)| value)
    }

    /// Keys and elements, sorted by key.
    pub fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Its type.
    pub fn type_of(&self) -> Type {
        self.name.as_ref().map_or_else(
            || Type::map(self.key.clone(), self.element.clone()),
            |name| Type::Named(Arc::clone(name)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_of_equal_keys() {
        let entries = [("b", 1), ("a", 2), ("b", 3)];
        let map = Map::new(
            Type::String,
            Type::Any,
            entries.map(|(key, value)| (Value::from(key), Value::int(value))),
        );
        assert_eq!(map.len(), 2);
        assert_eq!(map.get("b").and_then(Value::as_i64), Some(3));
        assert_eq!(map.get("a").and_then(Value::as_i64), Some(2));
        assert!(map.get("c").is_none());
    }
}
