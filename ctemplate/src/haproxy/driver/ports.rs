//! Ports that a reload would add, and whether they are free.
//!
//! A reload that cannot have a port fails only after HAProxy has tried for two seconds, in which it takes no connection on
//! any of its ports ("Configuration Manual" does not say so; measured with 2.6 and 3.4). So each new one is tried before.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::sleep;

use super::configuration::Configuration;

/// How often a port is tried: a connection or an old process that has it may be about to end.
const ATTEMPTS: u32 = 10;
/// The pause in between.
const PAUSE: Duration = Duration::from_millis(50);

/// What `wanted` listens on that a HAProxy with `loaded` does not hold, not even in part: `*:80` cannot be tried while it
/// holds `10.0.0.1:80`.
pub fn added(loaded: &Configuration, wanted: &Configuration) -> BTreeSet<SocketAddr> {
    let held = listened(loaded);
    let overlaps = |a: &SocketAddr, b: &SocketAddr| {
        let is_any = a.ip().is_unspecified() || b.ip().is_unspecified();
        a.port() == b.port() && (a.ip() == b.ip() || is_any)
    };
    let mut wanted = listened(wanted);
    wanted.retain(|new| !held.iter().any(|old| overlaps(old, new)));
    wanted
}

/// Those that another program holds.
pub async fn taken(addresses: &BTreeSet<SocketAddr>) -> Vec<SocketAddr> {
    let mut taken = Vec::new();
    for address in addresses {
        if is_taken(*address).await {
            taken.push(*address);
        }
    }
    taken
}

async fn is_taken(address: SocketAddr) -> bool {
    for _ in 0..ATTEMPTS {
        match bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => sleep(PAUSE).await,
            // What else may be wrong, we cannot tell for HAProxy, which may have other rights.
            _ => return false,
        }
    }
    true
}

/// Takes an address and gives it back, without listening: nobody is accepted in between.
fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As HAProxy does; what is left of old connections is no obstacle.
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

fn listened(configuration: &Configuration) -> BTreeSet<SocketAddr> {
    let lines = configuration.sections().iter().flat_map(|section| &section.lines);
    let binds = lines.filter(|line| line.first().is_some_and(|word| word == "bind"));
    binds.filter_map(|line| line.get(1)).flat_map(|word| word.split(',')).flat_map(read).collect()
}

/// `ADDRESS:PORT` or `ADDRESS:FIRST-LAST`, as far as it is TCP on an IP address.
fn read(text: &str) -> Vec<SocketAddr> {
    let (text, any) = match text.split_once('@') {
        Some(("ipv4", rest)) => (rest, IpAddr::from(Ipv4Addr::UNSPECIFIED)),
        Some(("ipv6", rest)) => (rest, Ipv6Addr::UNSPECIFIED.into()),
        Some(_) => return Vec::new(),
        None => (text, Ipv4Addr::UNSPECIFIED.into()),
    };
    let Some((ip, ports)) = text.rsplit_once(':') else { return Vec::new() };
    let ip = match ip.trim_start_matches('[').trim_end_matches(']') {
        "" | "*" => Some(any),
        ip => ip.parse().ok(),
    };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (Some(ip), Ok(first), Ok(last)) = (ip, first.parse::<u16>(), last.parse::<u16>()) else {
        return Vec::new();
    };
    (first.max(1)..=last).map(|port| SocketAddr::new(ip, port)).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn reads_what_is_listened_on() {
        for (text, want) in [
            ("10.0.0.1:80", vec!["10.0.0.1:80"]),
            ("*:80", vec!["0.0.0.0:80"]),
            (":80-82", vec!["0.0.0.0:80", "0.0.0.0:81", "0.0.0.0:82"]),
            ("[::1]:80", vec!["[::1]:80"]),
            (":::80", vec!["[::]:80"]),
            ("ipv6@:80", vec!["[::]:80"]),
            ("ipv4@1.2.3.4:80", vec!["1.2.3.4:80"]),
            ("quic4@:443", vec![]),
            ("unix@/run/s.sock", vec![]),
            ("/run/s.sock", vec![]),
            ("host:80", vec![]),
            ("${A}:80", vec![]),
            (":0", vec![]),
        ] {
            let got: Vec<_> = read(text).iter().map(ToString::to_string).collect();
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn only_new_ports_are_tried() {
        let old = "frontend f\n bind 10.0.0.1:80,10.0.0.1:81\n bind *:90\n";
        for (new, want) in [
            ("bind 10.0.0.1:80", ""),
            ("bind 10.0.0.2:80", "10.0.0.2:80"),
            ("bind *:80", ""),
            ("bind 10.0.0.9:90", ""),
            ("bind 10.0.0.1:82 ssl crt x", "10.0.0.1:82"),
        ] {
            let new = format!("frontend f\n {new}\n");
            let added = added(&Configuration::parse(old), &Configuration::parse(&new));
            let added: Vec<_> = added.iter().map(ToString::to_string).collect();
            assert_eq!(added.join(" "), want, "{new}");
        }
    }

    #[tokio::test]
    async fn tells_what_another_program_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let held = listener.local_addr().unwrap();
        assert_eq!(taken(&BTreeSet::from([held])).await, [held]);
        drop(listener);
        assert_eq!(taken(&BTreeSet::from([held])).await, []);
    }
}
