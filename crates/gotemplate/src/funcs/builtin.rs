//! Go's own functions.

use std::borrow::Cow;

use super::{Signature, compare, escape};
use crate::{
    error::Error,
    printf,
    value::{Type, UintKind, Value},
};

type Comparison = fn(&Value, &Value) -> Result<bool, Error>;

/// A function that every template has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    And,
    Call,
    Eq,
    Ge,
    Gt,
    Html,
    Index,
    Js,
    Le,
    Len,
    Lt,
    Ne,
    Not,
    Or,
    Print,
    Printf,
    Println,
    Slice,
    Urlquery,
}

impl Builtin {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "and" => Self::And,
            "call" => Self::Call,
            "eq" => Self::Eq,
            "ge" => Self::Ge,
            "gt" => Self::Gt,
            "html" => Self::Html,
            "index" => Self::Index,
            "js" => Self::Js,
            "le" => Self::Le,
            "len" => Self::Len,
            "lt" => Self::Lt,
            "ne" => Self::Ne,
            "not" => Self::Not,
            "or" => Self::Or,
            "print" => Self::Print,
            "printf" => Self::Printf,
            "println" => Self::Println,
            "slice" => Self::Slice,
            "urlquery" => Self::Urlquery,
            _ => return None,
        })
    }

    pub(crate) const fn signature(self) -> &'static Signature {
        static ONE: Signature = Signature::fixed(&[Type::Value]);
        static TWO: Signature = Signature::fixed(&[Type::Value, Type::Value]);
        static ONE_AND_MORE: Signature = Signature::with_rest(&[Type::Value], Type::Value);
        static FORMAT: Signature = Signature::with_rest(&[Type::String], Type::Any);
        static ANYTHING: Signature = Signature::with_rest(&[], Type::Any);
        match self {
            Self::Len | Self::Not => &ONE,
            Self::Ge | Self::Gt | Self::Le | Self::Lt | Self::Ne => &TWO,
            Self::And | Self::Call | Self::Eq | Self::Index | Self::Or | Self::Slice => {
                &ONE_AND_MORE
            }
            Self::Printf => &FORMAT,
            Self::Html | Self::Js | Self::Print | Self::Println | Self::Urlquery => &ANYTHING,
        }
    }

    /// Calls it with arguments that fit the signature. `and`, `or` and `call` are the executor's.
    pub(crate) fn call(self, arguments: &[Value]) -> Result<Value, Error> {
        let (first, rest) = arguments.split_first().map_or((&Value::Missing, arguments), |x| x);
        let second = rest.first().unwrap_or(&Value::Missing);
        Ok(match self {
            Self::And | Self::Or | Self::Call => return Err(Error::new("unreachable")),
            Self::Eq => compare::equal(first, rest)?.into(),
            Self::Ne => (!compare::equal(first, rest)?).into(),
            Self::Lt => compare::less(first, second)?.into(),
            Self::Le => compare::less_or_equal(first, second)?.into(),
            Self::Gt => (!compare::less_or_equal(first, second)?).into(),
            Self::Ge => (!compare::less(first, second)?).into(),
            Self::Not => (!first.truth()).into(),
            Self::Len => length(first)?,
            Self::Index => index(first, rest)?,
            Self::Slice => slice(first, rest)?,
            Self::Html => escape::html(&all_as_text(arguments)).into(),
            Self::Js => escape::js(&all_as_text(arguments)).into(),
            Self::Urlquery => escape::urlquery(&all_as_text(arguments)).into(),
            Self::Print | Self::Printf | Self::Println => {
                let mut text = String::new();
                self.print(&mut text, arguments);
                text.into()
            }
        })
    }

    /// What compares two values, for the functions that do only that.
    pub(crate) const fn comparison(self) -> Option<Comparison> {
        Some(match self {
            Self::Eq => |a, b| compare::equal_one(a, b),
            Self::Ne => |a, b| Ok(!compare::equal_one(a, b)?),
            Self::Lt => |a, b| compare::less(a, b),
            Self::Le => |a, b| compare::less_or_equal(a, b),
            Self::Gt => |a, b| Ok(!compare::less_or_equal(a, b)?),
            Self::Ge => |a, b| Ok(!compare::less(a, b)?),
            _ => return None,
        })
    }

    /// Whether the result is text that can be written where it is wanted.
    pub(crate) const fn is_printer(self) -> bool {
        matches!(self, Self::Print | Self::Printf | Self::Println)
    }

    /// Appends what the printers return.
    pub(crate) fn print(self, out: &mut String, arguments: &[Value]) {
        match self {
            Self::Println => printf::println(out, arguments),
            Self::Printf => {
                if let Some((Value::String(format), rest)) = arguments.split_first() {
                    printf::printf(out, format, rest);
                }
            }
            _ => printf::print(out, arguments),
        }
    }
}

/// The text of the arguments of the escapers.
fn all_as_text(arguments: &[Value]) -> String {
    let mut text = String::new();
    match arguments {
        [Value::String(one)] => text.push_str(one),
        _ => printf::print_values(&mut text, arguments),
    }
    text
}

fn length(item: &Value) -> Result<Value, Error> {
    if let Some(count) = item.count() {
        return Ok(Value::int(i64::try_from(count).unwrap_or(i64::MAX)));
    }
    Err(match item {
        Value::Missing => "reflect: call of reflect.Value.Type on zero Value".into(),
        Value::Nil => "len of nil pointer".into(),
        Value::Object(object) if object.is_nil() => "len of nil pointer".into(),
        item => format!("len of type {}", pointed_at(item)).into(),
    })
}

/// The type, of what a pointer points at.
fn pointed_at(value: &Value) -> String {
    value.type_of().to_string().trim_start_matches('*').to_owned()
}

fn index(item: &Value, indexes: &[Value]) -> Result<Value, Error> {
    if matches!(item, Value::Missing | Value::Nil) {
        return Err("index of untyped nil".into());
    }
    let mut item = item.clone();
    for index in indexes {
        item = index_once(&item, index)?;
    }
    Ok(item)
}

fn index_once(item: &Value, index: &Value) -> Result<Value, Error> {
    Ok(match item {
        Value::Nil | Value::Missing => return Err("index of nil pointer".into()),
        Value::String(text) => byte_at(text.as_bytes(), index, "string")?,
        Value::Bytes(bytes) => byte_at(bytes, index, "slice")?,
        Value::List(list) => {
            let at = position(index, list.len())?;
            list.get(at).cloned().ok_or_else(|| Error::new("reflect: slice index out of range"))?
        }
        Value::Map(map) => {
            let key = fit(index, map.key())?;
            map.get_value(&key).map_or_else(|| map.element().zero(), Cow::into_owned)
        }
        item if item.is_nil() => return Err("index of nil pointer".into()),
        item => return Err(format!("can't index item of type {}", pointed_at(item)).into()),
    })
}

fn byte_at(bytes: &[u8], index: &Value, kind: &str) -> Result<Value, Error> {
    let at = position(index, bytes.len())?;
    let byte =
        bytes.get(at).ok_or_else(|| Error::new(format!("reflect: {kind} index out of range")))?;
    Ok(Value::Uint(UintKind::Uint8, u64::from(*byte)))
}

/// A position in something; its end is still allowed.
fn position(index: &Value, length: usize) -> Result<usize, Error> {
    let at = match index {
        Value::Int(_, int) => *int,
        Value::Uint(_, uint) => uint.cast_signed(),
        Value::Missing | Value::Nil => return Err("cannot index slice/array with nil".into()),
        other => {
            let other = other.type_of();
            return Err(format!("cannot index slice/array with type {other}").into());
        }
    };
    usize::try_from(at)
        .ok()
        .filter(|at| *at <= length)
        .ok_or_else(|| Error::new(format!("index out of range: {at}")))
}

/// Makes an argument fit a type, as far as `index` and `call` do: nil becomes empty, and integers change their kind.
pub(crate) fn fit(value: &Value, wanted: &Type) -> Result<Value, Error> {
    if matches!(value, Value::Missing | Value::Nil) {
        if !wanted.can_be_nil() {
            return Err(format!("value is nil; should be of type {wanted}").into());
        }
        return Ok(wanted.zero());
    }
    if wanted.accepts(value) {
        return Ok(value.clone());
    }
    let bits = match value {
        Value::Int(_, int) => Some(*int),
        Value::Uint(_, uint) => Some(uint.cast_signed()),
        _ => None,
    };
    match (bits, wanted) {
        (Some(bits), Type::Int(kind)) => Ok(Value::Int(*kind, kind.wrap(bits))),
        (Some(bits), Type::Uint(kind)) => Ok(Value::Uint(*kind, kind.wrap(bits.cast_unsigned()))),
        _ => Err(format!("value has type {}; should be {wanted}", value.type_of()).into()),
    }
}

fn slice(item: &Value, indexes: &[Value]) -> Result<Value, Error> {
    if matches!(item, Value::Missing | Value::Nil) {
        return Err("slice of untyped nil".into());
    }
    if item.is_nil() {
        return Err("slice of nil pointer".into());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let length = match item {
        Value::String(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".into());
        }
        Value::String(_) | Value::Bytes(_) | Value::List(_) => item.count().unwrap_or_default(),
        item => return Err(format!("can't slice item of type {}", pointed_at(item)).into()),
    };
    let (mut from, mut to) = (0, length);
    let mut previous = 0;
    for (number, index) in indexes.iter().enumerate() {
        let at = position(index, length)?;
        match number {
            0 => from = at,
            1 => to = at,
            _ => previous = at,
        }
    }
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}").into());
    }
    if indexes.len() == 3 && to > previous {
        return Err(format!("invalid slice index: {to} > {previous}").into());
    }
    part(item, from, to).ok_or_else(|| Error::new("reflect: slice index out of range"))
}

fn part(item: &Value, from: usize, to: usize) -> Option<Value> {
    Some(match item {
        Value::Bytes(bytes) => Value::Bytes(bytes.get(from..to)?.into()),
        Value::List(list) => list.part(from, to)?.into(),
        Value::String(text) => match text.get(from..to) {
            Some(part) => part.into(),
            // Within a character: the halves become U+FFFD.
            None => String::from_utf8_lossy(text.as_bytes().get(from..to)?).as_ref().into(),
        },
        _ => return None,
    })
}

/// Appends an integer without the detour through a formatter.
pub(crate) fn push_int(out: &mut String, int: i64) {
    if int < 0 {
        out.push('-');
    }
    push_uint(out, int.unsigned_abs());
}

pub(crate) fn push_uint(out: &mut String, mut uint: u64) {
    let mut digits = [b'0'; 20];
    let mut unused = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(uint % 10).unwrap_or_default();
        unused -= 1;
        uint /= 10;
        if uint == 0 {
            break;
        }
    }
    let digits = digits.get(unused..).unwrap_or_default();
    out.push_str(str::from_utf8(digits).unwrap_or_default());
}
