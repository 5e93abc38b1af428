//! A running `dev-marathon`, and what tests ask it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

use super::eventually::eventually;
use super::network::Network;
use super::process::{Process, command, program};
use crate::http;

/// Long enough for a rolling update on a machine that is busy with other tests.
const DEPLOYED_WITHIN: Duration = Duration::from_mins(1);

/// A development Marathon of one test: its API on `.1:8080`, its admin port on `.1:8081` of the network.
#[derive(Debug)]
pub struct DevMarathon {
    /// The program.
    pub process: Process,
    url: String,
    admin: String,
    client: Client,
    _dir: TempDir,
}

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, null when it is not JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl DevMarathon {
    /// Starts one with two agents, `.11` and `.12`, and the image `test-server`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub async fn start(network: &Network, arguments: &[&str]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (listen, admin) =
            (format!("{}:8080", network.host(1)), format!("{}:8081", network.host(1)));
        let image = format!("test-server='{}' --drain 0.2", program("test-server").display());
        let mut command = command(program("dev-marathon"));
        command.args(["--listen", &listen, "--admin", &admin, "--image", &image]).args(arguments);
        // So that the sandboxes of its tasks go with this value, even when it is killed.
        command.env("TMPDIR", dir.path());
        if !arguments.contains(&"--agent") {
            for n in [11, 12] {
                command.args(["--agent", &network.host(n).to_string()]);
            }
        }
        let process = Process::start("dev-marathon", command, &dir.path().join("log"))?;
        let client = http::builder().redirect(reqwest::redirect::Policy::none());
        let marathon = Self {
            process,
            url: format!("http://{listen}"),
            admin: format!("http://{admin}"),
            client: client.build()?,
            _dir: dir,
        };
        eventually("dev-marathon to answer", Duration::from_secs(20), async || {
            match marathon.call(Method::GET, "/ping", None).await {
                Ok(_) => Ok(()),
                Err(err) if marathon.process.is_running() => Err(format!("{err:#}")),
                Err(_) => Err(format!("it ended: {}", marathon.process.log())),
            }
        })
        .await;
        Ok(marathon)
    }

    /// Its address, as clients are given it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks the API.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        self.ask(method, format!("{}{path}", self.url), body).await
    }

    /// GET.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, None).await
    }

    /// POST.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// PUT.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// DELETE.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.call(Method::DELETE, path, None).await
    }

    /// Gives an order to the admin port.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn order(&self, method: Method, path: &str, body: Option<&Value>) -> Result<()> {
        let answer = self.ask(method, format!("{}{path}", self.admin), body).await?;
        if answer.status >= 300 {
            bail!("{path}: {} {}", answer.status, answer.text);
        }
        Ok(())
    }

    async fn ask(&self, method: Method, url: String, body: Option<&Value>) -> Result<Answer> {
        let mut request = self.client.request(method, &url).timeout(Duration::from_secs(20));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| url.clone())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.context(url)?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status, headers, body, text })
    }

    /// Waits until no deployment runs.
    pub async fn deployed(&self) {
        eventually("all deployments to end", DEPLOYED_WITHIN, async || {
            let answer = self.get("/v2/deployments").await.map_err(|err| format!("{err:#}"))?;
            match answer.body.as_array() {
                Some(running) if running.is_empty() => Ok(()),
                _ => Err(answer.text),
            }
        })
        .await;
    }

    /// The ids of an app's tasks.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn task_ids(&self, app: &str) -> Result<Vec<String>> {
        let answer = self.get(&format!("/v2/apps/{app}/tasks")).await?;
        let tasks = answer.body.get("tasks").and_then(Value::as_array).cloned().unwrap_or_default();
        let ids = tasks.iter().filter_map(|task| task.get("id")?.as_str().map(str::to_owned));
        Ok(ids.collect())
    }

    /// Opens the event stream with a query such as `?event_type=deployment_success`.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn events(&self, query: &str) -> Result<Events> {
        let url = format!("{}/v2/events{query}", self.url);
        let request = self.client.get(url).header("Accept", "text/event-stream");
        let response = request.send().await?.error_for_status()?;
        Ok(Events { response, bytes: Vec::new() })
    }

    /// Ends the program as an operator does.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }
}

/// An open event stream.
#[derive(Debug)]
pub struct Events {
    response: Response,
    bytes: Vec<u8>,
}

impl Events {
    /// The headers of the answer.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The next event, or `None` at the end of the stream. Framing is checked, not only understood.
    ///
    /// # Errors
    ///
    /// When none comes within `patience`, or something that is not framed as Marathon frames it.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Value>> {
        loop {
            if let Some(frame) = self.frame() {
                return parse(&frame).map(Some);
            }
            let chunk = timeout(patience, self.response.chunk()).await.context("no event")??;
            let Some(chunk) = chunk else { return Ok(None) };
            self.bytes.extend_from_slice(&chunk);
        }
    }

    /// Reads until an event satisfies `wanted`, and returns all up to it.
    ///
    /// # Errors
    ///
    /// When the stream ends or is silent before.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
        let mut seen = Vec::new();
        loop {
            let event = self.next(DEPLOYED_WITHIN).await?.context("the stream ended")?;
            let found = wanted(&event);
            seen.push(event);
            if found {
                return Ok(seen);
            }
        }
    }

    fn frame(&mut self) -> Option<String> {
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let frame: Vec<u8> = self.bytes.drain(..end).collect();
        Some(String::from_utf8_lossy(&frame).into_owned())
    }
}

fn parse(frame: &str) -> Result<Value> {
    // Keep-alives are bare line ends.
    let text = frame.trim_start_matches("\r\n");
    let lines: Vec<&str> = text.split("\r\n").collect();
    let [kind, data, "", ""] = lines.as_slice() else { bail!("a strange frame: {frame:?}") };
    let kind = kind.strip_prefix("event: ").context("no type")?;
    let data: Value = serde_json::from_str(data.strip_prefix("data: ").context("no data")?)?;
    if data.get("eventType").and_then(Value::as_str) != Some(kind) {
        bail!("the types differ: {frame:?}");
    }
    Ok(data)
}
