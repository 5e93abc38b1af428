//! One change among 1,000 services with 10 instances in each of 2 environments: rendered from memory, and anew.
//!
//! `cargo bench -p ctemplate` prints both times and their ratio for a template in each language and for one that is shipped,
//! after a check that the texts are the same.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first error")]

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use ctemplate::config::settings::{self, Delimiters};
use ctemplate::data::{CatalogService, Data, Instance};
use ctemplate::dependency::Dependency;
use ctemplate::render::{Language, Memory, Source, Template, render, render_with};
use ctemplate::source;
use ctemplate::store::Store;

const GO: &str = r#"{{range services}}{{$service := .}}{{range $tag := .Tags}}
backend {{$tag}}_{{$service.Name}}{{range service (printf "%s.%s" $tag $service.Name)}}
    server {{.Node}}_{{.Address}}_{{.Port}} {{.Address}}:{{.Port}} weight {{.Weights.Passing}}{{if in .Tags "backup"}} backup{{end}}{{end}}
{{end}}{{end}}"#;

const HANDLEBARS: &str = r#"{{#each (services) as |service|}}{{#each service.Tags as |tag|}}
backend {{tag}}_{{service.Name}}{{#each (service (print tag "." service.Name))}}
    server {{Node}}_{{Address}}_{{Port}} {{Address}}:{{Port}} weight {{Weights.Passing}}{{#if (in Tags "backup")}} backup{{/if}}{{/each}}
{{/each}}{{/each}}"#;

fn catalog() -> Data {
    let service = |number| CatalogService {
        name: format!("service-{number}"),
        tags: vec![
            format!("internal-listen-http-{}", 3000 + number),
            "production".to_owned(),
            "staging".to_owned(),
        ],
    };
    Data::Services((0..1000).map(service).collect())
}

fn instances(name: &str, port: i64) -> Data {
    let instance = |number: i64| Instance {
        node: format!("node-{number}"),
        id: format!("{name}-{number}"),
        name: name.to_owned(),
        address: format!("10.0.0.{number}"),
        port: port + number,
        tags: vec!["http".to_owned()],
        status: "passing".to_owned(),
        ..Instance::default()
    };
    Data::Instances((0..10).map(instance).collect())
}

/// Everything that the template asks for.
fn store(template: &Template) -> Store {
    let mut store = Store::default();
    loop {
        let missing = render(template, &store).record.missing;
        if missing.is_empty() {
            return store;
        }
        for dependency in missing {
            let data = match &dependency {
                Dependency::Instances(wanted) => instances(&wanted.name, 8000),
                Dependency::Key(_) => Data::Key(None),
                _ => catalog(),
            };
            store.insert(dependency, data);
        }
    }
}

fn main() {
    let source =
        |text: &str, language| Source { text: text.to_owned(), language, ..Source::default() };
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/internal.cfg.hbs");
    let shipped = settings::Template::new(settings::Source::File(shipped.into()));
    for (name, source) in [
        ("Go", source(GO, Language::Go)),
        ("Handlebars", source(HANDLEBARS, Language::Handlebars)),
        ("internal.cfg.hbs", source::load(&shipped, &Delimiters::default(), None).unwrap()),
    ] {
        measure(name, &Template::parse(source).unwrap());
    }
}

fn measure(name: &str, template: &Template) {
    let mut store = store(template);
    let mut memory = Memory::default();
    let start = Instant::now();
    render_with(&mut memory, template, &store);
    let first = start.elapsed();
    let changing = Dependency::Instances(
        ctemplate::dependency::Instances::parse("production.service-500").unwrap(),
    );
    let [mut remembered, mut anew] = [Duration::MAX; 2];
    for port in 9000..9020 {
        store.insert(changing.clone(), instances("service-500", port));
        let start = Instant::now();
        let from_memory = render_with(&mut memory, template, &store);
        remembered = remembered.min(start.elapsed());
        let start = Instant::now();
        let whole = render(template, &store);
        anew = anew.min(start.elapsed());
        assert_eq!(from_memory, whole);
    }
    let ratio = anew.as_secs_f64() / remembered.as_secs_f64();
    let line = format!(
        "{name:16}  first {first:.2?}  anew {anew:.2?}  from memory {remembered:.2?}  ratio {ratio:.1}"
    );
    writeln!(io::stdout().lock(), "{line}").unwrap();
}
