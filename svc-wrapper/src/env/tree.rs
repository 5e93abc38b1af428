//! A value that is a JSON or YAML object becomes its leaves (pure).
//!
//! | leaf | becomes |
//! | --- | --- |
//! | a text | itself |
//! | a number, `true`, `false` | as it is written: `1.10` stays `1.10` |
//! | `null` | an empty value |
//! | the elements of an array | one variable each, numbered from 0 |
//! | an object or array without elements | `{}`, `[]` |
//!
//! What is no object, cannot be read, nests deeper than [`DEEPEST`], or in YAML uses aliases (a few lines of them make
//! gigabytes) is a plain value.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

mod yaml;

/// How a value may be written that becomes several variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// JSON, RFC 8259.
    Json,
    /// YAML 1.2, one document.
    Yaml,
}

/// The path to a leaf, and its value.
pub(super) type Leaf = (Vec<String>, Vec<u8>);

const DEEPEST: usize = 32;

/// The leaves of an object with at least one, in order; `None` for everything else.
pub(super) fn leaves(syntax: Syntax, value: &[u8]) -> Option<Vec<Leaf>> {
    let text = str::from_utf8(value).ok()?;
    let leaves = match syntax {
        Syntax::Json => json(text),
        Syntax::Yaml => yaml::leaves(text),
    };
    // A leaf without a path is a value that is no object.
    leaves.filter(|leaves| leaves.iter().all(|(path, _)| !path.is_empty()))
}

fn json(text: &str) -> Option<Vec<Leaf>> {
    let text = text.trim();
    let mut leaves = Vec::new();
    if text.starts_with('{') {
        raw(text, &mut Vec::new(), &mut leaves)?;
    }
    Some(leaves).filter(|leaves| !leaves.is_empty())
}

fn raw(text: &str, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) -> Option<()> {
    if path.len() > DEEPEST {
        return None;
    }
    let children: Vec<(String, &RawValue)> = match text.as_bytes().first()? {
        b'{' => {
            serde_json::from_str::<BTreeMap<String, &RawValue>>(text).ok()?.into_iter().collect()
        }
        b'[' => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            elements.into_iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
        }
        _ => {
            leaves.push((path.clone(), scalar(text)?.into_bytes()));
            return Some(());
        }
    };
    if children.is_empty() {
        let empty = if text.starts_with('{') { "{}" } else { "[]" };
        leaves.push((path.clone(), empty.into()));
    }
    for (name, value) in children {
        path.push(name);
        raw(value.get(), path, leaves)?;
        path.pop();
    }
    Some(())
}

fn scalar(text: &str) -> Option<String> {
    match text {
        "null" => Some(String::new()),
        _ if text.starts_with('"') => serde_json::from_str(text).ok(),
        _ => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start(text: &str) -> String {
        text.chars().take(80).collect()
    }

    fn shown(syntax: Syntax, text: &str) -> String {
        let Some(leaves) = leaves(syntax, text.as_bytes()) else { return "-".to_owned() };
        let words = leaves.into_iter().map(|(path, value)| {
            format!("{}={}", path.join("_"), String::from_utf8(value).unwrap())
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn reads_json_objects() {
        let deep = |depth| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        for (text, want) in [
            (r#"{"b": 1.10, "a": "x"}"#, "a=x b=1.10"),
            (
                r#" {"a": {"b": true, "c": null}, "d": [1, {"e": "é"}]} "#,
                "a_b=true a_c= d_0=1 d_1_e=é",
            ),
            (r#"{"a": {}, "b": []}"#, "a={} b=[]"),
            (r#"{"a": 123456789012345678901234567890}"#, "a=123456789012345678901234567890"),
            ("{}", "-"),
            ("[1]", "-"),
            (r#""text""#, "-"),
            ("1", "-"),
            ("", "-"),
            ("{a: 1}", "-"),
            (r#"{"a": 1} x"#, "-"),
            (&deep(DEEPEST), &format!("{}=1", vec!["a"; DEEPEST].join("_"))),
            (&deep(DEEPEST + 1), "-"),
            (&deep(100_000), "-"),
        ] {
            assert_eq!(shown(Syntax::Json, text), want, "{}", start(text));
        }
        assert_eq!(leaves(Syntax::Json, b"{\"a\":\"\xff\"}"), None);
    }

    #[test]
    fn reads_yaml_objects() {
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        for (text, want) in [
            ("b: 1.10\na: x\n", "b=1.10 a=x"),
            (
                "a:\n  b: true\n  c: ~\n  n: null\nd:\n- 1\n- e: 'null'\n",
                "a_b=true a_c= a_n= d_0=1 d_1_e=null",
            ),
            (r#"{"a": {}, "b": [], "c": "x\ny"}"#, "a={} b=[] c=x\ny"),
            ("a: |\n  one\n  two\n", "a=one\ntwo\n"),
            ("a:\nb: ''\n", "a= b="),
            ("a: &x 1\nb: *x\n", "-"),
            ("a: 1\n---\nb: 2\n", "-"),
            ("? [a]\n: 1\n", "-"),
            ("- 1\n- 2\n", "-"),
            ("just text", "-"),
            ("http://host:80/x", "-"),
            ("a: [", "-"),
            ("{}", "-"),
            ("", "-"),
            (&format!("a: {}", deep(DEEPEST + 1)), "-"),
            (&format!("a: {}", deep(10_000)), "-"),
        ] {
            assert_eq!(shown(Syntax::Yaml, text), want, "{}", start(text));
        }
    }

    proptest! {
        #[test]
        fn never_fails(text in "[-a{}\\[\\]:,\"' \n&*!|>%@#?0\\\\~]{0,40}") {
            for syntax in [Syntax::Json, Syntax::Yaml] {
                for (path, _) in leaves(syntax, text.as_bytes()).unwrap_or_default() {
                    prop_assert!(!path.is_empty() && path.len() <= DEEPEST);
                }
            }
        }

        /// All JSON is YAML: what one reads the other reads alike, except for the order of the keys.
        #[test]
        fn json_is_yaml(names in prop::collection::btree_map("[a-z]{1,3}", "[ -~é]{0,8}", 1..5)) {
            let text = serde_json::to_string(&names).unwrap();
            prop_assert_eq!(leaves(Syntax::Json, text.as_bytes()), leaves(Syntax::Yaml, text.as_bytes()));
        }
    }
}
