//! A Marathon of ten thousand tasks that only answers: apps, one app, events.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

const APPS: usize = 1000;
const TASKS: usize = 10;
const VERSION: &str = "2026-01-01T00:00:00.000Z";

/// The stand-in.
pub(crate) struct Crowd {
    url: String,
    here: Ipv4Addr,
    state: Arc<Shared>,
}

struct Shared {
    apps: Mutex<Vec<App>>,
    events: broadcast::Sender<String>,
    bytes: AtomicU64,
}

struct App {
    tasks: Vec<Task>,
    json: String,
}

#[derive(Clone)]
struct Task {
    id: String,
    host: String,
    port: usize,
    state: &'static str,
}

impl Crowd {
    /// Starts it; a tenth of the tasks is at `here`.
    pub(crate) async fn start(address: Ipv4Addr, here: Ipv4Addr) -> Result<Self> {
        let task = |app: usize, n: usize| {
            let host = if n == 0 { here.to_string() } else { format!("10.99.0.{n}") };
            Task { id: task_id(app, n, 0), host, port: 31000 + app, state: "TASK_RUNNING" }
        };
        let apps = (0..APPS).map(|app| {
            let tasks: Vec<_> = (0..TASKS).map(|n| task(app, n)).collect();
            App { json: render(app, &tasks), tasks }
        });
        let state = Arc::new(Shared {
            apps: Mutex::new(apps.collect()),
            events: broadcast::channel(8192).0,
            bytes: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/v2/apps", get(all))
            .route("/v2/apps/{*id}", get(one))
            .route("/v2/events", get(events))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind((address, 8080)).await?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url: format!("http://{address}:8080"), here, state })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it has sent of apps.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::Relaxed)
    }

    /// The ids of the services that should be at `here`.
    pub(crate) fn services(&self) -> BTreeSet<String> {
        let here = self.here.to_string();
        let apps = self.state.lock();
        let tasks = apps.iter().flat_map(|app| &app.tasks).filter(|task| task.host == here);
        tasks.map(|task| format!("{}:3000", task.id)).collect()
    }

    /// Replaces all tasks of the first `count` apps, one by one, ten apps at a time. Gives the number of events.
    pub(crate) async fn roll(&self, count: usize, pace: Duration) -> Result<usize> {
        let mut sent = 0;
        let mut ticks = tokio::time::interval(pace);
        for batch in 0..count / TASKS {
            for n in 0..TASKS {
                for app in batch * TASKS..(batch + 1) * TASKS {
                    ticks.tick().await;
                    sent += self.replace(app, n)?;
                }
            }
        }
        Ok(sent)
    }

    fn replace(&self, app: usize, n: usize) -> Result<usize> {
        let (old, new) = (task_id(app, n, 0), task_id(app, n, 1));
        let new = self.change(app, |tasks| {
            let old = tasks.iter().find(|task| task.id == old)?.clone();
            tasks.push(Task { id: new, ..old });
            tasks.last().cloned()
        })?;
        let mut sent = self.tell(app, &new, "TASK_RUNNING") + self.healthy(app, &new);
        let dying = self.change(app, |tasks| {
            let dying = tasks.iter_mut().find(|task| task.id == old)?;
            dying.state = "TASK_KILLING";
            Some(dying.clone())
        })?;
        sent += self.tell(app, &dying, "TASK_KILLING");
        self.change(app, |tasks| {
            tasks.retain(|task| task.id != old);
            Some(())
        })?;
        Ok(sent + self.tell(app, &dying, "TASK_KILLED"))
    }

    fn change<T>(
        &self,
        number: usize,
        change: impl FnOnce(&mut Vec<Task>) -> Option<T>,
    ) -> Result<T> {
        let mut apps = self.state.lock();
        let app = apps.get_mut(number).context("no such app")?;
        let changed = change(&mut app.tasks).context("no such task")?;
        app.json = render(number, &app.tasks);
        Ok(changed)
    }

    fn tell(&self, app: usize, task: &Task, status: &str) -> usize {
        self.send(&json!({
            "eventType": "status_update_event", "timestamp": VERSION, "slaveId": "S0", "taskId": task.id,
            "taskStatus": status, "message": "", "appId": app_id(app), "host": task.host,
            "ipAddresses": [{"ipAddress": "172.17.0.2", "protocol": "IPv4"}], "ports": [task.port], "version": VERSION,
        }))
    }

    fn healthy(&self, app: usize, task: &Task) -> usize {
        let instance = task.id.split("._app").next();
        self.send(&json!({
            "eventType": "instance_health_changed_event", "timestamp": VERSION, "runSpecId": app_id(app),
            "instanceId": instance, "healthy": true, "runSpecVersion": VERSION,
        }))
    }

    fn send(&self, event: &Value) -> usize {
        let kind = event.get("eventType").and_then(Value::as_str).unwrap_or_default();
        self.state.events.send(format!("event: {kind}\r\ndata: {event}\r\n\r\n")).ok();
        1
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<App>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, body: String) -> Response {
        self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        ([(CONTENT_TYPE, "application/json")], body).into_response()
    }
}

fn app_id(app: usize) -> String {
    format!("/app/production/service-{app:04}")
}

/// As 1.8 and later make them.
fn task_id(app: usize, n: usize, generation: usize) -> String {
    let uuid = format!("{app:04x}{n:04x}-7993-11e5-8878-{generation:012x}");
    format!("app_production_service-{app:04}.instance-{uuid}._app.1")
}

/// An app as Marathon 1.11 shows it, with the definition that people have.
fn render(app: usize, tasks: &[Task]) -> String {
    let tasks: Vec<_> = tasks.iter().map(|task| json!({
        "ipAddresses": [{"ipAddress": "172.17.0.2", "protocol": "IPv4"}], "stagedAt": VERSION, "state": task.state,
        "ports": [task.port], "startedAt": VERSION, "version": VERSION, "id": task.id, "appId": app_id(app),
        "slaveId": "2a1c4c3c-6c5f-4c6e-9e5d-111111111111-S0", "host": task.host, "region": "here", "zone": "here", "role": "*",
        "healthCheckResults": [{"alive": true, "consecutiveFailures": 0, "firstSuccess": VERSION, "lastFailure": null,
            "lastSuccess": VERSION, "lastFailureCause": null, "instanceId": task.id}],
    })).collect();
    let json = json!({
        "id": app_id(app), "acceptedResourceRoles": ["*"], "backoffFactor": 1.15, "backoffSeconds": 1, "cpus": 0.5, "disk": 0,
        "container": {"type": "DOCKER", "docker": {"forcePullImage": false, "image": "registry/team/service:1", "parameters": [],
            "privileged": false}, "volumes": [], "portMappings": [{"containerPort": 3000, "hostPort": 0, "labels": {},
            "name": "http", "protocol": "tcp", "servicePort": 10000 + app}]},
        "env": {"LOG_LEVEL": "info", "DATABASE": "postgres://db.production.example.com:5432/service", "REGION": "eu-central-1"},
        "labels": {"SERVICE_TAGS": "production,internal-listen-http-3000", "SERVICE_CHECK_TCP": "true", "team": "one"},
        "executor": "", "instances": TASKS, "maxLaunchDelaySeconds": 300, "mem": 512, "gpus": 0,
        "healthChecks": [{"gracePeriodSeconds": 60, "intervalSeconds": 10, "maxConsecutiveFailures": 3, "path": "/health",
            "portIndex": 0, "protocol": "MESOS_HTTP", "timeoutSeconds": 5, "delaySeconds": 15, "ipProtocol": "IPv4"}],
        "networks": [{"mode": "container/bridge"}], "requirePorts": false, "killSelection": "YOUNGEST_FIRST",
        "upgradeStrategy": {"maximumOverCapacity": 1, "minimumHealthCapacity": 1}, "version": VERSION, "role": "*",
        "versionInfo": {"lastScalingAt": VERSION, "lastConfigChangeAt": VERSION}, "unreachableStrategy": {"inactiveAfterSeconds": 0,
            "expungeAfterSeconds": 0}, "tasksStaged": 0, "tasksRunning": tasks.len(), "tasksHealthy": tasks.len(),
        "tasksUnhealthy": 0, "deployments": [], "tasks": tasks,
    });
    json.to_string()
}

async fn all(State(state): State<Arc<Shared>>) -> Response {
    let apps = state.lock();
    let texts: Vec<_> = apps.iter().map(|app| app.json.as_str()).collect();
    let body = format!("{{\"apps\":[{}]}}", texts.join(","));
    drop(apps);
    state.answer(body)
}

async fn one(State(state): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let number = id.rsplit('-').next().and_then(|number| number.parse::<usize>().ok());
    let body = number.and_then(|number| {
        let apps = state.lock();
        Some(format!("{{\"app\":{}}}", apps.get(number)?.json))
    });
    state.answer(body.unwrap_or_default())
}

async fn events(State(state): State<Arc<Shared>>) -> Response {
    let receiver = state.events.subscribe();
    let attached = format!(
        "event: event_stream_attached\r\ndata: {{\"eventType\":\"event_stream_attached\",\"timestamp\":\"{VERSION}\"}}\r\n\r\n"
    );
    let next = |(mut receiver, first): (broadcast::Receiver<String>, Option<String>)| async move {
        let frame = match first {
            Some(first) => first,
            None => receiver.recv().await.ok()?,
        };
        Some((Ok::<_, Infallible>(frame), (receiver, None)))
    };
    let body = Body::from_stream(stream::unfold((receiver, Some(attached)), next));
    ([(CONTENT_TYPE, "text/event-stream;charset=utf-8")], body).into_response()
}
