//! The web service that the tutorial deploys: it shows who it is, and ends without cutting a request.
//!
//! After SIGTERM the health check answers 503, so load balancers turn away, while everything else is still
//! served; when nobody has asked for anything but the health check for the drain time, the server ends.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{ACCEPT, CONNECTION, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use clap::Parser;
use daemon::log::LogArgs;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

const AFTER_HELP: &str = "\
Paths:
  /             who answers: task, host, port, app version and environment (JSON for Accept: application/json)
  /env/NAME     one variable
  /healthcheck  200, or 503 after /fail and after SIGTERM
  /fail         the health check fails from now on
  /restore      and is good again
  /slow?ms=N    an answer that takes N milliseconds

Exit codes: 0 after SIGTERM or SIGINT, when drained; 1 when it cannot listen; 64 for a usage error.";

/// A small web service that shows its environment.
#[derive(Clone, Debug, Parser)]
#[command(name = "test-server", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// Where to listen [default: $HOST:$PORT0, without them 0.0.0.0 and $PORT or 3000]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,

    /// How long nobody may have asked anything before the server ends after SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub drain: f64,

    /// Ignored: whatever an app passes as arguments to its image
    #[arg(value_name = "ARGUMENT", hide = true)]
    pub arguments: Vec<String>,

    /// The logs.
    #[command(flatten)]
    pub log: LogArgs,
}

impl Cli {
    fn address(&self, env: &BTreeMap<String, String>) -> Result<SocketAddr> {
        if let Some(address) = self.listen {
            return Ok(address);
        }
        let host = match env.get("HOST").map(|host| host.parse::<IpAddr>()) {
            Some(Ok(host)) => host,
            // Shells set HOST to a name that need not be an address.
            Some(Err(_)) | None => Ipv4Addr::UNSPECIFIED.into(),
        };
        let port = env.get("PORT0").or_else(|| env.get("PORT"));
        let port = port.map_or(Ok(3000), |port| {
            port.parse::<u16>().with_context(|| format!("{port:?} is not a port"))
        })?;
        Ok((host, port).into())
    }
}

#[derive(Debug)]
struct Server {
    env: BTreeMap<String, String>,
    address: SocketAddr,
    is_failing: AtomicBool,
    is_draining: AtomicBool,
    /// How many requests are being answered, and when the last one was done.
    traffic: watch::Sender<(usize, Instant)>,
}

type Shared = State<Arc<Server>>;

/// Serves until SIGTERM or SIGINT and then until drained.
///
/// # Errors
///
/// When the address cannot be listened on.
pub async fn serve(cli: Cli) -> Result<()> {
    let env: BTreeMap<String, String> = env::vars_os()
        .map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
        .collect();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let address = cli.address(&env)?;
    let listener = TcpListener::bind(address);
    let listener = listener.await.with_context(|| format!("cannot listen on {address}"))?;
    let server = Arc::new(Server {
        env,
        address: listener.local_addr()?,
        is_failing: AtomicBool::new(false),
        is_draining: AtomicBool::new(false),
        traffic: watch::Sender::new((0, Instant::now())),
    });
    tracing::info!(address = %server.address, "Listening");
    let router = router(&server);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = serving => return ended?.context("serving"),
    }
    tracing::info!("Draining");
    server.is_draining.store(true, Ordering::Relaxed);
    let quiet = Duration::try_from_secs_f64(cli.drain).unwrap_or_default();
    drained(&server, quiet).await;
    tracing::info!("Drained");
    Ok(())
}

/// Waits until no request is being answered and none has come for `quiet`.
async fn drained(server: &Server, quiet: Duration) {
    let mut traffic = server.traffic.subscribe();
    let began = Instant::now();
    loop {
        let (active, last) = *traffic.borrow_and_update();
        let rest = (last.max(began) + quiet).saturating_duration_since(Instant::now());
        if active == 0 && rest.is_zero() {
            return;
        }
        // With a request in flight there is nothing to wait for but its end.
        let patience = if active == 0 { rest } else { Duration::from_hours(1) };
        timeout(patience, traffic.changed()).await.ok();
    }
}

fn router(server: &Arc<Server>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/env/{name}", get(variable))
        .route("/slow", get(slow))
        .layer(from_fn_with_state(Arc::clone(server), count))
        .route("/healthcheck", get(health))
        .route("/fail", get(fail).post(fail))
        .route("/restore", get(restore).post(restore))
        .layer(from_fn_with_state(Arc::clone(server), close_when_draining))
        .with_state(Arc::clone(server))
}

/// Health checks go on until the end and must not delay it, so only real requests are counted.
async fn count(State(server): Shared, request: Request, next: Next) -> Response {
    let counted = Counted::new(server);
    let response = next.run(request).await;
    drop(counted);
    response
}

/// Counts a request for as long as it lives, also when the client goes away in between.
struct Counted(Arc<Server>);

impl Counted {
    fn new(server: Arc<Server>) -> Self {
        server.traffic.send_modify(|(active, last)| {
            *active += 1;
            *last = Instant::now();
        });
        Self(server)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.traffic.send_modify(|(active, last)| {
            *active -= 1;
            *last = Instant::now();
        });
    }
}

async fn close_when_draining(State(server): Shared, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if server.is_draining.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn index(State(server): Shared, headers: HeaderMap) -> Response {
    let env = |name: &str| server.env.get(name).map_or("", String::as_str);
    let (task, version) = (env("MESOS_TASK_ID"), env("MARATHON_APP_VERSION"));
    let (host, port) = (server.address.ip().to_string(), server.address.port());
    if headers.get(ACCEPT).is_some_and(|accept| accept == "application/json") {
        let body = json!({
            "task": task, "host": host, "port": port, "app": env("MARATHON_APP_ID"),
            "version": version, "env": server.env,
        });
        return Json(body).into_response();
    }
    let app = env("MARATHON_APP_ID");
    let mut text =
        format!("task: {task}\nhost: {host}\nport: {port}\napp: {app}\nversion: {version}\n\n");
    for (name, value) in &server.env {
        // Writing to a string cannot fail.
        writeln!(text, "{name}={value}").ok();
    }
    text.into_response()
}

async fn variable(State(server): Shared, Path(name): Path<String>) -> Response {
    match server.env.get(&name) {
        Some(value) => value.clone().into_response(),
        None => (StatusCode::NOT_FOUND, format!("{name} is not set\n")).into_response(),
    }
}

#[derive(Deserialize)]
struct Slowness {
    #[serde(default)]
    ms: u64,
}

async fn slow(Query(slowness): Query<Slowness>) -> String {
    sleep(Duration::from_millis(slowness.ms)).await;
    format!("answered after {} ms\n", slowness.ms)
}

async fn health(State(server): Shared) -> (StatusCode, &'static str) {
    let failing = server.is_failing.load(Ordering::Relaxed);
    match (failing, server.is_draining.load(Ordering::Relaxed)) {
        (_, true) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "failing\n"),
        (false, false) => (StatusCode::OK, "ok\n"),
    }
}

async fn fail(State(server): Shared) -> &'static str {
    server.is_failing.store(true, Ordering::Relaxed);
    "the health check fails now\n"
}

async fn restore(State(server): Shared) -> &'static str {
    server.is_failing.store(false, Ordering::Relaxed);
    "the health check is good again\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listens_where_marathon_says() {
        let rows: [(&[(&str, &str)], &str); 4] = [
            (&[], "0.0.0.0:3000"),
            (&[("HOST", "127.1.2.3"), ("PORT0", "31000"), ("PORT", "31001")], "127.1.2.3:31000"),
            (&[("HOST", "laptop"), ("PORT", "80")], "0.0.0.0:80"),
            (&[("PORT0", "31000")], "0.0.0.0:31000"),
        ];
        let cli = Cli::parse_from(["test-server"]);
        for (env, want) in rows {
            let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(cli.address(&env).unwrap().to_string(), want);
        }
        let env = BTreeMap::from([("PORT".to_owned(), "x".to_owned())]);
        assert!(cli.address(&env).is_err());
    }
}
