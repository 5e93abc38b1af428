//! From what runs to what the file says, without a reload (pure).
//!
//! Laws: a plan for what already runs is empty; a server that is none of ours is never in a plan; what is new comes before
//! what goes, so that a backend is never without servers in between.

use std::fmt;
use std::net::SocketAddr;

use super::configuration::{Configuration, Place, Server};
use super::process::{Duty, Process, Running};

/// The longest line of commands. HAProxy takes 16 KB by default, and less where `tune.bufsize` says so.
const LINE: usize = 8000;
/// What `add server` forgets up to 2.9: without it no connection to the new server is ever used twice.
const POOL: &str = "pool-purge-delay";
/// HAProxy's default for it.
const POOL_DELAY: &str = "5s";

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub changes: Vec<Change>,
    /// Servers that are not in the file any more and in maintenance: to be deleted once nothing needs them.
    pub resting: Vec<Place>,
}

/// A change of a server that runs, or is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which server.
    pub place: Place,
    /// What about it.
    pub what: What,
}

/// What can be changed of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Add(Server),
    /// It is elsewhere.
    Move(SocketAddr),
    /// It has another part of the traffic.
    Weigh(u16),
    /// It is asked how it is.
    Check,
    /// It does its work.
    Work,
    /// It finishes what it has.
    Rest,
    /// It is gone.
    Delete,
}

impl Change {
    /// How many commands it takes.
    pub fn commands(&self) -> usize {
        match &self.what {
            What::Add(server) => {
                1 + usize::from(server.is_checked) + usize::from(!server.is_disabled)
            }
            _ => 1,
        }
    }
}

/// The commands, separated by semicolons.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match &self.what {
            What::Add(server) => {
                write!(f, "add server {place} {} weight {}", server.address, server.weight)?;
                server.keywords.iter().try_for_each(|word| write!(f, " {word}"))?;
                if !server.keywords.iter().any(|word| word == POOL) {
                    write!(f, " {POOL} {POOL_DELAY}")?;
                }
                if server.is_checked {
                    write!(f, ";enable health {place}")?;
                }
                if !server.is_disabled {
                    write!(f, ";enable server {place}")?;
                }
                Ok(())
            }
            What::Move(to) => write!(f, "set server {place} addr {} port {}", to.ip(), to.port()),
            What::Weigh(weight) => write!(f, "set server {place} weight {weight}"),
            What::Check => write!(f, "enable health {place}"),
            What::Work => write!(f, "set server {place} state ready"),
            What::Rest => write!(f, "set server {place} state maint"),
            What::Delete => write!(f, "del server {place}"),
        }
    }
}

/// What makes `process`, which loaded `loaded`, have the servers of `wanted`, in the sections that both have.
pub fn plan(loaded: &Configuration, wanted: &Configuration, process: &Process) -> Plan {
    let mut plan = Plan::default();
    let (loaded, wanted) = (loaded.backends(), wanted.backends());
    for (backend, section) in wanted.iter().filter(|(backend, _)| loaded.contains_key(*backend)) {
        for (name, server) in &section.servers {
            let place = Place { backend: (*backend).to_owned(), name: name.clone() };
            let changes = match process.servers.get(&place) {
                Some(running) => corrections(running, server),
                None => vec![What::Add(server.clone())],
            };
            let changes = changes.into_iter().map(|what| Change { place: place.clone(), what });
            plan.changes.extend(changes);
        }
    }
    for (place, running) in &process.servers {
        let is_extra = wanted.get(place.backend.as_str()).is_some_and(|section| {
            !section.servers.contains_key(&place.name) && !section.is_foreign(&place.name)
        });
        if is_extra && running.duty == Duty::Maintenance {
            plan.resting.push(place.clone());
        } else if is_extra {
            plan.changes.push(Change { place: place.clone(), what: What::Rest });
        }
    }
    plan
}

fn corrections(running: &Running, wanted: &Server) -> Vec<What> {
    let mut changes = Vec::new();
    if running.address != Some(wanted.address) {
        changes.push(What::Move(wanted.address));
    }
    if running.weight != wanted.weight {
        changes.push(What::Weigh(wanted.weight));
    }
    if wanted.is_checked && !running.is_checked {
        changes.push(What::Check);
    }
    match (running.duty, wanted.is_disabled) {
        (Duty::Ready, false) | (Duty::Maintenance, true) => {}
        (_, false) => changes.push(What::Work),
        (_, true) => changes.push(What::Rest),
    }
    changes
}

/// The changes as lines that are short enough for HAProxy.
pub fn lines(changes: &[Change]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for command in changes.iter().map(ToString::to_string) {
        match lines.last_mut() {
            Some(line) if line.len() + command.len() < LINE => {
                line.push(';');
                line.push_str(&command);
            }
            _ => lines.push(command),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// What a process becomes by a change.
    fn apply(process: &mut Process, Change { place, what }: &Change) {
        let servers = &mut process.servers;
        if let What::Add(server) = what {
            servers.insert(place.clone(), running(server));
            return;
        }
        let server = servers.get_mut(place).unwrap();
        match what {
            What::Move(address) => server.address = Some(*address),
            What::Weigh(weight) => server.weight = *weight,
            What::Check => server.is_checked = true,
            What::Work => server.duty = Duty::Ready,
            What::Rest => server.duty = Duty::Maintenance,
            What::Add(_) | What::Delete => drop(servers.remove(place)),
        }
    }

    fn running(server: &Server) -> Running {
        let duty = if server.is_disabled { Duty::Maintenance } else { Duty::Ready };
        let Server { address, weight, is_checked, .. } = *server;
        Running { address: Some(address), weight, duty, is_checked }
    }

    /// A process that has loaded a file.
    fn process(configuration: &Configuration) -> Process {
        let mut servers = BTreeMap::new();
        for (backend, section) in configuration.backends() {
            for (name, server) in &section.servers {
                let place = Place { backend: backend.to_owned(), name: name.clone() };
                servers.insert(place, running(server));
            }
        }
        Process { pid: 1, version: (2, 6), started: None, is_stopping: false, servers }
    }

    fn commands(old: &str, new: &str) -> Vec<String> {
        let (old, new) = (Configuration::parse(old), Configuration::parse(new));
        let plan = plan(&old, &new, &process(&old));
        plan.changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tells_a_process_what_has_changed() {
        for (old, new, want) in [
            ("server s 1.1.1.1:1", "server s 1.1.1.1:1", ""),
            ("server s 1.1.1.1:1", "server s [::1]:2", "set server b/s addr ::1 port 2"),
            ("server s 1.1.1.1:1", "server s 1.1.1.1:1 weight 0", "set server b/s weight 0"),
            ("server s 1.1.1.1:1", "server s 1.1.1.1:1 disabled", "set server b/s state maint"),
            ("server s 1.1.1.1:1 disabled", "server s 1.1.1.1:1", "set server b/s state ready"),
            ("server s 1.1.1.1:1", "", "set server b/s state maint"),
            ("server s host:1", "", ""),
            (
                "",
                "default-server fall 3\n server s 1.1.1.1:1 check",
                "add server b/s 1.1.1.1:1 weight 1 fall 3 check pool-purge-delay 5s;enable health b/s;enable server b/s",
            ),
            (
                "",
                "server s 1.1.1.1:1 backup disabled weight 2 pool-purge-delay 1s",
                "add server b/s 1.1.1.1:1 weight 2 backup pool-purge-delay 1s",
            ),
            (
                "server s 1.1.1.1:1",
                "server a 1.1.1.1:1\n server z 1.1.1.1:1 disabled",
                "add server b/a 1.1.1.1:1 weight 1 pool-purge-delay 5s;enable server b/a add server b/z 1.1.1.1:1 weight 1 pool-purge-delay 5s set server b/s state maint",
            ),
        ] {
            let file = |servers| format!("backend b\n {servers}\n");
            assert_eq!(commands(&file(old), &file(new)).join(" "), want, "{old} -> {new}");
        }
        assert_eq!(commands("backend a\n", "backend b\n server s 1.1.1.1:1\n"), [""; 0]);
    }

    #[test]
    fn lines_are_short_enough_and_hold_every_command() {
        let server = |n: usize| Place { backend: "b".to_owned(), name: format!("server-{n}") };
        let changes: Vec<_> =
            (0..1000).map(|n| Change { place: server(n), what: What::Work }).collect();
        let lines = lines(&changes);
        assert!(lines.iter().all(|line| line.len() <= LINE), "{lines:?}");
        assert!(lines.len() < 10);
        let all: Vec<_> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(lines.join(";"), all.join(";"));
    }

    /// A file of two backends with any of a few servers each.
    fn file() -> impl Strategy<Value = Configuration> {
        let server = (0..6_u8, 1..4_u16, 0..3_u16, any::<bool>(), any::<bool>());
        let servers = prop::collection::vec(server, 0..8);
        (servers.clone(), servers).prop_map(|(a, b)| {
            let mut text = String::new();
            for (backend, servers) in [("a", a), ("b", b)] {
                writeln!(text, "backend {backend}").unwrap();
                for (name, port, weight, is_checked, is_disabled) in servers {
                    let check = if is_checked { "check" } else { "" };
                    let disabled = if is_disabled { "disabled" } else { "" };
                    writeln!(
                        text,
                        " server s{name} 127.0.0.1:{port} weight {weight} {check} {disabled}"
                    )
                    .unwrap();
                }
            }
            Configuration::parse(&text)
        })
    }

    proptest! {
        #[test]
        fn a_plan_leads_to_what_is_wanted(old in file(), new in file()) {
            let mut running = process(&old);
            for change in &plan(&old, &new, &running).changes {
                apply(&mut running, change);
            }
            let Plan { changes, resting } = plan(&old, &new, &running);
            prop_assert_eq!(changes, vec![]);
            for place in resting {
                apply(&mut running, &Change { place, what: What::Delete });
            }
            let wanted = process(&new);
            // Checks that a server had are not taken from it: for that it is configured otherwise, and reloaded.
            let seen = |process: &Process| -> Vec<_> {
                let servers = process.servers.iter();
                servers.map(|(place, it)| (place.clone(), it.address, it.weight, it.duty)).collect()
            };
            prop_assert_eq!(seen(&running), seen(&wanted));
            prop_assert_eq!(plan(&old, &new, &running), Plan::default());
        }
    }
}
