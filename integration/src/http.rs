//! HTTP clients for tests: to loopback only, so without proxies and without TLS.

use consul::error::came_unasked;
use daemon::tls::Tls;
use reqwest::{Client, ClientBuilder, Response, Result, StatusCode};

/// A client to be set up further.
#[expect(clippy::disallowed_methods, reason = "the one place that gives a client its TLS settings")]
pub fn builder() -> ClientBuilder {
    let builder = Client::builder().no_proxy();
    match Tls::nobody() {
        Ok(tls) => builder.tls_backend_preconfigured(tls),
        // Cannot happen with settings that depend on nothing; `build` then says what is missing.
        Err(_) => builder,
    }
}

/// A client as it comes.
///
/// # Errors
///
/// When this machine cannot make HTTP clients at all.
pub fn client() -> Result<Client> {
    builder().build()
}

/// GET.
///
/// # Errors
///
/// When there is no answer.
pub async fn get(url: &str) -> Result<Response> {
    client()?.get(url).send().await
}

/// The status of an answer, also of the 429 that Consul gives to a connection too many before it has read a request.
pub fn status(answer: &Result<Response>) -> Option<StatusCode> {
    match answer {
        Ok(answer) => Some(answer.status()),
        Err(error) => came_unasked(error).then_some(StatusCode::TOO_MANY_REQUESTS),
    }
}
