//! Words within strings: their cases, initials and lines.

use crate::letters::{
    self, is_digit, is_letter, is_lower, is_number, is_punctuation, is_title, is_upper,
};

/// The first letter of every word in title case.
pub(crate) fn title(text: &str) -> String {
    let mut previous = ' ';
    let mapped = text.chars().map(|c| {
        let starts = is_separator(previous);
        previous = c;
        if starts { letters::title(c) } else { c }
    });
    mapped.collect()
}

fn is_separator(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_alphanumeric() && c != '_';
    }
    !is_letter(c) && !is_digit(c) && c.is_whitespace()
}

/// The first letter of every word in lower case.
pub(crate) fn untitle(text: &str) -> String {
    let mut starts = true;
    let mapped = text.chars().map(|c| {
        let first = starts && !c.is_whitespace();
        starts = c.is_whitespace();
        if first { letters::lower(c) } else { c }
    });
    mapped.collect()
}

/// Upper case becomes lower; lower case becomes upper, or title case at the start of a word.
pub(crate) fn swap_case(text: &str) -> String {
    let mut after_space = true;
    let mapped = text.chars().map(|c| {
        if is_upper(c) || is_title(c) {
            after_space = false;
            letters::lower(c)
        } else if is_lower(c) {
            let starts = std::mem::replace(&mut after_space, false);
            if starts { letters::title(c) } else { letters::upper(c) }
        } else {
            after_space = c.is_whitespace();
            c
        }
    });
    mapped.collect()
}

/// The first byte of every word, each taken for a character.
pub(crate) fn initials(text: &str) -> String {
    let mut after_space = true;
    let first = |c: &char| {
        let first = after_space && !c.is_whitespace();
        after_space = c.is_whitespace();
        first
    };
    text.bytes().map(char::from).filter(first).collect()
}

/// Breaks lines at spaces; words longer than a line are cut only on demand. Widths are in bytes.
pub(crate) fn wrap(text: &str, width: i64, line_break: &str, cut_words: bool) -> Vec<u8> {
    let line_break = if line_break.is_empty() { "\n" } else { line_break };
    let width = usize::try_from(width).unwrap_or(1).max(1);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while rest.len() > width {
        if let Some(tail) = rest.strip_prefix(b" ") {
            rest = tail;
            continue;
        }
        let is_space = |byte: &u8| *byte == b' ';
        let line = rest.get(..=width).unwrap_or(rest);
        let (length, skipped) = match line.iter().rposition(is_space) {
            Some(space) => (space, 1),
            None if cut_words => (width, 0),
            None => match rest.get(width..).unwrap_or_default().iter().position(is_space) {
                Some(space) => (width + space, 1),
                None => break,
            },
        };
        out.extend_from_slice(rest.get(..length).unwrap_or_default());
        out.extend_from_slice(line_break.as_bytes());
        rest = rest.get(length + skipped..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// `some_words` becomes `SomeWords`. Connectors at the ends stay, and of several in a row all but one.
pub(crate) fn pascal_case(text: &str) -> String {
    let Some(first) = text.find(|c| !is_connector(c)) else {
        // Go writes the last of nothing but connectors twice.
        return text.chars().chain(text.chars().next_back()).collect();
    };
    let (leading, rest) = text.split_at(first);
    let mut out = leading.to_owned();
    let mut rest = rest.chars();
    let Some(start) = rest.next() else { return out };
    let mut in_upper = is_upper(start);
    // A character is written when the next one is known.
    let mut held = letters::upper(start);
    for c in rest {
        let (after_connector, connector) = (is_connector(held), is_connector(c));
        if after_connector && connector {
            out.push(held);
            held = c;
            continue;
        }
        let mut next = c;
        if after_connector {
            in_upper = is_upper(c);
            next = letters::upper(c);
        } else {
            if in_upper {
                if is_upper(c) {
                    next = letters::lower(c);
                } else {
                    in_upper = false;
                }
            }
            out.push(held);
        }
        held = next;
    }
    out.push(held);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

struct Word<'t> {
    kind: Kind,
    text: &'t str,
}

/// Cuts a text into runs of characters of a kind.
struct Words<'t>(&'t str);

impl<'t> Words<'t> {
    fn next(&mut self) -> Word<'t> {
        let Some(first) = self.0.chars().next() else {
            return Word { kind: Kind::Nothing, text: "" };
        };
        let (kind, length) = if is_connector(first) {
            (Kind::Connector, self.run(is_connector))
        } else if is_punctuation(first) {
            (Kind::Punctuation, self.run(is_punctuation))
        } else if is_upper(first) {
            (Kind::Upper, self.upper(first))
        } else if is_alphabet(first) {
            (Kind::Alphabet, self.run(is_small))
        } else if is_number(first) {
            (Kind::Number, self.run(is_number))
        } else {
            let is_other =
                |c| !is_connector(c) && !is_alphabet(c) && !is_number(c) && !is_punctuation(c);
            (Kind::Other, self.run(is_other))
        };
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        Word { kind, text }
    }

    /// The length of the first character and those after it that are of its kind.
    fn run(&self, same: impl Fn(char) -> bool) -> usize {
        let mut rest = self.0.char_indices();
        rest.next();
        rest.find(|(_, c)| !same(*c)).map_or(self.0.len(), |(at, _)| at)
    }

    /// `HTTPStatus` is `HTTP` and `Status`, so that the last capital before a small letter is not of the word.
    fn upper(&self, first: char) -> usize {
        let tail = self.0.get(first.len_utf8()..).unwrap_or_default();
        let Some(second) = tail.chars().next() else { return self.0.len() };
        if !is_upper(second) {
            return if is_alphabet(second) { self.run(is_small) } else { first.len_utf8() };
        }
        let length = self.run(is_upper);
        let (capitals, rest) = self.0.split_at(length);
        let last = capitals.chars().next_back().map_or(0, char::len_utf8);
        if rest.chars().next().is_some_and(is_alphabet) { length - last } else { length }
    }
}

fn is_small(c: char) -> bool {
    is_alphabet(c) && !is_upper(c)
}

/// Letters, but not those of Chinese, which have no case and no spaces between words.
fn is_alphabet(c: char) -> bool {
    let chinese = matches!(
        c,
        '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}' | '\u{20000}'..='\u{2b81d}'
    );
    is_letter(c) && !chinese
}

/// `FirstName` becomes `first_name`, and `HTTP20xOK` becomes `http_20x_ok`.
pub(crate) fn connected(text: &str, connector: char) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut words = Words(text);
    let mut word = words.next();
    while !words.0.is_empty() {
        if word.kind != Kind::Connector {
            push_lower(&mut out, &word, connector);
        }
        let before = std::mem::replace(&mut word, words.next());
        match before.kind {
            Kind::Number => word = number_tail(&mut out, &mut words, word, connector),
            Kind::Connector => push_lower(&mut out, &before, connector),
            Kind::Punctuation => {}
            _ if word.kind == Kind::Number => {
                word = number_after_word(&mut out, &mut words, word, connector);
            }
            _ => connect(&mut out, &word, connector),
        }
    }
    push_lower(&mut out, &word, connector);
    out
}

/// What follows a number without a capital belongs to it.
fn number_tail<'t>(
    out: &mut String,
    words: &mut Words<'t>,
    mut word: Word<'t>,
    connector: char,
) -> Word<'t> {
    while matches!(word.kind, Kind::Alphabet | Kind::Number) {
        push_lower(out, &word, connector);
        word = words.next();
    }
    connect(out, &word, connector);
    word
}

/// A number belongs to the word before it, unless small letters follow: `bld4_floor`, but `http_2xx`.
fn number_after_word<'t>(
    out: &mut String,
    words: &mut Words<'t>,
    number: Word<'t>,
    connector: char,
) -> Word<'t> {
    if words.0.is_empty() {
        return number;
    }
    let word = words.next();
    if word.kind != Kind::Alphabet {
        push_lower(out, &number, connector);
        if !matches!(word.kind, Kind::Connector | Kind::Punctuation) {
            out.push(connector);
        }
        return word;
    }
    out.push(connector);
    push_lower(out, &number, connector);
    number_tail(out, words, word, connector)
}

fn connect(out: &mut String, word: &Word<'_>, connector: char) {
    if !matches!(word.kind, Kind::Nothing | Kind::Connector | Kind::Punctuation) {
        out.push(connector);
    }
}

fn push_lower(out: &mut String, word: &Word<'_>, connector: char) {
    match word.kind {
        Kind::Connector => out.extend(word.text.chars().map(|_| connector)),
        Kind::Upper => {
            out.extend(word.text.chars().map(|c| if is_upper(c) { letters::lower(c) } else { c }));
        }
        _ => out.push_str(word.text),
    }
}
