//! JSON to values.

use gotemplate::{Value, sprintf};

/// Arrays and objects may be this deep; Go allows 10,000.
const MAX_DEPTH: usize = 500;

/// What becomes of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Every one is a `float64`, as in Go.
    Floats,
    /// Integers that fit stay integers.
    Kept,
}

/// What was wrong, and what had been read where that is more than nothing.
#[derive(Debug)]
pub struct Failure {
    /// Go's text.
    pub message: String,
    /// What Go leaves behind of a text with a number that is too large.
    pub partial: Value,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { message, partial: Value::Nil }
    }
}

/// Reads a text that is a single value.
///
/// # Errors
///
/// What Go says of a text that is none.
pub fn parse(text: &str, numbers: Numbers) -> Result<Value, Failure> {
    let bytes = text.as_bytes();
    let mut reader = Reader { bytes, numbers, at: 0, depth: 0, overflow: None };
    let value = reader.value()?;
    reader.space();
    if let Some(byte) = reader.peek() {
        return Err(unexpected(byte, "after top-level value").into());
    }
    // Go reads on after a number that is too large, and reports the first one.
    match reader.overflow {
        Some(number) => {
            let message =
                format!("json: cannot unmarshal number {number} into Go value of type float64");
            Err(Failure { message, partial: value })
        }
        None => Ok(value),
    }
}

struct Reader<'t> {
    bytes: &'t [u8],
    numbers: Numbers,
    at: usize,
    depth: usize,
    /// The first number that does not fit.
    overflow: Option<String>,
}

fn unexpected(byte: u8, place: &str) -> String {
    let shown = match byte {
        b'\'' => r"\'".to_owned(),
        b'"' => "\"".to_owned(),
        // Bytes are shown as characters.
        byte => {
            let quoted = sprintf("%q", &[char::from(byte).to_string().into()]);
            quoted.trim_matches('"').to_owned()
        }
    };
    format!("invalid character '{shown}' {place}")
}

type Read<T> = Result<T, String>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Read<u8> {
        let byte = self.peek().ok_or_else(|| "unexpected end of JSON input".to_owned())?;
        self.at += 1;
        Ok(byte)
    }

    /// Within what has to go on, Go takes the end for a space, and complains about that.
    fn next_within(&mut self) -> u8 {
        self.next().unwrap_or(b' ')
    }

    fn next_after_space(&mut self) -> Read<u8> {
        self.space();
        self.next()
    }

    fn value(&mut self) -> Read<Value> {
        match self.next_after_space()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => Ok(self.string()?.into()),
            first @ (b'-' | b'0'..=b'9') => self.number(first),
            b't' => self.literal("true", true.into()),
            b'f' => self.literal("false", false.into()),
            b'n' => self.literal("null", Value::Nil),
            byte => Err(unexpected(byte, "looking for beginning of value")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.depth == MAX_DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Read<Value> {
        let mut entries = Vec::new();
        let place = "looking for beginning of object key string";
        loop {
            match self.next_after_space()? {
                b'"' => {}
                b'}' if entries.is_empty() => break,
                byte => return Err(unexpected(byte, place)),
            }
            let key = self.string()?;
            match self.next_after_space()? {
                b':' => {}
                byte => return Err(unexpected(byte, "after object key")),
            }
            entries.push((key, self.value()?));
            match self.next_after_space()? {
                b',' => {}
                b'}' => break,
                byte => return Err(unexpected(byte, "after object key:value pair")),
            }
        }
        Ok(Value::map(entries))
    }

    fn array(&mut self) -> Read<Value> {
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value()?);
            match self.next_after_space()? {
                b',' => {}
                b']' => return Ok(Value::list(items)),
                byte => return Err(unexpected(byte, "after array element")),
            }
        }
    }

    fn literal(&mut self, text: &str, value: Value) -> Read<Value> {
        for expected in text.bytes().skip(1) {
            let byte = self.next_within();
            if byte != expected {
                let place = format!("in literal {text} (expecting '{}')", char::from(expected));
                return Err(unexpected(byte, &place));
            }
        }
        Ok(value)
    }

    /// The rest of a string.
    fn string(&mut self) -> Read<String> {
        let mut out = Vec::new();
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    let c = self.escape()?;
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                byte if byte < b' ' => return Err(unexpected(byte, "in string literal")),
                byte => out.push(byte),
            }
        }
        // The input was UTF-8 and quotes are ASCII.
        Ok(String::from_utf8(out).unwrap_or_default())
    }

    fn escape(&mut self) -> Read<char> {
        Ok(match self.next_within() {
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            byte @ (b'\\' | b'/' | b'"') => char::from(byte),
            b'u' => self.unicode()?,
            byte => return Err(unexpected(byte, "in string escape code")),
        })
    }

    /// Half of a surrogate pair alone becomes U+FFFD.
    fn unicode(&mut self) -> Read<char> {
        let code = self.four_digits()?;
        let is_high = (0xd800..0xdc00).contains(&code);
        let tail = self.bytes.get(self.at..).unwrap_or_default();
        if is_high && tail.starts_with(br"\u") {
            let after_first = self.at;
            self.at += 2;
            let low = self.four_digits()?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after_first;
        }
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let byte = self.next_within();
            let digit = char::from(byte).to_digit(16);
            let digit =
                digit.ok_or_else(|| unexpected(byte, r"in \u hexadecimal character escape"))?;
            code = code * 16 + digit;
        }
        Ok(code)
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn digit(&mut self, place: &str) -> Read<u8> {
        match self.next_within() {
            byte @ b'0'..=b'9' => Ok(byte),
            byte => Err(unexpected(byte, place)),
        }
    }

    fn number(&mut self, first: u8) -> Read<Value> {
        let begin = self.at - 1;
        let first = if first == b'-' { self.digit("in numeric literal")? } else { first };
        if first != b'0' {
            self.digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        let text = self.bytes.get(begin..self.at).unwrap_or_default();
        let text = str::from_utf8(text).unwrap_or_default();
        if self.numbers == Numbers::Kept
            && let Ok(int) = text.parse()
        {
            return Ok(Value::int(int));
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(float.into()),
            _ => {
                self.overflow.get_or_insert_with(|| text.to_owned());
                Ok(Value::Nil)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_as_go_does() {
        for (text, want) in [
            ("{", "unexpected end of JSON input"),
            ("x", "invalid character 'x' looking for beginning of value"),
            ("{x", "invalid character 'x' looking for beginning of object key string"),
            (r#"{"a" 1"#, "invalid character '1' after object key"),
            (r#"{"a":1 2"#, "invalid character '2' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("1 2", "invalid character '2' after top-level value"),
            ("trux", "invalid character 'x' in literal true (expecting 'e')"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("\"\n\"", "invalid character '\\n' in string literal"),
            (r#""\x""#, "invalid character 'x' in string escape code"),
            (r#""\u00x""#, "invalid character 'x' in \\u hexadecimal character escape"),
            ("'", r"invalid character '\'' looking for beginning of value"),
        ] {
            assert_eq!(parse(text, Numbers::Floats).unwrap_err().message, want, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse(&deep, Numbers::Floats).unwrap_err().message, "exceeded max depth");
    }

    #[test]
    fn reads_escapes() {
        let text = r#""\u0041\ud83d\ude00\ud83dx\/\"""#;
        assert_eq!(parse(text, Numbers::Floats).unwrap().to_string(), "A😀\u{fffd}x/\"");
    }
}
