//! The same templates through the real consul-template and through this program, beside the same Consul.
//!
//! Each line of a file `cases/*.lines` is a template. A line that begins with `#` is a comment, with `!` a template that
//! fails, with `~` one whose outcome differs, for the reason in the comment before it, with `+` one that
//! needs Consul 1.13 or newer. Files `cases/*.ctmpl` are templates of several lines.
//!
//! What works is rendered by both programs in one run each, and every byte must be equal. What fails is rendered alone;
//! the texts of the errors must be equal, up to the line of the template that this program adds.

#![cfg(test)]

mod fixture;
mod names;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ctemplate::funcs;
use gotemplate::Functions;
use regex::Regex;

use fixture::{Case, Expect, Outcome, Program, cases};
use names::{OURS, THEIRS};

/// A template with what both programs made of it.
fn shown(case: &Case, theirs: &Outcome, ours: &Outcome) -> String {
    format!("{}: {}\n  theirs: {theirs:?}\n  ours:   {ours:?}\n", case.name, case.text)
}

#[tokio::test]
async fn both_programs_render_the_same_bytes() {
    let consul = fixture::consul().await;
    let cases = cases();
    let is_newer = fixture::is_newer(&consul).await;
    let works: Vec<_> = cases
        .iter()
        .filter(|case| case.expect == Expect::Same && (is_newer || !case.needs_newer))
        .collect();
    let theirs = Program::consul_template(&consul).render(&works).await;
    let ours = Program::ctemplate(&consul).render(&works).await;
    let mut wrong = Vec::new();
    for ((case, theirs), ours) in works.iter().zip(theirs).zip(ours) {
        if theirs != ours || !matches!(theirs, Outcome::Text(_)) {
            wrong.push(shown(case, &theirs, &ours));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
    assert!(works.len() >= 420 && cases.len() >= 600, "{} of {}", works.len(), cases.len());
}

#[tokio::test]
async fn both_programs_fail_with_the_same_words() {
    let consul = fixture::consul().await;
    let cases = cases();
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| case.expect != Expect::Same) {
        let theirs = Program::consul_template(&consul).one(case).await;
        let ours = Program::ctemplate(&consul).one(case).await;
        let are_equal = match (&theirs, &ours) {
            (Outcome::Error(theirs), Outcome::Error(ours)) => fixture::is_same_error(theirs, ours),
            (theirs, ours) => theirs == ours,
        };
        let as_expected = match case.expect {
            Expect::Error => are_equal && matches!(theirs, Outcome::Error(_)),
            _ => !are_equal,
        };
        if !as_expected {
            wrong.push(shown(case, &theirs, &ours));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[tokio::test]
async fn a_service_with_a_dot_in_its_name_can_be_asked_for() {
    let consul = fixture::consul().await;
    let text = "{{range service `a.b.dotted\\.name`}}{{.ID}}{{end}} {{range service `dotted.name`}}x{{end}}";
    let case = Case {
        name: "dotted".to_owned(),
        text: text.to_owned(),
        expect: Expect::Differs,
        needs_newer: false,
    };
    let outcome = Program::ctemplate(&consul).one(&case).await;
    assert_eq!(outcome, Outcome::Text("dotted ".to_owned()));
}

#[test]
fn every_function_is_in_a_template() {
    let ours: Vec<_> = funcs::functions().map(|function| function.name).collect();
    let unknown = OURS.iter().filter(|name| !ours.contains(name));
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&&str>::new());
    let mut sprig = Functions::<()>::new();
    sprig::register(&mut sprig, "sprig_");
    let words: BTreeSet<_> = cases().iter().flat_map(|case| words(&case.text)).collect();
    let names = ours.iter().copied().filter(|name| !OURS.contains(name));
    let names = names.chain(THEIRS.iter().copied()).chain(sprig.names());
    let untested: BTreeSet<_> = names.filter(|name| !words.contains(*name)).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

/// The words of a template that are no parts of texts within it; methods and fields have a point before them.
fn words(template: &str) -> Vec<String> {
    let texts = Regex::new(r#""(?:[^"\\]|\\.)*"|`[^`]*`"#).unwrap();
    let rest = texts.replace_all(template, " ");
    let words = Regex::new(r"\.?\w+").unwrap();
    words.find_iter(&rest).map(|word| word.as_str().to_owned()).collect()
}

/// Where the templates are.
fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/cases")
}

/// The files of the folder, in order.
fn files() -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
