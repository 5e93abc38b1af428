//! The page in a real browser, which has no scripts to run.
//!
//! `UPDATE_SCREENSHOT=1 cargo test -p ctemplate --test status browser` makes `docs/status.png` anew.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use integration::rig::component::{chromium, workspace};
use integration::rig::process::command;
use tempfile::TempDir;

use super::{Watched, shipped};
use crate::fixture::Consul;

/// Runs a browser without a screen until it has shown a page. What it prints.
async fn browse(url: &str, args: &[String]) -> String {
    let profile = TempDir::new().unwrap();
    let mut command = command("timeout");
    command.args(["--kill-after=5", "60"]).arg(chromium().unwrap());
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
    // It talks to nobody else.
    command.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
    ]);
    command.arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
    command.arg(format!("--user-data-dir={}", profile.path().display())).args(args).arg(url);
    command.stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// A platform with a few services, one of which wants what another one has.
async fn platform(consul: &Consul) {
    let (production, staging) = ("production", "staging");
    let shop = ["internal-listen-http-3000", "external-host-shop.example"];
    for (name, tags, hosts) in [
        ("shop", [&shop[..], &[production]].concat(), 1..=3),
        ("shop", [&shop[..], &[staging]].concat(), 4..=4),
        ("search", vec!["internal-listen-http-3010", "balance-leastconn", production], 1..=2),
        ("mail", vec!["internal-listen-tcp-2525", production], 3..=3),
        ("wiki", vec!["internal-listen-http-3010", production], 4..=4),
    ] {
        for host in hosts {
            let port = 31000 + host * 10 + u16::try_from(name.len()).unwrap();
            consul.register_with(name, &tags, &format!("10.0.0.{host}"), port).await;
        }
    }
}

#[tokio::test]
async fn a_browser_shows_the_page() {
    let consul = Consul::start().await;
    platform(&consul).await;
    let args = ["-template", "internal.cfg.hbs:haproxy.cfg:./reload"];
    let program = shipped();
    let reload = program.path("reload");
    fs::write(&reload, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&reload, fs::Permissions::from_mode(0o755)).unwrap();
    let watched = Watched::start(program, &consul.address(), &args).await;
    watched.shows("/status", "/ready", true).await;
    watched.shows("/routes", "/3/service", "shop").await;
    let dom = browse(&watched.url("/"), &["--dump-dom".to_owned()]).await;
    assert!(dom.contains("<title>ctemplate: ready</title>"), "{dom}");
    let (_, routes) = dom.split_once("<table id=\"routes\">").unwrap();
    let routes = routes.split("</table>").next().unwrap();
    // A head, and a row for each server.
    assert_eq!(routes.matches("<tr>").count(), 1 + 7, "{routes}");
    for words in
        ["internal_tcp_in_production:mail", ":13000", "staging-shop.example", "10.0.0.2:31024"]
    {
        assert!(routes.contains(words), "{words}: {routes}");
    }
    assert!(dom.contains("service \"wiki\": port 3010 of production is left out"), "{dom}");
    let picture = watched.program.path("status.png");
    let args = ["--window-size=1080,900".to_owned(), format!("--screenshot={}", picture.display())];
    browse(&watched.url("/"), &args).await;
    let png = fs::read(&picture).unwrap();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000, "{} bytes", png.len());
    if env::var_os("UPDATE_SCREENSHOT").is_some() {
        fs::write(workspace().join("docs/status.png"), png).unwrap();
    }
}
