//! Writing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gotemplate::{Object, Type, Value};
use sprig::golayout::{RFC3339_NANO, Time};

use crate::data::structs::Duration;
use crate::funcs::put;

/// How JSON is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Whether `<`, `>` and `&` are escapes.
    pub(super) escapes_html: bool,
    /// Whether it is spread over lines.
    pub(super) indented: bool,
}

/// What encoders see of an object.
pub(in crate::funcs) enum Shape {
    /// It is a text.
    Text(String),
    /// It is a struct with these fields.
    Fields(Vec<(&'static str, Value)>),
}

type Result = std::result::Result<(), String>;

/// The JSON of a value.
pub(super) fn print(value: &Value, style: Style) -> std::result::Result<String, String> {
    let mut writer = Writer { out: String::new(), style, depth: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    style: Style,
    depth: usize,
}

impl Writer {
    fn value(&mut self, value: &Value) -> Result {
        match value {
            Value::Missing | Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(_, int) => self.out.push_str(&int.to_string()),
            Value::Uint(_, uint) => self.out.push_str(&uint.to_string()),
            Value::Float(_, float) => self.float(*float)?,
            Value::String(text) => self.text(text),
            Value::Bytes(bytes) => self.text(&STANDARD.encode(bytes)),
            Value::List(list) if list.is_nil() => self.out.push_str("null"),
            Value::List(list) => {
                self.all('[', ']', list.iter(), Self::value)?;
            }
            Value::Map(map) if map.is_nil() => self.out.push_str("null"),
            Value::Map(map) => self.map(map)?,
            Value::Object(it) if it.is_nil() => self.out.push_str("null"),
            Value::Object(it) => match object(it.as_ref()) {
                Shape::Text(text) => self.text(&text),
                Shape::Fields(fields) => self.all('{', '}', fields.iter(), |writer, entry| {
                    writer.entry(entry.0, &entry.1)
                })?,
            },
            Value::Complex(..) | Value::Function(_) => {
                return Err(format!("json: unsupported type: {}", value.type_of()));
            }
        }
        Ok(())
    }

    fn map(&mut self, map: &gotemplate::Map) -> Result {
        if !matches!(map.key(), Type::String | Type::Int(_) | Type::Uint(_)) {
            return Err(format!("json: unsupported type: {}", map.type_of()));
        }
        let entries = map.entries();
        let mut entries: Vec<_> =
            entries.iter().map(|(key, value)| (key.to_string(), value)).collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.all('{', '}', entries.iter(), |writer, (key, value)| writer.entry(key, value))
    }

    fn entry(&mut self, key: &str, value: &Value) -> Result {
        self.text(key);
        self.out.push_str(if self.style.indented { ": " } else { ":" });
        self.value(value)
    }

    fn all<T>(
        &mut self,
        open: char,
        close: char,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result,
    ) -> Result {
        let is_empty = items.len() == 0;
        self.out.push(open);
        self.depth += 1;
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line();
            write(self, item)?;
        }
        self.depth -= 1;
        if !is_empty {
            self.line();
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self) {
        if self.style.indented {
            self.out.push('\n');
            self.out.push_str(&"  ".repeat(self.depth));
        }
    }

    fn float(&mut self, float: f64) -> Result {
        if !float.is_finite() {
            let text = Value::from(float).to_string();
            return Err(format!("json: unsupported value: {text}"));
        }
        let size = float.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let text = format!("{float:e}");
            // Rust writes 1e21 where Go writes 1e+21.
            self.out.push_str(&if size >= 1.0 { text.replace('e', "e+") } else { text });
        } else {
            self.out.push_str(&shortest(float));
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '<' | '>' | '&' if self.style.escapes_html => self.escape(c),
                '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => self.escape(c),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, c: char) {
        put(&mut self.out, format_args!("\\u{:04x}", u32::from(c)));
    }
}

/// The shortest digits that make the float, without exponent.
pub(in crate::funcs) fn shortest(float: f64) -> String {
    format!("{float}")
}

/// What encoders see of an object: its fields in order, by the names of Go's tags.
pub(in crate::funcs) fn object(it: &dyn Object) -> Shape {
    let any: &dyn std::any::Any = it;
    if let Some(time) = any.downcast_ref::<Time>() {
        return Shape::Text(time.format(RFC3339_NANO));
    }
    if any.is::<Duration>() {
        return Shape::Text(it.text().unwrap_or_default());
    }
    let kind = it.type_name();
    let mut fields = Vec::new();
    let static_names = any.downcast_ref::<crate::data::structs::Struct>();
    for (name, value) in static_names.into_iter().flat_map(crate::data::structs::Struct::fields) {
        let Some((name, omit_empty)) = tag(kind, name) else { continue };
        if !omit_empty || value.truth() {
            fields.push((name, value.clone()));
        }
    }
    if kind == "api.HealthCheckDefinition" {
        // Its own encoder puts the durations first.
        fields.rotate_right(3);
    }
    Shape::Fields(fields)
}

/// The name of a field in JSON, and whether it is left out when it is empty; `None` when it always is.
fn tag(kind: &str, field: &'static str) -> Option<(&'static str, bool)> {
    match (kind, field) {
        ("*api.CARoot", "RootCertPEM") => Some(("RootCert", false)),
        ("*api.LeafCert", "CertPEM" | "PrivateKeyPEM")
        | ("*api.HealthCheck", "Namespace" | "Partition" | "PeerName")
        | ("api.HealthCheckDefinition", "SessionName") => Some((field, true)),
        ("api.HealthCheckDefinition", field) if field.ends_with("Duration") => None,
        _ => Some((field, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_floats_as_go_does() {
        for (float, want) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (-2.5e-10, "-2.5e-10"),
        ] {
            let style = Style { escapes_html: false, indented: false };
            assert_eq!(print(&float.into(), style).as_deref(), Ok(want));
        }
    }
}
