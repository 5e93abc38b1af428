//! The development Marathon's event stream, against the real program.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use integration::http;
    use integration::rig::eventually::eventually;
    use integration::rig::marathon::DevMarathon;
    use integration::rig::network::Network;
    use reqwest::Method;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_secs(30);

    async fn start(arguments: &[&str]) -> (Network, DevMarathon) {
        let network = Network::claim().unwrap();
        let marathon = DevMarathon::start(&network, arguments).await.unwrap();
        (network, marathon)
    }

    fn count<'a>(events: &'a [Value], key: &str) -> BTreeMap<&'a str, usize> {
        let mut counts = BTreeMap::new();
        for value in events.iter().filter_map(|event| event[key].as_str()) {
            *counts.entry(value).or_default() += 1;
        }
        counts
    }

    fn position(events: &[Value], key: &str, value: &str) -> usize {
        let found = events.iter().position(|event| event[key] == value);
        found.unwrap_or_else(|| panic!("no {key} {value} in {events:#?}"))
    }

    #[tokio::test]
    async fn wants_exactly_the_accept_header_of_a_stream() {
        let (_network, marathon) = start(&[]).await;
        for accept in ["*/*", "text/event-stream, */*", "application/json"] {
            let url = format!("{}/v2/events", marathon.url());
            let answer =
                http::client().unwrap().get(url).header("Accept", accept).send().await.unwrap();
            assert_eq!(answer.status(), 405, "{accept}");
            assert_eq!(answer.headers()["content-type"], "text/html;charset=utf-8");
        }
        let mut events = marathon.events("").await.unwrap();
        assert_eq!(events.headers()["content-type"], "text/event-stream;charset=utf-8");
        let first = events.next(SOON).await.unwrap().unwrap();
        assert_eq!(first["eventType"], "event_stream_attached");
        assert!(first["remoteAddress"].as_str().unwrap().starts_with("127."));
    }

    #[tokio::test]
    async fn an_idle_stream_says_that_it_is_alive() {
        let (network, _marathon) = start(&[]).await;
        let mut stream = TcpStream::connect((network.host(1), 8080)).await.unwrap();
        // HTTP/1.0 knows no chunks, so these are the very bytes of the stream.
        let request =
            b"GET /v2/events?event_type=none HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        let read = async {
            loop {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                match text.split_once("\r\n\r\n") {
                    Some((_, body)) if body.len() >= 2 => return body.to_owned(),
                    _ => assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "closed"),
                }
            }
        };
        assert_eq!(timeout(Duration::from_secs(15), read).await.unwrap(), "\r\n");
    }

    #[tokio::test]
    async fn tells_the_life_of_an_app() {
        let (_network, marathon) = start(&[]).await;
        let mut events = marathon.events("").await.unwrap();
        let app = json!({
            "id": "/web", "instances": 2, "container": {"docker": {"image": "test-server"}},
            "healthChecks": [{"path": "/healthcheck", "intervalSeconds": 1}],
        });
        marathon.post("/v2/apps", &app).await.unwrap();
        let seen = events.until(|e| e["eventType"] == "deployment_success").await.unwrap();
        let kinds = count(&seen, "eventType");
        let want = [
            ("add_health_check_event", 1),
            ("api_post_event", 1),
            ("deployment_info", 2),
            ("deployment_step_success", 2),
            ("deployment_success", 1),
            ("event_stream_attached", 1),
            ("group_change_success", 1),
            ("health_status_changed_event", 2),
            ("instance_changed_event", 6),
            ("instance_health_changed_event", 2),
            ("status_update_event", 4),
        ];
        assert_eq!(kinds, want.into());
        let healthy = position(&seen, "eventType", "health_status_changed_event");
        assert!(position(&seen, "taskStatus", "TASK_RUNNING") < healthy);
        assert!(healthy < seen.len() - 2, "then the step, then the deployment");
        let running = &seen[position(&seen, "taskStatus", "TASK_RUNNING")];
        let health = &seen[healthy];
        let instance = health["instanceId"].as_str().unwrap();
        assert!(instance.starts_with("web.instance-") && health["appId"] == "/web");
        assert_eq!(running["ipAddresses"][0]["ipAddress"], running["host"]);
        assert_eq!(running["ports"].as_array().unwrap().len(), 1);
        assert!(seen.iter().all(|e| e["timestamp"].as_str().is_some_and(|t| t.len() == 24)));
        let info = &seen[position(&seen, "eventType", "deployment_info")];
        let start = json!({"actions": [{"action": "StartApplication", "app": "/web"}]});
        assert_eq!((&info["currentStep"], &info["plan"]["steps"][0]), (&start, &start));
        assert!(info["plan"].get("original").is_none(), "1.11 sends light plans");

        marathon.delete("/v2/apps/web").await.unwrap();
        let seen = events.until(|e| e["eventType"] == "deployment_success").await.unwrap();
        let states = count(&seen, "taskStatus");
        assert_eq!(states, [("TASK_KILLED", 2), ("TASK_KILLING", 2)].into());
        let terminated = position(&seen, "eventType", "app_terminated_event");
        assert!(position(&seen, "taskStatus", "TASK_KILLED") < terminated);
    }

    #[tokio::test]
    async fn filters_by_type_and_tells_who_comes_and_goes() {
        let (_network, marathon) = start(&[]).await;
        let query = "?event_type=event_stream_detached&event_type=deployment_success";
        let mut some = marathon.events(query).await.unwrap();
        let other = marathon.events("").await.unwrap();
        drop(other);
        let first = some.next(SOON).await.unwrap().unwrap();
        assert_eq!(first["eventType"], "event_stream_detached");
        let app = json!({"id": "/web", "cmd": "exec sleep 600"});
        let made = marathon.post("/v2/apps", &app).await.unwrap();
        let next = some.next(SOON).await.unwrap().unwrap();
        assert_eq!(next["id"], made.body["deployments"][0]["id"]);
    }

    #[tokio::test]
    async fn events_can_be_lost_doubled_and_withheld() {
        let (_network, marathon) = start(&[]).await;
        let mut events = marathon.events("?event_type=status_update_event").await.unwrap();
        let order = json!({"freeze_streams": true});
        marathon.order(Method::POST, "/faults", Some(&order)).await.unwrap();
        let app = json!({"id": "/one", "cmd": "exec sleep 600"});
        marathon.post("/v2/apps", &app).await.unwrap();
        marathon.deployed().await;
        let order = json!({"freeze_streams": false, "duplicate_events": 1000});
        marathon.order(Method::POST, "/faults", Some(&order)).await.unwrap();
        let app = json!({"id": "/two", "cmd": "exec sleep 600"});
        marathon.post("/v2/apps", &app).await.unwrap();
        let seen = events.until(|e| e["taskStatus"] == "TASK_RUNNING").await.unwrap();
        assert_eq!(count(&seen, "appId"), [("/two", 3)].into(), "nothing of /one, /two doubled");
        let again = events.next(SOON).await.unwrap().unwrap();
        assert_eq!(&again, seen.last().unwrap());
    }

    #[tokio::test]
    async fn a_stream_that_is_not_read_slows_nobody_down() {
        let (network, marathon) = start(&[]).await;
        let mut stalled = TcpStream::connect((network.host(1), 8080)).await.unwrap();
        let request = b"GET /v2/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";
        stalled.write_all(request).await.unwrap();
        let mut detached = marathon.events("?event_type=event_stream_detached").await.unwrap();
        // Each change announces the whole definition, so a big one fills the socket's buffers soon.
        let filler = "x".repeat(50_000);
        let mut number = 0;
        eventually("the stalled stream to be given up", SOON * 2, async || {
            number += 1;
            let app = json!({"id": "/big", "cmd": "true", "instances": 0, "env": {"A": filler, "N": number.to_string()}});
            marathon.put("/v2/apps/big?force=true", &app).await.map_err(|err| err.to_string())?;
            match detached.next(Duration::from_millis(1)).await {
                Ok(Some(event)) => Ok(event),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
}
