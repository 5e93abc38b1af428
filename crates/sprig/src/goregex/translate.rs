//! Reads a pattern as Go does, and writes one that means the same to the `regex` crate.

use std::collections::BTreeSet;

use super::replacement::safe_name;

/// Parentheses may be this deep; Go allows a tree of 1,000.
const MAX_DEPTH: usize = 200;
/// Repetitions within repetitions may multiply to this.
const MAX_REPEAT: u64 = 1_000;

/// Why a pattern is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure<'p> {
    pub(super) what: &'static str,
    /// The part of the pattern that is meant.
    pub(super) part: &'p str,
}

type Translated<'p, T> = Result<T, Failure<'p>>;

fn fail<'p, T>(what: &'static str, part: &'p str) -> Translated<'p, T> {
    Err(Failure { what, part })
}

/// The text before `rest`, which is the end of `text`.
fn before<'p>(text: &'p str, rest: &str) -> &'p str {
    text.get(..text.len() - rest.len()).unwrap_or(text)
}

fn skip(text: &str, bytes: usize) -> &str {
    text.get(bytes..).unwrap_or_default()
}

pub(super) fn translate(pattern: &str) -> Translated<'_, String> {
    let mut translator = Translator {
        pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        flags: "",
        can_repeat: false,
        last_repeat: None,
        names: BTreeSet::new(),
        groups: Vec::new(),
        product: 1,
        last_product: 1,
    };
    while let Some(c) = translator.rest.chars().next() {
        translator.item(c)?;
    }
    translator.flush_flags();
    if !translator.groups.is_empty() {
        return fail("missing closing )", pattern);
    }
    Ok(translator.out)
}

struct Translator<'p> {
    pattern: &'p str,
    rest: &'p str,
    out: String,
    /// A change of flags to write before the next item, for a repetition after it is one of the item before it.
    flags: &'p str,
    /// Whether there is something before that can be repeated.
    can_repeat: bool,
    /// The rest of the pattern from a repetition on that has just ended.
    last_repeat: Option<&'p str>,
    names: BTreeSet<&'p str>,
    /// For each open group, the product of counted repetitions before it.
    groups: Vec<u64>,
    /// The largest product of counted repetitions in the open group so far.
    product: u64,
    /// That of the item that could be repeated.
    last_product: u64,
}

impl<'p> Translator<'p> {
    fn item(&mut self, c: char) -> Translated<'p, ()> {
        let repeat = self.last_repeat.take();
        if !matches!(c, '*' | '+' | '?' | '{') {
            self.flush_flags();
        }
        match c {
            '(' if self.rest.starts_with("(?") => return self.perl_group(),
            '(' => {
                self.open("(", 1)?;
            }
            ')' => self.close()?,
            '|' => {
                self.copy(1);
                self.can_repeat = false;
            }
            '*' | '+' | '?' => return self.repeat(repeat, skip(self.rest, 1), 1),
            '{' => {
                if let Some((rest, count)) = counted(self.rest)? {
                    return self.repeat(repeat, rest, count);
                }
                self.flush_flags();
                self.literal('{', skip(self.rest, 1));
            }
            '[' => {
                self.class()?;
                self.can_repeat = true;
                self.last_product = 1;
            }
            '\\' => self.escape()?,
            '^' | '$' | '.' => {
                self.copy(1);
                self.can_repeat = true;
                self.last_product = 1;
            }
            c => self.literal(c, skip(self.rest, c.len_utf8())),
        }
        Ok(())
    }

    fn flush_flags(&mut self) {
        self.out.push_str(std::mem::take(&mut self.flags));
    }

    fn copy(&mut self, bytes: usize) {
        let (head, tail) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.out.push_str(head);
        self.rest = tail;
    }

    fn literal(&mut self, c: char, rest: &'p str) {
        push_literal(&mut self.out, c);
        self.rest = rest;
        self.can_repeat = true;
        self.last_product = 1;
    }

    fn open(&mut self, text: &str, bytes: usize) -> Translated<'p, ()> {
        if self.groups.len() >= MAX_DEPTH {
            return fail("expression nests too deeply", self.pattern);
        }
        self.out.push_str(text);
        self.rest = skip(self.rest, bytes);
        self.groups.push(self.product);
        self.product = 1;
        self.can_repeat = false;
        Ok(())
    }

    fn close(&mut self) -> Translated<'p, ()> {
        let Some(outer) = self.groups.pop() else {
            return fail("unexpected )", self.pattern);
        };
        self.copy(1);
        self.can_repeat = true;
        self.last_product = self.product;
        self.product = self.product.max(outer);
        Ok(())
    }

    fn repeat(&mut self, last: Option<&'p str>, after: &'p str, count: u64) -> Translated<'p, ()> {
        let begin = self.rest;
        let after = after.strip_prefix('?').unwrap_or(after);
        if let Some(last) = last {
            return fail("invalid nested repetition operator", before(last, after));
        }
        if !self.can_repeat {
            return fail("missing argument to repetition operator", before(begin, after));
        }
        let product = self.last_product.saturating_mul(count.max(1));
        if count >= 2 && product > MAX_REPEAT {
            return fail("invalid repeat count", before(begin, after));
        }
        self.last_product = product;
        self.product = self.product.max(product);
        self.out.push_str(before(begin, after));
        self.flush_flags();
        self.rest = after;
        self.last_repeat = Some(begin);
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, `(?flags:` and `(?flags)`
    fn perl_group(&mut self) -> Translated<'p, ()> {
        let group = self.rest;
        let name = if group.len() > 4 { group.strip_prefix("(?P<") } else { None };
        let name = name.or_else(|| if group.len() > 3 { group.strip_prefix("(?<") } else { None });
        if let Some(inner) = name {
            let Some((name, rest)) = inner.split_once('>') else {
                return fail("invalid named capture", group);
            };
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_word) {
                return fail("invalid named capture", before(group, rest));
            }
            // A name may be used again, which makes no difference to a match.
            let is_new = self.names.insert(name);
            let text = if is_new { format!("(?P<{}>", safe_name(name)) } else { "(".to_owned() };
            return self.open(&text, group.len() - rest.len());
        }
        let mut rest = skip(group, 2);
        let (mut negative, mut saw_flag) = (false, false);
        while let Some(c) = rest.chars().next() {
            rest = skip(rest, c.len_utf8());
            match c {
                'i' | 'm' | 's' | 'U' => saw_flag = true,
                '-' if !negative => (negative, saw_flag) = (true, false),
                ':' | ')' if !negative || saw_flag => {
                    let text = before(group, rest);
                    if c == ':' {
                        return self.open(text, text.len());
                    }
                    // `(?)` changes nothing.
                    if text != "(?)" {
                        self.flags = text;
                    }
                    self.rest = rest;
                    return Ok(());
                }
                _ => break,
            }
        }
        fail("invalid or unsupported Perl syntax", before(group, rest))
    }

    fn escape(&mut self) -> Translated<'p, ()> {
        let begin = self.rest;
        match begin.as_bytes().get(1) {
            Some(b'Q') => {
                let (literal, rest) =
                    skip(begin, 2).split_once(r"\E").unwrap_or((skip(begin, 2), ""));
                for c in literal.chars() {
                    self.literal(c, rest);
                }
                self.rest = rest;
                return Ok(());
            }
            Some(b'A' | b'z' | b'B') => self.copy(2),
            Some(b'b') => {
                self.out.push_str(r"(?-u:\b)");
                self.rest = skip(begin, 2);
            }
            Some(b'C') => return fail("invalid escape sequence", skip_to(begin, 2)),
            _ => {
                let (piece, rest) = class_escape(begin, false)?;
                self.out.push_str(&piece);
                self.rest = rest;
            }
        }
        self.can_repeat = true;
        self.last_product = 1;
        Ok(())
    }

    /// `[a-z]`
    fn class(&mut self) -> Translated<'p, ()> {
        let whole = self.rest;
        let mut rest = skip(whole, 1);
        self.out.push('[');
        if let Some(tail) = rest.strip_prefix('^') {
            self.out.push('^');
            rest = tail;
        }
        let mut first = true;
        while first || !rest.starts_with(']') {
            first = false;
            if rest.starts_with("[:")
                && let Some(end) = rest.find(":]")
                && end >= 2
            {
                let (name, tail) = rest.split_at(end + 2);
                if !is_posix(name) {
                    return fail("invalid character class range", name);
                }
                self.out.push_str(name);
                rest = tail;
                continue;
            }
            if rest.starts_with('\\') && rest.chars().nth(1).is_some_and(|c| "pPdDsSwW".contains(c))
            {
                let (piece, tail) = class_escape(rest, true)?;
                self.out.push_str(&piece);
                rest = tail;
                continue;
            }
            rest = self.range(whole, rest)?;
        }
        self.out.push(']');
        self.rest = skip(rest, 1);
        Ok(())
    }

    /// A character of a class, or a range.
    fn range(&mut self, whole: &'p str, begin: &'p str) -> Translated<'p, &'p str> {
        let (low, mut rest) = class_char(whole, begin)?;
        push_literal(&mut self.out, low);
        if rest.len() >= 2 && rest.starts_with('-') && !rest.starts_with("-]") {
            let (high, tail) = class_char(whole, skip(rest, 1))?;
            if high < low {
                return fail("invalid character class range", before(begin, tail));
            }
            self.out.push('-');
            push_literal(&mut self.out, high);
            rest = tail;
        }
        Ok(rest)
    }
}

fn skip_to(text: &str, bytes: usize) -> &str {
    text.get(..bytes).unwrap_or(text)
}

fn is_posix(name: &str) -> bool {
    let name = name.trim_start_matches("[:").trim_end_matches(":]");
    let names = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "word", "xdigit",
    ];
    names.contains(&name.strip_prefix('^').unwrap_or(name))
}

fn push_literal(out: &mut String, c: char) {
    if r"\.+*?()|[]{}^$#&-~".contains(c) {
        out.push('\\');
        out.push(c);
    } else if c.is_control() {
        out.extend(format!("\\x{{{:x}}}", u32::from(c)).chars());
    } else {
        out.push(c);
    }
}

fn class_char<'p>(whole: &'p str, rest: &'p str) -> Translated<'p, (char, &'p str)> {
    match rest.chars().next() {
        None => fail("missing closing ]", whole),
        Some('\\') => single_escape(rest),
        Some(c) => Ok((c, skip(rest, c.len_utf8()))),
    }
}

/// An escape that stands for a class or a character, within a class or outside.
fn class_escape(begin: &str, in_class: bool) -> Translated<'_, (String, &str)> {
    let ascii = match begin.as_bytes().get(1) {
        Some(b'd') => "[0-9]",
        Some(b'D') => "[^0-9]",
        Some(b's') => r"[\t\n\x0C\r ]",
        Some(b'S') => r"[^\t\n\x0C\r ]",
        Some(b'w') => "[0-9A-Za-z_]",
        Some(b'W') => "[^0-9A-Za-z_]",
        Some(b'p' | b'P') => return unicode_class(begin),
        _ => {
            let (c, rest) = single_escape(begin)?;
            let mut piece = String::new();
            push_literal(&mut piece, c);
            return Ok((piece, rest));
        }
    };
    // Negated classes keep their brackets within a class; case does not matter to any of them.
    let piece = if in_class || !ascii.contains("A-Z") {
        ascii.to_owned()
    } else {
        format!("(?-i:{ascii})")
    };
    Ok((piece, skip(begin, 2)))
}

/// `\pL`, `\p{Greek}`, `\p{^Greek}`
fn unicode_class(begin: &str) -> Translated<'_, (String, &str)> {
    let negative = begin.starts_with(r"\P");
    let tail = skip(begin, 2);
    let Some(first) = tail.chars().next() else {
        return fail("invalid character class range", begin);
    };
    let (name, rest) = if first == '{' {
        let Some((name, rest)) = skip(tail, 1).split_once('}') else {
            return fail("invalid character class range", begin);
        };
        (name, rest)
    } else {
        tail.split_at(first.len_utf8())
    };
    let (name, inverted) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let letter = if negative == inverted { 'p' } else { 'P' };
    let piece = format!("\\{letter}{{{name}}}");
    if name.is_empty() || regex::Regex::new(&piece).is_err() {
        return fail("invalid character class range", before(begin, rest));
    }
    Ok((piece, rest))
}

/// An escape that stands for one character.
fn single_escape(begin: &str) -> Translated<'_, (char, &str)> {
    let mut chars = skip(begin, 1).chars();
    let Some(c) = chars.next() else {
        return fail("trailing backslash at end of expression", "");
    };
    let rest = chars.as_str();
    let octal = |first: char| {
        let more = rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        let digits = rest.get(..more).unwrap_or_default();
        let code = u32::from_str_radix(&format!("{first}{digits}"), 8).ok();
        Some((char::from_u32(code?)?, skip(rest, more)))
    };
    let found = match c {
        '1'..='7' if rest.starts_with(|c| matches!(c, '0'..='7')) => octal(c),
        '0' => octal(c),
        'x' => return hexadecimal(begin, rest),
        'a' => Some(('\x07', rest)),
        'f' => Some(('\x0c', rest)),
        'n' => Some(('\n', rest)),
        'r' => Some(('\r', rest)),
        't' => Some(('\t', rest)),
        'v' => Some(('\x0b', rest)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some((c, rest)),
        _ => None,
    };
    found.map_or_else(|| fail("invalid escape sequence", before(begin, rest)), Ok)
}

/// `\x7f` and `\x{10ffff}`; `rest` is what follows the `x`.
fn hexadecimal<'p>(begin: &'p str, rest: &'p str) -> Translated<'p, (char, &'p str)> {
    let what = "invalid escape sequence";
    let mut tail = rest.chars();
    let mut code: u32 = 0;
    if !rest.starts_with('{') {
        for _ in 0..2 {
            match tail.next().map(|c| c.to_digit(16)) {
                Some(Some(digit)) => code = code * 16 + digit,
                // Go reads both characters before it looks at them.
                Some(None) if tail.as_str().len() + 1 == rest.len() => {
                    tail.next();
                    return fail(what, before(begin, tail.as_str()));
                }
                _ => return fail(what, before(begin, tail.as_str())),
            }
        }
        let c = char::from_u32(code).unwrap_or_default();
        return Ok((c, tail.as_str()));
    }
    tail.next();
    let mut digits = 0;
    loop {
        let digit = match tail.next() {
            Some('}') if digits > 0 => break,
            Some(c) => c.to_digit(16),
            None => None,
        };
        let Some(digit) = digit else { return fail(what, before(begin, tail.as_str())) };
        code = code.saturating_mul(16).saturating_add(digit);
        digits += 1;
        if code > 0x10_ffff {
            return fail(what, before(begin, tail.as_str()));
        }
    }
    match char::from_u32(code) {
        Some(c) => Ok((c, tail.as_str())),
        None => fail(what, before(begin, tail.as_str())),
    }
}

/// `{2}`, `{2,}` and `{2,3}`, and how often that is at most; `None` where the brace is a literal.
fn counted(begin: &str) -> Translated<'_, Option<(&str, u64)>> {
    let Some((inner, rest)) = skip(begin, 1).split_once('}') else { return Ok(None) };
    let number = |text: &str| {
        let fine = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text.len() == 1 || !text.starts_with('0'));
        fine.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (low, high) = match inner.split_once(',') {
        None => (number(inner), number(inner)),
        Some((low, "")) => (number(low), number(low)),
        Some((low, high)) => (number(low), number(high)),
    };
    let (Some(low), Some(high)) = (low, high) else { return Ok(None) };
    if high > MAX_REPEAT || low > high {
        return fail("invalid repeat count", before(begin, rest));
    }
    Ok(Some((rest, high)))
}
