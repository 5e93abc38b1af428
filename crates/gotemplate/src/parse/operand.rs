//! Pipelines and what they are made of.

use std::sync::Arc;

use super::{Keyword, Kind, Parsed, Parser, Pipeline, Pos, Token, Variable, quote};
use crate::{
    funcs::Lookup,
    node::{Chain, Command, Field, Identifier, Operand, Quoted},
    number::Number,
};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipeline> {
        let pos = Pos(self.peek_non_space().pos);
        let mut pipeline =
            Pipeline { pos, assign: false, variables: Vec::new(), commands: Vec::new() };
        while self.declaration(&mut pipeline, context)? {}
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => {
                    self.check(&pipeline, context)?;
                    return Ok(pipeline);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen
                | Kind::Keyword(Keyword::Dot | Keyword::Nil) => {
                    self.back();
                    pipeline.commands.push(self.command()?);
                }
                _ => return Err(self.unexpected(&token, context)),
            }
        }
    }

    /// Reads a variable that is declared or assigned; says whether another one must follow.
    fn declaration(&mut self, pipeline: &mut Pipeline, context: &str) -> Parsed<bool> {
        let variable = self.peek_non_space();
        if variable.kind != Kind::Variable {
            return Ok(false);
        }
        self.next();
        // A space is remembered, for `$x .y` must not become `$x.y` when both are put back.
        let after = self.peek();
        let next = self.peek_non_space();
        match next.kind {
            Kind::Assign | Kind::Declare => {
                pipeline.assign = next.kind == Kind::Assign;
                self.next_non_space();
                self.declare(pipeline, &variable);
                Ok(false)
            }
            Kind::Char if next.text == "," => {
                self.next_non_space();
                self.declare(pipeline, &variable);
                self.second_variable(pipeline, context)
            }
            _ => {
                if after.kind == Kind::Space {
                    self.back_three(variable, after);
                } else {
                    self.back_two(variable);
                }
                Ok(false)
            }
        }
    }

    fn second_variable(&mut self, pipeline: &Pipeline, context: &str) -> Parsed<bool> {
        if context != "range" || pipeline.variables.len() >= 2 {
            return Err(self.error(format!("too many declarations in {context}")));
        }
        match self.peek_non_space().kind {
            Kind::Variable | Kind::RightDelim | Kind::RightParen => Ok(true),
            _ => Err(self.error("range can only initialize variables")),
        }
    }

    fn declare(&mut self, pipeline: &mut Pipeline, token: &Token<'_>) {
        let variable = self.variable(token.pos, &token.text, Box::default());
        self.frame.variables.push(variable.id);
        pipeline.variables.push(variable);
    }

    fn variable(&mut self, pos: usize, name: &str, fields: Box<[Arc<str>]>) -> Variable {
        let count = self.names.len();
        let (name, id) = if let Some((name, id)) = self.names.get_key_value(name) {
            (Arc::clone(name), *id)
        } else {
            let name: Arc<str> = name.into();
            self.names.insert(Arc::clone(&name), count);
            (name, count)
        };
        Variable { pos: Pos(pos), name, id, fields }
    }

    fn check(&self, pipeline: &Pipeline, context: &str) -> Parsed<()> {
        if pipeline.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (index, command) in pipeline.commands.iter().enumerate().skip(1) {
            if is_constant(&command.first) {
                let stage = index + 1;
                return Err(self.error(format!("non executable command in pipeline stage {stage}")));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let pos = Pos(self.peek_non_space().pos);
        let mut operands = Vec::new();
        loop {
            self.peek_non_space();
            operands.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => {
                    self.back();
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        let mut operands = operands.into_iter();
        let first = operands.next().ok_or_else(|| self.error("empty command"))?;
        Ok(Command { pos, first, arguments: operands.collect() })
    }

    /// A term and the fields behind it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(operand) = self.term()? else { return Ok(None) };
        let next = self.peek();
        if next.kind != Kind::Field {
            return Ok(Some(operand));
        }
        let pos = next.pos;
        let mut fields: Vec<Arc<str>> = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(field_name(&self.next()));
        }
        Ok(Some(match operand {
            // Go counts the position of such a chain from its second part.
            Operand::Field(field) => {
                let names = field.names.iter().cloned().chain(fields).collect();
                Operand::Field(Field { pos: Pos(pos), names })
            }
            Operand::Variable(variable) => {
                Operand::Variable(Variable { pos: Pos(pos), fields: fields.into(), ..variable })
            }
            operand if is_constant(&operand) => {
                let term = quote::quote(&operand.to_string());
                return Err(self.error(format!("unexpected . after term {term}")));
            }
            operand => {
                Operand::Chain(Box::new(Chain { pos: Pos(pos), operand, fields: fields.into() }))
            }
        }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_non_space();
        let pos = Pos(token.pos);
        Ok(Some(match token.kind {
            Kind::Identifier => Operand::Identifier(self.identifier(&token)?),
            Kind::Keyword(Keyword::Dot) => Operand::Dot(pos),
            Kind::Keyword(Keyword::Nil) => Operand::Nil(pos),
            Kind::Variable => Operand::Variable(self.use_variable(&token)?),
            Kind::Field => Operand::Field(Field { pos, names: Box::new([field_name(&token)]) }),
            Kind::Bool => Operand::Bool(pos, token.text == "true"),
            Kind::CharConstant => self.number(pos, Number::from_char(&token.text))?,
            Kind::Complex => self.number(pos, Number::from_complex(&token.text))?,
            Kind::Number => self.number(pos, Number::parse(&token.text))?,
            Kind::LeftParen => {
                Operand::Pipeline(Box::new(self.deeper(|parser| {
                    parser.pipeline("parenthesized pipeline", Kind::RightParen)
                })?))
            }
            Kind::String | Kind::RawString => Operand::String(self.quoted(&token)?),
            _ => {
                self.back();
                return Ok(None);
            }
        }))
    }

    fn identifier(&self, token: &Token<'_>) -> Parsed<Identifier> {
        let callee = match (self.settings.lookup)(&token.text) {
            Lookup::Found(callee) => callee,
            Lookup::Refused(message) => return Err(self.error(message)),
            Lookup::Unknown => {
                let name = quote::quote(&token.text);
                return Err(self.error(format!("function {name} not defined")));
            }
        };
        Ok(Identifier { pos: Pos(token.pos), name: token.text.as_ref().into(), callee })
    }

    fn use_variable(&mut self, token: &Token<'_>) -> Parsed<Variable> {
        let variable = self.variable(token.pos, &token.text, Box::default());
        if !self.frame.variables.contains(&variable.id) {
            let name = quote::quote(&variable.name);
            return Err(self.error(format!("undefined variable {name}")));
        }
        Ok(variable)
    }

    fn number(&self, pos: Pos, number: Result<Number, String>) -> Parsed<Operand> {
        let number = number.map_err(|message| self.error(message))?;
        Ok(Operand::Number(pos, Box::new(number)))
    }

    fn quoted(&self, token: &Token<'_>) -> Parsed<Quoted> {
        let text = quote::unquote(&token.text).ok_or_else(|| self.error("invalid syntax"))?;
        let literal = token.text.clone().into_owned();
        Ok(Quoted { pos: Pos(token.pos), literal, value: text.into() })
    }
}

/// What cannot be called and has no fields.
fn is_constant(operand: &Operand) -> bool {
    matches!(
        operand,
        Operand::Bool(..)
            | Operand::Dot(_)
            | Operand::Nil(_)
            | Operand::Number(..)
            | Operand::String(_)
    )
}

fn field_name(token: &Token<'_>) -> Arc<str> {
    token.text.strip_prefix('.').unwrap_or(&token.text).into()
}
