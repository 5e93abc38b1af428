//! Rendering from memory and without it, while the store changes at random: text, error and record must be equal.
//!
//! The templates are those that are compared with the real consul-template, and the shipped ones.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use ctemplate::config::settings::{self, Delimiters};
    use ctemplate::data::{CatalogService, Data, Instance, KeyPair, NodeService, NodeServices};
    use ctemplate::dependency::Dependency;
    use ctemplate::render::{Language, Memory, Rendered, Source, Template, render, render_with};
    use ctemplate::source;
    use ctemplate::store::Store;

    /// Random numbers, the same ones in each run (splitmix64).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = self.0;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((bits ^ (bits >> 31)) % u64::try_from(limit).unwrap()).unwrap()
        }

        fn pick<T: Copy>(&mut self, items: &[T]) -> T {
            items[self.below(items.len())]
        }

        fn some<T>(&mut self, limit: usize, mut one: impl FnMut(&mut Self, usize) -> T) -> Vec<T> {
            (0..self.below(limit + 1)).map(|index| one(self, index)).collect()
        }

        fn tags(&mut self) -> Vec<String> {
            self.some(3, |random, _| random.pick(TAGS).to_owned())
        }

        fn map(&mut self) -> Option<BTreeMap<String, String>> {
            let entry = |random: &mut Self, _| (random.word(), random.word());
            (self.below(3) > 0).then(|| self.some(3, entry).into_iter().collect())
        }

        fn word(&mut self) -> String {
            self.pick(&["web", "owner", "rank", "3", "v2", "a b"]).to_owned()
        }

        fn instance(&mut self, name: &str, index: usize) -> Instance {
            Instance {
                node: self.pick(&["n1", "n2"]).to_owned(),
                id: format!("{name}-{index}"),
                name: name.to_owned(),
                address: format!("10.0.0.{}", self.below(3)),
                port: self.pick(&[80, 81]),
                status: self.pick(&["passing", "critical"]).to_owned(),
                tags: self.tags(),
                node_meta: self.map(),
                service_meta: self.map(),
                ..Instance::default()
            }
        }

        /// Something that a dependency may be, if the test knows such a thing.
        fn data(&mut self, dependency: &Dependency) -> Option<Data> {
            Some(match dependency {
                Dependency::Key(_) => Data::Key(self.pick(VALUES).map(str::to_owned)),
                Dependency::Keys(_) => Data::Keys(self.some(4, |random, _| KeyPair {
                    path: format!("app/{}", random.word()),
                    key: random.pick(&["a", "a/b", "c", "name", "d/"]).to_owned(),
                    value: random.pick(VALUES).unwrap_or_default().to_owned(),
                    ..KeyPair::default()
                })),
                Dependency::Instances(wanted) => Data::Instances(
                    self.some(3, |random, index| random.instance(&wanted.name, index)),
                ),
                Dependency::Services { .. } => Data::Services(self.services()),
                Dependency::Node { .. } => Data::Node(NodeServices {
                    node: None,
                    services: Some(self.some(2, |random, _| NodeService {
                        service: random.word(),
                        tags: random.tags(),
                        meta: random.map(),
                        ..NodeService::default()
                    })),
                }),
                Dependency::Datacenters { .. } => Data::Datacenters(self.tags()),
                Dependency::File(_) => Data::File(self.word()),
                _ => return None,
            })
        }

        fn services(&mut self) -> Vec<CatalogService> {
            let mut services = Vec::new();
            for name in ["api", "db", "web"] {
                if self.below(4) > 0 {
                    services.push(CatalogService { name: name.to_owned(), tags: self.tags() });
                }
            }
            services
        }
    }

    const TAGS: &[&str] =
        &["production", "staging", "http", "internal-listen-http-80", "v1", "a=b"];
    const VALUES: &[Option<&str>] =
        &[None, Some(""), Some("8080"), Some("x"), Some("{\"a\":{\"b\":[1,2]}}"), Some("a: 1")];

    const SHIPPED: [&str; 4] =
        ["internal.cfg.ctmpl", "external.cfg.ctmpl", "internal.cfg.hbs", "external.cfg.hbs"];

    /// Bodies that see what is around them in all ways there are.
    const HANDLEBARS: &[&str] = &[
        "{{#each (services)}}{{Name}}{{#each Tags}}{{this}}{{@index}}{{@../index}}{{../Name}}{{#if @last}}.{{/if}}{{/each}}{{else}}none{{/each}}",
        "{{#each (services) as |app|}}{{#each (service app.Name) as |it n|}}{{n}}{{it.ID}}{{it.Port}}{{app.Tags}}{{@root.values.a.b}}{{/each}}\n{{/each}}",
        "{{#each (parseJSON \"[1,2]\") as |n|}}{{#each (services) as |app|}}{{#each (service (print n \".\" app.Name))}}{{n}}{{ID}}{{../../n}}{{/each}}{{/each}}{{/each}}",
        "{{#each (parseJSON \"[1,1]\")}}{{#each (services)}}{{@index}}{{@../index}}{{@../../index}}{{#each (service Name)}}{{ID}}{{/each}}{{/each}}{{/each}}",
        "{{#each values.a}}{{@key}}{{#each this as |x i|}}{{x}}{{i}}{{@key}}{{#each (services)}}{{Name}}{{x}}{{../this}}{{/each}}{{/each}}{{/each}}",
        "{{#each (services)}}\n  {{> row }}\n{{> row }}\n{{#with this as |it|}}{{> row name=it.Name }}{{/with}}{{/each}}",
        "{{#each (services)}}{{#> around}}{{Name}}{{/around}}{{#> nobody}}{{Name}}{{/nobody}}{{/each}}",
        "{{#each (services)}}{{#*inline \"own\"}}{{Name}}{{/inline}}{{> own}}{{/each}}",
        "{{#each (services)}}{{> (lookup Tags 0)}}{{/each}}",
        "{{#each (services) as |app|}}{{> named app=\"x\"}}{{> named}}{{/each}}",
        "{{#with (services) as |all|}}{{#each all as |one|}}{{#each all}}{{Name}}{{one.Name}}{{#each Tags}}{{this}}{{/each}}{{/each}}{{/each}}{{/with}}",
        "{{#each (services)}}{{keyOrDefault (print \"a/\" Name) \"none\"}}{{#if (keyExists Name)}}{{key Name}}{{/if}}\n{{/each}}",
        "{{#each (services)}}{{scratch_Set \"a\" Name}}{{scratch_Get \"a\"}}{{#each Tags}}{{scratch_Get \"a\"}}{{/each}}{{/each}}",
        "{{#each (tree \"app\")}}{{Path}}={{Value}}{{#each (services)}}{{../Key}}{{/each}}{{parseInt Value}}{{/each}}",
        "{{#each (key \"a\")}}{{this}}{{/each}}",
        "{{#each (rules values)}}{{host}}{{#each (users backend)}}{{name}}{{/each}}{{/each}}{{#each (routes values)}}{{name}}{{/each}}",
    ];

    const PARTIALS: &[(&str, &str)] = &[
        (
            "row",
            "{{Name}}{{@index}}\n{{#each Tags}}\n{{this}} {{../Name}}\n{{/each}}\n{{#each (service Name)}}\n{{ID}}{{@../index}}\n{{/each}}\n",
        ),
        ("around", "<{{> @partial-block}}>{{#each (services)}}{{> @partial-block}}{{/each}}"),
        ("named", "{{app.Name}}{{app}}{{#each (services)}}{{app}}{{Name}}{{/each}}"),
        ("web", "web{{#each (service \"web\")}}{{ID}}{{/each}}"),
        ("production", "{{#each (services)}}{{Name}}{{/each}}"),
    ];

    /// What gives another text each time, writes files, or takes long.
    const UNREPEATABLE: &[&str] = &[
        "timestamp",
        "writeToFile",
        "spew_dump",
        "sprig_randInt",
        "sprig_shuffle",
        "sprig_bcrypt",
        "sprig_htpasswd",
        "sprig_derivePassword",
        "sprig_encryptAES",
        "sprig_gen",
        "sprig_ago",
        "sprig_durationRound",
    ];

    fn here(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    /// The texts of the suite that compares with consul-template.
    fn texts() -> Vec<String> {
        let mut texts = Vec::new();
        for entry in fs::read_dir(here("tests/differential/cases")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            if path.extension() == Some("ctmpl".as_ref()) {
                texts.push(text);
                continue;
            }
            let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            texts.extend(lines.map(|line| line.trim_start_matches(['!', '~']).to_owned()));
        }
        texts.retain(|text| !UNREPEATABLE.iter().any(|name| text.contains(name)));
        assert!(texts.len() > 300, "only {} templates", texts.len());
        texts
    }

    fn templates() -> Vec<(String, Template)> {
        let mut templates = Vec::new();
        for text in texts() {
            // A body around all of it is remembered, too, and so is what repeats it.
            for around in [("", ""), ("{{with 1}}", "{{end}}"), ("{{range services}}", "{{end}}")] {
                let text = format!("{}{text}{}", around.0, around.1);
                let parsed = Template::parse(Source { text: text.clone(), ..Source::default() });
                templates.extend(parsed.ok().map(|template| (text, template)));
            }
        }
        for text in HANDLEBARS {
            let language = Language::Handlebars;
            let partials = PARTIALS.iter().map(|(name, text)| (name.to_string(), text.to_string()));
            let partials = partials.collect();
            let values = serde_json::json!({"a": {"b": ["x", "y"]}, "environments": []});
            let name = "t".to_owned();
            let text = text.to_string();
            let source = Source {
                name,
                text: text.clone(),
                language,
                partials,
                values,
                ..Source::default()
            };
            templates.push((text, Template::parse(source).unwrap()));
        }
        for name in SHIPPED {
            let path = here("../templates").join(name);
            let config = settings::Template::new(settings::Source::File(path));
            let loaded = source::load(&config, &Delimiters::default(), None).unwrap();
            templates.push((name.to_owned(), Template::parse(loaded).unwrap()));
        }
        templates
    }

    /// Changes some of what a rendering looked at; what was missing comes more often than not.
    fn change(store: &mut Store, rendered: &Rendered, random: &mut Random) {
        for dependency in rendered.record.used.iter() {
            let is_missing = rendered.record.missing.contains(dependency);
            match random.below(if is_missing { 4 } else { 12 }) {
                0 => store.forget(dependency),
                1..3 => {
                    if let Some(data) = random.data(dependency) {
                        store.insert(dependency.clone(), data);
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn from_memory_is_the_same_as_anew() {
        const STEPS: usize = 12;
        for (number, (name, template)) in templates().iter().enumerate() {
            let mut random = Random(u64::try_from(number).unwrap());
            let mut store = Store::default();
            let mut memories = [Memory::default(), Memory::eager()];
            for step in 0..STEPS {
                let anew = render(template, &store);
                for memory in &mut memories {
                    let remembered = render_with(memory, template, &store);
                    assert_eq!(remembered, anew, "step {step} of {name}");
                }
                change(&mut store, &anew, &mut random);
            }
        }
    }

    #[test]
    fn what_differs_each_time_is_never_remembered() {
        for call in [
            r#"timestamp "05.000000000""#,
            r#"plugin "cat" "/proc/sys/kernel/random/uuid""#,
            "sprig_randInt 0 1000000000",
            r#"sprig_shuffle "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ""#,
            r#"sprig_htpasswd "a" "b""#,
            r#"sprig_bcrypt "a""#,
            r#"sprig_encryptAES "a" "b""#,
            r#"sprig_genPrivateKey "ed25519""#,
            r#"(sprig_genCA "a" 1).Key"#,
        ] {
            let text = format!("{{{{with 1}}}}{{{{{call}}}}}{{{{end}}}}");
            let source = Source { text, ..Source::default() };
            let template = Template::parse(source).unwrap();
            let mut memory = Memory::eager();
            let mut text = || render_with(&mut memory, &template, &Store::default()).text.unwrap();
            assert_ne!(text(), text(), "{call}");
        }
    }

    #[test]
    fn files_are_written_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let call = format!(r#"writeToFile "{}" "" "" "644" "text""#, path.display());
        let source = Source {
            text: format!("{{{{with 1}}}}{{{{{call}}}}}{{{{end}}}}"),
            ..Source::default()
        };
        let template = Template::parse(source).unwrap();
        let mut memory = Memory::eager();
        for _ in 0..2 {
            render_with(&mut memory, &template, &Store::default()).text.unwrap();
            fs::remove_file(&path).unwrap();
        }
    }
}
