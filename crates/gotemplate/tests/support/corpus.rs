//! Corpora: files of templates with what Go made of them. The tests of sprig use this, too.

#![allow(dead_code, reason = "each test uses its part")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value as Json;

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

pub(crate) fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The cases of a file, each read by `case`.
pub(crate) fn cases<T>(path: &Path, case: impl Fn(&Json) -> T) -> Vec<T> {
    let json: Json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    json.as_array().unwrap().iter().map(case).collect()
}

pub(crate) fn text(case: &Json, key: &str) -> Option<String> {
    case.get(key).and_then(Json::as_str).map(str::to_owned)
}

/// `$GO_BIN`, or `go` of the path.
pub(crate) fn go() -> String {
    let go = env::var("GO_BIN").unwrap_or_else(|_| "go".to_owned());
    let version = Command::new(&go).arg("version").stdout(Stdio::null()).status();
    assert!(
        version.is_ok_and(|status| status.success()),
        "no Go: run `GO_BIN=$(integration/fetch go) cargo test -p {} --test record`",
        env!("CARGO_PKG_NAME")
    );
    go
}

/// The output of a command that must not fail.
pub(crate) fn output(command: &mut Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Demands that every file is what `record` makes of it, or writes it so with `UPDATE_CORPUS=1`.
pub(crate) fn is_current(record: impl Fn(&Path) -> String) {
    let mut stale = Vec::new();
    for path in files() {
        let recorded = record(&path);
        if env::var_os("UPDATE_CORPUS").is_some() {
            fs::write(&path, recorded).unwrap();
            continue;
        }
        let present = fs::read_to_string(&path).unwrap();
        let differing = present.lines().zip(recorded.lines()).find(|(a, b)| a != b);
        if present != recorded {
            stale.push(format!("{}: {differing:#?}", path.display()));
        }
    }
    assert!(
        stale.is_empty(),
        "Go says something else; UPDATE_CORPUS=1 writes it:\n{}",
        stale.join("\n")
    );
}
