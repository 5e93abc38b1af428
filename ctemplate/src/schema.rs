//! What a site may write into its values: the file `values.schema.json` beside a template.
//!
//! It is the part of JSON Schema (2020-12) that settings need, so that editors can use the same file. A keyword of
//! another part is an error of the schema: nothing is left unchecked in silence. Patterns are in the syntax of Rust's
//! regex crate, which shares with JSON Schema what is used here. `title` is what messages call a value that is expected.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

/// Which values a site may have.
#[derive(Debug)]
pub struct Schema {
    root: Node,
}

/// A value that the schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where it is.
    pub key: Key,
    /// What is expected there, and what is found.
    pub reason: String,
    is_missing: bool,
}

/// The place of a value, from the outside in; prints as `a.b[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

/// What is said about the values of one place.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Node {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    #[serde(rename = "$defs")]
    definitions: BTreeMap<String, Self>,
    title: Option<String>,
    r#type: Option<Type>,
    r#enum: Vec<Json>,
    pattern: Option<Pattern>,
    minimum: Option<i64>,
    maximum: Option<i64>,
    properties: BTreeMap<String, Self>,
    pattern_properties: BTreeMap<String, Self>,
    additional_properties: Option<bool>,
    required: Vec<String>,
    items: Option<Box<Self>>,
    #[serde(rename = "$schema")]
    _schema: Option<IgnoredAny>,
    #[serde(rename = "description")]
    _description: Option<IgnoredAny>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Object,
    Array,
    String,
    Integer,
    Boolean,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Pattern(Regex);

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    ///
    /// What in it is wrong, or is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let root: Node = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let schema = Self { root };
        schema.check_references(&schema.root)?;
        Ok(schema)
    }

    /// What of the values is not allowed, in the order of the keys.
    pub fn check(&self, values: &Json) -> Vec<Violation> {
        let mut violations = Vec::new();
        self.visit(&self.root, values, &Key::default(), &mut violations);
        violations
    }

    fn check_references(&self, node: &Node) -> Result<(), String> {
        if let Some(reference) = &node.reference {
            let definition = self.definition(reference);
            // One that only refers again could go round in a circle.
            if definition.is_none_or(|definition| definition.reference.is_some()) {
                return Err(format!("$ref {reference:?} is none of #/$defs/NAME"));
            }
        }
        for pattern in node.pattern_properties.keys() {
            Regex::new(pattern).map_err(|error| error.to_string())?;
        }
        let below = node.properties.values().chain(node.pattern_properties.values());
        let below = below.chain(node.definitions.values()).chain(node.items.as_deref());
        below.into_iter().try_for_each(|node| self.check_references(node))
    }

    fn definition(&self, reference: &str) -> Option<&Node> {
        self.root.definitions.get(reference.strip_prefix("#/$defs/")?)
    }

    fn visit(&self, node: &Node, value: &Json, key: &Key, violations: &mut Vec<Violation>) {
        let node = node.reference.as_deref().and_then(|name| self.definition(name)).unwrap_or(node);
        if !node.allows(value) {
            let reason = format!("expected {}, found {}", node.expected(), found(value));
            violations.push(Violation { key: key.clone(), reason, is_missing: false });
            return;
        }
        match value {
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(node) = &node.items {
                        self.visit(node, item, &key.with(Step::Index(index)), violations);
                    }
                }
            }
            Json::Object(members) => self.visit_members(node, members, key, violations),
            _ => {}
        }
    }

    fn visit_members(
        &self,
        node: &Node,
        members: &Map<String, Json>,
        key: &Key,
        violations: &mut Vec<Violation>,
    ) {
        for name in node.required.iter().filter(|name| !members.contains_key(*name)) {
            let key = key.with(Step::Name(name.clone()));
            let reason = "it is missing".to_owned();
            violations.push(Violation { key, reason, is_missing: true });
        }
        for (name, value) in members {
            let key = key.with(Step::Name(name.clone()));
            if let Some(node) = node.member(name) {
                self.visit(node, value, &key, violations);
            } else if node.additional_properties == Some(false) {
                let reason = node.unknown();
                violations.push(Violation { key, reason, is_missing: false });
            }
        }
    }
}

impl Violation {
    /// The place of the value that is wrong, or of the table that lacks one.
    pub fn place(&self) -> Key {
        let steps = self.key.0.len() - usize::from(self.is_missing);
        Key(self.key.0.iter().take(steps).cloned().collect())
    }
}

impl Node {
    /// Whether the value itself will do, without what is in it.
    fn allows(&self, value: &Json) -> bool {
        let is_of_type = self.r#type.is_none_or(|it| it.has(value));
        let is_listed = self.r#enum.is_empty() || self.r#enum.contains(value);
        let matches = match (&self.pattern, value) {
            (Some(Pattern(pattern)), Json::String(text)) => pattern.is_match(text),
            _ => true,
        };
        let is_within = value.as_i64().is_none_or(|number| {
            self.minimum.is_none_or(|minimum| minimum <= number)
                && self.maximum.is_none_or(|maximum| number <= maximum)
        });
        is_of_type && is_listed && matches && is_within
    }

    fn member(&self, name: &str) -> Option<&Self> {
        let is_match = |pattern: &String| Regex::new(pattern).is_ok_and(|it| it.is_match(name));
        let by_pattern = || self.pattern_properties.iter().find(|(pattern, _)| is_match(pattern));
        self.properties.get(name).or_else(|| by_pattern().map(|(_, node)| node))
    }

    fn expected(&self) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        if !self.r#enum.is_empty() {
            let listed: Vec<_> = self.r#enum.iter().map(Json::to_string).collect();
            return format!("one of {}", listed.join(", "));
        }
        let kind = self.r#type.map_or("another value", Type::name);
        match (&self.pattern, self.minimum, self.maximum) {
            (Some(Pattern(pattern)), _, _) => format!("{kind} like {pattern}"),
            (None, Some(minimum), Some(maximum)) => format!("{kind} from {minimum} to {maximum}"),
            (None, Some(minimum), None) => format!("{kind} from {minimum} on"),
            (None, None, Some(maximum)) => format!("{kind} up to {maximum}"),
            (None, None, None) => kind.to_owned(),
        }
    }

    fn unknown(&self) -> String {
        let known: Vec<_> = self.properties.keys().map(String::as_str).collect();
        if known.is_empty() {
            return "a setting cannot be named like that".to_owned();
        }
        format!("there is no such setting; there are {}", known.join(", "))
    }
}

impl Type {
    fn has(self, value: &Json) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Boolean => value.is_boolean(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Object => "a table",
            Self::Array => "a list",
            Self::String => "a text",
            Self::Integer => "an integer",
            Self::Boolean => "true or false",
        }
    }
}

impl Key {
    /// Whether the values have something there.
    pub fn is_in(&self, values: &Json) -> bool {
        let found = self.0.iter().try_fold(values, |value, step| match step {
            Step::Name(name) => value.get(name),
            Step::Index(index) => value.get(index),
        });
        found.is_some()
    }

    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) if number == 0 => f.write_str(name)?,
                Step::Name(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, regex::Error> {
        Regex::new(&text).map(Self)
    }
}

/// The value for a message, cut where it is long.
fn found(value: &Json) -> String {
    const LONGEST: usize = 60;
    match value {
        Json::Object(_) => "a table".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        value => {
            let text = value.to_string();
            let start: String = text.chars().take(LONGEST).collect();
            if start.len() < text.len() { start + "…" } else { start }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r##"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"port": {"title": "a port", "type": "integer", "minimum": 1, "maximum": 9}},
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "port": {"$ref": "#/$defs/port"},
            "name": {"type": "string", "pattern": "^[a-z]+$"},
            "kind": {"enum": ["a", "b"]},
            "count": {"type": "integer", "minimum": 0},
            "is_on": {"type": "boolean"},
            "list": {
                "type": "array",
                "items": {"type": "object", "required": ["name"], "properties": {"port": {"$ref": "#/$defs/port"}}}
            },
            "by_name": {
                "type": "object",
                "additionalProperties": false,
                "patternProperties": {"^[a-z]$": {"type": "string"}}
            }
        }
    }"##;

    fn violations(values: &Json) -> Vec<String> {
        let violations = Schema::parse(SCHEMA).unwrap().check(values);
        violations.iter().map(|it| format!("{}: {}", it.key, it.reason)).collect()
    }

    #[test]
    fn values_are_checked_where_they_are() {
        for (values, want) in [
            (json!({}), ""),
            (json!({"port": 9, "name": "x", "kind": "b", "count": 5, "is_on": true}), ""),
            (json!({"list": [{"name": 1, "port": 1, "more": 2}], "by_name": {"a": ""}}), ""),
            (json!({"port": 0}), "port: expected a port, found 0"),
            (json!({"port": "9"}), "port: expected a port, found \"9\""),
            (json!({"port": 1.5}), "port: expected a port, found 1.5"),
            (json!({"name": "x\n"}), r#"name: expected a text like ^[a-z]+$, found "x\n""#),
            (json!({"kind": "c"}), r#"kind: expected one of "a", "b", found "c""#),
            (json!({"count": -1}), "count: expected an integer from 0 on, found -1"),
            (json!({"is_on": [1]}), "is_on: expected true or false, found a list"),
            (json!({"list": {}}), "list: expected a list, found a table"),
            (
                json!({"list": [{"name": ""}, {"port": 10, "name": ""}]}),
                "list[1].port: expected a port, found 10",
            ),
            (json!({"list": [{}]}), "list[0].name: it is missing"),
            (json!({"by_name": {"a": 1}}), "by_name.a: expected a text, found 1"),
            (json!({"by_name": {"ab": ""}}), "by_name.ab: a setting cannot be named like that"),
            (
                json!({"prot": 1}),
                "prot: there is no such setting; there are by_name, count, is_on, kind, list, name, port",
            ),
        ] {
            assert_eq!(violations(&values).join("\n"), want, "{values}");
        }
    }

    #[test]
    fn every_violation_is_told_and_long_values_are_cut() {
        let long = "y".repeat(100);
        let told = violations(&json!({"port": 0, "name": "X", "kind": long}));
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(told.concat().contains(&format!("{}…", "y".repeat(59))), "{told:#?}");
    }

    #[test]
    fn a_schema_that_is_not_understood_is_an_error() {
        for (text, want) in [
            (r#"{"maxLength": 5}"#, "unknown field `maxLength`"),
            (r#"{"properties": {"a": {"format": "ipv4"}}}"#, "unknown field `format`"),
            (r#"{"type": "nothing"}"#, "unknown variant `nothing`"),
            (r#"{"pattern": "("}"#, "unclosed group"),
            (r#"{"patternProperties": {"(": {}}}"#, "unclosed group"),
            (r##"{"items": {"$ref": "#/$defs/x"}}"##, r##"$ref "#/$defs/x" is none of"##),
            (r##"{"$defs": {"x": {"$ref": "#/$defs/x"}}}"##, r##"$ref "#/$defs/x" is none of"##),
        ] {
            let error = Schema::parse(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn keys_are_found_in_the_file_that_has_them() {
        let key = Key::default().with(Step::Name("a".to_owned())).with(Step::Index(1));
        assert!(key.is_in(&json!({"a": [1, 2]})));
        assert!(!key.is_in(&json!({"a": [1]})));
    }
}
