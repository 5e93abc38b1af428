//! What a running HAProxy says of itself (pure).
//!
//! Its answers differ between versions, so columns are found by their names, and nothing but `show info` and
//! `show servers state` ("Management Guide", section 9.3) is read at all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::str::Lines;

use super::configuration::Place;

/// The longest line of commands. HAProxy takes 16 KB by default, and less where `tune.bufsize` says so.
pub const LINE: usize = 8000;

/// The bits of `srv_admin_state` that the socket sets: maintenance, and draining.
const MAINTENANCE: u16 = 0x01;
const DRAIN: u16 = 0x08;
/// The bit of `srv_check_state` for checks that are made.
const CHECKED: u16 = 0x04;

/// A process that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id; a reload makes it another.
    pub pid: u32,
    /// Its version; 0.0 when it does not say it.
    pub version: (u16, u16),
    /// When it began to read its configuration, in seconds since 1970.
    pub started: Option<u64>,
    /// Whether it takes no more connections: another one has taken its place.
    pub is_stopping: bool,
    /// What it was asked for.
    pub scope: Scope,
    /// Its servers, as far as it was asked for them.
    pub servers: BTreeMap<Place, Running>,
}

/// The servers that a process is asked for: of many, all take it tens of milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// Those of some backends.
    Backends(BTreeSet<String>),
}

impl Scope {
    /// The servers of these backends; all of them, when that is the shorter question.
    pub fn of(backends: BTreeSet<String>) -> Self {
        let scope = Self::Backends(backends);
        if scope.query().len() <= LINE { scope } else { Self::All }
    }

    /// Whether the servers of a backend are among them.
    pub fn covers(&self, backend: &str) -> bool {
        match self {
            Self::All => true,
            Self::Backends(backends) => backends.contains(backend),
        }
    }

    /// Whether nothing is asked for but what the process is.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Backends(backends) if backends.is_empty())
    }

    /// The commands that a [`Process`] is the answer to.
    pub fn query(&self) -> String {
        let mut query = "show info".to_owned();
        let mut show = |backend: &str| {
            query.push_str(";show servers state");
            query.push_str(backend);
        };
        match self {
            Self::All => show(""),
            Self::Backends(backends) => backends.iter().for_each(|it| show(&format!(" {it}"))),
        }
        query
    }

    /// How many lists of servers there are in the answer.
    fn lists(&self) -> usize {
        match self {
            Self::All => 1,
            Self::Backends(backends) => backends.len(),
        }
    }
}

/// A server of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// Where it is, when it is at an IP address.
    pub address: Option<SocketAddr>,
    /// Its part of the traffic.
    pub weight: u16,
    /// What it may do.
    pub duty: Duty,
    /// Whether it is asked how it is.
    pub is_checked: bool,
}

/// What a server may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Everything.
    Ready,
    /// It finishes what it has, and stays with the clients that it has.
    Drain,
    /// It finishes what it has.
    Maintenance,
}

impl Process {
    /// Reads the answer to [`Scope::query`]; none when it is not HAProxy's, or a backend is missing that was asked for.
    pub fn parse(answer: &str, scope: Scope) -> Option<Self> {
        let value = |name: &str| {
            answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let mut version = value("Version")?.split('.').map_while(|part| part.parse().ok());
        Some(Self {
            pid: value("Pid")?.parse().ok()?,
            version: (version.next().unwrap_or(0), version.next().unwrap_or(0)),
            started: value("Start_time_sec").and_then(|text| text.parse().ok()),
            is_stopping: value("Stopping").is_some_and(|text| text != "0"),
            servers: servers(answer, &scope)?,
            scope,
        })
    }
}

fn servers(answer: &str, scope: &Scope) -> Option<BTreeMap<Place, Running>> {
    let (mut servers, mut lines, mut lists) = (BTreeMap::new(), answer.lines(), 0);
    while let Some(names) = lines.find_map(|line| line.strip_prefix("# be_id ")) {
        read_list(names, &mut lines, &mut servers)?;
        lists += 1;
    }
    (lists == scope.lists()).then_some(servers)
}

/// Reads one list, whose columns have these names after the first.
fn read_list(
    names: &str,
    lines: &mut Lines<'_>,
    servers: &mut BTreeMap<Place, Running>,
) -> Option<()> {
    let names: Vec<_> = std::iter::once("be_id").chain(names.split(' ')).collect();
    let column = |name| names.iter().position(|it| *it == name);
    let (backend, name) = (column("be_name")?, column("srv_name")?);
    let (address, port) = (column("srv_addr")?, column("srv_port")?);
    let (weight, admin) = (column("srv_uweight")?, column("srv_admin_state")?);
    let check = column("srv_check_state")?;
    let server = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let word = |column: usize| words.get(column).copied();
        let number = |column| word(column)?.parse::<u16>().ok();
        let place = Place { backend: word(backend)?.to_owned(), name: word(name)?.to_owned() };
        let admin = number(admin)?;
        let ip: Option<IpAddr> = word(address)?.parse().ok();
        let running = Running {
            address: ip.zip(number(port)).map(SocketAddr::from),
            weight: number(weight)?,
            duty: match admin {
                _ if admin & MAINTENANCE != 0 => Duty::Maintenance,
                _ if admin & DRAIN != 0 => Duty::Drain,
                _ => Duty::Ready,
            },
            is_checked: number(check)? & CHECKED != 0,
        };
        Some((place, running))
    };
    for line in lines.take_while(|line| !line.is_empty()) {
        let (place, running) = server(line)?;
        servers.insert(place, running);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "Name: HAProxy
Version: 2.6.12-1+deb12u4
Pid: 23389
Stopping: 0
Start_time_sec: 1795277235

1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 b:x 1 s1 127.0.0.1 0 8 7 1 1 8 2 0 6 0 0 0 - 19901 - 0 0 - - 0
3 b:x 3 s2 ::1 2 4 1 1 1 1 0 1 6 0 0 0 - 19902 - 0 0 - - 0
4 empty 1 n4 - 0 5 1 1 2 1 0 0 8 0 0 0 - 19903 - 0 0 - - 0

";

    #[test]
    fn reads_what_a_process_says() {
        let process = Process::parse(ANSWER, Scope::All).unwrap();
        assert_eq!((process.pid, process.version, process.is_stopping), (23389, (2, 6), false));
        assert_eq!(process.started, Some(1_795_277_235));
        let servers: Vec<_> = process
            .servers
            .iter()
            .map(|(place, it)| (place.to_string(), it.address, it.weight, it.duty, it.is_checked))
            .collect();
        let at = |text: &str| Some(text.parse().unwrap());
        assert_eq!(
            servers,
            [
                ("b:x/s1".to_owned(), at("127.0.0.1:19901"), 7, Duty::Drain, true),
                ("b:x/s2".to_owned(), at("[::1]:19902"), 1, Duty::Ready, true),
                ("empty/n4".to_owned(), None, 1, Duty::Maintenance, false),
            ]
        );
    }

    #[test]
    fn half_an_answer_is_none() {
        let parse = |answer: &str| Process::parse(answer, Scope::All);
        assert_eq!(parse(""), None);
        assert_eq!(parse("Unknown command"), None);
        assert_eq!(parse(ANSWER.split("srv_admin_state").next().unwrap()), None);
        assert_eq!(parse(&ANSWER.replace(" 7 1 ", " x 1 ")), None);
    }

    #[test]
    fn some_backends_are_asked_for_one_by_one() {
        let backends = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let scope = Scope::of(backends(&["b:x", "empty"]));
        assert_eq!(scope.query(), "show info;show servers state b:x;show servers state empty");
        assert!(scope.covers("empty") && !scope.covers("b"));
        let (info, list) = ANSWER.split_once("\n\n").unwrap();
        let [header, first, second, third] =
            list.trim().lines().skip(1).collect::<Vec<_>>().try_into().unwrap();
        let both = format!("{info}\n\n1\n{header}\n{first}\n{second}\n\n1\n{header}\n{third}\n\n");
        let all = Process::parse(ANSWER, Scope::All).unwrap();
        assert_eq!(Process::parse(&both, scope.clone()), Some(Process { scope, ..all }));
        let one = format!("{info}\n\nCan't find backend.\n\n1\n{header}\n{third}\n\n");
        assert_eq!(Process::parse(&one, Scope::of(backends(&["b:x", "empty"]))), None);
        assert!(Process::parse(&one, Scope::of(backends(&["empty"]))).is_some());
        let none = Process::parse(info, Scope::of(BTreeSet::new())).unwrap();
        assert_eq!(none.servers, BTreeMap::new());
        let many: BTreeSet<_> = (0..1000).map(|n| format!("backend-{n}")).collect();
        assert_eq!(Scope::of(many), Scope::All);
    }
}
