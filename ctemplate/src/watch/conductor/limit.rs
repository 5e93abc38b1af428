//! How many connections Consul takes from one address, and what happens when there were too many.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use consul::Client;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{sleep, timeout};

use super::{CLOCK, Conductor, Event};

/// How long Consul may take to tell its limit.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of Consul's limit of connections from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Unknown,
    Asked {
        /// Whether nothing more is watched before the answer.
        is_awaited: bool,
    },
    /// Or Consul does not tell.
    Told,
}

impl Conductor {
    /// Asks Consul for its limit.
    pub(super) fn ask(&mut self, is_awaited: bool) {
        if !matches!(self.consul_limit, Limit::Asked { .. }) {
            self.consul_limit = Limit::Asked { is_awaited };
            tokio::spawn(limit(self.connections.first(), self.events.clone()));
        }
    }

    /// Consul has told its limit, or does not.
    pub(super) fn told_limit(&mut self, limit: Option<usize>) {
        self.consul_limit = Limit::Told;
        self.is_outdated = true;
        if limit.is_some_and(|limit| self.budget.learn(limit)) {
            let connections = self.budget.get();
            tracing::info!(limit, connections, "Half of Consul's connections are for others");
        }
    }

    /// Consul refused a request.
    pub(super) fn refused(&mut self) {
        let now = Instant::now();
        let is_less = self.budget.refused(now);
        if let Limit::Asked { is_awaited } = &mut self.consul_limit {
            self.is_outdated |= std::mem::take(is_awaited);
        } else if is_less {
            self.ask(false);
        }
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        statistics.refusals += 1;
        if self.budget.is_news(now) {
            let (refusals, unread) = (statistics.refusals, statistics.unread);
            let connections = self.budget.get();
            tracing::warn!(
                refusals,
                unread,
                connections,
                "Consul refuses requests; fewer connections are used"
            );
        }
    }
}

/// Asks until there is an answer.
async fn limit(client: Client, events: UnboundedSender<Event>) {
    loop {
        let limit = match timeout(PATIENCE, client.agent_self()).await {
            Ok(Ok(agent)) => usize::try_from(agent.debug_config.http_max_conns_per_client).ok(),
            Ok(Err(error)) if error.is_refusal() => {
                if events.send(Event::Refused).is_err() {
                    return;
                }
                sleep(CLOCK).await;
                continue;
            }
            // Consul does not tell everybody, and proxies do not know.
            _ => None,
        };
        drop(events.send(Event::Limit(limit.filter(|limit| *limit > 0))));
        return;
    }
}
