//! The README against the sources.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// The folders in which tests are, seen from the workspace.
    const SOURCES: [&str; 5] = [
        "registrator/src",
        "registrator/tests",
        "crates/marathon",
        "crates/consul",
        "integration/tests",
    ];

    fn workspace() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// The rows of the table of features: the feature, and the words in code of the column that names tests.
    fn rows(readme: &str) -> Vec<(&str, Vec<&str>)> {
        let (_, table) = readme.split_once("\n| feature | here | test |\n").unwrap();
        let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
        let row = |line| {
            let cells: Vec<&str> = str::split(line, '|').map(str::trim).collect();
            assert_eq!(cells.len(), 5, "{line}");
            (cells[1], cells[3].split('`').skip(1).step_by(2).collect())
        };
        rows.map(row).collect()
    }

    fn text(path: &Path) -> String {
        if path.is_dir() {
            let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
            return entries.map(|path| text(&path)).collect();
        }
        let is_source = path.extension().is_some_and(|it| it == "rs");
        if is_source { fs::read_to_string(path).unwrap() } else { String::new() }
    }

    /// A file or folder as the table names it: in `src` unless another folder is named.
    fn place(word: &str) -> PathBuf {
        let path = workspace().join("registrator/src").join(word);
        if path.exists() { path } else { workspace().join(word) }
    }

    #[test]
    fn every_feature_names_tests_that_exist() {
        let readme = fs::read_to_string(workspace().join("registrator/README.md")).unwrap();
        let rows = rows(&readme);
        assert!(rows.len() >= 40, "{} rows", rows.len());
        let mut wrong = Vec::new();
        for (feature, words) in rows {
            let (mut known, mut names) = (String::new(), 0);
            for word in words {
                if word.contains(['/', '.']) {
                    known = text(&place(word));
                    let is_source = SOURCES.iter().any(|folder| {
                        let folder = workspace().join(folder).canonicalize().unwrap();
                        place(word).canonicalize().is_ok_and(|path| path.starts_with(folder))
                    });
                    if !is_source {
                        wrong.push(format!("{feature}: no file {word}"));
                    }
                } else {
                    names += 1;
                    if !known.contains(&format!("fn {word}(")) {
                        wrong.push(format!("{feature}: no test {word}"));
                    }
                }
            }
            if names == 0 {
                wrong.push(format!("{feature}: no test is named"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
