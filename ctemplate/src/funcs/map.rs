//! Making and merging maps.

use std::collections::BTreeMap;

use gotemplate::{Error, Map, Type, Value, sprintf};

use super::Parameter::{Map as AnyMap, Pairs, Text};
use super::{Function, exactly, items, text_of, texts, wrap};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("explode", &[Pairs], explode),
    Function::new("explodeMap", &[AnyMap], explode_map),
    Function::new("mergeMap", &[AnyMap, AnyMap], merge),
    Function::new("mergeMapWithOverride", &[AnyMap, AnyMap], merge_with_override),
    Function::new("splitToMap", &[Text, Text, Text], split_to_map),
];

type Result = std::result::Result<Value, Error>;

/// A tree of folders and values on its way to nested maps.
enum Entry {
    Leaf(Value),
    Folder(Folder),
}

type Folder = BTreeMap<String, Entry>;

/// `explode PAIRS`: keys and values as nested maps.
pub fn explode(_: &Session, arguments: &[Value]) -> Result {
    let [pairs] = exactly(arguments)?;
    let mut root = Folder::new();
    for pair in items(pairs) {
        let field = |name| match pair {
            Value::Object(object) => object.field(name).map(std::borrow::Cow::into_owned),
            Value::Map(map) => map.get(name).map(std::borrow::Cow::into_owned),
            _ => None,
        };
        let (key, value) = (field("Key").unwrap_or_default(), field("Value").unwrap_or_default());
        let key = text_of(&key)?;
        put(&mut root, key, value, key).map_err(|error| wrap("explode", error))?;
    }
    Ok(nested(root))
}

/// `explodeMap MAP`: a map with slashes in its keys as nested maps.
pub fn explode_map(_: &Session, arguments: &[Value]) -> Result {
    let [map] = exactly(arguments)?;
    let Value::Map(map) = map else { return Ok(nested(Folder::new())) };
    let mut root = Folder::new();
    for (key, value) in &map.entries() {
        let key = text_of(key)?;
        let entry = value.clone();
        put(&mut root, key, entry, key).map_err(|error| wrap("explodeMap", error))?;
    }
    Ok(nested(root))
}

fn put(folder: &mut Folder, key: &str, value: Value, path: &str) -> std::result::Result<(), Error> {
    let Some((top, rest)) = key.split_once('/') else {
        if !key.is_empty() {
            folder.insert(key.to_owned(), Entry::Leaf(value));
        }
        return Ok(());
    };
    let entry = folder.entry(top.to_owned()).or_insert_with(|| Entry::Folder(Folder::new()));
    if let Entry::Leaf(Value::Map(map)) = entry {
        // A map among the values is as good as a folder.
        let entries = map.entries();
        let leaf = |(key, value): &(Value, Value)| (key.to_string(), Entry::Leaf(value.clone()));
        *entry = Entry::Folder(entries.iter().map(leaf).collect());
    }
    match entry {
        Entry::Folder(folder) => put(folder, rest, value, key),
        Entry::Leaf(leaf) => Err(Error::new(sprintf(
            "not a map: %q: %q already has value %q",
            &[path.into(), top.into(), leaf.clone()],
        ))),
    }
}

fn nested(folder: Folder) -> Value {
    Value::map(folder.into_iter().map(|(name, entry)| {
        let value = match entry {
            Entry::Leaf(value) => value,
            Entry::Folder(folder) => nested(folder),
        };
        (name, value)
    }))
}

/// `mergeMap A B`: both maps in one; what is in both comes from A, unless it is empty there.
pub fn merge(_: &Session, arguments: &[Value]) -> Result {
    let [into, from] = exactly(arguments)?;
    Ok(merged(into, from, false))
}

/// `mergeMapWithOverride A B`: both maps in one; what is in both comes from B.
pub fn merge_with_override(_: &Session, arguments: &[Value]) -> Result {
    let [into, from] = exactly(arguments)?;
    Ok(merged(into, from, true))
}

/// Maps within the maps are merged, too; lists are not.
fn merged(into: &Value, from: &Value, replace: bool) -> Value {
    let (Value::Map(into), Value::Map(from)) = (into, from) else { return into.clone() };
    let mut entries = into.entries().to_vec();
    for (key, value) in &from.entries() {
        let old = into.get_value(key);
        let new = match (old.as_deref(), value) {
            (Some(old @ Value::Map(_)), Value::Map(_)) if old.truth() => {
                merged(old, value, replace)
            }
            // A nil of the other map is something only where nothing else is wanted.
            (Some(old), Value::Nil | Value::Missing) if !replace => old.clone(),
            (None, Value::Nil | Value::Missing) if !replace => continue,
            (Some(old), _) if !replace && old.truth() => old.clone(),
            _ => value.clone(),
        };
        entries.push((key.clone(), new));
    }
    Map::new(into.key().clone(), into.element().clone(), entries).into()
}

/// `splitToMap SEPARATOR SEPARATOR TEXT`: the parts of a text as keys and values; a part without the second separator
/// is left out.
pub fn split_to_map(_: &Session, arguments: &[Value]) -> Result {
    let [between, within, text] = texts(arguments)?;
    let text = text.trim();
    let parts: Vec<_> = match (text, between) {
        ("", _) => Vec::new(),
        (_, "") => text.split("").filter(|part| !part.is_empty()).collect(),
        (_, between) => text.split(between).collect(),
    };
    let entries = parts.into_iter().filter_map(|part| part.split_once(within));
    let entries = entries.map(|(key, value)| (Value::from(key), Value::from(value)));
    Ok(Map::new(Type::String, Type::String, entries).into())
}
