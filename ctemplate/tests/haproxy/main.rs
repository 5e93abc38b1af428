//! A driver and a real HAProxy: the process has what the file says, whatever happens to either, and nobody notices.

#![cfg(test)]

#[path = "../consul/fixture.rs"]
#[expect(dead_code, reason = "the tests beside Consul use the rest")]
mod fixture;
mod load;
mod program;
mod site;
mod truth;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ctemplate::haproxy::driver::process::{Duty, Running};
use ctemplate::haproxy::driver::socket::Socket;
use ctemplate::haproxy::driver::{DriveError, Driver, Reload, Settings, Way};
use integration::rig::eventually::eventually_true;
use integration::rig::haproxy::Haproxy;
use integration::rig::network::Network;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use site::{Servers, Site};

/// How long anything may take; it takes a moment unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// HAProxy, and the driver that keeps it at its file.
struct Fixture {
    haproxy: Haproxy,
    driver: Driver,
    site: Site,
    /// Reloads until it was known what the process had loaded: one, when it began in the second of its file.
    first: u64,
    _network: Network,
}

impl Fixture {
    /// Running, with these services of so many servers each.
    async fn start(services: &[u16]) -> Self {
        let network = Network::claim().unwrap();
        let mut site = Site::new(&network);
        for (service, servers) in (0..).zip(services) {
            site.services.insert(service, (0..*servers).map(|number| (number, 1)).collect());
        }
        let mut haproxy = Haproxy::reserve().unwrap();
        haproxy.configure(&site.text(&haproxy.socket())).unwrap();
        haproxy.start().await.unwrap();
        let driver = driver(&haproxy);
        let mut fixture = Self { haproxy, driver, site, first: 0, _network: network };
        fixture.settle().await.unwrap();
        fixture.first = fixture.driver.counts().reloads;
        fixture
    }

    async fn version(&self) -> (u16, u16) {
        Socket::new(self.haproxy.socket()).read().await.unwrap().version
    }

    /// How often HAProxy was reloaded.
    fn reloads(&self) -> u64 {
        self.driver.counts().reloads - self.first
    }

    /// Writes the file as the site has it now, and has the process follow.
    async fn write(&mut self) -> Result<(), DriveError> {
        self.haproxy.configure(&self.site.text(&self.haproxy.socket())).unwrap();
        self.driver.ask(Instant::now());
        self.settle().await
    }

    /// Calls the driver as the program does, until there is nothing left to do but to wait for servers to rest.
    async fn settle(&mut self) -> Result<(), DriveError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.driver.drive(&self.haproxy.config_path()).await?;
            if self.driver.is_settled() {
                return Ok(());
            }
            let due = self.driver.due().unwrap();
            assert!(due < deadline, "it does not settle");
            tokio::time::sleep_until(due.into()).await;
        }
    }

    /// The same, where the process may be away.
    async fn settle_in_time(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.settle().await {
            assert!(matches!(error, DriveError::Away(_)) && Instant::now() < deadline, "{error}");
            tokio::time::sleep_until(self.driver.due().unwrap().into()).await;
        }
    }

    /// Waits until so many servers are left in the process.
    async fn rested(&mut self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.count().await != count {
            assert!(Instant::now() < deadline, "{} servers rest", self.driver.resting());
            tokio::time::sleep_until(self.driver.due().unwrap().into()).await;
            self.settle().await.unwrap();
        }
    }

    async fn assert_equal(&self) {
        let wanted = self.site.wanted().into_iter();
        let wanted: BTreeMap<_, _> = wanted
            .map(|(place, (address, weight, is_checked))| {
                (place, (address.to_string(), weight, is_checked))
            })
            .collect();
        let running = running(&self.haproxy.socket()).await;
        let is_ready = |(place, (duty, server))| {
            assert_eq!(duty, Duty::Ready, "{place}");
            (place, server)
        };
        assert_eq!(running.into_iter().map(is_ready).collect::<BTreeMap<_, _>>(), wanted);
    }

    /// How many servers the process has in all.
    async fn count(&self) -> usize {
        Socket::new(self.haproxy.socket()).read().await.unwrap().servers.len()
    }
}

/// What a server is known to do, where it is, its weight, and whether it is checked.
type Server = (Duty, (String, u16, bool));

/// What the process has; without the servers that rest, of which there is nothing to say.
async fn running(socket: &Path) -> BTreeMap<String, Server> {
    let process = Socket::new(socket.to_owned()).read().await.unwrap();
    let servers = process.servers.into_iter().filter(|(_, it)| it.duty != Duty::Maintenance);
    let server = |it: Running| (it.address.unwrap().to_string(), it.weight, it.is_checked);
    servers.map(|(place, it)| (place.to_string(), (it.duty, server(it)))).collect()
}

fn settings(haproxy: &Haproxy) -> Settings {
    Settings {
        socket: haproxy.socket(),
        reload: Reload::Master(haproxy.master_socket()),
        reload_interval: Duration::ZERO,
        check_ports: true,
    }
}

fn driver(haproxy: &Haproxy) -> Driver {
    Driver::new(settings(haproxy))
}

/// Since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A pseudo-random number below `limit` (xorshift), so that a failure can be repeated.
fn random(state: &mut u64, limit: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % limit
}

/// How many changes a test makes; `HAPROXY_CHANGES` asks for another number.
fn changes(usual: u64) -> u64 {
    std::env::var("HAPROXY_CHANGES").map_or(usual, |text| text.parse().unwrap())
}

/// Changes one server of one service.
fn change(site: &mut Site, state: &mut u64) {
    let service = u16::try_from(random(state, 3)).unwrap();
    let number = u16::try_from(random(state, 12)).unwrap();
    let weight = u16::try_from(random(state, 5)).unwrap();
    let servers = site.services.get_mut(&service).unwrap();
    if random(state, 3) == 0 {
        servers.remove(&number);
    } else {
        servers.insert(number, weight);
    }
}

/// Changes what is not changed by any other change to the same.
fn change_surely(site: &mut Site) {
    let servers = site.services.get_mut(&0).unwrap();
    let weight = servers.get(&0).map_or(1, |weight| 7 - weight);
    servers.insert(0, weight);
}

#[tokio::test]
async fn the_process_has_what_the_file_says_whatever_happens() {
    let changes = changes(300);
    let mut fixture = Fixture::start(&[2, 2, 0]).await;
    let taken = TcpListener::bind((fixture.site.frontend(0).ip(), 9999)).unwrap();
    let mut state = 88_172_645_463_325_252;
    for n in 0..changes {
        change(&mut fixture.site, &mut state);
        match n % 50 {
            7 => {
                fixture.haproxy.kill();
                fixture.haproxy.start().await.unwrap();
            }
            14 => {
                // It misses a change, and starts with the file that has it.
                fixture.haproxy.kill();
                change_surely(&mut fixture.site);
                let error = fixture.write().await.unwrap_err();
                assert!(matches!(error, DriveError::Away(_)), "{error}");
                fixture.haproxy.start().await.unwrap();
            }
            21 => without_socket(&mut fixture).await,
            // Told what never becomes a file.
            24 => {
                let site = fixture.site.clone();
                change_surely(&mut fixture.site);
                fixture.driver.lead(&fixture.site.text(&fixture.haproxy.socket())).await;
                fixture.site = site;
            }
            26 => refused(&mut fixture, "\nbackend x\n  no such line\n", "HAProxy").await,
            28 => {
                let bind = format!(
                    "\nfrontend x\n  bind {}\n  default_backend of:0\n",
                    taken.local_addr().unwrap()
                );
                refused(&mut fixture, &bind, "another program listens on").await;
            }
            _ => {}
        }
        let text = fixture.site.text(&fixture.haproxy.socket());
        if n % 2 == 0 {
            fixture.driver.lead(&text).await;
        }
        fixture.haproxy.configure(&text).unwrap();
        fixture.driver.ask(Instant::now());
        fixture.settle_in_time().await;
        fixture.assert_equal().await;
    }
    assert!(fixture.driver.counts().runtime > changes / 2, "{:?}", fixture.driver.counts());
    fixture.rested(fixture.site.wanted().len()).await;
    fixture.assert_equal().await;
}

/// The socket is away for a change, which a reload brings instead.
async fn without_socket(fixture: &mut Fixture) {
    let (socket, aside) =
        (fixture.haproxy.socket(), fixture.haproxy.socket().with_extension("aside"));
    fs::rename(&socket, &aside).unwrap();
    let before = fixture.reloads();
    fixture.settle().await.unwrap();
    change_surely(&mut fixture.site);
    fixture.write().await.unwrap();
    assert_eq!(fixture.reloads(), before + 1);
    if !socket.exists() {
        fs::rename(&aside, &socket).unwrap();
    }
}

/// A file that HAProxy does not load. The last good one, which is to be instead, has the new servers.
async fn refused(fixture: &mut Fixture, section: &str, reason: &str) {
    fixture.site.extra = section.to_owned();
    let error = fixture.write().await.unwrap_err();
    assert!(error.to_string().contains(reason), "{error}");
    let DriveError::Refused { instead, .. } = error else { panic!("{error}") };
    fixture.site.extra.clear();
    let (instead, want) = (instead.unwrap(), fixture.site.text(&fixture.haproxy.socket()));
    assert_eq!(instead.trim_end(), want.trim_end());
    fixture.haproxy.configure(&instead).unwrap();
    fixture.settle().await.unwrap();
    fixture.assert_equal().await;
}

#[tokio::test]
async fn a_request_under_way_is_finished() {
    let mut fixture = Fixture::start(&[1]).await;
    let servers = Servers::start(&fixture.site, 2).await;
    let front = fixture.site.frontend(0);
    let ask = |path: &'static str| {
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(front).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        })
    };
    let slow = ask("/slow");
    eventually_true("the server is asked", PATIENCE, async || servers.asked(0) == 1).await;
    fixture.site.services.insert(0, BTreeMap::from([(1, 1)]));
    fixture.write().await.unwrap();
    assert!(ask("/").await.unwrap().ends_with("{\"task\":\"s1\"}"));
    // Its backup goes, and the server stays for as long as it is needed.
    fixture.rested(3).await;
    assert!(!slow.is_finished());
    servers.open();
    assert!(slow.await.unwrap().ends_with("{\"task\":\"s0\"}"));
    fixture.rested(2).await;
    assert_eq!((fixture.reloads(), servers.asked(0)), (0, 1));
}

#[tokio::test]
async fn what_servers_cannot_be_told_is_reloaded() {
    let mut fixture = Fixture::start(&[1, 1, 1]).await;
    fixture.site.services.get_mut(&0).unwrap().insert(5, 2);
    fixture.write().await.unwrap();
    let applied = fixture.driver.applied().unwrap();
    // Two servers: added and enabled, and one of them checked.
    assert_eq!((applied.way, applied.commands, &applied.reason), (Way::Runtime, 5, &None));
    fixture.site.services.insert(7, BTreeMap::from([(1, 1)]));
    fixture.write().await.unwrap();
    let applied = fixture.driver.applied().unwrap();
    assert_eq!(applied.reason.as_deref(), Some("frontend in:7 is new"));
    assert_eq!(applied.way, Way::Reload);
    fixture.assert_equal().await;
    // A backend that does not weigh its servers anew has no place for another one.
    let fixed = |site: &Site, socket: &Path| site.text(socket).replace("roundrobin", "static-rr");
    let socket = fixture.haproxy.socket();
    fixture.haproxy.configure(&fixed(&fixture.site, &socket)).unwrap();
    fixture.settle().await.unwrap();
    fixture.site.services.get_mut(&7).unwrap().insert(2, 1);
    fixture.haproxy.configure(&fixed(&fixture.site, &socket)).unwrap();
    fixture.settle().await.unwrap();
    let reason = fixture.driver.applied().unwrap().reason.clone().unwrap();
    assert!(reason.contains("dynamic load balancing"), "{reason}");
    fixture.assert_equal().await;
}

/// The answer to a request with these headers.
async fn ask(front: SocketAddr, headers: &str) -> String {
    let mut stream = TcpStream::connect(front).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn sessions_outlive_new_servers_and_reloads() {
    let mut fixture = Fixture::start(&[1]).await;
    let _servers = Servers::start(&fixture.site, 2).await;
    let front = fixture.site.frontend(0);
    fixture.site.is_sticky = true;
    fixture.write().await.unwrap();
    let first = ask(front, "").await;
    assert!(first.contains("\r\nset-cookie: SERVER=c0; path=/; HttpOnly\r\n"), "{first}");
    fixture.site.services.get_mut(&0).unwrap().insert(1, 1);
    fixture.write().await.unwrap();
    let applied = fixture.driver.applied().unwrap();
    if fixture.version().await < (3, 0) {
        let reason = applied.reason.clone().unwrap();
        assert!(reason.contains("'cookie' option is not accepted"), "{reason}");
    } else {
        assert_eq!((applied.way, &applied.reason), (Way::Runtime, &None));
    }
    fixture.assert_equal().await;
    eventually_true("the new server has sessions, too", PATIENCE, async || {
        ask(front, "").await.contains("set-cookie: SERVER=c1;")
    })
    .await;
    let before = fixture.reloads();
    for is_reloaded in [false, true] {
        if is_reloaded {
            fixture.site.defaults.push("timeout queue 1s".to_owned());
            fixture.write().await.unwrap();
            assert_eq!(fixture.reloads(), before + 1);
        }
        for number in [0, 1, 0, 0, 1, 1] {
            let answer = ask(front, &format!("Cookie: SERVER=c{number}\r\n")).await;
            assert!(answer.ends_with(&format!("{{\"task\":\"s{number}\"}}")), "{answer}");
        }
    }
}

#[tokio::test]
async fn another_driver_goes_by_what_runs() {
    let mut fixture = Fixture::start(&[3, 3, 3]).await;
    let path = fixture.haproxy.config_path();
    fixture.later_than_file().await;
    fixture.haproxy.kill();
    fixture.haproxy.start().await.unwrap();
    let socket = Socket::new(fixture.haproxy.socket());
    socket.send("set server of:0/s1 weight 9;set server of:0/s1 addr 127.0.0.9 port 9;set server of:1/s0 state maint;set server of:2/s2 state drain;disable health of:2/s2").await.unwrap();
    socket
        .send("set server of:0/s2 state maint;set server of:0/s2_unchecked state maint")
        .await
        .unwrap();
    socket.send("del server of:0/s2;del server of:0/s2_unchecked").await.unwrap();
    assert_eq!(fixture.count().await, 16);
    fixture.driver = driver(&fixture.haproxy);
    fixture.settle().await.unwrap();
    fixture.assert_equal().await;
    assert_eq!(fixture.driver.counts().reloads, 0);
    // One that changes the file before it looks goes by what the file was.
    let began = socket.read().await.unwrap().started;
    let is_later = || began < Some(seconds(SystemTime::now()));
    eventually_true("another second begins", PATIENCE, async || is_later()).await;
    fixture.driver = driver(&fixture.haproxy);
    for weight in [7, 8] {
        fixture.driver.prepare(&path);
        fixture.site.services.get_mut(&1).unwrap().insert(1, weight);
        fixture.haproxy.configure(&fixture.site.text(&fixture.haproxy.socket())).unwrap();
    }
    fixture.settle().await.unwrap();
    fixture.assert_equal().await;
    assert_eq!(fixture.driver.counts().reloads, 0);
    // What neither tells is loaded.
    fixture.driver = driver(&fixture.haproxy);
    fixture.settle().await.unwrap();
    assert_eq!(fixture.driver.counts().reloads, 1);
}

/// HAProxy 2.6 has no commands for new servers of a static balance.
#[tokio::test]
async fn nobody_leaves_before_a_reload_brings_who_comes() {
    let mut fixture = Fixture::start(&[1]).await;
    let reload_interval = Duration::from_secs(2);
    fixture.driver = Driver::new(Settings { reload_interval, ..settings(&fixture.haproxy) })
        .inheriting(fixture.driver);
    let configure = |fixture: &Fixture| {
        let text = fixture.site.text(&fixture.haproxy.socket());
        fixture
            .haproxy
            .configure(&text.replace("balance roundrobin", "balance static-rr"))
            .unwrap();
    };
    configure(&fixture);
    fixture.driver.ask(Instant::now());
    fixture.settle().await.unwrap();
    fixture.site.services.insert(0, BTreeMap::from([(1, 1)]));
    configure(&fixture);
    fixture.driver.ask(Instant::now());
    fixture.driver.drive(&fixture.haproxy.config_path()).await.unwrap();
    assert!(!fixture.driver.is_settled());
    let left = running(&fixture.haproxy.socket()).await;
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["of:0/s0", "of:0/s0_unchecked"]);
    fixture.settle().await.unwrap();
    fixture.assert_equal().await;
}
