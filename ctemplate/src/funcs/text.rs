//! Strings.

use gotemplate::{Error, List, Type, Value};

use super::Parameter::{Int, Text, Texts};
use super::{Function, exactly, items, text_of, texts};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("indent", &[Int, Text], indent),
    Function::new("join", &[Text, Texts], join),
    Function::new("replaceAll", &[Text, Text, Text], replace_all),
    Function::new("split", &[Text, Text], split),
    Function::new("toLower", &[Text], to_lower),
    Function::new("toTitle", &[Text], to_title),
    Function::new("toUpper", &[Text], to_upper),
    Function::new("trim", &[Text, Text], trim),
    Function::new("trimPrefix", &[Text, Text], trim_prefix),
    Function::new("trimSpace", &[Text], trim_space),
    Function::new("trimSuffix", &[Text, Text], trim_suffix),
];

type Result = std::result::Result<Value, Error>;

/// `toLower TEXT`
pub fn to_lower(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    // Go maps each character by itself: no final sigma, no character that becomes two.
    Ok(text.chars().map(|c| only(c.to_lowercase(), c)).collect::<String>().into())
}

/// `toUpper TEXT`
pub fn to_upper(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    Ok(text.chars().map(|c| only(c.to_uppercase(), c)).collect::<String>().into())
}

fn only(mut mapped: impl Iterator<Item = char>, original: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => original,
    }
}

/// `toTitle TEXT`: the first letter of each word in upper case, the rest as it is.
pub fn to_title(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    let mut title = String::with_capacity(text.len());
    // Within a word: whether it has a letter yet.
    let mut word: Option<bool> = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let goes_on = characters.peek().is_some_and(|next| next.is_alphanumeric());
        if c.is_alphanumeric() || c == '_' {
            let has_letter = word.unwrap_or(c == '_');
            if !has_letter && c.is_alphabetic() {
                title.extend(c.to_uppercase());
            } else {
                title.push(c);
            }
            word = Some(has_letter || c.is_alphabetic());
        } else {
            // What may stand within a word, as in "it's" and "e.g" (Unicode's word boundaries).
            let joins = goes_on && matches!(c, '\'' | '.' | ':' | '’' | '·');
            word = word.filter(|_| joins);
            title.push(c);
        }
    }
    Ok(title.into())
}

/// `trim CHARACTERS TEXT`: without these characters on both sides.
pub fn trim(_: &Session, arguments: &[Value]) -> Result {
    let [characters, text] = texts(arguments)?;
    Ok(text.trim_matches(|c| characters.contains(c)).into())
}

/// `trimSpace TEXT`
pub fn trim_space(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    Ok(text.trim().into())
}

/// `trimPrefix PREFIX TEXT`
pub fn trim_prefix(_: &Session, arguments: &[Value]) -> Result {
    let [prefix, text] = texts(arguments)?;
    Ok(text.strip_prefix(prefix).unwrap_or(text).into())
}

/// `trimSuffix SUFFIX TEXT`
pub fn trim_suffix(_: &Session, arguments: &[Value]) -> Result {
    let [suffix, text] = texts(arguments)?;
    Ok(text.strip_suffix(suffix).unwrap_or(text).into())
}

/// `replaceAll FROM TO TEXT`
pub fn replace_all(_: &Session, arguments: &[Value]) -> Result {
    let [from, to, text] = texts(arguments)?;
    Ok(text.replace(from, to).into())
}

/// `indent SPACES TEXT`: with spaces before every line that is not empty.
pub fn indent(_: &Session, arguments: &[Value]) -> Result {
    let [spaces, text] = exactly(arguments)?;
    let Ok(spaces) = usize::try_from(spaces.as_i64().unwrap_or_default()) else {
        return Err(Error::new("indent value must be a positive integer"));
    };
    let spaces = " ".repeat(spaces);
    let indented =
        |line: &str| if line.is_empty() { String::new() } else { format!("{spaces}{line}") };
    Ok(text_of(text)?.split('\n').map(indented).collect::<Vec<_>>().join("\n").into())
}

/// `join SEPARATOR LIST`
pub fn join(_: &Session, arguments: &[Value]) -> Result {
    let [separator, list] = exactly(arguments)?;
    let parts = items(list).iter().map(text_of).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(parts.join(text_of(separator)?).into())
}

/// `split SEPARATOR TEXT`: the parts of a text, none of an empty one.
pub fn split(_: &Session, arguments: &[Value]) -> Result {
    let [separator, text] = texts(arguments)?;
    let text = text.trim();
    let parts: Vec<Value> = match (text, separator) {
        ("", _) => Vec::new(),
        // Rust would put an empty part before the first character and after the last.
        (_, "") => text.chars().map(|c| String::from(c).into()).collect(),
        (_, separator) => text.split(separator).map(Value::from).collect(),
    };
    Ok(List::new(Type::String, parts).into())
}
