//! The data of the recorder (`tests/corpus/record/main.go`), in Rust, and how cases are run with them.

#![allow(dead_code, reason = "each test uses its part")]

#[path = "../../../gotemplate/tests/support/corpus.rs"]
pub(crate) mod corpus;

use std::{borrow::Cow, env, path::Path, process::Command};

use gotemplate::{
    Callable, FloatKind, Functions, IntKind, List, Map, Object, Signature, Template, Type,
    UintKind, Value,
};

use self::corpus::text;

/// A case of a corpus file.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) template: String,
    pub(crate) want: Want,
}

/// What comes of a case.
#[derive(Debug, PartialEq)]
pub(crate) enum Want {
    Output(String),
    Error(String),
    /// The output or the error of this crate, where it differs on purpose.
    Here(String),
}

impl Want {
    pub(crate) fn is(&self, got: &Result<String, String>) -> bool {
        match (self, got) {
            (Self::Output(want) | Self::Here(want), Ok(got))
            | (Self::Error(want) | Self::Here(want), Err(got)) => want == got,
            _ => false,
        }
    }
}

pub(crate) fn cases(path: &Path) -> Vec<Case> {
    corpus::cases(path, |case| Case {
        name: text(case, "name").unwrap(),
        template: text(case, "template").unwrap(),
        want: match (text(case, "here"), text(case, "want"), text(case, "error")) {
            (Some(here), ..) => Want::Here(here),
            (None, Some(want), None) => Want::Output(want),
            (None, None, Some(error)) => Want::Error(error),
            _ => panic!("{}: neither or both of want and error: {case}", path.display()),
        },
    })
}

/// Runs the calling test again in a process of its own whose clock is UTC, as it is when cases are recorded. Says
/// whether this is that process.
pub(crate) fn has_utc(test: &str) -> bool {
    if env::var("TZ").is_ok_and(|zone| zone == "UTC") {
        return true;
    }
    let program = env::current_exe().unwrap();
    let again = Command::new(program).args(["--exact", test]).env("TZ", "UTC").output().unwrap();
    let shown = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && shown.contains("1 passed"), "{shown}");
    false
}

pub(crate) fn functions() -> Functions<()> {
    let mut functions = Functions::new();
    sprig::register(&mut functions, "");
    functions
}

pub(crate) fn run(template: &str) -> Result<String, String> {
    let template =
        Template::parse("t", template, functions()).map_err(|error| error.to_string())?;
    template.render(&mut (), &data()).map_err(|error| error.to_string())
}

struct Service {
    type_name: &'static str,
    fields: [(&'static str, Value); 4],
    nil: bool,
}

impl Service {
    fn new(type_name: &'static str, name: &str, port: i64, tags: Value, meta: &str) -> Self {
        let fields = [
            ("Name", name.into()),
            ("Port", Value::int(port)),
            ("Tags", tags),
            ("meta", meta.into()),
        ];
        Self { type_name, fields, nil: false }
    }
}

impl Object for Service {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn field_names(&self) -> &[&str] {
        &["Name", "Port", "Tags", "meta"]
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let field = self.fields.iter().find(|(field, _)| *field == name)?;
        (!self.nil).then_some(Cow::Borrowed(&field.1))
    }

    fn is_nil(&self) -> bool {
        self.nil
    }
}

/// Prints itself.
struct Level(i64);

impl Object for Level {
    fn type_name(&self) -> &'static str {
        "main.Level"
    }

    fn field_names(&self) -> &[&str] {
        &["n"]
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        (name == "n").then(|| Cow::Owned(Value::int(self.0)))
    }

    fn text(&self) -> Option<String> {
        Some(format!("level {}", self.0))
    }
}

fn data() -> Value {
    let nil_tags = || List::nil(Type::String).into();
    let labels = [("b", "2"), ("a", "1")].map(|(key, value)| (key.into(), value.into()));
    let names = [(10, "ten"), (9, "nine")].map(|(key, value)| (Value::int(key), value.into()));
    let numbers = [("b", 2), ("a", 1)].map(|(key, value)| (key.into(), Value::int(value)));
    let inner = Value::map([("b", Value::map([("c", "found".into())]))]);
    let function = Callable::new(Signature::new([]), Type::INT, |_| Ok(Value::int(1)));
    let web = Service::new("main.Service", "web", 80, Value::strings(["x"]), "m");
    let db = Service::new("*main.Service", "db", 0, nil_tags(), "");
    let nil = Service { nil: true, ..Service::new("*main.Service", "", 0, nil_tags(), "") };
    Value::map([
        ("null", Value::Nil),
        ("zero", Value::int(0)),
        ("no", false.into()),
        ("blank", "".into()),
        ("word", "naïve".into()),
        ("unicode", "héllo, 世界☺".into()),
        ("ints", List::new(Type::INT, [3, 1, 2].map(Value::int)).into()),
        ("texts", Value::strings(["b", "a", "c"])),
        ("bytes", Value::Bytes((*b"hi!").into())),
        ("floats", List::new(Type::FLOAT64, [1.5.into(), Value::from(-2.0)]).into()),
        ("any", Value::list([Value::int(1), "two".into(), 3.5.into(), Value::Nil, true.into()])),
        ("map", Map::new(Type::String, Type::INT, numbers).into()),
        ("labels", Map::new(Type::String, Type::String, labels).into()),
        ("intmap", Map::new(Type::INT, Type::String, names).into()),
        ("keys", Map::new(Type::Any, Type::Any, [("k".into(), Value::int(1))]).into()),
        ("deep", Value::map([("a", inner), ("s", "text".into())])),
        ("svc", Value::object(web)),
        ("ptr", Value::object(db)),
        ("nilptr", Value::object(nil)),
        ("level", Value::object(Level(3))),
        ("fn", function.into()),
        ("complex", Value::Complex(1.0, -2.0)),
        ("i8", Value::Int(IntKind::Int8, -8)),
        ("i64", Value::Int(IntKind::Int64, -64)),
        ("u", Value::Uint(UintKind::Uint, 1)),
        ("u8", Value::Uint(UintKind::Uint8, 8)),
        ("u64", Value::Uint(UintKind::Uint64, u64::MAX)),
        ("f32", Value::Float(FloatKind::Float32, 0.1_f32.into())),
        ("nan", f64::NAN.into()),
        ("inf", f64::INFINITY.into()),
        ("neginf", f64::NEG_INFINITY.into()),
        ("huge", 1e300.into()),
        ("maxint", Value::int(i64::MAX)),
        ("minint", Value::int(i64::MIN)),
    ])
}
