//! A proxy in front of Consul's agent that refuses what it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use integration::http;
use integration::rig::network::Network;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One on the same port as the agent, on an address of its own.
pub(crate) struct Gate {
    rule: Arc<Rule>,
    network: Network,
    task: JoinHandle<()>,
}

struct Rule {
    agent: String,
    limits: AtomicBool,
    refused: AtomicUsize,
}

impl Gate {
    /// Lets nothing be registered at first.
    pub(crate) async fn before(agent: String) -> Self {
        let network = Network::claim().unwrap();
        let listener = TcpListener::bind((network.host(1), 8500)).await.unwrap();
        let (limits, refused) = (AtomicBool::new(true), AtomicUsize::new(0));
        let rule = Arc::new(Rule { agent, limits, refused });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&rule));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { rule, network, task }
    }

    pub(crate) fn api(&self) -> String {
        format!("{}:8500", self.network.host(1))
    }

    /// From now on everything passes.
    pub(crate) fn open(&self) {
        self.rule.limits.store(false, Ordering::SeqCst);
    }

    /// How many requests did not pass.
    pub(crate) fn refused(&self) -> usize {
        self.rule.refused.load(Ordering::SeqCst)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(rule): State<Arc<Rule>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_write = parts.uri.path() == "/v1/agent/service/register";
    if is_write && rule.limits.load(Ordering::SeqCst) {
        rule.refused.fetch_add(1, Ordering::SeqCst);
        return (StatusCode::TOO_MANY_REQUESTS, "rate limit reached").into_response();
    }
    let url = format!("http://{}{}", rule.agent, parts.uri.path_and_query().unwrap());
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let request = http::client().unwrap().request(parts.method, url).body(body);
    match request.send().await {
        Ok(answer) => {
            let status = answer.status();
            (status, Body::from(answer.bytes().await.unwrap())).into_response()
        }
        Err(err) => (StatusCode::BAD_GATEWAY, err.to_string()).into_response(),
    }
}
