//! The functions and data of the recorder (`tests/corpus/record/main.go`), in Rust.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::approx_constant, reason = "the same number as in the recorder")]

pub(crate) mod corpus;
mod objects;

use std::{path::Path, sync::Arc};

use gotemplate::{
    Callable, Error, FloatKind, Functions, IntKind, List, Map, Memory, MissingKey, Object, Parser,
    Purity, Signature, Template, Type, UintKind, Value, Witness,
};

use self::{
    corpus::text,
    objects::{Obj, Scratch, Struct},
};

/// What functions share in one execution.
#[derive(Default)]
pub(crate) struct Context {
    counter: i64,
    scratch: Arc<Scratch>,
    /// How many bodies were remembered.
    pub(crate) hits: usize,
}

impl Witness for Context {
    type Seen = ();

    fn begin(&mut self) {}

    fn end(&mut self) {}

    fn holds(&mut self, (): &()) -> bool {
        self.hits += 1;
        true
    }
}

/// A case of a corpus file.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) template: String,
    pub(crate) missing: Option<String>,
    pub(crate) left: String,
    pub(crate) right: String,
    /// What Go does, or what this crate does where it differs on purpose.
    pub(crate) want: Result<String, String>,
}

pub(crate) fn cases(path: &Path) -> Vec<Case> {
    corpus::cases(path, |case| Case {
        name: text(case, "name").unwrap(),
        template: text(case, "template").unwrap(),
        missing: text(case, "missingkey"),
        left: text(case, "left").unwrap_or_default(),
        right: text(case, "right").unwrap_or_default(),
        want: match (text(case, "here"), text(case, "want"), text(case, "error")) {
            (Some(here), ..) => Ok(here),
            (None, Some(want), None) => Ok(want),
            (None, None, Some(error)) => Err(error),
            _ => panic!("{}: neither or both of want and error: {case}", path.display()),
        },
    })
}

pub(crate) fn parser(case: &Case) -> Parser<Context> {
    let missing = match case.missing.as_deref() {
        Some("zero") => MissingKey::Zero,
        Some("error") => MissingKey::Error,
        _ => MissingKey::Default,
    };
    Parser::new(functions()).delimiters(&case.left, &case.right).missing_key(missing)
}

pub(crate) fn parse(case: &Case) -> Result<Template<Context>, Error> {
    parser(case).parse("t", &case.template)
}

pub(crate) fn run(case: &Case) -> Result<String, String> {
    let template = parse(case).map_err(|error| error.to_string())?;
    template.render(&mut Context::default(), &data()).map_err(|error| error.to_string())
}

/// What the second rendering makes of a case, and how many bodies it takes from the first.
pub(crate) fn run_again(case: &Case) -> (Result<String, String>, usize) {
    let template = match parse(case) {
        Ok(template) => template,
        Err(error) => return (Err(error.to_string()), 0),
    };
    let mut memory = Memory::new().eager();
    let mut run = || {
        let mut context = Context::default();
        let text = template.render_with(&mut memory, &mut context, &data());
        (text.map_err(|error| error.to_string()), context.hits)
    };
    let (first, _) = run();
    let (second, hits) = run();
    assert_eq!(first, second, "{}", case.template);
    (second, hits)
}

fn service(
    type_name: &'static str,
    address: &str,
    port: i64,
    tags: &[&str],
    meta: &[(&str, &str)],
) -> Struct {
    let meta = meta.iter().map(|(key, value)| (Value::from(*key), Value::from(*value)));
    Struct::new(
        type_name,
        [
            ("Name", "web".into()),
            ("Address", address.into()),
            ("Port", Value::int(port)),
            ("Tags", Value::strings(tags.iter().copied())),
            ("Meta", Map::new(Type::String, Type::String, meta).into()),
            ("Next", Value::object(nil_service())),
            ("Any", Value::Nil),
        ],
    )
}

fn first(type_name: &'static str) -> Struct {
    service(type_name, "10.0.0.1", 80, &["a", "b"], &[("dc", "dc1")])
}

fn second(type_name: &'static str) -> Struct {
    service(type_name, "10.0.0.2", 8080, &[], &[])
}

fn nil_service() -> Struct {
    let names = vec!["Name", "Address", "Port", "Tags", "Meta", "Next", "Any"];
    Struct { type_name: "*main.Service", names, nil: true, ..Struct::default() }
}

fn services() -> Value {
    let services = [first("main.Service"), second("main.Service")];
    List::new(Type::Named("main.Service".into()), services.map(Value::object)).into()
}

fn point(x: i64, y: i64) -> Value {
    let point = Struct::new("main.Point", [("X", Value::int(x)), ("Y", Value::int(y))]);
    Value::object(Struct { comparable: true, ..point })
}

fn printing(type_name: &'static str, text: &str, fields: Struct) -> Value {
    Value::object(Struct { type_name, text: Some(text.to_owned()), comparable: true, ..fields })
}

fn ints(ints: impl IntoIterator<Item = i64>) -> Value {
    List::new(Type::INT, ints.into_iter().map(Value::int)).into()
}

fn map<const N: usize>(key: Type, element: Type, entries: [(Value, Value); N]) -> Value {
    Map::new(key, element, entries).into()
}

fn uint8(uint: u64) -> Value {
    Value::Uint(UintKind::Uint8, uint)
}

/// The dot of every case.
pub(crate) fn data() -> Value {
    let mut entries = scalars();
    entries.extend(collections());
    entries.extend(objects());
    Value::map(entries)
}

fn scalars() -> Vec<(&'static str, Value)> {
    vec![
        ("name", "bob".into()),
        ("word", "naïve".into()),
        ("naïve", "yes".into()),
        ("f", 3.14.into()),
        ("port", Value::Uint(UintKind::Uint16, 80)),
        ("null", Value::Nil),
        ("zero", Value::int(0)),
        ("no", false.into()),
        ("yes", true.into()),
        ("blank", "".into()),
        ("html", "<a href='x'>\"&\"</a>".into()),
        ("unicode", "héllo, 世界☺".into()),
        ("lines", "one\ntwo\r\n\tthree".into()),
        ("i8", (-8_i8).into()),
        ("i16", (-16_i16).into()),
        ("i32", (-32_i32).into()),
        ("i64", Value::Int(IntKind::Int64, -64)),
        ("u", Value::Uint(UintKind::Uint, 1)),
        ("u8", uint8(8)),
        ("u32", 32_u32.into()),
        ("u64", u64::MAX.into()),
        ("f32", Value::Float(FloatKind::Float32, 0.1_f32.into())),
        ("nan", f64::NAN.into()),
        ("inf", f64::INFINITY.into()),
        ("neginf", f64::NEG_INFINITY.into()),
        ("c", Value::Complex(1.0, -2.0)),
    ]
}

fn collections() -> Vec<(&'static str, Value)> {
    let meta = map(Type::String, Type::String, [("dc".into(), "dc1".into())]);
    let any = [Value::int(1), "two".into(), 3.5.into(), Value::Nil, true.into()];
    let matrix = List::new(Type::list(Type::INT), [ints([1, 2]), ints([3])]);
    vec![
        ("list", Value::strings(["a", "b", "c"])),
        ("ints", ints([3, 1, 2])),
        ("empty", Value::strings([""; 0])),
        ("any", Value::list(any)),
        ("matrix", matrix.into()),
        ("bytes", Value::Bytes(b"hi\xff!".as_slice().into())),
        ("tags", List::new(Type::String, ["x".into(), "y".into()]).named("main.Tags").into()),
        (
            "map",
            map(
                Type::String,
                Type::INT,
                [("b", 2), ("a", 1), ("c", 3)].map(|(key, value)| (key.into(), Value::int(value))),
            ),
        ),
        (
            "intmap",
            map(
                Type::INT,
                Type::String,
                [(2, "two"), (1, "one"), (-1, "minus")]
                    .map(|(key, value)| (Value::int(key), value.into())),
            ),
        ),
        (
            "anymap",
            Value::map([
                ("s", "text".into()),
                ("n", Value::int(5)),
                ("nil", Value::Nil),
                ("deep", Value::map([("er", "found".into())])),
            ]),
        ),
        (
            "boolmap",
            map(Type::Bool, Type::String, [(true.into(), "t".into()), (false.into(), "f".into())]),
        ),
        ("emptymap", map(Type::String, Type::String, [])),
        (
            "floatmap",
            map(
                Type::FLOAT64,
                Type::INT,
                [(1.5.into(), Value::int(1)), ((-2.0).into(), Value::int(2))],
            ),
        ),
        ("uintmap", map(Type::Uint(UintKind::Uint8), Type::String, [(uint8(7), "seven".into())])),
        (
            "keys",
            map(Type::Any, Type::Any, [("k".into(), Value::int(1)), ("l".into(), "m".into())]),
        ),
        ("svc", Value::map([("meta", meta)])),
    ]
}

fn objects() -> Vec<(&'static str, Value)> {
    let points = List::new(Type::Named("main.Point".into()), [point(1, 2), point(3, 4)]);
    let level = Struct::new("main.Level", [("n", Value::int(3))]);
    let level = printing("main.Level", "level 3", level);
    let problem = Struct::new("main.Problem", [("What", "bad".into())]);
    let sum = Callable::new(Signature::new([Type::INT, Type::INT]), Type::INT, |arguments| {
        Ok(Value::int(arguments.iter().filter_map(Value::as_i64).sum()))
    });
    let signature = Signature::new([Type::String]).variadic(Type::String);
    let variadic = Callable::new(signature, Type::String, |arguments| Ok(joined(arguments)));
    let failing = Callable::new(Signature::new([]), Type::Named("(string, error)".into()), |_| {
        Err("function failed".into())
    });
    vec![
        ("svcs", services()),
        ("one", Value::object(first("main.Service"))),
        ("ptr", Value::object(second("*main.Service"))),
        ("nilptr", Value::object(nil_service())),
        ("point", point(1, 2)),
        ("points", points.into()),
        ("level", level),
        ("problem", printing("main.Problem", "problem: bad", problem)),
        ("obj", Value::object(Obj::new())),
        ("fn", sum.into()),
        ("fnv", variadic.into()),
        ("fnerr", failing.into()),
    ]
}

fn joined(arguments: &[Value]) -> Value {
    let parts: Vec<&str> = arguments[1..].iter().filter_map(Value::as_str).collect();
    parts.join(arguments[0].as_str().unwrap()).into()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

fn count(value: &Value) -> Value {
    let count = match value {
        Value::Map(map) => map.len(),
        Value::List(list) => list.len(),
        other => panic!("{other}"),
    };
    Value::int(i64::try_from(count).unwrap())
}

/// The functions of every case.
pub(crate) fn functions() -> Functions<Context> {
    let mut functions = Functions::new();
    let two_ints = || Signature::new([Type::INT, Type::INT]);
    functions
        .add("add", two_ints(), |_, args| Ok(Value::int(number(&args[0]) + number(&args[1]))))
        .add("sub", two_ints(), |_, args| Ok(Value::int(number(&args[0]) - number(&args[1]))))
        .add("upper", Signature::new([Type::String]), |_, args| {
            Ok(args[0].as_str().unwrap().to_uppercase().into())
        })
        .add("join", Signature::new([Type::String, Type::list(Type::String)]), |_, args| {
            let Value::List(list) = &args[1] else { panic!() };
            let parts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            Ok(parts.join(args[0].as_str().unwrap()).into())
        })
        .add("fail", Signature::new([]), |_, _| Err("boom".into()))
        .add("failif", Signature::new([Type::Bool]), |_, args| {
            if args[0].truth() { Err("it did".into()) } else { Ok("fine".into()) }
        })
        .add("ident", Signature::new([Type::Any]).returning_any(), |_, args| Ok(args[0].clone()))
        .add("nothing", Signature::new([]).returning_any(), |_, _| Ok(Value::Nil))
        .add("list", Signature::new([]).variadic(Type::Any), |_, args| {
            Ok(Value::list(args.iter().cloned()))
        })
        .add("concat", Signature::new([Type::String]).variadic(Type::String), |_, args| {
            Ok(joined(args))
        })
        .add("total", Signature::new([Type::Any]).variadic(Type::INT), |_, args| {
            Ok(Value::int(i64::try_from(args.len() - 1).unwrap()))
        });
    takers(&mut functions);
    functions
        .add("next", Signature::new([]), |context: &mut Context, _| {
            context.counter += 1;
            Ok(Value::int(context.counter))
        })
        .add("scratch", Signature::new([]), |context: &mut Context, _| {
            let scratch: Arc<dyn Object> = context.scratch.clone();
            Ok(Value::Object(scratch))
        })
        .add("service", Signature::new([Type::String]), |_, _| Ok(services()))
        .add_scoped("include", Signature::new([Type::String, Type::Any]), |scope, args| {
            scope.render(args[0].as_str().unwrap(), &args[1]).map(Value::from)
        });
    let names: Vec<String> = functions.names().map(str::to_owned).collect();
    for name in names {
        let purity = match name.as_str() {
            "next" | "scratch" => Purity::Impure,
            "include" => Purity::Mutating,
            _ => Purity::Pure,
        };
        functions.mark(&name, purity);
    }
    functions
}

fn takers(functions: &mut Functions<Context>) {
    let same = [
        ("takeInt8", Type::Int(IntKind::Int8)),
        ("takeInt64", Type::Int(IntKind::Int64)),
        ("takeUint", Type::Uint(UintKind::Uint)),
        ("takeFloat", Type::FLOAT64),
        ("takeBool", Type::Bool),
        ("takeComplex", Type::Complex),
    ];
    for (name, parameter) in same {
        functions.add(name, Signature::new([parameter]), |_, args| Ok(args[0].clone()));
    }
    let service = |star: &str| Type::Named(format!("{star}main.Service").into());
    functions
        .add("takeMap", Signature::new([Type::map(Type::String, Type::Any)]), |_, args| {
            Ok(count(&args[0]))
        })
        .add("takeInts", Signature::new([Type::list(Type::INT)]), |_, args| Ok(count(&args[0])))
        .add("takeService", Signature::new([service("")]), |_, args| match &args[0] {
            Value::Object(object) => Ok(object.field("Name").unwrap().into_owned()),
            other => panic!("{other}"),
        })
        .add("takePointer", Signature::new([service("*")]), |_, args| Ok(args[0].is_nil().into()));
}
