//! Patterns of names: `*` for any characters, `?` for one (pure).

use std::str::FromStr;

use thiserror::Error;

/// A pattern of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

/// A pattern that no name can match.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' matches no name: expected letters, digits, '_', '*' and '?'")]
pub struct GlobError(String);

impl Glob {
    /// Whether it matches all of `name`. Takes at most the product of both lengths, whatever the pattern.
    pub fn matches(&self, name: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.as_bytes(), name.as_bytes());
        let mut retry: Option<(&[u8], &[u8])> = None;
        loop {
            match (pattern, rest) {
                ([b'*', after @ ..], _) => {
                    retry = Some((after, rest));
                    pattern = after;
                }
                ([wanted, after @ ..], [byte, more @ ..]) if [b'?', *byte].contains(wanted) => {
                    (pattern, rest) = (after, more);
                }
                ([], []) => return true,
                _ => {
                    // The last star takes one more; earlier stars cannot help where it fails.
                    let Some((after, [_, more @ ..])) = retry else { return false };
                    retry = Some((after, more));
                    (pattern, rest) = (after, more);
                }
            }
        }
    }
}

impl FromStr for Glob {
    type Err = GlobError;

    fn from_str(text: &str) -> Result<Self, GlobError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'*' | b'?');
        if text.is_empty() || !text.bytes().all(fits) {
            return Err(GlobError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_names() {
        for (pattern, name, want) in [
            ("DB", "DB", true),
            ("DB", "DB_URL", false),
            ("DB_*", "DB_URL", true),
            ("DB_*", "DB_", true),
            ("*_URL", "DB_URL", true),
            ("*_URL", "DB_URLS", false),
            ("*A*B", "xAxBxB", true),
            ("*A*B", "xBxA", false),
            ("D?", "DB", true),
            ("D?", "D", false),
            ("*", "", true),
            ("**", "x", true),
        ] {
            assert_eq!(pattern.parse::<Glob>().unwrap().matches(name), want, "{pattern} {name}");
        }
        let stars: Glob = "*a".repeat(500).parse().unwrap();
        assert!(!stars.matches(&"a".repeat(499)));
    }

    #[test]
    fn refuses_what_no_name_can_match() {
        for pattern in ["", "a-b", "[ab]", "a.b", "a b", "é"] {
            assert!(pattern.parse::<Glob>().is_err(), "{pattern}");
        }
    }
}
