//! Lists. Any slice is taken; what is made of it is `[]interface {}`.

use std::borrow::Cow;

use gotemplate::{Error, List, Type, Value};

use crate::{
    cast,
    equal::deep_equal,
    function::{ANY, Arguments, Function, INT, any_list, function},
    panics,
};

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = ends();
    functions.extend(wholes());
    functions
}

fn ends() -> Vec<Function> {
    vec![
        function("list tuple", [], |a| Ok(Value::list(a.all().iter().cloned()))).rest(ANY),
        function("append push mustAppend mustPush", [ANY, ANY], |a| {
            let items = items(a.value(0), "Cannot push on type")?;
            Ok(Value::list(items.iter().chain([a.value(1)]).cloned()))
        }),
        function("prepend mustPrepend", [ANY, ANY], |a| {
            let items = items(a.value(0), "Cannot prepend on type")?;
            Ok(Value::list([a.value(1)].into_iter().chain(items.iter()).cloned()))
        }),
        function("first mustFirst", [ANY], |a| {
            let items = items(a.value(0), "Cannot find first on type")?;
            Ok(items.first().cloned().unwrap_or(Value::Nil))
        })
        .any(),
        function("last mustLast", [ANY], |a| {
            let items = items(a.value(0), "Cannot find last on type")?;
            Ok(items.last().cloned().unwrap_or(Value::Nil))
        })
        .any(),
        function("rest mustRest", [ANY], |a| {
            let items = items(a.value(0), "Cannot find rest on type")?;
            Ok(part_or_nil(items.split_first().map(|(_, rest)| rest)))
        }),
        function("initial mustInitial", [ANY], |a| {
            let items = items(a.value(0), "Cannot find initial on type")?;
            Ok(part_or_nil(items.split_last().map(|(_, initial)| initial)))
        }),
    ]
}

fn wholes() -> Vec<Function> {
    vec![
        function("concat", [], concat).rest(ANY).any(),
        function("reverse mustReverse", [ANY], |a| {
            let items = items(a.value(0), "Cannot find reverse on type")?;
            Ok(Value::list(items.iter().rev().cloned()))
        }),
        function("compact mustCompact", [ANY], |a| {
            let items = items(a.value(0), "Cannot compact on type")?;
            Ok(Value::list(items.iter().filter(|item| item.truth()).cloned()))
        }),
        function("uniq mustUniq", [ANY], |a| {
            let items = items(a.value(0), "Cannot find uniq on type")?;
            let mut unique: Vec<Value> = Vec::new();
            for item in items.iter() {
                if !unique.iter().any(|other| deep_equal(item, other)) {
                    unique.push(item.clone());
                }
            }
            Ok(Value::list(unique))
        }),
        function("without mustWithout", [ANY], |a| {
            let items = items(a.value(0), "Cannot find without on type")?;
            let stays = |item: &&Value| !a.from(1).iter().any(|omitted| deep_equal(item, omitted));
            Ok(Value::list(items.iter().filter(stays).cloned()))
        })
        .rest(ANY),
        function("has mustHas", [ANY, ANY], |a| {
            if matches!(a.value(1), Value::Nil) {
                return Ok(false.into());
            }
            let items = items(a.value(1), "Cannot find has on type")?;
            Ok(items.iter().any(|item| deep_equal(a.value(0), item)).into())
        }),
        function("slice mustSlice", [ANY], slice).rest(ANY).any(),
        function("chunk mustChunk", [INT, ANY], chunk),
    ]
}

/// The elements of a slice; `refusal` is how the message about anything else begins.
fn items<'v>(value: &'v Value, refusal: &str) -> Result<Cow<'v, [Value]>, Error> {
    match value {
        Value::Nil | Value::Missing => Err(panics::nil_dereference()),
        value => {
            cast::items(value).ok_or_else(|| format!("{refusal} {}", cast::kind(value)).into())
        }
    }
}

/// Go makes no slice where there was nothing.
fn part_or_nil(items: Option<&[Value]>) -> Value {
    items.map_or_else(|| List::nil(Type::Any).into(), |items| Value::list(items.iter().cloned()))
}

fn concat(a: &Arguments<'_>) -> Result<Value, Error> {
    let mut all = Vec::new();
    for list in a.all() {
        match list {
            Value::Nil | Value::Missing => return Err(panics::nil_dereference()),
            list => {
                let refused = || format!("Cannot concat type {} as list", cast::kind(list));
                all.extend(cast::items(list).ok_or_else(refused)?.iter().cloned());
            }
        }
    }
    Ok(if all.is_empty() { List::nil(Type::Any).into() } else { Value::list(all) })
}

fn slice(a: &Arguments<'_>) -> Result<Value, Error> {
    let list = a.value(0);
    let items = items(list, "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let from = a.from(1).first().map_or(0, cast::int);
    let to = a.from(2).first().map_or(cast::count(items.len()), cast::int);
    let bounds = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    let part = bounds.and_then(|(from, to)| match list {
        Value::List(list) => list.part(from, to).map(Value::from),
        Value::Bytes(bytes) => bytes.get(from..to).map(|part| Value::Bytes(part.into())),
        _ => None,
    });
    part.ok_or_else(|| "reflect.Value.Slice: slice index out of bounds".into())
}

fn chunk(a: &Arguments<'_>) -> Result<Value, Error> {
    let items = items(a.value(1), "Cannot chunk type")?;
    let size = usize::try_from(a.int(0)).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(panics::length_out_of_range)?;
    let chunks = items.chunks(size).map(|chunk| Value::list(chunk.iter().cloned()));
    Ok(List::new(any_list(), chunks).into())
}
