//! Paths with slashes, which are also those of the operating system.

use crate::function::{Function, STRING, function};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        function("base osBase", [STRING], |a| Ok(base(a.text(0)).into())),
        function("dir osDir", [STRING], |a| Ok(dir(a.text(0)).into())),
        function("clean osClean", [STRING], |a| Ok(clean(a.text(0)).into())),
        function("ext osExt", [STRING], |a| Ok(ext(a.text(0)).into())),
        function("isAbs osIsAbs", [STRING], |a| Ok(a.text(0).starts_with('/').into())),
    ]
}

fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match (path.is_empty(), trimmed.is_empty()) {
        (true, _) => ".",
        (false, true) => "/",
        _ => trimmed.rsplit_once('/').map_or(trimmed, |(_, base)| base),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default())
}

fn ext(path: &str) -> &str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.rfind('.').and_then(|at| name.get(at..)).unwrap_or_default()
}

/// The shortest path that means the same, as far as names tell.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}
