//! Walks a tree and writes its output.
//!
//! `State::at` remembers the part of the template that is being executed, for the place of an error. It is moved forward
//! at the same points as in Go, so that the places are the same.

mod call;
mod eval;
mod quick;
mod range;

use std::{fmt, mem};

use crate::{
    error::{Error, Place},
    funcs::{Callee, Purity},
    memory::{Inputs, Recalled, Remember},
    node::{Branch, Command, Invocation, List, Operand, Pipeline, Pos, Statement, Tree},
    printf,
    template::Template,
    value::Value,
};

/// Executes a template. `depth` is how deep the caller is already.
pub(crate) fn execute<'c, C>(
    template: &Template<C>,
    tree: &Tree,
    out: &mut String,
    context: &'c mut C,
    data: &Value,
    depth: usize,
    memory: Option<&'c mut dyn Remember<C>>,
) -> Result<(), Error> {
    let dot = Val::from(data.clone());
    let full = out.len().saturating_add(template.limits.output);
    let mut state = State {
        template,
        tree,
        at: At::Start,
        out: mem::take(out),
        full,
        variables: vec![(0, dot.clone())],
        arguments: Vec::new(),
        base: 0,
        context,
        depth,
        memory,
    };
    let executed = state.list(&dot, &tree.root);
    *out = state.out;
    executed.map(|_| ())
}

/// A value, and whether Go would hold it in an `interface {}`: messages name that type then.
#[derive(Clone, Debug)]
pub(crate) struct Val {
    pub(crate) value: Value,
    pub(crate) boxed: bool,
}

impl Val {
    fn new(value: Value, boxed: bool) -> Self {
        Self { value, boxed }
    }

    fn missing() -> Self {
        Value::Missing.into()
    }

    fn type_name(&self) -> String {
        if self.boxed { "interface {}".to_owned() } else { self.value.type_of().to_string() }
    }
}

impl From<Value> for Val {
    fn from(value: Value) -> Self {
        Self { value, boxed: false }
    }
}

/// A part of the tree.
#[derive(Clone, Copy)]
enum At<'a> {
    Start,
    Invocation(&'a Invocation),
    Branch(&'a Statement, Pos),
    Action(&'a Pipeline),
    Pipeline(&'a Pipeline),
    Command(&'a Command),
    Operand(&'a Operand),
}

impl At<'_> {
    fn pos(&self) -> Option<Pos> {
        Some(match self {
            Self::Start => return None,
            Self::Invocation(invocation) => invocation.pos,
            Self::Branch(_, pos) => *pos,
            Self::Action(pipeline) | Self::Pipeline(pipeline) => pipeline.pos,
            Self::Command(command) => command.pos,
            Self::Operand(operand) => operand.pos(),
        })
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => Ok(()),
            Self::Invocation(invocation) => invocation.fmt(f),
            Self::Branch(statement, _) => statement.fmt(f),
            Self::Action(pipeline) => write!(f, "{{{{{pipeline}}}}}"),
            Self::Pipeline(pipeline) => pipeline.fmt(f),
            Self::Command(command) => command.fmt(f),
            Self::Operand(operand) => operand.fmt(f),
        }
    }
}

/// How a list of statements ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Break,
    Continue,
}

/// One execution.
struct State<'a, 'c, C> {
    template: &'a Template<C>,
    /// The template that is being executed.
    tree: &'a Tree,
    at: At<'a>,
    out: String,
    /// How long the output may become.
    full: usize,
    /// Variables in scope, by the number of their name; the last one of a name counts.
    variables: Vec<(usize, Val)>,
    /// Where the variables of this template begin.
    base: usize,
    /// Arguments of the calls that are being prepared.
    arguments: Vec<Value>,
    context: &'c mut C,
    depth: usize,
    memory: Option<&'c mut dyn Remember<C>>,
}

type Executed<T> = Result<T, Error>;

impl<'a, C> State<'a, '_, C> {
    /// An error at the present place.
    #[cold]
    fn error(&self, message: impl Into<String>) -> Error {
        let template = self.tree.name.to_string();
        let Some(pos) = self.at.pos() else {
            return Error::placed(Place::Template, message);
        };
        let (line, column) = self.tree.line_and_column(pos);
        let name = self.tree.text_name.to_string();
        let context = self.at.to_string();
        Error::placed(Place::Execute { name, line, column, template, context }, message)
    }

    /// The variables of this template.
    fn scope(&self) -> &[(usize, Val)] {
        self.variables.get(self.base..).unwrap_or_default()
    }

    /// Counts levels of nesting.
    fn deeper(&mut self, levels: usize) -> Executed<()> {
        let limit = self.template.limits.depth;
        self.depth += levels;
        if self.depth > limit {
            return Err(self.error(format!("exceeded maximum template depth ({limit})")));
        }
        Ok(())
    }

    fn check_output(&self) -> Executed<()> {
        if self.out.len() > self.full {
            let limit = self.template.limits.output;
            return Err(self.error(format!("exceeded maximum output size ({limit} bytes)")));
        }
        Ok(())
    }

    fn list(&mut self, dot: &Val, list: &'a List) -> Executed<Flow> {
        for statement in &list.0 {
            match statement {
                Statement::Text(text) => {
                    self.out.push_str(text);
                    self.check_output()?;
                }
                Statement::Action(pipeline) => self.action(dot, pipeline)?,
                Statement::If(branch) => {
                    self.at = At::Branch(statement, branch.pipeline.pos);
                    let flow = self.if_or_with(dot, branch, false)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
                Statement::With(branch) => {
                    self.at = At::Branch(statement, branch.pipeline.pos);
                    let flow = self.if_or_with(dot, branch, true)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
                Statement::Range(branch) => {
                    self.at = At::Branch(statement, branch.pipeline.pos);
                    let flow = self.range(dot, branch)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
                Statement::Template(invocation) => self.invoke(dot, invocation)?,
                Statement::Break => return Ok(Flow::Break),
                Statement::Continue => return Ok(Flow::Continue),
            }
        }
        Ok(Flow::Next)
    }

    /// A list that may be remembered.
    #[inline]
    fn body(&mut self, dot: &Val, list: &'a List) -> Executed<Flow> {
        if self.memory.is_some() { self.remembered(dot, list) } else { self.list(dot, list) }
    }

    fn remembered(&mut self, dot: &Val, list: &'a List) -> Executed<Flow> {
        let Some(memory) = self.memory.as_deref_mut() else { return self.list(dot, list) };
        let functions = &self.template.functions;
        let inputs = Inputs {
            dot,
            scope: self.variables.get(self.base..).unwrap_or_default(),
            floor: self.variables.len(),
            depth: self.depth,
            room: self.full.saturating_sub(self.out.len()),
            purity: &|index| functions.get(index).map_or(Purity::Mutating, |it| it.purity),
        };
        match memory.begin(self.context, list, &inputs, &mut self.out) {
            Recalled::Written(flow) => return Ok(flow),
            Recalled::Unknown => return self.list(dot, list),
            Recalled::Begun => {}
        }
        let from = self.out.len();
        let flow = self.list(dot, list);
        if let Some(memory) = self.memory.as_deref_mut() {
            let text = self.out.get(from..).unwrap_or_default();
            memory.end(self.context, flow.as_ref().ok().map(|flow| (text, *flow)));
        }
        flow
    }

    /// Something is called that may not give the same again.
    #[inline]
    fn called(&mut self, purity: Purity) {
        if let Some(memory) = self.memory.as_deref_mut() {
            memory.called(purity);
        }
    }

    fn action(&mut self, dot: &Val, pipeline: &'a Pipeline) -> Executed<()> {
        self.at = At::Action(pipeline);
        if !pipeline.variables.is_empty() {
            self.pipeline(dot, pipeline)?;
            return Ok(());
        }
        if let [command] = pipeline.commands.as_slice()
            && let Operand::Identifier(identifier) = &command.first
            && let Callee::Builtin(builtin) = identifier.callee
            && builtin.is_printer()
        {
            // The text goes straight to the output.
            self.at = At::Operand(&command.first);
            let (name, signature) = (&identifier.name, builtin.signature());
            let base = self.prepare(dot, signature, name, &command.arguments, None)?;
            builtin.print(&mut self.out, self.arguments.get(base..).unwrap_or_default());
            self.arguments.truncate(base);
            return self.check_output();
        }
        let scope = self.variables.get(self.base..).unwrap_or_default();
        if let Some(value) = quick::pipeline(scope, dot, pipeline) {
            printf::write_value(&mut self.out, &value);
            return self.check_output();
        }
        let value = self.pipeline(dot, pipeline)?;
        self.at = At::Action(pipeline);
        if let Value::Function(callable) = &value {
            let name = callable.type_name();
            return Err(self.error(format!("can't print {} of type {name}", self.at)));
        }
        printf::write_value(&mut self.out, &value);
        self.check_output()
    }

    fn if_or_with(&mut self, dot: &Val, branch: &'a Branch, with: bool) -> Executed<Flow> {
        let mark = self.variables.len();
        self.deeper(1)?;
        let quick = match quick::pipeline(self.scope(), dot, &branch.pipeline) {
            Some(value) if !with => Some(value.truth()),
            _ => None,
        };
        let (truth, value) = if let Some(truth) = quick {
            (truth, Value::Missing)
        } else {
            let value = self.pipeline(dot, &branch.pipeline)?;
            (value.truth(), value)
        };
        let flow = if truth {
            if with {
                self.body(&value.into(), &branch.list)?
            } else {
                self.list(dot, &branch.list)?
            }
        } else if let Some(otherwise) = &branch.otherwise {
            self.list(dot, otherwise)?
        } else {
            Flow::Next
        };
        self.depth -= 1;
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn invoke(&mut self, dot: &Val, invocation: &'a Invocation) -> Executed<()> {
        self.at = At::Invocation(invocation);
        let Some(tree) = self.template.tree(&invocation.name) else {
            let name = crate::quote::quote(&invocation.name);
            return Err(self.error(format!("template {name} not defined")));
        };
        self.deeper(1)?;
        let dot = match &invocation.pipeline {
            Some(pipeline) => self.pipeline(dot, pipeline)?.into(),
            None => Val::missing(),
        };
        let (outer, base) = (self.tree, self.base);
        self.tree = tree;
        self.base = self.variables.len();
        self.variables.push((0, dot.clone()));
        // `break` cannot leave a template: the parser sees to that.
        self.body(&dot, &tree.root)?;
        // A declaration in the pipeline stays below the scope of the template.
        self.variables.truncate(self.base);
        self.tree = outer;
        self.base = base;
        self.depth -= 1;
        Ok(())
    }
}
