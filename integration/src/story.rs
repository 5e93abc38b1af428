//! What the README tells, step by step: deploy, reach, configure, crash, scale, roll, delete.
//!
//! Each step says what it sees and fails with what it did not see. They build on each other, in the order of [`run`].

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use consul::Query;
use marathon::AppId;
use serde_json::{Value as Json, json};

use crate::http;
use crate::rig::app::App;
use crate::rig::eventually::within;
use crate::rig::load::Load;
use crate::rig::platform::{EXTERNAL_HTTP, EXTERNAL_HTTPS, HOST, Platform, ask};

/// How long anything may take before the story gives up: a rolling restart of eight tasks on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// Parallel clients of the load generator.
const CLIENTS: usize = 8;
const PRODUCTION: &str = "/app/production/test-server";
const STAGING: &str = "/app/staging/test-server";
const BACKEND: &str = "cluster_production:test-server";
const PREFIX: &str = "app/production/test-server/";
/// What the app's wrappers share: the record of its last restart outlives them all.
const NOTES: &str = "svc-wrapper/v1/app/production/test-server/";

/// Walks through the whole story.
///
/// # Errors
///
/// At the first step that does not happen as told.
pub async fn run(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    deploy(platform, say).await?;
    let loads = || [&platform.internal, &platform.external].map(|it| it.haproxy().loads());
    let before = loads();
    configure(platform, say).await?;
    crash(platform, say).await?;
    scale(platform, say).await?;
    roll(platform, say).await?;
    ensure!(loads() == before, "HAProxy was reloaded: {:?} times instead of {before:?}", loads());
    say("No HAProxy was reloaded since both apps were deployed");
    delete(platform, say).await
}

/// Deploys to two environments and reaches them at their ports and by their host names.
pub async fn deploy(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    say("Deploy four test servers to production and one to staging");
    platform.deploy("production", 4, "1", |line| say(&format!("  {line}"))).await?;
    platform.deploy("staging", 1, "1", |line| say(&format!("  {line}"))).await?;
    let tasks = platform.answered_by(3000, 4).await?;
    say(&format!("  {} is answered by {} tasks in turn", platform.port(3000), tasks.len()));
    platform.answered_by(13000, 1).await?;
    say(&format!("  {} is answered by the one in staging", platform.port(13000)));

    let http = platform.port(EXTERNAL_HTTP);
    for (host, app) in [(HOST.to_owned(), PRODUCTION), (format!("staging-{HOST}"), STAGING)] {
        let by_host = async || {
            let answer = ask(http, Some(&host)).await.map_err(|error| format!("{error:#}"))?;
            is_from(&answer, app)
        };
        within(&format!("{host} over HTTP"), PATIENCE, by_host).await?;
        let answer = platform.certificate.get(platform.port(EXTERNAL_HTTPS), &host).await?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{host} over HTTPS: {answer}");
        ensure!(
            answer.contains(&format!("app: {app}")),
            "{host} over HTTPS went elsewhere: {answer}"
        );
        let head = answer.to_ascii_lowercase();
        ensure!(
            head.contains("strict-transport-security: max-age="),
            "{host}: no security headers: {answer}"
        );
        say(&format!("  {host} reaches {app} over HTTP and HTTPS"));
    }
    Ok(())
}

/// Changes a setting: one rolling restart, and nobody notices. Writes it again: nothing happens.
pub async fn configure(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    say(&format!("Change {PREFIX}GREETING under load"));
    let before = app(platform).tasks().await?;
    let versions = app(platform).versions().await?;
    let load = Load::start(platform.port(3000), CLIENTS);
    app(platform).put("GREETING", "hello").await?;
    app(platform).replaced(&before).await?;
    app(platform).sees("GREETING", "hello", 4).await?;
    say("  every task was replaced and sees the new value");
    expect_no_failures(load, say).await?;
    app(platform).expect_versions(versions + 1).await?;

    say("Write the same value again, then another one");
    let before = app(platform).tasks().await?;
    app(platform).put("GREETING", "hello").await?;
    app(platform).put("GREETING", "good evening").await?;
    app(platform).replaced(&before).await?;
    app(platform).sees("GREETING", "good evening", 4).await?;
    // Had the first write caused a deployment, there would be two new versions now.
    app(platform).expect_versions(versions + 2).await?;
    say("  one deployment for the new value, none for the same");
    Ok(())
}

/// Kills a task without warning.
pub async fn crash(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    has_servers(platform, 4).await?;
    let app = app(platform).look().await?;
    let victim = app.tasks.first().context("no tasks")?;
    let port = victim.ports.first().context("a task without a port")?;
    let server = format!("_{}_{port}", victim.host);
    say(&format!("Kill {} with SIGKILL", victim.id));
    let killed = Instant::now();
    let url = format!("{}/tasks/{}/kill", platform.faults_url(), victim.id);
    http::client()?.post(url).send().await?.error_for_status()?;
    within("the task to leave HAProxy", PATIENCE, async || {
        let servers = platform.internal.servers(BACKEND).map_err(|error| error.to_string())?;
        if servers.iter().any(|name| name.ends_with(&server)) {
            Err(server.clone())
        } else {
            Ok(())
        }
    })
    .await?;
    say(&format!("  it left haproxy.cfg after {} ms", killed.elapsed().as_millis()));
    let load = Load::start(platform.port(3000), CLIENTS);
    let tasks = platform.answered_by(3000, 4).await?;
    ensure!(!tasks.contains(victim.id.as_str()), "the killed task still answers");
    say("  a new one took its place");
    expect_no_failures(load, say).await
}

/// Scales up and down under load.
pub async fn scale(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    let marathon = platform.marathon()?;
    let load = Load::start(platform.port(3000), CLIENTS);
    for instances in [8, 1, 4] {
        say(&format!("Scale to {instances}"));
        marathon.update(&AppId::new(PRODUCTION), &json!({ "instances": instances })).await?;
        platform.answered_by(3000, instances).await?;
        has_servers(platform, instances).await?;
        app(platform).settled().await?;
        say(&format!("  {instances} tasks answer, haproxy.cfg has {instances} servers"));
    }
    expect_no_failures(load, say).await
}

/// Deploys a new version under load.
pub async fn roll(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    say("Deploy version 2 under load");
    let before = app(platform).tasks().await?;
    let load = Load::start(platform.port(3000), CLIENTS);
    platform.deploy("production", 4, "2", |line| say(&format!("  {line}"))).await?;
    app(platform).replaced(&before).await?;
    platform.answered_by(3000, 4).await?;
    expect_no_failures(load, say).await
}

/// Deletes both apps and the settings: nothing is left.
pub async fn delete(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    say("Delete both apps");
    let marathon = platform.marathon()?;
    for app in [PRODUCTION, STAGING] {
        marathon.delete(&AppId::new(app)).await?;
    }
    let agents = platform.consul.agents();
    within("Consul to be empty", PATIENCE, async || {
        for agent in agents {
            let services =
                agent.client().agent_services().await.map_err(|error| error.to_string())?;
            if let Some(id) = services.keys().next() {
                return Err(format!("{id} is still registered on {}", agent.name()));
            }
        }
        Ok(())
    })
    .await?;
    has_servers(platform, 0).await?;
    within("the frontends to be gone", PATIENCE, async || {
        for balancer in [&platform.internal, &platform.external] {
            let config = balancer.config().map_err(|error| error.to_string())?;
            if config.contains("test-server") {
                return Err(format!("still in {}", balancer.config_path().display()));
            }
        }
        Ok(())
    })
    .await?;
    let consul = platform.consul.agents().first().context("no agents")?.client();
    for folder in [PREFIX, NOTES] {
        consul.kv_delete_tree(folder).await?;
    }
    within("the wrappers' keys to be gone", PATIENCE, async || {
        let keys =
            consul.kv_list("", &Query::default()).await.map_err(|error| error.to_string())?.value;
        if keys.is_empty() { Ok(()) } else { Err(format!("{keys:?}")) }
    })
    .await?;
    say("  no service, no key and no frontend is left");
    Ok(())
}

fn app(platform: &Platform) -> App<'_> {
    App { platform, id: PRODUCTION, port: 3000 }
}

fn is_from(answer: &Json, app: &str) -> Result<(), String> {
    match answer.get("app").and_then(Json::as_str) {
        Some(from) if from == app => Ok(()),
        from => Err(format!("{from:?} answered")),
    }
}

async fn has_servers(platform: &Platform, wanted: usize) -> Result<()> {
    within(&format!("{wanted} servers in haproxy.cfg"), PATIENCE, async || {
        let servers = platform.internal.servers(BACKEND).map_err(|error| error.to_string())?;
        if servers.len() == wanted { Ok(()) } else { Err(format!("{servers:?}")) }
    })
    .await
}

async fn expect_no_failures(load: Load, say: &mut dyn FnMut(&str)) -> Result<()> {
    let report = load.stop().await;
    say(&format!("  {} requests, {} failed", report.requests, report.failed()));
    ensure!(report.requests > 0, "the load generator sent nothing");
    ensure!(report.failures.is_empty(), "requests failed: {:?}", report.failures);
    Ok(())
}
