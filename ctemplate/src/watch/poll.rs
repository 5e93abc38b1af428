//! One dependency, read again and again.

use std::time::Duration;

use consul::health::Instances;
use consul::{Answer, Client, Cursor, Progress, Query};
use daemon::backoff::{Backoff, jitter};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{PollError, Update};
use crate::data::Data;
use crate::dependency::Dependency;

/// How long a blocking query waits; consul-template's default.
const WAIT: Duration = Duration::from_mins(1);
/// The shortest time between two answers that say nothing new, so that a proxy which does not block is not flooded.
const IDLE: Duration = Duration::from_millis(100);
/// How often datacenters are read: Consul cannot block on them.
const DATACENTERS: Duration = Duration::from_secs(15);
/// How often a file is read.
const FILE: Duration = Duration::from_secs(1);

/// Sends every new value of a dependency, and every failure, until the receiver is gone.
pub(super) async fn run(client: Client, dependency: Dependency, updates: mpsc::Sender<Update>) {
    let mut cursor = Cursor::default();
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));
    loop {
        let started = Instant::now();
        let result = read(&client, &dependency, cursor).await;
        let (result, pause) = match result {
            Err(error) => {
                cursor = Cursor::default();
                (Some(Err(error)), started.elapsed() + backoff.next(jitter()))
            }
            Ok((data, Next::After(pause))) => {
                backoff.reset();
                (Some(Ok(data)), pause)
            }
            Ok((data, Next::Index(index))) => {
                backoff.reset();
                match cursor.advance(index) {
                    Progress::Moved => (Some(Ok(data)), Duration::ZERO),
                    Progress::Unchanged => (None, IDLE),
                    Progress::Reset => (Some(Ok(data)), IDLE),
                }
            }
        };
        if let Some(result) = result
            && updates.send(Update { dependency: dependency.clone(), result }).await.is_err()
        {
            return;
        }
        sleep_until(started + pause).await;
    }
}

/// When to read again.
enum Next {
    /// At once: the query blocks on this index.
    Index(Option<consul::Index>),
    /// After this time.
    After(Duration),
}

async fn read(
    client: &Client,
    dependency: &Dependency,
    cursor: Cursor,
) -> Result<(Data, Next), PollError> {
    let query = |datacenter: &Option<String>| Query {
        datacenter: datacenter.clone(),
        ..Query::blocking(cursor, WAIT)
    };
    match dependency {
        Dependency::Key(key) => {
            let answer = client.kv_get(&key.path, &query(&key.datacenter)).await?;
            trusted(answer.map(Data::key))
        }
        Dependency::Keys(key) => {
            let answer = client.kv_list(&key.path, &query(&key.datacenter)).await?;
            trusted(answer.map(|pairs| Data::keys(&key.path, pairs)))
        }
        Dependency::Instances(wanted) => {
            let instances = Instances {
                service: &wanted.name,
                tag: wanted.tag.as_deref(),
                passing: wanted.only_passing(),
                near: wanted.near.as_deref(),
            };
            let answer = client.instances(&instances, &query(&wanted.datacenter)).await?;
            trusted(answer.map(|entries| Data::instances(wanted, entries)))
        }
        Dependency::Services { datacenter } => {
            trusted(client.services(&query(datacenter)).await?.map(Data::services))
        }
        Dependency::Nodes { datacenter, near } => {
            let answer = client.nodes(near.as_deref(), &query(datacenter)).await?;
            trusted(answer.map(|nodes| Data::nodes(nodes, near.is_some())))
        }
        Dependency::Node { name, datacenter } => {
            let name = match name {
                Some(name) => name.clone(),
                None => client.agent_self().await?.config.node_name,
            };
            trusted(client.node(&name, &query(datacenter)).await?.map(Data::node))
        }
        Dependency::Datacenters => {
            Ok((Data::Datacenters(client.datacenters().await?), Next::After(DATACENTERS)))
        }
        Dependency::File(path) => match tokio::fs::read(path).await {
            Ok(bytes) => {
                Ok((Data::File(String::from_utf8_lossy(&bytes).into_owned()), Next::After(FILE)))
            }
            Err(error) => Err(PollError::File { path: path.display().to_string(), error }),
        },
    }
}

fn trusted(answer: Answer<Data>) -> Result<(Data, Next), PollError> {
    if !answer.known_leader {
        return Err(PollError::NoLeader);
    }
    Ok((answer.value, Next::Index(answer.index)))
}
