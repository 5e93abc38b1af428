//! Blocking queries that tell which services to read.
//!
//! No change is missed: a signal waits on the index of its last answer, and what it names is read after that answer, with
//! `consistent`. What changes during the read changes the index too, so that the signal speaks again. A first
//! answer has nothing to be compared with, and means that everything is to be read.

use std::collections::{BTreeMap, BTreeSet};

use consul::{Answer, Client, Cursor, Progress, Query};
use daemon::backoff::{Backoff, jitter};
use serde::Deserialize;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

use super::conductor::Event;
use super::plan::{Kind, Signal};
use super::source::lower;
use super::{PollError, Reading};
use crate::dependency::Dependency;

/// What a signal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Anything may have changed.
    Everything,
    /// These services have changed; their names in small letters.
    Services(BTreeSet<String>),
    /// These are the nodes, and one of them has changed.
    Nodes(BTreeSet<String>),
}

impl News {
    /// Whether a question may have another answer now. For Consul, `Web` and `web` are one service.
    pub(super) fn concerns(&self, source: &Dependency) -> bool {
        match (self, source) {
            (Self::Services(names), Dependency::Instances(wanted)) => {
                names.contains(&lower(&wanted.name).collect::<String>())
            }
            (Self::Services(_), _) => false,
            (Self::Everything | Self::Nodes(_), _) => true,
        }
    }
}

/// What has an index, by its id: the name of its service, and the index of its last change.
type Seen = BTreeMap<String, (String, u64)>;

#[derive(Debug)]
enum Look {
    Changed,
    Nodes(BTreeSet<String>),
    Parts(Seen),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NodeCheck {
    #[serde(rename = "CheckID")]
    check_id: String,
    #[serde(rename = "ServiceID")]
    service_id: String,
    service_name: String,
    modify_index: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NodeService {
    service: String,
    modify_index: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    services: Option<BTreeMap<String, NodeService>>,
}

/// Speaks of every change until the receiver is gone.
pub(super) async fn run(
    client: Client,
    reading: Reading,
    signal: Signal,
    events: UnboundedSender<Event>,
) {
    let (mut cursor, mut before) = (Cursor::default(), None);
    let mut backoff = Backoff::new(reading.backoff, reading.max_backoff);
    loop {
        let mut query = Query::blocking(cursor, reading.wait);
        query.datacenter.clone_from(&signal.scope.datacenter);
        query.tenancy.clone_from(&signal.scope.tenancy);
        let (news, pause) = match look(&client, &signal.kind, &query).await {
            Err(error) => {
                (cursor, before) = (Cursor::default(), None);
                if error.is_refusal() && events.send(Event::Refused).is_err() {
                    return;
                }
                tracing::debug!(error = %error, "No signal");
                (Some(News::Everything), backoff.next(jitter()))
            }
            Ok(answer) => {
                backoff.reset();
                let is_first = cursor.position().is_none();
                let progress = cursor.advance(answer.index);
                let news = match progress {
                    Progress::Unchanged => None,
                    Progress::Reset => {
                        before = None;
                        Some(News::Everything)
                    }
                    Progress::Moved => Some(news(&mut before, answer.value, is_first)),
                };
                (news, progress.pause())
            }
        };
        if let Some(news) = news
            && events.send(Event::Signal(signal.clone(), news)).is_err()
        {
            return;
        }
        sleep(pause).await;
    }
}

async fn look(client: &Client, kind: &Kind, query: &Query) -> Result<Answer<Look>, PollError> {
    let answer = match kind {
        Kind::Nodes => client
            .nodes(None, query)
            .await?
            .map(|nodes| Look::Nodes(nodes.into_iter().map(|node| node.node).collect())),
        Kind::Checks => client.checks_signal(query).await?.map(|()| Look::Changed),
        Kind::Services => client.services_signal(query).await?.map(|()| Look::Changed),
        Kind::ChecksOf(node) => client.node_checks_as(node, query).await?.map(|checks| {
            let part = |it: NodeCheck| {
                (format!("{}\0{}", it.service_id, it.check_id), (it.service_name, it.modify_index))
            };
            Look::Parts(checks.into_iter().map(part).collect())
        }),
        Kind::ServicesOf(node) => client.node_as(node, query).await?.map(|node: Node| {
            let parts = node.services.unwrap_or_default().into_iter();
            Look::Parts(parts.map(|(id, it)| (id, (it.service, it.modify_index))).collect())
        }),
    };
    if answer.known_leader { Ok(answer) } else { Err(PollError::NoLeader) }
}

fn news(before: &mut Option<Seen>, look: Look, is_first: bool) -> News {
    match look {
        Look::Changed => News::Everything,
        Look::Nodes(nodes) => News::Nodes(nodes),
        Look::Parts(now) => {
            let changed = before.as_ref().filter(|_| !is_first).map(|last| changed(last, &now));
            *before = Some(now);
            // A check of the node itself counts for all that runs there, and belongs to no service.
            match changed {
                Some(names) if !names.contains("") => News::Services(names),
                _ => News::Everything,
            }
        }
    }
}

/// The services of which something came, went or changed.
fn changed(before: &Seen, now: &Seen) -> BTreeSet<String> {
    let differs = |one: &Seen, other: &Seen| -> Vec<String> {
        let parts = one.iter().filter(|(id, part)| other.get(*id) != Some(part));
        parts.map(|(_, (name, _))| lower(name).collect()).collect()
    };
    differs(before, now).into_iter().chain(differs(now, before)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependency::Instances;

    fn seen(parts: &[(&str, &str, u64)]) -> Look {
        let part = |(id, name, index): &(&str, &str, u64)| {
            ((*id).to_owned(), ((*name).to_owned(), *index))
        };
        Look::Parts(parts.iter().map(part).collect())
    }

    #[test]
    fn tells_what_came_went_and_changed() {
        let mut before = None;
        let first = [("a", "web", 1), ("b", "db", 2), ("c", "gone", 3), ("n", "", 4)];
        assert_eq!(news(&mut before, seen(&first), true), News::Everything);
        let next = [("a", "web", 5), ("b", "db", 2), ("d", "new", 6), ("n", "", 4)];
        let names = ["web", "gone", "new"].map(str::to_owned);
        assert_eq!(news(&mut before, seen(&next), false), News::Services(names.into()));
        // Under the same id there is another service now.
        let next = [("a", "shop", 7), ("b", "db", 2), ("d", "new", 6), ("n", "", 4)];
        let names = ["web", "shop"].map(str::to_owned);
        assert_eq!(news(&mut before, seen(&next), false), News::Services(names.into()));
        let next = [("a", "shop", 7), ("b", "db", 2), ("d", "new", 6), ("n", "", 8)];
        assert_eq!(news(&mut before, seen(&next), false), News::Everything);
    }
    #[test]
    fn a_service_is_meant_however_its_name_is_written() {
        let mut before = None;
        news(&mut before, seen(&[("a", "Web", 1), ("b", "db", 1)]), true);
        let news = news(&mut before, seen(&[("a", "Web", 2), ("b", "db", 1)]), false);
        let question = |text| Dependency::Instances(Instances::parse(text).unwrap());
        for (text, want) in [
            ("Web|any", true),
            ("web|any", true),
            ("WEB|any", true),
            ("webs|any", false),
            ("db|any", false),
        ] {
            assert_eq!(news.concerns(&question(text)), want, "{text}");
            assert!(News::Everything.concerns(&question(text)), "{text}");
        }
    }
}
