//! Apps, tasks, deployments and the rest as JSON, in the format of a release.
//!
//! Public clients build objects from exactly these keys: Python's `marathon` fails on any other. So nothing is
//! added to what Marathon sends, and absent options are omitted where 1.11 omits them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::app_id::AppId;
use super::cluster::deployment::{Deployment, Kind, Step};
use super::cluster::task::Task;
use super::cluster::{App, Cluster, Record, change::service_ports};
use super::compat::Compat;
use super::legacy;
use super::stamp;

/// What a client wants to see beside the definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Embed {
    /// The tasks.
    pub tasks: bool,
    /// The last failure.
    pub last_failure: bool,
}

/// A definition: the whole of `/v2/apps/ID/versions/VERSION`.
pub fn definition(app: &App, compat: Compat) -> Value {
    let mut out = legacy::render(&app.fields, compat);
    out.insert("id".to_owned(), app.id.as_str().into());
    out.insert("version".to_owned(), stamp::text(app.version).into());
    let info = json!({
        "lastScalingAt": stamp::text(app.last_scaling_at),
        "lastConfigChangeAt": stamp::text(app.last_config_change_at),
    });
    out.insert("versionInfo".to_owned(), info);
    out.into()
}

/// An app with what is known about its tasks.
pub fn app(cluster: &Cluster, record: &Record, embed: Embed) -> Value {
    let id = &record.app.id;
    let count = |which: fn(&Task) -> bool| cluster.tasks_of(id).filter(|t| which(t)).count();
    let deployments = cluster.deployments_of(id).map(|d| json!({"id": d.id}));
    let deployments: Vec<Value> = deployments.collect();
    let mut out = definition(&record.app, cluster.compat);
    let info = json!({
        "tasksStaged": count(|t| t.started_at().is_none()),
        "tasksRunning": count(Task::is_running),
        "tasksHealthy": count(|t| t.is_running() && t.health() == Some(true)),
        "tasksUnhealthy": count(|t| t.is_running() && t.health() == Some(false)),
        "deployments": deployments,
    });
    let Some(map) = out.as_object_mut() else { return out };
    map.extend(info.as_object().cloned().into_iter().flatten());
    if embed.tasks {
        map.insert(
            "tasks".to_owned(),
            cluster.tasks_of(id).map(|t| task(cluster, t, false)).collect(),
        );
    }
    if embed.last_failure
        && let Some(failure) = &record.last_failure
    {
        let failure = json!({
            "appId": id.as_str(), "host": failure.host.to_string(), "message": failure.message,
            "state": failure.state, "taskId": failure.task, "timestamp": stamp::text(failure.at),
            "version": stamp::text(failure.version), "slaveId": failure.agent,
        });
        map.insert("lastTaskFailure".to_owned(), failure);
    }
    out
}

/// The answer to a POST: nothing runs yet, whatever has been started meanwhile.
pub fn created(record: &Record, deployment: &str, compat: Compat) -> Value {
    let mut out = definition(&record.app, compat);
    let Some(map) = out.as_object_mut() else { return out };
    let info = json!({
        "tasksStaged": 0, "tasksRunning": 0, "tasksHealthy": 0, "tasksUnhealthy": 0,
        "deployments": [{"id": deployment}],
    });
    map.extend(info.as_object().cloned().into_iter().flatten());
    if compat < Compat::V1_4 {
        map.insert("tasks".to_owned(), json!([]));
    }
    out
}

/// A task; its service ports only where all tasks are listed.
pub fn task(cluster: &Cluster, task: &Task, with_service_ports: bool) -> Value {
    let compat = cluster.compat;
    let mut out = Map::new();
    let mut set = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    set("id", task.id.clone().into());
    set("appId", task.app.as_str().into());
    set("host", task.host.to_string().into());
    set("slaveId", task.agent.clone().into());
    set("ports", task.ports.clone().into());
    set("stagedAt", stamp::text(task.staged_at).into());
    set("version", stamp::text(task.definition.version).into());
    match task.started_at() {
        Some(at) => set("startedAt", stamp::text(at).into()),
        None if compat.omits_absent() => {}
        None => set("startedAt", Value::Null),
    }
    if with_service_ports {
        set("servicePorts", service_ports(&task.definition).into());
    }
    if compat >= Compat::V1_4 {
        set("state", task.state().into());
        set("ipAddresses", ip_addresses(task));
        set("localVolumes", json!([]));
    } else {
        set("servicePorts", service_ports(&task.definition).into());
    }
    set("healthCheckResults", health_results(task, compat));
    out.into()
}

/// The addresses of a task, known once it runs.
pub fn ip_addresses(task: &Task) -> Value {
    match task.started_at() {
        Some(_) => json!([{"ipAddress": task.host.to_string(), "protocol": "IPv4"}]),
        None => json!([]),
    }
}

fn health_results(task: &Task, compat: Compat) -> Value {
    let at = |time: Option<Timestamp>| time.map(stamp::text);
    let (key, id) = if compat.has_instances() {
        ("instanceId", task.instance.id(&task.app, compat))
    } else {
        ("taskId", task.id.clone())
    };
    let results = task.checks.iter().filter(|check| check.has_result).map(|check| {
        json!({
            "alive": check.is_alive(), "consecutiveFailures": check.consecutive_failures,
            "firstSuccess": at(check.first_success), "lastFailure": at(check.last_failure),
            "lastSuccess": at(check.last_success),
            "lastFailureCause": check.last_failure_cause, key: id,
        })
    });
    results.collect()
}

/// A step, as in events.
pub fn step(step: &Step) -> Value {
    json!({"actions": actions(step)})
}

fn actions(step: &Step) -> Vec<Value> {
    let action = |(id, kind): (&AppId, &Kind)| json!({"action": kind.name(), "app": id.as_str()});
    step.iter().map(action).collect()
}

/// The plan of a deployment, as in events; with both groups before 1.8.
pub fn plan(deployment: &Deployment, compat: Compat) -> Value {
    let steps: Vec<Value> = deployment.steps.iter().map(step).collect();
    let mut out = json!({
        "id": deployment.id, "version": stamp::text(deployment.version), "steps": steps,
    });
    if let (Some((original, target)), Some(map), false) =
        (&deployment.groups, out.as_object_mut(), compat.omits_absent())
    {
        map.insert("original".to_owned(), original.clone());
        map.insert("target".to_owned(), target.clone());
    }
    out
}

/// A running deployment.
pub fn deployment(deployment: &Deployment, compat: Compat) -> Value {
    let in_format = |s: &Step| if compat < Compat::V1_4 { actions(s).into() } else { step(s) };
    let steps: Vec<Value> = deployment.steps.iter().map(in_format).collect();
    let affected: Vec<&str> = deployment.before.keys().map(AppId::as_str).collect();
    let current = deployment.step().map(|step| {
        step.iter().map(|(id, kind)| {
            json!({"action": kind.name(), "app": id.as_str(), "readinessCheckResults": []})
        })
    });
    let current: Vec<Value> = current.into_iter().flatten().collect();
    let mut out = json!({
        "id": deployment.id, "version": stamp::text(deployment.version), "affectedApps": affected,
        "steps": steps, "currentActions": current, "currentStep": deployment.current,
        "totalSteps": deployment.steps.len(),
    });
    if let (true, Some(map)) = (compat >= Compat::V1_4, out.as_object_mut()) {
        map.insert("affectedPods".to_owned(), json!([]));
    }
    out
}

/// What waits to be launched.
pub fn queue(cluster: &Cluster, now: Timestamp) -> Value {
    let waiting = cluster.apps().filter_map(|(_, record)| Some((record, record.waiting?)));
    let entries: Vec<Value> = waiting
        .map(|(record, waiting)| {
            let left = record.backoff.left(now);
            let mut entry = json!({
                "app": definition(&record.app, cluster.compat), "count": waiting.count,
                "delay": {"timeLeftSeconds": left.as_secs_f64().ceil(), "overdue": left.is_zero()},
            });
            let newer = json!({
                "since": stamp::text(waiting.since),
                "processedOffersSummary": {"processedOffersCount": 0, "unusedOffersCount": 0},
            });
            if let (true, Some(map)) = (cluster.compat >= Compat::V1_4, entry.as_object_mut()) {
                map.extend(newer.as_object().cloned().into_iter().flatten());
            }
            entry
        })
        .collect();
    json!({"queue": entries})
}

/// The root group.
pub fn group_of_all(cluster: &Cluster) -> Value {
    group(cluster, "/")
}

/// A group with its apps and the groups below; groups exist because apps are in them.
pub fn group(cluster: &Cluster, path: &str) -> Value {
    let inside = || cluster.apps().filter(|(id, _)| id.is_in(path));
    let apps = inside().filter(|(id, _)| id.parent() == path);
    let apps: Vec<Value> = apps.map(|(_, r)| definition(&r.app, cluster.compat)).collect();
    let prefix = path.trim_end_matches('/');
    let mut below: Vec<String> = inside()
        .filter_map(|(id, _)| {
            let rest = id.as_str().strip_prefix(prefix)?.strip_prefix('/')?;
            rest.split_once('/').map(|(next, _)| format!("{prefix}/{next}"))
        })
        .collect();
    below.dedup();
    let groups: Vec<Value> = below.iter().map(|path| group(cluster, path)).collect();
    let version = inside().map(|(_, r)| r.app.version).max().unwrap_or(Timestamp::UNIX_EPOCH);
    let mut out = json!({
        "id": path, "apps": apps, "groups": groups, "dependencies": [],
        "version": stamp::text(version),
    });
    if let (true, Some(map)) = (cluster.compat >= Compat::V1_4, out.as_object_mut()) {
        map.insert("pods".to_owned(), json!([]));
    }
    out
}

/// `/v2/info`.
pub fn info(compat: Compat, leader: &str) -> Value {
    let (host, port) = leader.rsplit_once(':').unwrap_or((leader, "8080"));
    let port = port.parse::<u16>().unwrap_or(8080);
    json!({
        "name": "marathon", "version": compat.release(), "buildref": "development",
        "elected": true, "leader": leader, "frameworkId": "dev-marathon",
        "marathon_config": {
            "hostname": host, "ha": false, "local_port_min": 10_000, "local_port_max": 20_000,
            "master": "none", "framework_name": "marathon", "checkpoint": true,
        },
        "zookeeper_config": {"zk": "none"},
        "http_config": {"http_port": port, "https_port": 8443},
    })
}
