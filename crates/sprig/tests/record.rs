//! Records the corpus anew with real Go, and fails where the files say something else.
//!
//! `UPDATE_CORPUS=1` writes the files instead. Go is `$GO_BIN`, or `go` of the path.

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        env, fs,
        path::Path,
        process::{Command, Stdio},
    };

    fn go() -> String {
        let go = env::var("GO_BIN").unwrap_or_else(|_| "go".to_owned());
        let version = Command::new(&go).arg("version").stdout(Stdio::null()).status();
        assert!(
            version.is_ok_and(|status| status.success()),
            "no Go: run `GO_BIN=$(integration/fetch go) cargo test -p sprig --test record`"
        );
        go
    }

    /// Builds the recorder once.
    fn build(go: &str, program: &Path) {
        let folder = crate::support::corpus_folder().join("record");
        let built = Command::new(go)
            .args(["build", "-o"])
            .arg(program)
            .arg(".")
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }

    fn record(program: &Path, arguments: &[&Path]) -> String {
        let recorded = Command::new(program).args(arguments).env("TZ", "UTC").output().unwrap();
        assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));
        String::from_utf8(recorded.stdout).unwrap()
    }

    #[test]
    fn go_still_says_what_was_recorded() {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("record-sprig");
        build(&go(), &program);
        let functions = crate::support::functions();
        let names = record(&program, &[]);
        assert_eq!(names.lines().collect::<BTreeSet<_>>(), functions.names().collect());
        let mut stale = Vec::new();
        for path in crate::support::corpus_files() {
            let recorded = record(&program, &[&path]);
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
}
