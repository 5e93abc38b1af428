//! Dictionaries: `map[string]interface {}`. As in Go, `set`, `unset` and `merge` change the map that they are given.

use std::sync::Arc;

use gotemplate::{Error, List, Map, Type, Value};

use crate::{
    cast,
    equal::deep_equal,
    function::{ANY, Arguments, Function, STRING, dictionary, function},
    panics,
};

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = elements();
    functions.extend(wholes());
    functions
}

fn elements() -> Vec<Function> {
    vec![
        function("get", [dictionary(), STRING], |a| {
            Ok(a.map(0)?.get(a.text(1)).map_or_else(|| "".into(), std::borrow::Cow::into_owned))
        })
        .any(),
        function("set", [dictionary(), STRING, ANY], |a| {
            a.map(0)?.insert(a.value(1).clone(), a.value(2).clone())?;
            Ok(a.value(0).clone())
        }),
        function("unset", [dictionary(), STRING], |a| {
            a.map(0)?.remove(a.value(1));
            Ok(a.value(0).clone())
        }),
        function("hasKey", [dictionary(), STRING], |a| {
            Ok(a.map(0)?.get(a.text(1)).is_some().into())
        }),
        function("pluck", [STRING], |a| {
            let found = maps(a.from(1)).filter_map(|map| map.get(a.text(0)));
            Ok(Value::list(found.map(std::borrow::Cow::into_owned)))
        })
        .rest(dictionary()),
        function("dig", [], dig).rest(ANY).any(),
    ]
}

fn wholes() -> Vec<Function> {
    vec![
        function("dict", [], |a| {
            let entries = a.all().chunks(2).map(|pair| {
                let key = pair.first().map(cast::text).unwrap_or_default();
                (key, pair.get(1).cloned().unwrap_or_else(|| "".into()))
            });
            Ok(Value::map(entries))
        })
        .rest(ANY),
        function("keys", [], |a| {
            let keys = maps(a.all()).flat_map(|map| map.entries().to_vec());
            Ok(List::new(Type::String, keys.map(|(key, _)| key)).into())
        })
        .rest(dictionary()),
        function("values", [dictionary()], |a| {
            let entries = a.map(0)?.entries();
            Ok(Value::list(entries.iter().map(|(_, value)| value.clone())))
        }),
        function("pick", [dictionary()], |a| {
            let keys = a.from(1).iter().filter_map(Value::as_str);
            let map = a.map(0)?;
            Ok(Value::map(keys.filter_map(|key| Some((key, map.get(key)?.into_owned())))))
        })
        .rest(STRING),
        function("omit", [dictionary()], |a| {
            let omitted = |key: &Value| a.from(1).iter().any(|other| deep_equal(key, other));
            let entries = a.map(0)?.entries();
            let rest = entries.iter().filter(|(key, _)| !omitted(key)).cloned();
            Ok(Map::new(Type::String, Type::Any, rest).into())
        })
        .rest(STRING),
        function("merge mustMerge", [dictionary()], |a| merge(a, false)).rest(dictionary()).any(),
        function("mergeOverwrite mustMergeOverwrite", [dictionary()], |a| merge(a, true))
            .rest(dictionary())
            .any(),
        function("deepCopy mustDeepCopy", [ANY], |a| match a.value(0) {
            Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".into()),
            value => Ok(deep_copy(value)),
        })
        .any(),
        function("deepEqual", [ANY, ANY], |a| Ok(deep_equal(a.value(0), a.value(1)).into())),
    ]
}

fn maps(values: &[Value]) -> impl Iterator<Item = &Map> {
    values.iter().filter_map(|value| match value {
        Value::Map(map) => Some(map.as_ref()),
        _ => None,
    })
}

fn dig(a: &Arguments<'_>) -> Result<Value, Error> {
    let (keys, default, map) = match a.all() {
        [keys @ .., default, map] if !keys.is_empty() => (keys, default, map),
        _ => return Err("dig needs at least three arguments".into()),
    };
    let mut value = as_dictionary(map)?;
    let mut names = Vec::with_capacity(keys.len());
    for key in keys {
        names.push(key.as_str().ok_or_else(|| panics::conversion(key, "string"))?);
    }
    let Some((last, path)) = names.split_last() else { return Ok(default.clone()) };
    for name in path {
        let Some(step) = value.get(name) else { return Ok(default.clone()) };
        value = as_dictionary(&step)?;
    }
    Ok(value.get(last).map_or_else(|| default.clone(), std::borrow::Cow::into_owned))
}

fn as_dictionary(value: &Value) -> Result<Arc<Map>, Error> {
    match value {
        Value::Map(map) if map.type_of() == dictionary() => Ok(Arc::clone(map)),
        other => Err(panics::conversion(other, &dictionary().to_string())),
    }
}

fn merge(a: &Arguments<'_>, overwrite: bool) -> Result<Value, Error> {
    let target = match a.value(0) {
        // A nil map is made anew when there is something to put into it.
        Value::Map(map) if map.is_nil() && maps(a.from(1)).any(|source| !source.is_nil()) => {
            Value::map::<&str>([])
        }
        other => other.clone(),
    };
    if let Value::Map(target) = &target {
        for source in maps(a.from(1)) {
            merge_one(target, source, overwrite)?;
        }
    }
    Ok(target)
}

/// Takes over what is missing or empty, or anything, from a source. Maps in both are merged.
fn merge_one(target: &Map, source: &Map, overwrite: bool) -> Result<(), Error> {
    for (key, element) in &source.entries() {
        let present = target.get_value(key).map(std::borrow::Cow::into_owned);
        if let (Value::Map(element), Some(Value::Map(present))) = (element, &present) {
            merge_one(present, element, overwrite)?;
            if !present.is_empty() {
                continue;
            }
        }
        check_list(target, present.as_ref(), element)?;
        let is_nil = matches!(element, Value::Nil | Value::Missing);
        let is_empty = present.as_ref().is_none_or(|present| !present.truth());
        if overwrite || (is_empty && !is_nil) {
            let given = source.element();
            if *target.element() != Type::Any && target.element() != given {
                return Err(not_assignable(given, target));
            }
            target.insert(key.clone(), element.clone())?;
        }
    }
    Ok(())
}

fn not_assignable(given: &Type, target: &Map) -> Error {
    let wanted = target.element();
    format!("reflect.Value.SetMapIndex: value of type {given} is not assignable to type {wanted}")
        .into()
}

/// Go looks at lists before it knows whether they are wanted, and there fails where the map is for other elements.
fn check_list(target: &Map, present: Option<&Value>, element: &Value) -> Result<(), Error> {
    if !matches!(element, Value::List(_) | Value::Bytes(_)) || *target.element() == Type::Any {
        return Ok(());
    }
    match present {
        None => Err(not_assignable(&element.type_of(), target)),
        Some(Value::List(_) | Value::Bytes(_) | Value::Map(_)) => Ok(()),
        Some(other) => {
            let kind = cast::kind(other);
            Err(format!("reflect: call of reflect.Value.IsNil on {kind} Value").into())
        }
    }
}

fn deep_copy(value: &Value) -> Value {
    match value {
        Value::List(list) if !list.is_nil() => {
            List::new(list.element().clone(), list.iter().map(deep_copy)).into()
        }
        Value::Map(map) if !map.is_nil() => {
            let entries = map.entries();
            let copies = entries.iter().map(|(key, value)| (key.clone(), deep_copy(value)));
            Map::new(map.key().clone(), map.element().clone(), copies).into()
        }
        other => other.clone(),
    }
}
