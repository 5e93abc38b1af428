//! What the fuzz target checks; `tests/fuzz.rs` checks the same with the files of `corpus`.

use std::fmt::Write as _;

use hcl::{Entry, Kind, MAX_DEPTH, Object, Position, Value};

/// Reads a text. What can be read is written in both languages, and read from there as the same tree.
pub(crate) fn parse(text: &str) {
    let object = match hcl::parse(text) {
        Ok(object) => object,
        Err(error) => {
            assert!(is_within(error.position, text), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
            return;
        }
    };
    positions(&object, text);
    let (want, as_hcl) = (canonical(&object), written(&object, Language::Hcl));
    let again = hcl::parse(&as_hcl).unwrap_or_else(|error| panic!("{as_hcl}: {error}"));
    assert_eq!(canonical(&again), want, "{as_hcl}");
    if !has_labels(&object) && depth(&object) < MAX_DEPTH {
        let json = format!("{{{}}}", written(&object, Language::Json));
        let again = hcl::parse(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
        assert_eq!(canonical(&again), want, "{json}");
    }
}

/// Whether a place is in a text, or right behind it.
fn is_within(position: Position, text: &str) -> bool {
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1);
    text.split('\n')
        .nth(index(position.line))
        .is_some_and(|line| index(position.column) <= line.chars().count())
}

fn positions(object: &Object, text: &str) {
    let mut values: Vec<&Value> = Vec::new();
    for Entry { key, labels, value } in &object.entries {
        let keys = labels.iter().chain([key]);
        assert!(keys.map(|key| key.position).all(|it| is_within(it, text)), "{key:?}");
        values.push(value);
    }
    while let Some(value) = values.pop() {
        assert!(is_within(value.position, text), "{value:?}");
        match &value.kind {
            Kind::List(list) => values.extend(list),
            Kind::Object(object) => positions(object, text),
            _ => {}
        }
    }
}

/// The tree without its places; floats by their bits, for 0 and -0 are equal.
fn canonical(object: &Object) -> String {
    fn shown(value: &Value) -> String {
        match &value.kind {
            Kind::Float(float) => format!("{:x}", float.to_bits()),
            Kind::List(list) => format!("{:?}", list.iter().map(shown).collect::<Vec<_>>()),
            Kind::Object(object) => canonical(object),
            other => format!("{other:?}"),
        }
    }
    object.entries.iter().fold(String::new(), |text, entry| {
        let labels: Vec<_> = entry.labels.iter().map(|label| &label.text).collect();
        text + &format!("{:?} {labels:?} {}\n", entry.key.text, shown(&entry.value))
    })
}

fn has_labels(object: &Object) -> bool {
    fn in_value(value: &Value) -> bool {
        match &value.kind {
            Kind::List(list) => list.iter().any(in_value),
            Kind::Object(object) => has_labels(object),
            _ => false,
        }
    }
    object.entries.iter().any(|entry| !entry.labels.is_empty() || in_value(&entry.value))
}

fn depth(object: &Object) -> usize {
    fn of_value(value: &Value) -> usize {
        match &value.kind {
            Kind::List(list) => 1 + list.iter().map(of_value).max().unwrap_or_default(),
            Kind::Object(object) => 1 + depth(object),
            _ => 0,
        }
    }
    object.entries.iter().map(|entry| of_value(&entry.value)).max().unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq)]
enum Language {
    Hcl,
    Json,
}

fn written(object: &Object, language: Language) -> String {
    let entry = |Entry { key, labels, value }: &Entry| {
        let keys: String = labels.iter().map(|label| quoted(&label.text, language) + " ").collect();
        let sign = match language {
            Language::Json => ":",
            Language::Hcl if labels.is_empty() => "=",
            Language::Hcl => "",
        };
        format!("{} {keys}{sign} {}", quoted(&key.text, language), value_text(value, language))
    };
    object.entries.iter().map(entry).collect::<Vec<_>>().join(",\n")
}

fn value_text(value: &Value, language: Language) -> String {
    match &value.kind {
        Kind::Bool(value) => value.to_string(),
        Kind::Integer(number) => number.to_string(),
        Kind::Float(number) => format!("{number:e}"),
        Kind::String(text) => quoted(text, language),
        Kind::List(list) => {
            let items: Vec<_> = list.iter().map(|item| value_text(item, language)).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Object(object) => format!("{{ {} }}", written(object, language)),
    }
}

/// A `$` is an escape too, so that no brace behind it begins an interpolation.
fn quoted(text: &str, language: Language) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if (c.is_control() || c == '$') && language == Language::Hcl => {
                let _written = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c if c.is_control() => {
                let _written = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
