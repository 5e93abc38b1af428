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

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ctemplate::funcs;
use fixture::{Case, Expect, Outcome, Program, cases};

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
    assert!(works.len() >= 220 && cases.len() >= 340, "{} of {}", works.len(), cases.len());
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

#[test]
fn every_function_is_in_a_template() {
    // These are this program's own.
    let apart = ["keyInteger", "quote", "routes", "rules", "servers", "users"];
    let texts: Vec<_> = cases().into_iter().map(|case| case.text).collect();
    let texts = texts.join("\n");
    let words: BTreeSet<_> =
        texts.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let untested: Vec<_> = funcs::functions()
        .map(|function| function.name)
        .filter(|name| !words.contains(name) && !apart.contains(name))
        .collect();
    assert!(untested.is_empty(), "{untested:?}");
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
