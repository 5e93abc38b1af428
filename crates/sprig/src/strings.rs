//! Strings. Go counts in bytes: a character that is cut becomes U+FFFD, once for each of its bytes.

use gotemplate::{Error, Map, Type, Value};

use crate::{
    cast::{self, lossy},
    function::{ANY, Arguments, Function, INT, STRING, function},
    letters, panics, words,
};

/// The largest text that is made by repeating.
const MAX_BYTES: usize = 1 << 30;

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = tests_and_parts();
    functions.extend(changes());
    functions.extend(lists());
    functions
}

fn tests_and_parts() -> Vec<Function> {
    vec![
        function("contains", [STRING, STRING], |a| Ok(a.text(1).contains(a.text(0)).into())),
        function("hasPrefix", [STRING, STRING], |a| Ok(a.text(1).starts_with(a.text(0)).into())),
        function("hasSuffix", [STRING, STRING], |a| Ok(a.text(1).ends_with(a.text(0)).into())),
        function("trim", [STRING], |a| Ok(a.text(0).trim().into())),
        function("trimAll trimall", [STRING, STRING], |a| {
            Ok(a.text(1).trim_matches(|c| a.text(0).contains(c)).into())
        }),
        function("trimPrefix", [STRING, STRING], |a| {
            Ok(a.text(1).strip_prefix(a.text(0)).unwrap_or(a.text(1)).into())
        }),
        function("trimSuffix", [STRING, STRING], |a| {
            Ok(a.text(1).strip_suffix(a.text(0)).unwrap_or(a.text(1)).into())
        }),
        function("trunc", [INT, STRING], |a| Ok(truncate(a.int(0), a.text(1)).into())),
        function("substr", [INT, INT, STRING], substring),
        function("abbrev", [INT, STRING], |a| {
            let (width, text) = (a.int(0), a.text(1));
            Ok(if width < 4 { text.into() } else { abbreviate(text, 0, width)?.into() })
        }),
        function("abbrevboth", [INT, INT, STRING], |a| {
            let (left, width, text) = (a.int(0), a.int(1), a.text(2));
            let too_narrow = width < 4 || (left > 0 && width < 7);
            Ok(if too_narrow { text.into() } else { abbreviate(text, left, width)?.into() })
        }),
        function("initials", [STRING], |a| Ok(words::initials(a.text(0)).into())),
    ]
}

fn changes() -> Vec<Function> {
    vec![
        function("hello", [], |_| Ok("Hello!".into())),
        function("upper", [STRING], |a| Ok(each(a.text(0), letters::upper))),
        function("lower", [STRING], |a| Ok(each(a.text(0), letters::lower))),
        function("title", [STRING], |a| Ok(words::title(a.text(0)).into())),
        function("untitle", [STRING], |a| Ok(words::untitle(a.text(0)).into())),
        function("swapcase", [STRING], |a| Ok(words::swap_case(a.text(0)).into())),
        function("snakecase", [STRING], |a| Ok(words::connected(a.text(0), '_').into())),
        function("kebabcase", [STRING], |a| Ok(words::connected(a.text(0), '-').into())),
        function("camelcase", [STRING], |a| Ok(words::pascal_case(a.text(0)).into())),
        function("nospace", [STRING], |a| Ok(without_space(a.text(0)).into())),
        function("repeat", [INT, STRING], |a| Ok(repeat(a.text(1), a.int(0))?.into())),
        function("replace", [STRING, STRING, STRING], |a| {
            Ok(a.text(2).replace(a.text(0), a.text(1)).into())
        }),
        function("indent", [INT, STRING], |a| Ok(indent(a.int(0), a.text(1))?.into())),
        function("nindent", [INT, STRING], |a| {
            Ok(format!("\n{}", indent(a.int(0), a.text(1))?).into())
        }),
        function("wrap", [INT, STRING], |a| {
            Ok(lossy(&words::wrap(a.text(1), a.int(0), "\n", false)).into())
        }),
        function("wrapWith", [INT, STRING, STRING], |a| {
            Ok(lossy(&words::wrap(a.text(2), a.int(0), a.text(1), true)).into())
        }),
        function("plural", [STRING, STRING, INT], |a| {
            Ok(a.text(usize::from(a.int(2) != 1)).into())
        }),
        function("shuffle", [STRING], |a| Ok(shuffle(a.text(0)).into())),
    ]
}

fn lists() -> Vec<Function> {
    vec![
        function("quote", [], |a| Ok(each_present(a, "%q", true).into())).rest(ANY),
        function("squote", [], |a| Ok(each_present(a, "'%v'", false).into())).rest(ANY),
        function("cat", [], |a| Ok(each_present(a, "%v", false).into())).rest(ANY),
        function("toString", [ANY], |a| Ok(cast::text(a.value(0)).as_ref().into())),
        function("toStrings", [ANY], |a| Ok(Value::strings(cast::texts(a.value(0))))),
        function("join", [STRING, ANY], |a| Ok(cast::texts(a.value(1)).join(a.text(0)).into())),
        function("split", [STRING, STRING], |a| Ok(numbered(split(a.text(1), a.text(0), -1)))),
        function("splitn", [STRING, INT, STRING], |a| {
            Ok(numbered(split(a.text(2), a.text(0), a.int(1))))
        }),
        function("splitList", [STRING, STRING], |a| {
            Ok(Value::strings(split(a.text(1), a.text(0), -1)))
        }),
        function("sortAlpha", [ANY], |a| {
            let mut texts = match a.value(0) {
                list @ (Value::List(_) | Value::Bytes(_)) => cast::texts(list),
                other => vec![cast::text(other).into_owned()],
            };
            texts.sort_unstable();
            Ok(Value::strings(texts))
        }),
    ]
}

fn each(text: &str, map: fn(char) -> char) -> Value {
    text.chars().map(map).collect::<String>().into()
}

fn truncate(count: i64, text: &str) -> String {
    let length = cast::count(text.len());
    let from_end = length.saturating_add(count);
    let bytes = match usize::try_from(count) {
        Ok(count) => text.as_bytes().get(..count),
        Err(_) if from_end > 0 => {
            usize::try_from(from_end).ok().and_then(|from| text.as_bytes().get(from..))
        }
        Err(_) => None,
    };
    bytes.map_or_else(|| text.to_owned(), lossy)
}

fn substring(a: &Arguments<'_>) -> Result<Value, Error> {
    let (start, end, text) = (a.int(0), a.int(1), a.text(2));
    let part = if start < 0 {
        panics::cut(text.as_bytes(), None, Some(end))
    } else if end < 0 || end > cast::count(text.len()) {
        panics::cut(text.as_bytes(), Some(start), None)
    } else {
        panics::cut(text.as_bytes(), Some(start), Some(end))
    };
    Ok(lossy(part?).into())
}

/// Cuts text to a width, with three points where something is missing; what is at the offset stays.
fn abbreviate(text: &str, offset: i64, width: i64) -> Result<String, Error> {
    let length = cast::count(text.len());
    if length <= width {
        return Ok(text.to_owned());
    }
    let room = width - 3;
    let offset = offset.min(length);
    let offset = if length - offset < room { length - room } else { offset };
    let cut = |from, to| panics::cut(text.as_bytes(), from, to).map(lossy);
    if offset <= 4 {
        return Ok(cut(None, Some(room))? + "...");
    }
    if offset + room < length {
        let rest = panics::cut(text.as_bytes(), Some(offset), Some(offset + room - 3))?;
        return Ok(format!("...{}...", lossy(rest)));
    }
    Ok(format!("...{}", cut(Some(length - room), None)?))
}

/// Takes bytes for characters, as Go's library does: other than ASCII does not survive where there was any space.
fn without_space(text: &str) -> String {
    let kept: String = text.bytes().map(char::from).filter(|c| !c.is_whitespace()).collect();
    if kept.chars().count() == text.len() { text.to_owned() } else { kept }
}

fn repeat(text: &str, count: i64) -> Result<String, Error> {
    let Ok(count) = usize::try_from(count) else {
        return Err("strings: negative Repeat count".into());
    };
    match text.len().checked_mul(count) {
        Some(length) if length <= MAX_BYTES => Ok(text.repeat(count)),
        _ => Err("strings: Repeat output length overflow".into()),
    }
}

fn indent(spaces: i64, text: &str) -> Result<String, Error> {
    let pad = repeat(" ", spaces)?;
    let breaks = text.bytes().filter(|byte| *byte == b'\n').count();
    if pad.len().saturating_mul(breaks) > MAX_BYTES {
        return Err("strings: Repeat output length overflow".into());
    }
    Ok(format!("{pad}{}", text.replace('\n', &format!("\n{pad}"))))
}

fn shuffle(text: &str) -> String {
    use rand::seq::SliceRandom as _;
    let mut chars: Vec<char> = text.chars().collect();
    chars.shuffle(&mut rand::rng());
    chars.into_iter().collect()
}

/// Every argument that is not nil by a format, with spaces between them.
fn each_present(a: &Arguments<'_>, format: &str, as_text: bool) -> String {
    let present = a.all().iter().filter(|value| !matches!(value, Value::Nil | Value::Missing));
    let texts: Vec<String> = present
        .map(|value| {
            let text = as_text.then(|| Value::from(cast::text(value).as_ref()));
            gotemplate::sprintf(format, &[text.unwrap_or_else(|| value.clone())])
        })
        .collect();
    texts.join(" ")
}

/// The parts between separators, at most `limit` of them if it is not negative. An empty separator parts characters.
fn split(text: &str, separator: &str, limit: i64) -> Vec<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit == 0 {
        return Vec::new();
    }
    if !separator.is_empty() {
        return text.splitn(limit, separator).map(str::to_owned).collect();
    }
    let mut parts = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.clone().next() {
        if parts.len() + 1 == limit {
            parts.push(rest.as_str().to_owned());
            break;
        }
        parts.push(c.to_string());
        rest.next();
    }
    parts
}

/// `map[_0:a _1:b]`
fn numbered(parts: Vec<String>) -> Value {
    let entries = parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| (Value::from(format!("_{index}")), Value::from(part)));
    Map::new(Type::String, Type::String, entries).into()
}
