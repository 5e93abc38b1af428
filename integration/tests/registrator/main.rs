//! The registrator against a real Consul agent and a development Marathon, which fail in every way that is known.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod host;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rig;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use integration::http;
    use integration::rig::component;
    use integration::rig::consul::Consul;
    use integration::rig::eventually::eventually;
    use integration::rig::marathon::DevMarathon;
    use integration::rig::network::Network;
    use integration::rig::process::{Process, command, program};
    use reqwest::Method;
    use rustix::process::Signal;
    use serde_json::{Value, json};

    use crate::rig::{PATIENCE, Rig, Sampler, options, web};

    #[tokio::test]
    async fn whatever_happens_to_the_stream_the_catalog_is_right_in_the_end_and_never_empty() {
        // A short interval, because lost events are made good by the next complete answer.
        let rig = Rig::start(&["--resync-interval", "3s"]).await;
        rig.deploy(&web(4)).await;
        rig.mirrored(4).await;
        let sampler = Sampler::start(&rig);
        let mut tasks = 4;
        for (path, body) in [
            ("/streams/drop", json!({})),
            ("/leader", json!({"leader": rig.marathon.url().trim_start_matches("http://")})),
            ("/faults", json!({"reorder_events": 7})),
            ("/faults", json!({"duplicate_events": 20})),
            ("/faults", json!({"lose_events": 50})),
            ("/faults", json!({"freeze_streams": true})),
        ] {
            rig.fault(path, body.clone()).await;
            tasks = if tasks == 4 { 6 } else { 4 };
            rig.scale(tasks).await;
            rig.mirrored(tasks).await;
            rig.marathon.order(Method::DELETE, "/faults", None).await.unwrap();
        }
        let least = sampler.stop();
        assert!(least >= 4, "only {least} services at some time\n{}", rig.registrator.log());
    }

    #[tokio::test]
    async fn a_silent_stream_is_attached_again_before_the_next_resync() {
        const READS: &str = "registrator_marathon_requests_total{what=\"everything\"}";
        const EVENTS: &str = "registrator_events_total";
        let rig = Rig::start(&["--resync-interval", "24h"]).await;
        rig.deploy(&web(2)).await;
        rig.mirrored(2).await;
        rig.fault("/faults", json!({"freeze_streams": true})).await;
        // Long enough after the last event that nothing is still to be read because of it.
        eventually("the stream to be silent", PATIENCE, async || {
            let page = rig.page("/metrics").await;
            let age =
                page.lines().find_map(|it| it.strip_prefix("registrator_stream_age_seconds "));
            if age.is_some_and(|age| age.parse::<f64>().unwrap() > 3.0) {
                Ok(())
            } else {
                Err(page)
            }
        })
        .await;
        let (reads, events) = (rig.metric(READS).await, rig.metric(EVENTS).await);
        rig.scale(5).await;
        rig.mirrored(5).await;
        assert_eq!(rig.times("event stream silent for"), 1, "{}", rig.registrator.log());
        assert_eq!(rig.metric(EVENTS).await, events);
        assert_eq!(rig.metric(READS).await, reads + 1);
    }

    #[tokio::test]
    async fn whatever_marathon_answers_the_catalog_stays_and_is_right_afterwards() {
        let rig = Rig::start(&[]).await;
        rig.deploy(&web(4)).await;
        rig.mirrored(4).await;
        let sampler = Sampler::start(&rig);
        let mut tasks = 4;
        let unread = "Marathon cannot be read";
        for (fault, sign) in [
            (json!({"answers": "unavailable"}), unread),
            (json!({"answers": "truncated"}), unread),
            (json!({"answers": "redirect-loop"}), unread),
            // Neither is the stream attached again then.
            (json!({"unauthorized": true}), "status 401"),
            (json!({"answers": "empty"}), "Removal held back"),
        ] {
            let said = || rig.registrator.log().matches(sign).count();
            let before = said();
            rig.fault("/faults", fault.clone()).await;
            rig.fault("/streams/drop", json!({})).await;
            eventually(&format!("{fault} to be noticed"), PATIENCE, async || {
                if said() > before { Ok(()) } else { Err(rig.registrator.log()) }
            })
            .await;
            rig.marathon.order(Method::DELETE, "/faults", None).await.unwrap();
            tasks += 1;
            rig.scale(tasks).await;
            rig.mirrored(tasks).await;
        }
        let least = sampler.stop();
        assert_eq!(least, 4, "{}", rig.registrator.log());
        assert!(!rig.registrator.log().contains("Service deregistered"));
    }

    #[tokio::test]
    async fn a_roll_soon_after_a_long_outage_leaves_no_moment_without_a_service() {
        const FAILURES: &str = "registrator_errors_total{kind=\"marathon_status\"}";
        let rig = Rig::start(&["--resync-interval", "1s"]).await;
        // Tasks that serve for a while when they are told to end: one that has ended leaves at once, whoever comes after it.
        let deaf = rig.folder.path().join("deaf");
        fs::create_dir(&deaf).unwrap();
        let mut app = web(2);
        app["cmd"] = json!(format!(
            "trap '' TERM; touch {}/$$; while :; do sleep 0.1; done",
            deaf.display()
        ));
        app["taskKillGracePeriodSeconds"] = json!(2);
        rig.deploy(&app).await;
        rig.mirrored(2).await;
        eventually("the tasks to hear no signal", PATIENCE, async || {
            let count = fs::read_dir(&deaf).map_err(|err| err.to_string())?.count();
            if count == 2 { Ok(()) } else { Err(format!("{count} do not")) }
        })
        .await;
        rig.fault("/faults", json!({"answers": "unavailable"})).await;
        // The pauses between the attempts have grown to half a minute then.
        rig.grown(FAILURES, 6).await;
        let sampler = Sampler::start(&rig);
        rig.marathon.order(Method::DELETE, "/faults", None).await.unwrap();
        let answer = rig.marathon.post("/v2/apps/web/restart", &json!({})).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        rig.marathon.deployed().await;
        rig.mirrored(2).await;
        assert_eq!(sampler.stop(), 2, "{}", rig.registrator.log());
    }

    #[tokio::test]
    async fn nothing_is_written_over_a_hundred_resyncs() {
        const READS: &str = "registrator_marathon_requests_total{what=\"everything\"}";
        const WRITES: &str = "registrator_consul_requests_total{what=\"write\"}";
        const BEATS: &str = "registrator_consul_requests_total{what=\"ttl\"}";
        let rig = Rig::start(&["--resync-interval", "20ms"]).await;
        let mut app = web(3);
        app["labels"] =
            json!({"SERVICE_TAGS": "a,b", "SERVICE_CHECK_TTL": "30s", "SERVICE_META_team": "x"});
        rig.deploy(&app).await;
        rig.mirrored(3).await;
        // At which index each was written last. The index of the answer counts more: a busy agent writes what it says of its
        // own node after the services.
        let catalog = async || {
            let url = format!("http://{}/v1/catalog/node/node", rig.consul.api());
            let node: Value = http::get(&url).await.unwrap().json().await.unwrap();
            let services = node["Services"].as_object().unwrap().values();
            let ours = services.filter(|service| service["Service"] == "web");
            ours.map(|service| service["ModifyIndex"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        // The agent's own sync to the catalog comes a little later than its answer.
        eventually("the checks to pass in the catalog", PATIENCE, async || {
            let web = consul::health::Instances { service: "web", ..Default::default() };
            let health = rig.consul.client().instances(&web, &consul::Query::default()).await;
            let entries = health.map_err(|err| err.to_string())?.value;
            let passing = entries.iter().flat_map(|entry| &entry.checks);
            let count =
                passing.filter(|check| check.status == "passing" && check.kind == "ttl").count();
            if count == 3 { Ok(()) } else { Err(format!("{entries:?}")) }
        })
        .await;
        let (before, reads, writes) =
            (catalog().await, rig.metric(READS).await, rig.metric(WRITES).await);
        eventually("a hundred resyncs", PATIENCE, async || {
            let now = rig.metric(READS).await;
            if now >= reads + 100 { Ok(()) } else { Err(format!("{now} reads")) }
        })
        .await;
        assert_eq!(rig.metric(WRITES).await, writes);
        assert!(rig.metric(BEATS).await >= 3);
        assert_eq!((before.len(), catalog().await), (3, before));
    }

    #[tokio::test]
    async fn services_are_back_soon_after_an_agent_has_lost_everything() {
        let network = Network::claim().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (server, agent) = (network.host(11), network.host(21));
        let binary = component::consul().unwrap();
        let mut consul = Consul::start(&binary, folder.path(), &[server], &[agent]).await.unwrap();
        let marathon =
            DevMarathon::start(&network, &["--agent", &agent.to_string()]).await.unwrap();
        let mut command = command(program("registrator"));
        command.args(options(&consul.agents()[0].api(), marathon.url()));
        // So that it is the loss itself that is noticed.
        command.args(["--resync-interval", "24h"]);
        let log = folder.path().join("registrator.log");
        let registrator = Process::start("registrator", command, &log).unwrap();
        marathon.post("/v2/apps", &web(5)).await.unwrap();
        marathon.deployed().await;
        let ids = async |consul: &Consul| {
            let services = consul.agents()[0].client().agent_services().await;
            services.map(|services| services.into_keys().collect::<BTreeSet<_>>())
        };
        eventually("five services", PATIENCE, async || match ids(&consul).await {
            Ok(ids) if ids.len() == 5 => Ok(()),
            other => Err(format!("{other:?} {}", registrator.log())),
        })
        .await;
        let before = ids(&consul).await.unwrap();
        consul.crash_agent(0, false).unwrap();
        eventually("the agent to answer", PATIENCE, async || {
            ids(&consul).await.map(drop).map_err(|err| err.to_string())
        })
        .await;
        eventually("the services to be back", PATIENCE, async || match ids(&consul).await {
            Ok(now) if now == before => Ok(()),
            other => Err(format!("{other:?} {}", registrator.log())),
        })
        .await;
        assert!(registrator.is_running());
    }

    #[tokio::test]
    async fn bad_metadata_registers_what_can_be_and_reports_the_rest_by_app_and_key() {
        let rig = Rig::start(&[]).await;
        rig.fault("/faults", json!({"invalid_utf8": true})).await;
        let mut app = web(1);
        app["labels"] = json!({
            "SERVICE_TAGS": "good,bad\ntag", "SERVICE_99999_NAME": "x", "SERVICE_NAME": "",
            "SERVICE_META_long": "x".repeat(10_000), "SERVICE_META_text": "GARBLED", "SERVICE_META_ok": "1",
            "SERVICE_CHECK_INTERVAL": "often", "SERVICE_CHECK_TCP": "true",
        });
        rig.deploy(&app).await;
        let mut refused = web(1);
        refused["id"] = json!("/refused");
        refused["labels"] = json!({"SERVICE_NAME": "no name"});
        rig.deploy(&refused).await;
        rig.mirrored(1).await;
        let service = rig.services().await.unwrap().into_values().next().unwrap();
        assert_eq!((service.service.as_str(), service.tags), ("web", vec!["good".to_owned()]));
        assert_eq!(service.meta.get("ok").map(String::as_str), Some("1"));
        let wanted = [
            "SERVICE_TAGS left out: tag",
            "SERVICE_99999_NAME left out",
            "SERVICE_META_long left out",
            "SERVICE_META_text left out: not valid UTF-8",
            "SERVICE_CHECK_INTERVAL left out",
            "SERVICE_NAME: \\\"no name\\\"",
        ];
        eventually("all reasons", PATIENCE, async || {
            let status = rig.page("/status").await;
            let missing: Vec<_> = wanted.iter().filter(|text| !status.contains(**text)).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} in {status}")) }
        })
        .await;
        let explained = rig.run(&["explain", "refused"]);
        let text = String::from_utf8_lossy(&explained.stdout).into_owned();
        assert!(explained.status.success() && text.contains("cannot be the name"), "{text}");
    }

    #[tokio::test]
    async fn a_task_that_is_killed_rests_until_it_has_ended() {
        let rig = Rig::start(&["--on-killing", "maintenance"]).await;
        let mut app = web(1);
        let deaf = rig.folder.path().join("deaf");
        let command =
            format!("trap '' TERM; touch {}; while :; do sleep 0.1; done", deaf.display());
        app["cmd"] = json!(command);
        app["taskKillGracePeriodSeconds"] = json!(4);
        rig.deploy(&app).await;
        rig.mirrored(1).await;
        eventually("the task to hear no signal", PATIENCE, async || {
            if deaf.exists() { Ok(()) } else { Err("it still does".to_owned()) }
        })
        .await;
        // Not deleted: then Marathon knows nothing of the app any more while its tasks still end.
        rig.marathon.put("/v2/apps/web", &json!({"instances": 0})).await.unwrap();
        eventually("the service to rest", PATIENCE, async || {
            let checks = rig.consul.client().agent_checks().await.map_err(|err| err.to_string())?;
            let rests = checks.iter().any(|(id, check)| {
                id.starts_with("_service_maintenance:") && check.notes.starts_with("registrator: ")
            });
            if rests { Ok(()) } else { Err(rig.registrator.log()) }
        })
        .await;
        eventually("the service to leave", PATIENCE, async || {
            if rig.services().await?.is_empty() { Ok(()) } else { Err(rig.registrator.log()) }
        })
        .await;
    }

    #[tokio::test]
    async fn what_it_says_when_it_is_asked() {
        let rig = Rig::start(&["--deregister-on-exit"]).await;
        rig.deploy(&web(2)).await;
        rig.mirrored(2).await;
        assert_eq!(rig.page("/health").await, "alive\n");
        assert_eq!(rig.page("/ready").await, "ready\n");
        assert_eq!(rig.metric("registrator_services ").await, 2);

        let plan = rig.run(&["plan", "--output", "json", "--tags", "new"]);
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        assert_eq!(plan["change"].as_array().map(Vec::len), Some(2), "{plan}");
        assert_eq!(
            rig.services().await.unwrap().values().map(|it| it.tags.len()).sum::<usize>(),
            0
        );
        let text = rig.run(&["plan"]);
        assert_eq!(
            String::from_utf8_lossy(&text.stdout),
            "0 to register, 0 to change, 0 to deregister, 2 unchanged\n"
        );
        let explained = rig.run(&["explain", "/web", "--output", "json"]);
        let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
        assert_eq!(explained["tasks"][1]["verdict"], "registered");
        assert_eq!(rig.run(&["explain", "/none"]).status.code(), Some(1));

        rig.marathon
            .order(Method::POST, "/faults", Some(&json!({"unauthorized": true})))
            .await
            .unwrap();
        assert_eq!(rig.run(&["--once"]).status.code(), Some(77));
        rig.marathon.order(Method::DELETE, "/faults", None).await.unwrap();
        rig.fault("/faults", json!({"answers": "truncated"})).await;
        assert_eq!(rig.run(&["--once"]).status.code(), Some(76));
        rig.fault("/faults", json!({"answers": "unavailable"})).await;
        assert_eq!(rig.run(&["--once"]).status.code(), Some(69));
        rig.fault("/faults", json!({"answers": "empty"})).await;
        assert_eq!(rig.run(&["--once"]).status.code(), Some(75));

        rig.registrator.signal(Signal::TERM);
        let status = rig.registrator.wait(PATIENCE).unwrap();
        assert_eq!(status.code(), Some(0), "{}", rig.registrator.log());
        assert!(rig.services().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_the_original_left_behind_is_taken_over_when_asked_for() {
        let rig = Rig::start(&["--adopt"]).await;
        let uuid = "2c033893-7993-11e5-8878-56847afe9799";
        let left = format!("gone.{uuid}:80");
        for id in [left.as_str(), "mysql:3306"] {
            let service = consul::agent::Registration {
                id: id.to_owned(),
                name: "x".to_owned(),
                ..consul::agent::Registration::default()
            };
            rig.consul.client().register(&service).await.unwrap();
        }
        rig.deploy(&web(1)).await;
        eventually("the old service to leave", PATIENCE, async || {
            let ids: Vec<_> = rig.services().await?.into_keys().collect();
            let is_right =
                ids.len() == 2 && ids.contains(&"mysql:3306".to_owned()) && !ids.contains(&left);
            if is_right { Ok(()) } else { Err(format!("{ids:?} {}", rig.registrator.log())) }
        })
        .await;
    }

    #[tokio::test]
    async fn two_owners_on_one_agent_leave_each_other_alone() {
        let rig = Rig::start(&["--owner", "one", "--resync-interval", "100ms"]).await;
        rig.deploy(&web(2)).await;
        rig.mirrored(2).await;
        let other = rig.run(&["--owner", "two", "--once"]);
        assert!(String::from_utf8_lossy(&other.stderr).contains("belongs to owner"), "{other:?}");
        let services = rig.services().await.unwrap();
        assert!(
            services
                .values()
                .all(|it| it.meta.get("registrator-owner").is_some_and(|o| o == "one"))
        );
        assert!(rig.folder.path().exists());
    }

    #[tokio::test]
    async fn one_registrator_serves_all_agents() {
        let network = Network::claim().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let hosts = [network.host(21), network.host(22)];
        let binary = component::consul().unwrap();
        let consul =
            Consul::start(&binary, folder.path(), &[network.host(11)], &hosts).await.unwrap();
        let agents = hosts.map(|host| host.to_string());
        let arguments = ["--agent", &agents[0], "--agent", &agents[1]];
        let marathon = DevMarathon::start(&network, &arguments).await.unwrap();
        let mut command = command(program("registrator"));
        command.args(options(&consul.servers()[0].api(), marathon.url())).arg("--all-agents");
        let log = folder.path().join("registrator.log");
        let registrator = Process::start("registrator", command, &log).unwrap();
        for instances in [6, 2] {
            let body = if instances == 6 { web(6) } else { json!({"instances": 2}) };
            marathon.put("/v2/apps/web", &body).await.unwrap();
            marathon.deployed().await;
            eventually("each task at its own agent", PATIENCE, async || {
                let answer =
                    marathon.get("/v2/apps/web/tasks").await.map_err(|err| err.to_string())?;
                let tasks = answer.body["tasks"].as_array().cloned().unwrap_or_default();
                for member in consul.agents().iter().chain(consul.servers()) {
                    let host = member.address().to_string();
                    let here = tasks.iter().filter(|task| task["host"] == host.as_str());
                    let wanted: BTreeSet<_> =
                        here.map(|task| format!("{}:80", task["id"].as_str().unwrap())).collect();
                    let found =
                        member.client().agent_services().await.map_err(|err| err.to_string())?;
                    let found: BTreeSet<_> =
                        found.into_keys().filter(|id| id != "consul").collect();
                    if found != wanted || tasks.len() != instances {
                        return Err(format!(
                            "{host}: {found:?}, not {wanted:?}\n{}",
                            registrator.log()
                        ));
                    }
                }
                Ok(())
            })
            .await;
        }
    }
}
