//! The shipped templates against recorded files, which the real HAProxy must accept.
//!
//! Each folder below `tests/golden` is a case: `data.json` is what Consul knows, `values.toml` (if any) what the site
//! says, `internal.cfg` and `external.cfg` what the templates make of it, `problems.txt` what they leave out and why.
//! What the values name is in `site`.
//! `UPDATE_GOLDEN=1` writes the wanted files anew.

#[cfg(test)]
#[path = "golden/catalog.rs"]
mod catalog;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::sync::LazyLock;

    use integration::rig::component;
    use similar::TextDiff;

    use crate::catalog::Catalog;

    /// What is recorded of every case.
    const HAPROXY: [&str; 2] = ["internal.cfg", "external.cfg"];
    /// What is recorded of the case `other_balancers`.
    const OTHERS: [&str; 2] = ["nginx.conf", "varnish.vcl"];

    fn recorded(case: &Path) -> impl Iterator<Item = &'static str> {
        let others = if case.ends_with("other_balancers") { &OTHERS[..] } else { &[] };
        HAPROXY.into_iter().chain(others.iter().copied())
    }

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
    }

    fn cases() -> Vec<PathBuf> {
        let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
        let mut cases: Vec<_> = entries.filter(|path| path.join("data.json").is_file()).collect();
        cases.sort();
        cases
    }

    /// The text a shipped template becomes in a case, and what it leaves out.
    fn rendered(name: &str, case: &Path) -> (String, BTreeSet<String>) {
        let catalog = fs::read_to_string(case.join("data.json")).unwrap();
        let catalog: Catalog = serde_json::from_str(&catalog).unwrap();
        let values = Some(case.join("values.toml")).filter(|path| path.exists());
        catalog.rendered(name, values.as_deref()).unwrap()
    }

    /// How a recorded file differs, if it does. Writes it anew when asked to.
    fn compare(path: &Path, got: &str) -> Option<String> {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            if got.is_empty() {
                fs::remove_file(path).ok();
            } else {
                fs::write(path, got).unwrap();
            }
            return None;
        }
        let want = fs::read_to_string(path).unwrap_or_default();
        let diff = TextDiff::from_lines(want.as_str(), got);
        let name = path.display().to_string();
        (want != got).then(|| diff.unified_diff().header(&name, "now").to_string())
    }

    /// How the recorded files differ from what the templates give now. Once for all tests: it may write the files.
    static DIFFERENCES: LazyLock<String> = LazyLock::new(|| {
        let mut differences = String::new();
        for case in cases() {
            let mut left_out = BTreeSet::new();
            for file in recorded(&case) {
                let (text, problems) = rendered(&format!("{file}.hbs"), &case);
                left_out.extend(problems);
                differences.extend(compare(&case.join(file), &text));
            }
            let left_out: String = left_out.into_iter().map(|problem| problem + "\n").collect();
            differences.extend(compare(&case.join("problems.txt"), &left_out));
        }
        differences
    });

    #[test]
    fn the_shipped_templates_give_the_recorded_files() {
        assert!(cases().len() >= 8, "there are cases to compare");
        assert!(DIFFERENCES.is_empty(), "{}\nUPDATE_GOLDEN=1 records these", *DIFFERENCES);
    }

    #[test]
    fn both_languages_give_the_same_files() {
        for case in cases() {
            for file in HAPROXY.into_iter().chain(OTHERS) {
                let [handlebars, go] =
                    ["hbs", "ctmpl"].map(|language| rendered(&format!("{file}.{language}"), &case));
                let diff = TextDiff::from_lines(&handlebars.0, &go.0);
                let diff = diff.unified_diff().header("Handlebars", "Go").to_string();
                assert!(diff.is_empty(), "{} {file}:\n{diff}", case.display());
                assert_eq!(handlebars.1, go.1, "{} {file}", case.display());
            }
        }
    }

    #[test]
    fn haproxy_accepts_every_recorded_file() {
        LazyLock::force(&DIFFERENCES);
        let files = cases().into_iter().flat_map(|case| HAPROXY.map(|name| case.join(name)));
        let mut refused = String::new();
        for file in files {
            let mut command = Command::new(component::haproxy().unwrap());
            // Also a warning is a reason to look.
            command.args(["-c", "-dW", "-f"]).arg(&file).current_dir(folder());
            let output = command.output().unwrap();
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                refused = format!("{refused}{}:\n{said}\n", file.display());
            }
        }
        assert!(refused.is_empty(), "{refused}");
    }

    #[test]
    fn nginx_and_varnish_accept_what_their_templates_make() {
        let folder = tempfile::tempdir().unwrap();
        let [nginx, varnish] = ["nginx.conf", "varnish.vcl"].map(|name| folder.path().join(name));
        for case in
            ["other_balancers", "hostile", "empty_catalog"].map(|name| self::folder().join(name))
        {
            fs::write(&nginx, rendered("nginx.conf.hbs", &case).0).unwrap();
            let mut command = Command::new(component::nginx().unwrap());
            command.args(["-t", "-q", "-e", "stderr", "-g", "pid pid;", "-c"]).arg(&nginx);
            let output = command.arg("-p").arg(folder.path()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.is_empty(), "{}:\n{said}", case.display());

            fs::write(&varnish, rendered("varnish.vcl.hbs", &case).0).unwrap();
            let mut command = Command::new(component::varnish().unwrap());
            command.arg("-C").arg("-f").arg(&varnish).arg("-n").arg(folder.path());
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{}:\n{said}", case.display());
        }
    }

    #[test]
    fn no_text_of_the_catalog_makes_a_line() {
        let case = folder().join("hostile");
        for template in HAPROXY.into_iter().chain(OTHERS) {
            let (text, _) = rendered(&format!("{template}.hbs"), &case);
            for word in ["deny", "evil", "6.6.6.6", "HOME", "invalid", "unix@"] {
                assert!(!text.contains(word), "{word} in {template}:\n{text}");
            }
        }
    }

    #[test]
    fn the_manual_of_the_templates_lists_every_setting() {
        let read = |name: &str| {
            let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates");
            fs::read_to_string(templates.join(name)).unwrap()
        };
        let (manual, values) = (read("README.md"), read("values.toml"));
        let values: toml::Table = toml::from_str(&values).unwrap();
        let mut names = Vec::new();
        for (table, settings) in &values {
            match (table.as_str(), settings) {
                ("well_known", toml::Value::Table(listeners)) => {
                    let settings = listeners.values().filter_map(toml::Value::as_table).flatten();
                    names.extend(settings.map(|(name, _)| format!("well_known.NAME.{name}")));
                }
                ("environments", toml::Value::Array(environments)) => {
                    let settings = environments.iter().filter_map(toml::Value::as_table).flatten();
                    names.extend(settings.map(|(name, _)| format!("environments[].{name}")));
                }
                (_, settings) => {
                    let settings = settings.as_table().unwrap();
                    names.extend(settings.keys().map(|name| format!("{table}.{name}")));
                }
            }
        }
        let unlisted: Vec<_> =
            names.iter().filter(|name| !manual.contains(&format!("`{name}`"))).collect();
        assert!(names.len() > 20 && unlisted.is_empty(), "{unlisted:?}");
    }
}
