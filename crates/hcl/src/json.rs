//! JSON in place of HCL.

use crate::MAX_DEPTH;
use crate::cursor::Cursor;
use crate::error::Error;
use crate::node::{Entry, Key, Kind, Object, Position, Value};

/// Reads a whole text, which is one object.
pub(crate) fn parse(text: &str) -> Result<Object, Error> {
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0 };
    let value = parser.value()?;
    parser.skip();
    match value.kind {
        Kind::Object(object) if parser.cursor.peek().is_none() => Ok(object),
        _ => Err(parser.unexpected("the end")),
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    depth: usize,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.cursor.take_while(char::is_whitespace);
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found = self.cursor.peek().map_or_else(|| "the end".to_owned(), |c| format!("{c:?}"));
        Error::new(self.cursor.position(), format!("expected {expected}, found {found}"))
    }

    fn expect(&mut self, sign: char) -> Result<(), Error> {
        self.skip();
        if self.cursor.eat(sign) { Ok(()) } else { Err(self.unexpected(&format!("'{sign}'"))) }
    }

    fn value(&mut self) -> Result<Value, Error> {
        self.skip();
        let position = self.cursor.position();
        let kind = match self.cursor.peek() {
            Some('{') => self.nested(position, Self::object)?,
            Some('[') => self.nested(position, Self::list)?,
            Some('"') => Kind::String(self.string()?),
            Some(c) if c == '-' || c.is_ascii_digit() => self.number()?,
            _ => self.word()?,
        };
        Ok(Value { position, kind })
    }

    fn word(&mut self) -> Result<Kind, Error> {
        let mut ahead = self.cursor.clone();
        let kind = match ahead.take_while(char::is_alphanumeric) {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::String(String::new()),
            _ => return Err(self.unexpected("a value")),
        };
        self.cursor = ahead;
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind, Error> {
        let position = self.cursor.position();
        let belongs = |c: char| c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '_');
        let text = self.cursor.take_while(belongs);
        let digits = text.strip_prefix('-').unwrap_or(text);
        let has_leading_zero = digits.len() > 1
            && digits.bytes().take(2).all(|c| c.is_ascii_digit())
            && digits.starts_with('0');
        let is_number =
            text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
        let kind = if digits.bytes().all(|c| c.is_ascii_digit()) {
            text.parse().ok().map(Kind::Integer)
        } else {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Kind::Float)
        };
        kind.filter(|_| is_number && !has_leading_zero)
            .ok_or_else(|| Error::new(position, format!("'{text}' is no number")))
    }

    fn nested(
        &mut self,
        position: Position,
        read: impl Fn(&mut Self) -> Result<Kind, Error>,
    ) -> Result<Kind, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new(position, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.cursor.next();
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn object(&mut self) -> Result<Kind, Error> {
        let mut entries = Vec::new();
        while !self.ends('}', entries.is_empty())? {
            let position = self.cursor.position();
            let key = Key { text: self.string()?, position };
            self.expect(':')?;
            entries.push(Entry { key, labels: Vec::new(), value: self.value()? });
        }
        Ok(Kind::Object(Object { entries }))
    }

    fn list(&mut self) -> Result<Kind, Error> {
        let mut elements = Vec::new();
        while !self.ends(']', elements.is_empty())? {
            elements.push(self.value()?);
        }
        Ok(Kind::List(elements))
    }

    /// Whether the end is here; if not, the comma that must be before all elements but the first. The last one may have
    /// one behind it.
    fn ends(&mut self, end: char, is_first: bool) -> Result<bool, Error> {
        self.skip();
        if self.cursor.eat(end) {
            return Ok(true);
        }
        if !is_first {
            if !self.cursor.eat(',') {
                return Err(self.unexpected(&format!("',' or '{end}'")));
            }
            self.skip();
            return Ok(self.cursor.eat(end));
        }
        Ok(false)
    }

    fn string(&mut self) -> Result<String, Error> {
        let position = self.cursor.position();
        if !self.cursor.eat('"') {
            return Err(self.unexpected("'\"'"));
        }
        let mut text = String::new();
        loop {
            let at = self.cursor.position();
            match self.cursor.next() {
                Some('"') => return Ok(text),
                Some('\\') => {
                    text.push(self.escape().ok_or_else(|| Error::new(at, "illegal escape"))?);
                }
                Some(c) if !c.is_control() || c == '\u{7f}' => text.push(c),
                _ => return Err(Error::new(position, "the string has no end")),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.cursor.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(),
            c @ ('"' | '\\' | '/') => c,
            _ => return None,
        })
    }

    /// Four digits, or two times four for what is beyond 16 bits.
    fn unicode(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first.into());
        }
        let second = (self.cursor.eat('\\') && self.cursor.eat('u')).then(|| self.unit())??;
        char::decode_utf16([first, second]).next()?.ok()
    }

    fn unit(&mut self) -> Option<u16> {
        (0..4).try_fold(0_u16, |unit, _| {
            let digit = u16::try_from(self.cursor.next()?.to_digit(16)?).ok()?;
            Some(unit << 4 | digit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Result<Kind, Error> {
        parse(&format!("{{\"a\": {text}}}")).map(|object| object.entries[0].value.kind.clone())
    }

    #[test]
    fn reads_values() {
        let string = |text: &str| Kind::String(text.to_owned());
        for (text, want) in [
            ("1", Kind::Integer(1)),
            ("-7", Kind::Integer(-7)),
            ("0.5", Kind::Float(0.5)),
            ("1e3", Kind::Float(1000.0)),
            ("true", Kind::Bool(true)),
            ("null", string("")),
            (r#""\"\\\/\b\n\u00e9\ud83d\ude00${\"x\"}""#, string("\"\\/\u{8}\né😀${\"x\"}")),
            ("{}", Kind::Object(Object::default())),
            ("[]", Kind::List(Vec::new())),
        ] {
            assert_eq!(only(text), Ok(want), "{text}");
        }
        let object = parse(" {\n \"a\" : [1, 2,], \"a\": {\"b\": 1,},}\n").unwrap();
        assert_eq!(object.entries.len(), 2);
        assert_eq!(object.entries[1].key.position, Position { line: 2, column: 17 });
    }

    #[test]
    fn says_what_it_expected_where() {
        for (text, want) in [
            ("{", "1:2: expected '\"', found the end"),
            ("{\"a\"}", "1:5: expected ':', found '}'"),
            ("{\"a\": }", "1:7: expected a value, found '}'"),
            ("{\"a\": 1", "1:8: expected ',' or '}', found the end"),
            ("{\"a\": 1} x", "1:10: expected the end, found 'x'"),
            ("{\"a\": [1 2]}", "1:10: expected ',' or ']', found '2'"),
            ("{\"a\": 0600}", "1:7: '0600' is no number"),
            ("{\"a\": 1.}x", "1:10: expected the end, found 'x'"),
            ("{\"a\": \"\\d\"}", "1:8: illegal escape"),
            ("{\"a\": \"\\ud800\"}", "1:8: illegal escape"),
            ("{\"a\": \"x\n\"}", "1:7: the string has no end"),
            ("{a: 1}", "1:2: expected '\"', found 'a'"),
            ("{,}", "1:2: expected '\"', found ','"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), want, "{text}");
        }
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(only(&nested(MAX_DEPTH - 1)).is_ok());
        assert!(only(&nested(1_000_000)).is_err());
        assert!(parse(&"{\"a\":".repeat(1_000_000)).is_err());
    }
}
