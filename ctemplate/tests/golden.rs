//! The shipped templates against recorded files, which the real HAProxy must accept.
//!
//! Each folder below `tests/golden` is a case: `data.json` is what Consul knows, `values.toml` (if any) what the site
//! says, `internal.cfg` and `external.cfg` what the templates make of it, `problems.txt` what they leave out and why.
//! `UPDATE_GOLDEN=1` writes the wanted files anew.

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::sync::LazyLock;

    use ctemplate::config::settings::{self, Delimiters};
    use ctemplate::data::{Data, Instance};
    use ctemplate::dependency::Dependency;
    use ctemplate::render::{self, Template};
    use ctemplate::source;
    use ctemplate::store::Store;
    use integration::rig::component;
    use serde::Deserialize;
    use similar::TextDiff;

    /// What Consul knows.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Catalog {
        instances: Vec<Registered>,
        keys: BTreeMap<String, String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Registered {
        service: String,
        id: String,
        node: String,
        address: String,
        port: i64,
        tags: Vec<String>,
        #[serde(default = "one")]
        weight: u32,
    }

    fn one() -> u32 {
        1
    }

    impl Catalog {
        fn answer(&self, dependency: &Dependency) -> Data {
            match dependency {
                Dependency::Key(key) => Data::Key(self.keys.get(&key.path).cloned()),
                Dependency::Services { .. } => Data::services(self.services()),
                Dependency::Instances(wanted) => Data::Instances(
                    self.instances
                        .iter()
                        .filter(|it| it.service == wanted.name)
                        .filter(|it| wanted.tag.as_ref().is_none_or(|tag| it.tags.contains(tag)))
                        .map(Registered::instance)
                        .collect(),
                ),
                other => panic!("the shipped templates have no business with {other}"),
            }
        }

        /// Each service with the tags of all its instances.
        fn services(&self) -> BTreeMap<String, Vec<String>> {
            let mut services: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for instance in &self.instances {
                services.entry(instance.service.clone()).or_default().extend(instance.tags.clone());
            }
            services.into_iter().map(|(name, tags)| (name, tags.into_iter().collect())).collect()
        }
    }

    impl Registered {
        fn instance(&self) -> Instance {
            let mut instance = Instance {
                node: self.node.clone(),
                id: self.id.clone(),
                name: self.service.clone(),
                address: self.address.clone(),
                port: self.port,
                tags: self.tags.clone(),
                ..Instance::default()
            };
            instance.weights.passing = self.weight;
            instance
        }
    }

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
    }

    fn cases() -> Vec<PathBuf> {
        let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
        let mut cases: Vec<_> = entries.filter(|path| path.is_dir()).collect();
        cases.sort();
        cases
    }

    /// The text a shipped template becomes, and what it leaves out.
    fn rendered(name: &str, case: &Path) -> (String, BTreeSet<String>) {
        let catalog = fs::read_to_string(case.join("data.json")).unwrap();
        let catalog: Catalog = serde_json::from_str(&catalog).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates").join(name);
        let config = settings::Template::new(settings::Source::File(path));
        let values = Some(case.join("values.toml")).filter(|path| path.exists());
        let template = Template::parse(
            source::load(&config, &Delimiters::default(), values.as_deref()).unwrap(),
        )
        .unwrap();
        let mut store = Store::default();
        loop {
            let rendered = render::render(&template, &store);
            if rendered.record.missing.is_empty() {
                return (rendered.text.unwrap(), rendered.record.problems);
            }
            for missing in rendered.record.missing {
                let data = catalog.answer(&missing);
                store.insert(missing, data);
            }
        }
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
            for template in ["internal", "external"] {
                let (text, problems) = rendered(&format!("{template}.cfg.hbs"), &case);
                left_out.extend(problems);
                differences.extend(compare(&case.join(format!("{template}.cfg")), &text));
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
            for template in ["internal", "external"] {
                let [handlebars, go] = ["hbs", "ctmpl"]
                    .map(|language| rendered(&format!("{template}.cfg.{language}"), &case));
                let diff = TextDiff::from_lines(&handlebars.0, &go.0);
                let diff = diff.unified_diff().header("Handlebars", "Go").to_string();
                assert!(diff.is_empty(), "{} {template}:\n{diff}", case.display());
                assert_eq!(handlebars.1, go.1, "{} {template}", case.display());
            }
        }
    }

    #[test]
    fn haproxy_accepts_every_recorded_file() {
        LazyLock::force(&DIFFERENCES);
        let files = cases()
            .into_iter()
            .flat_map(|case| ["internal.cfg", "external.cfg"].map(|name| case.join(name)));
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
    fn no_text_of_the_catalog_makes_a_line() {
        let case = folder().join("hostile");
        for template in ["internal.cfg.hbs", "external.cfg.hbs"] {
            let (text, _) = rendered(template, &case);
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
