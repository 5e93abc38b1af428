//! A real Consul, a liar in its place, and the program with a folder of its own.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consul::Query;
use consul::agent::Registration;
use consul::kv::Condition;
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually_true;
use integration::rig::process::command;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// How long anything may take; it takes a moment unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    eventually_true(what, PATIENCE, async || holds()).await;
}

/// A Consul in development mode, and what the tests write to it.
pub(crate) struct Consul(DevAgent);

impl Consul {
    pub(crate) async fn start() -> Self {
        Self(DevAgent::start().await.unwrap())
    }

    /// On the same address, with nothing of what it knew.
    pub(crate) async fn start_again(&mut self) {
        self.0.start_again().await.unwrap();
    }

    pub(crate) fn stop(&mut self) {
        self.0.stop();
    }

    pub(crate) fn ip(&self) -> Ipv4Addr {
        self.0.ip()
    }

    pub(crate) fn address(&self) -> String {
        self.0.api()
    }

    pub(crate) async fn put(&self, key: &str, value: &str) {
        assert!(self.0.client().kv_put(key, value, Condition::Always).await.unwrap());
    }

    /// The only key that begins and ends so.
    pub(crate) async fn find(&self, prefix: &str, suffix: &str) -> String {
        let pairs = self.0.client().kv_list(prefix, &Query::default()).await.unwrap().value;
        let mut found = pairs.into_iter().map(|pair| pair.key).filter(|key| key.ends_with(suffix));
        let key = found.next().unwrap();
        assert_eq!(found.next(), None);
        key
    }

    pub(crate) async fn register(&self, name: &str, tag: &str, address: &str, port: u16) {
        self.register_with(name, &[tag], address, port).await;
    }

    /// The same with several tags.
    pub(crate) async fn register_with(&self, name: &str, tags: &[&str], address: &str, port: u16) {
        let registration = Registration {
            id: format!("{name}:{port}"),
            name: name.to_owned(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            address: address.to_owned(),
            port,
            ..Registration::default()
        };
        self.0.client().register(&registration).await.unwrap();
    }

    pub(crate) async fn deregister(&self, id: &str) {
        self.0.client().deregister(id).await.unwrap();
    }
}

/// What stands where Consul should be. It tells the truth or every kind of nonsense in turn.
pub(crate) struct Liar {
    address: String,
    value: Arc<Mutex<Option<String>>>,
    lies: Arc<AtomicUsize>,
}

impl Liar {
    /// Head and body of an answer; what they say is that there is nothing, or nothing at all.
    const LIES: [&str; 9] = [
        "HTTP/1.1 500 Internal Server Error\r\n\r\nNo cluster leader",
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<html>nothing here</html>",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in first</html>",
        "HTTP/1.1 200 OK\r\nX-Consul-Index: 9\r\nX-Consul-KnownLeader: false\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\nX-Consul-Index: 9\r\nX-Consul-KnownLeader: true\r\n\r\n[{\"Key\":\"a\",\"Va",
        "HTTP/1.1 200 OK\r\nX-Consul-Index: 9\r\nContent-Length: 500\r\n\r\n[]",
        "HTTP/1.1 429 Too Many Requests\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "",
    ];

    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let liar = Self {
            address: listener.local_addr().unwrap().to_string(),
            value: Arc::default(),
            lies: Arc::default(),
        };
        let (value, lies) = (Arc::clone(&liar.value), Arc::clone(&liar.lies));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let Ok(1..) = stream.read(&mut request).await else { continue };
                let truth = value.lock().unwrap().clone();
                let answer = truth.unwrap_or_else(|| {
                    Self::LIES[lies.fetch_add(1, Ordering::Relaxed) % Self::LIES.len()].to_owned()
                });
                // Whoever hangs up early does not want the answer.
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        liar
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// From now on the key has this value (in base64), in every answer.
    pub(crate) fn tell(&self, value: &str, index: u64) {
        let body = format!("[{{\"Key\":\"a\",\"Value\":\"{value}\",\"ModifyIndex\":{index}}}]");
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nX-Consul-Index: {index}\r\nX-Consul-KnownLeader: true\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        *self.value.lock().unwrap() = Some(answer);
    }

    /// From now on every answer is nonsense.
    pub(crate) fn lie(&self) {
        *self.value.lock().unwrap() = None;
    }

    pub(crate) fn has_told_every_lie(&self) -> bool {
        self.lies.load(Ordering::Relaxed) > 2 * Self::LIES.len()
    }
}

/// A folder with templates, and the program that runs in it.
pub(crate) struct Program {
    folder: TempDir,
    variables: Vec<(String, String)>,
    process: Option<Child>,
}

impl Program {
    /// Templates by name. Nothing runs yet.
    pub(crate) fn new(templates: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in templates {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, variables: Vec::new(), process: None }
    }

    /// A variable of its environment.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn start(&mut self, consul: &str, args: &[&str]) {
        let mut command = command(env!("CARGO_BIN_EXE_ctemplate"));
        command.args(["-consul-addr", consul]).args(args);
        self.spawn(command);
    }

    /// As PID 1 of a namespace of its own.
    pub(crate) fn start_as_pid_1(&mut self, args: &[&str]) {
        let mut command = command("unshare");
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
        command.arg(env!("CARGO_BIN_EXE_ctemplate")).args(args);
        self.spawn(command);
    }

    fn spawn(&mut self, mut command: Command) {
        command.current_dir(self.folder.path()).env_remove("CONSUL_HTTP_TOKEN");
        command.envs(self.variables.clone()).stdin(Stdio::null());
        command.stdout(File::create(self.path("stdout")).unwrap());
        command.stderr(File::create(self.path("stderr")).unwrap());
        self.process = Some(command.spawn().unwrap());
    }

    /// Its process id, or that of what started it.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The text of a file, if it is there.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Waits until a file holds a text.
    pub(crate) async fn becomes(&self, name: &str, want: &str) {
        let what = format!("{name} becomes {want:?}");
        eventually(&what, || self.read(name).as_deref() == Some(want)).await;
    }

    /// How many lines a file has.
    pub(crate) fn lines(&self, name: &str) -> usize {
        self.read(name).unwrap_or_default().lines().count()
    }

    /// How many lines of the log hold these words.
    pub(crate) fn said(&self, words: &str) -> usize {
        let log = self.read("stderr").unwrap_or_default();
        log.lines().filter(|line| line.contains(words)).count()
    }

    pub(crate) async fn says(&self, words: &str) {
        eventually(&format!("the log says {words}"), || self.said(words) > 0).await;
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.as_mut().unwrap().try_wait(), Ok(None))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(pid(self.process.as_ref().unwrap()), signal).unwrap();
    }

    /// Waits until the program has ended.
    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        eventually("the program ends", || !self.is_running()).await;
        self.process.as_mut().unwrap().wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            end_with_children(&process);
            drop(process.wait());
        }
        if std::thread::panicking() {
            let log = self.read("stderr").unwrap_or_default();
            drop(std::io::Write::write_all(&mut std::io::stderr(), log.as_bytes()));
        }
    }
}

/// Kills the program and what it has started, which would live on without it.
fn end_with_children(process: &Child) {
    // It must not start more meanwhile.
    kill_process(pid(process), Signal::STOP).unwrap_or_default();
    let mut all = vec![pid(process)];
    let mut next = 0;
    while let Some(parent) = all.get(next).map(|pid| pid.as_raw_nonzero()) {
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let children = children.unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)));
        next += 1;
    }
    for pid in all {
        kill_process(pid, Signal::KILL).unwrap_or_default();
    }
}

fn pid(process: &Child) -> Pid {
    Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap()
}
