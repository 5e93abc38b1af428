//! The registrator and those who look after it: the syslog daemon and systemd.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;
use integration::rig::process::{command, program};
use rustix::process::Signal;
use serde_json::json;
use tokio::net::UnixDatagram;
use tokio::task::JoinHandle;

use crate::rig::{PATIENCE, Rig, web};

/// Puts a folder in the place of `/dev`, for one program.
const OTHER_DEV: [&str; 5] =
    ["--map-root-user", "--mount", "sh", "-c", "mount --bind \"$0\" /dev && exec \"$@\""];

/// What came to a socket.
struct Datagrams {
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Datagrams {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            while let Ok(length) = socket.recv(&mut buffer).await {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                lines.lock().unwrap().push(text);
            }
        });
        Self { seen, task }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for one that begins and contains it.
    async fn expect(&self, start: &str, text: &str) {
        eventually(&format!("{start}…{text}"), PATIENCE, async || {
            let seen = self.seen();
            let is_it = |line: &String| line.starts_with(start) && line.contains(text);
            if seen.iter().any(is_it) { Ok(()) } else { Err(format!("{seen:#?}")) }
        })
        .await;
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn the_syslog_daemon_hears_everything_also_after_it_was_started_anew() {
    let dev = tempfile::tempdir().unwrap();
    let probe = Command::new("unshare").args(OTHER_DEV).arg(dev.path()).arg("true").output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        writeln!(io::stderr(), "skipped: no mount namespace here, so /dev/log is not ours")
            .unwrap();
        return;
    }
    let syslog = Datagrams::at(&dev.path().join("log"));
    let mut command = command("unshare");
    command.args(OTHER_DEV).arg(dev.path()).arg(program("registrator"));
    let rig = Rig::with(DevAgent::start().await.unwrap(), command, &["--syslog"]).await;
    let mut app = web(1);
    app["labels"] = json!({"SERVICE_99999_NAME": "x"});
    rig.deploy(&app).await;
    rig.mirrored(1).await;
    syslog.expect("<30>registrator[", "Service registered").await;
    syslog.expect("<28>registrator[", "SERVICE_99999_NAME left out").await;

    syslog.task.abort();
    std::fs::remove_file(dev.path().join("log")).unwrap();
    let syslog = Datagrams::at(&dev.path().join("log"));
    rig.scale(2).await;
    syslog.expect("<30>registrator[", "Service registered").await;
    assert_eq!(rig.registrator.log(), "");
}

#[tokio::test]
async fn systemd_hears_that_it_is_ready_when_it_has_compared_and_that_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = Datagrams::at(&path);
    let mut command = command(program("registrator"));
    command.env("NOTIFY_SOCKET", &path);
    let mut rig = Rig::with(DevAgent::reserve().unwrap(), command, &[]).await;
    rig.said("Consul's agent does not answer").await;
    assert_eq!(manager.seen(), Vec::<String>::new());
    rig.consul.start_again().await.unwrap();
    manager.expect("READY=1", "\nSTATUS=").await;
    assert_eq!(rig.page("/ready").await, "ready\n");
    assert!(!manager.seen().contains(&"STOPPING=1".to_owned()));
    rig.registrator.signal(Signal::TERM);
    assert_eq!(rig.registrator.wait(PATIENCE).unwrap().code(), Some(0));
    manager.expect("STOPPING=1", "").await;
}
