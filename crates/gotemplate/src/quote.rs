//! String and character literals as Go writes and reads them.

use std::fmt::Write as _;

/// Whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub(crate) fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // The standard library keeps this table behind `escape_debug`. A combining mark is escaped there only at the start
    // of a string, so that it is asked about after a letter.
    let mut buffer = [b'a'; 5];
    let Some(tail) = buffer.get_mut(1..) else { return false };
    let length = c.encode_utf8(tail).len() + 1;
    let text = buffer.get(..length).and_then(|bytes| str::from_utf8(bytes).ok());
    text.is_some_and(|text| text.escape_debug().nth(1) == Some(c))
}

/// A double-quoted literal, with unprintable characters escaped.
pub(crate) fn quote(text: &str) -> String {
    quote_with(text, '"', false)
}

/// A double-quoted literal in ASCII.
pub(crate) fn quote_ascii(text: &str) -> String {
    quote_with(text, '"', true)
}

/// A single-quoted literal.
pub(crate) fn quote_char(c: char, ascii: bool) -> String {
    quote_with(c.encode_utf8(&mut [0; 4]), '\'', ascii)
}

fn quote_with(text: &str, mark: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for c in text.chars() {
        escape_char(&mut out, c, mark, ascii);
    }
    out.push(mark);
    out
}

/// A double-quoted literal of bytes that need not be UTF-8.
pub(crate) fn quote_bytes(bytes: &[u8], ascii: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape_char(&mut out, c, '"', ascii);
        }
        for byte in chunk.invalid() {
            write_infallible(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn escape_char(out: &mut String, c: char, mark: char, ascii: bool) {
    match c {
        '\\' => out.push_str("\\\\"),
        _ if c == mark => {
            out.push('\\');
            out.push(c);
        }
        _ if is_print(c) && (c.is_ascii() || !ascii) => out.push(c),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ => {
            let code = u32::from(c);
            match code {
                0..0x20 | 0x7f => write_infallible(out, format_args!("\\x{code:02x}")),
                0..0x1_0000 => write_infallible(out, format_args!("\\u{code:04x}")),
                _ => write_infallible(out, format_args!("\\U{code:08x}")),
            }
        }
    }
}

/// Writing into a `String` cannot fail.
pub(crate) fn write_infallible(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(arguments);
    debug_assert!(written.is_ok());
}

/// Whether the text can be a raw string: one line without back quotes and control characters.
pub(crate) fn can_backquote(text: &str) -> bool {
    !text.chars().any(|c| matches!(c, '\u{feff}' | '`' | '\x7f') || (c < ' ' && c != '\t'))
}

/// The value of a quoted or raw literal; `None` for invalid syntax.
///
/// Bytes given by escapes (`\xff`) that are not UTF-8 together become U+FFFD: strings are UTF-8 here.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    let mark = literal.chars().next()?;
    let inner = literal.get(1..)?.strip_suffix(mark)?;
    match mark {
        // Go drops carriage returns from raw strings.
        '`' => (!inner.contains('`')).then(|| inner.replace('\r', "")),
        '"' => {
            let mut bytes = Vec::with_capacity(inner.len());
            let mut rest = inner;
            while !rest.is_empty() {
                let (unit, tail) = unquote_char(rest, '"')?;
                match unit {
                    Unit::Char(c) => {
                        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    Unit::Byte(byte) => bytes.push(byte),
                }
                rest = tail;
            }
            Some(
                String::from_utf8(bytes)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            )
        }
        _ => None,
    }
}

/// One character of a literal.
pub(crate) enum Unit {
    Char(char),
    /// From `\xNN` or `\NNN`.
    Byte(u8),
}

/// Reads one character or escape at the start of `text`, up to the closing `mark`, and returns what follows it.
pub(crate) fn unquote_char(text: &str, mark: char) -> Option<(Unit, &str)> {
    let mut chars = text.chars();
    let c = chars.next()?;
    if c == mark || c == '\n' {
        return None;
    }
    if c != '\\' {
        return Some((Unit::Char(c), chars.as_str()));
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let unit = match escape {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        '\'' | '"' if escape == mark => escape,
        'x' => return digits(rest, 2, 16).and_then(|(n, rest)| byte(n, rest)),
        'u' => return digits(rest, 4, 16).and_then(|(n, rest)| character(n, rest)),
        'U' => return digits(rest, 8, 16).and_then(|(n, rest)| character(n, rest)),
        '0'..='7' => {
            return digits(text.get(1..)?, 3, 8).and_then(|(n, rest)| byte(n, rest));
        }
        _ => return None,
    };
    Some((Unit::Char(unit), rest))
}

fn digits(text: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let (head, tail) = text.split_at_checked(count)?;
    if !head.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some((u32::from_str_radix(head, radix).ok()?, tail))
}

fn byte(number: u32, rest: &str) -> Option<(Unit, &str)> {
    Some((Unit::Byte(u8::try_from(number).ok()?), rest))
}

fn character(number: u32, rest: &str) -> Option<(Unit, &str)> {
    Some((Unit::Char(char::from_u32(number)?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_go_prints() {
        for c in ['a', ' ', 'é', '\u{301}', '世', '☺', '\u{1f600}'] {
            assert!(is_print(c), "{c:?}");
        }
        for c in ['\n', '\u{7f}', '\u{a0}', '\u{ad}', '\u{200b}', '\u{2028}', '\u{e000}'] {
            assert!(!is_print(c), "{c:?}");
        }
    }

    #[test]
    fn quotes_and_unquotes() {
        let rows = [
            ("a\"b", r#""a\"b""#),
            ("\u{7}\n\u{1}\u{7f}", r#""\a\n\x01\x7f""#),
            ("é\u{a0}\u{10ffff}", r#""é\u00a0\U0010ffff""#),
        ];
        for (text, literal) in rows {
            assert_eq!(quote(text), literal);
            assert_eq!(unquote(literal).as_deref(), Some(text));
        }
        assert_eq!(unquote(r#""\xc3\xa9\101""#).as_deref(), Some("éA"));
        assert_eq!(unquote(r#""\'""#), None);
        assert_eq!(unquote(r#""\ud800""#), None);
        assert_eq!(quote_bytes(b"a\xffb", false), r#""a\xffb""#);
    }
}
