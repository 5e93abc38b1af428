//! One change among 1,000 services with 10 instances in each of 2 environments: rendered from memory, and anew.
//!
//! `cargo bench -p ctemplate` prints both times and their ratio, after a check that the texts are the same.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first error")]

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use ctemplate::data::{CatalogService, Data, Instance};
use ctemplate::dependency::Dependency;
use ctemplate::render::{Memory, Source, Template, render, render_with};
use ctemplate::store::Store;

const TEMPLATE: &str = r#"{{range services}}{{$service := .}}{{range $tag := .Tags}}
backend {{$tag}}_{{$service.Name}}{{range service (printf "%s.%s" $tag $service.Name)}}
    server {{.Node}}_{{.Address}}_{{.Port}} {{.Address}}:{{.Port}} weight {{.Weights.Passing}}{{if in .Tags "backup"}} backup{{end}}{{end}}
{{end}}{{end}}"#;

const ENVIRONMENTS: [&str; 2] = ["production", "staging"];

fn catalog() -> Data {
    let service = |number| CatalogService {
        name: format!("service-{number}"),
        tags: ENVIRONMENTS.map(str::to_owned).into(),
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
                _ => catalog(),
            };
            store.insert(dependency, data);
        }
    }
}

fn main() {
    let source = Source { text: TEMPLATE.to_owned(), ..Source::default() };
    let template = Template::parse(source).unwrap();
    let mut store = store(&template);
    let mut memory = Memory::default();
    let start = Instant::now();
    render_with(&mut memory, &template, &store);
    let first = start.elapsed();
    let changing = Dependency::Instances(
        ctemplate::dependency::Instances::parse("production.service-500").unwrap(),
    );
    let [mut remembered, mut anew] = [Duration::MAX; 2];
    for port in 9000..9050 {
        store.insert(changing.clone(), instances("service-500", port));
        let start = Instant::now();
        let from_memory = render_with(&mut memory, &template, &store);
        remembered = remembered.min(start.elapsed());
        let start = Instant::now();
        let whole = render(&template, &store);
        anew = anew.min(start.elapsed());
        assert_eq!(from_memory, whole);
    }
    let ratio = anew.as_secs_f64() / remembered.as_secs_f64();
    let line = format!(
        "first {first:.2?}  anew {anew:.2?}  from memory {remembered:.2?}  ratio {ratio:.1}"
    );
    writeln!(io::stdout().lock(), "{line}").unwrap();
}
