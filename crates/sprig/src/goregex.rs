//! Go's regular expressions: its syntax, its error texts, and its ways to replace and to split.
//!
//! Patterns are checked and translated for the `regex` crate, which comes from the same family. `\d`, `\w`, `\s` and `\b`
//! are ASCII in Go, and `{`, `[` and `&&` are literal in places where they are not there.

mod replacement;
mod translate;

use gotemplate::{Error, Value};

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct GoRegex(regex::Regex);

impl GoRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// What Go says of a pattern that it refuses: `` error parsing regexp: missing closing ): `(a` ``.
    pub fn new(pattern: &str) -> Result<Self, Error> {
        let refused =
            |what: &str, part: &str| Error::new(format!("error parsing regexp: {what}: `{part}`"));
        let translated =
            translate::translate(pattern).map_err(|failure| refused(failure.what, failure.part))?;
        match regex::Regex::new(&translated) {
            Ok(regex) => Ok(Self(regex)),
            Err(regex::Error::CompiledTooBig(_)) => Err(refused("expression too large", pattern)),
            Err(_) => Err(refused("invalid or unsupported Perl syntax", pattern)),
        }
    }

    /// Compiles a pattern for a function that does not expect an error.
    ///
    /// # Errors
    ///
    /// What Go panics with.
    pub(crate) fn must(pattern: &str) -> Result<Self, Error> {
        Self::new(pattern).map_err(|error| {
            let can_backquote = !pattern
                .contains(|c| matches!(c, '\u{feff}' | '`' | '\x7f') || (c < ' ' && c != '\t'));
            let quoted = if can_backquote {
                format!("`{pattern}`")
            } else {
                gotemplate::sprintf("%q", &[Value::from(pattern)])
            };
            Error::new(format!("regexp: Compile({quoted}): {error}"))
        })
    }

    /// Whether it matches anywhere.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The first match.
    pub fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.0.find(text).map(|found| found.as_str())
    }

    /// The first matches, at most so many, or all of a negative number.
    pub fn find_all<'t>(&self, text: &'t str, limit: i64) -> Vec<&'t str> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.0.find_iter(text).take(limit).map(|found| found.as_str()).collect()
    }

    /// Replaces every match; `$1`, `${1}` and `${name}` stand for groups.
    pub fn replace_all(&self, text: &str, replacement: &str) -> String {
        self.0.replace_all(text, replacement::translate(replacement).as_str()).into_owned()
    }

    /// Replaces every match by the same text.
    pub fn replace_all_literal(&self, text: &str, replacement: &str) -> String {
        self.0.replace_all(text, regex::NoExpand(replacement)).into_owned()
    }

    /// The parts between matches, at most so many, or all of a negative number.
    pub fn split<'t>(&self, text: &'t str, limit: i64) -> Vec<&'t str> {
        if limit == 0 {
            return Vec::new();
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if text.is_empty() && !self.0.as_str().is_empty() {
            return vec![""];
        }
        let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
        for found in self.0.find_iter(text).take(limit) {
            if parts.len() + 1 == limit {
                break;
            }
            end = found.start();
            if found.end() != 0 {
                parts.push(text.get(begin..end).unwrap_or_default());
            }
            begin = found.end();
        }
        if end != text.len() {
            parts.push(text.get(begin..).unwrap_or_default());
        }
        parts
    }
}

/// Puts a backslash before every character that means something in a pattern.
pub fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ascii() {
        let rows = [
            (r"^\d+$", "12", true),
            (r"^\d+$", "١٢", false),
            (r"^\w+$", "naïve", false),
            (r"^[\w\s]+$", "a b", true),
            (r"^[\D]$", "é", true),
            (r"^.$", "é", true),
            (r"^[a[b]$", "[", true),
            (r"^[a&&b]$", "&", true),
            (r"^[+--]$", ",", true),
            (r"^a{x}$", "a{x}", true),
            (r"^\w<>\w$", "a<>b", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"(?i)^ÉTÉ$", "été", true),
            (r"^\x{e9}\141\_$", "éa_", true),
        ];
        for (pattern, text, want) in rows {
            assert_eq!(GoRegex::new(pattern).unwrap().is_match(text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn splits() {
        let split = |pattern: &str, text, limit| {
            GoRegex::new(pattern).unwrap().split(text, limit).join("|")
        };
        assert_eq!(split("a", "banana", -1), "b|n|n|");
        assert_eq!(split("a", "banana", 2), "b|nana");
        assert_eq!(split("a*", "baac", -1), "b|c");
        assert_eq!(split("", "été", -1), "é|t|é");
    }
}
