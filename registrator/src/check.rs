//! `SERVICE_CHECK_*` keys to a check that Consul runs.
//!
//! The keys are those of gliderlabs' registrator, and so is the order in which the first match wins.

use crate::naming::{Found, MAX_META_VALUE, Metadata};
use crate::ports::Port;
use crate::service::{Check, Protocol, Target};
use crate::skipped::Reason;

const DEFAULT_INTERVAL: &str = "10s";

/// Kinds of checks by precedence, and whether they are supported.
const KINDS: [(&str, bool); 8] = [
    ("CHECK_HTTP", true),
    ("CHECK_HTTPS", false),
    ("CHECK_CMD", false),
    ("CHECK_SCRIPT", false),
    ("CHECK_TTL", false),
    ("CHECK_TCP", true),
    ("CHECK_GRPC", false),
    ("CHECK_DOCKER", false),
];

/// The check of a port, and the keys that could not be followed.
pub fn of_port(metadata: &Metadata, port: &Port) -> (Option<Check>, Vec<Reason>) {
    let mut wrong = Vec::new();
    let found = KINDS.iter().find_map(|(kind, supported)| {
        Some((metadata.get(port.declared, kind)?, *kind, *supported))
    });
    let Some((found, kind, supported)) = found else { return (None, wrong) };
    if !supported {
        wrong.push(left_out(&found, "this kind of check is not supported"));
        return (None, wrong);
    }
    // Neither kind can ask anything of a UDP port; the key is meant for the app's other ports.
    let target = match kind {
        _ if port.protocol == Protocol::Udp => None,
        "CHECK_HTTP" => Some(http(&found, port)),
        _ => tcp(&found, port),
    };
    let mut duration = |key| duration(&metadata.get(port.declared, key)?, &mut wrong);
    let interval = duration("CHECK_INTERVAL").unwrap_or_else(|| DEFAULT_INTERVAL.to_owned());
    let timeout = duration("CHECK_TIMEOUT");
    let deregister_after = duration("CHECK_DEREGISTER_AFTER");
    let initial_status = initial_status(metadata, port, &mut wrong);
    let check =
        target.map(|target| Check { target, interval, timeout, initial_status, deregister_after });
    let check = check.filter(|check| {
        let fits = check.to_string().len() <= MAX_META_VALUE;
        if !fits {
            wrong.push(left_out(&found, "too long"));
        }
        fits
    });
    (check, wrong)
}

fn http(found: &Found<'_>, port: &Port) -> Target {
    let path = found.value.trim_start_matches('/');
    Target::Http(format!("http://{}/{path}", authority(port)))
}

fn tcp(found: &Found<'_>, port: &Port) -> Option<Target> {
    let wanted = !found.value.eq_ignore_ascii_case("false");
    wanted.then(|| Target::Tcp(authority(port)))
}

fn authority(port: &Port) -> String {
    if port.address.contains(':') {
        format!("[{}]:{}", port.address, port.port)
    } else {
        format!("{}:{}", port.address, port.port)
    }
}

fn duration(found: &Found<'_>, wrong: &mut Vec<Reason>) -> Option<String> {
    match daemon::duration::parse(found.value) {
        Ok(duration) if !duration.is_zero() => Some(found.value.to_owned()),
        Ok(_) => {
            wrong.push(left_out(found, "must be more than 0"));
            None
        }
        Err(err) => {
            wrong.push(left_out(found, &err.to_string()));
            None
        }
    }
}

fn initial_status(metadata: &Metadata, port: &Port, wrong: &mut Vec<Reason>) -> String {
    match metadata.get(port.declared, "CHECK_INITIAL_STATUS") {
        Some(found) if ["passing", "warning", "critical"].contains(&found.value) => {
            return found.value.to_owned();
        }
        Some(found) => wrong.push(left_out(&found, "must be passing, warning or critical")),
        None => {}
    }
    "passing".to_owned()
}

fn left_out(found: &Found<'_>, why: &str) -> Reason {
    Reason::Key { key: found.key.clone(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(env: &[(&str, &str)]) -> (Option<String>, usize) {
        let env: BTreeMap<_, _> = env.iter().copied().collect();
        let app = serde_json::from_value(serde_json::json!({"id": "/a", "env": env})).unwrap();
        let port =
            Port { declared: 80, protocol: Protocol::Tcp, address: "10.0.0.1".into(), port: 31000 };
        let (check, wrong) = of_port(&Metadata::of(&app), &port);
        (check.map(|check| check.to_string()), wrong.len())
    }

    type Pairs = &'static [(&'static str, &'static str)];

    #[test]
    fn checks_as_the_field_writes_them() {
        let rows: [(Pairs, Option<&str>, usize); 9] = [
            (&[], None, 0),
            (&[("SERVICE_CHECK_INTERVAL", "5s")], None, 0),
            (
                &[("SERVICE_CHECK_HTTP", "/health")],
                Some("http http://10.0.0.1:31000/health interval 10s initially passing"),
                0,
            ),
            (&[("SERVICE_81_CHECK_HTTP", "/health")], None, 0),
            (
                &[
                    ("SERVICE_CHECK_TCP", "true"),
                    ("SERVICE_CHECK_INTERVAL", "1m"),
                    ("SERVICE_CHECK_TIMEOUT", "2s"),
                    ("SERVICE_CHECK_DEREGISTER_AFTER", "10m"),
                ],
                Some(
                    "tcp 10.0.0.1:31000 interval 1m initially passing timeout 2s deregister-after 10m",
                ),
                0,
            ),
            (
                &[("SERVICE_CHECK_HTTP", "/"), ("SERVICE_CHECK_TCP", "true")],
                Some("http http://10.0.0.1:31000/ interval 10s initially passing"),
                0,
            ),
            (&[("SERVICE_CHECK_TTL", "30s")], None, 1),
            (
                &[("SERVICE_CHECK_HTTP", "x"), ("SERVICE_CHECK_INTERVAL", "often")],
                Some("http http://10.0.0.1:31000/x interval 10s initially passing"),
                1,
            ),
            (
                &[("SERVICE_CHECK_TCP", "1"), ("SERVICE_CHECK_INITIAL_STATUS", "warning")],
                Some("tcp 10.0.0.1:31000 interval 10s initially warning"),
                0,
            ),
        ];
        for (env, want, wrong) in rows {
            assert_eq!(check(env), (want.map(str::to_owned), wrong), "{env:?}");
        }
    }
}
