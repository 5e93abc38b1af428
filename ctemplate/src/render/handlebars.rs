//! The Handlebars language: templates, partials and the function library as helpers.
//!
//! Nothing is escaped (the output is configuration, not HTML) and unknown variables are errors: a misspelt field must
//! not become an empty word in a configuration.

use std::collections::BTreeMap;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, RenderContext, RenderErrorReason, ScopedJson,
    TemplateError, no_escape,
};
use serde_json::{Value as Json, json};

use crate::funcs::{Arguments, FUNCTIONS, Function};
use crate::render::RenderError;
use crate::render::session::Session;

/// A template and its partials, parsed.
#[derive(Clone, Debug)]
pub struct Engine {
    name: String,
    registry: Handlebars<'static>,
}

impl Engine {
    /// Parses a template and its partials.
    pub fn parse(
        name: &str,
        text: &str,
        partials: &BTreeMap<String, String>,
    ) -> Result<Self, RenderError> {
        let mut registry = Handlebars::new();
        registry.register_escape_fn(no_escape);
        registry.set_strict_mode(true);
        for (name, text) in partials {
            registry.register_partial(name, text).map_err(|error| misparsed(name, &error))?;
        }
        registry.register_template_string(name, text).map_err(|error| misparsed(name, &error))?;
        Ok(Self { name: name.to_owned(), registry })
    }

    /// Renders the template for one session.
    pub fn render(&self, session: &Session<'_>, values: &Json) -> Result<String, RenderError> {
        let mut registry: Handlebars<'_> = self.registry.clone();
        for (name, function) in FUNCTIONS {
            registry.register_helper(name, Box::new(Call { name, function: *function, session }));
        }
        registry
            .render(&self.name, &json!({ "values": values }))
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &handlebars::RenderError) -> RenderError {
        let name = error.template_name.as_deref().unwrap_or(&self.name);
        let reason = match error.reason() {
            RenderErrorReason::MissingVariable(Some(path)) => format!("there is no '{path}' here"),
            RenderErrorReason::MissingVariable(None) => "there is no such name here".to_owned(),
            RenderErrorReason::PartialNotFound(name) => format!("partial '{name}' is not defined"),
            RenderErrorReason::HelperNotFound(name) => format!("function '{name}' is not defined"),
            reason => reason.to_string(),
        };
        RenderError { place: place(name, error.line_no.zip(error.column_no)), reason }
    }
}

/// One function of the library in the shape of a helper.
struct Call<'a> {
    name: &'static str,
    function: Function,
    session: &'a Session<'a>,
}

impl HelperDef for Call<'_> {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, handlebars::RenderError> {
        let wrong = |reason: String| RenderErrorReason::Other(format!("{}: {reason}", self.name));
        let mut values = Vec::with_capacity(helper.params().len());
        for parameter in helper.params() {
            if parameter.is_value_missing() {
                let name = parameter.relative_path().map(String::as_str).unwrap_or_default();
                return Err(wrong(format!("there is no '{name}' here")).into());
            }
            values.push(parameter.value());
        }
        let result = (self.function)(self.session, &Arguments::new(values));
        Ok(ScopedJson::Derived(result.map_err(|error| wrong(error.to_string()))?))
    }
}

fn misparsed(name: &str, error: &TemplateError) -> RenderError {
    RenderError { place: place(name, error.pos()), reason: error.reason().to_string() }
}

fn place(name: &str, position: Option<(usize, usize)>) -> String {
    match position {
        Some((line, column)) => format!("{name}:{line}:{column}"),
        None => name.to_owned(),
    }
}
