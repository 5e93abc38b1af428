//! Regular expressions.

use gotemplate::{List, Type, Value};

use crate::{
    function::{Arguments, Function, INT, STRING, function},
    goregex::{GoRegex, quote_meta},
};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        function("regexMatch", [STRING, STRING], |a| {
            Ok(GoRegex::new(a.text(0)).is_ok_and(|regex| regex.is_match(a.text(1))).into())
        }),
        function("mustRegexMatch", [STRING, STRING], |a| {
            Ok(GoRegex::new(a.text(0))?.is_match(a.text(1)).into())
        }),
        function("regexFind", [STRING, STRING], |a| Ok(find(&GoRegex::must(a.text(0))?, a))),
        function("mustRegexFind", [STRING, STRING], |a| Ok(find(&GoRegex::new(a.text(0))?, a))),
        function("regexFindAll", [STRING, STRING, INT], |a| {
            Ok(find_all(&GoRegex::must(a.text(0))?, a))
        }),
        function("mustRegexFindAll", [STRING, STRING, INT], |a| {
            Ok(find_all(&GoRegex::new(a.text(0))?, a))
        }),
        function("regexSplit", [STRING, STRING, INT], |a| Ok(split(&GoRegex::must(a.text(0))?, a))),
        function("mustRegexSplit", [STRING, STRING, INT], |a| {
            Ok(split(&GoRegex::new(a.text(0))?, a))
        }),
        function("regexReplaceAll", [STRING, STRING, STRING], |a| {
            Ok(GoRegex::must(a.text(0))?.replace_all(a.text(1), a.text(2)).into())
        }),
        function("mustRegexReplaceAll", [STRING, STRING, STRING], |a| {
            Ok(GoRegex::new(a.text(0))?.replace_all(a.text(1), a.text(2)).into())
        }),
        function("regexReplaceAllLiteral", [STRING, STRING, STRING], |a| {
            Ok(GoRegex::must(a.text(0))?.replace_all_literal(a.text(1), a.text(2)).into())
        }),
        function("mustRegexReplaceAllLiteral", [STRING, STRING, STRING], |a| {
            Ok(GoRegex::new(a.text(0))?.replace_all_literal(a.text(1), a.text(2)).into())
        }),
        function("regexQuoteMeta", [STRING], |a| Ok(quote_meta(a.text(0)).into())),
    ]
}

fn find(regex: &GoRegex, a: &Arguments<'_>) -> Value {
    regex.find(a.text(1)).unwrap_or_default().into()
}

fn find_all(regex: &GoRegex, a: &Arguments<'_>) -> Value {
    strings_or_nil(&regex.find_all(a.text(1), a.int(2)))
}

fn split(regex: &GoRegex, a: &Arguments<'_>) -> Value {
    let (text, limit) = (a.text(1), a.int(2));
    let parts = regex.split(text, limit);
    // Only a limit of zero gives nil.
    if limit == 0 { strings_or_nil(&[]) } else { Value::strings(parts) }
}

/// `[]string`, nil if there are none.
fn strings_or_nil(texts: &[&str]) -> Value {
    if texts.is_empty() {
        List::nil(Type::String).into()
    } else {
        Value::strings(texts.iter().copied())
    }
}
