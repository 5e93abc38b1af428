//! A real Consul, a liar in its place, and the program with a folder of its own.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use consul::agent::Registration;
use consul::kv::Condition;
use consul::{Client, Config, Query};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// How long anything may take; it takes a moment unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never happened that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A Consul in development mode, on an address of its own.
pub(crate) struct Consul {
    address: Ipv4Addr,
    client: Client,
    process: Option<Child>,
}

impl Consul {
    pub(crate) async fn start() -> Self {
        let [_, b, c, d, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
        let address = Ipv4Addr::new(127, b, c, d.clamp(1, 254));
        let client = Config { address: format!("{address}:8500"), ..Config::default() };
        let client = Client::new(client).unwrap();
        let mut consul = Self { address, client, process: None };
        consul.start_again().await;
        consul
    }

    /// On the same address, with nothing of what it knew.
    pub(crate) async fn start_again(&mut self) {
        let ip = self.address.to_string();
        let mut command = dying_with_us(&binary());
        command.args(["agent", "-dev", "-node", "node", "-bind", &ip, "-client", &ip]);
        command.args(["-log-level", "err", "-hcl", "disable_update_check = true"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        self.process = Some(command.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        // A leader is elected before the agent's own node is in its catalog.
        while !self.client.nodes(None, &Query::default()).await.is_ok_and(|it| it.value.len() == 1)
        {
            assert!(Instant::now() < deadline, "Consul does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Fails only when the whole group has ended by itself.
            kill_process_group(pid(&process), Signal::KILL).ok();
            process.wait().unwrap();
        }
    }

    pub(crate) const fn ip(&self) -> Ipv4Addr {
        self.address
    }

    pub(crate) fn address(&self) -> String {
        format!("{}:8500", self.address)
    }

    pub(crate) async fn put(&self, key: &str, value: &str) {
        assert!(self.client.kv_put(key, value, Condition::Always).await.unwrap());
    }

    pub(crate) async fn register(&self, name: &str, tag: &str, address: &str, port: u16) {
        let registration = Registration {
            id: format!("{name}:{port}"),
            name: name.to_owned(),
            tags: vec![tag.to_owned()],
            address: address.to_owned(),
            port,
            ..Registration::default()
        };
        self.client.register(&registration).await.unwrap();
    }

    pub(crate) async fn deregister(&self, id: &str) {
        self.client.deregister(id).await.unwrap();
    }
}

impl Drop for Consul {
    fn drop(&mut self) {
        self.stop();
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
    process: Option<Child>,
}

impl Program {
    /// Templates by name. Nothing runs yet.
    pub(crate) fn new(templates: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in templates {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, process: None }
    }

    pub(crate) fn start(&mut self, consul: &str, args: &[&str]) {
        let mut command = dying_with_us(Path::new(env!("CARGO_BIN_EXE_ctemplate")));
        command.args(["-consul-addr", consul]).args(args).current_dir(self.folder.path());
        command.env_remove("CONSUL_HTTP_TOKEN").stdin(Stdio::null());
        command.stdout(File::create(self.path("stdout")).unwrap());
        command.stderr(File::create(self.path("stderr")).unwrap());
        self.process = Some(command.spawn().unwrap());
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
            drop(process.kill());
            drop(process.wait());
        }
        if std::thread::panicking() {
            let log = self.read("stderr").unwrap_or_default();
            drop(std::io::Write::write_all(&mut std::io::stderr(), log.as_bytes()));
        }
    }
}

/// A program that does not outlive the test, however that ends.
fn dying_with_us(program: &Path) -> Command {
    if !Path::new("/usr/bin/setpriv").exists() {
        return Command::new(program);
    }
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

fn pid(process: &Child) -> Pid {
    Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap()
}

/// `CONSUL_BIN`, or the newest that `integration/fetch` has put into the cache.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("CONSUL_BIN") {
        return path.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_default()
        .join("consul-sidecars");
    let version = |path: &PathBuf| -> Vec<u32> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.trim_start_matches("consul-").split('.').flat_map(str::parse).collect()
    };
    let folders = fs::read_dir(cache).into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = folders.filter(|path| path.join("consul").is_file()).max_by_key(version);
    newest.expect("no Consul here, run: integration/fetch consul").join("consul")
}
