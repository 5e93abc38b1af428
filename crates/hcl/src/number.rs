//! Numbers: Go's integers with base 0, and its floats.

use crate::cursor::Cursor;
use crate::error::Error;
use crate::lex::Token;

/// Reads a number; the next character is a digit, a minus before a digit, or a point before one.
pub(crate) fn number(cursor: &mut Cursor<'_>) -> Result<Token, Error> {
    let position = cursor.position();
    let mut after_exponent = false;
    let mut text = String::new();
    // Everything that looks like a part of it belongs to it, so that `5s` is one mistake and not two tokens.
    while let Some(next) = cursor.peek() {
        let is_sign = matches!(next, '-' | '+') && (text.is_empty() || after_exponent);
        if !(is_sign || next.is_alphanumeric() || matches!(next, '.' | '_')) {
            break;
        }
        after_exponent = matches!(next, 'e' | 'E') && !is_hexadecimal(&text);
        text.push(next);
        cursor.next();
    }
    parse(&text).ok_or_else(|| {
        Error::new(position, format!("'{text}' is no number; text and durations need quotes"))
    })
}

fn is_hexadecimal(text: &str) -> bool {
    let digits = text.trim_start_matches('-');
    digits.starts_with("0x") || digits.starts_with("0X")
}

fn parse(text: &str) -> Option<Token> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let integer = |digits: &str, base| {
        // `from_str_radix` takes a sign of its own.
        let is_plain = digits.starts_with(|c: char| c.is_ascii_hexdigit());
        let digits = format!("{sign}{digits}");
        is_plain.then(|| i64::from_str_radix(&digits, base).ok()).flatten().map(Token::Integer)
    };
    if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return integer(digits, 16);
    }
    if digits.bytes().all(|digit| digit.is_ascii_digit()) {
        let octal = digits.strip_prefix('0').filter(|rest| !rest.is_empty());
        return octal.map_or_else(|| integer(digits, 10), |digits| integer(digits, 8));
    }
    // Rust also reads `inf` and `nan`, which the original does not know.
    let is_float =
        digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    let float: f64 = text.parse().ok().filter(|_| is_float)?;
    float.is_finite().then_some(Token::Float(float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, want) in [
            ("0", Token::Integer(0)),
            ("42", Token::Integer(42)),
            ("-42", Token::Integer(-42)),
            ("0600", Token::Integer(0o600)),
            ("-017", Token::Integer(-15)),
            ("0x1F", Token::Integer(31)),
            ("0XeE", Token::Integer(0xee)),
            ("9223372036854775807", Token::Integer(i64::MAX)),
            ("-9223372036854775808", Token::Integer(i64::MIN)),
            ("1.5", Token::Float(1.5)),
            (".5", Token::Float(0.5)),
            ("1.", Token::Float(1.0)),
            ("0755.5", Token::Float(755.5)),
            ("1e3", Token::Float(1000.0)),
            ("1.5E-1", Token::Float(0.15)),
            ("-2e+2", Token::Float(-200.0)),
        ] {
            let mut cursor = Cursor::new(text);
            assert_eq!(number(&mut cursor), Ok(want), "{text}");
            assert_eq!(cursor.rest(), "", "{text}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "5s",
            "1.2.3",
            "09",
            "0x",
            "0xg",
            "1_000",
            "1e",
            "1e999",
            "0o17",
            "9223372036854775808",
        ] {
            assert!(number(&mut Cursor::new(text)).is_err(), "{text}");
        }
    }
}
