//! Slices.

use std::sync::Arc;

use super::{Type, Value};

/// A slice, which knows the type of its elements.
#[derive(Clone, Debug)]
pub struct List {
    element: Type,
    name: Option<Arc<str>>,
    nil: bool,
    items: Box<[Value]>,
}

impl List {
    /// A slice of a type: `[]element`. The items should be of that type.
    pub fn new(element: Type, items: impl IntoIterator<Item = Value>) -> Self {
        Self { element, name: None, nil: false, items: items.into_iter().collect() }
    }

    /// A nil slice: empty, and apart from that only known to JSON, to `%#v` and to those who look for it.
    pub fn nil(element: Type) -> Self {
        Self { nil: true, ..Self::new(element, []) }
    }

    /// Gives its type a name, like `main.Tags`.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The type of the elements.
    pub const fn element(&self) -> &Type {
        &self.element
    }

    /// Whether it is a nil slice.
    pub const fn is_nil(&self) -> bool {
        self.nil
    }

    /// The elements.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// An element.
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.items.get(index)
    }

    /// The elements in turn.
    pub fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.items.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// A part of it, of the same type; `None` when it has not that many elements.
    pub fn part(&self, from: usize, to: usize) -> Option<Self> {
        let items = self.items.get(from..to)?.into();
        Some(Self { element: self.element.clone(), name: self.name.clone(), nil: self.nil, items })
    }

    /// Its type.
    pub fn type_of(&self) -> Type {
        self.name
            .as_ref()
            .map_or_else(|| Type::list(self.element.clone()), |name| Type::Named(Arc::clone(name)))
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Functions, Template, sprintf};

    #[test]
    fn a_nil_slice_is_empty_and_equals_nil() {
        let nil = Value::from(List::nil(Type::String));
        assert_eq!(
            sprintf("%v %#v %d", &[nil.clone(), nil.clone(), nil.clone()]),
            "[] []string(nil) []"
        );
        let text = "{{len .}} {{eq . nil}} {{if .}}x{{end}}{{range .}}x{{else}}none{{end}}";
        let template = Template::parse("t", text, Functions::<()>::new()).unwrap();
        assert_eq!(template.render(&mut (), &nil).unwrap(), "0 true none");
        let empty = Value::from(List::new(Type::String, []));
        assert_eq!(template.render(&mut (), &empty).unwrap(), "0 false none");
    }
}
