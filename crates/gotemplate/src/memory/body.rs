//! What can be said of a body from its tree.

use crate::{
    funcs::{Callee, Purity},
    node::{Command, List, Operand, Pipeline, Statement},
};

/// A body.
pub(super) struct Body {
    /// Whether its text is worth remembering: it looks at something, loops in loops, or executes templates. A plain loop,
    /// as over the tags of one of ten thousand instances, is not worth the memory for what goes into it.
    pub(super) is_worth_it: bool,
    /// The numbers of the variables that it names, its own ones too.
    pub(super) variables: Vec<usize>,
}

impl Body {
    pub(super) fn new(list: &List, purity: &dyn Fn(usize) -> Purity) -> Self {
        let body = Self { is_worth_it: false, variables: Vec::new() };
        let mut visit = Visit { body, loops: 0, purity };
        visit.list(list);
        let mut body = visit.body;
        body.variables.sort_unstable();
        body.variables.dedup();
        body
    }
}

struct Visit<'a> {
    body: Body,
    /// The loops around the present place.
    loops: usize,
    purity: &'a dyn Fn(usize) -> Purity,
}

impl Visit<'_> {
    fn list(&mut self, list: &List) {
        for statement in &list.0 {
            match statement {
                Statement::Text(_) | Statement::Break | Statement::Continue => {}
                Statement::Action(pipeline) => self.pipeline(pipeline),
                Statement::If(branch) | Statement::With(branch) | Statement::Range(branch) => {
                    let is_loop = usize::from(matches!(statement, Statement::Range(_)));
                    self.loops += is_loop;
                    self.body.is_worth_it |= self.loops > 1;
                    self.pipeline(&branch.pipeline);
                    self.list(&branch.list);
                    self.loops -= is_loop;
                    if let Some(otherwise) = &branch.otherwise {
                        self.list(otherwise);
                    }
                }
                Statement::Template(invocation) => {
                    self.body.is_worth_it = true;
                    if let Some(pipeline) = &invocation.pipeline {
                        self.pipeline(pipeline);
                    }
                }
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        self.body.variables.extend(pipeline.variables.iter().map(|variable| variable.id));
        for Command { first, arguments, .. } in &pipeline.commands {
            self.operand(first);
            for argument in arguments {
                self.operand(argument);
            }
        }
    }

    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Variable(variable) => self.body.variables.push(variable.id),
            Operand::Identifier(identifier) => {
                if let Callee::Host(index) = identifier.callee {
                    self.body.is_worth_it |= (self.purity)(index) == Purity::Witnessed;
                }
            }
            Operand::Chain(chain) => self.operand(&chain.operand),
            Operand::Pipeline(pipeline) => self.pipeline(pipeline),
            Operand::Dot(_)
            | Operand::Nil(_)
            | Operand::Bool(..)
            | Operand::Number(..)
            | Operand::String(_)
            | Operand::Field(_) => {}
        }
    }
}
