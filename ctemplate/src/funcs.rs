//! The function library, one topic a file.
//!
//! Names, argument orders and results are consul-template's, so that what people know from there holds here. As there,
//! the value that a pipeline would carry comes last: `(replaceAll "a" "b" text)`, `(subtract 2 5)` is 3.
//!
//! # Layout
//!
//! - [`consul`]: what Consul knows; these make dependencies.
//! - [`world`]: environment variables, files, the clock.
//! - [`text`]: strings and regular expressions.
//! - [`list`]: looking into lists and grouping them.
//! - [`parse`]: numbers, JSON and base64 from text and back.
//! - [`math`]: arithmetic on numbers.
//! - [`haproxy`]: the routing table and what makes a text fit for HAProxy's configuration.

pub mod consul;
pub mod haproxy;
pub mod list;
pub mod math;
pub mod parse;
pub mod text;
pub mod world;

use std::borrow::Cow;

use serde_json::Value as Json;
use thiserror::Error;

use crate::render::session::Session;

/// A function of the library.
pub type Function = fn(&Session<'_>, &Arguments<'_>) -> Result<Json, FunctionError>;

/// Why a function has no result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct FunctionError(pub String);

/// The arguments of a call.
#[derive(Debug)]
pub struct Arguments<'a> {
    values: Vec<&'a Json>,
}

/// Every function by its name.
pub const FUNCTIONS: &[(&str, Function)] = &[
    ("datacenters", consul::datacenters),
    ("key", consul::key),
    ("keyExists", consul::key_exists),
    ("keyOrDefault", consul::key_or_default),
    ("ls", consul::ls),
    ("node", consul::node),
    ("nodes", consul::nodes),
    ("service", consul::service),
    ("services", consul::services),
    ("tree", consul::tree),
    ("env", world::env),
    ("envOrDefault", world::env_or_default),
    ("file", world::file),
    ("mustEnv", world::must_env),
    ("contains", list::contains),
    ("in", list::is_in),
    ("byTag", list::by_tag),
    ("join", list::join),
    ("split", list::split),
    ("base64Decode", parse::base64_decode),
    ("base64Encode", parse::base64_encode),
    ("parseBool", parse::parse_bool),
    ("parseFloat", parse::parse_float),
    ("parseInt", parse::parse_int),
    ("parseJSON", parse::parse_json),
    ("toJSON", parse::to_json),
    ("toJSONPretty", parse::to_json_pretty),
    ("indent", text::indent),
    ("print", text::print),
    ("regexMatch", text::regex_match),
    ("regexReplaceAll", text::regex_replace_all),
    ("replaceAll", text::replace_all),
    ("toLower", text::to_lower),
    ("toTitle", text::to_title),
    ("toUpper", text::to_upper),
    ("trim", text::trim),
    ("trimPrefix", text::trim_prefix),
    ("trimSpace", text::trim_space),
    ("trimSuffix", text::trim_suffix),
    ("add", math::add),
    ("divide", math::divide),
    ("maximum", math::maximum),
    ("minimum", math::minimum),
    ("modulo", math::modulo),
    ("multiply", math::multiply),
    ("subtract", math::subtract),
    ("keyInteger", haproxy::key_integer),
    ("quote", haproxy::quote),
    ("routes", haproxy::routes),
    ("servers", haproxy::servers),
];

impl<'a> Arguments<'a> {
    /// The given values, in order.
    pub const fn new(values: Vec<&'a Json>) -> Self {
        Self { values }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'a Json> {
        self.values.iter().copied()
    }

    /// Exactly `N` arguments.
    pub fn exactly<const N: usize>(&self) -> Result<[&'a Json; N], FunctionError> {
        let plural = if N == 1 { "" } else { "s" };
        <[&Json; N]>::try_from(self.values.as_slice())
            .map_err(|_| FunctionError(format!("takes {N} argument{plural}, got {}", self.count())))
    }

    /// Exactly `N` arguments, all texts or things that print as one.
    pub fn texts<const N: usize>(&self) -> Result<[Cow<'a, str>; N], FunctionError> {
        let values = self.exactly::<N>()?;
        let mut texts = [const { Cow::Borrowed("") }; N];
        for (to, value) in texts.iter_mut().zip(values) {
            *to = text_of(value)?;
        }
        Ok(texts)
    }

    /// A text that may be left out, and then is empty.
    pub fn optional_text(&self) -> Result<Cow<'a, str>, FunctionError> {
        match self.values.as_slice() {
            [] => Ok(Cow::Borrowed("")),
            _ => self.texts().map(|[text]| text),
        }
    }
}

/// A scalar as text.
pub fn text_of(value: &Json) -> Result<Cow<'_, str>, FunctionError> {
    match value {
        Json::String(text) => Ok(Cow::Borrowed(text)),
        Json::Number(_) | Json::Bool(_) => Ok(Cow::Owned(value.to_string())),
        _ => Err(FunctionError(format!("expected a text, got {}", kind(value)))),
    }
}

/// What a value is, for messages.
pub const fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

fn wrong(error: impl std::fmt::Display) -> FunctionError {
    FunctionError(error.to_string())
}

#[cfg(test)]
mod tests;
