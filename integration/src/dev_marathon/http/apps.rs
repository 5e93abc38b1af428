//! `/v2/apps` and what is below it.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{HeaderName, LOCATION};
use serde_json::{Value, json};

use super::call::Call;
use super::{Reply, location};
use crate::dev_marathon::app_id::AppId;
use crate::dev_marathon::cluster::change::{Edit, Receipt};
use crate::dev_marathon::cluster::{Cluster, Record};
use crate::dev_marathon::definition;
use crate::dev_marathon::refusal::{Refusal, Violation};
use crate::dev_marathon::selector::Selector;
use crate::dev_marathon::serve::Marathon;
use crate::dev_marathon::stamp;
use crate::dev_marathon::wire::{self, Embed};

const DEPLOYMENT_ID: HeaderName = HeaderName::from_static("marathon-deployment-id");

/// An id in a path; one that cannot be is one that is not there.
pub(super) fn id_of(text: &str) -> Result<AppId, Refusal> {
    AppId::parse(text).ok_or_else(|| Refusal::NoApp(text.to_owned(), None))
}

/// The answer to a change.
pub(super) fn receipt(receipt: &Receipt) -> Reply {
    let version = stamp::text(receipt.version);
    Reply::json(json!({"version": version, "deploymentId": receipt.deployment}))
        .with(DEPLOYMENT_ID, receipt.deployment.clone())
}

fn embed(call: &Call) -> Embed {
    let all = call.all("embed");
    let names: Vec<&str> = all.iter().map(|e| e.rsplit('.').next().unwrap_or(e)).collect();
    let failures = names.contains(&"failures");
    Embed {
        tasks: failures || names.contains(&"tasks"),
        last_failure: failures || names.contains(&"lastTaskFailure"),
    }
}

/// `GET /v2/apps`
pub(super) fn list(cluster: &Cluster, call: &Call) -> Result<Reply, Refusal> {
    let selector = call.one("label").map(Selector::parse).transpose();
    let selector = selector.map_err(|err| Refusal::Invalid(vec![Violation::new("/label", err)]))?;
    let contains = |text: &str, part: Option<&str>| {
        part.is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
    };
    let matches = |record: &&Record| {
        let spec = &record.app.spec;
        contains(record.app.id.as_str(), call.one("id"))
            && contains(spec.cmd.as_deref().unwrap_or_default(), call.one("cmd"))
            && selector.as_ref().is_none_or(|selector| selector.matches(&spec.labels))
    };
    let apps = cluster.apps().map(|(_, record)| record).filter(matches);
    let apps: Vec<Value> = apps.map(|record| wire::app(cluster, record, embed(call))).collect();
    Ok(Reply::json(json!({"apps": apps})))
}

/// `GET /v2/apps/ID`
pub(super) fn show(cluster: &Cluster, id: &str) -> Result<Reply, Refusal> {
    let all = Embed { tasks: true, last_failure: true };
    let app = wire::app(cluster, cluster.app(&id_of(id)?)?, all);
    Ok(Reply::json(json!({"app": app})))
}

/// `GET /v2/apps/GROUP/*`
pub(super) fn list_under(cluster: &Cluster, group: &str, call: &Call) -> Reply {
    let apps = cluster.apps().filter(|(id, _)| id.is_in(group));
    let apps: Vec<Value> = apps.map(|(_, r)| wire::app(cluster, r, embed(call))).collect();
    Reply::json(json!({"*": apps}))
}

/// `GET /v2/apps/ID/versions`
pub(super) fn versions(cluster: &Cluster, id: &str) -> Result<Reply, Refusal> {
    let versions = cluster.app(&id_of(id)?)?.versions.keys().rev().map(|v| stamp::text(*v));
    Ok(Reply::json(json!({"versions": versions.collect::<Vec<_>>()})))
}

/// `GET /v2/apps/ID/versions/VERSION`
pub(super) fn version(cluster: &Cluster, id: &str, version: &str) -> Result<Reply, Refusal> {
    let record = cluster.app(&id_of(id)?)?;
    let app = stamp::parse(version).and_then(|at| record.versions.get(&at));
    let missing = || Refusal::NoApp(id.to_owned(), Some(version.to_owned()));
    Ok(Reply::json(wire::definition(app.ok_or_else(missing)?, cluster.compat)))
}

/// `POST /v2/apps`
pub(super) fn create(marathon: &Arc<Marathon>, call: &Call) -> Result<Reply, Refusal> {
    let body = call.json()?;
    let force = call.flag("force", false);
    marathon.turn(|cluster, outside| {
        let fields = definition::read(&body, cluster.compat)?;
        let id = Cluster::id_in(&fields)?;
        let made = cluster.create(id.clone(), fields, force, outside)?;
        cluster.announce_api_post(&call.client, &call.uri, &id, outside.now);
        let answer = wire::created(cluster.app(&id)?, &made.deployment, cluster.compat);
        let reply = Reply { status: StatusCode::CREATED, ..Reply::json(answer) };
        let at = location(call, id.as_str());
        Ok(reply.with(LOCATION, at).with(DEPLOYMENT_ID, made.deployment))
    })
}

/// `PUT` and `PATCH /v2/apps/ID`
pub(super) fn update(marathon: &Arc<Marathon>, id: &str, call: &Call) -> Result<Reply, Refusal> {
    let id = id_of(id)?;
    let body = call.json()?;
    let must_exist = call.method == "PATCH";
    let partial = must_exist || call.flag("partialUpdate", true);
    let force = call.flag("force", false);
    marathon.turn(|cluster, outside| {
        let is_new = cluster.app(&id).map(drop);
        if must_exist {
            is_new.clone()?;
        }
        let fields = definition::read(&body, cluster.compat)?;
        let app = cluster.define(id.clone(), fields, partial)?;
        let done = cluster.deploy(vec![Edit::Put(app)], force, outside)?;
        cluster.announce_api_post(&call.client, &call.uri, &id, outside.now);
        let reply = receipt(&done);
        Ok(match is_new {
            Ok(()) => reply,
            Err(_) => Reply { status: StatusCode::CREATED, ..reply }
                .with(LOCATION, location(call, id.as_str())),
        })
    })
}

/// `PUT` and `PATCH /v2/apps`: an array of apps as one deployment.
pub(super) fn update_all(
    marathon: &Arc<Marathon>,
    must_exist: bool,
    call: &Call,
) -> Result<Reply, Refusal> {
    let body = call.json()?;
    let Some(items) = body.as_array() else {
        return Err(Refusal::Types(vec![Violation::new("", "error.expected.jsarray")]));
    };
    let partial = must_exist || call.flag("partialUpdate", true);
    let force = call.flag("force", false);
    marathon.turn(|cluster, outside| {
        let mut edits = Vec::new();
        for item in items {
            let fields = definition::read(item, cluster.compat)?;
            let id = Cluster::id_in(&fields)?;
            if must_exist {
                cluster.app(&id)?;
            }
            edits.push(Edit::Put(cluster.define(id, fields, partial)?));
        }
        cluster.deploy(edits, force, outside).map(|done| receipt(&done))
    })
}

/// `DELETE /v2/apps/ID`: forced unless told otherwise.
pub(super) fn delete(marathon: &Arc<Marathon>, id: &str, call: &Call) -> Result<Reply, Refusal> {
    let id = id_of(id)?;
    let force = call.flag("force", true);
    marathon.turn(|cluster, outside| {
        cluster.deploy(vec![Edit::Remove(id)], force, outside).map(|done| receipt(&done))
    })
}

/// `POST /v2/apps/ID/restart`
pub(super) fn restart(marathon: &Arc<Marathon>, id: &str, call: &Call) -> Result<Reply, Refusal> {
    let id = id_of(id)?;
    let force = call.flag("force", false);
    marathon.turn(|cluster, outside| {
        cluster.deploy(vec![Edit::Restart(id)], force, outside).map(|done| receipt(&done))
    })
}

/// `GET /v2/apps/ID/tasks`
pub(super) fn tasks(cluster: &Cluster, id: &str) -> Result<Reply, Refusal> {
    let id = id_of(id)?;
    cluster.app(&id)?;
    let tasks: Vec<Value> = cluster.tasks_of(&id).map(|t| wire::task(cluster, t, false)).collect();
    Ok(Reply::json(json!({"tasks": tasks})))
}

/// `DELETE /v2/apps/ID/tasks` and `DELETE /v2/apps/ID/tasks/TASK`
pub(super) fn kill(
    marathon: &Arc<Marathon>,
    id: &str,
    only: Option<&str>,
    call: &Call,
) -> Result<Reply, Refusal> {
    let id = id_of(id)?;
    let host = call.one("host");
    let ids = marathon.look(|cluster| {
        cluster.app(&id)?;
        let wanted = cluster.tasks_of(&id).filter(|t| only.is_none_or(|only| t.id == only));
        let wanted = wanted.filter(|t| host.is_none_or(|host| t.host.to_string() == host));
        Ok(wanted.map(|t| t.id.clone()).collect::<Vec<_>>())
    })?;
    match only {
        Some(task) if ids.is_empty() => Err(Refusal::NoTask(task.to_owned())),
        Some(_) => kill_ids(marathon, &ids, call, |mut tasks| json!({"task": tasks.pop()})),
        None => kill_ids(marathon, &ids, call, |tasks| json!({"tasks": tasks})),
    }
}

/// Kills tasks and answers with them as they were, or with the deployment that made their apps smaller.
pub(super) fn kill_ids(
    marathon: &Arc<Marathon>,
    ids: &[String],
    call: &Call,
    answer: impl FnOnce(Vec<Value>) -> Value,
) -> Result<Reply, Refusal> {
    let (scale, wipe) = (call.flag("scale", false), call.flag("wipe", false));
    if scale && wipe {
        return Err(Refusal::ScaleAndWipe);
    }
    let force = call.flag("force", false);
    marathon.turn(|cluster, outside| {
        let tasks = ids.iter().filter_map(|id| cluster.task(id));
        let tasks = tasks.map(|t| wire::task(cluster, t, false)).collect();
        let done = cluster.kill_tasks(ids, scale, force, outside)?;
        Ok(done.map_or_else(|| Reply::json(answer(tasks)), |done| receipt(&done)))
    })
}
