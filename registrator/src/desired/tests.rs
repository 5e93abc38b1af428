use std::time::Instant;

use marathon::Apps;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tombstone::Evidence;

const OLD: &str = "2026-01-01T00:00:00.000Z";
const NEW: &str = "2026-01-02T00:00:00.000Z";

fn view(apps: Vec<Value>) -> View {
    let apps = apps.into_iter().map(|app| serde_json::from_value(app).unwrap()).collect();
    View::of(Apps { apps, malformed: Vec::new() })
}

fn here() -> Here {
    Here::new("10.0.0.1", "srv1", &[])
}

fn of(view: &View, known: &Known, tombstones: &Tombstones) -> Desired {
    desired(view, Context { here: &here(), owner: "me", known, tombstones })
}

fn fresh(apps: Vec<Value>) -> Desired {
    of(&view(apps), &Known::new(), &Tombstones::default())
}

/// The test-server of the article: bridge networking, two ports.
fn test_server(task: &Value) -> Value {
    json!({
        "id": "/app/production/test-server", "version": NEW,
        "versionInfo": {"lastScalingAt": NEW, "lastConfigChangeAt": OLD},
        "env": {"SERVICE_NAME": "test-server", "SERVICE_TAGS": "production,internal-listen-http-3000"},
        "networks": [{"mode": "container/bridge"}],
        "container": {"portMappings": [{"containerPort": 3000, "hostPort": 0}, {"containerPort": 3010, "hostPort": 0}]},
        "healthChecks": [{"protocol": "HTTP"}],
        "tasks": [task],
    })
}

fn task(state: &str, results: &Value) -> Value {
    json!({"id": "t.1", "host": "10.0.0.1", "ports": [31000, 31001], "state": state, "version": OLD, "healthCheckResults": results})
}

#[test]
fn the_article_s_app_becomes_two_services() {
    let desired = fresh(vec![test_server(&task("TASK_RUNNING", &json!([{"alive": true}])))]);
    assert_eq!(desired.skipped, []);
    let shown: Vec<_> = desired
        .services
        .iter()
        .map(|(id, service)| {
            format!(
                "{id} {} {}:{} {}",
                service.name,
                service.address,
                service.port,
                service.tags.join(" ")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "t.1:3000 test-server-3000 10.0.0.1:31000 production internal-listen-http-3000",
            "t.1:3010 test-server-3010 10.0.0.1:31001 production internal-listen-http-3000",
        ]
    );
    let meta: Vec<_> = desired
        .services
        .values()
        .next()
        .unwrap()
        .meta
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(
        meta,
        [
            "registrator-app=/app/production/test-server",
            "registrator-owner=me",
            "registrator-task=t.1",
            "registrator-version=2026-01-01T00:00:00.000Z",
        ]
    );
}

#[test]
fn the_gate() {
    let (alive, dead, none) = (json!([{"alive": true}]), json!([{"alive": false}]), json!([]));
    // State, results, registered before: registered now, of which unchanged from before.
    let rows = [
        ("TASK_RUNNING", &alive, false, 2),
        ("TASK_RUNNING", &dead, false, 0),
        ("TASK_RUNNING", &none, false, 0),
        ("TASK_RUNNING", &dead, true, 2),
        ("TASK_RUNNING", &none, true, 2),
        ("TASK_STAGING", &none, false, 0),
        ("TASK_STARTING", &none, false, 0),
        ("TASK_LOST", &none, false, 0),
        ("TASK_LOST", &none, true, 2),
        ("TASK_UNREACHABLE", &alive, false, 0),
        ("TASK_UNREACHABLE", &none, true, 2),
        ("TASK_KILLING", &alive, true, 0),
        ("TASK_KILLED", &alive, true, 0),
        ("TASK_FAILED", &alive, true, 0),
        ("TASK_FINISHED", &alive, true, 0),
        ("TASK_GONE", &alive, true, 0),
    ];
    let passed = fresh(vec![test_server(&task("TASK_RUNNING", &alive))]).services;
    for (state, results, before, want) in rows {
        let known =
            if before { Known::from([("t.1".into(), passed.clone())]) } else { Known::new() };
        let view = view(vec![test_server(&task(state, results))]);
        let got = of(&view, &known, &Tombstones::default()).services;
        assert_eq!(got.len(), want, "{state} {results} {before}");
        let mut graves = Tombstones::default();
        graves.bury("t.1".into(), Evidence::Task, Instant::now());
        assert!(of(&view, &known, &graves).services.is_empty(), "{state} buried");
    }
}

#[test]
fn before_1_1_a_task_runs_once_it_has_started() {
    let app = |started: Value| json!({"id": "/a", "ports": [1], "tasks": [{"id": "t.1", "host": "srv1", "ports": [31000], "startedAt": started}]});
    assert_eq!(fresh(vec![app(json!(null))]).services.len(), 0);
    assert_eq!(fresh(vec![app(json!("2015-09-11T22:11:03.156Z"))]).services.len(), 1);
}

#[test]
fn a_task_of_an_older_configuration_stays_as_it_is() {
    let results = json!([{"alive": true}]);
    let before = fresh(vec![test_server(&task("TASK_RUNNING", &results))]).services;
    let known = Known::from([("t.1".into(), before.clone())]);
    let mut app = test_server(&task("TASK_RUNNING", &results));
    app["versionInfo"]["lastConfigChangeAt"] = json!(NEW);
    app["env"]["SERVICE_NAME"] = json!("other");
    app["container"]["portMappings"] = json!([{"containerPort": 4000, "hostPort": 0}]);
    assert_eq!(of(&view(vec![app]), &known, &Tombstones::default()).services, before);
}

#[test]
fn an_app_or_a_task_that_does_not_fit_stays_as_it_is_and_stops_no_other() {
    let good = test_server(&task("TASK_RUNNING", &json!([{"alive": true}])));
    let before = fresh(vec![good.clone()]).services;
    let known = Known::from([("t.1".into(), before.clone())]);
    let mut bad = good.clone();
    bad["tasks"][0]["ports"] = json!([31000]);
    let other = json!({"id": "/z", "ports": [1], "tasks": [{"id": "z.1", "host": "srv1", "ports": [31002], "startedAt": "x"}]});
    let got = of(&view(vec![bad, other.clone()]), &known, &Tombstones::default());
    assert_eq!(got.services.len(), 3);
    assert_eq!(got.skipped.len(), 1);

    let malformed =
        marathon::Malformed { id: Some("/app/production/test-server".into()), reason: "x".into() };
    let apps = vec![serde_json::from_value(other).unwrap()];
    let unreadable = View::of(Apps { apps, malformed: vec![malformed] });
    assert_eq!(of(&unreadable, &known, &Tombstones::default()).services.len(), 3);
    let mut graves = Tombstones::default();
    graves.bury("t.1".into(), Evidence::Task, Instant::now());
    assert_eq!(of(&unreadable, &known, &graves).services.len(), 1);

    let mut without_tasks = good;
    without_tasks["tasks"] = json!(null);
    without_tasks["tasksRunning"] = json!(1);
    let got = of(&view(vec![without_tasks]), &known, &Tombstones::default());
    assert_eq!((got.services.len(), got.skipped.len()), (2, 1));
}

#[test]
fn tasks_elsewhere_are_none_of_ours_and_an_unresolved_host_removes_nothing() {
    let mut app = test_server(&task("TASK_RUNNING", &json!([{"alive": true}])));
    let known = Known::from([("t.1".into(), fresh(vec![app.clone()]).services)]);
    for (host, want) in [("10.0.0.2", 0), ("unresolved.example.com", 2)] {
        app["tasks"][0]["host"] = json!(host);
        let got = of(&view(vec![app.clone()]), &known, &Tombstones::default());
        assert_eq!(got.services.len(), want, "{host}");
        assert_eq!(fresh(vec![app.clone()]).services.len(), 0, "{host}");
    }
}

#[test]
fn both_protocols_of_a_port_and_a_port_declared_twice() {
    let app = json!({
        "id": "/dns", "portDefinitions": [{"port": 53, "protocol": "udp,tcp"}, {"port": 53}],
        "tasks": [{"id": "t.1", "host": "srv1", "ports": [31000, 31001], "state": "TASK_RUNNING"}],
    });
    let desired = fresh(vec![app]);
    let ids: Vec<_> = desired.services.keys().map(ToString::to_string).collect();
    assert_eq!(ids, ["t.1:53", "t.1:53:udp"]);
    let tags: Vec<_> = desired.services.values().map(|service| service.tags.join(",")).collect();
    assert_eq!(tags, ["", "udp"]);
    assert_eq!(
        desired.skipped.iter().map(|s| s.reason.clone()).collect::<Vec<_>>(),
        [Reason::SamePort(53)]
    );
}

#[test]
fn ignored_ports_still_count_as_ports() {
    let mut app = test_server(&task("TASK_RUNNING", &json!([{"alive": true}])));
    app["labels"] = json!({"SERVICE_3010_IGNORE": "true"});
    let desired = fresh(vec![app]);
    let names: Vec<_> = desired.services.values().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["test-server-3000"]);
}

proptest! {
    #[test]
    fn the_order_of_apps_and_tasks_makes_no_difference(order in Just((0..6).collect::<Vec<u16>>()).prop_shuffle()) {
        let app = |id: u16, tasks: &[u16]| json!({
            "id": format!("/app-{id}"), "ports": [80],
            "tasks": tasks.iter().map(|task| json!({
                "id": format!("app-{id}.{task}"), "host": if task % 2 == 0 { "srv1" } else { "10.0.0.9" },
                "ports": [31000 + task], "state": if *task == 4 { "TASK_STAGING" } else { "TASK_RUNNING" },
            })).collect::<Vec<_>>(),
        });
        let all: Vec<_> = (0..6).collect();
        let want = fresh(all.iter().map(|id| app(*id, &all)).collect());
        prop_assert_eq!(fresh(order.iter().map(|id| app(*id, &order)).collect()), want);
    }
}
