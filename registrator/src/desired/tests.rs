use std::time::Duration;

use marathon::Apps;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tombstone::Evidence;

const OLD: &str = "2026-01-01T00:00:00.000Z";
const NEW: &str = "2026-01-02T00:00:00.000Z";

fn view(apps: Vec<Value>) -> View {
    let apps = apps.into_iter().map(|app| serde_json::from_value(app).unwrap()).collect();
    View::of::<App>(Apps { apps, malformed: Vec::new() })
}

fn here() -> Here {
    Here::new("10.0.0.1", "srv1", &[])
}

fn of(view: &View, known: &Known, tombstones: &Tombstones) -> Desired {
    with_policy(view, known, tombstones, &Policy::default())
}

fn with_policy(view: &View, known: &Known, tombstones: &Tombstones, policy: &Policy) -> Desired {
    let here = here().with_scripts(true);
    // Every grave counts by then.
    let now = Instant::now() + Duration::from_mins(1);
    desired(view, Context { here: &here, owner: "me", policy, known, tombstones, now })
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
        graves.bury(&"/a".into(), "t.1".into(), (Evidence::Task, Fate::Ended), Instant::now());
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
    let unreadable = View::of::<App>(Apps { apps, malformed: vec![malformed] });
    assert_eq!(of(&unreadable, &known, &Tombstones::default()).services.len(), 3);
    let mut graves = Tombstones::default();
    graves.bury(&"/a".into(), "t.1".into(), (Evidence::Task, Fate::Ended), Instant::now());
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

#[test]
fn the_operator_decides_about_tasks_in_doubt() {
    use OnKilling as K;
    use Treatment::{Keep, Maintenance, Remove};
    let (well, ill) = (json!([{"alive": true}]), json!([{"alive": false}]));
    let policy = |on_killing, on_unhealthy, on_unreachable| Policy {
        on_killing,
        on_unhealthy,
        on_unreachable,
        ..Policy::default()
    };
    // State, results, what is known of its end, policy: registered, and of these out of rotation.
    let rows = [
        ("TASK_KILLING", &well, None, policy(K::Remove, Keep, Keep), 0, 0),
        ("TASK_KILLING", &well, None, policy(K::Maintenance, Keep, Keep), 2, 2),
        ("TASK_RUNNING", &well, Some(Fate::Killing), policy(K::Maintenance, Keep, Keep), 2, 2),
        ("TASK_RUNNING", &well, Some(Fate::Ended), policy(K::Maintenance, Keep, Keep), 0, 0),
        ("TASK_KILLED", &well, Some(Fate::Killing), policy(K::Maintenance, Keep, Keep), 0, 0),
        ("TASK_RUNNING", &ill, None, policy(K::Remove, Keep, Keep), 2, 0),
        ("TASK_RUNNING", &ill, None, policy(K::Remove, Maintenance, Keep), 2, 2),
        ("TASK_RUNNING", &ill, None, policy(K::Remove, Remove, Keep), 0, 0),
        ("TASK_UNREACHABLE", &well, None, policy(K::Remove, Keep, Keep), 2, 0),
        ("TASK_UNREACHABLE", &well, None, policy(K::Remove, Keep, Maintenance), 2, 2),
        ("TASK_LOST", &well, None, policy(K::Remove, Keep, Remove), 0, 0),
    ];
    let passed = fresh(vec![test_server(&task("TASK_RUNNING", &well))]).services;
    let known = Known::from([("t.1".into(), passed)]);
    for (state, results, fate, policy, want, resting) in rows {
        let mut graves = Tombstones::default();
        if let Some(fate) = fate {
            graves.bury(&"/a".into(), "t.1".into(), (Evidence::Task, fate), Instant::now());
        }
        let view = view(vec![test_server(&task(state, results))]);
        let got = with_policy(&view, &known, &graves, &policy);
        let out = got.services.values().filter(|service| service.rest.is_some()).count();
        assert_eq!((got.services.len(), out), (want, resting), "{state} {results} {policy:?}");
        // A task that was never registered is not registered out of rotation either.
        let new = with_policy(&view, &Known::new(), &graves, &policy).services;
        assert!(new.values().all(|service| service.rest.is_none()), "{state}");
    }
}

#[test]
fn several_names_are_several_services_of_one_port() {
    let mut app = test_server(&task("TASK_RUNNING", &json!([{"alive": true}])));
    app["labels"] = json!({"SERVICE_3000_NAMES": "web,api", "SERVICE_3010_IGNORE": "1"});
    let services = fresh(vec![app]).services.into_iter();
    let shown: Vec<_> = services.map(|(id, it)| format!("{id} {}", it.name)).collect();
    assert_eq!(shown, ["t.1:3000 web", "t.1:3000:name=api api"]);
}

#[test]
fn everything_an_app_can_ask_for_in_one_service() {
    let mut app = test_server(&task("TASK_RUNNING", &json!([{"alive": true}])));
    app["container"]["portMappings"][0]["name"] = json!("http");
    app["container"]["portMappings"][0]["labels"] = json!({"SERVICE_NAME": "web"});
    app["labels"] = json!({
        "SERVICE_PORT_HTTP_TAGS": "a\\,b,{host}", "SERVICE_META_Team": "{app}",
        "SERVICE_WEIGHT": "5", "SERVICE_ENABLE_TAG_OVERRIDE": "true",
        "SERVICE_3000_CHECK_TTL": "30s", "SERVICE_3010_IGNORE": "1",
    });
    let policy = Policy { tags: vec!["mesos".to_owned()], ..Policy::default() };
    let got = with_policy(&view(vec![app]), &Known::new(), &Tombstones::default(), &policy);
    let (id, it) = got.services.first_key_value().unwrap();
    assert_eq!((id.to_string().as_str(), it.name.as_str()), ("t.1:3000", "web"));
    assert_eq!(it.tags, ["mesos", "a,b", "10.0.0.1"]);
    assert_eq!(it.meta("Team"), Some("/app/production/test-server"));
    assert_eq!((it.weights.passing, it.tag_override, it.checks.len()), (5, true, 1));
    assert_eq!(it.ttl(), Some(Duration::from_secs(30)));
}

#[test]
fn an_address_can_be_chosen() {
    let mut app = test_server(&task("TASK_RUNNING", &json!([{"alive": true}])));
    app["tasks"][0]["ipAddresses"] = json!([{"ipAddress": "172.17.0.2"}]);
    for (address, want) in [
        ("host", "10.0.0.1:31000"),
        ("task", "172.17.0.2:3000"),
        ("lb.example.com", "lb.example.com:31000"),
    ] {
        app["labels"] = json!({"SERVICE_ADDRESS": address});
        let services = fresh(vec![app.clone()]).services;
        let it = services.values().next().unwrap();
        assert_eq!(format!("{}:{}", it.address, it.port), want);
    }
}

#[test]
fn bad_metadata_registers_what_can_be_and_names_the_rest_once() {
    let mut app = test_server(&task("TASK_RUNNING", &json!([{"alive": true}])));
    let mut second = app["tasks"][0].clone();
    second["id"] = json!("t.2");
    app["tasks"] = json!([app["tasks"][0], second]);
    app["env"] = json!({
        "SERVICE_99999_NAME": "x", "SERVICE_TAGS": "good,bad\ntag", "SERVICE_META_long": "x".repeat(10_000),
        "SERVICE_3010_NAME": "not a name", "SERVICE_META_utf8": "\u{fffd}",
    });
    let got = fresh(vec![app]);
    let names: Vec<_> = got.services.values().map(|it| (it.name.as_str(), it.tags.len())).collect();
    assert_eq!(names, [("test-server-3000", 1), ("test-server-3000", 1)]);
    let of_app: Vec<_> = got.skipped.iter().filter(|it| it.task.is_none()).collect();
    let of_tasks: Vec<_> = got.skipped.iter().filter(|it| it.task.is_some()).collect();
    assert_eq!((of_app.len(), of_tasks.len()), (4, 2), "{:#?}", got.skipped);
    assert!(got.skipped.iter().all(|it| it.to_string().len() < 250), "{:#?}", got.skipped);
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
