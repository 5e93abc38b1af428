//! A template of 1,000 services with 10 instances each: here, and in Go.
//!
//! `GO_BIN=$(integration/fetch go) cargo bench -p gotemplate` prints both times and their ratio, after a check that the
//! outputs are the same.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first error")]

use std::{
    borrow::Cow,
    collections::BTreeMap,
    env,
    io::{self, Write as _},
    path::Path,
    process::{Command, ExitCode},
    sync::Mutex,
    time::{Duration, Instant},
};

use gotemplate::{Functions, List, Map, Object, Signature, Template, Type, Value};

const TEMPLATE: &str = include_str!("services.tmpl");

struct Instance {
    id: Value,
    node: Value,
    address: Value,
    status: Value,
    port: Value,
    weight: Value,
    tags: Value,
}

impl Object for Instance {
    fn type_name(&self) -> &'static str {
        "*main.Instance"
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let field = match name {
            "ID" => &self.id,
            "Node" => &self.node,
            "Address" => &self.address,
            "Status" => &self.status,
            "Port" => &self.port,
            "Weight" => &self.weight,
            "Tags" => &self.tags,
            _ => return None,
        };
        Some(Cow::Borrowed(field))
    }
}

struct Service {
    name: Value,
    meta: Value,
    instances: Value,
}

impl Object for Service {
    fn type_name(&self) -> &'static str {
        "*main.Service"
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let field = match name {
            "Name" => &self.name,
            "Meta" => &self.meta,
            "Instances" => &self.instances,
            _ => return None,
        };
        Some(Cow::Borrowed(field))
    }
}

/// A string that all services share, as Go shares its literals.
fn literal(text: &'static str) -> Value {
    static LITERALS: Mutex<BTreeMap<&str, Value>> = Mutex::new(BTreeMap::new());
    let mut literals = LITERALS.lock().unwrap();
    literals.entry(text).or_insert_with(|| text.into()).clone()
}

fn instance(s: i64, i: i64) -> Instance {
    let tags = if i == 9 { ["http", "backup"] } else { ["http", "v2"] };
    Instance {
        id: format!("service-{s}-{i}").into(),
        node: format!("node-{}", (s + i) % 100).into(),
        address: format!("10.0.{}.{i}", s % 256).into(),
        status: literal(if i == 7 { "critical" } else { "passing" }),
        port: Value::int(20_000 + i),
        weight: Value::int(1 + i % 3),
        tags: List::new(Type::String, tags.map(literal)).into(),
    }
}

fn name(s: i64) -> Value {
    format!("service-{s}").into()
}

fn meta(s: i64) -> Value {
    let balance = (s % 3 == 0).then(|| ("balance".into(), "leastconn".into()));
    Map::new(Type::String, Type::String, balance).into()
}

fn structs() -> Value {
    let services = (0..1000).map(|s| {
        let instances = (0..10).map(|i| Value::object(instance(s, i)));
        let instances = List::new(Type::Named("*main.Instance".into()), instances);
        Value::object(Service { name: name(s), meta: meta(s), instances: instances.into() })
    });
    let services = List::new(Type::Named("*main.Service".into()), services);
    Value::map([("Services", services.into())])
}

fn maps() -> Value {
    let names = ["ID", "Node", "Address", "Status", "Port", "Weight", "Tags"].map(literal);
    let instance = |s, i| {
        let Instance { id, node, address, status, port, weight, tags } = instance(s, i);
        let values = [id, node, address, status, port, weight, tags];
        Map::new(Type::String, Type::Any, names.iter().cloned().zip(values)).into()
    };
    let service = |s| {
        let instances = Value::list((0..10).map(|i| instance(s, i)));
        Value::map([("Name", name(s)), ("Meta", meta(s)), ("Instances", instances)])
    };
    Value::map([("Services", Value::list((0..1000).map(service)))])
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    let items = match value {
        Value::List(list) => list.items(),
        _ => &[],
    };
    items.iter().filter_map(Value::as_str)
}

fn template() -> Template<()> {
    let with_list = || Signature::new([Type::String, Type::list(Type::String)]);
    let mut functions = Functions::new();
    functions
        .add("contains", with_list(), |(): &mut (), arguments| match arguments {
            [wanted, list] => Ok(strings(list).any(|tag| Some(tag) == wanted.as_str()).into()),
            _ => Err("two arguments".into()),
        })
        .add("join", with_list(), |(), arguments| match arguments {
            [Value::String(separator), list] => {
                Ok(strings(list).collect::<Vec<_>>().join(separator).into())
            }
            _ => Err("two arguments".into()),
        })
        .add("toUpper", Signature::new([Type::String]), |(), arguments| match arguments {
            [Value::String(text)] => Ok(text.to_uppercase().into()),
            _ => Err("one argument".into()),
        });
    Template::parse("services", TEMPLATE, functions).unwrap()
}

fn best(template: &Template<()>, data: &Value) -> Duration {
    let mut out = String::new();
    let once = |_| {
        out.clear();
        let start = Instant::now();
        template.render_into(&mut out, &mut (), data).unwrap();
        start.elapsed()
    };
    (0..100).map(once).min().unwrap()
}

fn go() -> (Vec<Duration>, String) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let go = env::var("GO_BIN").unwrap_or_else(|_| "go".to_owned());
    let run = Command::new(go)
        .arg("run")
        .arg(here.join("go/main.go"))
        .arg(here.join("services.tmpl"))
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    let mut parts = text.splitn(3, '\n');
    let times = parts.by_ref().take(2).map(|line| Duration::from_nanos(line.parse().unwrap()));
    let times = times.collect();
    (times, parts.next().unwrap_or_default().to_owned())
}

fn main() -> ExitCode {
    let template = template();
    let data = [("structs", structs()), ("maps", maps())];
    let (times, output) = go();
    let mut out = io::stdout().lock();
    for ((shape, data), theirs) in data.iter().zip(times) {
        assert_eq!(template.render(&mut (), data).unwrap(), output);
        let ours = best(&template, data);
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        let line = format!("{shape:8} go {theirs:>9.2?}  rust {ours:>9.2?}  ratio {ratio:.1}");
        writeln!(out, "{line}").unwrap();
    }
    ExitCode::SUCCESS
}
