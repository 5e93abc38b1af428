//! Templates: parsed once, executed many times.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    error::{Error, Place},
    exec,
    funcs::Functions,
    memory::{Memory, Remember, Witness},
    node::Tree,
    parse, quote,
    value::Value,
};

/// What happens when a map has no such key (Go's option `missingkey`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// The value is missing and prints `<no value>` (`default` and `invalid`).
    #[default]
    Default,
    /// The zero value of the map's element type (`zero`).
    Zero,
    /// The execution fails (`error`).
    Error,
}

/// What one execution may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep templates and controls may be nested in each other while they are executed; parentheses count three
    /// times, for they take more of the stack. The default fits in a thread's usual stack of 2 MiB, in debug builds
    /// too.
    pub depth: usize,
    /// How many bytes may be written.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 500, output: 1 << 30 }
    }
}

/// How templates are parsed.
#[derive(Clone, Debug)]
pub struct Parser<C> {
    functions: Arc<Functions<C>>,
    left: String,
    right: String,
    missing_key: MissingKey,
    limits: Limits,
}

impl<C> Parser<C> {
    /// A parser that knows some functions, with Go's delimiters and options.
    pub fn new(functions: impl Into<Arc<Functions<C>>>) -> Self {
        Self {
            functions: functions.into(),
            left: "{{".to_owned(),
            right: "}}".to_owned(),
            missing_key: MissingKey::default(),
            limits: Limits::default(),
        }
    }

    /// Other delimiters; an empty one stands for the usual one.
    #[must_use]
    pub fn delimiters(mut self, left: &str, right: &str) -> Self {
        if left.is_empty() { "{{" } else { left }.clone_into(&mut self.left);
        if right.is_empty() { "}}" } else { right }.clone_into(&mut self.right);
        self
    }

    /// What happens when a map has no such key.
    #[must_use]
    pub const fn missing_key(mut self, missing_key: MissingKey) -> Self {
        self.missing_key = missing_key;
        self
    }

    /// What an execution may use.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Parses a text; errors name it by `name`.
    pub fn parse(&self, name: &str, text: &str) -> Result<Template<C>, Error> {
        let mut template = Template {
            name: name.into(),
            identity: identity(),
            trees: BTreeMap::new(),
            functions: Arc::clone(&self.functions),
            missing_key: self.missing_key,
            limits: self.limits,
        };
        self.parse_into(&mut template, name, text)?;
        Ok(template)
    }

    /// Parses another text, whose templates join those of `template`. They replace templates of the same name, unless
    /// they are empty.
    pub fn parse_into(
        &self,
        template: &mut Template<C>,
        name: &str,
        text: &str,
    ) -> Result<(), Error> {
        let trees = parse::parse(&parse::Settings {
            name,
            text,
            left: &self.left,
            right: &self.right,
            lookup: &|name| self.functions.lookup(name),
        })?;
        template.identity = identity();
        for tree in trees {
            if !tree.is_empty() || !template.trees.contains_key(&tree.name) {
                template.trees.insert(Arc::clone(&tree.name), tree.into());
            }
        }
        Ok(())
    }
}

fn identity() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A parsed text with all templates that it defines.
///
/// It is immutable and can be executed by many threads at once.
pub struct Template<C> {
    name: Arc<str>,
    /// Of this template, as it is now, and its clones.
    identity: u64,
    trees: BTreeMap<Arc<str>, Arc<Tree>>,
    pub(crate) functions: Arc<Functions<C>>,
    pub(crate) missing_key: MissingKey,
    pub(crate) limits: Limits,
}

impl<C> Template<C> {
    /// Parses a text with the default options.
    pub fn parse(
        name: &str,
        text: &str,
        functions: impl Into<Arc<Functions<C>>>,
    ) -> Result<Self, Error> {
        Parser::new(functions).parse(name, text)
    }

    /// Executes the text for a value, which it finds in the dot.
    pub fn render(&self, context: &mut C, data: &Value) -> Result<String, Error> {
        self.render_named(&self.name, context, data)
    }

    /// Executes one of the templates.
    pub fn render_named(&self, name: &str, context: &mut C, data: &Value) -> Result<String, Error> {
        let mut out = String::new();
        self.render_at(name, &mut out, context, data, 0, None)?;
        Ok(out)
    }

    /// Executes the text as [`render`](Self::render) does, but takes the texts of bodies from memory where they would be
    /// the same again.
    pub fn render_with(
        &self,
        memory: &mut Memory<C::Seen>,
        context: &mut C,
        data: &Value,
    ) -> Result<String, Error>
    where
        C: Witness,
    {
        let mut out = String::with_capacity(memory.start(self.identity));
        let rendered = self.render_at(&self.name, &mut out, context, data, 0, Some(memory));
        memory.finish(out.len());
        rendered.map(|()| out)
    }

    /// Appends the output to what is in `out`; on an error, what was written before it stays there.
    pub fn render_into(
        &self,
        out: &mut String,
        context: &mut C,
        data: &Value,
    ) -> Result<(), Error> {
        self.render_at(&self.name, out, context, data, 0, None)
    }

    fn render_at<'c>(
        &self,
        name: &str,
        out: &mut String,
        context: &'c mut C,
        data: &Value,
        depth: usize,
        memory: Option<&'c mut dyn Remember<C>>,
    ) -> Result<(), Error> {
        let Some(tree) = self.tree(name) else {
            let (name, own) = (quote::quote(name), quote::quote(&self.name));
            let message = format!("no template {name} associated with template {own}");
            return Err(Error::placed(Place::Template, message));
        };
        exec::execute(self, tree, out, context, data, depth, memory)
    }

    /// The name of the text.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of all templates, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.trees.keys().map(AsRef::as_ref)
    }

    /// The names of the templates that are invoked and not defined, in order: for hosts that find them elsewhere and add
    /// them with [`Parser::parse_into`].
    pub fn undefined(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for tree in self.trees.values() {
            tree.root.each_invoked(&mut |name| {
                if !self.trees.contains_key(name) {
                    names.insert(name);
                }
            });
        }
        names
    }

    /// The template of that name in canonical form.
    pub fn source(&self, name: &str) -> Option<String> {
        self.tree(name).map(ToString::to_string)
    }

    pub(crate) fn tree(&self, name: &str) -> Option<&Tree> {
        self.trees.get(name).map(Arc::as_ref)
    }
}

impl<C> Clone for Template<C> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            identity: self.identity,
            trees: self.trees.clone(),
            functions: Arc::clone(&self.functions),
            missing_key: self.missing_key,
            limits: self.limits,
        }
    }
}

impl<C> fmt::Debug for Template<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("trees", &self.trees).finish_non_exhaustive()
    }
}

/// See [`Scope::render`].
const SCOPE_LEVELS: usize = 5;

/// What a function that executes templates itself gets: the host's context, and the templates.
pub struct Scope<'s, C> {
    /// The host's context.
    pub context: &'s mut C,
    pub(crate) template: &'s Template<C>,
    pub(crate) depth: usize,
}

impl<C> Scope<'_, C> {
    /// Executes a template of the set and returns its output. It counts as five levels of depth, for it takes as much
    /// more of the stack.
    pub fn render(&mut self, name: &str, data: &Value) -> Result<String, Error> {
        let (depth, limit) = (self.depth + SCOPE_LEVELS, self.template.limits.depth);
        if depth > limit {
            return Err(Error::new(format!("exceeded maximum template depth ({limit})")));
        }
        let mut out = String::new();
        self.template.render_at(name, &mut out, self.context, data, depth, None)?;
        Ok(out)
    }

    /// The templates.
    pub const fn template(&self) -> &Template<C> {
        self.template
    }
}

impl<C: fmt::Debug> fmt::Debug for Scope<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("context", &self.context).finish_non_exhaustive()
    }
}
