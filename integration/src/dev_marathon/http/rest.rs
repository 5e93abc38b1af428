//! Every route but the stream, each by the few lines that answer it.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::ACCEPT;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;
use super::{Reply, apps};
use crate::dev_marathon::cluster::Cluster;
use crate::dev_marathon::cluster::change::Edit;
use crate::dev_marathon::compat::Compat;
use crate::dev_marathon::refusal::{Refusal, Violation};
use crate::dev_marathon::route::Route;
use crate::dev_marathon::serve::Marathon;
use crate::dev_marathon::{stamp, wire};

pub(super) fn answer(
    marathon: &Arc<Marathon>,
    route: Route,
    call: &Call,
) -> Result<Reply, Refusal> {
    let show = |at: &dyn Fn(&Cluster) -> Result<Reply, Refusal>| marathon.look(at);
    match route {
        Route::Ping => Ok(ping(call)),
        Route::Metrics => Ok(metrics()),
        Route::Info => {
            show(&|cluster| Ok(Reply::json(wire::info(cluster.compat, &marathon.leader()))))
        }
        // Nothing here makes pods, which came with 1.4.
        Route::Pods => show(&|cluster| match cluster.compat {
            Compat::V0_13 => Err(Refusal::NoRoute("/v2/pods".to_owned())),
            Compat::V1_4 | Compat::V1_11 => Ok(Reply::json(json!([]))),
        }),
        Route::Pod(id) => Err(Refusal::NoPod(id.trim_end_matches("::status").to_owned())),
        Route::Leader => Ok(Reply::json(json!({"leader": marathon.leader()}))),
        Route::Abdicate => Ok(abdicate(marathon)),
        Route::Apps => show(&|cluster| apps::list(cluster, call)),
        Route::App(id) => show(&|cluster| apps::show(cluster, &id)),
        Route::AppsUnder(group) => show(&|cluster| Ok(apps::list_under(cluster, &group, call))),
        Route::Versions(id) => show(&|cluster| apps::versions(cluster, &id)),
        Route::Version(id, version) => show(&|cluster| apps::version(cluster, &id, &version)),
        Route::AppTasks(id) => show(&|cluster| apps::tasks(cluster, &id)),
        Route::CreateApp => apps::create(marathon, call),
        Route::UpdateApps { partial } => apps::update_all(marathon, partial, call),
        Route::PutApp(id) | Route::PatchApp(id) => apps::update(marathon, &id, call),
        Route::DeleteApp(id) => apps::delete(marathon, &id, call),
        Route::Restart(id) => apps::restart(marathon, &id, call),
        Route::KillAppTasks(id) => apps::kill(marathon, &id, None, call),
        Route::KillAppTask(id, task) => apps::kill(marathon, &id, Some(&task), call),
        Route::Tasks => show(&|cluster| Ok(tasks(cluster, call))),
        Route::KillTasks => kill_tasks(marathon, call),
        Route::Deployments => show(&|cluster| Ok(deployments(cluster))),
        Route::CancelDeployment(id) => cancel(marathon, &id, call),
        Route::Queue => show(&|cluster| Ok(Reply::json(wire::queue(cluster, Timestamp::now())))),
        Route::ResetDelay(id) => reset_delay(marathon, &id),
        Route::Group(id) => show(&|cluster| group(cluster, &id)),
        Route::GroupVersions => show(&|cluster| Ok(group_versions(cluster))),
        Route::DeleteGroup(id) => delete_group(marathon, &id, call),
        // Streams are answered before this is asked.
        Route::Events => Err(Refusal::MethodNotAllowed),
    }
}

fn ping(call: &Call) -> Reply {
    let accept = call.header(&ACCEPT).unwrap_or("*/*");
    if accept.contains("application/json") {
        Reply::json(json!("pong"))
    } else if accept.contains("text/") || accept.contains("*/*") {
        Reply::text(StatusCode::OK, "text/plain", "pong")
    } else {
        Reply::empty(StatusCode::NO_CONTENT)
    }
}

fn metrics() -> Reply {
    let now = stamp::text(Timestamp::now());
    Reply::json(json!({
        "version": "4.0.0", "start": now, "end": now, "counters": {}, "gauges": {}, "histograms": {},
        "meters": {}, "timers": {},
    }))
}

/// There is nobody else to be elected: the streams are closed and the same one leads again.
fn abdicate(marathon: &Marathon) -> Reply {
    marathon.elect(marathon.leader());
    let message = match marathon.look(|cluster| cluster.compat) {
        Compat::V0_13 => "Leadership abdicted",
        Compat::V1_4 | Compat::V1_11 => "Leadership abdicated",
    };
    Reply::json(json!({"message": message}))
}

fn tasks(cluster: &Cluster, call: &Call) -> Reply {
    let wanted = call.all("status");
    let is_wanted = |state: &str| {
        wanted.is_empty()
            || wanted.iter().any(|w| state == format!("TASK_{}", w.to_ascii_uppercase()))
    };
    let tasks = cluster.tasks().filter(|t| is_wanted(t.state()));
    let tasks: Vec<Value> = tasks.map(|t| wire::task(cluster, t, true)).collect();
    Reply::json(json!({"tasks": tasks}))
}

fn kill_tasks(marathon: &Arc<Marathon>, call: &Call) -> Result<Reply, Refusal> {
    let body = call.json()?;
    let ids = body.get("ids").and_then(Value::as_array);
    let ids =
        ids.ok_or_else(|| Refusal::Types(vec![Violation::new("/ids", "error.path.missing")]))?;
    let ids: Vec<String> = ids.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if let Some(bad) = ids.iter().find(|id| !id.contains('.')) {
        return Err(Refusal::BadTaskId(bad.clone()));
    }
    apps::kill_ids(marathon, &ids, call, |tasks| json!({"tasks": tasks}))
}

fn deployments(cluster: &Cluster) -> Reply {
    let all = cluster.deployments().iter().map(|d| wire::deployment(d, cluster.compat));
    Reply::json(all.collect())
}

fn cancel(marathon: &Arc<Marathon>, id: &str, call: &Call) -> Result<Reply, Refusal> {
    let force = call.flag("force", false);
    let done = marathon.turn(|cluster, outside| cluster.cancel(id, force, outside))?;
    Ok(done.map_or_else(|| Reply::empty(StatusCode::ACCEPTED), |done| apps::receipt(&done)))
}

fn reset_delay(marathon: &Arc<Marathon>, id: &str) -> Result<Reply, Refusal> {
    let id = apps::id_of(id)?;
    let was_waiting = marathon.turn(|cluster, outside| cluster.reset_delay(&id, outside));
    if was_waiting { Ok(Reply::empty(StatusCode::NO_CONTENT)) } else { Err(Refusal::NotQueued(id)) }
}

fn group(cluster: &Cluster, id: &str) -> Result<Reply, Refusal> {
    let is_there = id == "/" || cluster.apps().any(|(app, _)| app.is_in(id));
    if !is_there {
        return Err(Refusal::NoGroup(id.to_owned()));
    }
    Ok(Reply::json(wire::group(cluster, id)))
}

fn group_versions(cluster: &Cluster) -> Reply {
    let versions = cluster.apps().flat_map(|(_, record)| record.versions.keys());
    let mut versions: Vec<String> = versions.map(|version| stamp::text(*version)).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    Reply::json(json!(versions))
}

/// Forced only when told so, unlike the deletion of an app.
fn delete_group(marathon: &Arc<Marathon>, id: &str, call: &Call) -> Result<Reply, Refusal> {
    let force = call.flag("force", false);
    marathon.turn(|cluster, outside| {
        let inside = cluster.apps().filter(|(app, _)| app.is_in(id));
        let edits: Vec<Edit> = inside.map(|(app, _)| Edit::Remove(app.clone())).collect();
        if edits.is_empty() {
            return Err(Refusal::NoGroup(id.to_owned()));
        }
        cluster.deploy(edits, force, outside).map(|done| apps::receipt(&done))
    })
}
