//! The instances of a service to the servers of a backend.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Serialize;

use crate::data::Instance;
use crate::haproxy::names;
use crate::haproxy::tags::{self, HEAVIEST, Wish};

/// A server of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// `NODE_IP_PORT`. HAProxy carries a server's state over a reload by its name, so a name must never come back for
    /// another endpoint.
    pub name: String,
    /// `IP:PORT`, an IPv6 address in brackets.
    pub address: String,
    /// The address alone.
    pub ip: IpAddr,
    /// The port alone.
    pub port: u16,
    /// From the instance's tag, else Consul's weight of a passing instance.
    pub weight: u32,
    /// What a client shows to stay with it: a hash of the endpoint.
    pub cookie: String,
}

/// The servers of a service, in the order of the instances, and what had to be left out of them. Asked for `web`, Consul
/// also answers with the instances of a service whose name is `web` and a NUL, so other names are passed over.
pub fn servers(service: &str, instances: &[Instance]) -> (Vec<Server>, Vec<String>) {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    let mut servers = Vec::new();
    let is_own = |it: &&Instance| it.name.eq_ignore_ascii_case(service);
    for instance in instances.iter().filter(is_own) {
        let Some(endpoint) = names::endpoint(&instance.address, instance.port) else {
            let Instance { name, id, address, port, .. } = instance;
            problems.push(format!(
                "service {name:?}: instance {id:?} is left out: {address:?} with port {port} is no IP address and port"
            ));
            continue;
        };
        // One endpoint registered twice, under two ids, is one server.
        if seen.insert(endpoint) {
            let name =
                format!("{}_{}_{}", names::to_name(&instance.node), endpoint.ip(), endpoint.port());
            let address = endpoint.to_string();
            servers.push(Server {
                name,
                ip: endpoint.ip(),
                port: endpoint.port(),
                weight: weight(instance),
                cookie: cookie(&address),
                address,
            });
        }
    }
    (servers, problems)
}

fn weight(instance: &Instance) -> u32 {
    let asked = instance.tags.iter().find_map(|tag| match tags::read(tag) {
        Some(Ok(Wish::Weight(weight))) => Some(weight),
        _ => None,
    });
    asked.unwrap_or_else(|| instance.weights.passing.min(HEAVIEST))
}

fn cookie(address: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(address.as_bytes());
    let start = digest.first_chunk().copied().map(u64::from_be_bytes);
    format!("{:016x}", start.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(node: &str, address: &str, port: i64) -> Instance {
        Instance { node: node.to_owned(), address: address.to_owned(), port, ..Instance::default() }
    }

    #[test]
    fn servers_are_named_by_their_endpoints() {
        let (servers, problems) = servers(
            "",
            &[
                instance("slave 1", "10.0.0.1", 31000),
                instance("slave 1", "10.0.0.1", 31001),
                instance("n", "fe80::1", 80),
            ],
        );
        let seen: Vec<_> =
            servers.iter().map(|server| (server.name.as_str(), server.address.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("slave_1_10.0.0.1_31000", "10.0.0.1:31000"),
                ("slave_1_10.0.0.1_31001", "10.0.0.1:31001"),
                ("n_fe80::1_80", "[fe80::1]:80"),
            ]
        );
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn a_tag_gives_the_weight_of_its_instance() {
        let tagged = |port, tag: &str| Instance {
            tags: vec![tag.to_owned()],
            weights: consul::wire::Weights { passing: 3, ..Default::default() },
            ..instance("n", "10.0.0.1", port)
        };
        let (servers, _) =
            servers("", &[tagged(1, "weight-10"), tagged(2, "x"), tagged(3, "weight-999")]);
        let weights: Vec<_> = servers.iter().map(|server| server.weight).collect();
        assert_eq!(weights, [10, 3, 3]);
    }

    #[test]
    fn an_endpoint_is_listed_once_and_a_bad_one_not_at_all() {
        let (servers, problems) = servers(
            "",
            &[
                Instance { name: "\0".to_owned(), ..instance("n", "10.0.0.2", 80) },
                instance("n", "10.0.0.1", 80),
                instance("m", "10.0.0.1", 80),
                instance("n", "1.2.3.4\n  server evil 6.6.6.6:80", 80),
                instance("n", "10.0.0.1", 0),
            ],
        );
        assert_eq!(servers.len(), 1);
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().all(|problem| !problem.contains('\n')));
    }
}
