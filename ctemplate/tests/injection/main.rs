//! Hostile texts through a real Consul: the shipped templates keep every byte of the healthy services, and HAProxy takes
//! the file. A template in the usual style, which pastes what Consul says, shows that the texts do harm.

#![cfg(test)]

mod hostile;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use consul::kv::Condition;
use integration::http;
use integration::rig::component;
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;
use integration::rig::process::{Process, command};
use regex::Regex;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// As in many articles about consul-template and HAProxy.
const PASTING: &str = r#"defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
{{ range services }}{{ $name := .Name }}{{ range .Tags }}{{ if . | regexMatch "internal-listen-http-[0-9]+" }}
frontend in_{{ $name }}
  bind *:{{ . | replaceAll "internal-listen-http-" "" }}
  default_backend cluster_{{ $name }}
backend cluster_{{ $name }}{{ range service $name }}
  server {{ .Node }} {{ .Address }}:{{ .Port }} check{{ end }}
{{ end }}{{ end }}{{ end }}"#;

async fn register(consul: &DevAgent, entry: &Json) -> bool {
    let url = format!("http://{}/v1/catalog/register", consul.api());
    let answer = http::client().unwrap().put(url).json(entry).send().await.unwrap();
    answer.status().is_success()
}

async fn set(consul: &DevAgent, key: &str, value: &str) {
    assert!(consul.client().kv_put(key, value, Condition::Always).await.unwrap());
}

async fn with_healthy_services() -> DevAgent {
    let consul = DevAgent::start().await.unwrap();
    for (number, (name, tags)) in [
        ("web", "internal-listen-http-3000 external-host-www.example.com sticky auth-admins"),
        ("api", "internal-listen-http-3001 external-host-www.example.com external-path-/api"),
        ("db", "internal-listen-tcp-3002 allow-10.0.0.0/8 maxconn-5"),
    ]
    .into_iter()
    .enumerate()
    {
        let tags: Vec<_> = tags.split(' ').chain(["production"]).collect();
        let service = json!({"Service": name, "Address": format!("10.0.0.{}", number + 1), "Port": 31000, "Tags": tags});
        let entry = json!({"Node": "agent-1", "Address": "192.0.2.2", "Service": service});
        assert!(register(&consul, &entry).await, "{name}");
    }
    consul
}

/// What the program makes of a template, and what it says.
async fn rendered(
    consul: &DevAgent,
    folder: &TempDir,
    template: &Path,
) -> (PathBuf, String, String) {
    let path = folder.path().join("out.cfg");
    let mut command = command(env!("CARGO_BIN_EXE_ctemplate"));
    command.args(["-once", "-consul-addr", &consul.api(), "-template"]);
    command.arg(format!("{}:{}", template.display(), path.display()));
    command.env_clear().env("HOME", "/root/injected").stdin(Stdio::null());
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let text = fs::read_to_string(&path).unwrap();
    (path, text, said)
}

/// Whether HAProxy takes a file, and what it says.
fn checked(path: &Path) -> (bool, String) {
    let mut command = command(component::haproxy().unwrap());
    let output = command.args(["-c", "-dW", "-f"]).arg(path).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What the shipped templates give: both balancers, both languages.
async fn shipped(consul: &DevAgent) -> Vec<(String, String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for name in ["internal.cfg.hbs", "internal.cfg.ctmpl", "external.cfg.hbs", "external.cfg.ctmpl"]
    {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates").join(name);
        let (path, text, said) = rendered(consul, &folder, &template).await;
        let (is_accepted, why) = checked(&path);
        assert!(is_accepted, "{name}: {why}");
        files.push((name.to_owned(), text, said));
    }
    files
}

/// The lines that hostile nodes may add: the services are as good as any, only their nodes have odd names.
fn is_of_a_node(line: &str) -> bool {
    let lines = Regex::new(concat!(
        r"^(|frontend internal_http_in_production:node-\d+|backend cluster_production:node-\d+",
        r"|  (bind \*:42\d\d|mode http|option (httplog|allbackups|forwardfor)|balance roundrobin",
        r"|option httpchk GET /healthcheck|default_backend cluster_production:node-\d+",
        r"|use_backend cluster_production:node-\d+ if \{ hdr\(host\),field\(1,:\) -i -m str h42\d\d\.example\.com \}",
        r"|server [A-Za-z0-9_.:-]+_10\.6\.0\.1_80 10\.6\.0\.1:80 check weight 1",
        r"|server [A-Za-z0-9_.:-]+_10\.6\.0\.1_80_unchecked 10\.6\.0\.1:80 backup weight 1))$",
    ));
    lines.unwrap().is_match(line)
}

#[tokio::test]
async fn hostile_texts_change_no_byte_of_the_healthy_services() {
    let consul = with_healthy_services().await;
    let before = shipped(&consul).await;
    let mut accepted = 0;
    for entry in hostile::entries() {
        accepted += usize::from(register(&consul, &entry).await);
    }
    // If Consul took none of them, nothing would be shown.
    assert!(accepted >= 80, "Consul took only {accepted}");
    let after = shipped(&consul).await;
    for ((name, before, _), (_, after, said)) in before.iter().zip(&after) {
        let mut added = Vec::new();
        let diff = similar::TextDiff::from_lines(before, after);
        for change in diff.iter_all_changes() {
            match change.tag() {
                similar::ChangeTag::Equal => {}
                similar::ChangeTag::Delete => panic!("{name} lost {change}"),
                similar::ChangeTag::Insert => added.push(change.value().trim_end_matches('\n')),
            }
        }
        let injected: Vec<_> = added.iter().filter(|line| !is_of_a_node(line)).collect();
        assert!(injected.is_empty(), "{name}: {injected:#?}");
        assert!(!added.is_empty(), "{name}: servers on odd nodes are served");
        // What is left out is said, each in one line and once.
        let reports: Vec<_> = said.lines().filter(|line| line.contains("is left out")).collect();
        let different: BTreeSet<_> =
            reports.iter().map(|line| line.split_once("service")).collect();
        assert!(reports.len() >= 60 && different.len() == reports.len(), "{name}:\n{said}");
    }
}

#[tokio::test]
async fn hostile_keys_change_nothing() {
    let consul = with_healthy_services().await;
    let before = shipped(&consul).await;
    let texts = |files: Vec<(String, String, String)>| -> Vec<_> {
        files.into_iter().map(|(_, text, _)| text).collect()
    };
    let before = texts(before);
    let count = hostile::LIMITS.len().max(hostile::USERS.len());
    for (limit, users) in hostile::LIMITS.iter().zip(hostile::USERS.iter().cycle()).take(count) {
        set(&consul, "service/haproxy/maxconn", limit).await;
        set(&consul, "service/haproxy/auth/admins", users).await;
        assert_eq!(texts(shipped(&consul).await), before, "{limit:?} {users:?}");
    }
}

#[tokio::test]
async fn what_is_left_out_is_told_when_it_comes_and_when_it_goes() {
    let consul = with_healthy_services().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.cfg");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates/internal.cfg.hbs");
    let mut command = command(env!("CARGO_BIN_EXE_ctemplate"));
    command.args(["-log-level", "info", "-consul-addr", &consul.api(), "-template"]);
    command.arg(format!("{}:{}", template.display(), file.display()));
    let program = Process::start("ctemplate", command, &folder.path().join("log")).unwrap();
    let wait_for = async |what: &str, is_there: bool| {
        eventually(what, PATIENCE, async || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if text.contains(what) == is_there { Ok(()) } else { Err(program.log()) }
        })
        .await;
    };
    let entry = |name: &str, port: u16| {
        let tags = ["production".to_owned(), format!("internal-listen-http-{port}")];
        let service = json!({"Service": name, "Address": "10.0.0.9", "Port": 31000, "Tags": tags});
        json!({"Node": "agent-1", "Address": "192.0.2.2", "Service": service})
    };
    let told = |what: &str| program.log().lines().filter(|line| line.contains(what)).count();

    wait_for("frontend internal_http_in_production:web", true).await;
    assert_eq!(told("Left out"), 0, "{}", program.log());
    // Port 3000 belongs to web by the order of names, as long as web is there.
    assert!(register(&consul, &entry("x", 3000)).await);
    for (number, name) in ["more", "and-more"].into_iter().enumerate() {
        let port = 4000 + u16::try_from(number).unwrap();
        assert!(register(&consul, &entry(name, port)).await);
        wait_for(&format!("frontend internal_http_in_production:{name}"), true).await;
    }
    assert_eq!(told("Left out"), 1, "{}", program.log());
    assert_eq!(told("it belongs to production:web"), 1, "{}", program.log());
    let url = format!("http://{}/v1/catalog/deregister", consul.api());
    let web = json!({"Node": "agent-1", "ServiceID": "web"});
    http::client().unwrap().put(url).json(&web).send().await.unwrap();
    wait_for("frontend internal_http_in_production:x\n  bind *:3000\n", true).await;
    wait_for("frontend internal_http_in_production:web", false).await;
    assert_eq!(told("Left out"), 1, "{}", program.log());
    assert_eq!(told("No longer left out"), 1, "{}", program.log());
}

#[tokio::test]
async fn a_template_that_pastes_lets_them_in() {
    let consul = with_healthy_services().await;
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("pasting.ctmpl");
    fs::write(&template, PASTING).unwrap();
    let (path, _, _) = rendered(&consul, &folder, &template).await;
    assert!(checked(&path).0, "it works as long as everybody is nice");
    // Names would already keep the program from asking; tags and addresses are enough.
    for entry in hostile::entries() {
        let name = entry["Service"]["Service"].as_str().unwrap();
        if name == "web" || name.starts_with("tags-") {
            register(&consul, &entry).await;
        }
    }
    let (path, text, _) = rendered(&consul, &folder, &template).await;
    assert!(text.lines().any(|line| line == "  server evil 6.6.6.6:80"), "{text}");
    assert!(text.lines().any(|line| line == "listen evil"), "{text}");
    assert!(!checked(&path).0, "HAProxy refuses what is left");
}
