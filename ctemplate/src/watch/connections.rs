//! Spreads requests over connections: one each without TLS, many on each with HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use consul::{Client, Error};
use tokio::sync::Mutex;

use super::PollError;

/// Requests that share a connection: Go's servers take 250, and one more would wait for another's answer.
const STREAMS: usize = 240;

/// A client whose requests may share a connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    client: Client,
    is_open: Arc<AtomicBool>,
    opening: Arc<Mutex<()>>,
}

impl Connection {
    fn new(client: Client) -> Self {
        Self { client, is_open: Arc::default(), opening: Arc::default() }
    }

    /// The client, once a first request has made the connection that others will share: together they would make one
    /// each.
    pub(super) async fn client(&self) -> Result<&Client, Error> {
        if self.client.address().scheme() == "https" && !self.is_open.load(Ordering::Relaxed) {
            let _opening = self.opening.lock().await;
            if !self.is_open.load(Ordering::Relaxed) {
                match self.client.datacenters().await {
                    Err(error) if error.status().is_none() || error.is_refusal() => {
                        return Err(error);
                    }
                    // What else is wrong shows when something is asked in earnest.
                    _ => self.is_open.store(true, Ordering::Relaxed),
                }
            }
        }
        Ok(&self.client)
    }

    /// A request has failed; without an answer, perhaps with its connection.
    pub(super) fn failed(&self, error: &PollError) {
        if matches!(error, PollError::Consul(error) if error.status().is_none()) {
            self.is_open.store(false, Ordering::Relaxed);
        }
    }
}

/// All of them. The first one always exists.
#[derive(Debug)]
pub(super) struct Connections {
    first: Connection,
    more: Vec<Connection>,
}

impl Connections {
    pub(super) fn new(client: Client) -> Self {
        Self { first: Connection::new(client), more: Vec::new() }
    }

    /// For signals and reads.
    pub(super) fn first(&self) -> Client {
        self.first.client.clone()
    }

    /// How many requests so many connections carry. Of those that carry one each a tenth is spare: a request that begins when
    /// another ends may have made a connection that it then does not need.
    pub(super) fn limit(&self, connections: usize) -> usize {
        if self.first.client.multiplexes() {
            connections * STREAMS
        } else {
            connections - connections / 10
        }
    }

    /// How many connections so many requests take.
    pub(super) fn used(&self, requests: usize) -> usize {
        if self.first.client.multiplexes() { 1 + self.more.len() } else { requests }
    }

    /// How many requests each connection has.
    pub(super) fn loads(&self, places: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut loads = vec![0; 1 + self.more.len()];
        for place in places {
            if let Some(load) = loads.get_mut(place) {
                *load += 1;
            }
        }
        loads
    }

    /// A connection for one more request, and its place.
    pub(super) fn choose(&mut self, loads: &mut Vec<usize>) -> (Connection, usize) {
        // The first one also has the reads and the signals.
        let free =
            |(at, load): (usize, &usize)| *load < if at == 0 { STREAMS / 2 } else { STREAMS };
        let at = (0..loads.len()).find(|at| loads.get(*at).is_some_and(|load| free((*at, load))));
        let at = match at.filter(|_| self.first.client.multiplexes()) {
            Some(at) => at,
            None if !self.first.client.multiplexes() => 0,
            None => match self.first.client.with_own_connections() {
                Ok(client) => {
                    self.more.push(Connection::new(client));
                    loads.push(0);
                    loads.len() - 1
                }
                Err(error) => {
                    tracing::warn!(error = %error, "No further connection");
                    0
                }
            },
        };
        if let Some(load) = loads.get_mut(at) {
            *load += 1;
        }
        let connection = at.checked_sub(1).and_then(|at| self.more.get(at));
        (connection.unwrap_or(&self.first).clone(), at)
    }
}
