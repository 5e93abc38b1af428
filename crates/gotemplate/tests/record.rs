//! Records the corpus anew with real Go, and fails where the files say something else.
//!
//! `UPDATE_CORPUS=1` writes the files instead. Go is `$GO_BIN`, or `go` of the path.

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use crate::support::corpus;

    #[test]
    fn go_still_says_what_was_recorded() {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("record");
        // The Go files have no dependencies.
        let source = corpus::folder().join("record/main.go");
        corpus::output(Command::new(corpus::go()).args(["build", "-o"]).arg(&program).arg(source));
        corpus::is_current(|path| corpus::output(Command::new(&program).arg(path)));
    }
}
