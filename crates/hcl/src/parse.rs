//! Tokens to the tree.

use crate::MAX_DEPTH;
use crate::cursor::Cursor;
use crate::error::Error;
use crate::lex::{self, Token};
use crate::node::{Entry, Key, Kind, Object, Position, Value};

/// Reads a whole text.
pub(crate) fn parse(text: &str) -> Result<Object, Error> {
    let mut cursor = Cursor::new(text);
    let next = lex::token(&mut cursor)?;
    let mut parser = Parser { cursor, next, depth: 0 };
    let object = parser.entries(&Token::End)?;
    Ok(object)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    next: (Token, Position),
    depth: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<(Token, Position), Error> {
        let following = lex::token(&mut self.cursor)?;
        Ok(std::mem::replace(&mut self.next, following))
    }

    fn eat(&mut self, sign: char) -> Result<bool, Error> {
        let is_there = self.next.0 == Token::Sign(sign);
        if is_there {
            self.advance()?;
        }
        Ok(is_there)
    }

    fn unexpected(&self, expected: &str) -> Error {
        let (found, position) = &self.next;
        Error::new(*position, format!("expected {expected}, found {found}"))
    }

    /// Entries up to the token that ends them, and that token. Commas may stand between them.
    fn entries(&mut self, end: &Token) -> Result<Object, Error> {
        let mut entries = Vec::new();
        while self.next.0 != *end {
            entries.push(self.entry()?);
            self.eat(',')?;
        }
        if *end != Token::End {
            self.advance()?;
        }
        Ok(Object { entries })
    }

    fn entry(&mut self) -> Result<Entry, Error> {
        let key = self.key()?.ok_or_else(|| self.unexpected("a key"))?;
        let mut labels = Vec::new();
        while let Some(label) = self.key()? {
            labels.push(label);
        }
        let is_assigned = labels.is_empty() && self.eat('=')?;
        if !is_assigned && self.next.0 != Token::Sign('{') {
            let expected = if labels.is_empty() { "'=' or '{'" } else { "'{'" };
            return Err(self.unexpected(&format!("{expected} after '{}'", key.text.escape_debug())));
        }
        Ok(Entry { key, labels, value: self.value()? })
    }

    fn key(&mut self) -> Result<Option<Key>, Error> {
        if !matches!(self.next.0, Token::Identifier(_) | Token::String(_)) {
            return Ok(None);
        }
        Ok(match self.advance()? {
            (Token::Identifier(text) | Token::String(text), position) => {
                Some(Key { text, position })
            }
            _ => None,
        })
    }

    fn value(&mut self) -> Result<Value, Error> {
        if !is_value(&self.next.0) {
            return Err(self.unexpected("a value"));
        }
        let (token, position) = self.advance()?;
        let kind = match token {
            Token::String(text) | Token::Heredoc(text) => Kind::String(text),
            Token::Integer(number) => Kind::Integer(number),
            Token::Float(number) => Kind::Float(number),
            Token::Bool(value) => Kind::Bool(value),
            open => self.nested(&open, position)?,
        };
        Ok(Value { position, kind })
    }

    fn nested(&mut self, open: &Token, position: Position) -> Result<Kind, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new(position, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let kind = if *open == Token::Sign('{') {
            Kind::Object(self.entries(&Token::Sign('}'))?)
        } else {
            Kind::List(self.elements()?)
        };
        self.depth -= 1;
        Ok(kind)
    }

    /// Elements with commas between them; more commas than needed do no harm.
    fn elements(&mut self) -> Result<Vec<Value>, Error> {
        let mut elements = Vec::new();
        loop {
            while self.eat(',')? {}
            if self.eat(']')? {
                return Ok(elements);
            }
            elements.push(self.value()?);
            if !matches!(self.next.0, Token::Sign(',' | ']')) {
                return Err(self.unexpected("',' or ']'"));
            }
        }
    }
}

const fn is_value(token: &Token) -> bool {
    !matches!(token, Token::Identifier(_) | Token::End | Token::Sign('}' | ']' | ',' | '='))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in one line: `key=value`, `key"label"{…}`.
    fn shown(object: &Object) -> String {
        let entry = |entry: &Entry| {
            let labels: Vec<_> =
                entry.labels.iter().map(|label| format!("{:?}", label.text)).collect();
            let labels = labels.concat();
            format!("{}{labels}={}", entry.key.text, value(&entry.value))
        };
        object.entries.iter().map(entry).collect::<Vec<_>>().join(" ")
    }

    fn value(node: &Value) -> String {
        match &node.kind {
            Kind::Bool(it) => it.to_string(),
            Kind::Integer(it) => it.to_string(),
            Kind::Float(it) => format!("{it:?}"),
            Kind::String(it) => format!("{it:?}"),
            Kind::List(list) => {
                format!("[{}]", list.iter().map(value).collect::<Vec<_>>().join(" "))
            }
            Kind::Object(object) => format!("{{{}}}", shown(object)),
        }
    }

    #[test]
    fn reads_what_the_original_reads() {
        for (text, want) in [
            ("", ""),
            ("# only a comment", ""),
            ("a = 1", "a=1"),
            ("a = 1 b = 2, c = 3", "a=1 b=2 c=3"),
            ("a = 1\na = 2", "a=1 a=2"),
            ("\"a b\" = true", "a b=true"),
            ("a { b = 1 }", "a={b=1}"),
            ("a = { b = 1, }", "a={b=1}"),
            ("a {} a {}", "a={} a={}"),
            ("a \"x\" y { b = 1 }", "a\"x\"\"y\"={b=1}"),
            ("a = [1, \"x\", true, [2.5], {b = 1},]", "a=[1 \"x\" true [2.5] {b=1}]"),
            ("a = [,1,,2]", "a=[1 2]"),
            ("a = <<E\nx\nE\nb = 1", "a=\"x\\n\" b=1"),
            ("a-b.c = -5", "a-b.c=-5"),
        ] {
            assert_eq!(parse(text).map(|object| shown(&object)), Ok(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn says_what_it_expected_where() {
        for (text, want) in [
            ("a", "1:2: expected '=' or '{' after 'a', found the end"),
            ("a b", "1:4: expected '{' after 'a', found the end"),
            // An error stays on its line whatever the key is.
            (r#""a\nb""#, r"1:7: expected '=' or '{' after 'a\nb', found the end"),
            ("a b = {}", "1:5: expected '{' after 'a', found '='"),
            ("a = ", "1:5: expected a value, found the end"),
            ("a =\n  b", "2:3: expected a value, found 'b'"),
            ("a = {", "1:6: expected a key, found the end"),
            ("a = [1", "1:7: expected ',' or ']', found the end"),
            ("a = [1 2]", "1:8: expected ',' or ']', found a number"),
            ("a = [b]", "1:6: expected a value, found 'b'"),
            ("}", "1:1: expected a key, found '}'"),
            ("true = 1", "1:1: expected a key, found 'true'"),
            ("a = 1,, b = 2", "1:7: expected a key, found ','"),
            ("5 = a", "1:1: expected a key, found a number"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), want, "{text}");
        }
    }

    #[test]
    fn nodes_know_their_place() {
        let object = parse("\n a = [\n  \"é\", 1 ]\n").unwrap();
        let at = |line, column| Position { line, column };
        let entry = &object.entries[0];
        assert_eq!((entry.key.position, entry.value.position), (at(2, 2), at(2, 6)));
        let Kind::List(list) = &entry.value.kind else { panic!("{entry:?}") };
        assert_eq!([list[0].position, list[1].position], [at(3, 3), at(3, 8)]);
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        let error = parse(&nested(1_000_000)).unwrap_err();
        assert_eq!(error.position.column, u32::try_from(MAX_DEPTH).unwrap() + 5);
        assert!(parse(&"a {".repeat(1_000_000)).is_err());
    }
}
