//! The whole platform: the README's story, and what it does when parts of it fail.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::time::Duration;

    use consul::kv::Condition;
    use integration::http;
    use integration::rig::component;
    use integration::rig::consul::Consul;
    use integration::rig::eventually::eventually;
    use integration::rig::haproxy::Haproxy;
    use integration::rig::load::Load;
    use integration::rig::load_balancer::{LoadBalancer, Settings};
    use integration::rig::network::Network;
    use integration::rig::platform::{Options, Platform};
    use integration::rig::process::Process;
    use integration::story;
    use rustix::process::Signal;
    use serde_json::{Value, json};

    const PATIENCE: Duration = Duration::from_mins(1);
    const BACKEND: &str = "cluster_production:test-server";

    async fn platform() -> Platform {
        let options = Options::installed().unwrap();
        Platform::start(&options, |_| {}).await.unwrap()
    }

    /// A platform with four test servers in production, all of them in HAProxy and in its file.
    async fn with_four_tasks() -> Platform {
        let platform = platform().await;
        platform.deploy("production", 4, "1", |_| {}).await.unwrap();
        platform.answered_by(3000, 4).await.unwrap();
        // The process is told of servers before they are in the file.
        eventually("four servers in the file", PATIENCE, async || {
            let servers = platform.internal.servers(BACKEND).map_err(|error| error.to_string())?;
            if servers.len() == 4 { Ok(()) } else { Err(format!("{servers:?}")) }
        })
        .await;
        platform
    }

    /// The ids of our services on all agents.
    async fn registered(platform: &Platform) -> Result<BTreeSet<String>, String> {
        let mut ids = BTreeSet::new();
        for agent in platform.consul.agents() {
            let services =
                agent.client().agent_services().await.map_err(|error| error.to_string())?;
            ids.extend(services.into_keys());
        }
        Ok(ids)
    }

    async fn order(platform: &Platform, method: reqwest::Method, path: &str, body: Value) {
        let url = format!("{}{path}", platform.faults_url());
        let request = http::client().unwrap().request(method, url).json(&body);
        request.send().await.unwrap().error_for_status().unwrap();
    }

    fn log_of(platform: &Platform) -> String {
        platform.registrators.iter().map(Process::log).collect()
    }

    /// How often each registrator has logged `text`.
    fn said(platform: &Platform, text: &str) -> Vec<usize> {
        platform
            .registrators
            .iter()
            .map(|registrator| registrator.log().matches(text).count())
            .collect()
    }

    /// Breaks Marathon's answers until a registrator has noticed, then mends them until all who noticed said it is over.
    async fn with_answers(platform: &Platform, answers: &str, noticed: &str, over: &str) {
        let earlier = said(platform, noticed);
        order(platform, reqwest::Method::POST, "/faults", json!({ "answers": answers })).await;
        // A stream that is lost makes every registrator read everything again.
        order(platform, reqwest::Method::POST, "/streams/drop", json!({})).await;
        eventually(&format!("a registrator to say {noticed}"), PATIENCE, async || {
            let now = said(platform, noticed);
            if now == earlier { Err(format!("{now:?}")) } else { Ok(()) }
        })
        .await;
        order(platform, reqwest::Method::DELETE, "/faults", json!({})).await;
        order(platform, reqwest::Method::POST, "/streams/drop", json!({})).await;
        eventually(&format!("all registrators to say {over}"), PATIENCE, async || {
            for registrator in &platform.registrators {
                let log = registrator.log();
                // A failure that changes its words is logged again; what counts is what came last.
                if log.rfind(noticed) > log.rfind(over) {
                    return Err(log);
                }
            }
            Ok(())
        })
        .await;
    }

    #[tokio::test]
    async fn the_story_happens_as_told() {
        let platform = platform().await;
        let mut told = Vec::new();
        let result = story::run(&platform, &mut |line| told.push(line.to_owned())).await;
        assert!(result.is_ok(), "{told:#?}\n{result:?}\n{}", platform.internal.haproxy().log());
    }

    #[tokio::test]
    async fn a_marathon_that_answers_nonsense_removes_nothing() {
        let platform = with_four_tasks().await;
        let before = registered(&platform).await.unwrap();
        assert_eq!(before.len(), 4);
        let config = platform.internal.config().unwrap();
        let load = Load::start(platform.port(3000), 4);
        // Each agent of this test has few services, so an empty list is what the guard is for.
        let unread = ("Marathon cannot be read", "Marathon answers again");
        for (answers, (noticed, over)) in [
            ("truncated", unread),
            ("unavailable", unread),
            ("redirect-loop", unread),
            ("empty", ("Removal held back", "Nothing is held back")),
        ] {
            with_answers(&platform, answers, noticed, over).await;
            assert_eq!(registered(&platform).await.unwrap(), before, "after {answers}");
            assert_eq!(platform.internal.config().unwrap(), config, "after {answers}");
            assert!(!log_of(&platform).contains("Service deregistered"), "after {answers}");
        }
        let report = load.stop().await;
        assert!(report.requests > 0 && report.failures.is_empty(), "{report:?}");
        assert_eq!(registered(&platform).await.unwrap(), before);
    }

    #[tokio::test]
    async fn services_come_back_to_an_agent_that_lost_its_data() {
        let mut platform = with_four_tasks().await;
        let before = registered(&platform).await.unwrap();
        platform.consul.crash_agent(2, false).unwrap();
        eventually("the services to be back", PATIENCE, async || {
            let now = registered(&platform).await?;
            if now == before {
                return Ok(());
            }
            Err(format!("{now:?}, not {before:?}\n{}", log_of(&platform)))
        })
        .await;
        platform.answered_by(3000, 4).await.unwrap();
        assert!(platform.registrators.iter().all(Process::is_running));
    }

    #[tokio::test]
    async fn a_consul_without_servers_changes_nothing() {
        let platform = with_four_tasks().await;
        let config = platform.internal.config().unwrap();
        let load = Load::start(platform.port(3000), 4);
        for server in platform.consul.servers() {
            server.process().signal(Signal::STOP);
        }
        // Held queries fail when the agent gives up on the servers that do not answer it.
        eventually("ctemplate to notice", PATIENCE, async || {
            let log = platform.internal.ctemplate().log();
            if log.contains("No answer") { Ok(()) } else { Err(log) }
        })
        .await;
        assert_eq!(platform.internal.config().unwrap(), config);
        for server in platform.consul.servers() {
            server.process().signal(Signal::CONT);
        }
        let scaled = json!({ "instances": 5 });
        let marathon = platform.marathon().unwrap();
        marathon.update(&"/app/production/test-server".into(), &scaled).await.unwrap();
        platform.answered_by(3000, 5).await.unwrap();
        let report = load.stop().await;
        assert!(report.requests > 0 && report.failures.is_empty(), "{report:?}");
    }

    #[tokio::test]
    async fn a_file_that_haproxy_refuses_is_not_installed() {
        let network = Network::claim().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let consul_folder = folder.path().join("consul");
        let server = network.host(11);
        let consul = Consul::start(&component::consul().unwrap(), &consul_folder, &[server], &[])
            .await
            .unwrap();
        let client = consul.servers()[0].client();
        let address = network.host(1);
        let haproxy = Haproxy::at(component::haproxy().unwrap(), folder.path().join("page"));
        let template = haproxy.file(".cfg.hbs");
        let text = format!(
            "global\n  stats socket {} level admin\ndefaults\n  mode http\n  timeout client 5s\nfrontend page\n  bind {address}:3000\n  {}\n",
            haproxy.socket().display(),
            "http-request return status 200 content-type text/plain string {{keyOrDefault \"page\" \"first\"}}"
        );
        fs::write(&template, text).unwrap();
        let values = haproxy.file(".values.toml");
        fs::write(&values, "").unwrap();
        let settings = Settings { consul: consul.servers()[0].api(), template, values };
        let balancer = LoadBalancer::start(haproxy, &settings).await.unwrap();
        let page = async |wanted: &str| {
            eventually(&format!("the page {wanted}"), PATIENCE, async || {
                let answer = http::get(&format!("http://{address}:3000/")).await;
                let text =
                    answer.map_err(|error| error.to_string())?.text().await.unwrap_or_default();
                if text == wanted { Ok(()) } else { Err(text) }
            })
            .await;
        };
        page("first").await;
        let good = balancer.config().unwrap();

        client.kv_put("page", "two words are too many", Condition::Always).await.unwrap();
        eventually("the refusal", PATIENCE, async || {
            let log = balancer.ctemplate().log();
            if log.contains("refused by") { Ok(()) } else { Err(log) }
        })
        .await;
        assert_eq!(balancer.config().unwrap(), good);
        page("first").await;
        assert_eq!(balancer.haproxy().loads(), 1, "{}", balancer.haproxy().log());

        client.kv_put("page", "second", Condition::Always).await.unwrap();
        page("second").await;
    }

    #[tokio::test]
    async fn the_catalog_and_haproxy_agree() {
        let platform = with_four_tasks().await;
        let servers = platform.internal.servers(BACKEND).unwrap();
        let marathon = platform.marathon().unwrap();
        let app = marathon.app(&"/app/production/test-server".into()).await.unwrap();
        let wanted: BTreeSet<_> =
            app.tasks.iter().map(|task| format!("_{}_{}", task.host, task.ports[0])).collect();
        let listed =
            wanted.iter().filter(|end| servers.iter().any(|name| name.ends_with(end.as_str())));
        assert_eq!((listed.count(), servers.len()), (4, 4), "{servers:?} {wanted:?}");
    }
}
