//! Regular expressions, in Go's notation.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use gotemplate::{Error, Value};
use sprig::goregex::GoRegex;

use super::Parameter::Text;
use super::{Function, texts};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("regexMatch", &[Text, Text], regex_match),
    Function::new("regexReplaceAll", &[Text, Text, Text], regex_replace_all),
];

type Result = std::result::Result<Value, Error>;

/// `regexMatch PATTERN TEXT`: whether the pattern matches somewhere in the text.
pub fn regex_match(_: &Session, arguments: &[Value]) -> Result {
    let [pattern, text] = texts(arguments)?;
    Ok(compile(pattern)?.is_match(text).into())
}

/// `regexReplaceAll PATTERN REPLACEMENT TEXT`; `$1` and `${name}` stand for groups.
pub fn regex_replace_all(_: &Session, arguments: &[Value]) -> Result {
    let [pattern, replacement, text] = texts(arguments)?;
    Ok(compile(pattern)?.replace_all(text, replacement).into())
}

/// A pattern, compiled once: templates use the same few again and again. It is shared, for each clone would have to make its
/// tables anew.
fn compile(pattern: &str) -> std::result::Result<Arc<GoRegex>, Error> {
    /// So many are remembered; patterns that come from data must not fill the memory.
    const MOST: usize = 256;
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<GoRegex>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = known.get(pattern) {
        return Ok(Arc::clone(regex));
    }
    let regex = Arc::new(GoRegex::new(pattern)?);
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(pattern.to_owned(), Arc::clone(&regex));
    Ok(regex)
}
