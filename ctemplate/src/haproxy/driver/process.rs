//! What a running HAProxy says of itself (pure).
//!
//! Its answers differ between versions, so columns are found by their names, and nothing but `show info` and
//! `show servers state` ("Management Guide", section 9.3) is read at all.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::configuration::Place;

/// The command that a [`Process`] is the answer to.
pub const QUERY: &str = "show info;show servers state";

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
    /// Its servers.
    pub servers: BTreeMap<Place, Running>,
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
    /// Reads the answer to [`QUERY`]; none when it is not HAProxy's.
    pub fn parse(answer: &str) -> Option<Self> {
        let value = |name: &str| {
            answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let mut version = value("Version")?.split('.').map_while(|part| part.parse().ok());
        Some(Self {
            pid: value("Pid")?.parse().ok()?,
            version: (version.next().unwrap_or(0), version.next().unwrap_or(0)),
            started: value("Start_time_sec").and_then(|text| text.parse().ok()),
            is_stopping: value("Stopping").is_some_and(|text| text != "0"),
            servers: servers(answer)?,
        })
    }
}

fn servers(answer: &str) -> Option<BTreeMap<Place, Running>> {
    let mut lines = answer.lines().skip_while(|line| !line.starts_with("# be_id "));
    let names: Vec<_> = lines.next()?.trim_start_matches("# ").split(' ').collect();
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
    lines.take_while(|line| !line.is_empty()).map(server).collect()
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
        let process = Process::parse(ANSWER).unwrap();
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
        assert_eq!(Process::parse(""), None);
        assert_eq!(Process::parse("Unknown command"), None);
        assert_eq!(Process::parse(ANSWER.split("srv_admin_state").next().unwrap()), None);
        assert_eq!(Process::parse(&ANSWER.replace(" 7 1 ", " x 1 ")), None);
    }
}
