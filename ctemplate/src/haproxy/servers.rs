//! The instances of a service to the servers of a backend.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::data::Instance;
use crate::haproxy::names;

/// The highest weight HAProxy knows (manual, "weight").
const HEAVIEST: u32 = 256;

/// A server of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// `NODE_IP_PORT`. HAProxy carries a server's state over a reload by its name, so a name must never come back for
    /// another endpoint.
    pub name: String,
    /// `IP:PORT`, an IPv6 address in brackets.
    pub address: String,
    /// From Consul's weight of a passing instance.
    pub weight: u32,
}

/// The servers, in the order of the instances, and what had to be left out of them.
pub fn servers(instances: &[Instance]) -> (Vec<Server>, Vec<String>) {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    let mut servers = Vec::new();
    for instance in instances {
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
            let weight = instance.weights.passing.min(HEAVIEST);
            servers.push(Server { name, address: endpoint.to_string(), weight });
        }
    }
    (servers, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(node: &str, address: &str, port: u16) -> Instance {
        Instance { node: node.to_owned(), address: address.to_owned(), port, ..Instance::default() }
    }

    #[test]
    fn servers_are_named_by_their_endpoints() {
        let (servers, problems) = servers(&[
            instance("slave 1", "10.0.0.1", 31000),
            instance("slave 1", "10.0.0.1", 31001),
            instance("n", "fe80::1", 80),
        ]);
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
    fn an_endpoint_is_listed_once_and_a_bad_one_not_at_all() {
        let (servers, problems) = servers(&[
            instance("n", "10.0.0.1", 80),
            instance("m", "10.0.0.1", 80),
            instance("n", "1.2.3.4\n  server evil 6.6.6.6:80", 80),
            instance("n", "10.0.0.1", 0),
        ]);
        assert_eq!(servers.len(), 1);
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().all(|problem| !problem.contains('\n')));
    }
}
