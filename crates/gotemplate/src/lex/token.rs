//! What the lexer makes: tokens.

use std::borrow::Cow;

use crate::quote;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The text is the message.
    Error,
    Assign,
    Bool,
    /// A printable ASCII character without a meaning of its own, like the comma.
    Char,
    CharConstant,
    Complex,
    Declare,
    Eof,
    /// `.Name`, with the dot.
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    /// `$name`, with the dollar sign.
    Variable,
    Keyword(Keyword),
}

/// Words that are not identifiers, and the dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Dot,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Keyword {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "nil" => Self::Nil,
            "range" => Self::Range,
            "template" => Self::Template,
            "with" => Self::With,
            _ => return None,
        })
    }
}

/// A token with its place.
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: Cow<'a, str>,
    /// Byte offset in the text of the template.
    pub(crate) pos: usize,
    /// From 1.
    pub(crate) line: usize,
}

impl Token<'_> {
    /// A token that stands before the first one.
    pub(crate) const fn none() -> Self {
        Self { kind: Kind::Eof, text: Cow::Borrowed(""), pos: 0, line: 0 }
    }

    /// How messages name the token.
    pub(crate) fn describe(&self) -> String {
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Error => self.text.clone().into_owned(),
            Kind::Keyword(_) => format!("<{}>", self.text),
            _ if self.text.len() > 10 => {
                format!("{}...", quote::quote(&self.text.chars().take(10).collect::<String>()))
            }
            _ => quote::quote(&self.text),
        }
    }
}
