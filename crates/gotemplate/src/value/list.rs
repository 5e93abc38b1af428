//! Slices.

use std::sync::{Arc, LazyLock};

use super::{Type, Value};
use crate::funcs::Signature;

/// A method of a named slice: its name, and what it gives. It takes no arguments.
pub type Method = (&'static str, fn(&List) -> Value);

/// A slice, which knows the type of its elements.
#[derive(Clone, Debug)]
pub struct List {
    element: Type,
    name: Option<Arc<str>>,
    methods: &'static [Method],
    nil: bool,
    items: Box<[Value]>,
}

impl List {
    /// A slice of a type: `[]element`. The items should be of that type.
    pub fn new(element: Type, items: impl IntoIterator<Item = Value>) -> Self {
        Self { element, name: None, methods: &[], nil: false, items: items.into_iter().collect() }
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

    /// Gives its type methods.
    #[must_use]
    pub const fn with_methods(mut self, methods: &'static [Method]) -> Self {
        self.methods = methods;
        self
    }

    /// A method, with what it takes.
    pub(crate) fn method(&self, name: &str) -> Option<(&'static Signature, Method)> {
        static NOTHING: LazyLock<Signature> = LazyLock::new(|| Signature::new([]));
        let method = self.methods.iter().find(|(known, _)| *known == name)?;
        Some((&NOTHING, *method))
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
        Some(Self { items, element: self.element.clone(), name: self.name.clone(), ..*self })
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

    #[test]
    fn a_named_slice_can_have_methods() {
        let methods: &[Method] = &[("Longest", |list| {
            let texts = list.iter().filter_map(Value::as_str);
            texts.max_by_key(|text| text.len()).unwrap_or_default().into()
        })];
        let list = List::new(Type::String, ["a".into(), "ccc".into(), "bb".into()]);
        let tags = Value::from(list.named("main.Tags").with_methods(methods));
        let render = |text: &str| {
            let template = Template::parse("t", text, Functions::<()>::new()).unwrap();
            template.render(&mut (), &tags).map_err(|error| error.message().to_owned())
        };
        let text = "{{.Longest}} {{len .Longest}} {{(slice . 0 1).Longest}}";
        assert_eq!(render(text).as_deref(), Ok("ccc 3 a"));
        let unwanted = "wrong number of args for Longest: want 0 got 1";
        assert_eq!(render("{{.Longest 1}}").unwrap_err(), unwanted);
        let unknown = "can't evaluate field Shortest in type main.Tags";
        assert_eq!(render("{{.Shortest}}").unwrap_err(), unknown);
    }
}
