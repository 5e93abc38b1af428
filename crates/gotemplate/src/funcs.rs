//! The functions that templates call: the host's library, and Go's own.

mod builtin;
mod compare;
mod escape;

use std::{borrow::Cow, collections::HashMap, fmt};

pub(crate) use self::builtin::{Builtin, fit, push_int, push_uint};
use crate::{
    error::Error,
    template::Scope,
    value::{Type, Value},
};

/// What a function takes. Arguments are counted and checked against it before the function is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    parameters: Cow<'static, [Type]>,
    variadic: Option<Type>,
    returns_any: bool,
}

impl Signature {
    /// A fixed number of parameters.
    pub fn new(parameters: impl Into<Vec<Type>>) -> Self {
        Self { parameters: Cow::Owned(parameters.into()), variadic: None, returns_any: false }
    }

    const fn fixed(parameters: &'static [Type]) -> Self {
        Self { parameters: Cow::Borrowed(parameters), variadic: None, returns_any: false }
    }

    const fn with_rest(parameters: &'static [Type], rest: Type) -> Self {
        Self { parameters: Cow::Borrowed(parameters), variadic: Some(rest), returns_any: false }
    }

    /// After the parameters, any number of further arguments of a type.
    #[must_use]
    pub fn variadic(mut self, rest: Type) -> Self {
        self.variadic = Some(rest);
        self
    }

    /// The function's result is declared as `interface {}`. Messages about `{{function.Field}}` then name that type.
    #[must_use]
    pub const fn returning_any(mut self) -> Self {
        self.returns_any = true;
        self
    }

    /// The types of the parameters that every call must give.
    pub fn parameters(&self) -> &[Type] {
        &self.parameters
    }

    /// The type of further arguments, when there may be any.
    pub const fn rest(&self) -> Option<&Type> {
        self.variadic.as_ref()
    }

    pub(crate) const fn returns_any(&self) -> bool {
        self.returns_any
    }

    /// The type of an argument.
    pub(crate) fn parameter(&self, index: usize) -> Option<&Type> {
        self.parameters.get(index).or(self.variadic.as_ref())
    }
}

/// `(string, ...int)`
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, parameter) in self.parameters.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{parameter}")?;
        }
        if let Some(rest) = &self.variadic {
            let separator = if self.parameters.is_empty() { "" } else { ", " };
            write!(f, "{separator}...{rest}")?;
        }
        f.write_str(")")
    }
}

/// What an identifier of a template calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callee {
    Builtin(Builtin),
    /// A function of the host, by its number.
    Host(usize),
}

/// What the parser learns about an identifier.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    Found(Callee),
    Refused(String),
    Unknown,
}

type Plain<C> = dyn Fn(&mut C, &[Value]) -> Result<Value, Error> + Send + Sync;
type Scoped<C> = dyn Fn(&mut Scope<'_, C>, &[Value]) -> Result<Value, Error> + Send + Sync;

pub(crate) enum Body<C> {
    Plain(Box<Plain<C>>),
    Scoped(Box<Scoped<C>>),
}

/// What a function does besides returning a result, for those who keep results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purity {
    /// Nothing, and the result depends on the arguments only.
    Pure,
    /// Nothing, and the result depends on the arguments and on what the context's
    /// [`Witness`](crate::Witness) knows.
    Witnessed,
    /// Something outside of the values of templates; or the result is not the same each time.
    Impure,
    /// Anything; it may change maps, too. So it is of a function of which nothing is said.
    Mutating,
}

pub(crate) struct Function<C> {
    pub(crate) signature: Signature,
    pub(crate) purity: Purity,
    pub(crate) body: Body<C>,
}

enum Entry {
    Function(usize),
    Refused(String),
}

/// The functions of a host, whose calls share a context `C` for the time of one execution.
///
/// A function of the same name as one of Go's own replaces it.
pub struct Functions<C> {
    entries: HashMap<String, Entry>,
    functions: Vec<Function<C>>,
}

impl<C> Functions<C> {
    /// None but Go's own.
    pub fn new() -> Self {
        Self { entries: HashMap::new(), functions: Vec::new() }
    }

    /// Adds a function.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        signature: Signature,
        body: impl Fn(&mut C, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    ) -> &mut Self {
        self.insert(name.into(), signature, Body::Plain(Box::new(body)))
    }

    /// Adds a function that can execute templates itself.
    pub fn add_scoped(
        &mut self,
        name: impl Into<String>,
        signature: Signature,
        body: impl Fn(&mut Scope<'_, C>, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    ) -> &mut Self {
        self.insert(name.into(), signature, Body::Scoped(Box::new(body)))
    }

    /// Says what a function does besides returning a result. Unknown names are ignored.
    pub fn mark(&mut self, name: &str, purity: Purity) -> &mut Self {
        if let Some(Entry::Function(index)) = self.entries.get(name)
            && let Some(function) = self.functions.get_mut(*index)
        {
            function.purity = purity;
        }
        self
    }

    /// Makes templates that use the function fail to parse, with this message.
    pub fn refuse(&mut self, name: impl Into<String>, message: impl Into<String>) -> &mut Self {
        self.entries.insert(name.into(), Entry::Refused(message.into()));
        self
    }

    fn insert(&mut self, name: String, signature: Signature, body: Body<C>) -> &mut Self {
        self.entries.insert(name, Entry::Function(self.functions.len()));
        self.functions.push(Function { signature, purity: Purity::Mutating, body });
        self
    }

    /// The names of the host's functions, refused ones too, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(crate) fn lookup(&self, name: &str) -> Lookup {
        match self.entries.get(name) {
            Some(Entry::Function(index)) => Lookup::Found(Callee::Host(*index)),
            Some(Entry::Refused(message)) => Lookup::Refused(message.clone()),
            None => Builtin::from_name(name)
                .map_or(Lookup::Unknown, |builtin| Lookup::Found(Callee::Builtin(builtin))),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Function<C>> {
        self.functions.get(index)
    }
}

impl<C> Default for Functions<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> fmt::Debug for Functions<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
