//! What the process has is what it says, not what is remembered of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ctemplate::haproxy::driver::socket::Socket;
use ctemplate::haproxy::driver::{Driver, Settings};
use integration::rig::eventually::eventually_true;

use crate::{Fixture, PATIENCE, change_surely, running, settings};

/// So long that a test does not see the next reload.
const LONG: Duration = Duration::from_hours(1);

impl Fixture {
    /// Somebody else tells the process something.
    async fn meddle(&self, commands: &str) {
        Socket::new(self.haproxy.socket()).send(commands).await.unwrap();
    }

    /// The weight of the first server of a service, in the process.
    async fn weight(&self, service: u16) -> u16 {
        let running = running(&self.haproxy.socket()).await;
        let (_, (_, weight, _)) = running[&format!("of:{service}/s0")];
        weight
    }

    /// Waits for another second than that of the file: which of a process and a file of the same second was first, nobody
    /// can tell.
    pub(crate) async fn later_than_file(&self) {
        let written = std::fs::metadata(self.haproxy.config_path()).unwrap().modified().unwrap();
        let is_later = || crate::seconds(std::time::SystemTime::now()) > crate::seconds(written);
        eventually_true("another second begins", PATIENCE, async || is_later()).await;
    }
}

#[tokio::test]
async fn what_somebody_else_changes_is_changed_back() {
    let mut fixture = Fixture::start(&[2, 2, 2]).await;
    change_surely(&mut fixture.site);
    fixture.write().await.unwrap();
    // Where servers change they are read before; all are read now and then, also when there is always something new.
    fixture.meddle("set server of:0/s1 weight 9;set server of:1/s0 weight 9").await;
    change_surely(&mut fixture.site);
    fixture.write().await.unwrap();
    assert!(running(&fixture.haproxy.socket()).await["of:0/s1"].1.1 == 1);
    let deadline = Instant::now() + PATIENCE;
    while fixture.weight(1).await == 9 {
        assert!(Instant::now() < deadline, "nobody looks at all servers");
        let pause = Instant::now() + Duration::from_millis(200);
        tokio::time::sleep_until(fixture.driver.due().unwrap().min(pause).into()).await;
        change_surely(&mut fixture.site);
        fixture.write().await.unwrap();
    }
    fixture.assert_equal().await;
    assert_eq!(fixture.reloads(), 0);
}

#[tokio::test]
async fn another_process_is_read_as_a_whole() {
    let mut fixture = Fixture::start(&[2, 2, 2]).await;
    let old = fixture.site.text(&fixture.haproxy.socket());
    fixture.site.services.insert(1, BTreeMap::from([(0, 5), (7, 5)]));
    fixture.site.services.insert(2, BTreeMap::from([(1, 2)]));
    fixture.write().await.unwrap();
    // It comes back with less than it had, and only one backend has changed since.
    fixture.haproxy.kill();
    fixture.haproxy.configure(&old).unwrap();
    fixture.haproxy.start().await.unwrap();
    change_surely(&mut fixture.site);
    let text = fixture.site.text(&fixture.haproxy.socket());
    assert!(!fixture.driver.lead(&text).await, "it is told before it is known");
    fixture.write().await.unwrap();
    fixture.assert_equal().await;
}

#[tokio::test]
async fn what_was_told_while_a_reload_has_to_wait_is_taken_back() {
    let mut fixture = Fixture::start(&[2, 2, 2]).await;
    let slow = Settings { reload_interval: LONG, ..settings(&fixture.haproxy) };
    let driver = std::mem::replace(&mut fixture.driver, Driver::new(slow.clone()));
    fixture.driver = Driver::new(slow).inheriting(driver);
    fixture.site.defaults = vec!["timeout queue 1s".to_owned()];
    fixture.write().await.unwrap();
    let before = fixture.site.clone();
    fixture.site.defaults = vec!["timeout queue 2s".to_owned()];
    fixture.site.services.insert(1, BTreeMap::from([(0, 5), (7, 5)]));
    let text = fixture.site.text(&fixture.haproxy.socket());
    assert!(!fixture.driver.lead(&text).await, "not all of it can be told");
    fixture.haproxy.configure(&text).unwrap();
    fixture.driver.ask(Instant::now());
    fixture.driver.drive(&fixture.haproxy.config_path()).await.unwrap();
    assert!(!fixture.driver.is_settled());
    // Servers need not wait for the reload.
    fixture.assert_equal().await;
    fixture.site = before;
    fixture.write().await.unwrap();
    fixture.assert_equal().await;
    assert_eq!(fixture.reloads(), 1);
}

#[tokio::test]
async fn servers_are_there_before_their_file() {
    let mut fixture = Fixture::start(&[2, 2, 2]).await;
    let file = fixture.site.clone();
    let socket = fixture.haproxy.socket();
    fixture.site.services.insert(0, BTreeMap::from([(1, 3), (2, 1)]));
    assert!(fixture.driver.lead(&fixture.site.text(&socket)).await);
    fixture.assert_equal().await;
    let applied = fixture.driver.counts().runtime;
    fixture.write().await.unwrap();
    assert_eq!((fixture.driver.counts().runtime, fixture.reloads()), (applied, 0));
    // It goes back where the file does not come.
    fixture.site.services.insert(1, BTreeMap::from([(5, 1)]));
    assert!(fixture.driver.lead(&fixture.site.text(&socket)).await);
    fixture.assert_equal().await;
    fixture.site = file;
    fixture.write().await.unwrap();
    fixture.assert_equal().await;
    // What can be told only in part is taken back as well.
    let foreign = fixture.site.clone();
    fixture.site.services.insert(2, BTreeMap::from([(6, 1)]));
    let text = fixture.site.text(&socket).replace("s6_unchecked", "s6/unchecked");
    assert!(fixture.driver.lead(&text).await);
    fixture.site = foreign;
    fixture.write().await.unwrap();
    fixture.assert_equal().await;
    assert_eq!(fixture.reloads(), 0);
}
