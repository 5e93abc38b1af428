//! What a template remembers while it is rendered.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use gotemplate::{Error, List, Object, Signature, Type, Value, sprintf};

use super::{Function, exactly, text_of};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[Function::new("scratch", &[], scratch)];

/// `scratch`: the memory, whose methods do the work.
pub fn scratch(session: &Session, _: &[Value]) -> Result<Value, Error> {
    Ok(session.scratch())
}

/// Values by their keys. `MapSet` makes maps that grow.
#[derive(Default)]
pub struct Scratch {
    values: Mutex<BTreeMap<String, Value>>,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

static KEY: LazyLock<Signature> = LazyLock::new(|| Signature::new([Type::String]));
static GET: LazyLock<Signature> = LazyLock::new(|| Signature::new([Type::String]).returning_any());
static SET: LazyLock<Signature> = LazyLock::new(|| Signature::new([Type::String, Type::Any]));
static MAP_SET: LazyLock<Signature> =
    LazyLock::new(|| Signature::new([Type::String, Type::String, Type::Any]));

impl Object for Scratch {
    fn type_name(&self) -> &'static str {
        "*template.Scratch"
    }

    fn method(&self, name: &str) -> Option<&Signature> {
        Some(match name {
            "Key" | "MapValues" => &KEY,
            "Get" => &GET,
            "Set" | "SetX" => &SET,
            "MapSet" | "MapSetX" => &MAP_SET,
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, Error> {
        let key = arguments.first().map(text_of).transpose()?.unwrap_or_default();
        let mut values = self.values();
        match name {
            "Key" => return Ok(values.contains_key(key).into()),
            "Get" => return Ok(values.get(key).cloned().unwrap_or(Value::Nil)),
            "MapValues" => return Ok(map_values(values.get(key))),
            "Set" => {
                let [_, value] = exactly(arguments)?;
                values.insert(key.to_owned(), value.clone());
            }
            "SetX" => {
                let [_, value] = exactly(arguments)?;
                values.entry(key.to_owned()).or_insert_with(|| value.clone());
            }
            _ => {
                let [_, inner, value] = exactly(arguments)?;
                let map = values.entry(key.to_owned());
                let map = map.or_insert_with(|| Value::map(Vec::<(String, Value)>::new()));
                set_in_map(map, key, (inner, value), name == "MapSet")?;
            }
        }
        Ok("".into())
    }
}

impl Scratch {
    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set_in_map(
    map: &mut Value,
    key: &str,
    (inner, value): (&Value, &Value),
    replace: bool,
) -> Result<(), Error> {
    let old = match map {
        Value::Map(old) if *old.key() == Type::String && *old.element() == Type::Any => old,
        _ => return Err(Error::new(sprintf("%q is not a map", &[key.into()]))),
    };
    if replace || old.get_value(inner).is_none() {
        let entries = old.entries();
        let entries = entries.iter().cloned().chain([(inner.clone(), value.clone())]);
        *map = gotemplate::Map::new(Type::String, Type::Any, entries).into();
    }
    Ok(())
}

/// The values of a map in the order of its keys; nothing when there is no such map.
fn map_values(map: Option<&Value>) -> Value {
    match map {
        Some(Value::Map(map)) if *map.element() == Type::Any => {
            Value::list(map.entries().iter().map(|(_, value)| value.clone()))
        }
        _ => List::nil(Type::Any).into(),
    }
}
