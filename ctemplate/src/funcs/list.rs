//! Looking into lists and grouping them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Arguments, FunctionError, kind, text_of};
use crate::render::session::Session;

type Result = std::result::Result<Json, FunctionError>;

/// `contains ITEM LIST`: whether a list has an item, or a text a part.
pub fn contains(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [item, list] = arguments.exactly()?;
    has(list, item)
}

/// `in LIST ITEM`: the same with its arguments the other way round.
pub fn is_in(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [list, item] = arguments.exactly()?;
    has(list, item)
}

/// `byTag LIST`: instances or services by each of their tags.
pub fn by_tag(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [list] = arguments.exactly()?;
    let mut groups: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
    for item in array(list)? {
        let tags = item.get("Tags").and_then(Json::as_array).into_iter().flatten();
        for tag in tags.filter_map(Json::as_str) {
            groups.entry(tag).or_default().push(item);
        }
    }
    serde_json::to_value(groups).map_err(super::wrong)
}

/// `join SEPARATOR LIST`
pub fn join(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [separator, list] = arguments.exactly()?;
    let items = array(list)?.iter().map(text_of).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(items.join(&*text_of(separator)?).into())
}

/// `split SEPARATOR TEXT`: the parts of a text, none of an empty one.
pub fn split(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [separator, text] = arguments.texts()?;
    let text = text.trim();
    Ok(match (text, &*separator) {
        ("", _) => Json::Array(Vec::new()),
        // Rust would put an empty part before the first character and after the last.
        (_, "") => text.chars().map(String::from).collect(),
        (_, separator) => text.split(separator).collect(),
    })
}

fn has(list: &Json, item: &Json) -> Result {
    Ok(match list {
        Json::Array(items) => items.contains(item),
        Json::String(text) => text.contains(&*text_of(item)?),
        _ => return Err(FunctionError(format!("cannot look into {}", kind(list)))),
    }
    .into())
}

fn array(list: &Json) -> std::result::Result<&Vec<Json>, FunctionError> {
    list.as_array().ok_or_else(|| FunctionError(format!("expected a list, got {}", kind(list))))
}
