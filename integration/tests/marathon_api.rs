//! The development Marathon's REST API, against the real program.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use integration::http;
    use integration::rig::eventually::eventually;
    use integration::rig::marathon::DevMarathon;
    use integration::rig::network::Network;
    use reqwest::Method;
    use serde_json::{Value, json};

    const SOON: Duration = Duration::from_secs(30);

    async fn start(arguments: &[&str]) -> (Network, DevMarathon) {
        let network = Network::claim().unwrap();
        let marathon = DevMarathon::start(&network, arguments).await.unwrap();
        (network, marathon)
    }

    fn sleeper(id: &str, instances: usize) -> Value {
        json!({"id": id, "cmd": "exec sleep 600", "instances": instances})
    }

    /// An app whose health checks are fast, so that deployments are.
    fn server(id: &str, instances: usize, min: f64, over: f64) -> Value {
        json!({
            "id": id, "instances": instances,
            "container": {"docker": {"image": "test-server:1"}},
            "networks": [{"mode": "container/bridge"}],
            "healthChecks": [{"path": "/healthcheck", "intervalSeconds": 1, "gracePeriodSeconds": 30}],
            "upgradeStrategy": {"minimumHealthCapacity": min, "maximumOverCapacity": over},
        })
    }

    #[tokio::test]
    async fn says_who_it_is() {
        let (network, marathon) = start(&[]).await;
        let ping = marathon.get("/ping").await.unwrap();
        assert_eq!((ping.status, ping.text.as_str()), (200, "pong"));
        let info = marathon.get("/v2/info").await.unwrap().body;
        let leader = format!("{}:8080", network.host(1));
        assert_eq!((&info["name"], &info["elected"]), (&json!("marathon"), &json!(true)));
        assert_eq!(info["leader"], leader);
        let answer = marathon.get("/v2/leader").await.unwrap();
        assert_eq!(answer.body, json!({"leader": leader}));
        assert_eq!(answer.headers["x-marathon-leader"], format!("http://{leader}"));
        assert_eq!(answer.headers["cache-control"], "no-cache, no-store, must-revalidate");
        assert!(marathon.get("/metrics").await.unwrap().body["gauges"].is_object());
        let unknown = marathon.get("/v2/nothing").await.unwrap();
        assert_eq!(unknown.status, 500);
        assert_eq!(unknown.body, json!({"message": "URI not found: /v2/nothing"}));
        let head = marathon.call(Method::HEAD, "/v2/apps", None).await.unwrap();
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        assert_eq!(marathon.call(Method::OPTIONS, "/v2/apps", None).await.unwrap().status, 405);
    }

    #[tokio::test]
    async fn refuses_in_marathons_words() {
        let (_network, marathon) = start(&[]).await;
        marathon.post("/v2/apps", &sleeper("/web", 1)).await.unwrap();
        let nothing = json!("App '/x' does not exist");
        let same = json!("An app with id [/web] already exists.");
        let bad = json!("Object is not valid");
        let rows = [
            ("POST", "/v2/apps", sleeper("web", 1), 409, &same),
            ("POST", "/v2/apps", json!({"id": "/x"}), 422, &bad),
            ("POST", "/v2/apps", json!({}), 422, &bad),
            ("POST", "/v2/apps", json!({"id": "/X", "cmd": "x"}), 422, &bad),
            ("POST", "/v2/apps", json!({"id": 1, "cmd": "x"}), 422, &json!("Invalid JSON")),
            ("GET", "/v2/apps/x", Value::Null, 404, &nothing),
            ("DELETE", "/v2/apps//x", Value::Null, 404, &nothing),
            ("PATCH", "/v2/apps/x", json!({"cmd": "x"}), 404, &nothing),
            ("POST", "/v2/apps/x/restart", Value::Null, 404, &nothing),
            ("GET", "/v2/apps/x/tasks", Value::Null, 404, &nothing),
            ("GET", "/v2/groups/x", Value::Null, 404, &json!("Group '/x' does not exist")),
            (
                "DELETE",
                "/v2/apps/web/tasks/t.1",
                Value::Null,
                404,
                &json!("Task 't.1' does not exist"),
            ),
            (
                "DELETE",
                "/v2/deployments/d",
                Value::Null,
                404,
                &json!("DeploymentPlan d does not exist"),
            ),
            ("POST", "/v2/tasks/delete", json!({"ids": ["x"]}), 400, &Value::Null),
            (
                "DELETE",
                "/v2/apps/web/tasks?scale=True&wipe=true",
                Value::Null,
                400,
                &json!("You cannot use scale and wipe at the same time."),
            ),
            (
                "PUT",
                "/v2/apps/web",
                json!({"version": "2020-01-01T00:00:00.000Z"}),
                404,
                &Value::Null,
            ),
            ("PUT", "/v2/apps/web", json!({"instances": -1}), 422, &bad),
        ];
        for (method, path, body, status, message) in rows {
            let body = (!body.is_null()).then_some(&body);
            let method: Method = method.parse().unwrap();
            let answer = marathon.call(method.clone(), path, body).await.unwrap();
            assert_eq!(answer.status, status, "{method} {path} {body:?}: {}", answer.text);
            assert_eq!(answer.headers["content-type"], "application/json");
            if !message.is_null() {
                assert_eq!(&answer.body["message"], message, "{method} {path}");
            }
        }
    }

    #[tokio::test]
    async fn refuses_what_is_not_json() {
        let (_network, marathon) = start(&[]).await;
        let broken = http::client().unwrap().post(format!("{}/v2/apps", marathon.url())).body("{");
        let broken = broken.send().await.unwrap();
        assert_eq!(broken.status(), 400);
        let broken: Value = serde_json::from_str(&broken.text().await.unwrap()).unwrap();
        assert_eq!(broken["message"], "Invalid JSON");
    }

    #[tokio::test]
    async fn creates_and_lists_apps() {
        let (_network, marathon) = start(&[]).await;
        let mut events = marathon.events("?event_type=deployment_success").await.unwrap();
        let mut body = server("app/production/web", 2, 1.0, 1.0);
        body["labels"] = json!({"team": "a"});
        let made = marathon.post("/v2/apps?force=False&unknown=1", &body).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.headers["location"], format!("{}/app/production/web", marathon.url()));
        let deployment = made.headers["marathon-deployment-id"].to_str().unwrap();
        assert_eq!(made.body["deployments"], json!([{"id": deployment}]));
        assert_eq!(
            (&made.body["id"], &made.body["tasksRunning"]),
            (&json!("/app/production/web"), &json!(0))
        );
        let running = marathon.get("/v2/deployments").await.unwrap().body;
        assert_eq!(running[0]["id"], deployment, "health checks take a second");
        assert_eq!(running[0]["affectedApps"], json!(["/app/production/web"]));
        assert_eq!((&running[0]["currentStep"], &running[0]["totalSteps"]), (&json!(2), &json!(2)));
        let seen = events.until(|e| e["id"] == deployment).await.unwrap();
        assert_eq!(seen.len(), 1);
        assert_eq!(marathon.get("/v2/deployments").await.unwrap().body, json!([]));
        marathon.post("/v2/apps", &sleeper("/other", 0)).await.unwrap();

        for path in ["/v2/apps/app/production/web", "/v2/apps//app/production/web"] {
            let app = &marathon.get(path).await.unwrap().body["app"];
            assert_eq!((&app["tasksRunning"], &app["tasksHealthy"]), (&json!(2), &json!(2)));
            assert_eq!(app["tasks"].as_array().unwrap().len(), 2);
            assert!(app["tasks"][0]["servicePorts"].is_null());
            assert_eq!(app["tasks"][0]["healthCheckResults"][0]["alive"], true);
        }
        let rows = [
            ("", 2, false),
            ("?embed=apps.tasks", 2, true),
            ("?embed=app.tasks&embed=apps.counts", 2, true),
            ("?embed=tasks&id=PRODUCTION", 1, true),
            ("?cmd=SLEEP", 1, false),
            ("?label=team==a", 1, false),
            ("?label=team!=a", 0, false),
        ];
        for (query, count, has_tasks) in rows {
            let apps =
                marathon.get(&format!("/v2/apps{query}")).await.unwrap().body["apps"].clone();
            let apps = apps.as_array().unwrap();
            assert_eq!(apps.len(), count, "{query}");
            assert!(apps.iter().all(|app| app.get("tasks").is_some() == has_tasks), "{query}");
        }
        let tasks = marathon.get("/v2/tasks?status=running").await.unwrap().body["tasks"].clone();
        let port = tasks[0]["servicePorts"][0].as_u64().unwrap();
        assert!((10_000..=20_000).contains(&port) && tasks[0]["state"] == "TASK_RUNNING");
        let hosts: BTreeSet<&str> =
            tasks.as_array().unwrap().iter().map(|t| t["host"].as_str().unwrap()).collect();
        assert_eq!(hosts.len(), 2, "tasks are spread over the agents");
        let group = marathon.get("/v2/groups/app").await.unwrap().body;
        assert_eq!(group["groups"][0]["apps"][0]["id"], "/app/production/web");
        let star = marathon.get("/v2/apps/app/*").await.unwrap().body;
        assert_eq!(star["*"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn scales_restarts_rolls_back_and_deletes() {
        let (_network, marathon) = start(&[]).await;
        marathon.post("/v2/apps", &sleeper("/web", 2)).await.unwrap();
        marathon.deployed().await;
        let ids = async || -> BTreeSet<String> {
            marathon.task_ids("web").await.unwrap().into_iter().collect()
        };
        let app = async || marathon.get("/v2/apps/web").await.unwrap().body["app"].clone();
        let (first, first_ids) = (app().await, ids().await);

        marathon.put("/v2/apps//web", &sleeper("ignored", 2)).await.unwrap();
        marathon.deployed().await;
        assert_eq!(
            (app().await["version"].clone(), ids().await),
            (first["version"].clone(), first_ids.clone())
        );

        let answer = marathon.put("/v2/apps/web", &json!({"instances": 3})).await.unwrap();
        assert_eq!(answer.status, 200);
        marathon.deployed().await;
        let scaled = app().await;
        assert_eq!(scaled["version"], answer.body["version"]);
        assert_eq!(scaled["versionInfo"]["lastConfigChangeAt"], first["version"]);
        assert!(ids().await.is_superset(&first_ids) && ids().await.len() == 3);

        marathon.put("/v2/apps/web", &json!({"env": {"A": "1"}})).await.unwrap();
        marathon.deployed().await;
        assert!(ids().await.is_disjoint(&first_ids), "a new configuration replaces all tasks");

        let before = ids().await;
        let restart = marathon.call(Method::POST, "/v2/apps/web/restart", None).await.unwrap();
        assert_eq!(restart.status, 200);
        marathon.deployed().await;
        assert!(ids().await.is_disjoint(&before) && ids().await.len() == 3);

        let versions =
            marathon.get("/v2/apps/web/versions").await.unwrap().body["versions"].clone();
        assert_eq!(versions.as_array().unwrap().len(), 4);
        let version = first["version"].as_str().unwrap();
        let old = marathon.get(&format!("/v2/apps/web/versions/{version}")).await.unwrap().body;
        assert_eq!((&old["instances"], &old["id"]), (&json!(2), &json!("/web")));
        marathon.put("/v2/apps/web", &json!({"version": version})).await.unwrap();
        marathon.deployed().await;
        let back = app().await;
        assert_eq!((&back["instances"], back.get("env")), (&json!(2), None));

        let mut events = marathon.events("?event_type=app_terminated_event").await.unwrap();
        assert_eq!(marathon.delete("/v2/apps/web").await.unwrap().status, 200);
        events.until(|e| e["appId"] == "/web").await.unwrap();
        assert_eq!(marathon.get("/v2/apps/web").await.unwrap().status, 404);
        assert_eq!(marathon.get("/v2/tasks").await.unwrap().body, json!({"tasks": []}));
    }

    #[tokio::test]
    async fn a_deployment_locks_its_app_until_forced_or_cancelled() {
        let (_network, marathon) = start(&[]).await;
        let good = server("/web", 2, 1.0, 1.0);
        marathon.post("/v2/apps", &good).await.unwrap();
        marathon.deployed().await;
        let old = marathon.task_ids("web").await.unwrap();
        let mut events = marathon.events("?event_type=deployment_failed").await.unwrap();

        // It never listens, so it never gets healthy.
        let bad = json!({"cmd": "exec sleep 600"});
        let stuck = marathon.put("/v2/apps/web", &bad).await.unwrap().body["deploymentId"].clone();
        let locked = marathon.put("/v2/apps/web", &json!({"instances": 1})).await.unwrap();
        assert_eq!(locked.status, 409);
        assert_eq!(locked.body["deployments"], json!([{"id": stuck}]));
        let restart = marathon.call(Method::POST, "/v2/apps/web/restart", None).await.unwrap();
        assert_eq!(restart.status, 409);

        let path = format!("/v2/deployments/{}", stuck.as_str().unwrap());
        let reverted = marathon.delete(&path).await.unwrap();
        assert_eq!(reverted.status, 200);
        assert_ne!(reverted.body["deploymentId"], stuck);
        events.until(|e| e["id"] == stuck).await.unwrap();
        marathon.deployed().await;
        let app = marathon.get("/v2/apps/web").await.unwrap().body["app"].clone();
        assert!(app.get("cmd").is_none() && app["tasksHealthy"] == 2);
        let now: BTreeSet<String> = marathon.task_ids("web").await.unwrap().into_iter().collect();
        assert_eq!(now, old.into_iter().collect(), "the old tasks were never touched");

        let stuck = marathon.put("/v2/apps/web", &bad).await.unwrap().body["deploymentId"].clone();
        let forced =
            marathon.put("/v2/apps/web?force=true&partialUpdate=false", &good).await.unwrap();
        assert_eq!(forced.status, 200);
        events.until(|e| e["id"] == stuck).await.unwrap();
        marathon.deployed().await;

        let stuck = marathon.put("/v2/apps/web", &bad).await.unwrap().body["deploymentId"].clone();
        let path = format!("/v2/deployments/{}?force=true", stuck.as_str().unwrap());
        let stopped = marathon.delete(&path).await.unwrap();
        assert_eq!((stopped.status, stopped.text.as_str()), (202, ""));
        assert_eq!(marathon.delete("/v2/apps/web").await.unwrap().status, 200);
        marathon.deployed().await;
    }

    #[tokio::test]
    async fn kills_tasks_with_and_without_scaling() {
        let (_network, marathon) = start(&[]).await;
        marathon.post("/v2/apps", &sleeper("/web", 3)).await.unwrap();
        marathon.deployed().await;
        let ids = marathon.task_ids("web").await.unwrap();
        let killed = marathon.delete(&format!("/v2/apps/web/tasks/{}", ids[0])).await.unwrap();
        assert_eq!(killed.body["task"]["id"], ids[0]);
        eventually("the replacement", SOON, async || {
            let now = marathon.task_ids("web").await.unwrap();
            let fine = now.len() == 3 && !now.contains(&ids[0]);
            if fine { Ok(()) } else { Err(format!("{now:?}")) }
        })
        .await;
        let body = json!({"ids": [ids[1]]});
        let scaled = marathon.post("/v2/tasks/delete?scale=true", &body).await.unwrap();
        assert!(scaled.body["deploymentId"].is_string(), "{}", scaled.text);
        marathon.deployed().await;
        let app = marathon.get("/v2/apps/web").await.unwrap().body["app"].clone();
        assert_eq!((&app["instances"], &app["tasksRunning"]), (&json!(2), &json!(2)));
        let gone = marathon.delete("/v2/apps/web/tasks?scale=true").await.unwrap();
        assert!(gone.body["version"].is_string());
        marathon.deployed().await;
        assert!(marathon.task_ids("web").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_crashing_app_waits_in_the_queue() {
        let (_network, marathon) = start(&[]).await;
        let body = json!({"id": "/crash", "cmd": "exit 3", "backoffSeconds": 300});
        marathon.post("/v2/apps", &body).await.unwrap();
        let entry = eventually("the delay", SOON, async || {
            let queue = marathon.get("/v2/queue").await.unwrap().body["queue"].clone();
            queue.get(0).cloned().ok_or_else(|| queue.to_string())
        })
        .await;
        assert_eq!((&entry["app"]["id"], &entry["count"]), (&json!("/crash"), &json!(1)));
        assert_eq!(entry["delay"]["overdue"], false);
        assert!(entry["delay"]["timeLeftSeconds"].as_f64().unwrap() > 200.0);
        let app = marathon.get("/v2/apps/crash").await.unwrap().body["app"].clone();
        let failure = &app["lastTaskFailure"];
        assert_eq!(failure["message"], "Command exited with status 3");
        assert_eq!(failure["state"], "TASK_FAILED");
        let mut events = marathon.events("?event_type=status_update_event").await.unwrap();
        assert_eq!(marathon.delete("/v2/queue/crash/delay").await.unwrap().status, 204);
        events.until(|e| e["taskStatus"] == "TASK_FAILED").await.unwrap();
        marathon.post("/v2/apps", &sleeper("/fine", 1)).await.unwrap();
        assert_eq!(marathon.delete("/v2/queue/fine/delay").await.unwrap().status, 404);

        let image = json!({"id": "/none", "container": {"docker": {"image": "no/such:1"}}});
        marathon.post("/v2/apps", &image).await.unwrap();
        let failed = events.until(|e| e["appId"] == "/none" && e["taskStatus"] == "TASK_FAILED");
        let message = failed.await.unwrap().pop().unwrap()["message"].clone();
        assert!(message.as_str().unwrap().starts_with("image no/such:1 is unknown"), "{message}");
    }

    #[tokio::test]
    async fn a_rolling_update_keeps_capacity_as_seen_from_outside() {
        let (_network, marathon) = start(&[]).await;
        marathon.post("/v2/apps", &server("/web", 4, 0.5, 0.5)).await.unwrap();
        marathon.deployed().await;
        let old = marathon.task_ids("web").await.unwrap();
        let restart = marathon.call(Method::POST, "/v2/apps/web/restart", None).await.unwrap();
        assert_eq!(restart.status, 200);
        let mut samples = 0;
        eventually("the end of the restart", SOON, async || {
            let app = marathon.get("/v2/apps/web").await.unwrap().body["app"].clone();
            let (healthy, total) =
                (app["tasksHealthy"].as_u64(), app["tasks"].as_array().unwrap().len());
            assert!(healthy >= Some(2) && total <= 6, "{healthy:?} healthy of {total}");
            samples += 1;
            if app["deployments"] == json!([]) { Ok(()) } else { Err(app.to_string()) }
        })
        .await;
        assert!(samples > 10, "only {samples} samples");
        let new = marathon.task_ids("web").await.unwrap();
        assert!(new.len() == 4 && old.iter().all(|id| !new.contains(id)));
    }

    #[tokio::test]
    async fn asks_for_credentials_everywhere() {
        let (_network, marathon) = start(&["--credentials", "me:secret"]).await;
        for path in ["/ping", "/v2/apps", "/v2/events"] {
            let answer = marathon.get(path).await.unwrap();
            assert_eq!(answer.status, 401, "{path}");
            assert_eq!(answer.headers["www-authenticate"], "basic realm=\"Mesosphere\"");
        }
        let url = marathon.url().replace("http://", "http://me:secret@");
        assert_eq!(http::get(&format!("{url}/v2/apps")).await.unwrap().status(), 200);
        let url = marathon.url().replace("http://", "http://me:wrong@");
        assert_eq!(http::get(&format!("{url}/v2/apps")).await.unwrap().status(), 401);
    }

    #[tokio::test]
    async fn commits_the_faults_it_is_told_to() {
        let (_network, marathon) = start(&[]).await;
        marathon.post("/v2/apps", &sleeper("/web", 1)).await.unwrap();
        marathon.deployed().await;
        let answers = async |kind: &str| {
            let order = json!({"answers": kind});
            marathon.order(Method::POST, "/faults", Some(&order)).await.unwrap();
            marathon.get("/v2/apps?embed=apps.tasks").await.unwrap()
        };
        assert_eq!(answers("empty").await.body, json!({"apps": []}));
        let cut = answers("truncated").await;
        assert!(cut.status == 200 && cut.body.is_null() && cut.text.starts_with("{\"apps\":["));
        assert_eq!(answers("unavailable").await.status, 503);
        let moved = answers("redirect-loop").await;
        assert_eq!(
            (moved.status, &moved.headers["location"]),
            (302, &"/v2/apps?embed=apps.tasks".parse().unwrap())
        );
        marathon.order(Method::DELETE, "/faults", None).await.unwrap();
        assert_eq!(answers("normal").await.body["apps"].as_array().unwrap().len(), 1);

        let mut events = marathon.events("").await.unwrap();
        let leader = json!({"leader": "127.9.9.9:8080"});
        marathon.order(Method::POST, "/leader", Some(&leader)).await.unwrap();
        while events.next(SOON).await.unwrap().is_some() {}
        assert_eq!(marathon.get("/v2/leader").await.unwrap().body, leader);

        let id = marathon.task_ids("web").await.unwrap().pop().unwrap();
        let mut events = marathon.events("?event_type=status_update_event").await.unwrap();
        let kill = format!("/tasks/{id}/kill");
        marathon.order(Method::POST, &kill, None).await.unwrap();
        let seen = events.until(|e| e["taskId"] == id.as_str()).await.unwrap();
        let failed = seen.last().unwrap();
        assert_eq!(failed["taskStatus"], "TASK_FAILED");
        assert_eq!(failed["message"], "Command terminated with signal Killed");
        marathon.order(Method::POST, "/streams/drop", None).await.unwrap();
        while events.next(SOON).await.unwrap().is_some() {}
    }

    #[tokio::test]
    async fn speaks_the_old_formats() {
        let rows = [("0.13", false, "taskId"), ("1.4", true, "instanceId")];
        for (compat, is_newer, subject) in rows {
            let (_network, marathon) = start(&["--compat", compat]).await;
            let mut events = marathon.events("").await.unwrap();
            let mut body = server("/web", 1, 1.0, 1.0);
            body["container"]["docker"]["network"] = json!("BRIDGE");
            body["container"]["docker"]["portMappings"] =
                json!([{"containerPort": 3000, "hostPort": 0}]);
            let made = marathon.post("/v2/apps", &body).await.unwrap().body;
            assert_eq!(made["container"]["docker"]["network"], "BRIDGE");
            assert_eq!(made["container"]["docker"]["portMappings"][0]["containerPort"], 3000);
            assert!(made["ports"][0].as_u64() >= Some(10_000) && made["args"].is_null());
            assert_eq!(made.get("tasks").is_some(), !is_newer);
            assert_eq!(made.get("killSelection").is_some(), is_newer);
            let seen = events.until(|e| e["eventType"] == "deployment_success").await.unwrap();
            let find = |kind: &str| seen.iter().find(|e| e["eventType"] == kind);
            assert!(find("health_status_changed_event").unwrap()[subject].is_string());
            assert_eq!(find("instance_changed_event").is_some(), is_newer);
            assert!(find("deployment_info").unwrap()["plan"]["original"].is_object());
            let tasks = marathon.get("/v2/tasks").await.unwrap().body["tasks"].clone();
            assert_eq!(tasks[0].get("state").is_some(), is_newer);
            assert!(!tasks[0]["id"].as_str().unwrap().contains("instance-"));
            assert_eq!(marathon.get("/v2/nothing").await.unwrap().status, 404);
        }
    }
}
