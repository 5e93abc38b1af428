//! Label selectors: `a`, `a==b`, `a!=b`, `a in (x, y)`, `a notin (x, y)`; a comma means *and*, a backslash quotes.

use std::collections::BTreeMap;

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Exists(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

/// All conditions of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Condition>);

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    ///
    /// When a condition is none of the five forms.
    pub fn parse(text: &str) -> Result<Self, String> {
        split(text).iter().map(|part| condition(part)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether labels satisfy all conditions.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|condition| match condition {
            Condition::Exists(key) => labels.contains_key(key),
            Condition::In(key, values) => labels.get(key).is_some_and(|v| values.contains(v)),
            Condition::NotIn(key, values) => labels.get(key).is_some_and(|v| !values.contains(v)),
        })
    }
}

/// Cuts at commas that are neither quoted nor in parentheses.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut inside = false;
    let mut quoted = false;
    for c in text.chars() {
        let is_cut = c == ',' && !inside && !quoted;
        if is_cut {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
        if !quoted {
            inside = (inside || c == '(') && c != ')';
        }
        quoted = c == '\\' && !quoted;
    }
    parts
}

fn condition(text: &str) -> Result<Condition, String> {
    let bad = || format!("cannot read the label selector {text:?}");
    if let Some((key, value)) = text.split_once("==") {
        return Ok(Condition::In(word(key), vec![word(value)]));
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Condition::NotIn(word(key), vec![word(value)]));
    }
    let Some((before, list)) = text.split_once('(') else {
        let key = word(text);
        return if key.is_empty() || key.contains(' ') {
            Err(bad())
        } else {
            Ok(Condition::Exists(key))
        };
    };
    let list = list.trim().strip_suffix(')').ok_or_else(bad)?;
    let values = list.split(',').map(word).collect();
    let (key, operator) = before.trim().rsplit_once(' ').ok_or_else(bad)?;
    match operator {
        "in" => Ok(Condition::In(word(key), values)),
        "notin" => Ok(Condition::NotIn(word(key), values)),
        _ => Err(bad()),
    }
}

/// Without blanks around it and without the backslashes of quoted characters.
fn word(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_as_documented() {
        let labels = [("env", "prod"), ("a,b", "x=y")];
        let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let rows = [
            ("env", true),
            ("other", false),
            ("env==prod", true),
            ("env == prod, env", true),
            ("env!=prod", false),
            ("env!=test", true),
            ("other!=test", false),
            ("env in (test, prod)", true),
            ("env notin (test, prod)", false),
            ("env notin (test), env", true),
            (r"a\,b==x\=y", true),
        ];
        for (text, want) in rows {
            assert_eq!(Selector::parse(text).unwrap().matches(&labels), want, "{text}");
        }
        for bad in ["", "a b", "a in (x", "a of (x)", "(x)"] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
