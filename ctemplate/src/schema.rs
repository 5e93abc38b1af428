//! What a site may write into its values: the file `values.schema.json` beside a template, a JSON Schema.
//!
//! `title` is what messages call a value that is expected.

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value as Json;

/// Which values a site may have.
#[derive(Debug)]
pub struct Schema {
    text: Json,
    validator: Validator,
}

/// A value that the schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The value that is wrong, or the table that lacks one, as a JSON Pointer (RFC 6901).
    pub place: String,
    /// The setting that is wrong or missing, such as `a.b[0]`.
    pub key: String,
    /// What is expected there, and what is found.
    pub reason: String,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    ///
    /// What in it is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let validator = jsonschema::validator_for(&text).map_err(|error| error.to_string())?;
        Ok(Self { text, validator })
    }

    /// What of the values is not allowed, one violation for each setting, in the order of their keys.
    pub fn check(&self, values: &Json) -> Vec<Violation> {
        let errors = self.validator.iter_errors(values);
        let violations = errors.flat_map(|error| self.violations(values, &error));
        let mut violations: Vec<_> = violations.collect();
        violations.sort_by(|a, b| a.key.cmp(&b.key));
        violations.dedup_by(|a, b| a.key == b.key);
        violations
    }

    fn violations(&self, values: &Json, error: &ValidationError<'_>) -> Vec<Violation> {
        let place = error.instance_path().as_str();
        let at = |place: &str, pointer: &str, reason| Violation {
            place: place.to_owned(),
            key: key(values, pointer),
            reason,
        };
        let member = |name: &str| format!("{place}/{name}");
        match error.kind() {
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                vec![at(place, &member(name), "it is missing".to_owned())]
            }
            Kind::AdditionalProperties { unexpected } => {
                let unknown = |name: &String| {
                    let pointer = member(name);
                    at(&pointer, &pointer, self.unknown(error))
                };
                unexpected.iter().map(unknown).collect()
            }
            _ => vec![at(place, place, self.expected(error))],
        }
    }

    /// The schema that an error comes from.
    fn origin(&self, error: &ValidationError<'_>) -> Option<&Json> {
        let (origin, _keyword) = error.schema_path().as_str().rsplit_once('/')?;
        self.text.pointer(origin)
    }

    fn expected(&self, error: &ValidationError<'_>) -> String {
        let title = self.origin(error).and_then(|origin| origin.get("title")?.as_str());
        match title {
            Some(title) => format!("expected {title}, found {}", found(error.instance())),
            None => error.to_string(),
        }
    }

    fn unknown(&self, error: &ValidationError<'_>) -> String {
        let origin = self.origin(error);
        let known = origin.and_then(|origin| origin.get("properties")?.as_object());
        match known {
            Some(known) => {
                let known: Vec<_> = known.keys().map(String::as_str).collect();
                format!("there is no such setting; there are {}", known.join(", "))
            }
            None => "a setting cannot be named like that".to_owned(),
        }
    }
}

/// A JSON Pointer as people write keys.
fn key(values: &Json, pointer: &str) -> String {
    let (mut key, mut place) = (String::new(), String::new());
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        key = match values.pointer(&place) {
            Some(Json::Array(_)) => format!("{key}[{name}]"),
            _ if key.is_empty() => name,
            _ => format!("{key}.{name}"),
        };
        place = format!("{place}/{step}");
    }
    key
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
            "name": {"title": "a name", "type": "string", "pattern": "^[a-z]+$"},
            "count": {"type": "integer", "minimum": 0},
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
            (json!({"port": 9, "name": "x", "count": 5}), ""),
            (json!({"list": [{"name": 1, "port": 1, "more": 2}], "by_name": {"a": ""}}), ""),
            (json!({"port": 0}), "port: expected a port, found 0"),
            (json!({"port": "9"}), "port: expected a port, found \"9\""),
            (json!({"name": "x\n"}), r#"name: expected a name, found "x\n""#),
            (json!({"name": ["x"]}), "name: expected a name, found a list"),
            (json!({"count": -1}), "count: -1 is less than the minimum of 0"),
            (
                json!({"list": [{"name": ""}, {"port": 10, "name": ""}]}),
                "list[1].port: expected a port, found 10",
            ),
            (json!({"list": [{}]}), "list[0].name: it is missing"),
            (json!({"by_name": {"a": 1}}), r#"by_name.a: 1 is not of type "string""#),
            (json!({"by_name": {"12": ""}}), "by_name.12: a setting cannot be named like that"),
            (
                json!({"prot": 1}),
                "prot: there is no such setting; there are by_name, count, list, name, port",
            ),
        ] {
            assert_eq!(violations(&values).join("\n"), want, "{values}");
        }
    }

    #[test]
    fn every_violation_is_told_and_long_values_are_cut() {
        let told = violations(&json!({"port": 0, "name": "Y".repeat(100), "a": 1, "b": 2}));
        assert_eq!(told.len(), 4, "{told:#?}");
        assert!(told.concat().contains(&format!("{}…", "Y".repeat(59))), "{told:#?}");
    }

    #[test]
    fn a_schema_that_is_none_is_an_error() {
        for text in
            ["{]", r#"{"type": "nothing"}"#, r#"{"pattern": "("}"#, r##"{"$ref": "#/$defs/x"}"##]
        {
            assert!(Schema::parse(text).is_err(), "{text}");
        }
    }
}
