//! What is shown of one moment, with names by somebody who means no good.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daemon::status::Page;

use super::progress::Progress;
use super::snapshot::{Failing, Haproxy, Snapshot, State, Template};
use super::view::View;
use super::{Board, draft, html, metrics, routes as table};
use crate::child;
use crate::data::{CatalogService, Data, Instance};
use crate::deduplicate::standing::{Holder, Standing};
use crate::dependency::{Dependency, Instances, Scope};
use crate::haproxy::driver::{Applied, Counts, Way};
use crate::haproxy::site::{Environment, Site};
use crate::store::Store;
use crate::watch::Statistics;

const EVIL: &str = "</td><script>alert('x')</script>\"&";

/// Moments, by seconds since the start.
fn at(start: Instant, seconds: f64) -> Instant {
    start + Duration::from_secs_f64(seconds)
}

fn template(name: &str, state: State) -> Template {
    Template {
        name: name.to_owned(),
        file: Some(format!("/etc/{name}.out")),
        state,
        waits_for: Vec::new(),
        waits_for_count: 0,
        dependencies: 3,
        left_out: Arc::default(),
        failure: None,
        progress: Progress::default(),
        haproxy: None,
    }
}

fn installed(name: &str, start: Instant) -> Template {
    let progress = Progress {
        renders: 4,
        writes: 2,
        failures: 1,
        rendered: Some(at(start, 90.0)),
        took: Duration::from_millis(7),
        written: Some(at(start, 10.0)),
        is_in_place: true,
    };
    Template { progress, ..template(name, State::Installed) }
}

fn instance(port: i64, tag: &str, status: &str) -> Instance {
    Instance {
        node: EVIL.to_owned(),
        id: EVIL.to_owned(),
        name: "web".to_owned(),
        tags: vec![tag.to_owned()],
        address: "10.0.0.1".to_owned(),
        port,
        status: status.to_owned(),
        ..Instance::default()
    }
}

/// A catalog with two instances of `web`, one of them not from the beginning.
fn store(snapshot: &mut Snapshot, start: Instant) -> Store {
    let mut store = Store::default();
    let tags = ["internal-listen-http-3000", "external-host-shop.example", "production", "staging"];
    let service = |name: &str| CatalogService {
        name: name.to_owned(),
        tags: tags.map(str::to_owned).to_vec(),
    };
    let services = Data::Services(vec![service(EVIL), service("web")]);
    store.insert(Dependency::Services { scope: Scope::default() }, services);
    let production = Dependency::Instances(Instances::passing("web", Some("production")));
    let staging = Dependency::Instances(Instances::passing("web", Some("staging")));
    let (one, two) =
        (instance(31000, "production", "passing"), instance(31001, "production", EVIL));
    let first = Data::Instances(vec![one.clone()]);
    snapshot.ages.learn(&production, &first, at(start, 1.0));
    let both = Data::Instances(vec![one, two]);
    snapshot.ages.learn(&production, &both, at(start, 60.0));
    store.insert(production, both);
    store.insert(staging, Data::Instances(Vec::new()));
    store
}

/// One that was told its servers, and one that had to be reloaded.
fn haproxies(start: Instant) -> [Haproxy; 2] {
    let applied = |way, reason: Option<&str>| Applied {
        way,
        at: at(start, 30.0),
        took: Duration::from_millis(250),
        commands: 3,
        reason: reason.map(str::to_owned),
    };
    let by_commands = Haproxy {
        is_settled: true,
        resting: 4,
        applied: Some(applied(Way::Runtime, None)),
        counts: Counts { runtime: 5, ..Counts::default() },
    };
    let by_reload = Haproxy {
        applied: Some(applied(Way::Reload, Some(EVIL))),
        counts: Counts { runtime: 1, reloads: 2, refused: 3 },
        ..Haproxy::default()
    };
    [by_commands, by_reload]
}

/// One that asks for all, one that waits, and one that follows.
fn standings() -> Vec<Standing> {
    let holder = |name: &str| Some(Holder { session: "1-2".to_owned(), name: name.to_owned() });
    let standing = |role, holder| Standing { folder: "shared/abc/".to_owned(), role, holder };
    vec![
        standing("leading", holder("process 9 on a")),
        standing("waiting", None),
        standing("following", holder(EVIL)),
    ]
}

fn a_child(start: Instant) -> child::Status {
    child::Status {
        command: format!("run {EVIL}"),
        pid: 123,
        start: at(start, 40.0),
        restarts: 2,
        state: "restarting",
    }
}

/// A program after a hundred seconds, and what it knows.
fn sample() -> (Snapshot, Instant) {
    let start = Instant::now();
    let mut snapshot = Snapshot::new(start);
    let left_out = Arc::new(BTreeSet::from([format!("service {EVIL:?}: it is left out")]));
    let waits = Template {
        waits_for: vec![format!("kv.get({EVIL})")],
        waits_for_count: 1,
        progress: Progress { renders: 1, ..Progress::default() },
        file: None,
        ..template("waits.ctmpl", State::Waiting)
    };
    let fails = Template {
        failure: Some((format!("{EVIL}:1:2: oh\n1 | {{{{oh}}}}"), at(start, 95.0))),
        ..installed(EVIL, start)
    };
    let [by_commands, by_reload] = haproxies(start);
    let fails = Template { haproxy: Some(by_reload), ..fails };
    let installed = Template { haproxy: Some(by_commands), ..installed("in.hbs", start) };
    snapshot.templates = vec![
        Template { left_out: Arc::clone(&left_out), ..installed },
        Template { left_out, ..waits },
        Template { state: State::Failed, ..fails },
    ];
    snapshot.ran("reload", None, Duration::from_millis(80), at(start, 11.0));
    snapshot.ran(EVIL, Some(EVIL.to_owned()), Duration::from_secs(2), at(start, 12.0));
    let failing = Failing { since: at(start, 70.0), failures: 5, error: EVIL.to_owned() };
    let key = Dependency::Partitions;
    snapshot.fails(&[(key, failing)].into(), at(start, 70.0));
    let statistics = Statistics {
        connections: 7,
        budget: 100,
        direct: 5,
        on_signals: 4,
        signals: 2,
        unread: 1,
        unread_since: Some(at(start, 98.0)),
        refusals: 6,
        traffic: consul::Traffic {
            requests: 20,
            answers: 18,
            last_contact: Duration::from_millis(40),
        },
    };
    snapshot.consul = Some(("http://127.0.0.1:8500/".to_owned(), statistics));
    let environment = |name: &str, port_prefix: &str, host_prefix: &str| Environment {
        name: name.to_owned(),
        port_prefix: port_prefix.to_owned(),
        host_prefix: host_prefix.to_owned(),
    };
    let environments =
        vec![environment("production", "", ""), environment("staging", "1", "staging-")];
    snapshot.sites = vec![Site { environments, ..Site::default() }];
    snapshot.store = store(&mut snapshot, start);
    snapshot.standings = standings();
    snapshot.child = Some(a_child(start));
    (snapshot, at(start, 100.0))
}

#[test]
fn the_page_shows_everything_and_lets_nothing_in() {
    let (snapshot, now) = sample();
    let view = View::of(&snapshot, now);
    let page = html::page(&view, &table(&snapshot, 10, now)).unwrap();
    assert!(!page.contains("<script") && !page.contains("alert('x')"), "{page}");
    let (_, body) = page.split_once("<body>").unwrap();
    insta::assert_snapshot!(body);
}

#[test]
fn the_status_for_programs() {
    let (snapshot, now) = sample();
    insta::assert_snapshot!(serde_json::to_string_pretty(&View::of(&snapshot, now)).unwrap());
}

#[test]
fn the_routes_for_programs() {
    let (snapshot, now) = sample();
    let (routes, count) = table(&snapshot, usize::MAX, now);
    assert_eq!(count, 2);
    insta::assert_snapshot!(serde_json::to_string_pretty(&routes).unwrap());
    assert_eq!(table(&snapshot, 1, now).0.len(), 1);
}

#[test]
fn the_metrics() {
    let (snapshot, now) = sample();
    let mut text = String::new();
    let registry = metrics::registry(&View::of(&snapshot, now));
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    // Rows of one metric come in any order.
    let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn instances_of_any_state_are_shown_once() {
    let (mut snapshot, now) = sample();
    let any = Dependency::Instances(Instances::parse("web|any").unwrap());
    let instances = vec![
        instance(31000, "production", "passing"),
        instance(31002, "Production", "critical"),
        instance(31003, "staging", "warning"),
        instance(31004, "other", "passing"),
    ];
    snapshot.store.insert(any, Data::Instances(instances));
    let (routes, _) = table(&snapshot, usize::MAX, now);
    let json = serde_json::to_value(&routes).unwrap();
    let ports = |route: usize| -> Vec<_> {
        let servers = json[route]["servers"].as_array().unwrap().iter();
        servers.map(|it| it["address"].as_str().unwrap().replace("10.0.0.1:", "")).collect()
    };
    assert_eq!(
        (ports(0), ports(1)),
        (vec!["31000".into(), "31001".into(), "31002".into()], vec!["31003".to_owned()])
    );
}

#[test]
fn readiness_is_that_every_file_was_once_in_place() {
    let start = Instant::now();
    let ready = |templates: Vec<Template>| {
        let snapshot = Snapshot { templates, ..Snapshot::new(start) };
        draft(snapshot, "/ready", start).unwrap().finish()
    };
    assert_eq!(ready(Vec::new()), Page::yes("ready"));
    let broken = Template { state: State::Failed, ..installed("a", start) };
    assert_eq!(ready(vec![broken]), Page::yes("ready"), "the last good file stays");
    let waits = Template {
        waits_for: vec!["kv.get(a)".to_owned()],
        waits_for_count: 3,
        ..template("b", State::Waiting)
    };
    let fails =
        Template { failure: Some(("refused".to_owned(), start)), ..template("c", State::Failed) };
    let new = [template("d", State::Waiting), template("e", State::Installed)];
    let unready = [[installed("a", start), waits, fails].as_slice(), &new].concat();
    let reasons = "b: waits for kv.get(a) and 2 more\nc: refused\nd: not rendered yet\n\
        e: its command is still to succeed";
    assert_eq!(ready(unready), Page::no(reasons));
}

#[test]
fn a_board_that_nobody_looks_at_has_no_pages() {
    assert!(Board::default().page("/health").is_none());
    let board = Board::new(Instant::now());
    assert_eq!(board.page("/health").unwrap().finish(), Page::yes("alive"));
    assert!(board.page("/nonsense").is_none());
}
