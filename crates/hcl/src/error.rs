//! What can be wrong, with its place.

use std::fmt;

use crate::node::Position;

/// The first thing that is wrong: `line:column: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where.
    pub position: Position,
    /// What.
    pub reason: String,
}

impl Error {
    /// An error at a place.
    pub fn new(position: Position, reason: impl Into<String>) -> Self {
        Self { position, reason: reason.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.reason)
    }
}

impl std::error::Error for Error {}
