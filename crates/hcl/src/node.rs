//! The tree; each node knows its place.

use std::fmt;

/// A place in the text, counted from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl Position {
    /// The first character.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is between two braces, or the whole text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// In the order of the text; a key may come several times.
    pub entries: Vec<Entry>,
}

/// `key = value`, or `key "label" { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// What is between the key and the brace.
    pub labels: Vec<Key>,
    /// The value.
    pub value: Value,
}

/// A key or a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Without its quotes.
    pub text: String,
    /// Where it begins.
    pub position: Position,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it begins.
    pub position: Position,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool(bool),
    /// `5`, `-5`, `0600` (octal) or `0x1f`.
    Integer(i64),
    /// `1.5` or `2e3`.
    Float(f64),
    /// `"text"` or a heredoc, with `${…}` as it is; JSON's `null` is the empty one, as in the original.
    String(String),
    /// `[…]`.
    List(Vec<Value>),
    /// `{…}`.
    Object(Object),
}

impl Kind {
    /// What errors call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}
