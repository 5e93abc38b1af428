use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::data::{CatalogService, Data, Instance};
use crate::dependency::{Dependency, Instances, KeyPath};

fn source(text: &str, partials: &[(&str, &str)]) -> Source {
    Source {
        name: "dir/t.hbs".to_owned(),
        text: text.to_owned(),
        partials: partials
            .iter()
            .map(|(name, text)| (name.to_string(), text.to_string()))
            .collect(),
        values: json!({
            "environments": [{"name": "production"}],
            "port": 80,
            "empty": "",
            "nothing": null,
        }),
        language: Language::Handlebars,
        ..Source::default()
    }
}

fn template(text: &str) -> Template {
    Template::parse(source(text, &[])).unwrap()
}

fn key(path: &str) -> Dependency {
    Dependency::Key(KeyPath::parse("kv.get", path).unwrap())
}

fn instances(query: &str) -> Dependency {
    Dependency::Instances(Instances::parse(query).unwrap())
}

fn catalog(services: &[(&str, &[&str])]) -> Data {
    let service = |(name, tags): &(&str, &[&str])| CatalogService {
        name: (*name).to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    };
    Data::Services(services.iter().map(service).collect())
}

fn store(known: impl IntoIterator<Item = (Dependency, Data)>) -> Store {
    let mut store = Store::default();
    for (dependency, data) in known {
        store.insert(dependency, data);
    }
    store
}

/// The ids of dependencies, as operators see them.
fn ids(dependencies: &BTreeSet<Dependency>) -> Vec<String> {
    dependencies.iter().map(ToString::to_string).collect()
}

/// Where and why a template fails.
fn error(text: &str, partials: &[(&str, &str)]) -> String {
    let rendered =
        Template::parse(source(text, partials)).map(|it| render(&it, &Store::default()).text);
    rendered.and_then(|text| text).unwrap_err().to_string()
}

#[test]
fn what_is_asked_for_is_used_and_what_is_unknown_is_missing() {
    let known = [
        (key("a"), Data::Key(Some("1".to_owned()))),
        (key("absent"), Data::Key(None)),
        (key("unused"), Data::Key(None)),
    ];
    let text = r#"{{keyOrDefault "a" ""}}{{keyOrDefault "absent" ""}}{{keyOrDefault "b" "-"}}{{len (service "web")}}"#;
    let Rendered { text, record } = render(&template(text), &store(known));
    assert_eq!(
        ids(&record.used),
        ["kv.get(a)", "kv.get(absent)", "kv.get(b)", "health.service(web|passing)"]
    );
    assert_eq!(ids(&record.missing), ["kv.get(b)", "health.service(web|passing)"]);
    // What is missing stands in as empty, so that one pass finds as many dependencies as it can.
    assert_eq!(text.as_deref(), Ok("1-0"));
}

#[test]
fn key_waits_for_a_key_that_others_do_without() {
    let store = store([(key("a"), Data::Key(None))]);
    let missing = |text| ids(&render(&template(text), &store).record.missing);
    assert_eq!(missing(r#"{{key "a"}}"#), ["kv.get(a)"]);
    assert_eq!(missing(r#"{{keyExists "a"}}{{keyOrDefault "a" ""}}"#), [""; 0]);
    assert_eq!(missing(r#"{{keyInteger "a" 1 2 1}}"#), [""; 0]);
    assert_eq!(missing(r#"{{keyExists "a"}}{{key "a"}}"#), ["kv.get(a)"]);
}

#[test]
fn dependencies_that_hang_on_others_are_found_pass_by_pass() {
    let template = template(
        "{{#each (services)}}{{#each (service Name)}}{{Name}}:{{Port}};{{/each}}{{/each}}",
    );
    let mut store = Store::default();
    let mut passes = Vec::new();
    let text = loop {
        let Rendered { text, record } = render(&template, &store);
        if record.missing.is_empty() {
            break text;
        }
        for missing in &record.missing {
            let data = match missing {
                Dependency::Services { .. } => catalog(&[("db", &[]), ("web", &[])]),
                Dependency::Instances(Instances { name, .. }) => Data::Instances(vec![Instance {
                    name: name.clone(),
                    port: 80,
                    ..Instance::default()
                }]),
                other => panic!("{other}"),
            };
            store.insert(missing.clone(), data);
        }
        passes.push(ids(&record.missing));
    };
    assert_eq!(text.as_deref(), Ok("db:80;web:80;"));
    let want: [&[&str]; 2] =
        [&["catalog.services"], &["health.service(db|passing)", "health.service(web|passing)"]];
    assert_eq!(passes, want);
}

#[test]
fn the_routing_table_and_its_servers_are_dependencies() {
    let services = Dependency::services("").unwrap();
    let catalog = catalog(&[("web", &["production", "internal-listen-http-80"])]);
    let template = template(
        "{{#each (routes values)}}{{#each (servers environment name)}}x{{/each}}{{/each}}",
    );
    let record = render(&template, &Store::default()).record;
    assert_eq!(ids(&record.missing), ["catalog.services"]);
    let record = render(&template, &store([(services, catalog)])).record;
    assert_eq!(ids(&record.missing), ["health.service(production.web|passing)"]);
    assert_eq!(record.used.len(), 2);
}

#[test]
fn an_error_leaves_the_record_of_what_was_asked_before_it() {
    let rendered = render(
        &template(r#"{{keyOrDefault "a" ""}}{{parseInt "x"}}{{key "b"}}"#),
        &Store::default(),
    );
    assert!(rendered.text.is_err());
    assert_eq!(ids(&rendered.record.used), ["kv.get(a)"]);
}

#[test]
fn what_is_left_out_is_a_problem_and_not_an_error() {
    let bad = Instance {
        id: "x".to_owned(),
        name: "web".to_owned(),
        address: "h".to_owned(),
        ..Instance::default()
    };
    let store = store([
        (key("a"), Data::Key(Some("many".to_owned()))),
        (Dependency::services("").unwrap(), catalog(&[("web", &["balance-luck"])])),
        (instances("production.web"), Data::Instances(vec![bad])),
    ]);
    let text =
        r#"{{keyInteger "a" 1 9 3}}{{len (servers "production" "web")}}{{len (routes values)}}"#;
    let Rendered { text, record } = render(&template(text), &store);
    assert_eq!(text.as_deref(), Ok("300"));
    assert!(record.missing.is_empty());
    let problems: Vec<_> = record.problems.iter().map(String::as_str).collect();
    assert_eq!(
        problems,
        [
            r#"key "a" is left out: it is no integer from 1 to 9; 3 is used"#,
            r#"service "web": instance "x" is left out: "h" with port 0 is no IP address and port"#,
            r#"service "web": tag "balance-luck" is left out: HAProxy has no such algorithm"#,
        ]
    );
}

#[test]
fn errors_name_the_file_the_line_and_the_column() {
    for (text, want) in [
        ("one\n  {{nobody}}", "2:3: there is no 'nobody' here"),
        ("one\n  {{values.nobody}}", "2:3: there is no 'values.nobody' here"),
        ("{{values.nobody.here}}", "1:1: there is no 'values.nobody.here' here"),
        ("one\n{{#each nobody}}{{/each}}", "2:1: there is no 'nobody' here"),
        ("{{#with values.nobody}}{{/with}}", "1:1: there is no 'values.nobody' here"),
        ("{{lookup values \"nobody\"}}", "1:1: there is no such name here"),
        (
            "{{#if (eq values.nobody 1)}}{{/if}}",
            "1:1: Helper/Decorator eq param at index 0 required",
        ),
        ("one\n  {{nobody 1}}", "2:3: function 'nobody' is not defined"),
        ("{{toUpper (nobody 1)}}", "1:1: function 'nobody' is not defined"),
        ("one\n {{> nobody }}", "2:2: partial 'nobody' is not defined"),
        (
            "one\n {{parseInt \"x\"}}",
            "2:2: parseInt: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "one\n {{#if (parseInt \"x\")}}{{/if}}",
            "2:2: parseInt: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        ("{{#each (services)}}{{/if}}", "1:21: helper \"each\" was opened, but \"if\" is closing"),
        ("one\n two {{#if}", "2:11: invalid handlebars syntax: expected"),
        ("one\n{{#if true}}", "2:13: invalid handlebars syntax: expected"),
    ] {
        // What a parser expected is a long list of its own terms.
        let got = error(text, &[]);
        assert!(got.starts_with(&format!("dir/t.hbs:{want}")), "{text}: {got}");
    }
}

#[test]
fn errors_in_partials_name_the_partial() {
    assert_eq!(error("{{> p }}", &[("p", "one\n {{nobody}}")]), "p:2:2: there is no 'nobody' here");
    assert_eq!(
        error("{{> p }}", &[("p", "one\n {{parseInt \"x\"}}")]),
        "p:2:2: parseInt: strconv.ParseInt: parsing \"x\": invalid syntax"
    );
    assert!(error("{{> p }}", &[("p", "one\n {{#if}")]).starts_with("p:2:7: invalid handlebars"));
}

#[test]
fn nothing_is_escaped_and_empty_values_are_no_error() {
    let rendered = |text| render(&template(text), &Store::default()).text;
    assert_eq!(rendered(r#"{{toUpper "<&\"'>"}}"#).as_deref(), Ok("<&\"'>"));
    assert_eq!(rendered("{{values.empty}}{{values.port}}{{values.nothing}}").as_deref(), Ok("80"));
    assert_eq!(rendered("{{#if values.empty}}a{{else}}b{{/if}}").as_deref(), Ok("b"));
    // The one place where a name need not exist.
    assert_eq!(
        rendered("{{#if values.nobody}}a{{/if}}{{#unless nobody}}b{{/unless}}").as_deref(),
        Ok("b")
    );
}

#[test]
fn partials_see_the_context_of_their_place() {
    let source = source(
        "{{#each values.environments}}{{> line }}{{/each}}",
        &[("line", "{{name}} {{@root.values.port}}\n")],
    );
    let rendered = render(&Template::parse(source).unwrap(), &Store::default());
    assert_eq!(rendered.text.as_deref(), Ok("production 80\n"));
}

#[test]
fn the_same_input_gives_the_same_output() {
    let services = Dependency::services("").unwrap();
    let catalog = catalog(&[("web", &["production", "balance-luck", "internal-listen-http-80"])]);
    let template =
        template(r#"{{#each (routes values)}}{{toJSON this}}{{/each}}{{keyOrDefault "a" "b"}}"#);
    let store = store([(services, catalog)]);
    let first = render(&template, &store);
    assert!(!first.record.problems.is_empty() && !first.record.missing.is_empty());
    assert_eq!(first, render(&template, &store));
    assert_eq!(first, render(&template.clone(), &store.clone()));
}

#[test]
fn only_what_may_be_otherwise_the_next_time_keeps_a_body_from_being_remembered() {
    let store = store([
        (Dependency::services("").unwrap(), catalog(&[("web", &[])])),
        (instances("web"), Data::Instances(vec![Instance::default()])),
        (Dependency::File("f".into()), Data::File("text".to_owned())),
    ]);
    for (action, is_remembered) in [
        ("env \"HOME\"", true),
        ("envOrDefault \"NONE\" \"x\"", true),
        ("file \"f\"", false),
        ("timestamp", false),
    ] {
        let body = ["{{range service .Name}}{{", action, "}}{{end}}"].concat();
        let text = ["{{range services}}", &body, "{{end}}"].concat();
        let source = Source { language: Language::Go, ..source(&text, &[]) };
        let mut memory = Memory::default();
        let rendered = render_with(&mut memory, &Template::parse(source).unwrap(), &store);
        assert!(rendered.text.is_ok() && rendered.record.missing.is_empty(), "{rendered:?}");
        assert_eq!(memory.go.count() > 0, is_remembered, "{action}");
    }
}
