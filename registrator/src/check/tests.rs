use serde_json::{Value, json};

use super::*;
use crate::metadata::tests::{app, port};

type Pairs = &'static [(&'static str, &'static str)];

fn checks(app: &App, port: &Port, scripts: bool) -> (Vec<String>, Vec<String>) {
    let metadata = Metadata::of(app);
    let (checks, wrong) = of_port(app, &metadata, port, scripts, &Policy::default());
    let shown = |texts: Vec<&dyn fmt::Display>| texts.iter().map(ToString::to_string).collect();
    (
        shown(checks.iter().map(|check| check as &dyn fmt::Display).collect()),
        shown(wrong.iter().map(|reason| reason as &dyn fmt::Display).collect()),
    )
}

#[test]
fn checks_as_the_field_writes_them() {
    let passing = |text: &str| format!("{text} interval 10s initially passing");
    let rows: [(Pairs, String); 15] = [
        (&[], String::new()),
        (&[("SERVICE_CHECK_INTERVAL", "5s")], String::new()),
        (&[("SERVICE_CHECK_HTTP", "/health")], passing("http http://10.0.0.1:31000/health")),
        (
            &[("SERVICE_CHECK_HTTP", "x"), ("SERVICE_CHECK_HTTP_METHOD", "HEAD")],
            passing("http HEAD http://10.0.0.1:31000/x"),
        ),
        (
            &[("SERVICE_CHECK_HTTPS", "/x"), ("SERVICE_CHECK_TLS_SKIP_VERIFY", "true")],
            passing("http https://10.0.0.1:31000/x any-certificate"),
        ),
        (&[("SERVICE_81_CHECK_HTTP", "/health")], String::new()),
        (
            &[("SERVICE_PORT_WEB_UI_CHECK_HTTP", "/health")],
            passing("http http://10.0.0.1:31000/health"),
        ),
        (
            &[
                ("SERVICE_CHECK_TCP", "true"),
                ("SERVICE_CHECK_INTERVAL", "1m"),
                ("SERVICE_CHECK_TIMEOUT", "2s"),
                ("SERVICE_CHECK_DEREGISTER_AFTER", "10m"),
            ],
            "tcp 10.0.0.1:31000 interval 1m initially passing timeout 2s deregister-after 10m"
                .into(),
        ),
        (&[("SERVICE_CHECK_TCP", "false")], String::new()),
        (
            &[("SERVICE_CHECK_HTTP", "/"), ("SERVICE_CHECK_TCP", "true")],
            passing("http http://10.0.0.1:31000/"),
        ),
        (&[("SERVICE_CHECK_GRPC", "true")], passing("grpc 10.0.0.1:31000")),
        (
            &[("SERVICE_CHECK_GRPC", "/greeter"), ("SERVICE_CHECK_GRPC_USE_TLS", "1")],
            passing("grpcs 10.0.0.1:31000/greeter"),
        ),
        (&[("SERVICE_CHECK_TTL", "30s")], "ttl 30s initially passing".into()),
        (
            &[("SERVICE_CHECK_SCRIPT", "probe $SERVICE_IP $SERVICE_PORT")],
            passing("script \"probe 10.0.0.1 31000\""),
        ),
        (
            &[("SERVICE_CHECK_TCP", "1"), ("SERVICE_CHECK_INITIAL_STATUS", "warning")],
            "tcp 10.0.0.1:31000 interval 10s initially warning".into(),
        ),
    ];
    for (env, want) in rows {
        let (checks, wrong) = checks(&app(env, &[], &json!({})), &port(), true);
        assert_eq!((checks.join("; "), wrong.len()), (want, 0), "{env:?}");
    }
}

#[test]
fn what_cannot_be_followed_is_named() {
    let rows: [(Pairs, &str); 5] = [
        (&[("SERVICE_CHECK_TTL", "soon")], "SERVICE_CHECK_TTL left out: 'soon'"),
        (&[("SERVICE_CHECK_TTL", "2s")], "SERVICE_CHECK_TTL left out: must be at least"),
        (&[("SERVICE_CHECK_CMD", "/bin/x")], "SERVICE_CHECK_CMD left out: it would run"),
        (
            &[("SERVICE_CHECK_TCP", "x"), ("SERVICE_CHECK_INTERVAL", "often")],
            "SERVICE_CHECK_INTERVAL left out: 'often'",
        ),
        (
            &[("SERVICE_CHECK_TCP", "x"), ("SERVICE_CHECK_TIMEOUT", "0s")],
            "SERVICE_CHECK_TIMEOUT left out: must be more",
        ),
    ];
    for (env, want) in rows {
        let (_, wrong) = checks(&app(env, &[], &json!({})), &port(), true);
        assert!(wrong.len() == 1 && wrong[0].starts_with(want), "{env:?} {wrong:?}");
    }
}

#[test]
fn a_udp_port_is_not_asked() {
    let app = app(&[("SERVICE_CHECK_HTTP", "/")], &[], &json!({}));
    let udp = Port { protocol: Protocol::Udp, ..port() };
    assert_eq!(checks(&app, &udp, false), (vec![], vec![]));
}

#[test]
fn scripts_need_the_agent_s_leave() {
    let app = app(&[("SERVICE_CHECK_SCRIPT", "true")], &[], &json!({}));
    let (found, wrong) = checks(&app, &port(), false);
    assert!(found.is_empty() && wrong[0].contains("enable_script_checks"), "{wrong:?}");
}

fn with_health_checks(env: Pairs, checks: &Value) -> App {
    let mut app = app(env, &[], &json!({}));
    app.health_checks = serde_json::from_value(checks.clone()).unwrap();
    app
}

#[test]
fn marathon_s_checks_are_translated_when_asked_for() {
    let all = json!([
        {"protocol": "HTTP", "path": "/health", "portIndex": 0, "intervalSeconds": 5, "timeoutSeconds": 2},
        {"protocol": "MESOS_HTTPS", "path": "x"},
        {"protocol": "TCP", "port": 9000},
        {"protocol": "MESOS_TCP", "portIndex": 1},
        {"protocol": "COMMAND", "command": {"value": "nc $HOST $PORT0"}},
        {"protocol": "CARRIER_PIGEON"},
    ]);
    let app = with_health_checks(&[("SERVICE_CHECK_MARATHON", "true")], &all);
    let (found, wrong) = checks(&app, &port(), true);
    assert_eq!(
        found,
        [
            "http http://10.0.0.1:31000/health interval 5s initially passing timeout 2s",
            "http https://10.0.0.1:31000/x any-certificate interval 60s initially passing",
            "tcp 10.0.0.1:9000 interval 60s initially passing",
            "script \"nc 10.0.0.1 31000\" interval 60s initially passing",
        ]
    );
    assert_eq!(wrong, ["healthChecks CARRIER_PIGEON left out: Consul has no such check"]);
    let (found, wrong) = checks(&app, &port(), false);
    assert_eq!((found.len(), wrong.len()), (3, 2), "{wrong:?}");
    assert_eq!(checks(&with_health_checks(&[], &all), &port(), true), (vec![], vec![]));
}

#[test]
fn a_check_of_the_app_s_own_choice_wins_over_marathon_s() {
    let env = &[("SERVICE_CHECK_MARATHON", "true"), ("SERVICE_CHECK_TCP", "true")];
    let app = with_health_checks(env, &json!([{"protocol": "HTTP"}]));
    let (found, _) = checks(&app, &port(), true);
    assert!(found.len() == 1 && found[0].starts_with("tcp "), "{found:?}");
}

#[test]
fn long_checks_fit_into_the_metadata_and_their_changes_show() {
    let check = |path: &str| {
        let path = format!("/{}{path}", "x".repeat(10_000));
        let env = [("SERVICE_CHECK_HTTP", path.as_str())];
        let app = app(&env, &[], &json!({}));
        let metadata = Metadata::of(&app);
        text_of(&of_port(&app, &metadata, &port(), true, &Policy::default()).0).unwrap()
    };
    assert!(check("a").len() <= crate::naming::MAX_VALUE);
    assert_ne!(check("a"), check("b"));
    assert_eq!(text_of(&[]), None);
}

#[test]
fn check_ids_are_their_service_s() {
    assert_eq!([id_of("t.1:80", 0), id_of("t.1:80", 1)], ["service:t.1:80", "service:t.1:80:2"]);
}
