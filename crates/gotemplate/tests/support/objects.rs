//! Structs and objects with methods.

use std::{any::Any, borrow::Cow, collections::BTreeMap, sync::Mutex};

use gotemplate::{Error, Object, Signature, Type, Value};

/// A struct: its type and fields.
#[derive(Clone, Default)]
pub(crate) struct Struct {
    pub(crate) type_name: &'static str,
    pub(crate) names: Vec<&'static str>,
    pub(crate) fields: BTreeMap<&'static str, Value>,
    pub(crate) nil: bool,
    pub(crate) comparable: bool,
    pub(crate) text: Option<String>,
}

impl Struct {
    pub(crate) fn new<const N: usize>(
        type_name: &'static str,
        fields: [(&'static str, Value); N],
    ) -> Self {
        let names = fields.iter().map(|(name, _)| *name).collect();
        Self { type_name, names, fields: fields.into(), ..Self::default() }
    }
}

impl Object for Struct {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn field_names(&self) -> &[&str] {
        &self.names
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.fields.get(name).map(Cow::Borrowed)
    }

    fn text(&self) -> Option<String> {
        self.text.clone()
    }

    fn is_nil(&self) -> bool {
        self.nil
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let same = |name: &&str| {
            let (a, b) = (self.field(name), other.field(name));
            a.map(|a| a.to_string()) == b.map(|b| b.to_string())
        };
        self.comparable.then(|| self.type_name == other.type_name() && self.names.iter().all(same))
    }

    fn is_same(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            let same = |name: &&str| match (self.fields.get(name), other.fields.get(name)) {
                (Some(a), Some(b)) => a.is_same(b),
                (a, b) => a.is_none() && b.is_none(),
            };
            (self.type_name, self.nil, &self.text) == (other.type_name, other.nil, &other.text)
                && self.names == other.names
                && self.names.iter().all(same)
        })
    }
}

/// An object with methods.
pub(crate) struct Obj {
    greet: Signature,
    sum: Signature,
    none: Signature,
}

impl Obj {
    pub(crate) fn new() -> Self {
        Self {
            greet: Signature::new([Type::String]),
            sum: Signature::new([Type::INT]).variadic(Type::INT),
            none: Signature::new([]),
        }
    }
}

impl Object for Obj {
    fn type_name(&self) -> &'static str {
        "*main.Obj"
    }

    fn field_names(&self) -> &[&str] {
        &["Name"]
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        (name == "Name").then(|| Cow::Owned("obj".into()))
    }

    fn method(&self, name: &str) -> Option<&Signature> {
        match name {
            "Hello" | "Fail" | "Self" => Some(&self.none),
            "Greet" => Some(&self.greet),
            "Sum" => Some(&self.sum),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, Error> {
        match name {
            "Hello" => Ok("hello from obj".into()),
            "Greet" => Ok(format!("obj greets {}", arguments[0]).into()),
            "Sum" => Ok(Value::int(arguments.iter().filter_map(Value::as_i64).sum())),
            "Self" => Ok(Value::object(Self::new())),
            _ => Err("method failed".into()),
        }
    }
}

/// Remembers values.
pub(crate) struct Scratch {
    set: Signature,
    get: Signature,
    values: Mutex<BTreeMap<String, Value>>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            set: Signature::new([Type::String, Type::Any]),
            get: Signature::new([Type::String]).returning_any(),
            values: Mutex::default(),
        }
    }
}

impl Object for Scratch {
    fn type_name(&self) -> &'static str {
        "*main.Scratch"
    }

    fn method(&self, name: &str) -> Option<&Signature> {
        match name {
            "Set" => Some(&self.set),
            "Get" => Some(&self.get),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, Error> {
        let mut values = self.values.lock().unwrap();
        let key = arguments[0].to_string();
        if name == "Set" {
            values.insert(key, arguments[1].clone());
            return Ok("".into());
        }
        Ok(values.get(&key).cloned().unwrap_or(Value::Nil))
    }
}
