//! Grouping keys and instances.

use std::collections::BTreeMap;

use gotemplate::{Error, List, Map, Type, Value, sprintf};

use super::Parameter::{Any, Instances, Pairs, Text};
use super::{Function, exactly, items, text_of, wrap};
use crate::data::structs::Struct;
use crate::data::value::{INSTANCE, KEY_PAIR, SNIPPET, list_of};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("byKey", &[Pairs], by_key),
    Function::new("byMeta", &[Text, Instances], by_meta),
    Function::new("byPort", &[Any], by_port),
    Function::new("byTag", &[Any], by_tag),
];

type Result = std::result::Result<Value, Error>;

/// `byKey PAIRS`: keys by their first folder, and then by the rest of their name.
pub fn by_key(_: &Session, arguments: &[Value]) -> Result {
    let [pairs] = exactly(arguments)?;
    let mut folders: BTreeMap<String, Vec<(Value, Value)>> = BTreeMap::new();
    for pair in items(pairs) {
        let key = field(pair, "Key");
        let Some((folder, rest)) = key.as_str().and_then(|key| key.split_once('/')) else {
            continue;
        };
        if !rest.is_empty() {
            let entry = (Value::from(rest), renamed(pair, rest));
            folders.entry(folder.to_owned()).or_default().push(entry);
        }
    }
    let pair = Type::Named(KEY_PAIR.into());
    let folder = Type::map(Type::String, pair.clone());
    let entries = folders.into_iter().map(|(name, entries)| {
        (Value::from(name), Map::new(Type::String, pair.clone(), entries).into())
    });
    Ok(Map::new(Type::String, folder, entries).into())
}

/// The pair with another key.
fn renamed(pair: &Value, key: &str) -> Value {
    match pair {
        Value::Object(object) => {
            let any: &dyn std::any::Any = object.as_ref();
            any.downcast_ref::<Struct>().map_or_else(
                || pair.clone(),
                |pair| Value::object(pair.clone().with("Key", key.into())),
            )
        }
        Value::Map(map) => {
            let entries = map.entries();
            let entries = entries.iter().cloned().chain([("Key".into(), key.into())]);
            Map::new(map.key().clone(), map.element().clone(), entries).into()
        }
        other => other.clone(),
    }
}

/// `byTag LIST`: instances or services by each of their tags.
pub fn by_tag(_: &Session, arguments: &[Value]) -> Result {
    let [list] = exactly(arguments)?;
    let groups =
        grouped("byTag", list, &[INSTANCE, SNIPPET], |item| items(&field(item, "Tags")).to_vec())?;
    let entries = groups.into_iter().map(|(tag, items)| (tag, Value::list(items)));
    Ok(Map::new(Type::String, Type::list(Type::Any), entries).into())
}

/// `byPort LIST`: instances by their port.
pub fn by_port(_: &Session, arguments: &[Value]) -> Result {
    let [list] = exactly(arguments)?;
    let groups = grouped("byPort", list, &[INSTANCE], |item| vec![field(item, "Port")])?;
    let entries = groups.into_iter().map(|(port, items)| (port, Value::list(items)));
    Ok(Map::new(Type::INT, Type::list(Type::Any), entries).into())
}

type Groups = Vec<(Value, Vec<Value>)>;

/// The items of a list of known elements by their keys.
fn grouped(
    name: &str,
    list: &Value,
    kinds: &[&str],
    keys: impl Fn(&Value) -> Vec<Value>,
) -> std::result::Result<Groups, Error> {
    let is_known = |item: &Value| match item {
        Value::Object(object) => kinds.contains(&object.type_name()),
        // Handlebars has no structs.
        Value::Map(map) => ["Tags", "Port"].iter().any(|name| map.get(name).is_some()),
        _ => false,
    };
    let fits = match list {
        Value::Missing | Value::Nil => true,
        Value::List(list) => match list.element() {
            Type::Named(name) => kinds.contains(&name.as_ref()),
            Type::Any => list.iter().all(is_known),
            _ => false,
        },
        _ => false,
    };
    if !fits {
        let format = format!("{name}: wrong argument type %T");
        return Err(Error::new(sprintf(&format, std::slice::from_ref(list))));
    }
    let mut groups: BTreeMap<(Option<i64>, String), (Value, Vec<Value>)> = BTreeMap::new();
    for item in items(list) {
        for key in keys(item) {
            let place = (key.as_i64(), key.to_string());
            groups.entry(place).or_insert_with(|| (key, Vec::new())).1.push(item.clone());
        }
    }
    Ok(groups.into_values().collect())
}

/// `byMeta "KEY,KEY|int" INSTANCES`: instances by the values of their metadata, joined with `_`.
pub fn by_meta(_: &Session, arguments: &[Value]) -> Result {
    let [keys, instances] = exactly(arguments)?;
    let keys: Vec<_> = text_of(keys)?.split(',').collect();
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for instance in items(instances) {
        let meta = field(instance, "ServiceMeta");
        let parts = keys.iter().map(|key| meta_part(&meta, key));
        let name = parts.collect::<std::result::Result<Vec<_>, _>>()?.join("_");
        groups.entry(name).or_default().push(instance.clone());
    }
    let entries = groups
        .into_iter()
        .map(|(name, instances)| (Value::from(name), list_of(INSTANCE, instances)));
    Ok(Map::new(Type::String, Type::list(Type::Named(INSTANCE.into())), entries).into())
}

/// A value of the metadata, made fit for a name.
fn meta_part(meta: &Value, key: &str) -> std::result::Result<String, Error> {
    let name = key.strip_suffix("|int");
    let value = match meta {
        Value::Map(map) => map.get(name.unwrap_or(key)),
        _ => None,
    };
    let value = value.as_deref().and_then(Value::as_str).filter(|value| !value.is_empty());
    let text = match (value, name) {
        (value, Some(_)) => {
            let value = value.unwrap_or("0");
            let number: i64 = value.parse().map_err(|_| {
                let parsing = sprintf("strconv.Atoi: parsing %q: invalid syntax", &[value.into()]);
                wrap(&format!("cannot parse {value} as number "), parsing)
            })?;
            sprintf("%05d", &[number.into()])
        }
        (Some(value), None) => value.to_owned(),
        (None, None) => format!("_no_{key}_"),
    };
    let fit = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' };
    Ok(text.chars().map(fit).collect())
}

/// A field of a struct, or what stands for it in a map; an empty list of texts when there is none.
fn field(item: &Value, name: &str) -> Value {
    let found = match item {
        Value::Object(object) => object.field(name).map(std::borrow::Cow::into_owned),
        Value::Map(map) => map.get(name).map(std::borrow::Cow::into_owned),
        _ => None,
    };
    found.unwrap_or_else(|| List::nil(Type::String).into())
}
