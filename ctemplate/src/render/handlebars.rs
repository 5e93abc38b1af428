//! The Handlebars language: templates, partials and the function library as helpers.
//!
//! Nothing is escaped (the output is configuration, not HTML) and unknown variables are errors: a misspelt field must
//! not become an empty word in a configuration.

mod arguments;
mod bodies;
mod each;
mod stage;

use std::sync::Arc;

use gotemplate::{Purity, Value};
use handlebars::{
    Context, Handlebars, Helper, HelperDef, RenderContext, RenderErrorReason, ScopedJson,
    TemplateError, no_escape,
};
use serde_json::json;

use self::each::Each;
pub use self::stage::Memory;
use self::stage::Stage;
use crate::funcs::{self, Function, Parameter, json};
use crate::render::session::Session;
use crate::render::{RenderError, Source, is_denied};

/// What has another meaning here than in Go templates. There is one type of numbers, and no need for escapes in JSON.
const OWN: &[Function] = &[
    Function::new("print", &[], print).rest(Parameter::Any),
    Function::new("parseJSON", &[Parameter::Text], json::parse_json_with_integers),
    Function::new("toJSON", &[Parameter::Any], json::to_unescaped_json),
    Function::new("toJSONPretty", &[Parameter::Any], json::to_unescaped_json_pretty),
];

/// A template and its partials, parsed.
#[derive(Clone, Debug)]
pub struct Engine {
    parsed: Arc<Parsed>,
}

#[derive(Debug)]
struct Parsed {
    name: String,
    registry: Handlebars<'static>,
    context: Context,
    stage: Arc<Stage>,
}

impl Engine {
    /// Parses a template and its partials.
    pub fn parse(source: &Source) -> Result<Self, RenderError> {
        let Source { name, text, partials, values, denied, .. } = source;
        let stage = Arc::new(Stage::default());
        let mut registry = Handlebars::new();
        registry.register_escape_fn(no_escape);
        registry.set_strict_mode(true);
        for (name, text) in partials {
            registry.register_partial(name, text).map_err(|error| misparsed(name, &error))?;
        }
        registry.register_template_string(name, text).map_err(|error| misparsed(name, &error))?;
        registry.register_helper("each", Box::new(Each(Arc::clone(&stage))));
        let own = OWN.iter().map(|function| (function, Purity::Pure));
        for (function, purity) in funcs::with_purity().chain(own) {
            let is_denied = is_denied(denied, function.name);
            let call = Call { function, purity, is_denied, stage: Arc::clone(&stage) };
            registry.register_helper(function.name, Box::new(call));
        }
        let context = Context::from(json!({ "values": values }));
        let parsed = Arc::new(Parsed { name: name.clone(), registry, context, stage });
        // They are known by their addresses, which are final now.
        drop(parsed.stage.bodies.set(bodies::bodies(parsed.registry.get_templates())));
        Ok(Self { parsed })
    }

    /// Renders the template for one session, and takes what would be the same as last time from memory.
    pub fn render(
        &self,
        session: &mut Session,
        memory: &mut Memory,
    ) -> Result<String, RenderError> {
        let Parsed { name, registry, context, stage } = self.parsed.as_ref();
        let rendered = stage.play(session, memory, || registry.render_with_context(name, context));
        rendered.map_err(|error| self.parsed.failed(&error))
    }
}

impl Parsed {
    fn failed(&self, error: &handlebars::RenderError) -> RenderError {
        let name = error.template_name.as_deref().unwrap_or(&self.name);
        let reason = match error.reason() {
            RenderErrorReason::MissingVariable(Some(path)) => format!("there is no '{path}' here"),
            RenderErrorReason::MissingVariable(None) => "there is no such name here".to_owned(),
            RenderErrorReason::PartialNotFound(name) => format!("partial '{name}' is not defined"),
            RenderErrorReason::HelperNotFound(name) => format!("function '{name}' is not defined"),
            reason => reason.to_string(),
        };
        let place = place(name, error.line_no.zip(error.column_no));
        RenderError { place, reason, excerpt: String::new() }
    }
}

/// One function of the library in the shape of a helper.
struct Call {
    function: &'static Function,
    purity: Purity,
    is_denied: bool,
    stage: Arc<Stage>,
}

impl HelperDef for Call {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, handlebars::RenderError> {
        let name = self.function.name;
        let wrong = |reason: String| {
            // Some functions say their name themselves.
            let prefix = format!("{name}: ");
            let reason = reason.strip_prefix(&prefix).unwrap_or(&reason);
            RenderErrorReason::Other(format!("{prefix}{reason}"))
        };
        let mut values = Vec::with_capacity(helper.params().len());
        for parameter in helper.params() {
            if parameter.is_value_missing() {
                let name = parameter.relative_path().map(String::as_str).unwrap_or_default();
                return Err(wrong(format!("there is no '{name}' here")).into());
            }
            values.push(parameter.value());
        }
        if self.is_denied {
            return Err(wrong("function is disabled".to_owned()).into());
        }
        let arguments = arguments::arguments(self.function, &values).map_err(wrong)?;
        let result = self.stage.call(self.function, self.purity, &arguments);
        let value = result.map_err(|error| wrong(error.to_string()))?;
        Ok(ScopedJson::Derived(json::to_serde(&value)))
    }
}

/// `print A B …`: the texts behind each other, with a space between two that are not strings, as Go's `print` has it.
#[expect(clippy::unnecessary_wraps, reason = "functions of the library can fail")]
fn print(_: &Session, arguments: &[Value]) -> Result<Value, gotemplate::Error> {
    let mut text = String::new();
    let mut last_is_string = true;
    for value in arguments {
        let is_string = value.as_str().is_some();
        if !(last_is_string || is_string) {
            text.push(' ');
        }
        text.push_str(&value.to_string());
        last_is_string = is_string;
    }
    Ok(text.into())
}

fn misparsed(name: &str, error: &TemplateError) -> RenderError {
    let (place, reason) = (place(name, error.pos()), error.reason().to_string());
    RenderError { place, reason, excerpt: String::new() }
}

fn place(name: &str, position: Option<(usize, usize)>) -> String {
    match position {
        Some((line, column)) => format!("{name}:{line}:{column}"),
        None => name.to_owned(),
    }
}
