//! What a process uses, as `/proc` tells it (proc(5)), and what Consul counts.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::time::sleep;

/// A tick of the processor times in `/proc`: `USER_HZ` is 100 on all of Linux's common architectures.
const TICK: Duration = Duration::from_millis(10);
/// A process that uses no more than a tick of the processor in this time, and runs no other, has nothing left to do.
const QUIET: Duration = Duration::from_millis(500);

/// The processor time that a process has had, in user and kernel mode.
///
/// # Errors
///
/// When there is no such process.
pub fn processor_time(pid: i32) -> Result<Duration> {
    ticks(&read(pid, "stat")?).map(|ticks| TICK * ticks).context("an unknown form of stat")
}

/// Waits until a process has nothing left to do; one that does not come to rest in this time is not waited for.
///
/// # Errors
///
/// When there is no such process.
pub async fn calm(pid: i32, patience: Duration) -> Result<()> {
    let (began, mut before) = (Instant::now(), processor_time(pid)?);
    while began.elapsed() < patience {
        sleep(QUIET).await;
        let now = processor_time(pid)?;
        if now.saturating_sub(before) <= TICK && !has_children(pid)? {
            break;
        }
        before = now;
    }
    Ok(())
}

/// Whether a process waits for others that it has started. Not every kernel lists them in `children` (`CONFIG_PROC_CHILDREN`).
fn has_children(pid: i32) -> Result<bool> {
    let mut processes = fs::read_dir("/proc")?;
    Ok(processes.any(|entry| {
        // One may end between the two calls.
        let stat = entry.and_then(|entry| fs::read_to_string(entry.path().join("stat")));
        stat.is_ok_and(|stat| parent(&stat) == Some(pid))
    }))
}

/// The most memory that a process has had at a time, in bytes.
///
/// # Errors
///
/// When there is no such process.
pub fn most_memory(pid: i32) -> Result<f64> {
    most_kilobytes(&read(pid, "status")?).map(|kb| kb * 1024.0).context("no VmHWM in status")
}

/// How many connections to an address a process has.
///
/// # Errors
///
/// When there is no such process.
pub fn connections(pid: i32, address: SocketAddrV4) -> Result<u32> {
    let to_it = established(&read(pid, "net/tcp")?, address);
    let mut count = 0;
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // A file may be closed between the two calls.
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        let target = target.to_string_lossy();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        count += u32::from(inode.is_some_and(|inode| to_it.contains(inode)));
    }
    Ok(count)
}

/// How many reads of the catalog, health and keys Consul has answered, from its metrics in Prometheus' format.
/// Consul 1.9 and later label one metric with the path; older ones have it in the name.
pub fn queries(metrics: &str) -> f64 {
    let paths = ["v1_health", "v1_catalog", "v1_kv"];
    let is_query = |name: &str| {
        let series = name.split('{').next().unwrap_or_default();
        let is_http = series.starts_with("consul_api_http") || series.starts_with("consul_http");
        is_http
            && series.ends_with("_count")
            && name.contains("GET")
            && paths.iter().any(|path| name.contains(path))
    };
    let lines = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    lines.filter(|(name, _)| is_query(name)).filter_map(|(_, n)| n.parse::<f64>().ok()).sum()
}

fn read(pid: i32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).context(path)
}

/// utime and stime, the 14th and 15th fields.
fn ticks(stat: &str) -> Option<u32> {
    let mut fields = from_third(stat)?.skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    Some(next()? + next()?)
}

/// ppid, the 4th field.
fn parent(stat: &str) -> Option<i32> {
    from_third(stat)?.nth(1)?.parse().ok()
}

/// The fields after the name, which is in parentheses and may hold anything.
fn from_third(stat: &str) -> Option<impl Iterator<Item = &str>> {
    stat.rsplit_once(") ").map(|(_, rest)| rest.split(' '))
}

fn most_kilobytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The inodes of established connections to an address.
fn established(tcp: &str, address: SocketAddrV4) -> BTreeSet<String> {
    let remote = format!("{}:{:04X}", hexadecimal(*address.ip()), address.port());
    let rows = tcp.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let inode = |row: Vec<&str>| {
        let is_it = row.get(2) == Some(&remote.as_str()) && row.get(3) == Some(&"01");
        row.get(9).filter(|_| is_it).map(|inode| (*inode).to_owned())
    };
    rows.filter_map(inode).collect()
}

/// As the kernel prints it: the bytes in the order of the network, read as one number of this machine.
fn hexadecimal(ip: Ipv4Addr) -> String {
    format!("{:08X}", u32::from_ne_bytes(ip.octets()))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn reads_what_the_kernel_prints() {
        let stat = "1 (a) b) S 7 0 0 0 0 0 0 0 0 0 12 30 7 7 20 0 1 0 0 0";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("1 (a) S 0"), None);
        assert_eq!(parent(stat), Some(7));
        assert_eq!(parent("1 (a) S"), None);
        let status = "Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t    5120 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(most_kilobytes(status), Some(5120.0));
    }

    #[test]
    fn a_process_has_children_until_it_has_waited_for_them() {
        let mut parent = Command::new("sh");
        parent.args(["-c", "cat; echo waited; exec cat"]).stdin(Stdio::piped());
        let mut parent = parent.stdout(Stdio::piped()).spawn().unwrap();
        let pid = i32::try_from(parent.id()).unwrap();
        let mut output = BufReader::new(parent.stdout.take().unwrap());
        let mut line = String::new();
        writeln!(parent.stdin.as_mut().unwrap(), "runs").unwrap();
        output.read_line(&mut line).unwrap();
        assert!(has_children(pid).unwrap());
        drop(parent.stdin.take());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "runs\nwaited\n");
        assert!(!has_children(pid).unwrap());
        parent.wait().unwrap();
    }

    #[test]
    fn counts_established_connections_to_one_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let std::net::SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            panic!("IPv6")
        };
        let me = i32::try_from(std::process::id()).unwrap();
        assert_eq!(connections(me, address).unwrap(), 0);
        let open = [(), ()].map(|()| std::net::TcpStream::connect(address).unwrap());
        assert_eq!(connections(me, address).unwrap(), 2);
        drop(open);
    }

    #[test]
    fn counts_queries_of_new_and_old_consul() {
        let new = "consul_api_http_count{method=\"GET\",path=\"v1_health_service__\"} 5\n\
                   consul_api_http{method=\"GET\",path=\"v1_health_service__\",quantile=\"0.5\"} 9\n\
                   consul_api_http_count{method=\"PUT\",path=\"v1_catalog_register\"} 7\n\
                   consul_api_http_count{method=\"GET\",path=\"v1_status_leader\"} 3\n";
        let old = "consul_http_GET_v1_catalog_services_count 2\nconsul_http_GET_v1_kv__count 1\n\
                   consul_http_GET_v1_kv__sum 100\nconsul_http_PUT_v1_catalog_register_count 4\n";
        for (metrics, want) in [(new, 5.0), (old, 3.0), ("", 0.0)] {
            assert!((queries(metrics) - want).abs() < f64::EPSILON, "{metrics}");
        }
    }
}
