//! The function library, one topic a file. Both languages call the same functions.
//!
//! Names, argument orders and results are consul-template's, so that what people know from there holds here. As there,
//! the value that a pipeline would carry comes last: `replaceAll "a" "b" text`, `subtract 2 5` is 3. Also the texts of
//! errors are consul-template's.
//!
//! # Layout
//!
//! - [`consul`], [`federation`]: what Consul knows; these make dependencies.
//! - [`world`], [`time`], [`plugin`], [`mod@write`], [`sockaddr`]: environment variables and files, the clock, programs,
//!   files that are written, this machine's addresses.
//! - [`text`], [`pattern`], [`base64`], [`digest`]: strings, regular expressions and encodings.
//! - [`list`], [`group`], [`map`]: looking into lists, grouping them, maps.
//! - [`number`], [`math`]: numbers from text, and arithmetic on them.
//! - [`json`], [`yaml`], [`toml`]: values from text and back.
//! - [`scratch`]: what a template remembers. [`debug`]: values for people who look for a mistake.
//! - [`haproxy`]: the routing table and what makes a text fit for HAProxy's configuration.
//! - [`refused`]: what consul-template has, and this program has not.

pub mod base64;
pub mod consul;
pub mod debug;
pub mod digest;
pub mod federation;
pub mod group;
pub mod haproxy;
pub mod json;
pub mod list;
pub mod map;
pub mod math;
pub mod number;
pub mod pattern;
pub mod plugin;
pub mod refused;
pub mod scratch;
pub mod sockaddr;
pub mod text;
pub mod time;
pub mod toml;
pub mod world;
pub mod write;
pub mod yaml;

use gotemplate::{Error, Purity, Signature, Type, Value};

use crate::data::value::{INSTANCE, KEY_PAIR};
use crate::render::session::Session;

/// What a function does. It gets as many arguments as it takes, of the types that it takes.
pub type Body = fn(&Session, &[Value]) -> Result<Value, Error>;

/// A function of the library.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name in templates.
    pub name: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
    /// What it takes any number of after that.
    pub rest: Option<Parameter>,
    /// Whether Go declares its result as `interface {}`, which shows in messages.
    pub returns_any: bool,
    /// What it does.
    pub body: Body,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Anything.
    Any,
    /// A number; Go declares it as anything.
    Number,
    /// A boolean.
    Bool,
    /// A string.
    Text,
    /// An `int`.
    Int,
    /// A list of strings.
    Texts,
    /// A list of anything.
    List,
    /// A map of anything by strings.
    Map,
    /// Keys with their values.
    Pairs,
    /// The instances of a service.
    Instances,
}

impl Function {
    /// A function with a fixed number of parameters.
    pub const fn new(name: &'static str, parameters: &'static [Parameter], body: Body) -> Self {
        Self { name, parameters, rest: None, returns_any: false, body }
    }

    /// After the parameters it takes any number of further arguments.
    #[must_use]
    pub const fn rest(mut self, rest: Parameter) -> Self {
        self.rest = Some(rest);
        self
    }

    /// Its result is declared as `interface {}`.
    #[must_use]
    pub const fn any(mut self) -> Self {
        self.returns_any = true;
        self
    }

    /// The same as Go declares it.
    pub fn signature(&self) -> Signature {
        let parameters: Vec<_> = self.parameters.iter().map(|it| it.declared()).collect();
        let mut signature = Signature::new(parameters);
        if let Some(rest) = self.rest {
            signature = signature.variadic(rest.declared());
        }
        if self.returns_any { signature.returning_any() } else { signature }
    }
}

impl Parameter {
    fn declared(self) -> Type {
        match self {
            Self::Any | Self::Number => Type::Any,
            Self::Bool => Type::Bool,
            Self::Text => Type::String,
            Self::Int => Type::INT,
            Self::Texts => Type::list(Type::String),
            Self::List => Type::list(Type::Any),
            Self::Map => Type::map(Type::String, Type::Any),
            Self::Pairs => Type::list(Type::Named(KEY_PAIR.into())),
            Self::Instances => Type::list(Type::Named(INSTANCE.into())),
        }
    }
}

/// Every function of the library.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    with_purity().map(|(function, _)| function)
}

/// Every function of the library, and whether its result may be kept.
pub fn with_purity() -> impl Iterator<Item = (&'static Function, Purity)> {
    use Purity::{Impure, Pure, Witnessed};
    [
        (consul::FUNCTIONS, Witnessed),
        (federation::FUNCTIONS, Witnessed),
        (haproxy::FUNCTIONS, Witnessed),
        // The sandbox of `file` follows links, of which nothing is known.
        (world::FILES, Impure),
        (time::FUNCTIONS, Impure),
        (plugin::FUNCTIONS, Impure),
        (sockaddr::FUNCTIONS, Impure),
        (write::FUNCTIONS, Impure),
        (scratch::FUNCTIONS, Impure),
        (debug::FUNCTIONS, Impure),
        (world::VARIABLES, Pure),
        (text::FUNCTIONS, Pure),
        (pattern::FUNCTIONS, Pure),
        (base64::FUNCTIONS, Pure),
        (digest::FUNCTIONS, Pure),
        (list::FUNCTIONS, Pure),
        (group::FUNCTIONS, Pure),
        (map::FUNCTIONS, Pure),
        (number::FUNCTIONS, Pure),
        (math::FUNCTIONS, Pure),
        (json::FUNCTIONS, Pure),
        (yaml::FUNCTIONS, Pure),
        (toml::FUNCTIONS, Pure),
    ]
    .into_iter()
    .flat_map(|(functions, purity)| functions.iter().map(move |function| (function, purity)))
}

/// The arguments as texts, of which there are `N`.
fn texts<const N: usize>(arguments: &[Value]) -> Result<[&str; N], Error> {
    let mut texts = [""; N];
    for (text, value) in texts.iter_mut().zip(exactly::<N>(arguments)?) {
        *text = text_of(value)?;
    }
    Ok(texts)
}

/// The text of an argument that is declared as one.
fn text_of(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| Error::new(format!("expected string; got {}", value.type_of())))
}

/// The arguments, of which there are `N`.
fn exactly<const N: usize>(arguments: &[Value]) -> Result<&[Value; N], Error> {
    arguments.try_into().map_err(|_| {
        Error::new(format!("wrong number of arguments: want {N} got {}", arguments.len()))
    })
}

/// The items of a list; nil has none.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(list) => list.items(),
        _ => &[],
    }
}

/// Appends formatted text.
fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    std::fmt::Write::write_fmt(out, arguments).ok();
}

/// An error of one's own with the name of who has it, as Go's `errors.Wrap` makes it.
fn wrap(name: &str, error: impl std::fmt::Display) -> Error {
    Error::new(format!("{name}: {error}"))
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::new(error.to_string())
}

#[cfg(test)]
mod tests;
