//! Requests without end, on connections that are kept and on new ones, while all that can change does: none fails.

use std::collections::BTreeMap;
use std::ops::Range;

use integration::rig::eventually::eventually_true;
use integration::rig::load::Load;

use crate::site::Servers;
use crate::{Fixture, PATIENCE, change, changes};

/// The most servers that a service has.
const MOST: u16 = 20;
/// The servers of the service that is restarted, before, and their successors.
const OLD: Range<u16> = 0..4;
const NEW: Range<u16> = MOST..MOST + 4;

/// A site under load.
struct Loaded {
    fixture: Fixture,
    servers: Servers,
    loads: Vec<Load>,
    /// Of the pseudo-random numbers.
    state: u64,
}

impl Loaded {
    /// With two clients for each of three services: one keeps its connection, one does not.
    async fn start() -> Self {
        let fixture = Fixture::start(&[2, 2, 1]).await;
        let servers = Servers::start(&fixture.site, MOST).await;
        let load = |service| Load::start(fixture.site.frontend(service), 2);
        let loads = (0..3).map(load).collect();
        let loaded = Self { fixture, servers, loads, state: 1 };
        loaded.traffic().await;
        loaded
    }

    fn requests(&self) -> u64 {
        self.loads.iter().map(|load| load.report().requests).sum()
    }

    /// Waits for some requests.
    async fn traffic(&self) {
        let enough = self.requests() + 5;
        eventually_true("there is traffic", PATIENCE, async || self.requests() >= enough).await;
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

    async fn stop(self) {
        for load in self.loads {
            let report = load.stop().await;
            assert_eq!(report.failures, BTreeMap::new(), "of {} requests", report.requests);
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
    loaded.stop().await;
}
