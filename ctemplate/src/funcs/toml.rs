//! TOML from values, as Go's `BurntSushi/toml` writes it: what is simple first, then tables, indented by two spaces.

use gotemplate::{Error, Type, Value};
use sprig::golayout::{RFC3339_NANO, Time};

use super::Parameter::Any;
use super::{Function, exactly, put, wrap};
use crate::data::structs::scalar;
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[Function::new("toTOML", &[Any], to_toml)];

/// `toTOML VALUE`
pub fn to_toml(_: &Session, arguments: &[Value]) -> Result<Value, Error> {
    let [value] = exactly(arguments)?;
    if let Value::Missing | Value::Nil = value {
        return Err(Error::new("reflect: call of reflect.Value.Type on zero Value"));
    }
    let mut writer = Writer { out: String::new() };
    writer.root(value).map_err(|error| wrap("toTOML", format_args!("toml: {error}")))?;
    Ok(writer.out.trim().into())
}

type Written = Result<(), String>;

struct Writer {
    out: String,
}

impl Writer {
    fn root(&mut self, value: &Value) -> Written {
        match value {
            value if is_nothing(value) => Ok(()),
            value if is_table(value) => self.entries(value, &[]),
            value if is_list_of_tables(value)? => {
                Err("top-level values must be Go maps or structs".to_owned())
            }
            value => self.element(value),
        }
    }

    /// What is under a key: scalars and lists, then tables and lists of tables.
    fn entries(&mut self, table: &Value, path: &[String]) -> Written {
        let fields = fields(table)?;
        for wants_tables in [false, true] {
            for (name, value) in &fields {
                if is_nothing(value)
                    || (is_table(value) || is_list_of_tables(value)?) != wants_tables
                {
                    continue;
                }
                let path: Vec<_> = path.iter().chain([name]).cloned().collect();
                self.entry(value, &path)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, value: &Value, path: &[String]) -> Written {
        let indent = "  ".repeat(path.len().saturating_sub(1));
        let name = path.iter().map(|key| quoted_key(key)).collect::<Vec<_>>().join(".");
        if is_table(value) {
            if path.len() == 1 {
                self.empty_line();
            }
            put(&mut self.out, format_args!("{indent}[{name}]\n"));
            self.entries(value, path)
        } else if is_list_of_tables(value)? {
            for item in super::items(value) {
                self.empty_line();
                put(&mut self.out, format_args!("{indent}[[{name}]]\n"));
                self.entries(item, path)?;
            }
            Ok(())
        } else {
            let key = path.last().map(|key| quoted_key(key)).unwrap_or_default();
            put(&mut self.out, format_args!("{indent}{key} = "));
            self.element(value)?;
            self.out.push('\n');
            Ok(())
        }
    }

    fn empty_line(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// A value within a line.
    fn element(&mut self, value: &Value) -> Written {
        match value {
            Value::String(text) => self.text(text),
            Value::Bool(_) | Value::Int(..) | Value::Uint(..) => {
                self.out.push_str(&value.to_string());
            }
            Value::Float(_, float) => self.out.push_str(&float_text(*float)),
            Value::List(_) => {
                let items = super::items(value);
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    self.element(item)?;
                }
                self.out.push(']');
            }
            Value::Object(it) if !is_table(value) => {
                let any: &dyn std::any::Any = it.as_ref();
                match (any.downcast_ref::<Time>(), scalar(it.as_ref())) {
                    (Some(time), _) => self.out.push_str(&time.format(RFC3339_NANO)),
                    (None, scalar) => self.element(&scalar.unwrap_or_default())?,
                }
            }
            value if is_table(value) => {
                let fields = fields(value)?;
                self.out.push('{');
                let entries: Vec<_> = fields.iter().filter(|(_, it)| !is_nothing(it)).collect();
                for (index, (name, value)) in entries.into_iter().enumerate() {
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    put(&mut self.out, format_args!("{} = ", quoted_key(name)));
                    self.element(value)?;
                }
                self.out.push('}');
            }
            Value::Missing | Value::Nil => {
                return Err("cannot encode array with nil element".to_owned());
            }
            value => return Err(format!("unsupported type: {}", value.type_of())),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        put(&mut self.out, format_args!("\"{}\"", escaped(text)));
    }
}

/// Go always writes a decimal point.
fn float_text(float: f64) -> String {
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = float.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

fn fields(table: &Value) -> Result<Vec<(String, Value)>, String> {
    match table {
        Value::Map(map) if *map.key() != Type::String && !map.is_empty() => {
            Err("cannot encode a map with non-string key type".to_owned())
        }
        Value::Map(map) => {
            let entries = map.entries();
            Ok(entries.iter().map(|(key, value)| (key.to_string(), value.clone())).collect())
        }
        Value::Object(it) => {
            let field =
                |name: &&str| ((*name).to_owned(), it.field(name).unwrap_or_default().into_owned());
            Ok(it.field_names().iter().map(field).collect())
        }
        _ => Ok(Vec::new()),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Map(map) => map.is_nil(),
        Value::List(list) => list.is_nil(),
        value => value.is_nil(),
    }
}

fn is_table(value: &Value) -> bool {
    match value {
        Value::Map(_) => true,
        Value::Object(it) => scalar(it.as_ref()).is_none(),
        _ => false,
    }
}

fn is_list_of_tables(value: &Value) -> Result<bool, String> {
    let items = super::items(value);
    if items.iter().any(is_nothing) {
        return Err("cannot encode array with nil element".to_owned());
    }
    Ok(!items.is_empty() && items.iter().all(is_table))
}

fn quoted_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        return key.to_owned();
    }
    format!("\"{}\"", escaped(key))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\u{8}' => escaped.push_str("\\b"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\u{c}' => escaped.push_str("\\f"),
            '\r' => escaped.push_str("\\r"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                put(&mut escaped, format_args!("\\u{:04x}", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
