use marathon::{Client, Config};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A path, and the status and body that are its answer.
type Row = (&'static str, u16, &'static str);

const POD: &str = r#"{"id":"/pod","spec":{"containers":[{"name":"c"}]},"instances":[
    {"id":"pod.instance-1","agentHostname":"10.0.0.1","containers":[{"name":"c","status":"TASK_RUNNING"}]}]}"#;

/// A Marathon that answers each path as the table says, and everything else with 404 in words of its own.
async fn serving(answers: &'static [Row]) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split([' ', '?']).nth(1).unwrap();
            let found = answers.iter().find(|(of, ..)| *of == path);
            let missing = (404, r#"{"message":"does not exist"}"#);
            let (status, body) = found.map_or(missing, |(_, status, body)| (*status, *body));
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Client::new(Config::new(address.parse().unwrap())).unwrap()
}

async fn read(client: Client, work: Work) -> Result<Fresh, marathon::Error> {
    marathon(client, work, View::default(), Arc::default()).await.outcome
}

const APPS: Row = ("/v2/apps", 200, r#"{"apps":[{"id":"/app"}]}"#);

#[tokio::test]
async fn pods_are_read_with_the_apps() {
    static ANSWERS: [Row; 2] = [
        APPS,
        (
            "/v2/pods/::status",
            200,
            r#"[{"id":"/pod","spec":{"containers":[{"name":"c"}]},"instances":[
            {"id":"pod.instance-1","agentHostname":"10.0.0.1","containers":[{"name":"c"}]}]},{"id":"/b","spec":7}]"#,
        ),
    ];
    let Ok(Fresh::All(view)) = read(serving(&ANSWERS).await, Work::All).await else { panic!() };
    let tasks: Vec<_> = view.tasks().map(|task| task.id.as_str()).collect();
    assert_eq!(tasks, ["pod.instance-1.c"]);
    assert_eq!(view.apps().map(|app| app.id.as_str()).collect::<Vec<_>>(), ["/app", "/pod"]);
    assert_eq!(view.unreadable().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["/b"]);
}

#[tokio::test]
async fn a_marathon_without_pods_has_none() {
    static ANSWERS: [Row; 2] = [APPS, ("/v2/pods/::status", 404, "<html>")];
    let Ok(Fresh::All(view)) = read(serving(&ANSWERS).await, Work::All).await else { panic!() };
    assert_eq!(view.apps().count(), 1);
}

#[tokio::test]
async fn a_read_without_its_pods_is_a_failed_one_and_removes_nothing() {
    static DOWN: [Row; 2] = [APPS, ("/v2/pods/::status", 503, "")];
    static NAMELESS: [Row; 2] = [APPS, ("/v2/pods/::status", 200, "[7]")];
    let err = read(serving(&DOWN).await, Work::All).await.unwrap_err();
    assert_eq!(err.status(), Some(503));
    let err = read(serving(&NAMELESS).await, Work::All).await.unwrap_err();
    assert!(matches!(err.kind, Kind::Decode(_)), "{err}");
}

#[tokio::test]
async fn an_id_that_is_no_app_s_may_be_a_pod_s() {
    static POD_IS_THERE: [Row; 1] = [("/v2/pods/pod::status", 200, POD)];
    static DOWN: [Row; 1] = [("/v2/pods/pod::status", 503, "")];
    let work = || Work::Apps(["/pod".into()].into());
    let read_one = read(serving(&POD_IS_THERE).await, work()).await;
    let Ok(Fresh::Apps(answers)) = read_one else { panic!() };
    let mut view = View::default();
    for answer in answers {
        view.update(answer);
    }
    assert_eq!(view.tasks_of(&"/pod".into()).count(), 1);
    let Ok(Fresh::Apps(gone)) = read(serving(&[]).await, work()).await else { panic!() };
    assert_eq!(gone, [AppAnswer::Gone("/pod".into())]);
    for answer in gone {
        view.update(answer);
    }
    assert!(view.is_empty());
    assert!(read(serving(&DOWN).await, work()).await.is_err());
}

#[test]
fn services_of_a_pod_are_made_as_those_of_an_app() {
    use crate::mirror::{Mirror, Rules};
    use crate::policy::Policy;
    use crate::service::Ownership;

    let container = |name: &str, port: u32| {
        json!({"name": name, "environment": {"SERVICE_TAGS": name}, "healthCheck": {"tcp": {"endpoint": name}},
            "endpoints": [{"name": name, "containerPort": port, "hostPort": 0, "protocol": ["tcp"]}]})
    };
    let status = |name: &str, port: u32, healthy: &str| {
        json!({"name": name, "status": "TASK_RUNNING", "containerId": format!("shop.instance-1.{name}.1"),
            "conditions": [{"name": "healthy", "value": healthy}],
            "endpoints": [{"name": name, "allocatedHostPort": port}]})
    };
    let mut api = container("api", 8083);
    api["environment"]["SERVICE_NAME"] = json!("shop-api");
    let pod = json!({"id": "/prod/shop", "spec": {
        "environment": {"SERVICE_8081_NAME": "shop-admin"}, "networks": [{"mode": "container/bridge"}],
        "containers": [container("web", 8080), container("admin", 8081), container("slow", 8082), {"name": "sidecar"}, api]},
        "instances": [{"id": "shop.instance-1", "agentHostname": "10.0.0.1", "containers": [
            status("web", 31000, "true"), status("admin", 31001, "true"), status("slow", 31002, "false"),
            {"name": "sidecar", "status": "TASK_RUNNING"}, status("api", 31003, "true")]}]});
    let pods =
        marathon::Apps { apps: vec![serde_json::from_value(pod).unwrap()], malformed: vec![] };
    let view = View::default().with_pods::<marathon::Pod>(pods);
    let ownership = Ownership { owner: "me".into(), adopt: false };
    let rules = Rules { ownership, policy: Policy::default(), guard: true };
    let now = Instant::now();
    let mut mirror = Mirror::new(rules, view, now);
    mirror.set_here("local", Here::new("10.0.0.1", "srv1", &[]));
    let step = mirror.step("local", &BTreeMap::new(), now);
    let app = "/prod/shop".into();
    let explained =
        crate::explain::explain(&mirror, &app, &step.skipped, &BTreeSet::new()).unwrap();
    insta::assert_snapshot!(explained, @r"
    /prod/shop
      shop.instance-1.web.1 on 10.0.0.1, Running: registered
        shop.instance-1.web.1:8080  shop-8080 at 10.0.0.1:31000 tagged web
      shop.instance-1.admin.1 on 10.0.0.1, Running: registered
        shop.instance-1.admin.1:8081  shop-admin at 10.0.0.1:31001 tagged admin
      shop.instance-1.slow.1 on 10.0.0.1, Running: not registered
        task is not healthy yet
      shop.instance-1.sidecar on 10.0.0.1, Running: not registered
        app has no ports
      shop.instance-1.api.1 on 10.0.0.1, Running: registered
        shop.instance-1.api.1:8083  shop-api at 10.0.0.1:31003 tagged api
    ");
    let malformed = vec![Malformed { id: Some("/prod/shop".into()), reason: "x".into() }];
    let pods = marathon::Apps { apps: Vec::new(), malformed };
    mirror.replace(View::default().with_pods::<marathon::Pod>(pods), now, now);
    let unreadable = mirror.step("local", &BTreeMap::new(), now);
    assert_eq!(unreadable.plan.register, step.plan.register);
}
