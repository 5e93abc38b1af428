//! A real Consul with something of everything, and the two programs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use consul::kv::Condition;
use integration::http;
use integration::rig::component;
use integration::rig::dev_agent::DevAgent;
use integration::rig::process::command;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::files;

/// How long a run may take: all templates together take about two seconds, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A template and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) expect: Expect,
    pub(crate) needs_newer: bool,
}

/// What both programs make of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The same text.
    Same,
    /// The same error.
    Error,
    /// Not the same.
    Differs,
}

/// What became of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Text(String),
    Error(String),
}

/// All templates.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in files() {
        let (name, text) = (path.file_stem().unwrap(), fs::read_to_string(&path).unwrap());
        let name = name.to_string_lossy();
        if path.extension() == Some("ctmpl".as_ref()) {
            let name = name.into_owned();
            cases.push(Case { name, text, expect: Expect::Same, needs_newer: false });
            continue;
        }
        for (line, text) in (1..).zip(text.lines()) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let needs_newer = text.starts_with('+');
            let text = text.strip_prefix('+').unwrap_or(text);
            let marks = [("!", Expect::Error), ("~", Expect::Differs)];
            let marked = marks
                .iter()
                .find_map(|(mark, expect)| text.strip_prefix(mark).map(|text| (*expect, text)));
            let (expect, text) = marked.unwrap_or((Expect::Same, text));
            let (name, text) = (format!("{name}-{line}"), text.to_owned());
            cases.push(Case { name, text, expect, needs_newer });
        }
    }
    cases
}

/// Whether our error is theirs, with a line of the template after it.
pub(crate) fn is_same_error(theirs: &str, ours: &str) -> bool {
    ours.strip_prefix(theirs).is_some_and(|rest| rest.is_empty() || rest.starts_with('\n'))
}

/// One of the two programs, in a folder of its own.
pub(crate) struct Program {
    binary: PathBuf,
    consul: String,
    folder: TempDir,
}

impl Program {
    pub(crate) fn consul_template(consul: &DevAgent) -> Self {
        Self::new(component::consul_template().unwrap(), consul)
    }

    pub(crate) fn ctemplate(consul: &DevAgent) -> Self {
        Self::new(env!("CARGO_BIN_EXE_ctemplate").into(), consul)
    }

    fn new(binary: PathBuf, consul: &DevAgent) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("motd"), "hello\n").unwrap();
        Self { binary, consul: consul.api(), folder }
    }

    /// What becomes of templates. When one of several fails, each is rendered alone.
    pub(crate) async fn render(&self, cases: &[&Case]) -> Vec<Outcome> {
        if let Some(texts) = self.all(cases).await {
            return texts;
        }
        let mut outcomes = Vec::new();
        for case in cases {
            outcomes.push(self.one(case).await);
        }
        outcomes
    }

    /// What becomes of a template.
    pub(crate) async fn one(&self, case: &Case) -> Outcome {
        match self.run(&[case]).await {
            Err(reason) => Outcome::Error(reason),
            Ok(mut texts) => texts.remove(0),
        }
    }

    /// The texts of templates of which none fails.
    async fn all(&self, cases: &[&Case]) -> Option<Vec<Outcome>> {
        self.run(cases).await.ok()
    }

    async fn run(&self, cases: &[&Case]) -> Result<Vec<Outcome>, String> {
        let path =
            |case: &Case, kind: &str| self.folder.path().join(format!("{}.{kind}", case.name));
        let mut command = self.command();
        for case in cases {
            fs::write(path(case, "ctmpl"), &case.text).unwrap();
            command.arg("-template").arg(format!("{0}.ctmpl:{0}.out", case.name));
        }
        let mut command = tokio::process::Command::from(command);
        let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
        let Ok(output) = output else { return Err("it does not end".to_owned()) };
        let output = output.unwrap();
        if output.status.success() {
            let read = |case: &&Case| fs::read(path(case, "out")).unwrap_or_default();
            let text = |case| Outcome::Text(String::from_utf8_lossy(&read(case)).into_owned());
            return Ok(cases.iter().map(text).collect());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let place = cases.first().map(|case| format!("{}.ctmpl: ", case.name)).unwrap();
        let reason = said.split_once(&place).map_or(said.as_str(), |(_, reason)| reason);
        Err(reason.trim_end().to_owned())
    }

    fn command(&self) -> Command {
        let mut command = command(&self.binary);
        command.args(["-once", "-consul-addr", &self.consul]).current_dir(self.folder.path());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("GREETING", "hi").env("EMPTY", "");
        command.env("TZ", "UTC").stdin(Stdio::null());
        command
    }
}

/// A Consul with services in every state, nodes with and without an agent, and keys of every kind.
pub(crate) async fn consul() -> DevAgent {
    let agent = DevAgent::start_with(&["enable_script_checks = false"], consul::Config::default());
    let agent = agent.await.unwrap();
    for (key, value) in KEYS {
        assert!(agent.client().kv_put(key, *value, Condition::Always).await.unwrap());
    }
    for service in services() {
        put(&agent, "agent/service/register", &service).await;
    }
    for node in nodes() {
        put(&agent, "catalog/register", &node).await;
    }
    agent.client().maintenance("sick-1", true, "tests").await.unwrap();
    agent
}

/// Whether this Consul is one that knows peers, which came with 1.13.
pub(crate) async fn is_newer(agent: &DevAgent) -> bool {
    let url = format!("http://{}/v1/peerings", agent.api());
    let status = http::client().unwrap().get(url).send().await.unwrap().status();
    assert!(status.is_success() || status.as_u16() == 404, "{status}");
    status.is_success()
}

async fn put(agent: &DevAgent, path: &str, body: &Json) {
    let url = format!("http://{}/v1/{path}", agent.api());
    let answer = http::client().unwrap().put(url).json(body).send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{path}: {status}: {}", answer.text().await.unwrap());
}

const KEYS: &[(&str, &str)] = &[
    ("app/name", "web"),
    ("app/port", "8080"),
    ("app/ratio", "0.25"),
    ("app/empty", ""),
    ("app/lines", "first\n\n  third\n"),
    ("app/unicode", "grüße – 日本"),
    ("app/quotes", "it's \"quoted\" <b>&amp; $HOME `x` \\"),
    ("app/json", r#"{"a":{"b":[1,2.5,"x",null,true]},"big":12345678901,"e":1e21,"z":"<&>"}"#),
    ("app/yaml", "a: 1\nb: [yes, 2.5, ~, \"s\"]\nc:\n  d: 2001-01-01\n  10: ten\n"),
    ("app/db/", ""),
    ("app/db/host", "db.local"),
    ("app/db/port", "5432"),
    ("app/db/pool/max", "10"),
    ("app/db/pool/min", "1"),
    ("app/zone/", ""),
    ("app2", "other"),
    ("app3/x", "y"),
    ("conflict/a", "leaf"),
    ("conflict/a/b", "below"),
    ("odd/ space and %41/é", "odd"),
    ("odd/Upper", "U"),
    ("odd/a10", "ten"),
    ("odd/a2", "two"),
    ("single", "one"),
];

fn services() -> Vec<Json> {
    let check = |name: &str, status: &str| json!({"CheckID": name, "Name": name, "TTL": "12h", "Status": status, "Notes": "of tests"});
    vec![
        json!({"ID": "web-1", "Name": "web", "Port": 80, "Address": "10.0.0.1",
            "Tags": ["v2", "production", "a=b"], "Meta": {"owner": "me", "rank": "3", "odd": "a b/c"},
            "Weights": {"Passing": 10, "Warning": 2}, "Checks": [check("web-1-ok", "passing")]}),
        json!({"ID": "web-10", "Name": "web", "Port": 80, "Tags": ["production", "internal-listen-http-3000"], "Checks": [check("web-10-ok", "passing")],
            "Meta": {"owner": "you", "rank": "12"}}),
        json!({"ID": "web-2", "Name": "web", "Port": 8080, "Tags": [], "Checks": [check("web-2-slow", "warning")]}),
        json!({"ID": "web-3", "Name": "web", "Port": 81, "Tags": ["staging", "v1"], "Checks": [
            check("web-3-ok", "passing"), check("web-3-bad", "critical")]}),
        json!({"ID": "sick-1", "Name": "sick", "Port": 1, "Tags": ["t"]}),
        json!({"ID": "Beta", "Name": "Beta", "Port": 7, "Tags": ["Z", "a", "Z"], "TaggedAddresses": {
            "lan": {"Address": "10.9.9.9", "Port": 77}, "wan": {"Address": "198.51.100.1", "Port": 88}}}),
        json!({"ID": "plain", "Name": "alpha"}),
        json!({"ID": "with_under-score", "Name": "with_under-score", "Port": 5, "Tags": ["x.y"], "EnableTagOverride": true}),
        json!({"ID": "dotted", "Name": "dotted.name", "Port": 6, "Tags": ["a.b"]}),
        json!({"ID": "mesh", "Name": "mesh", "Port": 9000, "Connect": {"Native": true}}),
    ]
}

/// Nodes that have no agent, and what runs there.
fn nodes() -> Vec<Json> {
    vec![
        json!({"Node": "external", "Address": "192.0.2.10", "NodeMeta": {"rack": "r1"},
            "TaggedAddresses": {"lan": "192.0.2.10", "wan": "203.0.113.10"},
            "Service": {"ID": "pg", "Service": "postgres", "Port": 5432, "Tags": ["primary"]}}),
        json!({"Node": "bare", "Address": "192.0.2.11"}),
        json!({"Node": "Upper.node", "Address": "192.0.2.12",
            "Service": {"ID": "pg", "Service": "postgres", "Port": 5433, "Address": "pg.example.com", "Meta": {"role": "replica"}},
            "Checks": [{"Node": "Upper.node", "CheckID": "up", "Name": "Up", "Status": "passing", "ServiceID": "pg", "Output": "fine",
                "Definition": {"HTTP": "http://x/", "Interval": "10s", "Timeout": "1m30s"}}]}),
    ]
}
