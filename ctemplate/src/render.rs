//! Rendering: a pure function of a template and the store.
//!
//! It returns the text together with what the text depends on. What is not in the store yet is reported as missing and
//! stands in as its kind's empty value, so that one pass finds as many dependencies as it can; a text with something
//! missing is not for use.

pub mod handlebars;
pub mod session;

use std::collections::BTreeMap;

use serde_json::Value as Json;
use thiserror::Error;

use self::session::{Record, Session};
use crate::store::Store;

/// A template, parsed.
#[derive(Clone, Debug)]
pub struct Template {
    engine: handlebars::Engine,
    values: Json,
    environment: BTreeMap<String, String>,
}

/// The texts a template is made of.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Where the template comes from, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Its partials' texts, by the names it calls them by.
    pub partials: BTreeMap<String, String>,
    /// The site's settings, seen by the template as `values`.
    pub values: Json,
    /// The environment variables that the template may read.
    pub environment: BTreeMap<String, String>,
}

/// A template that cannot be parsed or rendered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{place}: {reason}")]
pub struct RenderError {
    /// `name:line:column`, as far as known.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Where and why it, or one of its partials, does not parse.
    pub fn parse(source: Source) -> Result<Self, RenderError> {
        let engine = handlebars::Engine::parse(&source.name, &source.text, &source.partials)?;
        Ok(Self { engine, values: source.values, environment: source.environment })
    }
}

/// What became of a template, and what that depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The text, which is for use only when nothing is missing; or where and why there is none. An error can come from
    /// data, and go away when they change, so it has a record too.
    pub text: Result<String, RenderError>,
    /// What the rendering looked at.
    pub record: Record,
}

/// Renders a template from what is known.
pub fn render(template: &Template, store: &Store) -> Rendered {
    let session = Session::new(store, &template.environment);
    let text = template.engine.render(&session, &template.values);
    Rendered { text, record: session.into_record() }
}

#[cfg(test)]
mod tests;
