//! From the tree of a configuration file to values, with the place of what is wrong.
//!
//! What converts to what is mapstructure's, which consul-template reads its files with: a number is taken for a duration in
//! nanoseconds and cut to an integer, a string is split at commas where a list is expected, but no string is a number or a
//! boolean. Names of keys may have any case.

use std::time::Duration;

use daemon::duration;
use daemon::redact::Redacted;
use hcl::{Entry, Error, Kind, Object, Position, Value};

use super::signal;

/// Where in which file decoding is, and what it noticed on the way.
#[derive(Debug)]
pub(super) struct Scope {
    /// The file, as messages name it.
    pub(super) file: String,
    /// What has no effect.
    pub(super) warnings: Vec<String>,
    path: Vec<&'static str>,
}

impl Scope {
    pub(super) const fn new(file: String) -> Self {
        Self { file, warnings: Vec::new(), path: Vec::new() }
    }

    /// `consul.retry.attempts`
    fn path(&self) -> String {
        self.path.join(".")
    }

    pub(super) fn wrong(&self, value: &Value, reason: impl std::fmt::Display) -> Error {
        Error::new(value.position, format!("{}: {reason}", self.path()))
    }

    pub(super) fn expected(&self, what: &str, value: &Value) -> Error {
        self.wrong(value, format_args!("expected {what}, found {}", value.kind.name()))
    }
}

/// A value that can be read from a file.
pub(super) trait Decode: Sized {
    /// Reads one value.
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error>;

    /// Reads what a file gives for a key.
    fn decode_given(given: &Given<'_>, scope: &mut Scope) -> Result<Self, Error> {
        Self::decode(given.last, scope)
    }
}

/// What a file gives for a key, which may be there several times.
pub(super) struct Given<'a> {
    pub(super) earlier: Vec<&'a Value>,
    /// It counts, but for templates, which all count.
    pub(super) last: &'a Value,
}

/// A section's keys, from which what is known is taken.
pub(super) struct Fields<'a> {
    entries: Vec<&'a Entry>,
}

impl<'a> Fields<'a> {
    /// The keys of a section: of the last one, when it is there several times.
    pub(super) fn of(given: &Given<'a>, scope: &mut Scope) -> Result<Self, Error> {
        let mut blocks = blocks(given.last).unwrap_or_default();
        let (object, _) = blocks.pop().ok_or_else(|| scope.expected("a section", given.last))?;
        if let Some(earlier) =
            given.earlier.first().map(|value| value.position).or(blocks.first().map(|it| it.1))
        {
            let (file, path) = (&scope.file, scope.path());
            let warning =
                format!("{file}:{earlier}: {path} has no effect: it is there again below");
            scope.warnings.push(warning);
        }
        Ok(Self::of_object(object))
    }

    /// The keys of a whole file, or of one template.
    pub(super) fn of_object(object: &'a Object) -> Self {
        Self { entries: object.entries.iter().collect() }
    }

    /// The value of a key, if it is there.
    pub(super) fn take<T: Decode>(
        &mut self,
        key: &'static str,
        scope: &mut Scope,
    ) -> Result<Option<T>, Error> {
        let (taken, left) =
            self.entries.drain(..).partition(|entry| entry.key.text.eq_ignore_ascii_case(key));
        self.entries = left;
        let taken: Vec<&Entry> = taken;
        if let Some(label) = taken.iter().find_map(|entry| entry.labels.first()) {
            let reason = format!("'{}' is between {key} and its brace", label.text);
            return Err(Error::new(label.position, reason));
        }
        let mut earlier: Vec<_> = taken.into_iter().map(|entry| &entry.value).collect();
        let Some(last) = earlier.pop() else {
            return Ok(None);
        };
        scope.path.push(key);
        let value = T::decode_given(&Given { earlier, last }, scope)?;
        scope.path.pop();
        Ok(Some(value))
    }

    /// Complains about what is left.
    pub(super) fn finish(self, scope: &Scope, known: &[&str]) -> Result<(), Error> {
        let Some(Entry { key, .. }) = self.entries.first() else {
            return Ok(());
        };
        let of = if scope.path.is_empty() { String::new() } else { format!("{}: ", scope.path()) };
        let known = known.join(", ");
        let reason = format!("{of}unknown key '{}'; known are {known}", key.text);
        Err(Error::new(key.position, reason))
    }
}

/// A section, or the list of sections that JSON writes for several, with their places.
pub(super) fn blocks(value: &Value) -> Option<Vec<(&Object, Position)>> {
    match &value.kind {
        Kind::List(list) => list.iter().map(block).collect(),
        _ => block(value).map(|block| vec![block]),
    }
}

fn block(value: &Value) -> Option<(&Object, Position)> {
    match &value.kind {
        Kind::Object(object) => Some((object, value.position)),
        _ => None,
    }
}

impl Decode for String {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        match &value.kind {
            Kind::String(text) => Ok(text.clone()),
            _ => Err(scope.expected("a string", value)),
        }
    }
}

impl Decode for Redacted<String> {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        String::decode(value, scope).map(Self::new)
    }
}

impl Decode for bool {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        match value.kind {
            Kind::Bool(value) => Ok(value),
            _ => Err(scope.expected("true or false", value)),
        }
    }
}

impl Decode for i64 {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        match value.kind {
            Kind::Integer(number) => Ok(number),
            #[expect(clippy::cast_possible_truncation, reason = "as Go cuts it")]
            Kind::Float(number) => Ok(number as Self),
            _ => Err(scope.expected("an integer", value)),
        }
    }
}

impl Decode for u32 {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        let number = i64::decode(value, scope)?;
        Self::try_from(number)
            .map_err(|_| scope.wrong(value, format_args!("{number} is out of range")))
    }
}

impl Decode for f64 {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        match value.kind {
            Kind::Float(number) => Ok(number),
            #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
            Kind::Integer(number) => Ok(number as Self),
            _ => Err(scope.expected("a number", value)),
        }
    }
}

impl Decode for Duration {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        match &value.kind {
            Kind::String(text) => duration::parse(text).map_err(|error| scope.wrong(value, error)),
            Kind::Integer(_) | Kind::Float(_) => {
                let nanos = i64::decode(value, scope)?;
                let nanos = u64::try_from(nanos);
                nanos.map(Self::from_nanos).map_err(|_| scope.wrong(value, "it is negative"))
            }
            _ => Err(scope.expected("a duration such as \"30s\"", value)),
        }
    }
}

impl Decode for Vec<String> {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        match &value.kind {
            Kind::String(text) if text.is_empty() => Ok(Self::new()),
            Kind::String(text) => Ok(text.split(',').map(str::to_owned).collect()),
            Kind::List(list) => list.iter().map(|value| String::decode(value, scope)).collect(),
            _ => Err(scope.expected("a list of strings", value)),
        }
    }
}

/// A command's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words(pub(super) Vec<String>);

impl Decode for Words {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        Vec::decode(value, scope).map(Self)
    }
}

/// A line for the shell, or a command's words: a comma does not split it, as it does in consul-template's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line(pub(super) Vec<String>);

impl Decode for Line {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        match &value.kind {
            Kind::String(line) => Ok(Self(vec![line.clone()])),
            _ => Vec::decode(value, scope).map(Self),
        }
    }
}

/// A signal, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signal(pub(super) Option<rustix::process::Signal>);

impl Decode for Signal {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        match &value.kind {
            Kind::String(name) if name.is_empty() => Ok(Self(None)),
            Kind::String(name) => {
                signal::parse(name).map(Self).map_err(|error| scope.wrong(value, error))
            }
            _ => Err(scope.expected("the name of a signal", value)),
        }
    }
}

/// A file's mode: a number as it is, a string in octal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode(pub(super) u32);

impl Decode for Mode {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        let mode = match &value.kind {
            Kind::String(digits) => u32::from_str_radix(digits, 8).ok(),
            Kind::Integer(_) | Kind::Float(_) => u32::try_from(i64::decode(value, scope)?).ok(),
            _ => return Err(scope.expected("a mode such as 0644", value)),
        };
        mode.filter(|mode| *mode <= 0o7777)
            .map(Self)
            .ok_or_else(|| scope.wrong(value, "no mode: expected octal digits such as 0644"))
    }
}

/// A part in percent: `50` or `"50%"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Percent(pub(super) u8);

impl Decode for Percent {
    fn decode(value: &Value, scope: &mut Scope) -> Result<Self, Error> {
        let percent = match &value.kind {
            Kind::String(text) => text.strip_suffix('%').and_then(|digits| digits.parse().ok()),
            Kind::Integer(number) => u8::try_from(*number).ok(),
            _ => None,
        };
        percent
            .filter(|percent| *percent <= 100)
            .map(Self)
            .ok_or_else(|| scope.wrong(value, "expected a part such as \"50%\""))
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(
    value: &Value,
    scope: &mut Scope,
    words: &[(&str, T)],
) -> Result<T, Error> {
    let text = String::decode(value, scope)?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        scope.wrong(value, format_args!("expected {}, found \"{text}\"", known.join(" or ")))
    })
}
