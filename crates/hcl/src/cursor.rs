//! Characters with their places.

use crate::node::Position;

/// Walks through a text.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a str,
    position: Position,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text, position: Position::START }
    }

    /// What has not been read yet.
    pub(crate) const fn rest(&self) -> &'a str {
        self.rest
    }

    /// Where the next character is.
    pub(crate) const fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        if next == '\n' {
            self.position = Position { line: self.position.line.saturating_add(1), column: 1 };
        } else {
            self.position.column = self.position.column.saturating_add(1);
        }
        Some(next)
    }

    /// Reads a character if it is the given one.
    pub(crate) fn eat(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.next();
        }
        is_there
    }

    /// Reads for as long as the characters belong.
    pub(crate) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let whole = self.rest;
        while self.peek().is_some_and(&belongs) {
            self.next();
        }
        whole.strip_suffix(self.rest).unwrap_or_default()
    }

    /// Reads the rest of the line and its end; whether the line has an end is the second half.
    pub(crate) fn line(&mut self) -> (&'a str, bool) {
        let line = self.take_while(|c| c != '\n');
        (line, self.eat('\n'))
    }
}
