//! The law of printing: a printed tree parses to the same tree.

use proptest::prelude::*;

use super::{Settings, parse};
use crate::{
    funcs::{Callee, Lookup},
    node::Tree,
};

fn trees(text: &str) -> Result<Vec<Tree>, crate::error::Error> {
    let lookup = |name: &str| match name.strip_prefix('f').and_then(|number| number.parse().ok()) {
        Some(number) => Lookup::Found(Callee::Host(number)),
        None => Lookup::Unknown,
    };
    parse(&Settings { name: "t", text, left: "{{", right: "}}", lookup: &lookup })
}

/// The text that defines the trees again: the last one is the whole text.
fn print(trees: &[Tree]) -> String {
    let Some((whole, defined)) = trees.split_last() else { return String::new() };
    let define = |tree: &Tree| {
        let name = crate::quote::quote(&tree.name);
        format!("{{{{define {name}}}}}{tree}{{{{end}}}}")
    };
    defined.iter().map(define).chain([whole.to_string()]).collect()
}

fn assert_same(a: &[Tree], b: &[Tree]) {
    let parts = |trees: &[Tree]| -> Vec<_> {
        trees.iter().map(|tree| (tree.name.clone(), tree.root.clone())).collect()
    };
    assert_eq!(parts(a), parts(b));
}

fn text() -> impl Strategy<Value = String> {
    // Text that ends with a brace would join the delimiter behind it, in Go as here.
    "[a-z \\n}é]{0,8}".prop_filter("no delimiters", |text| !text.contains("}}"))
}

fn operand() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(".".to_owned()),
        Just("nil".to_owned()),
        Just("true".to_owned()),
        Just("$".to_owned()),
        Just("$v".to_owned()),
        Just("$v.A.B".to_owned()),
        "(\\.[A-Za-zé][a-z0-9]{0,3}){1,3}",
        "f[0-9]",
        "f[0-9]\\.X\\.Y",
        "-?[1-9][0-9]{0,5}",
        "0x[0-9a-f]{1,4}",
        "[0-9]\\.[0-9]{1,3}(e[+-]?[0-9])?",
        "[1-9]i",
        "1\\+[1-9]i",
        "'[a-zé]'",
        "`[a-z{}\"\\\\]{0,5}`",
        any::<String>().prop_map(|text| crate::quote::quote(&text)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let command = prop::collection::vec(inner, 1..4).prop_map(|words| words.join(" "));
        (command, "(\\.[A-Z]){0,2}", any::<bool>()).prop_map(|(command, fields, piped)| {
            let pipe = if piped { " | f1" } else { "" };
            format!("({command}{pipe}){fields}")
        })
    })
}

fn pipeline() -> impl Strategy<Value = String> {
    let command = prop::collection::vec(operand(), 1..4).prop_map(|words| words.join("  "));
    (prop_oneof![Just(""), Just("$w := "), Just("$v = ")], command, 0_usize..3).prop_map(
        |(variable, command, pipes)| format!("{variable}{command}{}", "|f2".repeat(pipes)),
    )
}

fn statement() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        text(),
        text(),
        pipeline().prop_map(|pipeline| format!("{{{{- {pipeline} -}}}}")),
        pipeline().prop_map(|pipeline| format!("{{{{{pipeline}}}}}")),
        pipeline().prop_map(|pipeline| format!("{{{{template \"x\" {pipeline}}}}}")),
        Just("{{/* comment */}}".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let list = prop::collection::vec(inner, 0..3).prop_map(|parts| parts.concat());
        let head = prop_oneof![
            pipeline().prop_map(|pipeline| format!("if {pipeline}")),
            pipeline().prop_map(|pipeline| format!("with {pipeline}")),
            operand().prop_map(|operand| format!("range {operand}")),
            operand().prop_map(|operand| format!("range $i, $v := {operand}")),
        ];
        (head, list.clone(), prop::option::of(list), any::<bool>()).prop_map(
            |(head, list, otherwise, jump)| {
                let jump = if jump && head.starts_with("range") { "{{continue}}" } else { "" };
                let otherwise = match otherwise {
                    Some(list) if head.starts_with("if") => format!("{{{{else if f1}}}}{list}"),
                    Some(list) => format!("{{{{else}}}}{list}"),
                    None => String::new(),
                };
                format!("{{{{{head}}}}}{list}{jump}{otherwise}{{{{end}}}}")
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_printed_tree_parses_to_the_same_tree(
        parts in prop::collection::vec(statement(), 0..5),
        defined in prop::option::of(statement()),
    ) {
        let defined = defined.map_or_else(String::new, |part| {
            format!("{{{{define \"x\"}}}}{{{{$v := 1}}}}{part}{{{{end}}}}")
        });
        let text = format!("{defined}{{{{$v := 1}}}}{}", parts.concat());
        // Some operands may not stand where they were put, like a constant after a pipe.
        if let Ok(first) = trees(&text) {
            let printed = print(&first);
            let second = trees(&printed);
            prop_assert!(second.is_ok(), "{text:?}\n{printed:?}\n{second:?}");
            assert_same(&first, &second.unwrap_or_default());
        }
    }

    #[test]
    fn any_text_parses_or_fails(text in "([a-z .|$:=,()\"`'\\\\/*0-9-]|\\{\\{|\\}\\}|if|end|\\n){0,40}") {
        if let Ok(first) = trees(&text) {
            print(&first);
        }
    }
}

#[test]
fn prints_as_go_does() {
    let rows = [
        ("{{if .X}}a{{else if .Y}}b{{end}}", "{{if .X}}a{{else}}{{if .Y}}b{{end}}{{end}}"),
        ("{{ f1  1|f2 ( f3 ) }}", "{{f1 1 | f2 (f3)}}"),
        ("{{range $i,$v:=.X}}{{break}}{{end}}", "{{range $i, $v := .X}}{{break}}{{end}}"),
        ("a {{- /* c */ -}} b", "ab"),
        ("{{template `x` .}}", "{{template \"x\" .}}"),
        ("{{(f1 .X).Y}} {{$.Z}}", "{{(f1 .X).Y}} {{$.Z}}"),
    ];
    for (text, want) in rows {
        let printed = trees(text).map(|trees| print(&trees));
        assert_eq!(printed.ok().as_deref(), Some(want));
    }
}
