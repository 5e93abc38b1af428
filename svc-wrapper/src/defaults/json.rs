//! JSON's half: errors about what an object holds keep their place, because they arise while it is read (pure).

use std::ffi::OsString;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::Defaults;
use crate::env::is_name;

const EXPECTED: &str = "expected a text, a number, true or false";

struct Object(Defaults);
struct Name(String);
struct Value(String);

pub(super) fn parse(text: &str) -> Result<Defaults, serde_json::Error> {
    serde_json::from_str(text).map(|Object(defaults)| defaults)
}

/// What is wrong, without `at line 1 column 2`.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut defaults = Defaults::new();
                while let Some((Name(name), Value(value))) = map.next_entry()? {
                    defaults.push((name, OsString::from(value).into()));
                }
                Ok(Object(defaults))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if is_name(&name) {
            return Ok(Self(name));
        }
        Err(de::Error::custom(format_args!(
            "'{name}' is no name of a variable: expected letters, digits and '_'"
        )))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => {
                Ok(Self(value.to_string()))
            }
            _ => Err(de::Error::custom(EXPECTED)),
        }
    }
}
