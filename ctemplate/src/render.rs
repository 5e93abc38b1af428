//! Rendering: a function of a template and the store.
//!
//! It returns the text together with what the text depends on. What is not in the store yet is reported as missing and
//! stands in as its kind's empty value, so that one pass finds as many dependencies as it can; a text with something
//! missing is not for use.
//!
//! The functions `plugin`, `writeToFile` and `spew_dump`, which consul-template has, do something besides; they do it in
//! every pass.

pub mod go;
pub mod handlebars;
pub mod session;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value as Json;
use thiserror::Error;

use self::session::{Past, Record, Session, Sight, Surroundings};
use crate::funcs::json;
use crate::store::Store;

/// A template, parsed.
#[derive(Clone, Debug)]
pub struct Template {
    engine: Engine,
    surroundings: Arc<Surroundings>,
}

#[derive(Clone, Debug)]
enum Engine {
    Go(go::Engine),
    Handlebars(handlebars::Engine),
}

/// The language of a template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Go's text/template, as consul-template uses it.
    #[default]
    Go,
    /// Handlebars.
    Handlebars,
}

impl Language {
    /// The language of a file, by its name: Handlebars for `.hbs`, else Go's.
    pub fn of(path: &Path) -> Self {
        let handlebars = Self::Handlebars.extension();
        if path.extension() == Some(handlebars.as_ref()) { Self::Handlebars } else { Self::Go }
    }

    /// What the names of files in it end in, partials always and templates by custom.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Go => "ctmpl",
            Self::Handlebars => "hbs",
        }
    }
}

/// The texts a template is made of, and the settings for it.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Where the template comes from, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Its language.
    pub language: Language,
    /// What begins and ends an action of a Go template; an empty one is the usual one.
    pub delimiters: (String, String),
    /// Whether a Go template fails when it asks a map for a key that is not there.
    pub missing_key_is_error: bool,
    /// Names and patterns (`sprig_*`) of functions that fail when they are called.
    pub denied: Vec<String>,
    /// The only folder from which `file` may read.
    pub sandbox: Option<PathBuf>,
    /// Its partials' texts, by the names it calls them by.
    pub partials: BTreeMap<String, String>,
    /// The site's settings, seen by the template as `values`.
    pub values: Json,
    /// The environment variables that the template may read.
    pub environment: BTreeMap<String, String>,
}

/// A template that cannot be parsed or rendered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{place}: {reason}{excerpt}")]
pub struct RenderError {
    /// `name:line:column`, as far as known. In Go templates line and column are part of the reason.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
    /// The line that it is about, on lines of its own; may be empty.
    pub excerpt: String,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Where and why it, or one of its partials, does not parse.
    pub fn parse(source: Source) -> Result<Self, RenderError> {
        let engine = match source.language {
            Language::Go => Engine::Go(go::Engine::parse(&source)?),
            Language::Handlebars => Engine::Handlebars(handlebars::Engine::parse(&source)?),
        };
        let Source { environment, sandbox, values, .. } = source;
        let values = json::from_serde(values);
        let surroundings = Arc::new(Surroundings { environment, sandbox, values });
        Ok(Self { engine, surroundings })
    }
}

impl Template {
    /// The settings that it sees.
    pub fn values(&self) -> Json {
        json::to_serde(&self.surroundings.values)
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

/// What the renderings of one template remember, so that the next one need not make all of its text anew.
#[derive(Debug, Default)]
pub struct Memory {
    go: gotemplate::Memory<Arc<Sight>>,
    handlebars: handlebars::Memory,
    past: Past,
}

impl Memory {
    /// Has it remember all that it may, what is rendered faster than it is looked up too.
    #[must_use]
    pub fn eager() -> Self {
        Self {
            go: gotemplate::Memory::new().eager(),
            handlebars: handlebars::Memory::default().eager(),
            past: Past::default(),
        }
    }
}

/// Renders a template from what is known.
pub fn render(template: &Template, store: &Store) -> Rendered {
    render_with(&mut Memory::default(), template, store)
}

/// The same from memory as far as possible: what a body looked at is in the store as it was.
pub fn render_with(memory: &mut Memory, template: &Template, store: &Store) -> Rendered {
    let surroundings = Arc::clone(&template.surroundings);
    let session = Session::new(store.clone(), surroundings, SystemTime::now());
    let mut session = session.after(&mut memory.past);
    let text = match &template.engine {
        Engine::Go(engine) => engine.render(&mut session, &mut memory.go),
        Engine::Handlebars(engine) => engine.render(&mut session, &mut memory.handlebars),
    };
    Rendered { text, record: session.into_record(&mut memory.past) }
}

/// Whether a function is one of those that are denied: `*` stands for any text.
fn is_denied(denied: &[String], name: &str) -> bool {
    denied.iter().any(|pattern| matches(pattern, name))
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return name.ends_with(rest) };
    for part in middle.split('*') {
        let Some((_, after)) = name.split_once(part) else { return false };
        name = after;
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests;
