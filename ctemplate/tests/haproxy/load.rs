//! Requests without end, on connections that are kept and on new ones, while all that can change does: none fails.

use std::ops::Range;

use integration::rig::eventually::eventually_true;
use integration::rig::wrk::{Connections, Wrk};

use crate::site::Servers;
use crate::{Fixture, PATIENCE, change, changes};

/// How many connections to a service are kept, and how many are new ones, at a time.
const CLIENTS: usize = 2;
/// The most servers that a service has.
const MOST: u16 = 20;
/// The servers of the service that is restarted, before, and their successors.
const OLD: Range<u16> = 0..4;
const NEW: Range<u16> = MOST..MOST + 4;

/// A site under load.
struct Loaded {
    fixture: Fixture,
    servers: Servers,
    loads: [Wrk; 2],
    /// Of the pseudo-random numbers.
    state: u64,
}

impl Loaded {
    /// With three services.
    async fn start() -> Self {
        let fixture = Fixture::start(&[2, 2, 1]).await;
        let servers = Servers::start(&fixture.site, MOST).await;
        let frontends = [0, 1, 2].map(|service| fixture.site.frontend(service));
        let load = |connections| Wrk::start(&frontends, connections, CLIENTS).unwrap();
        let loads = [Connections::Kept, Connections::New].map(load);
        let loaded = Self { fixture, servers, loads, state: 1 };
        loaded.traffic().await;
        loaded
    }

    /// Waits for some requests.
    async fn traffic(&self) {
        let enough = self.servers.asked_in_all() + 5;
        let is_enough = async || self.servers.asked_in_all() >= enough;
        eventually_true("there is traffic", PATIENCE, is_enough).await;
    }

    async fn write(&mut self) {
        self.fixture.write().await.unwrap();
        self.traffic().await;
    }

    /// Changes a server, of a service that always has one.
    fn change(&mut self) {
        change(&mut self.fixture.site, &mut self.state);
        for servers in self.fixture.site.services.values_mut() {
            servers.insert(0, 1);
        }
    }

    /// Changes servers and what only a reload can change.
    async fn reload(&mut self, number: u64) {
        self.fixture.site.defaults = vec![format!("timeout queue {}s", number + 1)];
        self.change();
        self.write().await;
    }

    /// Gives a service so many servers.
    async fn scale(&mut self, count: u16) {
        let all = (0..count).map(|number| (number, 1)).collect();
        self.fixture.site.services.insert(0, all);
        self.write().await;
    }

    /// Replaces all servers of all services: one at a time, which ends as soon as nobody is to know it any more.
    async fn restart(&mut self) {
        for servers in self.fixture.site.services.values_mut() {
            *servers = OLD.map(|number| (number, 1)).collect();
        }
        self.write().await;
        for (old, new) in OLD.zip(NEW) {
            self.servers.add(&self.fixture.site, new).await;
            for servers in self.fixture.site.services.values_mut() {
                servers.insert(new, 1);
            }
            self.write().await;
            let is_asked = async || self.servers.asked(new) > 0;
            eventually_true("the new one is asked", PATIENCE, is_asked).await;
            for servers in self.fixture.site.services.values_mut() {
                servers.remove(&old);
            }
            self.fixture.write().await.unwrap();
            self.servers.stop(old);
            self.traffic().await;
        }
    }

    /// Who was asked to go is not asked for anything any more.
    async fn assert_forgotten(&self, gone: Range<u16>) {
        let asked =
            || -> Vec<_> { gone.clone().map(|number| self.servers.asked(number)).collect() };
        let before = asked();
        assert!(before.iter().sum::<u64>() > 0, "they were never asked");
        self.traffic().await;
        assert_eq!(asked(), before);
    }

    fn stop(self) {
        for load in self.loads {
            let summary = load.stop().unwrap();
            assert!(summary.requests > 0);
            assert_eq!(summary.failures, [""; 0], "of {} requests", summary.requests);
        }
    }
}

#[tokio::test]
async fn nobody_notices_changes() {
    let mut loaded = Loaded::start().await;
    let endpoints = changes(200);
    for _ in 0..endpoints {
        loaded.change();
        loaded.write().await;
    }
    assert_eq!(loaded.fixture.reloads(), 0);
    let reloads = endpoints * 2 / 25;
    for number in 0..reloads {
        loaded.reload(number).await;
    }
    assert_eq!(loaded.fixture.reloads(), reloads);
    for count in (2..=MOST).chain((2..MOST).rev()) {
        loaded.scale(count).await;
    }
    loaded.fixture.assert_equal().await;
    loaded.assert_forgotten(12..MOST).await;
    loaded.restart().await;
    assert_eq!(loaded.fixture.reloads(), reloads);
    loaded.fixture.assert_equal().await;
    loaded.stop();
}
