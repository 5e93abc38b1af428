use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use super::*;
use crate::{Functions, MissingKey, Object, Parser, Signature, Template, Type, Value};

/// A world of which templates see one number, and count how often they look.
#[derive(Default)]
struct World {
    number: i64,
    looks: usize,
    hits: usize,
}

impl Witness for World {
    type Seen = i64;

    fn begin(&mut self) {}

    fn end(&mut self) -> i64 {
        self.number
    }

    fn holds(&mut self, seen: &i64) -> bool {
        let holds = *seen == self.number;
        self.hits += usize::from(holds);
        holds
    }
}

fn functions() -> Functions<World> {
    let mut functions = Functions::new();
    let none = || Signature::new([]);
    functions
        .add("look", none(), |world: &mut World, _| {
            world.looks += 1;
            Ok(Value::int(world.number))
        })
        .mark("look", Purity::Witnessed)
        .add("touch", none(), |_, _| Ok("".into()))
        .mark("touch", Purity::Impure)
        .add("anything", none(), |_, _| Ok("".into()))
        .add("set", Signature::new([Type::Any, Type::String, Type::Any]), |_, arguments| {
            let [Value::Map(map), key, value] = arguments else { return Err("no map".into()) };
            map.insert(key.clone(), value.clone())?;
            Ok("".into())
        })
        .add("pure", Signature::new([Type::Any]), |_, arguments| {
            Ok(arguments.first().cloned().unwrap_or_default())
        })
        .mark("pure", Purity::Pure);
    functions
}

fn template(text: &str) -> Template<World> {
    Template::parse("t", text, functions()).unwrap()
}

fn data() -> Value {
    Value::map([
        ("list", Value::strings(["a", "b", "c"])),
        ("same", Value::strings(["a", "a"])),
        ("map", Value::map([("k", Value::int(1))])),
        ("counter", Value::object(Counter::default())),
    ])
}

#[derive(Default)]
struct Counter(AtomicI64);

impl Object for Counter {
    fn type_name(&self) -> &'static str {
        "Counter"
    }

    fn method(&self, name: &str) -> Option<&Signature> {
        static NONE: std::sync::LazyLock<Signature> =
            std::sync::LazyLock::new(|| Signature::new([]));
        (name == "Next").then_some(&NONE)
    }

    fn call(&self, _: &str, _: &[Value]) -> Result<Value, crate::Error> {
        Ok(Value::int(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

/// How many bodies of the second rendering are remembered; both are what they are without memory.
fn hits(text: &str) -> usize {
    let (template, mut memory) = (template(text), Memory::new());
    let mut render = || {
        let mut world = World::default();
        let text = template.render_with(&mut memory, &mut world, &data());
        (text, world.hits)
    };
    let (first, _) = render();
    let (second, hits) = render();
    let plain = template.render(&mut World::default(), &data());
    let plain = plain.map_err(|error| error.to_string());
    assert_eq!(first.map_err(|error| error.to_string()), plain, "{text}");
    assert_eq!(second.map_err(|error| error.to_string()), plain, "{text}");
    hits
}

#[test]
fn remembers_what_can_only_be_the_same_again() {
    for (text, want) in [
        // Bodies of every kind.
        ("{{range .list}}{{.}}{{look}}{{end}}", 3),
        ("{{range $i, $x := .list}}{{$i}}{{$x}}{{look}}{{end}}", 3),
        ("{{with .map}}{{.k}}{{look}}{{end}}", 1),
        ("{{define \"d\"}}{{.}}{{look}}{{end}}{{template \"d\" .list}}{{template \"d\" 1}}", 2),
        // One that holds stands for those inside.
        ("{{with .list}}{{range .}}{{look}}{{end}}{{end}}", 1),
        // Too small.
        ("{{range .list}}{{.}}{{pure .}}{{if .}}x{{end}}{{end}}", 0),
        (
            "{{$s := .same}}{{range .list}}{{range $s}}{{.}}{{end}}{{range $s}}{{.}}{{end}}{{end}}",
            0,
        ),
        // Not too small.
        ("{{$s := .same}}{{range .list}}{{range $s}}{{range $s}}{{.}}{{end}}{{end}}{{end}}", 3),
        // What was not taken forbids nothing.
        ("{{range .list}}{{look}}{{if eq . \"z\"}}{{touch}}{{end}}{{end}}", 3),
        // The end of a loop is remembered with the text.
        ("{{range .list}}{{look}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", 2),
        ("{{range .list}}{{look}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", 3),
        // Own variables.
        ("{{range .list}}{{$x := look}}{{$x = .}}{{$x}}{{end}}", 3),
        ("{{$x := 1}}{{range .list}}{{look}}{{$x := 2}}{{$x = 3}}{{end}}{{$x}}", 3),
    ] {
        assert_eq!(hits(text), want, "{text}");
    }
}

#[test]
fn does_not_remember_what_has_effects_or_differs() {
    for (text, want) in [
        ("{{range .list}}{{look}}{{touch}}{{end}}", 0),
        ("{{range .list}}{{look}}{{anything}}{{end}}", 0),
        // The body inside has no part in it.
        ("{{range .list}}{{range $.same}}{{look}}{{end}}{{touch}}{{end}}", 6),
        ("{{with .list}}{{range .}}{{look}}{{end}}{{touch}}{{end}}", 3),
        ("{{define \"d\"}}{{touch}}{{end}}{{range .list}}{{look}}{{template \"d\"}}{{end}}", 0),
        // Assignments to what is outside, there or further out.
        ("{{$x := 0}}{{range .list}}{{look}}{{$x = .}}{{end}}{{$x}}", 0),
        ("{{$x := 0}}{{range .list}}{{look}}{{with .}}{{$x = .}}{{end}}{{end}}{{$x}}", 0),
        ("{{$x := 0}}{{with .list}}{{range $x = .}}{{look}}{{end}}{{end}}{{$x}}", 3),
        // Objects and maps that may change.
        ("{{with .counter}}{{look}}{{.Next}}{{end}}", 0),
        ("{{range .list}}{{look}}{{$.counter.Next}}{{end}}", 0),
        ("{{$c := .counter}}{{range .list}}{{look}}{{if pure $c}}y{{end}}{{end}}", 0),
        (
            "{{with .map}}{{look}}{{.k}}{{end}}{{set .map \"k\" 2}}{{with .map}}{{look}}{{.k}}{{end}}",
            0,
        ),
        ("{{range .list}}{{look}}{{end}}{{anything}}{{range .list}}{{look}}{{end}}", 0),
        // Errors.
        ("{{range .list}}{{look}}{{if eq . \"b\"}}{{index . 9}}{{end}}{{end}}", 1),
    ] {
        assert_eq!(hits(text), want, "{text}");
    }
}

#[test]
fn texts_change_with_what_goes_into_them() {
    let text = "{{$v := .v}}{{range .list}}{{.}}{{$v}}{{look}} {{end}}";
    let (template, mut memory) = (template(text), Memory::new());
    for (number, v, list, looks) in [
        (1, 1, ["a", "b", "c"], 3),
        (1, 1, ["a", "b", "c"], 0),
        (1, 1, ["a", "x", "c"], 1),
        (1, 2, ["a", "x", "c"], 3),
        (2, 2, ["a", "x", "c"], 3),
        (2, 2, ["c", "a", "x"], 0),
    ] {
        let data = Value::map([("v", Value::int(v)), ("list", Value::strings(list))]);
        let mut world = World { number, ..World::default() };
        let got = template.render_with(&mut memory, &mut world, &data).unwrap();
        let want = list.map(|item| format!("{item}{v}{number} ")).concat();
        assert_eq!((got, world.looks), (want, looks));
    }
}

#[test]
fn a_memory_is_of_one_template() {
    let mut memory = Memory::new();
    let functions = Arc::new(functions());
    let parser = Parser::new(functions).missing_key(MissingKey::Error);
    let text = "{{range .list}}{{look}}{{template \"d\"}}{{end}}{{define \"d\"}}1{{end}}";
    let mut template = parser.parse("t", text).unwrap();
    let mut render = |template: &Template<World>| {
        let mut world = World::default();
        let text = template.render_with(&mut memory, &mut world, &data()).unwrap();
        (text, world.hits)
    };
    assert_eq!(render(&template), ("010101".to_owned(), 0));
    assert_eq!(render(&template.clone()), ("010101".to_owned(), 3));
    parser.parse_into(&mut template, "d", "2").unwrap();
    assert_eq!(render(&template), ("020202".to_owned(), 0));
}

#[test]
fn unused_texts_are_dropped() {
    let template = template("{{range .}}{{look}}{{.}}{{end}}");
    let mut memory = Memory::new();
    for start in 0..100 {
        let list = Value::list((0..100).map(|n| Value::int(start * 100 + n)));
        template.render_with(&mut memory, &mut World::default(), &list).unwrap();
        let count = memory.count();
        assert!(count <= 300, "{count}");
    }
}
