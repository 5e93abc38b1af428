//! What Consul refuses: for want of rights, and because it cannot be.

use std::collections::BTreeSet;
use std::fs;

use consul::{Config, Token};
use integration::http;
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;
use integration::rig::process::{command, program};
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::rig::{PATIENCE, Rig, web};

const MASTER: &str = "11111111-2222-4333-8444-555555555555";
/// Nobody's token.
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
const READ_ERRORS: &str = "registrator_errors_total{kind=\"consul\"}";
const WRITE_ERRORS: &str = "registrator_errors_total{kind=\"write\"}";
const REFUSES: &str = "Consul refuses writes";

/// An agent that lets nobody do anything without a token.
async fn guarded() -> DevAgent {
    let settings = [
        "acl { enabled = true default_policy = \"deny\" }",
        // Consul 1.11 renamed it, and still knows the old name.
        &format!("acl {{ tokens {{ master = \"{MASTER}\" agent = \"{MASTER}\" }} }}"),
    ];
    let access = Config { token: Some(Token::from(MASTER.to_owned())), ..Config::default() };
    DevAgent::start_with(&settings, access).await.unwrap()
}

/// A token that may read everything, and besides what `rules` say.
async fn token(consul: &DevAgent, name: &str, rules: &str) -> String {
    let ask = async |path: &str, body: Value| -> Value {
        let url = format!("http://{}/v1/acl/{path}", consul.api());
        let request = http::client().unwrap().put(url).header("X-Consul-Token", MASTER);
        let answer = request.body(body.to_string()).send().await.unwrap();
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|err| panic!("{err}: {text}"))
    };
    let read = ["agent", "node"].map(|kind| format!("{kind}_prefix \"\" {{ policy = \"read\" }}"));
    let rules = format!("{} {rules}", read.join(" "));
    ask("policy", json!({"Name": name, "Rules": rules})).await;
    let token = ask("token", json!({"Policies": [{"Name": name}]})).await;
    token["SecretID"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_that_is_replaced_in_its_file_counts_and_a_useless_one_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, MASTER).unwrap();
    let consul = guarded().await;
    let reader = token(&consul, "reader", "service_prefix \"\" { policy = \"read\" }").await;
    let rig = Rig::beside(consul, &["--consul-token-file", file.to_str().unwrap()]).await;
    rig.deploy(&web(2)).await;
    rig.mirrored(2).await;
    let before: BTreeSet<_> = rig.services().await.unwrap().into_keys().collect();
    let stay = async || {
        let now: BTreeSet<_> = rig.services().await.unwrap().into_keys().collect();
        assert_eq!(now, before, "{}", rig.registrator.log());
    };

    fs::write(&file, UNKNOWN).unwrap();
    rig.scale(4).await;
    rig.grown(READ_ERRORS, 4).await;
    let silent = "Consul's agent does not answer";
    assert_eq!(rig.times(silent), 1, "{}", rig.registrator.log());
    assert_eq!(rig.times("status 403"), 1, "{}", rig.registrator.log());
    stay().await;

    fs::write(&file, reader).unwrap();
    // Two services at each attempt.
    rig.grown(WRITE_ERRORS, 6).await;
    assert_eq!(rig.times(REFUSES), 1, "{}", rig.registrator.log());
    assert_eq!(rig.times("status 403"), 2, "{}", rig.registrator.log());
    stay().await;

    fs::write(&file, MASTER).unwrap();
    rig.mirrored(4).await;
    rig.said("Consul takes writes again").await;
    assert_eq!((rig.times(silent), rig.times(REFUSES)), (1, 1), "{}", rig.registrator.log());
    assert!(rig.registrator.is_running());
}

#[tokio::test]
async fn a_service_that_the_token_may_not_write_keeps_no_other_from_being_written() {
    let consul = guarded().await;
    let rules =
        "service_prefix \"\" { policy = \"write\" } service_prefix \"no\" { policy = \"read\" }";
    let partial = token(&consul, "partial", rules).await;
    let rig = Rig::beside(consul, &["--consul-token", &partial]).await;
    // More than are written at the same time, and their ids come first.
    let mut refused = web(20);
    refused["id"] = json!("/no");
    rig.deploy(&refused).await;
    rig.said(REFUSES).await;
    rig.deploy(&web(2)).await;
    rig.mirrored(2).await;
    rig.scale(1).await;
    rig.mirrored(1).await;
    assert_eq!(rig.times(REFUSES), 1, "{}", rig.registrator.log());
}

#[tokio::test]
async fn a_service_that_is_always_refused_is_reported_and_all_others_go_on_at_once() {
    let consul = guarded().await;
    let rules =
        "service_prefix \"\" { policy = \"write\" } service_prefix \"no\" { policy = \"read\" }";
    let partial = token(&consul, "partial", rules).await;
    let rig = Rig::beside(consul, &["--consul-token", &partial]).await;
    let mut refused = web(1);
    refused["id"] = json!("/refused");
    refused["labels"] = json!({"SERVICE_NAME": "no-rights"});
    rig.deploy(&refused).await;
    // By now an agent that was left alone after each refusal would be for up to half a minute.
    rig.grown(WRITE_ERRORS, 4).await;
    let refusals = rig.metric(WRITE_ERRORS).await;
    rig.deploy(&web(2)).await;
    rig.mirrored(2).await;
    for _ in 0..3 {
        for tasks in [1, 2] {
            rig.scale(tasks).await;
            rig.mirrored(tasks).await;
        }
    }
    // Each registration would have come with one more refusal, or each of the three deregistrations.
    assert!(rig.metric(WRITE_ERRORS).await < refusals + 3, "{}", rig.registrator.log());
    let log = rig.registrator.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(REFUSES)).collect();
    assert!(
        lines.len() == 1 && lines[0].contains("app=\"/refused\" key=\"SERVICE_NAME\""),
        "{log}"
    );
    reported(&rig, "/refused", "(SERVICE_NAME)").await;
}

/// `/status` and `explain` name the key of the app.
async fn reported(rig: &Rig, app: &str, keys: &str) {
    eventually("the reason", PATIENCE, async || {
        let status: Value = serde_json::from_str(&rig.page("/status").await).unwrap();
        let skipped = status["agents"]["local"]["not_registered"].as_array().unwrap().clone();
        let is_it = |it: &Value| it["app"] == app && it["reason"].as_str().unwrap().ends_with(keys);
        if skipped.iter().any(is_it) { Ok(()) } else { Err(format!("{skipped:?}")) }
    })
    .await;
    let explained = rig.run(&["explain", app, "--consul-token", MASTER]);
    let text = String::from_utf8_lossy(&explained.stdout).into_owned();
    let is_told = text.contains("to be written") && text.contains(keys.trim_matches(['(', ')']));
    assert!(explained.status.success() && is_told, "{text}");
}

#[tokio::test]
async fn what_consul_refuses_and_what_our_rules_refuse_is_reported_and_others_are_registered() {
    let rig = Rig::start(&[]).await;
    let apps = [
        // Consul takes nearly every name and tag, so it is an address that it refuses.
        ("/a-consul", json!({"SERVICE_ADDRESS": "0.0.0.0"}), "Invalid service address"),
        ("/b-name", json!({"SERVICE_NAME": "two words"}), "SERVICE_NAME"),
        ("/c-tag", json!({"SERVICE_TAGS": "bell\u{7},fine"}), "SERVICE_TAGS left out"),
    ];
    for (id, labels, _) in &apps {
        let mut app = web(1);
        app["id"] = json!(id);
        app["labels"] = labels.clone();
        rig.deploy(&app).await;
    }
    rig.deploy(&web(2)).await;
    eventually("what can be registered", PATIENCE, async || {
        let services = rig.services().await?;
        let mut names: Vec<_> = services.values().map(|it| it.service.as_str()).collect();
        names.sort_unstable();
        let is_right = names == ["c-tag", "web", "web"];
        if is_right { Ok(()) } else { Err(format!("{names:?} {}", rig.registrator.log())) }
    })
    .await;
    rig.grown(WRITE_ERRORS, 3).await;
    let log = rig.registrator.log();
    for (id, _, reason) in &apps {
        let lines = log.lines().filter(|line| line.contains(reason));
        let lines: Vec<_> =
            lines.filter(|line| line.contains(id.trim_start_matches('/'))).collect();
        assert_eq!(lines.len(), 1, "{id}: {log}");
        assert!(lines[0].contains(&format!("app={id}")), "{id}: {log}");
    }
    assert_eq!(rig.times("key=\"SERVICE_ADDRESS\""), 1, "{log}");
    reported(&rig, "/a-consul", "(SERVICE_ADDRESS)").await;
    let services = rig.services().await.unwrap();
    let tagged = services.values().find(|it| it.service == "c-tag").unwrap();
    assert_eq!(tagged.tags, ["fine"]);
}

#[tokio::test]
async fn an_agent_with_too_many_requests_gets_few_more_until_it_takes_them_again() {
    /// At the same time.
    const WRITES: usize = 8;
    let consul = DevAgent::start().await.unwrap();
    let gate = Gate::before(consul.api()).await;
    let rig = Rig::at(consul, &gate.api(), command(program("registrator")), &[]).await;
    rig.deploy(&web(20)).await;
    // At least three attempts, none of which has tried all.
    rig.grown(WRITE_ERRORS, 3 * WRITES as u64).await;
    let attempts = rig.metric("registrator_syncs_total").await;
    assert!(gate.refused() <= WRITES * usize::try_from(attempts).unwrap());
    assert_eq!(rig.times("status 429"), 1, "{}", rig.registrator.log());
    assert!(rig.services().await.unwrap().is_empty());
    gate.open();
    rig.mirrored(20).await;
    rig.said("Consul takes writes again").await;
    assert_eq!(rig.times(REFUSES), 1, "{}", rig.registrator.log());
}
