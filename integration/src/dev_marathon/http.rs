//! The REST API: from a request to an answer, with all that Marathon puts around it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, EXPIRES, HOST, HeaderName,
    HeaderValue, LOCATION, PRAGMA, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::compat::Compat;
use super::events;
use super::faults::Answers;
use super::refusal::Refusal;
use super::route::{Miss, Route, route};
use super::serve::Marathon;

mod apps;
mod call;
mod rest;

use call::Call;

/// More than any definition.
const LARGEST_BODY: usize = 16 << 20;

const NO_CACHE: &str = "no-cache, no-store, must-revalidate";

/// Answers until the program ends.
pub async fn serve(listener: TcpListener, marathon: Arc<Marathon>) {
    let router = Router::new().fallback(answer).with_state(marathon);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(err) = axum::serve(listener, service).await {
        tracing::error!(error = %err, "The API ended");
    }
}

/// What is answered.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    status: StatusCode,
    body: Content,
    headers: Vec<(HeaderName, String)>,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Empty,
    Json(Value),
    Text(&'static str, String),
}

impl Reply {
    fn json(body: Value) -> Self {
        Self { body: Content::Json(body), ..Self::default() }
    }

    fn empty(status: StatusCode) -> Self {
        Self { status, ..Self::default() }
    }

    fn text(status: StatusCode, kind: &'static str, text: impl Into<String>) -> Self {
        Self { status, body: Content::Text(kind, text.into()), ..Self::default() }
    }

    fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

async fn answer(
    State(marathon): State<Arc<Marathon>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let compat = marathon.look(|cluster| cluster.compat);
    let (delay, unauthorized, answers) = {
        let faults = marathon.faults();
        (Duration::from_millis(faults.delay_ms), faults.unauthorized, faults.answers)
    };
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let may = !unauthorized && is_authorized(&head.headers, marathon.credentials.as_deref());
    let reply = match route(&head.method, &path) {
        _ if !may => unauthorized_reply(),
        Ok(Route::Events) => return stream(&marathon, &head.headers, head.uri.query(), client),
        Ok(Route::Apps | Route::App(_) | Route::Tasks) if answers != Answers::Normal => {
            faulty(&marathon, answers, &head.method, &path, head.uri.query())
        }
        Ok(route) => match to_bytes(body, LARGEST_BODY).await {
            Ok(body) => {
                let call = Call::new(&head, body, client);
                rest::answer(&marathon, route, &call).unwrap_or_else(|r| refuse(&r, compat))
            }
            Err(err) => refuse(&Refusal::NotJson(err.to_string()), compat),
        },
        Err(Miss::Path) => refuse(&Refusal::NoRoute(path), compat),
        Err(Miss::Method) => refuse(&Refusal::MethodNotAllowed, compat),
    };
    // After it was acted on: who gives up waiting cannot know whether it was.
    sleep(delay).await;
    respond(&marathon, reply)
}

fn refuse(refusal: &Refusal, compat: Compat) -> Reply {
    let status = StatusCode::from_u16(refusal.status(compat));
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply { status, ..Reply::json(refusal.body()) }
}

fn is_authorized(headers: &HeaderMap, wanted: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return true };
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.split_once(' '));
    given.is_some_and(|(scheme, secret)| {
        scheme.eq_ignore_ascii_case("basic") && secret.trim() == STANDARD.encode(wanted)
    })
}

fn unauthorized_reply() -> Reply {
    let html = "<html><head><title>Error 401</title></head><body><h2>HTTP ERROR: 401</h2>\
        <p>Unauthorized</p></body></html>";
    Reply::text(StatusCode::UNAUTHORIZED, "text/html;charset=utf-8", html)
        .with(WWW_AUTHENTICATE, "basic realm=\"Mesosphere\"")
}

/// The answer a test has ordered.
fn faulty(
    marathon: &Arc<Marathon>,
    answers: Answers,
    method: &Method,
    path: &str,
    query: Option<&str>,
) -> Reply {
    let key = if path.starts_with("/v2/tasks") { "tasks" } else { "apps" };
    let truth = || {
        let list = if key == "tasks" { Route::Tasks } else { Route::Apps };
        let call = Call::of_query(method, query.unwrap_or("embed=apps.tasks"));
        match rest::answer(marathon, list, &call) {
            Ok(Reply { body: Content::Json(body), .. }) => body.to_string(),
            _ => json!({key: []}).to_string(),
        }
    };
    match answers {
        Answers::Normal | Answers::Empty => Reply::json(json!({key: []})),
        Answers::Truncated => {
            let text = truth();
            let half = text.chars().take(text.chars().count() / 2).collect::<String>();
            Reply::text(StatusCode::OK, "application/json", half)
        }
        Answers::Unavailable => {
            let message = json!({"message": "Service Unavailable"});
            Reply { status: StatusCode::SERVICE_UNAVAILABLE, ..Reply::json(message) }
        }
        Answers::RedirectLoop => {
            let query = query.map(|q| format!("?{q}")).unwrap_or_default();
            Reply::empty(StatusCode::FOUND).with(LOCATION, format!("{path}{query}"))
        }
    }
}

/// `/v2/events`. Jetty's servlet wants the Accept header to be exactly this, and no other.
fn stream(
    marathon: &Arc<Marathon>,
    headers: &HeaderMap,
    query: Option<&str>,
    client: SocketAddr,
) -> Response {
    if !headers.get_all(ACCEPT).iter().any(|accept| accept == "text/event-stream") {
        let html = "<html><head><title>Error 405</title></head><body><h2>HTTP ERROR: 405</h2>\
            <p>HTTP method GET is not supported by this URL</p></body></html>";
        let reply = Reply::text(StatusCode::METHOD_NOT_ALLOWED, "text/html;charset=utf-8", html);
        return respond(marathon, reply);
    }
    let has_filter = marathon.look(|cluster| cluster.compat >= Compat::V1_4);
    let call = Call::of_query(&Method::GET, query.unwrap_or_default());
    let types = if has_filter { call.all("event_type") } else { Vec::new() };
    let types = types.into_iter().map(str::to_owned).collect();
    let body = events::attach(marathon, client.to_string(), types);
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream;charset=utf-8"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    surround(headers, marathon);
    response
}

fn respond(marathon: &Marathon, reply: Reply) -> Response {
    let (kind, bytes) = match reply.body {
        Content::Empty => (None, Bytes::new()),
        Content::Json(value) => {
            let text = value.to_string();
            let is_garbled = marathon.faults().invalid_utf8;
            let body = if is_garbled { garbled(&text) } else { text.into_bytes() };
            (Some("application/json"), Bytes::from(body))
        }
        Content::Text(kind, text) => (Some(kind), Bytes::from(text)),
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in reply.headers {
        headers.extend(HeaderValue::from_str(&value).ok().map(|value| (name, value)));
    }
    surround(headers, marathon);
    response
}

/// A text with a byte that is no UTF-8 in place of each `GARBLED`.
fn garbled(text: &str) -> Vec<u8> {
    let parts: Vec<_> = text.split("GARBLED").map(str::as_bytes).collect();
    parts.join(&0xff)
}

/// The headers of every answer.
fn surround(headers: &mut HeaderMap, marathon: &Marathon) {
    let leader = HeaderValue::from_str(&format!("http://{}", marathon.leader()));
    headers.extend(leader.ok().map(|value| (HeaderName::from_static("x-marathon-leader"), value)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(NO_CACHE));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(EXPIRES, HeaderValue::from_static("0"));
    headers.insert("x-frame-options", HeaderValue::from_static("DENY"));
    headers.insert("x-xss-protection", HeaderValue::from_static("1; mode=block"));
}

/// The absolute address of an app, as the client reached it.
fn location(call: &Call, id: &str) -> String {
    format!("http://{}{id}", call.header(&HOST).unwrap_or("localhost"))
}
