//! A small HTTP server for whoever watches the program: `/health`, `/ready`, `/metrics`, `/status`.
//!
//! The program says what its pages are; here is only how they are served. Requests with a body, and methods other than GET
//! and HEAD, have no use here and are refused.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What a client may take to send its request.
const HEAD: Duration = Duration::from_secs(5);
/// A connection serves one request, so that more at once than this are a mistake of somebody's.
const AT_ONCE: usize = 32;
/// What a browser may do with a page: show it, with its own style. Whatever slips into one stays text.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What is found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

/// A page, or how it is made.
pub struct Draft(Stage);

enum Stage {
    Done(Page),
    Later(Box<dyn FnOnce() -> Page + Send>),
}

impl From<Page> for Draft {
    fn from(page: Page) -> Self {
        Self(Stage::Done(page))
    }
}

impl Draft {
    /// A page that takes its time; it is made elsewhere, so that what the program is there for does not wait for it.
    pub fn later(make: impl FnOnce() -> Page + Send + 'static) -> Self {
        Self(Stage::Later(Box::new(make)))
    }

    /// Makes it, here and now.
    pub fn finish(self) -> Page {
        match self.0 {
            Stage::Done(page) => page,
            Stage::Later(make) => make(),
        }
    }

    async fn elsewhere(self) -> Page {
        if let Stage::Done(page) = self.0 {
            return page;
        }
        let made = tokio::task::spawn_blocking(|| self.finish()).await;
        made.unwrap_or_else(|error| {
            Page::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        })
    }
}

/// The status cannot be served at this address.
#[derive(Debug, thiserror::Error)]
#[error("--status {address}: {reason}")]
pub struct StatusError {
    address: SocketAddr,
    reason: std::io::Error,
}

impl Page {
    /// Text, as a yes.
    pub fn yes(text: impl Into<String>) -> Self {
        Self::text(StatusCode::OK, text)
    }

    /// Text, as a no (503), which load balancers and orchestrators take for one.
    pub fn no(text: impl Into<String>) -> Self {
        Self::text(StatusCode::SERVICE_UNAVAILABLE, text)
    }

    /// A page for people.
    pub fn html(body: String) -> Self {
        Self { status: StatusCode::OK, content_type: "text/html; charset=utf-8", body }
    }

    /// JSON.
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string_pretty(value) {
            Ok(body) => {
                Self { status: StatusCode::OK, content_type: "application/json", body: body + "\n" }
            }
            Err(error) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    /// Metrics in the format of `OpenMetrics`, which Prometheus reads.
    pub fn metrics(registry: &Registry) -> Self {
        const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        let mut body = String::new();
        match encode(&mut body, registry) {
            Ok(()) => Self { status: StatusCode::OK, content_type: OPEN_METRICS, body },
            Err(error) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: text.into() + "\n" }
    }
}

/// Takes the address, so that a wrong one is known before anything starts.
///
/// # Errors
///
/// When it is not ours, or taken.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, StatusError> {
    TcpListener::bind(address).await.map_err(|reason| StatusError { address, reason })
}

/// Serves what `page` finds at a path, until it is dropped.
pub async fn serve<T: Into<Draft> + Send>(
    listener: TcpListener,
    page: impl Fn(&str) -> Option<T> + Send + Sync + 'static,
) {
    /// What accept(2) refuses now (no descriptors, for one) it may grant later.
    const PAUSE: Duration = Duration::from_millis(100);
    let page = Arc::new(page);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        // Never closed, so that it always gives a place in the end.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let page = Arc::clone(&page);
                tokio::spawn(async move {
                    connection(stream, page.as_ref()).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(error = %error, "Status connection not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection<T: Into<Draft> + Send>(
    stream: TcpStream,
    page: &(impl Fn(&str) -> Option<T> + Sync),
) {
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(answer(request.method(), request.uri().path(), page).await)
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD);
    // Also when the answer is not fetched a place must become free.
    let served =
        tokio::time::timeout(2 * HEAD, http.serve_connection(TokioIo::new(stream), service));
    if let Ok(Err(error)) = served.await {
        tracing::debug!(error = %error, "Status connection ended");
    }
}

async fn answer<T: Into<Draft> + Send>(
    method: &Method,
    path: &str,
    page: impl Fn(&str) -> Option<T>,
) -> Response<Full<Bytes>> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let draft = match is_read.then(|| page(path)).flatten() {
        Some(found) => found.into(),
        None if is_read => Page::text(StatusCode::NOT_FOUND, "not found").into(),
        None => Page::text(StatusCode::METHOD_NOT_ALLOWED, "GET only").into(),
    };
    let Page { status, content_type, body } = draft.elsewhere().await;
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !is_read {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn serves_pages_one_request_a_connection() {
        let mut registry = Registry::default();
        let reads = Counter::<u64>::default();
        registry.register("reads", "How often it was read", reads.clone());
        reads.inc_by(7);
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = listen(address).await.unwrap_err().to_string();
        assert!(taken.starts_with(&format!("--status {address}: ")), "{taken}");
        let pages = move |path: &str| match path {
            "/health" => Some(Page::yes("alive").into()),
            "/ready" => Some(Page::no("not yet").into()),
            "/metrics" => Some(Page::metrics(&registry).into()),
            "/status" => Some(Page::json(&[1]).into()),
            "/" => Some(Draft::later(|| Page::html("<p>".to_owned()))),
            "/bad" => Some(Draft::later(|| panic!("that page is broken"))),
            _ => None,
        };
        let server = tokio::spawn(serve(listener, pages));
        for (request, status, body) in [
            ("GET /health", "200 OK", "\r\n\r\nalive\n"),
            ("HEAD /health", "200 OK", "\r\n\r\n"),
            ("GET /ready", "503 Service Unavailable", "\r\n\r\nnot yet\n"),
            ("GET /metrics", "200 OK", "\nreads_total 7\n# EOF\n"),
            ("GET /status", "200 OK", "[\n  1\n]\n"),
            ("GET /", "200 OK", "\r\n\r\n<p>"),
            (
                "GET /bad",
                "500 Internal Server Error",
                " panicked with message \"that page is broken\"\n",
            ),
            ("GET /x", "404 Not Found", "\r\n\r\nnot found\n"),
            ("DELETE /health", "405 Method Not Allowed", "\r\n\r\nGET only\n"),
        ] {
            let answer = ask(address, &format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
            assert!(answer.ends_with(body), "{request}: {answer}");
            assert!(answer.contains("content-security-policy: default-src 'none';"), "{answer}");
        }
        // Whoever says nothing does not keep others from being served.
        let silent = silent(address).await;
        assert!(ask(address, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.contains("alive"));
        drop(silent);
        server.abort();
    }

    async fn silent(address: SocketAddr) -> Vec<TcpStream> {
        let mut streams = Vec::new();
        for _ in 1..AT_ONCE {
            streams.push(TcpStream::connect(address).await.unwrap());
        }
        streams
    }
}
