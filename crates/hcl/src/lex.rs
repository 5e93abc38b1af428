//! Characters to tokens.

use std::fmt;

use crate::cursor::Cursor;
use crate::error::Error;
use crate::heredoc::heredoc;
use crate::node::Position;
use crate::number::number;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Identifier(String),
    String(String),
    Heredoc(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// One of `{}[],=`.
    Sign(char),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier(text) => write!(f, "'{text}'"),
            Self::String(_) | Self::Heredoc(_) => f.write_str("a string"),
            Self::Integer(_) | Self::Float(_) => f.write_str("a number"),
            Self::Bool(value) => write!(f, "'{value}'"),
            Self::Sign(sign) => write!(f, "'{sign}'"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// The next token and where it begins.
pub(crate) fn token(cursor: &mut Cursor<'_>) -> Result<(Token, Position), Error> {
    skip(cursor)?;
    let position = cursor.position();
    let Some(next) = cursor.peek() else {
        return Ok((Token::End, position));
    };
    let token = match next {
        '{' | '}' | '[' | ']' | ',' | '=' => {
            cursor.next();
            Token::Sign(next)
        }
        '"' => {
            cursor.next();
            Token::String(string(cursor, position)?)
        }
        '<' => {
            cursor.next();
            Token::Heredoc(heredoc(cursor)?)
        }
        _ if is_letter(next) => word(cursor),
        _ if is_number(cursor.rest()) => number(cursor)?,
        _ => return Err(Error::new(position, format!("illegal character {next:?}"))),
    };
    Ok((token, position))
}

/// A letter as keys may begin with.
pub(crate) fn is_letter(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_number(rest: &str) -> bool {
    let digits = rest.strip_prefix(['-', '.']).unwrap_or(rest);
    digits.starts_with(|c: char| c.is_ascii_digit())
}

fn word(cursor: &mut Cursor<'_>) -> Token {
    match cursor.take_while(|c| is_letter(c) || c.is_numeric() || matches!(c, '-' | '.')) {
        "true" => Token::Bool(true),
        "false" => Token::Bool(false),
        word => Token::Identifier(word.to_owned()),
    }
}

/// White space and comments.
fn skip(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    loop {
        cursor.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
        let position = cursor.position();
        match cursor.peek() {
            Some('#') => drop(cursor.line()),
            Some('/') => {
                cursor.next();
                match cursor.next() {
                    Some('/') => drop(cursor.line()),
                    Some('*') => end_of_comment(cursor, position)?,
                    _ => return Err(Error::new(position, "a comment begins with #, // or /*")),
                }
            }
            _ => return Ok(()),
        }
    }
}

fn end_of_comment(cursor: &mut Cursor<'_>, position: Position) -> Result<(), Error> {
    while let Some(next) = cursor.next() {
        if next == '*' && cursor.eat('/') {
            return Ok(());
        }
    }
    Err(Error::new(position, "the comment has no end"))
}

/// What follows a quote. Within `${…}` nothing is changed, and quotes and new lines do not end the string.
fn string(cursor: &mut Cursor<'_>, position: Position) -> Result<String, Error> {
    let mut text = Vec::new();
    let mut braces = 0_u32;
    loop {
        let at = cursor.position();
        let next = match cursor.next() {
            None | Some('\0') => None,
            Some('\n') if braces == 0 => None,
            next => next,
        };
        let next = next.ok_or_else(|| Error::new(position, "the string has no end"))?;
        match next {
            '"' if braces == 0 => {
                return String::from_utf8(text)
                    .map_err(|_| Error::new(position, "the string's escapes make no text"));
            }
            '\\' if braces == 0 => {
                escape(cursor, &mut text).ok_or_else(|| Error::new(at, "illegal escape"))?;
                continue;
            }
            '$' if braces == 0 && cursor.eat('{') => {
                text.extend_from_slice(b"${");
                braces = 1;
                continue;
            }
            '{' if braces > 0 => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
        push(&mut text, next);
    }
}

fn push(text: &mut Vec<u8>, next: char) {
    text.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
}

/// What follows a backslash. `\x41` and `\101` are bytes, `\u00e9` and `\U0001f600` characters.
fn escape(cursor: &mut Cursor<'_>, text: &mut Vec<u8>) -> Option<()> {
    let byte = match cursor.peek()? {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '"' => b'"',
        '0'..='7' => {
            text.push(u8::try_from(digits(cursor, 8, 3)?).ok()?);
            return Some(());
        }
        kind @ ('x' | 'u' | 'U') => {
            cursor.next();
            let count = if kind == 'x' {
                2
            } else if kind == 'u' {
                4
            } else {
                8
            };
            let value = digits(cursor, 16, count)?;
            if kind == 'x' {
                text.push(u8::try_from(value).ok()?);
            } else {
                push(text, char::from_u32(value)?);
            }
            return Some(());
        }
        _ => return None,
    };
    cursor.next();
    text.push(byte);
    Some(())
}

fn digits(cursor: &mut Cursor<'_>, base: u32, count: usize) -> Option<u32> {
    (0..count).try_fold(0_u32, |value, _| {
        let digit = cursor.next()?.to_digit(base)?;
        value.checked_mul(base)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token>, Error> {
        let mut cursor = Cursor::new(text);
        let mut tokens = Vec::new();
        loop {
            match token(&mut cursor)?.0 {
                Token::End => return Ok(tokens),
                token => tokens.push(token),
            }
        }
    }

    #[test]
    fn strings_are_unquoted_but_for_what_is_in_braces() {
        for (text, want) in [
            (r#""""#, ""),
            (r#""a\"b\\\n\t""#, "a\"b\\\n\t"),
            (r#""\x41\101\u00e9\U0001F600""#, "AAé😀"),
            (r#""\xc3\xa9""#, "é"),
            (r#""${a "b" \n {c}} \n""#, "${a \"b\" \\n {c}} \n"),
            ("\"${\n}\"", "${\n}"),
            (r#""%{+Q}o $ {{ $x }}""#, "%{+Q}o $ {{ $x }}"),
            (r#""$${a}\x24{""#, "$${a}${"),
        ] {
            assert_eq!(tokens(text), Ok(vec![Token::String(want.to_owned())]), "{text}");
        }
        for text in [
            r#"""#,
            "\"a\nb\"",
            r#""\d""#,
            r#""\u12""#,
            r#""\777""#,
            r#""\xff""#,
            r#""\ud800""#,
            r#""${""#,
            "\"\0\"",
        ] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }

    #[test]
    fn comments_are_white_space() {
        let text = "a # x\n// y\n/* z\n ** */ b-c.d/**/";
        let words = ["a", "b-c.d"].map(|word| Token::Identifier(word.to_owned()));
        assert_eq!(tokens(text), Ok(words.to_vec()));
        for text in ["/", "/x", "/* *", "a /*/"] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_know_their_place() {
        for (text, want) in [
            ("a\n  ;", "2:3: illegal character ';'"),
            ("é = \"\\q\"", "1:6: illegal escape"),
            ("a = \"b", "1:5: the string has no end"),
            ("a = 5s", "1:5: '5s' is no number; text and durations need quotes"),
            ("\n/* a", "2:1: the comment has no end"),
        ] {
            assert_eq!(tokens(text).unwrap_err().to_string(), want);
        }
    }
}
