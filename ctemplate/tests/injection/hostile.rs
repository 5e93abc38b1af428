//! What people could write into Consul. Every text tries to add a directive or a server, or to break the file.

use serde_json::{Value as Json, json};

/// What follows a text that ends its line or its word.
const PAYLOADS: [&str; 18] = [
    "\n  http-request deny deny_status 418",
    "\r\n  http-request deny deny_status 418",
    "\n  server evil 6.6.6.6:80",
    "\nlisten evil\n  bind *:6666",
    "\n\nfrontend evil\n  bind *:6667\n",
    " #",
    "#",
    "\"",
    "'",
    "\\",
    "\\\n",
    "${HOME}",
    "\"$HOME\"",
    " } or { always_true",
    " ssl crt /etc/shadow",
    "\u{0}",
    "\u{2028}  server evil 6.6.6.6:80",
    "{{ key \"secret\" }}",
];

/// Beginnings of tags, each with a value that would be good without a payload.
const TAGS: [&str; 20] = [
    "internal-listen-http-3900",
    "internal-listen-tcp-3901",
    "external-listen-http-3902",
    "external-listen-tcp-3903",
    "external-host-www.example.com",
    "external-path-/api",
    "balance-leastconn",
    "group-edge",
    "weight-10",
    "maxconn-50",
    "retries-2",
    "rate-limit-100",
    "auth-admins",
    "allow-10.0.0.0/8",
    "check-http-/up",
    "check-port-80",
    "check-interval-2s",
    "timeout-server-5s",
    "timeout-client-5s",
    "timeout-tunnel-5s",
];

const ADDRESSES: [&str; 14] = [
    "10.0.0.1\n  server evil 6.6.6.6:80",
    "10.0.0.1 check\n  server evil 6.6.6.6",
    "10.0.0.1:80 #",
    "10.0.0.1 ",
    "0.0.0.0",
    "::",
    "unix@/run/evil",
    "fd@3",
    "abns@evil",
    "${EVIL}",
    "no-such-host.invalid",
    "10.0.0.256",
    "010.0.0.1",
    "[::1]",
];

/// Values of `service/haproxy/maxconn`.
pub(crate) const LIMITS: [&str; 6] =
    ["", "-1", "1e9", "4000 #", "4000\n  stats socket /tmp/evil level admin", "${EVIL}"];

/// Values of a list of users that list nobody.
pub(crate) const USERS: [&str; 4] = [
    "ann:plain",
    "ann insecure-password x:$6$a$b",
    "ann:$6$salt$x\"\n  user evil insecure-password evil",
    "evil\nuser evil insecure-password evil",
];

/// What goes into the catalog: each an entry of `catalog/register`.
pub(crate) fn entries() -> Vec<Json> {
    let mut entries = Vec::new();
    let mut add = |node: &str, service: &str, address: &str, port: i64, tags: &[String]| {
        let number = entries.len();
        entries.push(json!({
            "Node": node, "Address": "192.0.2.1", "NodeMeta": {"evil": PAYLOADS[number % PAYLOADS.len()]},
            "Service": {"ID": format!("hostile-{number}"), "Service": service, "Address": address,
                "Port": port, "Tags": tags, "Meta": {"evil": PAYLOADS[number % PAYLOADS.len()]}},
        }));
    };
    let listens = |port: usize| {
        [
            "production".to_owned(),
            format!("internal-listen-http-{port}"),
            format!("external-host-h{port}.example.com"),
        ]
    };
    for (number, payload) in PAYLOADS.iter().enumerate() {
        // Names, before and after something good, and the name of a healthy service.
        add("n", &format!("web{payload}"), "10.6.0.1", 80, &listens(4000 + number));
        add("n", &format!("{payload}web"), "10.6.0.1", 80, &listens(4100 + number));
        // Tags: nothing of the service may be left, as nothing else is asked for.
        let tag = |tag: &&str| format!("{tag}{payload}");
        let mut tags: Vec<_> = TAGS.iter().map(tag).collect();
        tags.push("production".to_owned());
        add("n", &format!("tags-{number}"), "10.6.0.1", 80, &tags);
        add(
            "n",
            &format!("environment-{number}"),
            "10.6.0.1",
            80,
            &[format!("production{payload}"), "internal-listen-http-4500".to_owned()],
        );
        // Nodes: these servers are there, under a clean name.
        add(
            &format!("n{payload}"),
            &format!("node-{number}"),
            "10.6.0.1",
            80,
            &listens(4200 + number),
        );
    }
    for address in ADDRESSES {
        add("n", "web", address, 80, &["production".to_owned()]);
    }
    for port in [0, -1, 65_536, 70_000] {
        add("n", "web", "10.6.0.1", port, &["production".to_owned()]);
    }
    entries
}
