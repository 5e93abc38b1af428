//! Writing: block style, maps in natural order of their keys, long scalars folded at 80 columns.

use std::any::Any;
use std::cmp::Ordering;

use gotemplate::Value;
use sprig::golayout::{RFC3339_NANO, Time};

use crate::data::structs::scalar;

use super::resolve::{Meaning, is_base_60, resolve};

/// Where a scalar is folded.
const WIDTH: usize = 80;
/// What a level is indented by.
const STEP: usize = 2;

/// The YAML of a value.
pub(super) fn print(value: &Value) -> Result<String, String> {
    let mut writer = Writer { out: String::new() };
    writer.node(value, 0, false)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
}

/// What encoders see of a value.
enum Shape {
    Scalar(Scalar),
    List(Vec<Value>),
    Map(Vec<(Scalar, Value)>),
}

#[derive(Clone)]
enum Scalar {
    /// Written as it is.
    Plain(String),
    /// A string, quoted where it must be.
    Text(String),
}

fn shape(value: &Value) -> Result<Shape, String> {
    let plain = |text: String| Shape::Scalar(Scalar::Plain(text));
    Ok(match value {
        Value::Missing | Value::Nil => plain("null".to_owned()),
        Value::Float(_, float) if float.is_nan() => plain(".nan".to_owned()),
        Value::Float(_, float) if float.is_infinite() => {
            plain(if *float > 0.0 { ".inf" } else { "-.inf" }.to_owned())
        }
        Value::Bool(_) | Value::Int(..) | Value::Uint(..) | Value::Float(..) => {
            plain(value.to_string())
        }
        Value::String(text) => Shape::Scalar(Scalar::Text(text.to_string())),
        Value::Bytes(bytes) => {
            Shape::List(bytes.iter().map(|byte| Value::int(i64::from(*byte))).collect())
        }
        Value::List(list) => Shape::List(list.items().to_vec()),
        Value::Map(map) => {
            let mut entries = map.entries().to_vec();
            entries.sort_by(|(a, _), (b, _)| natural(a, b));
            let entries = entries.into_iter().map(|(key, value)| match shape(&key)? {
                Shape::Scalar(key) => Ok((key, value)),
                _ => Err("a key is a list or a map".to_owned()),
            });
            Shape::Map(entries.collect::<Result<_, String>>()?)
        }
        Value::Object(it) if it.is_nil() => plain("null".to_owned()),
        Value::Object(it) => {
            let any: &dyn Any = it.as_ref();
            if let Some(time) = any.downcast_ref::<Time>() {
                return Ok(plain(time.format(RFC3339_NANO)));
            }
            if let Some(scalar) = scalar(it.as_ref()) {
                return shape(&scalar);
            }
            let field = |name: &&str| {
                let value = it.field(name).unwrap_or_default().into_owned();
                (Scalar::Text(name.to_lowercase()), value)
            };
            Shape::Map(it.field_names().iter().map(field).collect())
        }
        Value::Complex(..) | Value::Function(_) => {
            return Err(format!("cannot marshal type: {}", value.type_of()));
        }
    })
}

impl Writer {
    /// A value; what comes before it on its line is written. `in_list` is for the items of a list, which begin on its line.
    fn node(&mut self, value: &Value, indent: usize, in_list: bool) -> Result<(), String> {
        match shape(value)? {
            Shape::Scalar(scalar) => self.scalar(&scalar, indent, false),
            Shape::List(items) if items.is_empty() => self.out.push_str("[]\n"),
            Shape::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 || !in_list {
                        self.indent(indent);
                    }
                    self.out.push_str("- ");
                    self.node(item, indent + STEP, true)?;
                }
            }
            Shape::Map(entries) if entries.is_empty() => self.out.push_str("{}\n"),
            Shape::Map(entries) => {
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 || !in_list {
                        self.indent(indent);
                    }
                    self.entry(key, value, indent)?;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, key: &Scalar, value: &Value, indent: usize) -> Result<(), String> {
        let is_simple = match key {
            Scalar::Plain(_) => true,
            Scalar::Text(text) => text.len() <= 128 && !text.contains('\n'),
        };
        if is_simple {
            self.scalar(key, indent, true);
        } else {
            self.out.push_str("? ");
            self.scalar(key, indent + STEP, false);
            self.indent(indent);
        }
        self.out.push(':');
        let inner = match shape(value)? {
            Shape::List(items) if !items.is_empty() => {
                self.out.push('\n');
                // Lists are as far in as the map that they are in.
                indent
            }
            Shape::Map(entries) if !entries.is_empty() => {
                self.out.push('\n');
                indent + STEP
            }
            _ => {
                self.out.push(' ');
                return self.node(value, indent + STEP, true);
            }
        };
        self.node(value, inner, false)
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn column(&self) -> usize {
        let line = self.out.rsplit('\n').next().unwrap_or_default();
        line.chars().count()
    }

    /// A scalar; the line ends with it unless it is a key.
    fn scalar(&mut self, scalar: &Scalar, indent: usize, is_key: bool) {
        // Also what is at the top goes on further in.
        let indent = indent.max(STEP);
        match scalar {
            Scalar::Plain(text) => self.out.push_str(text),
            Scalar::Text(text) => {
                let facts = Facts::of(text);
                match style(text, &facts, is_key) {
                    Style::Plain => self.folded(text, indent, is_key, |c| c.to_string()),
                    Style::Single => {
                        self.out.push('\'');
                        self.folded(text, indent, is_key, |c| {
                            if c == '\'' { "''".to_owned() } else { c.to_string() }
                        });
                        self.out.push('\'');
                    }
                    Style::Double => self.double(text, indent, is_key),
                    Style::Literal => return self.literal(text, indent),
                }
            }
        }
        if !is_key {
            self.out.push('\n');
        }
    }

    /// A plain or single quoted scalar, which goes on in another line at a single space.
    fn folded(
        &mut self,
        text: &str,
        indent: usize,
        is_key: bool,
        written: impl Fn(char) -> String,
    ) {
        let mut after_space = false;
        let mut characters = text.char_indices().peekable();
        while let Some((index, c)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            let may_break = !is_key && !after_space && index > 0 && next.is_some_and(|c| c != ' ');
            if c == ' ' && may_break && self.column() > WIDTH {
                self.out.push('\n');
                self.indent(indent);
            } else {
                self.out.push_str(&written(c));
            }
            after_space = c == ' ';
        }
    }

    fn double(&mut self, text: &str, indent: usize, is_key: bool) {
        self.out.push('"');
        let mut after_space = false;
        let mut characters = text.char_indices().peekable();
        while let Some((index, c)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            let may_break = !is_key && !after_space && index > 0 && next.is_some();
            if c == ' ' && may_break && self.column() > WIDTH {
                self.out.push('\n');
                self.indent(indent);
                if next == Some(' ') {
                    self.out.push('\\');
                }
            } else if matches!(c, '"' | '\\') || !is_printable(c) || is_break(c) {
                self.out.push_str(&escape(c));
            } else {
                self.out.push(c);
            }
            after_space = c == ' ';
        }
        self.out.push('"');
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            self.out.push_str(&STEP.to_string());
        }
        if !text.ends_with('\n') {
            self.out.push('-');
        } else if text == "\n" || text.ends_with("\n\n") {
            self.out.push('+');
        }
        self.out.push('\n');
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            if !line.is_empty() {
                self.indent(indent);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

fn style(text: &str, facts: &Facts, is_key: bool) -> Style {
    let wanted = if text.contains('\n') {
        Style::Literal
    } else if matches!(resolve(text), Meaning::Text | Meaning::Merge) && !is_base_60(text) {
        Style::Plain
    } else {
        Style::Double
    };
    let wanted = if is_key && facts.has_breaks { Style::Double } else { wanted };
    match wanted {
        Style::Literal if is_key || !facts.may_be_block => Style::Double,
        Style::Plain if facts.may_be_plain && !(text.is_empty() && is_key) => Style::Plain,
        Style::Plain if facts.may_be_single && !(is_key && facts.has_breaks) => Style::Single,
        Style::Plain => Style::Double,
        other => other,
    }
}

/// What a text allows.
#[expect(clippy::struct_excessive_bools, reason = "each of them is a fact of its own")]
struct Facts {
    may_be_plain: bool,
    may_be_single: bool,
    may_be_block: bool,
    has_breaks: bool,
}

impl Facts {
    fn of(text: &str) -> Self {
        let mut before = None;
        let mut facts = Self {
            may_be_plain: !text.starts_with("---") && !text.starts_with("..."),
            may_be_single: true,
            may_be_block: !text.is_empty(),
            has_breaks: text.contains(is_break),
        };
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            let next = characters.peek().copied();
            let before_blank = next.is_none_or(|next| matches!(next, ' ' | '\t'));
            let after_blank =
                before.is_none_or(|before| matches!(before, ' ' | '\t') || is_break(before));
            let indicates = match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"'
                | '%' | '@' | '`'
                    if before.is_none() =>
                {
                    true
                }
                '?' | '-' if before.is_none() => before_blank,
                ':' => before_blank,
                '#' => after_blank,
                _ => false,
            };
            let special = !is_printable(c);
            facts.may_be_plain &= !indicates && !special && !is_break(c);
            if is_break(c) && before == Some(' ') || special {
                facts.may_be_single = false;
                facts.may_be_block = false;
            }
            if c == ' ' && before.is_some_and(is_break) {
                facts.may_be_single = false;
            }
            before = Some(c);
        }
        facts.may_be_plain &= !text.starts_with(' ') && !text.ends_with(' ');
        facts.may_be_block &= !text.ends_with(' ');
        facts
    }
}

const fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Printable, as libyaml has it: a tab is not.
const fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
        && c != '\u{feff}'
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        c => {
            return match u32::from(c) {
                code @ ..=0xff => format!("\\x{code:02X}"),
                code @ ..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

/// Numbers by size, then texts, with numbers in them by size too: `a2` before `a10`.
fn natural(a: &Value, b: &Value) -> Ordering {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => return a.total_cmp(&b),
        (Some(_), None) => return Ordering::Less,
        (None, Some(_)) => return Ordering::Greater,
        (None, None) => {}
    }
    let (Value::String(a), Value::String(b)) = (a, b) else {
        return a.as_str().is_some().cmp(&b.as_str().is_some());
    };
    natural_texts(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
}

#[expect(clippy::cast_precision_loss, reason = "only their order matters")]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(_, int) => Some(*int as f64),
        Value::Uint(_, uint) => Some(*uint as f64),
        Value::Float(_, float) => Some(*float),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        _ => None,
    }
}

fn natural_texts(one: &[char], other: &[char]) -> Ordering {
    let differs = one.iter().zip(other).position(|(one, other)| one != other);
    let Some(at) = differs else { return one.len().cmp(&other.len()) };
    let (Some(first), Some(second)) = (one.get(at), other.get(at)) else { return Ordering::Equal };
    match (first.is_alphabetic(), second.is_alphabetic()) {
        (true, true) => return first.cmp(second),
        // Letters come after everything else.
        (false, true) => return Ordering::Less,
        (true, false) => return Ordering::Greater,
        (false, false) => {}
    }
    // Within a number that has begun before, a zero is a digit like any other.
    let begun = one.get(..at).unwrap_or_default().iter().rev();
    let begun = begun.take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    let start = u64::from((*first == '0' || *second == '0') && begun);
    let read = |text: &[char]| {
        let digits = text.get(at..).unwrap_or_default().iter();
        let digits: Vec<_> = digits.map_while(|c| c.to_digit(10)).collect();
        let number = digits
            .iter()
            .fold(start, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(*digit)));
        (number, digits.len())
    };
    read(one).cmp(&read(other)).then(first.cmp(second))
}
