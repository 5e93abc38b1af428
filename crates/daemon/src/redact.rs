//! Values that must not reach a log.

use std::fmt;

/// Holds a value whose `Debug` and `Display` print `[redacted]`.
///
/// It keeps tokens and configuration values out of logs and error texts by construction. It does not clear memory: the
/// values end in HTTP headers and in the environment of a child anyway.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Redacted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_nothing_of_the_value() {
        let token = Redacted::new("s3cr3t");
        assert_eq!(format!("{token} {token:?}"), "[redacted] [redacted]");
        assert_eq!(*token.expose(), "s3cr3t");
    }
}
