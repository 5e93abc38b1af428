//! Go's text/template, as consul-template uses it: its functions, its options, its texts of errors.
//!
//! The template has no name, so messages say where in the text something is wrong, and before that where the text comes
//! from. The root of the data is nil: what a template shows comes from functions.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use gotemplate::{
    Error, Functions, Memory, MissingKey, Parser, Place, Purity, Scope, Signature, Template, Type,
    Value, Witness,
};

use super::session::Session;
use super::{RenderError, Source, is_denied};
use crate::funcs::{self, refused};

/// A template, parsed.
#[derive(Clone, Debug)]
pub struct Engine {
    texts: Arc<Texts>,
    template: Template<Session>,
}

impl Engine {
    /// Parses a template.
    pub fn parse(source: &Source) -> Result<Self, RenderError> {
        static ALL: LazyLock<Arc<Functions<Session>>> = LazyLock::new(|| library(&[]).into());
        let functions = match source.denied.as_slice() {
            [] => Arc::clone(&ALL),
            denied => library(denied).into(),
        };
        let (left, right) = &source.delimiters;
        let missing_key =
            if source.missing_key_is_error { MissingKey::Error } else { MissingKey::Zero };
        let parser = Parser::new(functions).delimiters(left, right).missing_key(missing_key);
        let texts = Texts {
            name: source.name.clone(),
            text: source.text.clone(),
            partials: source.partials.clone(),
        };
        match parse(&parser, &texts) {
            Ok(template) => Ok(Self { texts: texts.into(), template }),
            Err(error) => Err(texts.failed("parse", &error)),
        }
    }

    /// Renders the template for one session, and takes what would be the same as last time from memory.
    pub fn render(
        &self,
        session: &mut Session,
        memory: &mut Memory<<Session as Witness>::Seen>,
    ) -> Result<String, RenderError> {
        self.template
            .render_with(memory, session, &Value::Missing)
            .map_err(|error| self.texts.failed("execute", &error))
    }
}

/// What is shown of a template that fails.
#[derive(Debug)]
struct Texts {
    name: String,
    text: String,
    partials: BTreeMap<String, String>,
}

/// Parses a template, and of its partials those that it asks for and does not define itself: consul-template, which knows
/// no partials, would fail there.
fn parse(parser: &Parser<Session>, texts: &Texts) -> Result<Template<Session>, Error> {
    let mut template = parser.parse("", &texts.text)?;
    loop {
        let partial = |name: &str| texts.partials.get_key_value(name);
        let Some((name, text)) = template.undefined().into_iter().find_map(partial) else {
            return Ok(template);
        };
        parser.parse_into(&mut template, name, text)?;
    }
}

/// All functions for Go templates.
fn library(denied: &[String]) -> Functions<Session> {
    let mut functions = Functions::new();
    add_sprig(&mut functions);
    for (function, purity) in funcs::with_purity() {
        functions
            .add(function.name, function.signature(), |session: &mut Session, arguments| {
                (function.body)(session, arguments)
            })
            .mark(function.name, purity);
    }
    let any = Signature::new([Type::String]).variadic(Type::Any);
    functions.add_scoped("executeTemplate", any, execute_template);
    functions.add("values", Signature::new([]).returning_any(), |session: &mut Session, _| {
        Ok(session.surroundings().values.clone())
    });
    functions.mark("values", Purity::Pure);
    for (name, reason) in refused::refused() {
        functions.refuse(name, reason);
    }
    deny(&mut functions, denied);
    functions
}

/// Sprig's functions. What is marked is what their documentation calls random or bound to the time, and what changes
/// maps.
fn add_sprig(functions: &mut Functions<Session>) {
    const PREFIX: &str = "sprig_";
    sprig::register(functions, PREFIX);
    let names: Vec<_> = functions.names().map(str::to_owned).collect();
    for name in names {
        let purity = match name.strip_prefix(PREFIX).unwrap_or_default() {
            "ago" | "durationRound" | "randInt" | "shuffle" | "bcrypt" | "htpasswd"
            | "encryptAES" => Purity::Impure,
            name if name.starts_with("gen") => Purity::Impure,
            "set" | "unset" => Purity::Mutating,
            name if name.contains("erge") => Purity::Mutating,
            _ => Purity::Pure,
        };
        functions.mark(&name, purity);
    }
}

/// `executeTemplate NAME [DOT]`: the text of a template that is defined in this one.
fn execute_template(scope: &mut Scope<'_, Session>, arguments: &[Value]) -> Result<Value, Error> {
    let (name, dot) = match arguments {
        // Nothing in a variable of any type is nothing.
        [name] | [name, Value::Nil] => (name, Value::Missing),
        [name, dot] => (name, dot.clone()),
        more => {
            return Err(Error::new(format!(
                "executeTemplate: wrong number of arguments, expected 1 or 2, but got {}",
                more.len()
            )));
        }
    };
    scope.render(name.as_str().unwrap_or_default(), &dot).map(Value::from)
}

/// Replaces functions by one that always fails.
fn deny(functions: &mut Functions<Session>, denied: &[String]) {
    let names: Vec<_> =
        functions.names().filter(|name| is_denied(denied, name)).map(str::to_owned).collect();
    for name in names {
        functions.add(name, Signature::new([]).variadic(Type::String), |_: &mut Session, _| {
            Err(Error::new("function is disabled"))
        });
    }
}

impl Texts {
    fn failed(&self, phase: &str, error: &Error) -> RenderError {
        let text = |name: &String| self.partials.get(name).unwrap_or(&self.text);
        let excerpt = match error.place() {
            Some(Place::Parse { name, line, .. }) => excerpt(text(name), *line, None),
            Some(Place::Execute { name, line, column, .. }) => {
                excerpt(text(name), *line, Some(*column))
            }
            _ => String::new(),
        };
        RenderError { place: self.name.clone(), reason: format!("{phase}: {error}"), excerpt }
    }
}

/// The line of a text with its number, and a mark below the byte in it that is meant.
fn excerpt(text: &str, line: usize, column: Option<usize>) -> String {
    let Some(source) = text.lines().nth(line.saturating_sub(1)) else { return String::new() };
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let mark = column.and_then(|column| source.get(..column)).map(|before| {
        // Tabs stay tabs, so that the mark is below its place however wide they are.
        let space = |c: char| if c == '\t' { '\t' } else { ' ' };
        format!("\n{margin} | {}^", before.chars().map(space).collect::<String>())
    });
    format!("\n{number} | {source}{}", mark.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::{Rendered, Template as Parsed, render};
    use super::*;
    use crate::data::Data;
    use crate::dependency::{Dependency, KeyPath};
    use crate::store::Store;

    fn source(text: &str) -> Source {
        Source { name: "dir/t.ctmpl".to_owned(), text: text.to_owned(), ..Source::default() }
    }

    fn rendered(source: Source, store: &Store) -> Result<Rendered, RenderError> {
        Parsed::parse(source).map(|template| render(&template, store))
    }

    fn text(source: Source) -> Result<String, String> {
        let rendered = rendered(source, &Store::default()).and_then(|rendered| rendered.text);
        rendered.map_err(|error| error.to_string())
    }

    #[test]
    fn errors_are_those_of_consul_template_with_the_line() {
        for (template, want) in [
            (
                "one\n\ttwo {{toUpper 1}}\n",
                "dir/t.ctmpl: execute: template: :2:15: executing \"\" at <1>: expected string; found 1\n2 | \ttwo {{toUpper 1}}\n  | \t              ^",
            ),
            (
                "{{nope}}",
                "dir/t.ctmpl: parse: template: :1: function \"nope\" not defined\n1 | {{nope}}",
            ),
            (
                "{{secret \"a\"}}",
                "dir/t.ctmpl: parse: template: :1: secret: Vault is not built in\n1 | {{secret \"a\"}}",
            ),
        ] {
            assert_eq!(text(source(template)).unwrap_err(), want);
        }
    }

    #[test]
    fn denied_functions_fail_when_they_are_called() {
        let denied = |pattern: &str, template: &str| {
            text(Source { denied: vec![pattern.to_owned()], ..source(template) })
        };
        assert_eq!(denied("plug*", "{{if false}}{{plugin \"x\"}}{{end}}").as_deref(), Ok(""));
        for pattern in ["plugin", "plug*", "*in", "p*u*n", "*"] {
            let error = denied(pattern, "{{plugin \"x\"}}").unwrap_err();
            assert!(error.contains("error calling plugin: function is disabled"), "{error}");
        }
        for pattern in ["", "plug", "in*", "p*x*n", "plugin*x"] {
            assert_eq!(denied(pattern, "{{plugin \"\"}}").as_deref(), Ok(""), "{pattern}");
        }
        let error = denied("env", "{{secret \"x\"}}{{env \"a\"}}").unwrap_err();
        assert!(error.contains("Vault is not built in"), "{error}");
        // What is not built in can be denied, too, and then is no error before it is called.
        assert_eq!(denied("secret", "{{if false}}{{secret \"x\"}}{{end}}").as_deref(), Ok(""));
    }

    #[test]
    fn partials_are_what_a_template_asks_for_and_does_not_define() {
        let partials = [
            ("a", "a{{template \"b\" .}}"),
            ("b", "b{{.}}\n{{fail}}"),
            ("own", "{{"),
            ("unused", "{{"),
        ];
        let partials = partials.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let with = |text: &str| Source { partials, ..source(text) };
        let template = "{{define \"own\"}}own{{end}}{{template \"own\"}}{{template \"a\" 1}}";
        let error = text(with(template)).unwrap_err();
        let want = "dir/t.ctmpl: parse: template: b:2: function \"fail\" not defined\n2 | {{fail}}";
        assert_eq!(error, want);
    }

    #[test]
    fn delimiters_and_missing_keys_are_settings() {
        let delimiters = ("[[".to_owned(), "]]".to_owned());
        let brackets = Source { delimiters, ..source("[[toUpper \"a\"]]{{b}}") };
        assert_eq!(text(brackets).as_deref(), Ok("A{{b}}"));
        let template = "{{(parseJSON \"{}\").nope}}";
        assert_eq!(text(source(template)).as_deref(), Ok("<no value>"));
        let strict = Source { missing_key_is_error: true, ..source(template) };
        let error = text(strict).unwrap_err();
        assert!(error.contains("map has no entry for key \"nope\""), "{error}");
        let strict = Source { missing_key_is_error: true, ..source("{{.Foo}}") };
        let error = text(strict).unwrap_err();
        assert!(error.contains("nil data; no entry for key \"Foo\""), "{error}");
    }

    #[test]
    fn files_outside_of_the_sandbox_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let sandboxed = |path: &str| {
            let sandbox = Some(folder.path().canonicalize().unwrap());
            rendered(
                Source { sandbox, ..source(&format!("{{{{file {path:?}}}}}")) },
                &Store::default(),
            )
            .unwrap()
        };
        let Rendered { text, record } = sandboxed("/etc/passwd");
        assert!(text.unwrap_err().to_string().contains("'/etc/passwd' is outside of sandbox"));
        assert!(record.used.is_empty());
        let inside = folder.path().join("file");
        std::fs::write(&inside, "").unwrap();
        assert_eq!(sandboxed(inside.to_str().unwrap()).record.missing.len(), 1);
    }

    #[test]
    fn a_key_is_waited_for_until_it_exists() {
        let key = Dependency::Key(KeyPath::parse("kv.get", "a").unwrap());
        let mut store = Store::default();
        let missing =
            |store: &Store| rendered(source("{{key \"a\"}}"), store).unwrap().record.missing.len();
        assert_eq!(missing(&store), 1);
        store.insert(key.clone(), Data::Key(None));
        assert_eq!(missing(&store), 1);
        store.insert(key, Data::Key(Some(String::new())));
        assert_eq!(missing(&store), 0);
    }

    #[test]
    fn our_own_functions_and_settings_are_there() {
        let values = serde_json::json!({"environments": [{"name": "production"}], "n": 1});
        let template = "{{(values).n}}{{range routes values}}x{{end}}{{quote \"a b\"}}";
        let rendered = rendered(Source { values, ..source(template) }, &Store::default()).unwrap();
        assert_eq!(rendered.text.as_deref(), Ok("1\"a b\""));
        assert_eq!(rendered.record.missing.len(), 1);
    }
}
