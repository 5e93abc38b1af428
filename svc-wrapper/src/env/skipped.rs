//! What became no variable, and why (pure). Names and keys only: it is made to be logged.

use std::fmt;

/// Something that became no variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The whole key, with the path in its value where one was expanded; a name for what never was a key.
    pub key: String,
    /// Why.
    pub why: Reason,
}

/// Why something became no variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It ends with `/`.
    Folder,
    /// It lies in a folder below the prefix.
    Nested,
    /// It is no portable name of a variable.
    Name,
    /// The scheduler, the loader or the shell owns the name.
    Reserved,
    /// The lists of names leave it out.
    Filtered,
    /// The value holds a NUL byte.
    Nul,
    /// Name and value together are longer than a variable can be.
    TooLong,
    /// All variables together are more than a process can be started with, and this is among the largest.
    NoRoom,
    /// This other key becomes the same variable.
    Collision(String),
    /// The value refers to a variable that does not exist.
    Unset(String),
    /// The value refers to itself, perhaps through others.
    Circle,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => f.write_str("a folder"),
            Self::Nested => f.write_str("in a folder"),
            Self::Name => f.write_str("no name of a variable"),
            Self::Reserved => f.write_str("a reserved name"),
            Self::Filtered => f.write_str("not among the allowed names"),
            Self::Nul => f.write_str("a NUL byte in the value"),
            Self::TooLong => f.write_str("too long"),
            Self::NoRoom => f.write_str("no room for it in the environment"),
            Self::Collision(key) => write!(f, "the same variable as {key:?}"),
            Self::Unset(name) => write!(f, "it refers to {name}, which is not set"),
            Self::Circle => f.write_str("it refers to itself in a circle"),
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.key, self.why)
    }
}
