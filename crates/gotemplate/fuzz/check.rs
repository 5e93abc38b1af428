//! What the fuzz targets check; `tests/fuzz.rs` checks the same with the files of `corpus`.

#![allow(dead_code, reason = "each target uses its part")]

use gotemplate::{FloatKind, Functions, Limits, Parser, Template, Value};

fn parser() -> Parser<()> {
    Parser::new(Functions::new()).limits(Limits { output: 1 << 16, ..Limits::default() })
}

fn data() -> Value {
    let list = Value::list([Value::int(-1), "two".into(), 3.5.into(), Value::Nil]);
    let map = Value::map([("A", list.clone()), ("B", 2_u8.into())]);
    Value::map([("A", map), ("B", list), ("C", "text".into()), ("D", Value::int(7))])
}

fn printed(template: &Template<()>) -> Vec<String> {
    template.names().filter_map(|name| template.source(name)).collect()
}

/// Parses a text; what parses is printed, and parsed and printed again; then it is executed.
pub(crate) fn parse(text: &str) {
    let Ok(template) = parser().parse("t", text) else { return };
    let source = template.source("t").unwrap_or_default();
    // Go's form is ambiguous where text ends with a brace: `{` before `{{` begins an action too early.
    if !source.contains("{{{")
        && !text.contains("{{-")
        && let Ok(again) = parser().parse("t", &source)
    {
        let again = again.source("t").unwrap_or_default();
        assert_eq!(source, again, "printed from {text:?}");
    }
    assert!(!printed(&template).is_empty());
    // A long loop would only take time.
    if !text.contains("range") {
        let _executed = template.render(&mut (), &data());
    }
}

/// Prints arguments of every kind by a format.
pub(crate) fn printf(format: &str) {
    let template = parser()
        .parse("t", "{{printf .f .int .float .text .list .nil .bytes .width .map .bool .short}}");
    let data = Value::map([
        ("f", format.into()),
        ("int", Value::int(-42)),
        ("float", 1234.5678e-9.into()),
        ("text", "h\u{e9}\n`\u{1f600}".into()),
        ("list", data()),
        ("nil", Value::Nil),
        ("bytes", Value::Bytes(b"a\xff\x00".as_slice().into())),
        ("width", Value::int(9)),
        ("map", Value::Complex(1.5, f64::NEG_INFINITY)),
        ("bool", u64::MAX.into()),
        ("short", Value::Float(FloatKind::Float32, f64::from(0.1_f32))),
    ]);
    if let Ok(template) = template {
        let _printed = template.render(&mut (), &data);
    }
}
