//! Go's notation of patterns to Rust's: classes are ASCII, a bracket within a class is only a bracket, `\Q` quotes.

use regex_syntax::Error;
use regex_syntax::ast::ErrorKind;

use crate::funcs::put;

/// The same pattern for Rust.
pub(super) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let used = match c {
            '\\' => escape(rest, &mut out, false),
            '[' => class(rest, &mut out),
            '{' if !is_repetition(rest) => {
                out.push_str("\\{");
                1
            }
            c => {
                out.push(c);
                c.len_utf8()
            }
        };
        rest = rest.get(used..).unwrap_or_default();
    }
    out
}

/// Writes an escape, and says how long it is in Go.
fn escape(rest: &str, out: &mut String, in_class: bool) -> usize {
    let Some(c) = rest.chars().nth(1) else {
        out.push('\\');
        return 1;
    };
    let written = match (c, in_class) {
        ('d', true) => "0-9",
        ('d', false) => "[0-9]",
        ('w', true) => "0-9A-Za-z_",
        ('w', false) => "[0-9A-Za-z_]",
        ('s', true) => "\\t\\n\\f\\r ",
        ('s', false) => "[\\t\\n\\f\\r ]",
        ('D', _) => "[^0-9]",
        ('W', _) => "[^0-9A-Za-z_]",
        ('S', _) => "[^\\t\\n\\f\\r ]",
        ('b', false) => "(?-u:\\b)",
        ('B', false) => "(?-u:\\B)",
        ('Q', false) => {
            let quoted = rest.get(2..).unwrap_or_default();
            let (text, used) = match quoted.split_once("\\E") {
                Some((text, _)) => (text, text.len() + 4),
                None => (quoted, rest.len()),
            };
            out.push_str(&regex::escape(text));
            return used;
        }
        ('0'..='7', _) if let Some((code, used)) = octal(rest) => {
            put(out, format_args!("\\x{{{code:x}}}"));
            return used;
        }
        _ => {
            out.push('\\');
            out.push(c);
            return 1 + c.len_utf8();
        }
    };
    out.push_str(written);
    2
}

/// `\012`, or `\12` when it is no group (there are none in Go's patterns).
fn octal(rest: &str) -> Option<(u32, usize)> {
    let digits: String = rest.chars().skip(1).take(3).take_while(|c| c.is_digit(8)).collect();
    let is_octal = digits.starts_with('0') || digits.len() > 1;
    let code = u32::from_str_radix(&digits, 8).ok().filter(|_| is_octal)?;
    Some((code, 1 + digits.len()))
}

/// Writes a class in brackets, and says how long it is in Go.
fn class(rest: &str, out: &mut String) -> usize {
    let mut at = 1;
    out.push('[');
    let next = |at: usize| rest.get(at..).and_then(|rest| rest.chars().next());
    if next(at) == Some('^') {
        out.push('^');
        at += 1;
    }
    // The first bracket belongs to the class.
    if next(at) == Some(']') {
        out.push_str("\\]");
        at += 1;
    }
    while let Some(c) = next(at) {
        let here = rest.get(at..).unwrap_or_default();
        match c {
            ']' => {
                out.push(']');
                return at + 1;
            }
            '[' if here.starts_with("[:") && here.contains(":]") => {
                let end = here.find(":]").map_or(here.len(), |end| end + 2);
                out.push_str(here.get(..end).unwrap_or_default());
                at += end;
            }
            '\\' => at += escape(here, out, true),
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(c);
                at += 1;
            }
            c => {
                out.push(c);
                at += c.len_utf8();
            }
        }
    }
    at
}

/// Whether a brace begins a repetition: `{2}`, `{2,}`, `{2,3}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inner, _)) = rest.get(1..).and_then(|rest| rest.split_once('}')) else {
        return false;
    };
    let (from, to) = inner.split_once(',').unwrap_or((inner, ""));
    let are_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    !from.is_empty() && are_digits(from) && are_digits(to)
}

/// Go's text for what is wrong with a pattern.
pub(super) fn reason(pattern: &str, error: &regex::Error) -> String {
    let parsed = regex_syntax::parse(&translate(pattern));
    let (what, part) = match &parsed {
        Err(Error::Parse(error)) => {
            let span = error.span();
            let translated = error.pattern();
            // An operator without an argument is a point, not a part.
            let end = span.end.offset.max(span.start.offset + 1);
            let part = translated.get(span.start.offset..end).unwrap_or_default();
            match error.kind() {
                ErrorKind::GroupUnclosed => ("missing closing )", pattern),
                ErrorKind::GroupUnopened => ("unexpected )", pattern),
                ErrorKind::ClassUnclosed => ("missing closing ]", unclosed(pattern)),
                ErrorKind::ClassRangeInvalid => ("invalid character class range", part),
                ErrorKind::EscapeUnexpectedEof => ("trailing backslash at end of expression", ""),
                ErrorKind::EscapeUnrecognized => ("invalid escape sequence", part),
                ErrorKind::RepetitionMissing => ("missing argument to repetition operator", part),
                ErrorKind::RepetitionCountInvalid => ("invalid repeat count", part),
                ErrorKind::GroupNameDuplicate { .. } => ("duplicate capture group name", part),
                _ => return format!("error parsing regexp: {error}"),
            }
        }
        _ => return format!("error parsing regexp: {error}"),
    };
    format!("error parsing regexp: {what}: `{part}`")
}

/// The class that has no end.
fn unclosed(pattern: &str) -> &str {
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let mut ignored = String::new();
        let used = match c {
            '\\' => escape(rest, &mut ignored, false),
            '[' => {
                let used = class(rest, &mut ignored);
                if used >= rest.len() && !ignored.ends_with(']') {
                    return rest;
                }
                used
            }
            c => c.len_utf8(),
        };
        rest = rest.get(used..).unwrap_or_default();
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        for (pattern, text, want) in [
            (r"^\d+$", "١٢", false),
            (r"^\w$", "é", false),
            (r"^[^\W\d]+$", "ab", true),
            (r"^[[a]+$", "[a", true),
            (r"^[]a]+$", "]a", true),
            (r"^[a&&b~~]+$", "a&b~", true),
            (r"^[[:alpha:]_]+$", "a_", true),
            (r"\Qa.b\E+$", "a.bb", true),
            (r"^a{,2}$", "a{,2}", true),
            (r"^a{2}$", "aa", true),
            (r"^{$", "{", true),
            (r"\bé", "é", false),
            (r"^\101$", "A", true),
            (r"(?i)^STRASSE$", "straſſe", true),
        ] {
            let regex = regex::Regex::new(&translate(pattern)).unwrap();
            assert_eq!(regex.is_match(text), want, "{pattern} {text}");
        }
    }
}
