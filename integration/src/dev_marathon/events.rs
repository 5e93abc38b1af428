//! The open event streams.
//!
//! A stream that does not read is given up after 1024 events, so it slows nobody down.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::serve::Marathon;

/// Marathon's `--event_stream_max_outstanding_messages`.
const BUFFER: usize = 1024;

/// How long a stream may be silent.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// All open streams.
#[derive(Debug, Default)]
pub struct Streams {
    open: Mutex<Vec<Subscriber>>,
}

#[derive(Debug)]
struct Subscriber {
    client: String,
    sender: mpsc::Sender<Bytes>,
    types: BTreeSet<String>,
}

impl Streams {
    /// Sends an event to all who want it, and answers whom it gave up.
    ///
    /// The connection of such a one ends when it has read what is on its way to it.
    #[must_use]
    pub fn send(&self, event: &Value) -> Vec<String> {
        let kind = event.get("eventType").and_then(Value::as_str).unwrap_or_default();
        let frame = Bytes::from(frame(kind, event));
        let mut open = self.lock();
        let gone = open.extract_if(.., |subscriber| {
            subscriber.wants(kind) && subscriber.sender.try_send(frame.clone()).is_err()
        });
        gone.map(|subscriber| subscriber.client).collect()
    }

    /// Closes all.
    pub fn close(&self) {
        self.lock().clear();
    }

    fn subscribe(&self, client: &str, types: BTreeSet<String>) -> mpsc::Receiver<Bytes> {
        let (sender, receiver) = mpsc::channel(BUFFER);
        self.lock().push(Subscriber { client: client.to_owned(), sender, types });
        receiver
    }

    /// Answers whether there was such a one: a client's address and port name one connection.
    fn unsubscribe(&self, client: &str) -> bool {
        let mut open = self.lock();
        let before = open.len();
        open.retain(|subscriber| subscriber.client != client);
        open.len() < before
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Subscriber>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber {
    fn wants(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.contains(kind)
    }
}

/// An event on the wire, as Jetty's `EventSource` servlet writes it.
fn frame(kind: &str, event: &Value) -> String {
    format!("event: {kind}\r\ndata: {event}\r\n\r\n")
}

/// Says that a stream is gone, when its client has closed it.
struct Attached {
    marathon: Arc<Marathon>,
    client: String,
}

impl Drop for Attached {
    fn drop(&mut self) {
        if self.marathon.streams.unsubscribe(&self.client) {
            self.marathon.announce_detached(&self.client);
        }
    }
}

/// Opens a stream of the events of `types`, of all when there are none; its body never ends by itself.
pub fn attach(marathon: &Arc<Marathon>, client: String, types: BTreeSet<String>) -> Body {
    let receiver = marathon.streams.subscribe(&client, types);
    marathon.turn(|cluster, outside| {
        cluster.announce_stream("event_stream_attached", &client, outside.now);
    });
    let attached = Attached { marathon: Arc::clone(marathon), client };
    Body::from_stream(stream::unfold((receiver, false, attached), next))
}

type State = (mpsc::Receiver<Bytes>, bool, Attached);

/// The next bytes. A keep-alive is sent as two pieces, CR and LF, because Jetty flushes it so.
async fn next(
    (mut receiver, half, attached): State,
) -> Option<(Result<Bytes, std::io::Error>, State)> {
    if half {
        return Some((Ok(Bytes::from_static(b"\n")), (receiver, false, attached)));
    }
    loop {
        match timeout(KEEP_ALIVE, receiver.recv()).await {
            Ok(Some(frame)) => return Some((Ok(frame), (receiver, false, attached))),
            Ok(None) => return None,
            Err(_) if attached.marathon.faults().freeze_streams => {}
            Err(_) => return Some((Ok(Bytes::from_static(b"\r")), (receiver, true, attached))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_one_line_with_crlf() {
        let event = json!({"eventType": "e", "text": "a\nb"});
        let want = "event: e\r\ndata: {\"eventType\":\"e\",\"text\":\"a\\nb\"}\r\n\r\n";
        assert_eq!(frame("e", &event), want);
    }

    #[test]
    fn filters_and_gives_up_who_does_not_read() {
        let streams = Streams::default();
        let mut some = streams.subscribe("a", BTreeSet::from(["wanted".to_owned()]));
        let mut all = streams.subscribe("b", BTreeSet::new());
        let send = |kind: &str| streams.send(&json!({"eventType": kind}));
        assert!(send("other").is_empty() && send("wanted").is_empty());
        assert!(some.try_recv().unwrap().starts_with(b"event: wanted"));
        assert!(all.try_recv().unwrap().starts_with(b"event: other"));
        let gone: Vec<String> = (0..BUFFER).flat_map(|_| send("other")).collect();
        assert_eq!(gone, ["b"], "one event was not read, so this is one too many");
        assert!(streams.unsubscribe("a") && !streams.unsubscribe("b"));
    }
}
