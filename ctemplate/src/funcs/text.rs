//! Strings and regular expressions.

use regex::Regex;
use serde_json::Value as Json;

use super::{Arguments, FunctionError, text_of, wrong};
use crate::render::session::Session;

type Result = std::result::Result<Json, FunctionError>;

/// `print A B …`: the texts behind each other, with a space between two that are not strings, as Go's `print` has it.
pub fn print(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let mut text = String::new();
    let mut last_is_string = true;
    for value in arguments.iter() {
        if !(last_is_string || value.is_string()) {
            text.push(' ');
        }
        text.push_str(&text_of(value)?);
        last_is_string = value.is_string();
    }
    Ok(text.into())
}

/// `toLower TEXT`
pub fn to_lower(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [text] = arguments.texts()?;
    Ok(text.to_lowercase().into())
}

/// `toUpper TEXT`
pub fn to_upper(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [text] = arguments.texts()?;
    Ok(text.to_uppercase().into())
}

/// `toTitle TEXT`: the first letter of each word in upper case, the rest as it is.
pub fn to_title(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [text] = arguments.texts()?;
    let mut title = String::with_capacity(text.len());
    let mut starts = true;
    for c in text.chars() {
        if starts {
            title.extend(c.to_uppercase());
        } else {
            title.push(c);
        }
        starts = c.is_whitespace();
    }
    Ok(title.into())
}

/// `trim CHARACTERS TEXT`: without these characters on both sides.
pub fn trim(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [characters, text] = arguments.texts()?;
    Ok(text.trim_matches(|c| characters.contains(c)).into())
}

/// `trimSpace TEXT`
pub fn trim_space(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [text] = arguments.texts()?;
    Ok(text.trim().into())
}

/// `trimPrefix PREFIX TEXT`
pub fn trim_prefix(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [prefix, text] = arguments.texts()?;
    Ok(text.strip_prefix(&*prefix).unwrap_or(&text).into())
}

/// `trimSuffix SUFFIX TEXT`
pub fn trim_suffix(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [suffix, text] = arguments.texts()?;
    Ok(text.strip_suffix(&*suffix).unwrap_or(&text).into())
}

/// `replaceAll FROM TO TEXT`
pub fn replace_all(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [from, to, text] = arguments.texts()?;
    Ok(text.replace(&*from, &to).into())
}

/// `regexMatch PATTERN TEXT`: whether the pattern matches somewhere in the text.
pub fn regex_match(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [pattern, text] = arguments.texts()?;
    Ok(compile(&pattern)?.is_match(&text).into())
}

/// `regexReplaceAll PATTERN REPLACEMENT TEXT`; `$1` and `${name}` stand for groups.
pub fn regex_replace_all(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [pattern, replacement, text] = arguments.texts()?;
    Ok(compile(&pattern)?.replace_all(&text, &*replacement).into_owned().into())
}

/// `indent SPACES TEXT`: with spaces before every line that is not empty.
pub fn indent(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [spaces, text] = arguments.texts()?;
    let spaces = " "
        .repeat(spaces.parse().map_err(|_| wrong(format!("'{spaces}' is no number of spaces")))?);
    let indented =
        |line: &str| if line.is_empty() { String::new() } else { format!("{spaces}{line}") };
    Ok(text.split('\n').map(indented).collect::<Vec<_>>().join("\n").into())
}

fn compile(pattern: &str) -> std::result::Result<Regex, FunctionError> {
    Regex::new(pattern).map_err(|error| {
        // The error shows the pattern over several lines; its last one says what is wrong.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        FunctionError(format!("pattern '{pattern}': {reason}"))
    })
}
