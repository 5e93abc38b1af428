//! A Consul that never tells of changes on its nodes.

use std::collections::BTreeSet;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use consul::{Client, Config};
use ctemplate::dependency::{Dependency, Instances};
use integration::rig::eventually::eventually_true;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::{Observer, PATIENCE};

const NODES: &str = r#"[{"Node":"n0"},{"Node":"n1"},{"Node":"n2"}]"#;

/// What it was asked.
#[derive(Default)]
struct Asked {
    /// About services.
    services: BTreeSet<String>,
    /// Services that were to be read once, and had no answer but a refusal.
    unread: BTreeSet<String>,
    /// Whether there ever were such.
    has_refused: bool,
    /// How many of them there were when somebody first wanted to wait for changes on a node.
    before_signals: Option<usize>,
}

/// It may refuse what it is asked about each service for the first time.
async fn consul(refuses: bool) -> (SocketAddr, Arc<Mutex<Asked>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::<Mutex<Asked>>::default();
    let by_all = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, refuses, Arc::clone(&by_all)));
        }
    });
    (address, asked)
}

/// Answers each question once; those about a node only to whoever does not want to wait for changes.
async fn serve(stream: TcpStream, refuses: bool, asked: Arc<Mutex<Asked>>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(request)) = lines.next_line().await {
        while lines.next_line().await.is_ok_and(|line| line.is_some_and(|it| !it.is_empty())) {}
        let is_read = request.contains("consistent");
        let (status, body) = match request.split(['?', ' ']).nth(1).unwrap_or_default() {
            _ if request.contains("index=") => pending().await,
            "/v1/agent/self" => ("200 OK", r#"{"DebugConfig":{"HTTPMaxConnsPerClient":200}}"#),
            "/v1/catalog/nodes" => ("200 OK", NODES),
            path if path.starts_with("/v1/health/service/") => {
                (asked.lock().unwrap().status(path, is_read, refuses), "[]")
            }
            path if path.starts_with("/v1/health/node/") && is_read => ("200 OK", "[]"),
            _ if is_read => ("200 OK", "{}"),
            path => {
                if path.contains("/node/") {
                    asked.lock().unwrap().begins();
                }
                pending().await
            }
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nX-Consul-Index: 7\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        lines.get_mut().write_all(answer.as_bytes()).await.unwrap();
    }
}

impl Asked {
    fn status(&mut self, service: &str, is_read: bool, refuses: bool) -> &'static str {
        if self.services.insert(service.to_owned()) && refuses {
            if is_read {
                self.has_refused = true;
                self.unread.insert(service.to_owned());
            }
            return "429 Too Many Requests";
        }
        self.unread.remove(service);
        "200 OK"
    }

    fn begins(&mut self) {
        self.before_signals.get_or_insert(self.unread.len());
    }
}

/// Watches so many services.
fn observer(
    address: SocketAddr,
    services: usize,
    max_connections: usize,
) -> (Observer, BTreeSet<Dependency>) {
    let client = Client::new(Config { address: address.to_string(), ..Config::default() }).unwrap();
    let service = |n| Dependency::Instances(Instances::parse(&format!("s{n}")).unwrap());
    let wanted: BTreeSet<_> = (0..services).map(service).collect();
    let mut observer = Observer::new(client, max_connections);
    observer.watch(&wanted);
    (observer, wanted)
}

#[tokio::test]
async fn first_answers_do_not_wait_for_signals() {
    let (address, _) = consul(false).await;
    let (mut observer, wanted) = observer(address, 40, 24);
    eventually_true("everything has an answer", PATIENCE, async || {
        observer.take();
        wanted.iter().all(|it| observer.store.recall(it).is_some())
    })
    .await;
    let statistics = observer.watcher.statistics();
    assert!(statistics.on_signals > 0, "{statistics:?}");
    // The answers may have missed a change: it is to be seen that nothing would tell.
    assert!(statistics.unread > 0, "{statistics:?}");
}

/// There is no file before.
#[tokio::test]
async fn signals_wait_until_everything_is_read() {
    let (address, asked) = consul(true).await;
    let (mut observer, _) = observer(address, 120, 100);
    eventually_true("there are signals on nodes", PATIENCE, async || {
        observer.take();
        asked.lock().unwrap().before_signals.is_some()
    })
    .await;
    let asked = asked.lock().unwrap();
    assert_eq!((asked.has_refused, asked.before_signals), (true, Some(0)));
}
