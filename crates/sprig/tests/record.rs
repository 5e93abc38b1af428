//! Records the corpus anew with real Go, and fails where the files say something else.
//!
//! `UPDATE_CORPUS=1` writes the files instead. Go is `$GO_BIN`, or `go` of the path.

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path, process::Command};

    use crate::support::{corpus, functions};

    #[test]
    fn go_still_says_what_was_recorded() {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("record-sprig");
        let mut build = Command::new(corpus::go());
        build.args(["build", "-o"]).arg(&program).arg(".");
        corpus::output(build.current_dir(corpus::folder().join("record")));
        let record = || {
            let mut command = Command::new(&program);
            command.env("TZ", "UTC");
            command
        };
        let (names, functions) = (corpus::output(&mut record()), functions());
        assert_eq!(names.lines().collect::<BTreeSet<_>>(), functions.names().collect());
        corpus::is_current(|path| corpus::output(record().arg(path)));
    }
}
