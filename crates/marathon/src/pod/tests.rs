use serde_json::{Value, json};

use super::*;
use crate::NetworkMode;

const INSTANCE: &str = "prod_shop.instance-f16ce949-65fc-11e7-bbb2-3e4c59999dee";

fn pod(json: Value) -> Pod {
    serde_json::from_value(json).unwrap()
}

/// As Marathon 1.11 answers, with what is not read here besides.
fn shop() -> Value {
    json!({
        "id": "/prod/shop", "status": "STABLE", "statusSince": "2019-01-01T00:00:05.000Z", "terminationHistory": [],
        "spec": {
            "id": "/prod/shop", "version": "2019-01-01T00:00:00.000Z", "user": "root",
            "environment": {"SERVICE_TAGS": "pod", "SERVICE_NAME": "shop", "PASSWORD": {"secret": "s"}},
            "labels": {"SERVICE_META_team": "blue"},
            "networks": [{"mode": "container/bridge", "labels": {}}],
            "scaling": {"kind": "fixed", "instances": 1},
            "containers": [
                {
                    "name": "web", "resources": {"cpus": 0.1, "mem": 32.0}, "image": {"kind": "DOCKER", "id": "nginx"},
                    "environment": {"SERVICE_TAGS": "web"}, "labels": {"SERVICE_META_team": "red"},
                    "healthCheck": {"http": {"endpoint": "admin", "path": "/ping", "scheme": "HTTP"}, "intervalSeconds": 5},
                    "endpoints": [
                        {"name": "http", "containerPort": 80, "hostPort": 0, "protocol": ["tcp"], "labels": {"SERVICE_IGNORE": "no"}},
                        {"name": "inner", "containerPort": 81, "protocol": ["tcp"]},
                        {"name": "admin", "containerPort": 82, "hostPort": 0, "protocol": ["udp", "tcp"]},
                    ],
                },
                {"name": "sidecar", "resources": {"cpus": 0.1, "mem": 32.0}},
            ],
        },
        "instances": [{
            "id": INSTANCE, "status": "STABLE", "conditions": [], "agentHostname": "srv4", "agentId": "S0",
            "specReference": "/v2/pods/prod/shop::versions/2018-12-31T00:00:00.000Z",
            "networks": [{"name": "mesos-bridge", "addresses": ["172.16.0.2"]}],
            "containers": [
                {
                    "name": "web", "status": "TASK_RUNNING", "containerId": format!("{INSTANCE}.web.2"), "resources": {},
                    "conditions": [{"name": "healthy", "value": "true", "reason": "health-reported-by-mesos"}],
                    "endpoints": [
                        {"name": "admin", "allocatedHostPort": 31001, "healthy": true},
                        {"name": "http", "allocatedHostPort": 31000},
                        {"name": "inner"},
                    ],
                },
                {"name": "sidecar", "status": "TASK_KILLING", "containerId": null},
            ],
        }],
    })
}

#[test]
fn a_container_is_an_app_with_a_task_for_each_instance() {
    let pod = pod(shop());
    let [web, sidecar] = pod.containers.as_slice() else { panic!("{pod:?}") };
    assert_eq!((pod.id.as_str(), web.id.as_str()), ("/prod/shop", "/prod/shop"));
    assert_eq!(
        (web.config_version(), web.network_mode()),
        ("2019-01-01T00:00:00.000Z", NetworkMode::Bridge)
    );
    let env = [("SERVICE_NAME", "shop"), ("SERVICE_TAGS", "web")];
    assert_eq!(web.env, env.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    assert_eq!(web.labels["SERVICE_META_team"], "red");
    let mappings = web.port_mappings().unwrap().iter();
    let mappings: Vec<_> = mappings
        .map(|it| (it.name.as_deref().unwrap(), it.container_port, it.protocol.as_str()))
        .collect();
    assert_eq!(mappings, [("http", 80, "tcp"), ("admin", 82, "udp,tcp")]);
    assert_eq!(web.port_mappings().unwrap()[0].labels["SERVICE_IGNORE"], "no");
    let [check] = web.health_checks.as_slice() else { panic!("{web:?}") };
    assert_eq!((check.protocol.as_str(), check.port_index), ("MESOS_HTTP", Some(1)));
    let [task] = web.tasks.as_slice() else { panic!("{web:?}") };
    let want = Task {
        id: format!("{INSTANCE}.web.2").as_str().into(),
        host: "srv4".into(),
        ports: vec![31000, 31001],
        ip_addresses: vec![TaskIp { ip_address: "172.16.0.2".into() }],
        health_check_results: vec![HealthCheckResult { alive: true }],
        reported_state: Some(TaskState::Running),
        started_at: None,
        version: Some("2018-12-31T00:00:00.000Z".into()),
    };
    assert_eq!(*task, want);
    assert_eq!(sidecar.env["SERVICE_TAGS"], "pod");
    assert_eq!(sidecar.tasks[0].id, format!("{INSTANCE}.sidecar").as_str().into());
    assert_eq!((sidecar.tasks[0].state(), sidecar.tasks[0].ports.len()), (TaskState::Killing, 0));
}

#[test]
fn ports_of_the_other_networks() {
    let mut json = shop();
    json["spec"]["networks"] = json!([{"mode": "container", "name": "dcos"}]);
    let on_container = &pod(json.clone()).containers[0];
    let host_ports = on_container.port_mappings().unwrap().iter().map(|mapping| mapping.host_port);
    assert_eq!(host_ports.collect::<Vec<_>>(), [Some(0), None, Some(0)]);
    assert_eq!(on_container.tasks[0].ports, [31000, 31001]);
    json["spec"]["networks"] = json!(null);
    json["spec"]["containers"][0]["endpoints"] =
        json!([{"name": "admin", "hostPort": 0}, {"name": "http", "hostPort": 8080}]);
    let on_host = &pod(json).containers[0];
    assert_eq!((on_host.network_mode(), on_host.port_mappings()), (NetworkMode::Host, None));
    let ports = on_host.port_definitions.iter().map(|it| (it.port, it.name.as_deref().unwrap()));
    assert_eq!(ports.collect::<Vec<_>>(), [(0, "admin"), (8080, "http")]);
    assert_eq!(on_host.tasks[0].ports, [31001, 31000]);
}

#[test]
fn health_is_what_was_reported() {
    let healthy = |value, reason| json!([{"name": "healthy", "value": value, "reason": reason}]);
    let rows = [
        ("good", healthy("true", "health-reported-by-mesos"), json!(null), Some(true)),
        ("bad", healthy("false", "health-reported-by-mesos"), json!(null), Some(false)),
        ("not yet", healthy("false", UNREPORTED), json!([{"name": "a", "healthy": false}]), None),
        ("another condition", json!([{"name": "x", "value": "false"}]), json!(null), None),
        (
            "an endpoint is bad",
            json!(null),
            json!([{"name": "a", "healthy": true}, {"name": "b", "healthy": false}]),
            Some(false),
        ),
        (
            "an endpoint is good",
            json!(null),
            json!([{"name": "a"}, {"name": "b", "healthy": true}]),
            Some(true),
        ),
        ("nothing is known", json!(null), json!([{"name": "a"}]), None),
    ];
    for (name, conditions, endpoints, want) in rows {
        let json = json!({"name": "c", "conditions": conditions, "endpoints": endpoints});
        let status: ContainerStatus = serde_json::from_value(json).unwrap();
        assert_eq!(status.health(), want, "{name}");
    }
}

#[test]
fn checks_of_a_container_name_their_endpoint() {
    let endpoints: Vec<Endpoint> =
        serde_json::from_value(json!([{"name": "a"}, {"name": "b"}])).unwrap();
    let rows = [
        (json!({"http": {"endpoint": "b", "scheme": "HTTPS"}}), Some(("MESOS_HTTPS", Some(1)))),
        (json!({"tcp": {"endpoint": "a"}}), Some(("MESOS_TCP", Some(0)))),
        (json!({"exec": {"command": {"shell": "true"}}}), Some(("COMMAND", None))),
        (json!({"exec": {"command": {"argv": ["true"]}}}), Some(("COMMAND", None))),
        (json!({}), None),
    ];
    for (json, want) in rows {
        let check: Check = serde_json::from_value(json.clone()).unwrap();
        let found = check.of_app(&endpoints);
        let found = found.as_ref().map(|check| (check.protocol.as_str(), check.port_index));
        assert_eq!(found, want, "{json}");
    }
}

#[test]
fn a_pod_that_is_starting_has_no_tasks() {
    let mut json = shop();
    json["instances"] = json!([{"id": "x", "status": "PENDING", "containers": null}]);
    assert!(pod(json).containers.iter().all(|app| app.tasks.is_empty()));
    assert!(serde_json::from_value::<Pod>(json!({"id": "/a"})).is_err());
}
