//! The tree of a parsed template. Its `Display` prints templates in Go's canonical form.

use std::{fmt, sync::Arc};

use crate::{funcs::Callee, number::Number, quote, value::Value};

/// A byte offset in the text of the template.
///
/// Positions are equal to each other: two trees are equal when they mean the same, wherever their parts stood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pos(pub(crate) usize);

impl PartialEq for Pos {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// One template: the whole text, or a `define` or `block` in it.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) name: Arc<str>,
    /// The name given to the text, for places.
    pub(crate) text_name: Arc<str>,
    pub(crate) text: Arc<str>,
    pub(crate) root: List,
}

impl Tree {
    /// Whether it has nothing but white space, so that another definition may replace it.
    pub(crate) fn is_empty(&self) -> bool {
        self.root.0.iter().all(
            |node| matches!(node, Statement::Text(text) if text.trim_matches(is_go_space).is_empty()),
        )
    }

    /// The line, from 1, and the byte in it, from 0, of a position.
    pub(crate) fn line_and_column(&self, pos: Pos) -> (usize, usize) {
        let before = self.text.get(..pos.0).unwrap_or(&self.text);
        let column = before.rfind('\n').map_or(before.len(), |newline| before.len() - newline - 1);
        (1 + before.matches('\n').count(), column)
    }
}

fn is_go_space(c: char) -> bool {
    c.is_whitespace()
}

/// Statements in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct List(pub(crate) Vec<Statement>);

/// What stands between other things: text and actions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    Text(String),
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(Invocation),
    Break,
    Continue,
}

impl List {
    /// Calls `visit` with the name of each template that is invoked.
    pub(crate) fn each_invoked<'a>(&'a self, visit: &mut impl FnMut(&'a str)) {
        for statement in &self.0 {
            match statement {
                Statement::Template(invocation) => visit(&invocation.name),
                Statement::If(branch) | Statement::With(branch) | Statement::Range(branch) => {
                    branch.list.each_invoked(visit);
                    if let Some(otherwise) = &branch.otherwise {
                        otherwise.each_invoked(visit);
                    }
                }
                Statement::Text(_)
                | Statement::Action(_)
                | Statement::Break
                | Statement::Continue => {}
            }
        }
    }
}

/// `if`, `with` and `range`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Branch {
    pub(crate) pipeline: Pipeline,
    pub(crate) list: List,
    pub(crate) otherwise: Option<List>,
}

/// `{{template "name" pipeline}}`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invocation {
    pub(crate) pos: Pos,
    pub(crate) name: Arc<str>,
    pub(crate) pipeline: Option<Pipeline>,
}

/// Commands, each of which gets the value of the one before as its last argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pipeline {
    pub(crate) pos: Pos,
    /// `=` instead of `:=`.
    pub(crate) assign: bool,
    pub(crate) variables: Vec<Variable>,
    pub(crate) commands: Vec<Command>,
}

/// A function, method or value, and its arguments. There is at least one operand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Command {
    pub(crate) pos: Pos,
    pub(crate) first: Operand,
    pub(crate) arguments: Vec<Operand>,
}

/// What stands between spaces in a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Dot(Pos),
    Nil(Pos),
    Bool(Pos, bool),
    Number(Pos, Box<Number>),
    String(Quoted),
    /// `.A.B`
    Field(Field),
    Variable(Variable),
    Identifier(Identifier),
    /// Fields of anything else: `(pipeline).A`, `function.A`.
    Chain(Box<Chain>),
    Pipeline(Box<Pipeline>),
}

#[derive(Clone, Debug)]
pub(crate) struct Quoted {
    pub(crate) pos: Pos,
    /// As in the text, with quotes.
    pub(crate) literal: String,
    pub(crate) value: Value,
}

impl PartialEq for Quoted {
    fn eq(&self, other: &Self) -> bool {
        self.literal == other.literal
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) pos: Pos,
    pub(crate) names: Box<[Arc<str>]>,
}

/// `$x.A.B`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variable {
    pub(crate) pos: Pos,
    /// With the dollar sign.
    pub(crate) name: Arc<str>,
    /// A number for the name, the same in all templates of a text; `$` is 0.
    pub(crate) id: usize,
    pub(crate) fields: Box<[Arc<str>]>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identifier {
    pub(crate) pos: Pos,
    pub(crate) name: Arc<str>,
    pub(crate) callee: Callee,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chain {
    pub(crate) pos: Pos,
    pub(crate) operand: Operand,
    pub(crate) fields: Box<[Arc<str>]>,
}

impl Operand {
    pub(crate) fn pos(&self) -> Pos {
        match self {
            Self::Dot(pos) | Self::Nil(pos) | Self::Bool(pos, _) | Self::Number(pos, _) => *pos,
            Self::String(quoted) => quoted.pos,
            Self::Field(field) => field.pos,
            Self::Variable(variable) => variable.pos,
            Self::Identifier(identifier) => identifier.pos,
            Self::Chain(chain) => chain.pos,
            Self::Pipeline(pipeline) => pipeline.pos,
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|statement| statement.fmt(f))
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Action(pipeline) => write!(f, "{{{{{pipeline}}}}}"),
            Self::If(branch) => branch.write("if", f),
            Self::With(branch) => branch.write("with", f),
            Self::Range(branch) => branch.write("range", f),
            Self::Template(invocation) => invocation.fmt(f),
            Self::Break => f.write_str("{{break}}"),
            Self::Continue => f.write_str("{{continue}}"),
        }
    }
}

impl Branch {
    fn write(&self, keyword: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{{keyword} {}}}}}{}", self.pipeline, self.list)?;
        if let Some(otherwise) = &self.otherwise {
            write!(f, "{{{{else}}}}{otherwise}")?;
        }
        f.write_str("{{end}}")
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote::quote(&self.name))?;
        if let Some(pipeline) = &self.pipeline {
            write!(f, " {pipeline}")?;
        }
        f.write_str("}}")
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, variable) in self.variables.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{variable}")?;
        }
        if !self.variables.is_empty() {
            f.write_str(if self.assign { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            let separator = if index > 0 { " | " } else { "" };
            write!(f, "{separator}{command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in_parentheses(&self.first, f)?;
        for operand in &self.arguments {
            f.write_str(" ")?;
            write_in_parentheses(operand, f)?;
        }
        Ok(())
    }
}

/// As part of something else, a pipeline needs its parentheses.
fn write_in_parentheses(operand: &Operand, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match operand {
        Operand::Pipeline(pipeline) => write!(f, "({pipeline})"),
        operand => fmt::Display::fmt(operand, f),
    }
}

fn write_fields(fields: &[Arc<str>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dot(_) => f.write_str("."),
            Self::Nil(_) => f.write_str("nil"),
            Self::Bool(_, value) => value.fmt(f),
            Self::Number(_, number) => f.write_str(&number.text),
            Self::String(quoted) => f.write_str(&quoted.literal),
            Self::Field(field) => write_fields(&field.names, f),
            Self::Variable(variable) => variable.fmt(f),
            Self::Identifier(identifier) => f.write_str(&identifier.name),
            Self::Chain(chain) => {
                write_in_parentheses(&chain.operand, f)?;
                write_fields(&chain.fields, f)
            }
            Self::Pipeline(pipeline) => pipeline.fmt(f),
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        write_fields(&self.fields, f)
    }
}
