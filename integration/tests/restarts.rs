//! Twenty instances under svc-wrapper: a change of their configuration is one rolling restart, whatever fails around it,
//! and no request is lost.

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use consul::Query;
    use consul::kv::Condition;
    use consul::session::{Behavior, Session};
    use integration::http;
    use integration::rig::app::App;
    use integration::rig::eventually::eventually;
    use integration::rig::load::Load;
    use integration::rig::platform::{Options, Platform};
    use reqwest::{Method, RequestBuilder};
    use rustix::process::{Pid, Signal, kill_process};
    use serde_json::{Value, json};

    const INSTANCES: usize = 20;
    const CLIENTS: usize = 4;
    /// What HAProxy makes of a server that closes its connection without an answer: an answer of its own to the first request of a
    /// connection, and an end of the connection to a later one, where clients are used to repeat their request (RFC 9112 9.3.1).
    const CUT_OFF: [&str; 2] =
        ["status 502 Bad Gateway", "connection closed before message completed"];
    const ID: &str = "/app/production/test-server";
    const PREFIX: &str = "app/production/test-server";
    const LOCK: &str = "svc-wrapper/v1/app/production/test-server/lock";
    const PATIENCE: Duration = Duration::from_mins(3);
    const MANAGER: &str = "11111111-2222-4333-8444-555555555555";
    const TOKEN: &str = "66666666-7777-4888-8999-000000000000";

    /// A platform with the instances, and what asks them all the time.
    struct Site {
        platform: Platform,
        load: Load,
        versions: usize,
        /// How often HAProxy had loaded its file.
        loads: usize,
    }

    impl Site {
        async fn start() -> Self {
            let platform = Platform::start(&Options::installed().unwrap(), |_| {}).await.unwrap();
            Self::on(platform, json!({})).await
        }

        async fn on(platform: Platform, env: Value) -> Self {
            let instances = u32::try_from(INSTANCES).unwrap();
            let (id, mut definition) = platform.definition("production", instances, "1").unwrap();
            definition["env"].as_object_mut().unwrap().extend(env.as_object().unwrap().clone());
            platform.submit(&id, &definition, |_| {}).await.unwrap();
            platform.answered_by(3000, INSTANCES).await.unwrap();
            let load = Load::start(platform.port(3000), CLIENTS);
            let versions = app(&platform).versions().await.unwrap();
            let loads = platform.internal.haproxy().loads();
            Self { platform, load, versions, loads }
        }

        fn app(&self) -> App<'_> {
            app(&self.platform)
        }

        /// Waits until all instances have the value, after this many restarts more and no others.
        async fn has(&mut self, value: &str, restarts: usize) {
            let app = app(&self.platform);
            app.sees("GREETING", value, INSTANCES).await.unwrap();
            app.settled().await.unwrap();
            self.versions += restarts;
            app.expect_versions(self.versions).await.unwrap();
        }

        async fn order(&self, method: Method, body: Value) {
            let url = format!("{}/faults", self.platform.faults_url());
            let request = http::client().unwrap().request(method, url).json(&body);
            request.send().await.unwrap().error_for_status().unwrap();
        }

        /// HAProxy was not reloaded, and no request was lost, but what an instance may have been answering when it was killed without warning.
        async fn end(mut self, killed: u64) {
            let report = self.load.stop().await;
            let haproxy = self.platform.internal.haproxy();
            assert_eq!(haproxy.loads(), self.loads, "{}", self.platform.internal.ctemplate().log());
            if !report.failures.is_empty() {
                self.platform.keep_folder();
            }
            let cut_off: u64 =
                CUT_OFF.iter().filter_map(|failure| report.failures.get(*failure)).sum();
            let allowed = killed * u64::try_from(CLIENTS).unwrap();
            let is_whole = cut_off <= allowed && report.failed() == cut_off;
            assert!(
                report.requests > 0 && is_whole,
                "{report:?}, see {:?}",
                self.platform.folder()
            );
        }
    }

    /// Makes the instances' token.
    async fn grant(platform: &Platform) {
        let token = json!({ "AccessorID": TOKEN, "SecretID": TOKEN, "Policies": [
            { "ID": "00000000-0000-0000-0000-000000000001" } // global-management
        ]});
        acl(platform, Method::PUT, "token", Some(token)).await;
    }

    async fn revoke(platform: &Platform) {
        acl(platform, Method::DELETE, &format!("token/{TOKEN}"), None).await;
    }

    async fn acl(platform: &Platform, method: Method, path: &str, body: Option<Value>) {
        let url = format!("http://{}/v1/acl/{path}", platform.consul.agents()[1].api());
        eventually("the ACL system", PATIENCE, async || {
            let client = http::client().map_err(|error| error.to_string())?;
            let request = client.request(method.clone(), &url).header("X-Consul-Token", MANAGER);
            let request = body.iter().fold(request, RequestBuilder::json);
            let answer = request.send().await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let text = answer.text().await.unwrap_or_default();
            if status.is_success() { Ok(()) } else { Err(format!("{status} {text}")) }
        })
        .await;
    }

    const fn app(platform: &Platform) -> App<'_> {
        App { platform, id: ID, port: 3000 }
    }

    #[tokio::test]
    async fn a_change_is_one_restart_and_what_is_no_change_is_none() {
        let mut site = Site::start().await;
        site.app().put("GREETING", "hello").await.unwrap();
        site.has("hello", 1).await;

        // None of these changes the configuration. Were one of them taken for a change, there would be more than the two
        // restarts that follow.
        let client = site.platform.consul.agents()[1].client();
        let put = async |key: &str| client.kv_put(key, "hello", Condition::Always).await.unwrap();
        assert!(put(&format!("{PREFIX}/GREETING")).await);
        assert!(put("app/production/test-server2/GREETING").await);
        let session = Session {
            name: "somebody".to_owned(),
            ttl: Duration::from_mins(1),
            lock_delay: Duration::ZERO,
            behavior: Behavior::Release,
        };
        let session = client.session_create(&session).await.unwrap();
        let locked = Condition::Acquire(&session);
        assert!(client.kv_put(&format!("{PREFIX}/GREETING"), "hello", locked).await.unwrap());
        client.session_destroy(&session).await.unwrap();

        site.app().put("GREETING", "good day").await.unwrap();
        eventually("a deployment", PATIENCE, async || {
            let app = site.app().look().await.map_err(|error| format!("{error:#}"))?;
            if app.deployments.is_empty() { Err("none runs".to_owned()) } else { Ok(()) }
        })
        .await;
        for value in ["good evening", "good night"] {
            site.app().put("GREETING", value).await.unwrap();
        }
        site.has("good night", 2).await;
        site.end(0).await;
    }

    #[tokio::test]
    async fn a_change_is_one_restart_while_consul_fails() {
        let mut options = Options::installed().unwrap();
        // Without a token everything is allowed; with a revoked one nothing is.
        options.consul_settings = vec![
            "acl { enabled = true default_policy = \"allow\" token_ttl = \"1s\" }".to_owned(),
            // Consul 1.11 renamed it, and still knows the old name.
            format!("acl {{ tokens {{ master = \"{MANAGER}\" agent = \"{MANAGER}\" }} }}"),
        ];
        let platform = Platform::start(&options, |_| {}).await.unwrap();
        grant(&platform).await;
        let mut site = Site::on(platform, json!({ "CONSUL_HTTP_TOKEN": TOKEN })).await;
        site.app().put("GREETING", "one").await.unwrap();
        site.platform.consul.crash_leader().await.unwrap();
        site.has("one", 1).await;

        // The agent that all instances ask, through HAProxy.
        site.app().put("GREETING", "two").await.unwrap();
        site.platform.consul.crash_agent(0, true).unwrap();
        site.has("two", 1).await;

        revoke(&site.platform).await;
        site.app().put("GREETING", "three").await.unwrap();
        eventually("all instances to be refused", PATIENCE, async || {
            let tasks = site.app().tasks().await.map_err(|error| format!("{error:#}"))?;
            let log = |task: &String| site.platform.task_log(task).unwrap_or_default();
            let refused = tasks.iter().map(log).filter(|log| log.contains("403")).count();
            if refused == INSTANCES { Ok(()) } else { Err(format!("{refused} are")) }
        })
        .await;
        site.has("two", 0).await;
        grant(&site.platform).await;
        site.has("three", 1).await;
        site.end(0).await;
    }

    #[tokio::test]
    async fn a_change_is_one_restart_while_marathon_fails() {
        let mut site = Site::start().await;
        site.order(Method::POST, json!({ "answers": "unavailable" })).await;
        let down = Instant::now();
        site.app().put("GREETING", "one").await.unwrap();
        eventually("a minute to pass", PATIENCE, async || {
            let passed = down.elapsed();
            if passed >= Duration::from_mins(1) { Ok(()) } else { Err(format!("{passed:?}")) }
        })
        .await;
        site.order(Method::DELETE, json!({})).await;
        site.has("one", 1).await;

        // Marathon does what it is asked and takes its time to say so. Whoever asks is killed in the meantime.
        site.order(Method::POST, json!({ "delay_ms": 1500 })).await;
        site.app().put("GREETING", "two").await.unwrap();
        let consul = site.platform.consul.agents()[1].client();
        let poster = eventually("a holder of the lock", PATIENCE, async || {
            let lock = consul.kv_get(LOCK, &Query::default()).await;
            let lock = lock.map_err(|error| error.to_string())?.value;
            let value = lock.ok_or_else(|| "no lock".to_owned())?.value;
            let holder: Value =
                serde_json::from_slice(&value).map_err(|error| error.to_string())?;
            let pid = holder["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
            pid.and_then(Pid::from_raw).ok_or_else(|| holder.to_string())
        })
        .await;
        eventually("the request to be acted on", PATIENCE, async || {
            let versions = site.app().versions().await.map_err(|error| format!("{error:#}"))?;
            if versions > site.versions { Ok(()) } else { Err("nothing".to_owned()) }
        })
        .await;
        kill_process(poster, Signal::KILL).unwrap();
        site.order(Method::DELETE, json!({})).await;
        site.has("two", 1).await;
        site.end(1).await;
    }
}
