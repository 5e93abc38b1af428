//! The development Marathon's tasks, which are real processes.

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;
    use std::time::{Duration, Instant};

    use integration::http;
    use integration::rig::eventually::{eventually, eventually_true};
    use integration::rig::marathon::DevMarathon;
    use integration::rig::network::Network;
    use rustix::process::Signal;
    use serde_json::{Value, json};

    const SOON: Duration = Duration::from_secs(30);

    async fn start(arguments: &[&str]) -> (Network, DevMarathon) {
        let network = Network::claim().unwrap();
        let marathon = DevMarathon::start(&network, arguments).await.unwrap();
        (network, marathon)
    }

    async fn tasks(marathon: &DevMarathon) -> Vec<Value> {
        let answer = marathon.get("/v2/tasks").await.unwrap();
        answer.body["tasks"].as_array().unwrap().clone()
    }

    async fn ask(task: &Value, path: &str) -> Result<Value, String> {
        let url = format!("http://{}:{}{path}", task["host"].as_str().unwrap(), task["ports"][0]);
        let request = http::client().unwrap().get(url).header("Accept", "application/json");
        let answer = request.send().await.map_err(|err| err.to_string())?;
        let text = answer.text().await.map_err(|err| err.to_string())?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The text of a file that a task writes, once its last line is complete.
    async fn written(dir: &tempfile::TempDir, name: &str) -> String {
        let path = dir.path().join(name);
        eventually(name, SOON, async || match std::fs::read_to_string(&path) {
            Ok(text) if text.ends_with('\n') => Ok(text),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    fn is_alive(pid: &str) -> bool {
        let status = std::fs::read_to_string(Path::new("/proc").join(pid.trim()).join("status"));
        status.is_ok_and(|status| !status.contains("State:\tZ"))
    }

    #[tokio::test]
    async fn a_task_gets_marathons_environment_and_no_other() {
        let (_network, marathon) = start(&[]).await;
        let app = json!({
            "id": "/app/web", "args": ["ignored"], "env": {"GREETING": "hello", "PORT_80": "mine"},
            "labels": {"my.label": "x"}, "cpus": 0.5, "mem": 32,
            "container": {"docker": {"image": "test-server:2"}, "portMappings": [
                {"containerPort": 3000, "hostPort": 0, "name": "http"},
                {"containerPort": 80, "hostPort": 0},
            ]},
            "networks": [{"mode": "container/bridge"}],
        });
        marathon.post("/v2/apps", &app).await.unwrap();
        marathon.deployed().await;
        let task = tasks(&marathon).await.remove(0);
        let shown = eventually("the server", SOON, async || ask(&task, "/").await).await;
        let mut env: BTreeMap<String, String> =
            serde_json::from_value(shown["env"].clone()).unwrap();
        let ports: Vec<String> =
            task["ports"].as_array().unwrap().iter().map(ToString::to_string).collect();
        let id = task["id"].as_str().unwrap();
        let want = [
            ("GREETING", "hello"),
            ("HOST", task["host"].as_str().unwrap()),
            ("MARATHON_APP_DOCKER_IMAGE", "test-server:2"),
            ("MARATHON_APP_ID", "/app/web"),
            ("MARATHON_APP_LABELS", "MY_LABEL"),
            ("MARATHON_APP_LABEL_MY_LABEL", "x"),
            ("MARATHON_APP_RESOURCE_CPUS", "0.5"),
            ("MARATHON_APP_RESOURCE_DISK", "0.0"),
            ("MARATHON_APP_RESOURCE_GPUS", "0"),
            ("MARATHON_APP_RESOURCE_MEM", "32.0"),
            ("MARATHON_APP_VERSION", task["version"].as_str().unwrap()),
            ("MESOS_TASK_ID", id),
            ("PORT", &ports[0]),
            ("PORT0", &ports[0]),
            ("PORT1", &ports[1]),
            ("PORTS", &ports.join(",")),
            ("PORT_3000", &ports[0]),
            ("PORT_80", "mine"),
            ("PORT_HTTP", &ports[0]),
        ];
        let sandbox = env.remove("MESOS_SANDBOX").unwrap();
        assert!(sandbox.ends_with(id) && Path::new(&sandbox).join("stdout").is_file());
        env.remove("PATH").unwrap();
        let got: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(got, want);
    }

    #[tokio::test]
    async fn commands_go_through_the_shell_and_args_do_not() {
        let (_network, marathon) = start(&[]).await;
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().display();
        let shell = json!({"id": "/shell", "cmd": format!("echo $PORT0 $(pwd) > {out}/shell; exec sleep 600")});
        let args = json!({"id": "/args", "args": ["/bin/sh", "-c", format!("echo \"$0\" > {out}/args"), "$PORT0 *"]});
        let mut events = marathon.events("?event_type=status_update_event").await.unwrap();
        for app in [&shell, &args] {
            assert_eq!(marathon.post("/v2/apps", app).await.unwrap().status, 201);
        }
        let text = written(&dir, "shell").await;
        let (port, folder) = text.trim().split_once(' ').unwrap();
        assert!((31_000..=32_000).contains(&port.parse::<u16>().unwrap()));
        assert!(folder.contains("/shell.instance-"), "{folder}");
        assert_eq!(written(&dir, "args").await, "$PORT0 *\n");
        let ended = events.until(|e| e["taskStatus"] == "TASK_FINISHED").await.unwrap();
        assert_eq!(ended.last().unwrap()["message"], "Command exited with status 0");
    }

    #[tokio::test]
    async fn a_task_has_its_grace_period_and_leaves_nothing_behind() {
        let (_network, marathon) = start(&[]).await;
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().display();
        let stubborn = json!({
            "id": "/stubborn", "taskKillGracePeriodSeconds": 1,
            "cmd": format!("trap '' TERM; echo > {out}/stubborn; while :; do sleep 0.1; done"),
        });
        let parent =
            json!({"id": "/parent", "cmd": format!("sleep 600 & echo $! > {out}/child; wait")});
        let polite = json!({
            "id": "/polite",
            "cmd": format!("trap 'exit 0' TERM; echo > {out}/polite; while :; do sleep 0.1; done"),
        });
        for app in [&stubborn, &parent, &polite] {
            marathon.post("/v2/apps", app).await.unwrap();
        }
        marathon.deployed().await;
        // A task counts as running before its shell has come to the trap.
        for name in ["stubborn", "polite"] {
            written(&dir, name).await;
        }
        let child = written(&dir, "child").await;
        assert!(is_alive(&child));
        let mut events = marathon.events("?event_type=status_update_event").await.unwrap();
        let begin = Instant::now();
        for (app, message) in [
            ("/polite", "Command exited with status 0"),
            ("/stubborn", "Command terminated with signal Killed"),
            ("/parent", "Command terminated with signal Terminated"),
        ] {
            marathon.delete(&format!("/v2/apps{app}")).await.unwrap();
            let is_end = |e: &Value| e["appId"] == app && e["taskStatus"] == "TASK_KILLED";
            let seen = events.until(is_end).await.unwrap();
            assert_eq!(seen.last().unwrap()["message"], message, "{app}");
        }
        assert!(begin.elapsed() >= Duration::from_secs(1), "SIGKILL came too early");
        eventually_true("the grandchild to end", SOON, async || !is_alive(&child)).await;
    }

    #[tokio::test]
    async fn ports_are_given_out_once() {
        let (network, marathon) = start(&[]).await;
        let app = |id: &str| {
            json!({
                "id": id, "cmd": "exec sleep 600", "requirePorts": true, "instances": 1,
                "portDefinitions": [{"port": 31_500}], "constraints": [["hostname", "LIKE", ".*\\.11"]],
            })
        };
        marathon.post("/v2/apps", &app("/one")).await.unwrap();
        marathon.deployed().await;
        let task = tasks(&marathon).await.remove(0);
        assert_eq!(
            (&task["ports"], &task["host"]),
            (&json!([31_500]), &json!(network.host(11).to_string()))
        );
        marathon.post("/v2/apps", &app("/two")).await.unwrap();
        let queue = marathon.get("/v2/queue").await.unwrap().body["queue"].clone();
        assert_eq!(
            (&queue[0]["app"]["id"], &queue[0]["delay"]["overdue"]),
            (&json!("/two"), &json!(true))
        );
        marathon.delete("/v2/apps/one").await.unwrap();
        marathon.deployed().await;
        assert_eq!(tasks(&marathon).await[0]["ports"], json!([31_500]));

        let many = json!({"id": "/many", "cmd": "exec sleep 600", "instances": 8, "ports": [0, 0]});
        marathon.post("/v2/apps", &many).await.unwrap();
        marathon.deployed().await;
        let tasks = tasks(&marathon).await;
        let ports: BTreeSet<(String, u64)> = tasks
            .iter()
            .flat_map(|task| {
                let ports = task["ports"].as_array().unwrap().iter();
                ports.map(|port| (task["host"].to_string(), port.as_u64().unwrap()))
            })
            .collect();
        assert_eq!(ports.len(), 17, "{ports:?}");
    }

    #[tokio::test]
    async fn a_unique_host_is_waited_for() {
        let (_network, marathon) = start(&[]).await;
        let app = json!({
            "id": "/web", "cmd": "exec sleep 600", "instances": 3,
            "constraints": [["hostname", "UNIQUE"]],
        });
        marathon.post("/v2/apps", &app).await.unwrap();
        let queue = marathon.get("/v2/queue").await.unwrap().body["queue"].clone();
        assert_eq!(queue[0]["count"], 1, "two agents, three instances");
        let hosts: BTreeSet<String> =
            tasks(&marathon).await.iter().map(|task| task["host"].to_string()).collect();
        assert_eq!(hosts.len(), 2);
    }

    #[tokio::test]
    async fn an_unhealthy_task_is_replaced() {
        let (_network, marathon) = start(&[]).await;
        let app = json!({
            "id": "/web", "container": {"docker": {"image": "test-server"}},
            "healthChecks": [
                {"path": "/healthcheck", "intervalSeconds": 1, "maxConsecutiveFailures": 1},
                {"protocol": "COMMAND", "command": {"value": "test -n \"$PORT0\""}, "intervalSeconds": 1},
                {"protocol": "TCP", "intervalSeconds": 1},
            ],
        });
        let mut events = marathon.events("").await.unwrap();
        marathon.post("/v2/apps", &app).await.unwrap();
        marathon.deployed().await;
        let old = tasks(&marathon).await.remove(0);
        assert_eq!(old["healthCheckResults"].as_array().unwrap().len(), 3);
        ask(&old, "/fail").await.unwrap();
        let seen =
            events.until(|e| e["eventType"] == "unhealthy_instance_kill_event").await.unwrap();
        let kill = seen.last().unwrap();
        assert_eq!((&kill["taskId"], &kill["reason"]), (&old["id"], &json!("HTTP status 503")));
        let failures = seen.iter().filter(|e| e["eventType"] == "failed_health_check_event");
        assert_eq!(failures.count(), 2, "the one that is allowed and the one too many");
        assert!(
            seen.iter()
                .any(|e| e["eventType"] == "health_status_changed_event" && e["alive"] == false)
        );
        eventually("a healthy replacement", SOON, async || {
            let app = marathon.get("/v2/apps/web").await.unwrap().body["app"].clone();
            let id = app["tasks"][0]["id"].clone();
            if app["tasksHealthy"] == 1 && id != old["id"] { Ok(()) } else { Err(app.to_string()) }
        })
        .await;
    }

    #[tokio::test]
    async fn nothing_outlives_dev_marathon() {
        for signal in [Signal::TERM, Signal::KILL] {
            let (_network, marathon) = start(&[]).await;
            let dir = tempfile::tempdir().unwrap();
            let cmd = format!("echo $$ > {}/pid; exec sleep 600", dir.path().display());
            marathon.post("/v2/apps", &json!({"id": "/web", "cmd": cmd})).await.unwrap();
            let pid = written(&dir, "pid").await;
            assert!(is_alive(&pid));
            marathon.process.signal(signal);
            let status = marathon.process.wait(SOON).expect("an end");
            assert_eq!(status.success(), signal == Signal::TERM, "{status}");
            eventually_true("the task to end", SOON, async || !is_alive(&pid)).await;
        }
    }

    #[tokio::test]
    async fn test_server_drains_without_cutting_a_request() {
        let (_network, marathon) = start(&[]).await;
        let app = json!({
            "id": "/web", "container": {"docker": {"image": "test-server"}},
            "healthChecks": [{"path": "/healthcheck", "intervalSeconds": 1}],
        });
        marathon.post("/v2/apps", &app).await.unwrap();
        marathon.deployed().await;
        let task = tasks(&marathon).await.remove(0);
        let slow = tokio::spawn({
            let task = task.clone();
            async move { ask(&task, "/slow?ms=1500").await }
        });
        let mut events = marathon.events("?event_type=status_update_event").await.unwrap();
        eventually_true("the slow request to be under way", SOON, async || {
            ask(&task, "/env/PORT0").await.is_ok()
        })
        .await;
        marathon.delete("/v2/apps/web").await.unwrap();
        eventually("the health check to turn away", SOON, async || {
            match ask(&task, "/healthcheck").await {
                Ok(text) if text == "draining\n" => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert_eq!(slow.await.unwrap().unwrap(), "answered after 1500 ms\n");
        let seen = events.until(|e| e["taskStatus"] == "TASK_KILLED").await.unwrap();
        assert_eq!(seen.last().unwrap()["message"], "Command exited with status 0");
    }
}
