//! Requests to whichever Marathon answers.
//!
//! Endpoints are tried in turn, beginning with the one that answered last. A read moves on after anything that another
//! endpoint may do better (no connection, time-out, 5xx); a write only when it was certainly not delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use daemon::secret::Secret;
use daemon::tls::Tls;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use reqwest::{Method, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::deployment::{Deployment, DeploymentRef, Submitted};
use crate::elements::{Elements, List};
use crate::endpoint::{Endpoint, Endpoints, take_credentials};
use crate::error::{Error, Kind};
use crate::stream::EventStream;
use crate::{App, AppId, Apps, Pod};

/// A standby redirects to the leader once; more hops than an election can explain are a loop.
const MAX_REDIRECTS: usize = 5;

/// How to reach Marathon.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where.
    pub endpoints: Endpoints,
    /// Of DC/OS, for endpoints without credentials: sent as `Authorization: token=…`.
    pub token: Option<Secret>,
    /// For `https`.
    pub tls: Tls,
    /// For a connection.
    pub connect_timeout: Duration,
    /// For a request and its whole answer; the event stream is exempt.
    pub request_timeout: Duration,
    /// For how long an event stream may be silent; Marathon sends a keep-alive every 10 s.
    pub stream_silence: Duration,
}

impl Config {
    /// Usual time-outs.
    pub fn new(endpoints: Endpoints) -> Self {
        Self {
            endpoints,
            token: None,
            tls: Tls::default(),
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(20),
            stream_silence: Duration::from_secs(30),
        }
    }
}

/// A client; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    config: Config,
    endpoints: Vec<Endpoint>,
    last_good: AtomicUsize,
}

/// One request, as it is repeated against several endpoints.
struct Call<'a> {
    method: Method,
    path: String,
    query: Vec<(&'a str, &'a str)>,
    body: Option<&'a Value>,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Json,
    Stream,
}

impl Client {
    /// Builds the client; nothing is sent yet.
    ///
    /// # Errors
    /// When a file of the TLS settings is not what it should be, or the HTTP client cannot be built, which is a matter of the
    /// operating system.
    pub fn new(config: Config) -> Result<Self, Error> {
        let endpoints: Vec<_> = config.endpoints.iter().cloned().collect();
        let is_secure = endpoints.iter().any(|endpoint| endpoint.url.scheme() == "https");
        let tls = if is_secure { config.tls.client() } else { Tls::nobody() };
        let tls =
            tls.map_err(|err| Error { url: config.endpoints.to_string(), kind: Kind::Tls(err) })?;
        #[expect(clippy::disallowed_methods, reason = "with its TLS settings")]
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(config.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            // Marathon is inside the cluster: a proxy of the environment would only be in the way.
            .no_proxy()
            .build()
            .map_err(|err| Error {
                url: config.endpoints.to_string(),
                kind: Kind::Transport(err.to_string()),
            })?;
        Ok(Self {
            inner: Arc::new(Inner { http, config, endpoints, last_good: AtomicUsize::new(0) }),
        })
    }

    /// All apps with their tasks.
    pub async fn apps_with_tasks(&self) -> Result<Apps, Error> {
        self.apps_with_tasks_as(|app| app).await
    }

    /// All apps with their tasks, each as `keep` leaves it: never are there more of them whole than one.
    pub async fn apps_with_tasks_as<T>(
        &self,
        keep: impl FnMut(App) -> T,
    ) -> Result<Apps<T>, Error> {
        let mut call = Call::get("/v2/apps".to_owned());
        call.query.push(("embed", "apps.tasks"));
        let (url, response) = self.send(&call).await?;
        self.list(&url, response, List::Apps, keep).await
    }

    /// All pods with their instances, each as `keep` leaves it; `None` of a Marathon that has no pods: those before 1.4.
    pub async fn pods_as<T>(&self, keep: impl FnMut(Pod) -> T) -> Result<Option<Apps<T>>, Error> {
        let (url, response) = match self.send(&Call::get("/v2/pods/::status".to_owned())).await {
            Err(err) if matches!(err.status(), Some(404 | 405)) => return Ok(None),
            answer => answer?,
        };
        self.list(&url, response, List::Whole, keep).await.map(Some)
    }

    /// One pod with its instances.
    ///
    /// # Errors
    /// A pod that does not exist is a status of 404, and so is any pod before 1.4.
    pub async fn pod(&self, id: &AppId) -> Result<Pod, Error> {
        self.json(Call::get(format!("/v2/pods{id}::status"))).await
    }

    /// One app with its tasks.
    ///
    /// # Errors
    /// An app that does not exist is a status of 404.
    pub async fn app(&self, id: &AppId) -> Result<App, Error> {
        #[derive(Deserialize)]
        struct Answer {
            app: App,
        }
        Ok(self.json::<Answer>(Call::get(app_path(id, ""))).await?.app)
    }

    /// Replaces all tasks of the app, as its upgrade strategy says.
    ///
    /// # Errors
    /// An app that a deployment has locked is a status of 409.
    pub async fn restart(&self, id: &AppId) -> Result<Submitted, Error> {
        self.json(Call::write(Method::POST, app_path(id, "/restart"), None)).await
    }

    /// The same even though a deployment has locked the app; that deployment is cancelled.
    pub async fn force_restart(&self, id: &AppId) -> Result<Submitted, Error> {
        let mut call = Call::write(Method::POST, app_path(id, "/restart"), None);
        call.query.push(("force", "true"));
        self.json(call).await
    }

    /// Creates an app.
    ///
    /// # Errors
    /// An app that exists is a status of 409.
    pub async fn create(&self, definition: &Value) -> Result<App, Error> {
        self.json(Call::write(Method::POST, "/v2/apps".to_owned(), Some(definition))).await
    }

    /// Changes an app; fields left out keep their values.
    pub async fn update(&self, id: &AppId, definition: &Value) -> Result<Submitted, Error> {
        self.json(Call::write(Method::PUT, app_path(id, ""), Some(definition))).await
    }

    /// Deletes an app and kills its tasks. Marathon does so even during a deployment.
    pub async fn delete(&self, id: &AppId) -> Result<Submitted, Error> {
        self.json(Call::write(Method::DELETE, app_path(id, ""), None)).await
    }

    /// Running deployments.
    pub async fn deployments(&self) -> Result<Vec<Deployment>, Error> {
        self.json(Call::get("/v2/deployments".to_owned())).await
    }

    /// One running deployment; `None` once it has finished.
    pub async fn deployment(&self, id: &str) -> Result<Option<Deployment>, Error> {
        Ok(self.deployments().await?.into_iter().find(|deployment| deployment.id == id))
    }

    /// Attaches to the event stream. Releases before 1.3.7 ignore `kinds` and send everything.
    pub async fn events(&self, kinds: &[&str]) -> Result<EventStream, Error> {
        let mut call = Call::get("/v2/events".to_owned());
        call.shape = Shape::Stream;
        call.query = kinds.iter().map(|kind| ("event_type", *kind)).collect();
        // Of 1.6 and 1.7, which would else send whole groups with every step of a deployment.
        call.query.push(("plan-format", "light"));
        let (url, response) = self.send(&call).await?;
        Ok(EventStream::new(url, response, self.inner.config.stream_silence))
    }

    async fn json<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Error> {
        let (url, response) = self.send(&call).await?;
        let body = self.body(&url, response).await?;
        serde_json::from_str(&String::from_utf8_lossy(&body)).map_err(|err| unreadable(&url, &err))
    }

    async fn send(&self, call: &Call<'_>) -> Result<(Url, Response), Error> {
        let endpoints = &self.inner.endpoints;
        let first = self.inner.last_good.load(Ordering::Relaxed);
        let mut last = None;
        for (index, endpoint) in
            endpoints.iter().enumerate().cycle().skip(first).take(endpoints.len())
        {
            match self.try_endpoint(endpoint, call).await {
                Ok(answer) => {
                    self.inner.last_good.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(err) if call.may_move_on(&err) => last = Some(err),
                Err(err) => return Err(err),
            }
        }
        // The next request starts elsewhere: the endpoint that was good may be the one that hangs.
        self.inner.last_good.store((first + 1) % endpoints.len().max(1), Ordering::Relaxed);
        Err(last.unwrap_or_else(|| Error {
            url: self.inner.config.endpoints.to_string(),
            kind: Kind::Transport("no endpoint".to_owned()),
        }))
    }

    async fn try_endpoint(
        &self,
        endpoint: &Endpoint,
        call: &Call<'_>,
    ) -> Result<(Url, Response), Error> {
        let mut url = call.url(&endpoint.url);
        for _ in 0..=MAX_REDIRECTS {
            let response = self.request(&url, endpoint, call).await?;
            let status = response.status();
            if status.is_success() {
                return Ok((url, response));
            }
            match redirect(&url, &response, &call.method) {
                Some(next) => url = next,
                None => return Err(self.refusal(&url, response).await),
            }
        }
        Err(Error::new(&url, Kind::RedirectLoop(MAX_REDIRECTS)))
    }

    async fn request(
        &self,
        url: &Url,
        endpoint: &Endpoint,
        call: &Call<'_>,
    ) -> Result<Response, Error> {
        let config = &self.inner.config;
        let mut request = self.inner.http.request(call.method.clone(), url.clone());
        request = match call.shape {
            // Marathon compares the header as a string: anything else is answered 405.
            Shape::Stream => request.header(ACCEPT, "text/event-stream"),
            Shape::Json => {
                request.header(ACCEPT, "application/json").timeout(config.request_timeout)
            }
        };
        if call.method != Method::GET {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(body) = call.body {
            request = request.body(body.to_string());
        }
        // Both follow a redirect to the leader, whose name the list need not have, but never to another scheme.
        if url.scheme() == endpoint.url.scheme() {
            if let Some(credentials) = &endpoint.credentials {
                request = request.basic_auth(credentials.user(), Some(credentials.password()));
            } else if let Some(token) = &config.token {
                let token = token.read().map_err(|err| Error::new(url, Kind::Token(err)))?;
                request = request.header(AUTHORIZATION, format!("token={}", token.expose()));
            }
        }
        let limit = config.request_timeout;
        match tokio::time::timeout(limit, request.send()).await {
            Ok(answer) => answer.map_err(|err| Error::transport(url, &err, limit)),
            Err(_elapsed) => Err(Error::new(url, Kind::Timeout(limit))),
        }
    }

    /// Reads a list while it comes: all apps of a large cluster are tens of megabytes.
    async fn list<R: DeserializeOwned, T>(
        &self,
        url: &Url,
        mut response: Response,
        list: List,
        mut keep: impl FnMut(R) -> T,
    ) -> Result<Apps<T>, Error> {
        let broken = |err| Error::transport(url, &err, self.inner.config.request_timeout);
        let (mut elements, mut apps) = (Elements::new(list), Apps::new());
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            let read = elements.push(&chunk, |text| apps.read(text, &mut keep));
            read.map_err(|err| unreadable(url, &err))?;
        }
        elements.finish().map_err(|err| unreadable(url, &err))?;
        Ok(apps)
    }

    async fn body(&self, url: &Url, response: Response) -> Result<Vec<u8>, Error> {
        let limit = self.inner.config.request_timeout;
        let body = response.bytes().await;
        body.map(Into::into).map_err(|err| Error::transport(url, &err, limit))
    }

    async fn refusal(&self, url: &Url, response: Response) -> Error {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Refusal {
            message: String,
            deployments: Vec<DeploymentRef>,
        }
        let status = response.status().as_u16();
        let body = self.body(url, response).await.unwrap_or_default();
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        let deployments = refusal.deployments.into_iter().map(|deployment| deployment.id).collect();
        Error::new(url, Kind::Status { status, message: refusal.message, deployments })
    }
}

impl<'a> Call<'a> {
    fn get(path: String) -> Self {
        Self { method: Method::GET, path, query: Vec::new(), body: None, shape: Shape::Json }
    }

    fn write(method: Method, path: String, body: Option<&'a Value>) -> Self {
        Self { method, path, query: Vec::new(), body, shape: Shape::Json }
    }

    fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), self.path));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    /// Whether another endpoint may be asked after this error.
    fn may_move_on(&self, err: &Error) -> bool {
        if self.method == Method::GET {
            err.is_transient()
        } else {
            matches!(err.kind, Kind::Connect(_))
        }
    }
}

fn unreadable(url: &Url, err: &serde_json::Error) -> Error {
    Error::new(url, Kind::Decode(err.to_string()))
}

fn app_path(id: &AppId, rest: &str) -> String {
    format!("/v2/apps{id}{rest}")
}

/// Where to go on. A write is repeated only by the status codes that keep its method (RFC 9110, 15.4).
fn redirect(from: &Url, response: &Response, method: &Method) -> Option<Url> {
    let status = response.status().as_u16();
    let follows =
        matches!(status, 307 | 308) || (matches!(status, 301..=303) && method == Method::GET);
    let location = response.headers().get(LOCATION).filter(|_| follows)?.to_str().ok()?;
    let mut next = from.join(location).ok()?;
    take_credentials(&mut next);
    Some(next)
}
