//! What the README tells, step by step: deploy, reach, configure, crash, scale, roll, delete.
//!
//! Each step says what it sees and fails with what it did not see. They build on each other, in the order of [`run`].

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use consul::Query;
use consul::kv::Condition;
use marathon::{App, AppId};
use serde_json::{Value as Json, json};

use crate::http;
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

/// Walks through the whole story.
///
/// # Errors
///
/// At the first step that does not happen as told.
pub async fn run(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    deploy(platform, say).await?;
    configure(platform, say).await?;
    crash(platform, say).await?;
    scale(platform, say).await?;
    roll(platform, say).await?;
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
    let before = tasks(platform, PRODUCTION).await?;
    let versions = version_count(platform).await?;
    let load = Load::start(platform.port(3000), CLIENTS);
    put(platform, "GREETING", "hello").await?;
    all_replaced(platform, &before).await?;
    all_see(platform, "GREETING", "hello", 4).await?;
    say("  every task was replaced and sees the new value");
    expect_no_failures(load, say).await?;
    expect_versions(platform, versions + 1).await?;

    say("Write the same value again, then another one");
    let before = tasks(platform, PRODUCTION).await?;
    put(platform, "GREETING", "hello").await?;
    put(platform, "GREETING", "good evening").await?;
    all_replaced(platform, &before).await?;
    all_see(platform, "GREETING", "good evening", 4).await?;
    // Had the first write caused a deployment, there would be two new versions now.
    expect_versions(platform, versions + 2).await?;
    say("  one deployment for the new value, none for the same");
    Ok(())
}

/// Kills a task without warning.
pub async fn crash(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    has_servers(platform, 4).await?;
    let app = app(platform, PRODUCTION).await?;
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
        settled(platform).await?;
        say(&format!("  {instances} tasks answer, haproxy.cfg has {instances} servers"));
    }
    expect_no_failures(load, say).await
}

/// Deploys a new version under load.
pub async fn roll(platform: &Platform, say: &mut dyn FnMut(&str)) -> Result<()> {
    say("Deploy version 2 under load");
    let before = tasks(platform, PRODUCTION).await?;
    let load = Load::start(platform.port(3000), CLIENTS);
    platform.deploy("production", 4, "2", |line| say(&format!("  {line}"))).await?;
    all_replaced(platform, &before).await?;
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
    consul.kv_delete_tree(PREFIX).await?;
    within("the wrappers' keys to be gone", PATIENCE, async || {
        let keys =
            consul.kv_list("", &Query::default()).await.map_err(|error| error.to_string())?.value;
        if keys.is_empty() { Ok(()) } else { Err(format!("{keys:?}")) }
    })
    .await?;
    say("  no service, no key and no frontend is left");
    Ok(())
}

fn is_from(answer: &Json, app: &str) -> Result<(), String> {
    match answer.get("app").and_then(Json::as_str) {
        Some(from) if from == app => Ok(()),
        from => Err(format!("{from:?} answered")),
    }
}

async fn put(platform: &Platform, name: &str, value: &str) -> Result<()> {
    let agent = platform.consul.agents().last().context("no agents")?;
    agent.client().kv_put(&format!("{PREFIX}{name}"), value, Condition::Always).await?;
    Ok(())
}

async fn app(platform: &Platform, id: &str) -> Result<App> {
    Ok(platform.marathon()?.app(&AppId::new(id)).await?)
}

async fn tasks(platform: &Platform, id: &str) -> Result<BTreeSet<String>> {
    Ok(app(platform, id).await?.tasks.iter().map(|task| task.id.to_string()).collect())
}

/// Waits until no deployment runs.
async fn settled(platform: &Platform) -> Result<()> {
    within("the deployments to end", PATIENCE, async || {
        let running =
            app(platform, PRODUCTION).await.map_err(|error| format!("{error:#}"))?.deployments;
        if running.is_empty() { Ok(()) } else { Err(format!("{} still run", running.len())) }
    })
    .await
}

/// Waits until none of the given tasks is left and no deployment runs.
async fn all_replaced(platform: &Platform, before: &BTreeSet<String>) -> Result<()> {
    within("every task to be replaced", PATIENCE, async || {
        let now = tasks(platform, PRODUCTION).await.map_err(|error| format!("{error:#}"))?;
        match before.intersection(&now).count() {
            0 => Ok(()),
            left => Err(format!("{left} of {} are still there", before.len())),
        }
    })
    .await?;
    settled(platform).await
}

/// Waits until a variable has a value in all tasks that answer on port 3000.
async fn all_see(platform: &Platform, name: &str, value: &str, wanted: usize) -> Result<()> {
    within(&format!("{name} to be {value}"), PATIENCE, async || {
        for _ in 0..wanted * 2 {
            let answer =
                ask(platform.port(3000), None).await.map_err(|error| format!("{error:#}"))?;
            let seen = answer.pointer(&format!("/env/{name}")).and_then(Json::as_str);
            if seen != Some(value) {
                return Err(format!("a task sees {seen:?}"));
            }
        }
        Ok(())
    })
    .await
}

async fn has_servers(platform: &Platform, wanted: usize) -> Result<()> {
    within(&format!("{wanted} servers in haproxy.cfg"), PATIENCE, async || {
        let servers = platform.internal.servers(BACKEND).map_err(|error| error.to_string())?;
        if servers.len() == wanted { Ok(()) } else { Err(format!("{servers:?}")) }
    })
    .await
}

async fn version_count(platform: &Platform) -> Result<usize> {
    let url = format!("{}/v2/apps{PRODUCTION}/versions", platform.marathon_url());
    let answer: Json = http::get(&url).await?.error_for_status()?.json().await?;
    Ok(answer.get("versions").and_then(Json::as_array).context("no versions")?.len())
}

/// Each deployment makes one version of the app.
async fn expect_versions(platform: &Platform, wanted: usize) -> Result<()> {
    let versions = version_count(platform).await?;
    ensure!(versions == wanted, "{versions} versions of the app instead of {wanted}");
    Ok(())
}

async fn expect_no_failures(load: Load, say: &mut dyn FnMut(&str)) -> Result<()> {
    let report = load.stop().await;
    say(&format!("  {} requests, {} failed", report.requests, report.failed()));
    ensure!(report.requests > 0, "the load generator sent nothing");
    ensure!(report.failures.is_empty(), "requests failed: {:?}", report.failures);
    Ok(())
}
