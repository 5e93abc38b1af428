//! From what runs to what the file says, without a reload (pure).
//!
//! Laws: a plan for what already runs is empty; a server that is none of ours is never in a plan; what is new comes before
//! what goes, so that a backend is never without servers in between.

use std::fmt;
use std::net::SocketAddr;

use super::configuration::{Configuration, Place, Server};
use super::process::{Duty, LINE, Process, Running};

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
    /// It finishes what it has, and may work again.
    Rest,
    /// It is not in the file any more: it finishes what it has, and is then to be deleted.
    Leave,
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
            What::Rest | What::Leave => write!(f, "set server {place} state maint"),
            What::Delete => write!(f, "del server {place}"),
        }
    }
}

/// What makes `process`, which loaded `loaded`, have the servers of `wanted`, in the sections that both have and that it was
/// asked for.
pub fn plan(loaded: &Configuration, wanted: &Configuration, process: &Process) -> Plan {
    let mut plan = Plan::default();
    let (loaded, wanted) = (loaded.backends(), wanted.backends());
    let is_known = |backend: &str| process.scope.covers(backend) && loaded.contains_key(backend);
    for (backend, section) in wanted.iter().filter(|(backend, _)| is_known(backend)) {
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
            plan.changes.push(Change { place: place.clone(), what: What::Leave });
        }
    }
    plan
}

impl Plan {
    /// Takes out of it who is to go from a backend that has none yet of its wanted servers: HAProxy may not take the new
    /// ones, which then come with a reload, and nobody would answer until then.
    pub fn take_last(&mut self, wanted: &Configuration, process: &Process) -> Vec<Change> {
        let wanted = wanted.backends();
        let is_last = |change: &mut Change| {
            let Change { place: Place { backend, .. }, what } = change;
            *what == What::Leave
                && wanted.get(backend.as_str()).is_some_and(|section| {
                    let place =
                        |name: &String| Place { backend: backend.clone(), name: name.clone() };
                    let mut servers = section.servers.keys();
                    !section.servers.is_empty()
                        && !servers.any(|name| process.servers.contains_key(&place(name)))
                })
        };
        self.changes.extract_if(.., is_last).collect()
    }
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

    use super::super::process::Scope;
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
            What::Rest | What::Leave => server.duty = Duty::Maintenance,
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
        let scope = Scope::All;
        Process { pid: 1, version: (2, 6), started: None, is_stopping: false, scope, servers }
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
    fn the_last_server_stays_until_another_is_there() {
        let one = "backend b\n server old 1.1.1.1:1\n";
        for (old, new, want) in [
            (one, "backend b\n server new 1.1.1.1:2\n", "set server b/old state maint"),
            (one, "backend b\n server new 1.1.1.1:2\n server old 1.1.1.1:1\n", ""),
            (
                "backend b\n server old 1.1.1.1:1\n server stays 1.1.1.1:3\n",
                "backend b\n server new 1.1.1.1:2\n server stays 1.1.1.1:3\n",
                "",
            ),
            (one, "backend b\n", ""),
            (one, "backend b\n server old 1.1.1.1:1 disabled\n", ""),
        ] {
            let (loaded, wanted) = (Configuration::parse(old), Configuration::parse(new));
            let process = process(&loaded);
            let mut plan = plan(&loaded, &wanted, &process);
            let all = plan.changes.len();
            let last = plan.take_last(&wanted, &process);
            assert_eq!(plan.changes.len() + last.len(), all);
            let last: Vec<_> = last.iter().map(ToString::to_string).collect();
            assert_eq!(last.join(" "), want, "{old} -> {new}");
        }
    }

    #[test]
    fn lines_are_short_enough_and_hold_every_command() {
        let server = |n: usize| Place { backend: "b".to_owned(), name: format!("server-{n}") };
        let changes: Vec<_> =
            (0..1000).map(|n| Change { place: server(n), what: What::Work }).collect();
        let lines = lines(&changes);
        // HAProxy 3 refuses whole lines that are longer than its buffers ("tune.bufsize").
        assert!(lines.iter().all(|line| line.len() < 16_384), "{lines:?}");
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
                let is_gone = new.server(&change.place).is_none();
                prop_assert_eq!(change.what == What::Leave, is_gone, "{:?}", change);
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

        #[test]
        fn a_plan_is_that_of_its_backends(old in file(), new in file()) {
            let running = process(&old);
            let of = |backends: &[&str]| {
                let scope = Scope::of(backends.iter().map(|&it| it.to_owned()).collect());
                let mut running = Process { scope, ..running.clone() };
                running.servers.retain(|place, _| running.scope.covers(&place.backend));
                plan(&old, &new, &running).changes
            };
            let mut parts = [of(&["a"]), of(&["b"])].concat();
            let mut whole = of(&["a", "b"]);
            prop_assert_eq!(&plan(&old, &new, &running).changes, &whole);
            parts.sort_by_key(ToString::to_string);
            whole.sort_by_key(ToString::to_string);
            prop_assert_eq!(parts, whole);
            prop_assert_eq!(of(&[]), vec![]);
        }
    }
}
