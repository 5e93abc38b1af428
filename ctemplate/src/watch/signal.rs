//! Blocking queries that tell which services to read, and single looks at nodes.
//!
//! No change is missed: a signal waits on the index of its last answer, and what it tells of is read after that answer, with
//! `consistent`. What changes during the read changes the index too, so that the signal speaks again. After a
//! failure Consul may be another one, where the same indexes mean something else: everything is to be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use consul::{Answer, Client, Consistency, Cursor, Index, Progress, Query};
use daemon::backoff::{Backoff, jitter};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

use super::conductor::Event;
use super::plan::{Kind, Signal};
use super::shown::{Look, NodeService};
use super::{PollError, Reading};
use crate::dependency::Scope;

/// What a signal says.
#[derive(Debug)]
pub(super) struct News {
    /// What is there now; nothing where the signal is about the whole catalog, of which something has changed.
    pub(super) look: Option<Look>,
    /// As of when.
    pub(super) index: Option<Index>,
    /// Whether anything may have changed.
    pub(super) is_everything: bool,
}

/// A look at a node that no signal of its own speaks of.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// At what.
    pub(super) at: Signal,
    /// The index of the last look, where it tells whether another one is worth it.
    pub(super) last: Option<Index>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    services: Option<BTreeMap<String, NodeService>>,
}

/// Speaks of every change until the receiver is gone. For a first answer that is large it waits until it has `turn`: all of
/// them at a time would take more memory than what is kept.
pub(super) async fn run(
    client: Client,
    reading: Reading,
    signal: Signal,
    turn: Arc<Semaphore>,
    events: UnboundedSender<Event>,
) {
    let mut cursor = Cursor::default();
    let mut backoff = Backoff::new(reading.backoff, reading.max_backoff);
    let mut is_lost = false;
    loop {
        let query = within(&signal.scope, &Query::blocking(cursor, reading.wait));
        let is_large = signal.is_large() && cursor.position().is_none();
        let turn = if is_large { turn.acquire().await.ok() } else { None };
        let answer = look(&client, &signal.kind, &query).await;
        drop(turn);
        let pause = match answer {
            Err(error) => {
                cursor = Cursor::default();
                is_lost = true;
                if error.is_refusal() && events.send(Event::Refused).is_err()
                    || events.send(Event::Lost(signal.clone(), error)).is_err()
                {
                    return;
                }
                backoff.next(jitter())
            }
            Ok(Answer { value, index, .. }) => {
                backoff.reset();
                let progress = cursor.advance(index);
                // A node that is gone has no index.
                is_lost |= progress == Progress::Reset && index.is_some();
                if progress != Progress::Unchanged {
                    let is_everything = std::mem::take(&mut is_lost);
                    let news = News { look: value, index, is_everything };
                    if events.send(Event::Signal(signal.clone(), news)).is_err() {
                        return;
                    }
                }
                progress.pause()
            }
        };
        sleep(pause).await;
    }
}

/// Looks once, after as many failures as it takes.
pub(super) async fn visit(
    client: Client,
    reading: Reading,
    visit: Visit,
    events: UnboundedSender<Event>,
) {
    let query = Query::default().with_consistency(Consistency::Consistent);
    let query = within(&visit.at.scope, &query);
    let mut backoff = Backoff::new(reading.backoff, reading.max_backoff);
    loop {
        match seen(&client, &visit, &query).await {
            Ok(answer) => {
                let event =
                    Event::Visited { at: visit.at, look: answer.value, index: answer.index };
                // Without it nobody waits.
                drop(events.send(event));
                return;
            }
            Err(error) if error.is_refusal() && events.send(Event::Refused).is_err() => return,
            Err(error) => tracing::debug!(error = %error, "No look"),
        }
        sleep(backoff.next(jitter())).await;
    }
}

/// Nothing, where it is as it was.
async fn seen(
    client: &Client,
    visit: &Visit,
    query: &Query,
) -> Result<Answer<Option<Look>>, PollError> {
    if let (Kind::ServicesOf(node), Some(last)) = (&visit.at.kind, visit.last) {
        let answer = trusted(client.node_index(node, query).await?)?;
        if answer.index == Some(last) {
            return Ok(answer.map(|()| None));
        }
    }
    look(client, &visit.at.kind, query).await
}

fn within(scope: &Scope, query: &Query) -> Query {
    let (datacenter, tenancy) = (scope.datacenter.clone(), scope.tenancy.clone());
    Query { datacenter, tenancy, ..query.clone() }
}

async fn look(
    client: &Client,
    kind: &Kind,
    query: &Query,
) -> Result<Answer<Option<Look>>, PollError> {
    trusted(match kind {
        Kind::Nodes => client.nodes_as(None, query).await?.map(|nodes| Some(Look::nodes(&nodes))),
        Kind::Checks => client.checks_signal(query).await?.map(|()| None),
        Kind::Services => client.services_signal(query).await?.map(|()| None),
        Kind::ChecksOf(node) => {
            let answer = client.node_checks_as(node, query).await?;
            answer.map(|checks| Some(Look::checks(node, checks)))
        }
        Kind::ServicesOf(node) => client.node_as(node, query).await?.map(|it: Node| {
            let services = it.services.unwrap_or_default();
            Some(Look::services(node, services.into_values()))
        }),
    })
}

fn trusted<T>(answer: Answer<T>) -> Result<Answer<T>, PollError> {
    if answer.known_leader { Ok(answer) } else { Err(PollError::NoLeader) }
}
