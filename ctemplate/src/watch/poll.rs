//! One dependency, read again and again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use consul::health::Instances;
use consul::{Answer, Client, Consistency, Cursor, Progress, Query, Tenancy};
use daemon::backoff::{Backoff, jitter};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::conductor::Event;
use super::connections::Connection;
use super::source::{self, Content};
use super::{PollError, Reading, Update, shown};
use crate::data::Data;
use crate::dependency::{Dependency, Scope};

/// How often datacenters and partitions are read: Consul cannot block on them.
const PLACES: Duration = Duration::from_secs(15);
/// How often a file is read.
const FILE: Duration = Duration::from_secs(1);

/// A question, the dependencies that it answers, and who hears of that.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) source: Dependency,
    pub(super) variants: watch::Receiver<Arc<[Dependency]>>,
    pub(super) reading: Reading,
    pub(super) updates: mpsc::Sender<Update>,
    pub(super) events: UnboundedSender<Event>,
}

/// Sends every new answer, and every failure, until the receiver is gone.
pub(super) async fn run(connection: Connection, question: Question) {
    let reading = question.reading;
    let mut cursor = Cursor::default();
    let mut backoff = Backoff::new(reading.backoff, reading.max_backoff);
    loop {
        let started = Instant::now();
        let result = match connection.client().await {
            Ok(client) => read_fresh(client, &reading, &question.source, cursor).await,
            Err(error) => Err(error.into()),
        };
        let (result, pause) = match result {
            Err(error) => {
                connection.failed(&error);
                cursor = Cursor::default();
                (Some(Err(error)), started.elapsed() + backoff.next(jitter()))
            }
            Ok((content, Next::After(pause))) => {
                backoff.reset();
                (Some(Ok(content)), pause)
            }
            Ok((content, Next::Index { index, .. })) => {
                backoff.reset();
                let progress = cursor.advance(index);
                ((progress != Progress::Unchanged).then_some(Ok(content)), progress.pause())
            }
        };
        // Before the answer itself: what was read meanwhile may be older. Also the first one: it may have shown that requests
        // share connections.
        if result.as_ref().is_some_and(Result::is_ok) {
            drop(question.events.send(Event::Changed(question.source.clone())));
        }
        if let Some(result) = result
            && !send(&question, result).await
        {
            return;
        }
        sleep_until(started + pause).await;
    }
}

/// Sends one answer, after as many failures as it takes. It is at least as new as the signal that led to it: other servers
/// may not know yet what was told, nor may one that was just elected and is asked without `consistent`.
pub(super) async fn once(client: Client, question: Question) {
    let reading = question.reading;
    let query = Query::default().with_consistency(Consistency::Consistent);
    let mut backoff = Backoff::new(reading.backoff, reading.max_backoff);
    loop {
        let (shown, result) = match read(&client, &question.source, &query).await {
            Ok((content, next)) => (Some(shown(&content, &next)), Ok(content)),
            Err(error) => (None, Err(error)),
        };
        let is_refusal = result.as_ref().is_err_and(PollError::is_refusal);
        if !send(&question, result).await {
            return;
        }
        if let Some(shown) = shown {
            let (source, task) = (question.source, tokio::task::id());
            drop(question.events.send(Event::Read { source, task, shown }));
            return;
        }
        if !is_refusal {
            drop(question.events.send(Event::Failed(question.source.clone())));
        }
        sleep(backoff.next(jitter())).await;
    }
}

fn shown(content: &Content, next: &Next) -> shown::Content {
    match (content, next) {
        (Content::Entries(entries), Next::Index { index, .. }) => {
            shown::Content::new(*index, entries)
        }
        _ => shown::Content::default(),
    }
}

/// False when the receiver is gone.
async fn send(question: &Question, result: Result<Content, PollError>) -> bool {
    let Question { updates, events, .. } = question;
    let variants = Arc::clone(&question.variants.borrow());
    match result {
        // It will be asked again, when there is less.
        Err(error) if error.is_refusal() => events.send(Event::Refused).is_ok(),
        // One failure, however many variants wait for the answer; each success is for all of them.
        Err(error) => match variants.first() {
            Some(variant) => {
                let update = Update { dependency: variant.clone(), result: Err(error) };
                updates.send(update).await.is_ok()
            }
            None => true,
        },
        Ok(content) => {
            for (dependency, data) in source::split(content, &variants) {
                if updates.send(Update { dependency, result: Ok(data) }).await.is_err() {
                    return false;
                }
            }
            true
        }
    }
}

/// When to read again.
enum Next {
    /// At once: the query blocks on this index. The answer is as old as this.
    Index { index: Option<consul::Index>, age: Duration },
    /// After this time.
    After(Duration),
}

/// Reads from any server, and from the one that leads when that answer is too old.
async fn read_fresh(
    client: &Client,
    reading: &Reading,
    dependency: &Dependency,
    cursor: Cursor,
) -> Result<(Content, Next), PollError> {
    if !reading.max_stale.is_zero() {
        let base = Query::blocking(cursor, reading.wait).with_consistency(Consistency::Stale);
        let answer = read(client, dependency, &base).await?;
        if !matches!(answer.1, Next::Index { age, .. } if age > reading.max_stale) {
            return Ok(answer);
        }
    }
    read(client, dependency, &Query::blocking(cursor, reading.wait)).await
}

async fn read(
    client: &Client,
    dependency: &Dependency,
    base: &Query,
) -> Result<(Content, Next), PollError> {
    let query = |scope: &Scope| Query {
        datacenter: scope.datacenter.clone(),
        tenancy: scope.tenancy.clone(),
        ..base.clone()
    };
    match dependency {
        Dependency::Key(key) => {
            let answer = client.kv_get(&key.path, &query(&key.scope)).await?;
            trusted(answer.map(Data::key))
        }
        Dependency::Keys(key) => {
            let answer = client.kv_list(&key.path, &query(&key.scope)).await?;
            trusted(answer.map(|pairs| Data::keys(&key.path, pairs)))
        }
        Dependency::Instances(wanted) => {
            let instances = Instances {
                service: &wanted.name,
                tag: wanted.tag.as_deref(),
                passing: wanted.only_passing(),
                near: wanted.near.as_deref(),
                connect: wanted.connect,
            };
            let answer = client.instances_as(&instances, &query(&wanted.scope)).await?;
            if source::is_shared(wanted) {
                return entrusted(answer.map(Content::Entries));
            }
            trusted(answer.map(|entries| Data::instances(wanted, entries)))
        }
        Dependency::Services { scope } => {
            trusted(client.services(&query(scope)).await?.map(Data::services))
        }
        Dependency::Nodes { scope, near } => {
            let answer = client.nodes_as(near.as_deref(), &query(scope)).await?;
            trusted(answer.map(|nodes| Data::nodes(nodes, near.is_some())))
        }
        Dependency::Node { name, scope } => {
            let name = match name {
                Some(name) => name.clone(),
                None => client.agent_self().await?.config.node_name,
            };
            trusted(client.node_as(&name, &query(scope)).await?.map(Data::node))
        }
        Dependency::Datacenters { reachable } => {
            let datacenters = datacenters(client, *reachable).await?;
            Ok((Content::Data(Data::datacenters(datacenters)), Next::After(PLACES)))
        }
        Dependency::Partitions => {
            let partitions = Data::partitions(client.partitions().await?);
            Ok((Content::Data(partitions), Next::After(PLACES)))
        }
        Dependency::File(path) => file(path).await,
        Dependency::Peerings { .. }
        | Dependency::ExportedServices { .. }
        | Dependency::ImportedServices { .. }
        | Dependency::CaRoots
        | Dependency::CaLeaf(_) => federated(client, dependency, &query).await,
    }
}

async fn file(path: &Path) -> Result<(Content, Next), PollError> {
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|error| PollError::File { path: path.display().to_string(), error })?;
    let data = Data::File(String::from_utf8_lossy(&bytes).into_owned());
    Ok((Content::Data(data), Next::After(FILE)))
}

/// What concerns more than one cluster, and the mesh.
async fn federated(
    client: &Client,
    dependency: &Dependency,
    query: &impl Fn(&Scope) -> Query,
) -> Result<(Content, Next), PollError> {
    let within = |partition: &Option<String>| {
        let tenancy = Tenancy { partition: partition.clone(), ..Tenancy::default() };
        query(&Scope { datacenter: None, tenancy })
    };
    match dependency {
        Dependency::Peerings { partition } => {
            trusted(client.peerings(&within(partition)).await?.map(Data::peerings))
        }
        Dependency::ExportedServices { partition } => {
            let answer = client.exported_services(&within(partition)).await?;
            trusted(answer.map(Data::exported_services))
        }
        Dependency::ImportedServices { partition } => {
            let answer = client.imported_services(&within(partition)).await?;
            trusted(answer.map(Data::imported_services))
        }
        Dependency::CaLeaf(service) => {
            Ok(cached(client.ca_leaf(service, &within(&None)).await?.map(Data::CaLeaf)))
        }
        // The only one that is left.
        _ => Ok(cached(client.ca_roots(&within(&None)).await?.map(Data::CaRoots))),
    }
}

async fn datacenters(client: &Client, reachable: bool) -> Result<Vec<String>, consul::Error> {
    let all = client.datacenters().await?;
    if !reachable {
        return Ok(all);
    }
    let mut answering = Vec::new();
    for name in all {
        let query = Query { datacenter: Some(name.clone()), ..Query::default() };
        if client.services(&query.with_consistency(Consistency::Consistent)).await.is_ok() {
            answering.push(name);
        }
    }
    Ok(answering)
}

/// Certificates come from the agent's cache, which before Consul 1.13 says nothing of a leader. They are never partial.
fn cached(answer: Answer<Data>) -> (Content, Next) {
    let next = Next::Index { index: answer.index, age: answer.last_contact };
    (Content::Data(answer.value), next)
}

fn trusted(answer: Answer<Data>) -> Result<(Content, Next), PollError> {
    entrusted(answer.map(Content::Data))
}

fn entrusted(answer: Answer<Content>) -> Result<(Content, Next), PollError> {
    if !answer.known_leader {
        return Err(PollError::NoLeader);
    }
    Ok((answer.value, Next::Index { index: answer.index, age: answer.last_contact }))
}
