//! The text of a template cut into tokens, one at a time.
//!
//! Outside actions there is text; inside them (`{{ … }}`) white space is a token of its own, because `.A .B` is two
//! operands and `.A.B` is one.

mod token;

use std::borrow::Cow;

pub(crate) use self::token::{Keyword, Kind, Token};
use crate::quote;

/// What depends on the caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    pub(crate) left: &'a str,
    pub(crate) right: &'a str,
    /// Whether `break` is a keyword: not when the host has a function of that name.
    pub(crate) break_keyword: bool,
    pub(crate) continue_keyword: bool,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];
/// A trim marker is `-` and the space between it and what is inside the action.
const MARKER: usize = 2;

/// Where the scanner goes on.
enum Step {
    Text,
    Delim,
    Comment,
    /// At a left delimiter; the length of the trim marker behind it.
    Open(usize),
    /// At a right delimiter, which trims or does not.
    Close(bool),
    Done(Kind),
    Failed(String),
}

/// Reads tokens.
pub(crate) struct Lexer<'a> {
    input: &'a str,
    options: Options<'a>,
    /// Start of the token that is being read.
    start: usize,
    /// Line of `start`.
    line: usize,
    pos: usize,
    inside: bool,
    parens: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a str, options: Options<'a>) -> Self {
        Self { input, options, start: 0, line: 1, pos: 0, inside: false, parens: 0 }
    }

    pub(crate) fn next_token(&mut self) -> Token<'a> {
        let mut step = if self.inside { self.inside_action() } else { Step::Text };
        loop {
            step = match step {
                Step::Text => self.text(),
                Step::Delim => self.left_delim(),
                Step::Comment => self.comment(),
                Step::Open(marker) => return self.open(marker),
                Step::Close(trim) => return self.close(trim),
                Step::Done(kind) => return self.take(kind),
                Step::Failed(message) => {
                    let token = Token {
                        kind: Kind::Error,
                        text: message.into(),
                        pos: self.start,
                        line: self.line,
                    };
                    self.input = "";
                    (self.start, self.pos) = (0, 0);
                    return token;
                }
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn word(&self) -> &'a str {
        self.input.get(self.start..self.pos).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, valid: &str) -> bool {
        let found = self.peek().is_some_and(|c| valid.contains(c));
        if found {
            self.pos += 1;
        }
        found
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    /// The token that ends here.
    fn take(&mut self, kind: Kind) -> Token<'a> {
        let token =
            Token { kind, text: Cow::Borrowed(self.word()), pos: self.start, line: self.line };
        self.skip();
        token
    }

    /// Leaves out what was read since the last token.
    fn skip(&mut self) {
        self.line += self.word().matches('\n').count();
        self.start = self.pos;
    }

    fn text(&mut self) -> Step {
        let Some(length) = self.rest().find(self.options.left) else {
            self.pos = self.input.len();
            return Step::Done(if self.pos > self.start { Kind::Text } else { Kind::Eof });
        };
        if length == 0 {
            return Step::Delim;
        }
        let delim = self.pos + length;
        let after = self.input.get(delim + self.options.left.len()..).unwrap_or_default();
        self.pos = delim;
        if has_left_marker(after) {
            let text = self.word().trim_end_matches(SPACES);
            if text.is_empty() {
                self.skip();
                return Step::Delim;
            }
            // The spaces are skipped when the delimiter is read.
            self.pos = self.start + text.len();
        }
        Step::Done(Kind::Text)
    }

    fn left_delim(&mut self) -> Step {
        let inside = self.rest().get(self.options.left.len()..).unwrap_or_default();
        let marker = if has_left_marker(inside) { MARKER } else { 0 };
        if inside.get(marker..).is_some_and(|rest| rest.starts_with("/*")) {
            self.pos += self.options.left.len() + marker;
            self.skip();
            return Step::Comment;
        }
        Step::Open(marker)
    }

    fn open(&mut self, marker: usize) -> Token<'a> {
        self.pos += self.options.left.len();
        let token = self.take(Kind::LeftDelim);
        self.pos += marker;
        self.skip();
        self.inside = true;
        self.parens = 0;
        token
    }

    fn close(&mut self, trim: bool) -> Token<'a> {
        if trim {
            self.pos += MARKER;
            self.skip();
        }
        self.pos += self.options.right.len();
        let token = self.take(Kind::RightDelim);
        if trim {
            self.pass_spaces();
        }
        self.inside = false;
        token
    }

    fn pass_spaces(&mut self) {
        self.pos += self.rest().len() - self.rest().trim_start_matches(SPACES).len();
        self.skip();
    }

    fn comment(&mut self) -> Step {
        let Some(end) = self.rest().get(2..).and_then(|rest| rest.find("*/")) else {
            return Step::Failed("unclosed comment".to_owned());
        };
        self.pos += end + 4;
        let Some(trim) = self.right_delim_ahead() else {
            return Step::Failed("comment ends before closing delimiter".to_owned());
        };
        self.pos += self.options.right.len();
        if trim {
            self.pos += MARKER;
            self.pass_spaces();
        }
        self.skip();
        Step::Text
    }

    /// Whether the closing delimiter comes next, and if so, whether it trims.
    fn right_delim_ahead(&self) -> Option<bool> {
        let rest = self.rest();
        let right = self.options.right;
        if has_right_marker(rest) && rest.get(MARKER..).is_some_and(|rest| rest.starts_with(right))
        {
            return Some(true);
        }
        rest.starts_with(right).then_some(false)
    }

    fn inside_action(&mut self) -> Step {
        if let Some(trim) = self.right_delim_ahead() {
            if self.parens == 0 {
                return Step::Close(trim);
            }
            return Step::Failed("unclosed left paren".to_owned());
        }
        let Some(c) = self.next() else {
            return Step::Failed("unclosed action".to_owned());
        };
        match c {
            _ if SPACES.contains(&c) => self.space(),
            '=' => Step::Done(Kind::Assign),
            ':' if self.accept("=") => Step::Done(Kind::Declare),
            ':' => Step::Failed("expected :=".to_owned()),
            '|' => Step::Done(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '`' => self.raw_quoted(),
            '$' => self.field_or_variable(Kind::Variable),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '.' if self.peek().is_some_and(|c| !c.is_ascii_digit()) => {
                self.field_or_variable(Kind::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.pos = self.start;
                self.number()
            }
            _ if is_word(c) => self.identifier(),
            '(' => {
                self.parens += 1;
                Step::Done(Kind::LeftParen)
            }
            ')' if self.parens == 0 => Step::Failed("unexpected right paren".to_owned()),
            ')' => {
                self.parens -= 1;
                Step::Done(Kind::RightParen)
            }
            ' '..='~' => Step::Done(Kind::Char),
            _ => Step::Failed(format!("unrecognized character in action: {}", code_point(c))),
        }
    }

    fn space(&mut self) -> Step {
        while self.accept(" \t\r\n") {}
        // The last space may belong to a trim marker.
        let before = self.pos.saturating_sub(1);
        let rest = self.input.get(before..).unwrap_or_default();
        let closes = has_right_marker(rest)
            && rest.get(MARKER..).is_some_and(|rest| rest.starts_with(self.options.right));
        if closes {
            self.pos = before;
            if self.pos == self.start {
                return Step::Close(true);
            }
        }
        Step::Done(Kind::Space)
    }

    fn identifier(&mut self) -> Step {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        if let Some(bad) = self.bad_character() {
            return bad;
        }
        Step::Done(match self.word() {
            "true" | "false" => Kind::Bool,
            "break" if !self.options.break_keyword => Kind::Identifier,
            "continue" if !self.options.continue_keyword => Kind::Identifier,
            word => Keyword::from_word(word).map_or(Kind::Identifier, Kind::Keyword),
        })
    }

    /// After a dot or a dollar sign, which may stand alone.
    fn field_or_variable(&mut self, kind: Kind) -> Step {
        if self.at_terminator() {
            return Step::Done(match kind {
                Kind::Field => Kind::Keyword(Keyword::Dot),
                _ => kind,
            });
        }
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        self.bad_character().unwrap_or(Step::Done(kind))
    }

    /// A word must be followed by something that can follow a word.
    fn bad_character(&self) -> Option<Step> {
        if self.at_terminator() {
            return None;
        }
        let c = self.peek()?;
        Some(Step::Failed(format!("bad character {}", code_point(c))))
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None => true,
            Some(c) if SPACES.contains(&c) || ".,|:)(".contains(c) => true,
            _ => self.rest().starts_with(self.options.right),
        }
    }

    fn quoted(&mut self, mark: char, kind: Kind, unterminated: &str) -> Step {
        loop {
            let c = match self.next() {
                Some('\\') => self.next().map_or('\n', |c| if c == mark { ' ' } else { c }),
                Some(c) => c,
                None => '\n',
            };
            if c == '\n' {
                return Step::Failed(unterminated.to_owned());
            }
            if c == mark {
                return Step::Done(kind);
            }
        }
    }

    fn raw_quoted(&mut self) -> Step {
        loop {
            match self.next() {
                None => return Step::Failed("unterminated raw quoted string".to_owned()),
                Some('`') => return Step::Done(Kind::RawString),
                Some(_) => {}
            }
        }
    }

    /// The syntax is checked later; here it matters only where the number ends.
    fn number(&mut self) -> Step {
        if !self.scan_number() {
            return self.bad_number();
        }
        if !matches!(self.peek(), Some('+' | '-')) {
            return Step::Done(Kind::Number);
        }
        if !self.scan_number() || !self.word().ends_with('i') {
            return self.bad_number();
        }
        Step::Done(Kind::Complex)
    }

    fn bad_number(&self) -> Step {
        Step::Failed(format!("bad number syntax: {}", quote::quote(self.word())))
    }

    fn scan_number(&mut self) -> bool {
        const DECIMAL: &str = "0123456789_";
        const HEX: &str = "0123456789abcdefABCDEF_";
        self.accept("+-");
        let mut digits = DECIMAL;
        if self.accept("0") {
            if self.accept("xX") {
                digits = HEX;
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if (digits == DECIMAL && self.accept("eE")) || (digits == HEX && self.accept("pP")) {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.next();
            return false;
        }
        true
    }
}

/// `U+0041 'A'`
pub(crate) fn code_point(c: char) -> String {
    let code = u32::from(c);
    if quote::is_print(c) { format!("U+{code:04X} '{c}'") } else { format!("U+{code:04X}") }
}

fn has_left_marker(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.starts_with(SPACES))
}

fn has_right_marker(text: &str) -> bool {
    text.strip_prefix(SPACES).is_some_and(|rest| rest.starts_with('-'))
}

/// What names are made of.
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
