//! Any value by any verb.

use super::{
    Printer,
    scalar::{Integer, lossy},
};
use crate::{
    quote::write_infallible,
    value::{FloatKind, List, Map, Object, UintKind, Value},
};

impl Printer<'_> {
    /// What an action prints: like `%v`, but pointers are followed.
    pub(super) fn top(&mut self, value: &Value) {
        match value {
            Value::Object(object) if object.text().is_none() && !object.is_nil() => {
                self.fields(object.as_ref(), 'v');
            }
            value => self.argument(value, 'v'),
        }
    }

    /// An argument of a print function.
    pub(super) fn argument(&mut self, value: &Value, verb: char) {
        match verb {
            'T' => {
                let name = match value {
                    Value::Nil | Value::Missing => "<nil>".to_owned(),
                    value => value.type_of().to_string(),
                };
                self.string(&name);
            }
            'p' | 'w' => self.bad_verb(value, verb),
            verb => match value {
                Value::Nil | Value::Missing if verb == 'v' => self.pad("<nil>"),
                Value::Nil | Value::Missing => self.bad_verb(value, verb),
                value => self.value(value, verb, 0),
            },
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        match value {
            Value::Nil | Value::Missing if self.spec.sharp_v => {
                self.out.push_str("interface {}(nil)");
            }
            Value::Nil | Value::Missing => self.out.push_str("<nil>"),
            Value::Bool(value) => match verb {
                't' | 'v' => self.pad(if *value { "true" } else { "false" }),
                _ => self.bad_verb(&Value::Bool(*value), verb),
            },
            Value::Int(_, int) => {
                let integer = Integer { negative: *int < 0, magnitude: int.unsigned_abs() };
                self.integer_by_verb(value, integer, verb);
            }
            Value::Uint(_, uint) if verb == 'v' && self.spec.sharp_v => self.hex_with_prefix(*uint),
            Value::Uint(_, uint) => {
                let integer = Integer { negative: false, magnitude: *uint };
                self.integer_by_verb(value, integer, verb);
            }
            Value::Float(kind, float) => self.float_by_verb(value, *kind, *float, verb),
            Value::Complex(real, imaginary) => match verb {
                'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E' => {
                    self.complex(*real, *imaginary, verb);
                }
                _ => self.bad_verb(value, verb),
            },
            Value::String(text) => self.string_by_verb(value, text, verb),
            Value::Bytes(bytes) => self.bytes_by_verb(bytes, verb, depth),
            Value::List(list) => self.list(list, verb, depth),
            Value::Map(map) => self.map(map, verb, depth),
            Value::Object(object) => self.object(value, object.as_ref(), verb, depth),
            // An address would differ from run to run.
            Value::Function(callable) => {
                let name = callable.type_name();
                write_infallible(self.out, format_args!("({name})(0x1)"));
            }
        }
    }

    /// `%!d(string=hi)`
    fn bad_verb(&mut self, value: &Value, verb: char) {
        if self.in_error {
            return;
        }
        self.in_error = true;
        if matches!(value, Value::Nil | Value::Missing) {
            write_infallible(self.out, format_args!("%!{verb}(<nil>)"));
        } else {
            write_infallible(self.out, format_args!("%!{verb}({}=", value.type_of()));
            self.argument(value, 'v');
            self.out.push(')');
        }
        self.in_error = false;
    }

    fn integer_by_verb(&mut self, value: &Value, integer: Integer, verb: char) {
        let code = if integer.negative { u64::MAX } else { integer.magnitude };
        match verb {
            'v' | 'd' => self.integer(integer, 10, verb),
            'b' => self.integer(integer, 2, verb),
            'o' | 'O' => self.integer(integer, 8, verb),
            'x' | 'X' => self.integer(integer, 16, verb),
            'c' => self.character(code),
            'q' => self.quoted_character(code),
            'U' => {
                let code = integer.magnitude;
                self.unicode(if integer.negative { code.wrapping_neg() } else { code });
            }
            _ => self.bad_verb(value, verb),
        }
    }

    fn float_by_verb(&mut self, value: &Value, kind: FloatKind, float: f64, verb: char) {
        match verb {
            'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'e' | 'E' | 'f' | 'F' => {
                self.float(kind, float, verb);
            }
            _ => self.bad_verb(value, verb),
        }
    }

    fn string_by_verb(&mut self, value: &Value, text: &str, verb: char) {
        match verb {
            'v' if self.spec.sharp_v => self.quoted(text),
            'v' | 's' => self.string(text),
            'x' | 'X' => self.hex_bytes(text.as_bytes(), verb == 'X'),
            'q' => self.quoted(text),
            _ => self.bad_verb(value, verb),
        }
    }

    fn bytes_by_verb(&mut self, bytes: &[u8], verb: char, depth: usize) {
        match verb {
            's' => self.string(&lossy(bytes)),
            'q' => self.quoted_bytes(bytes),
            'x' | 'X' => self.hex_bytes(bytes, verb == 'X'),
            _ => {
                let (open, between, close) = self.brackets("[]byte");
                self.out.push_str(&open);
                for (index, byte) in bytes.iter().enumerate() {
                    if index > 0 {
                        self.out.push_str(between);
                    }
                    let byte = Value::Uint(UintKind::Uint8, u64::from(*byte));
                    self.value(&byte, verb, depth + 1);
                }
                self.out.push(close);
            }
        }
    }

    /// How a slice begins, goes on and ends.
    fn brackets(&self, name: &str) -> (String, &'static str, char) {
        if self.spec.sharp_v { (format!("{name}{{"), ", ", '}') } else { ("[".into(), " ", ']') }
    }

    fn list(&mut self, list: &List, verb: char, depth: usize) {
        if self.spec.sharp_v && list.is_nil() {
            write_infallible(self.out, format_args!("{}(nil)", list.type_of()));
            return;
        }
        let (open, between, close) = self.brackets(&list.type_of().to_string());
        self.out.push_str(&open);
        for (index, item) in list.iter().enumerate() {
            if index > 0 {
                self.out.push_str(between);
            }
            self.value(item, verb, depth + 1);
        }
        self.out.push(close);
    }

    fn map(&mut self, map: &Map, verb: char, depth: usize) {
        let sharp = self.spec.sharp_v;
        if sharp && map.is_nil() {
            write_infallible(self.out, format_args!("{}(nil)", map.type_of()));
            return;
        }
        if sharp {
            write_infallible(self.out, format_args!("{}{{", map.type_of()));
        } else {
            self.out.push_str("map[");
        }
        for (index, (key, value)) in map.entries().iter().enumerate() {
            if index > 0 {
                self.out.push_str(if sharp { ", " } else { " " });
            }
            self.value(key, verb, depth + 1);
            self.out.push(':');
            self.value(value, verb, depth + 1);
        }
        self.out.push(if sharp { '}' } else { ']' });
    }

    fn object(&mut self, value: &Value, object: &dyn Object, verb: char, depth: usize) {
        if !self.spec.sharp_v
            && !self.in_error
            && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
            && let Some(text) = object.text()
        {
            self.string_by_verb(value, &text, verb);
            return;
        }
        if object.is_nil() {
            let name = object.type_name();
            match verb {
                'v' if self.spec.sharp_v => {
                    write_infallible(self.out, format_args!("({name})(nil)"));
                }
                'v' => self.pad("<nil>"),
                // Other verbs get the address, as a number.
                'b' | 'o' | 'd' | 'x' | 'X' => {
                    self.integer_by_verb(value, Integer { negative: false, magnitude: 0 }, verb);
                }
                _ => self.bad_verb(value, verb),
            }
            return;
        }
        // Go prints addresses of pointers within other values; here their structs are printed there too.
        if object.type_name().starts_with('*') {
            self.out.push('&');
        }
        let _ = depth;
        self.fields(object, verb);
    }

    /// `{a b}`
    fn fields(&mut self, object: &dyn Object, verb: char) {
        let sharp = self.spec.sharp_v;
        if sharp {
            self.out.push_str(object.type_name().trim_start_matches('*'));
        }
        self.out.push('{');
        for (index, name) in object.field_names().iter().enumerate() {
            if index > 0 {
                self.out.push_str(if sharp { ", " } else { " " });
            }
            if sharp || self.spec.plus_v {
                write_infallible(self.out, format_args!("{name}:"));
            }
            let value = object.field(name).unwrap_or_default();
            self.value(&value, verb, 1);
        }
        self.out.push('}');
    }
}
