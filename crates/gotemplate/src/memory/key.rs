//! What goes into a body: its dot, and the variables that it names.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    mem,
};

use crate::{exec::Val, funcs::Purity, value::Value};

/// So many parts of all values are hashed; values that differ only after them look alike. What tells things apart, like a
/// name, comes early.
const PARTS: usize = 8;

/// So many bytes of a string are hashed.
const BYTES: usize = 32;

/// What goes into a body that begins.
pub(crate) struct Inputs<'s> {
    pub(crate) dot: &'s Val,
    /// The variables of the template with the numbers of their names; the last one of a name counts.
    pub(crate) scope: &'s [(usize, Val)],
    /// How many variables there are, those of other templates included.
    pub(crate) floor: usize,
    /// How deep it is.
    pub(crate) depth: usize,
    /// How many bytes may still be written.
    pub(crate) room: usize,
    /// What the host's functions do.
    pub(crate) purity: &'s dyn Fn(usize) -> Purity,
}

/// The same, kept.
pub(super) struct Key {
    dot: Val,
    variables: Box<[(usize, Option<Val>)]>,
    depth: usize,
    floor: usize,
}

impl Inputs<'_> {
    fn variable(&self, number: usize) -> Option<&Val> {
        self.scope.iter().rev().find(|(id, _)| *id == number).map(|(_, value)| value)
    }

    pub(super) fn key(&self, variables: &[usize]) -> Key {
        let value = |number: &usize| (*number, self.variable(*number).cloned());
        let variables = variables.iter().map(value).collect();
        Key { dot: self.dot.clone(), variables, depth: self.depth, floor: self.floor }
    }

    pub(super) fn hash(&self, variables: &[usize]) -> u64 {
        let mut hash = Hash { hasher: DefaultHasher::new(), left: PARTS };
        hash.value(&self.dot.value);
        for variable in variables {
            if let Some(variable) = self.variable(*variable) {
                hash.value(&variable.value);
            }
        }
        hash.hasher.finish()
    }

    /// Whether they are the same.
    pub(super) fn are(&self, key: &Key) -> bool {
        is_same(self.dot, &key.dot)
            && key.variables.iter().all(|(number, old)| match (self.variable(*number), old) {
                (Some(new), Some(old)) => is_same(new, old),
                (None, None) => true,
                _ => false,
            })
    }

    /// Whether a body of such a key and such a length stays within all limits here.
    pub(super) const fn allow(&self, key: &Key, length: usize) -> bool {
        self.depth <= key.depth && length <= self.room
    }
}

impl Key {
    /// How many variables there were outside of the body when it began.
    pub(super) const fn floor(&self) -> usize {
        self.floor
    }

    /// Whether it can ever be found again.
    pub(super) fn is_lasting(&self) -> bool {
        is_same(&self.dot, &self.dot)
            && self.variables.iter().flat_map(|(_, value)| value).all(|value| is_same(value, value))
    }
}

fn is_same(a: &Val, b: &Val) -> bool {
    a.boxed == b.boxed && a.value.is_same(&b.value)
}

struct Hash {
    hasher: DefaultHasher,
    left: usize,
}

impl Hash {
    fn value(&mut self, value: &Value) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        mem::discriminant(value).hash(&mut self.hasher);
        match value {
            Value::Bool(bool) => bool.hash(&mut self.hasher),
            Value::Int(_, int) => int.hash(&mut self.hasher),
            Value::Uint(_, uint) => uint.hash(&mut self.hasher),
            Value::String(text) => {
                text.len().hash(&mut self.hasher);
                text.as_bytes().get(..BYTES).unwrap_or(text.as_bytes()).hash(&mut self.hasher);
            }
            Value::List(list) => {
                list.len().hash(&mut self.hasher);
                list.iter().take(self.left).for_each(|item| self.value(item));
            }
            Value::Map(map) => {
                let entries = map.entries();
                entries.len().hash(&mut self.hasher);
                entries.iter().take(self.left).for_each(|(_, element)| self.value(element));
            }
            Value::Object(object) => {
                for name in object.field_names().iter().take(self.left) {
                    if let Some(value) = object.field(name) {
                        self.value(&value);
                    }
                }
            }
            _ => {}
        }
    }
}
