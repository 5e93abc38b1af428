//! The values of dependencies as templates see them: types, fields and their order are consul-template's.

use std::collections::BTreeMap;

use consul::connect::{CaRoot, LeafCert};
use consul::federation::{ExportedService, ImportedService, Partition, Peering, StreamStatus};
use consul::wire::ServiceAddress;
use gotemplate::{List, Map, Type, UintKind, Value};
use sprig::golayout::{self, RFC3339, Time};

use super::answer::{Check, Definition, Node};
use super::structs::{DURATION, Duration, record};
use super::{CatalogService, Data, Instance, KeyPair, NodeService, NodeServices, aggregate};
use crate::dependency::Status;

/// The type of the instances of a service.
pub const INSTANCE: &str = "*dependency.HealthService";
/// The type of keys with their values.
pub const KEY_PAIR: &str = "*dependency.KeyPair";
/// The type of the services of the catalog.
pub const SNIPPET: &str = "*dependency.CatalogSnippet";

impl Data {
    /// The value for templates.
    pub fn value(&self) -> Value {
        match self {
            Self::Key(value) => value.as_deref().map_or(Value::Nil, Value::from),
            Self::Keys(pairs) => list(KEY_PAIR, pairs, key_pair),
            Self::Instances(instances) => list(INSTANCE, instances, instance),
            Self::Services(services) if services.is_empty() => {
                List::nil(Type::Named(SNIPPET.into())).into()
            }
            Self::Services(services) => list(SNIPPET, services, snippet),
            Self::Nodes(nodes) => list("*dependency.Node", nodes, node),
            Self::Node(services) => catalog_node(services),
            Self::Datacenters(names) => strings(names),
            Self::Partitions(partitions) => list("*dependency.Partition", partitions, partition),
            Self::Peerings(peerings) => list("*dependency.Peering", peerings, peering),
            Self::ExportedServices(services) => {
                list("dependency.ExportedService", services, exported)
            }
            Self::ImportedServices(services) => {
                list("dependency.ImportedService", services, imported)
            }
            Self::CaRoots(roots) => list("*api.CARoot", roots, ca_root),
            Self::CaLeaf(leaf) => leaf_cert(leaf),
            Self::File(text) => text.as_str().into(),
        }
    }

    /// The same value, made of the parts of an earlier one, where that is less work: of a thousand services one has changed.
    pub fn value_after(&self, before: &Self, value: &Value) -> Option<Value> {
        let (Self::Services(now), Self::Services(before), Value::List(list)) =
            (self, before, value)
        else {
            return None;
        };
        if now.is_empty() {
            return None;
        }
        // Both are sorted by name.
        let mut before = before.iter().zip(list.items()).peekable();
        let snippets = now.iter().map(|service| {
            while before.next_if(|(last, _)| last.name < service.name).is_some() {}
            match before.next_if(|(last, _)| *last == service) {
                Some((_, same)) => same.clone(),
                None => snippet(service),
            }
        });
        Some(list_of(SNIPPET, snippets))
    }
}

/// A list of the elements of a type.
pub fn list_of(kind: &str, items: impl IntoIterator<Item = Value>) -> Value {
    List::new(Type::Named(kind.into()), items).into()
}

fn list<T>(kind: &str, items: &[T], convert: fn(&T) -> Value) -> Value {
    list_of(kind, items.iter().map(convert))
}

fn strings(items: &[String]) -> Value {
    Value::strings(items.iter().map(String::as_str))
}

fn optional_strings(items: Option<&Vec<String>>) -> Value {
    items.map_or_else(|| List::nil(Type::String).into(), |items| strings(items))
}

fn tags(items: &[String]) -> Value {
    let items = items.iter().map(|tag| Value::from(tag.as_str()));
    List::new(Type::String, items).named("dependency.ServiceTags").into()
}

fn text(text: &str) -> Value {
    text.into()
}

fn map(entries: Option<&BTreeMap<String, String>>) -> Value {
    let Some(entries) = entries else { return Map::nil(Type::String, Type::String).into() };
    let entries = entries.iter().map(|(key, value)| (text(key), text(value)));
    Map::new(Type::String, Type::String, entries).into()
}

fn int(int: impl Into<i64>) -> Value {
    Value::int(int.into())
}

fn uint(uint: u64) -> Value {
    Value::Uint(UintKind::Uint64, uint)
}

fn key_pair(pair: &KeyPair) -> Value {
    record!("*dependency.KeyPair" {
        Path: text(&pair.path),
        Key: text(&pair.key),
        Value: text(&pair.value),
        CreateIndex: uint(pair.create_index),
        ModifyIndex: uint(pair.modify_index),
        LockIndex: uint(pair.lock_index),
        Flags: uint(pair.flags),
        Session: text(&pair.session),
    })
}

fn snippet(service: &CatalogService) -> Value {
    record!("*dependency.CatalogSnippet" { Name: text(&service.name), Tags: tags(&service.tags) })
}

fn instance(it: &Instance) -> Value {
    record!("*dependency.HealthService" {
        Node: text(&it.node),
        NodeID: text(&it.node_id),
        NodeAddress: text(&it.node_address),
        NodeTaggedAddresses: map(it.node_tagged_addresses.as_ref()),
        NodeMeta: map(it.node_meta.as_ref()),
        ServiceMeta: map(it.service_meta.as_ref()),
        Address: text(&it.address),
        ServiceTaggedAddresses: addresses(it.service_tagged_addresses.as_ref()),
        ID: text(&it.id),
        Name: text(&it.name),
        Tags: tags(&it.tags),
        Checks: checks(&it.checks),
        Status: text(&it.status),
        Port: int(it.port),
        Weights: record!("api.AgentWeights" {
            Passing: int(it.weights.passing),
            Warning: int(it.weights.warning),
        }),
    })
}

fn addresses(addresses: Option<&BTreeMap<String, ServiceAddress>>) -> Value {
    let kind = Type::Named("api.ServiceAddress".into());
    let Some(addresses) = addresses else { return Map::nil(Type::String, kind).into() };
    let entries = addresses.iter().map(|(name, it)| {
        let address =
            record!("api.ServiceAddress" { Address: text(&it.address), Port: int(it.port) });
        (text(name), address)
    });
    Map::new(Type::String, kind, entries).into()
}

fn checks(checks: &[Check]) -> Value {
    let kind = Type::Named("*api.HealthCheck".into());
    let list = List::new(kind, checks.iter().map(check)).named("api.HealthChecks");
    list.with_methods(&[("AggregatedStatus", aggregated_status)]).into()
}

fn aggregated_status(checks: &List) -> Value {
    let field = |check: &Value, name| match check {
        Value::Object(check) => check.field(name).map(|value| value.to_string()),
        _ => None,
    };
    let known: Vec<_> = checks
        .iter()
        .filter_map(|check| Some((field(check, "CheckID")?, field(check, "Status")?)))
        .collect();
    let status = aggregate(known.iter().map(|(id, state)| (id.as_str(), state.as_str())));
    text(status.map(Status::name).unwrap_or_default())
}

fn check(check: &Check) -> Value {
    record!("*api.HealthCheck" {
        Node: text(&check.node),
        CheckID: text(&check.check_id),
        Name: text(&check.name),
        Status: text(&check.status),
        Notes: text(&check.notes),
        Output: text(&check.output),
        ServiceID: text(&check.service_id),
        ServiceName: text(&check.service_name),
        ServiceTags: optional_strings(check.service_tags.as_ref()),
        Type: text(&check.kind),
        Namespace: text(&check.namespace),
        Partition: text(&check.partition),
        ExposedPort: int(check.exposed_port),
        PeerName: text(&check.peer_name),
        Definition: definition(check.definition.as_deref().unwrap_or(&Definition::default())),
        CreateIndex: uint(check.create_index),
        ModifyIndex: uint(check.modify_index),
    })
}

fn definition(it: &Definition) -> Value {
    record!("api.HealthCheckDefinition" {
        HTTP: text(&it.http),
        Header: header(it.header.as_ref()),
        Method: text(&it.method),
        Body: text(&it.body),
        TLSServerName: text(&it.tls_server_name),
        TLSSkipVerify: it.tls_skip_verify.into(),
        TCP: text(&it.tcp),
        TCPUseTLS: it.tcp_use_tls.into(),
        UDP: text(&it.udp),
        GRPC: text(&it.grpc),
        OSService: text(&it.os_service),
        GRPCUseTLS: it.grpc_use_tls.into(),
        IntervalDuration: duration(DURATION, &it.interval),
        TimeoutDuration: duration(DURATION, &it.timeout),
        DeregisterCriticalServiceAfterDuration:
            duration(DURATION, &it.deregister_critical_service_after),
        SessionName: text(&it.session_name),
        Interval: duration("api.ReadableDuration", &it.interval),
        Timeout: duration("api.ReadableDuration", &it.timeout),
        DeregisterCriticalServiceAfter:
            duration("api.ReadableDuration", &it.deregister_critical_service_after),
    })
}

fn header(header: Option<&BTreeMap<String, Vec<String>>>) -> Value {
    let kind = Type::list(Type::String);
    let Some(header) = header else { return Map::nil(Type::String, kind).into() };
    let entries = header.iter().map(|(name, values)| (text(name), strings(values)));
    Map::new(Type::String, kind, entries).into()
}

fn duration(kind: &'static str, text: &str) -> Value {
    let nanoseconds = sprig::duration::parse(text).unwrap_or_default();
    Value::object(Duration { kind, nanoseconds })
}

/// A time that Consul wrote as RFC 3339.
fn time(text: &str) -> Value {
    Value::object(golayout::parse(RFC3339, text).unwrap_or_else(|_| Time::zero()))
}

fn node(node: &Node) -> Value {
    record!("*dependency.Node" {
        ID: text(&node.id),
        Node: text(&node.node),
        Address: text(&node.address),
        Datacenter: text(&node.datacenter),
        TaggedAddresses: map(node.tagged_addresses.as_ref()),
        Meta: map(node.meta.as_ref()),
    })
}

fn catalog_node(it: &NodeServices) -> Value {
    let kind = "*dependency.CatalogNodeService";
    let services = match &it.services {
        Some(services) => list(kind, services, node_service),
        None => List::nil(Type::Named(kind.into())).into(),
    };
    record!("*dependency.CatalogNode" {
        Node: it.node.as_ref().map_or(Value::Nil, node),
        Services: services,
    })
}

fn node_service(it: &NodeService) -> Value {
    record!("*dependency.CatalogNodeService" {
        ID: text(&it.id),
        Service: text(&it.service),
        Tags: tags(&it.tags),
        Meta: map(it.meta.as_ref()),
        Port: int(it.port),
        Address: text(&it.address),
        EnableTagOverride: it.enable_tag_override.into(),
    })
}

fn partition(it: &Partition) -> Value {
    record!("*dependency.Partition" { Name: text(&it.name), Description: text(&it.description) })
}

fn peering(it: &Peering) -> Value {
    record!("*dependency.Peering" {
        ID: text(&it.id),
        Name: text(&it.name),
        Partition: text(&it.partition),
        Meta: map(it.meta.as_ref()),
        PeeringState: text(&it.state),
        PeerID: text(&it.peer_id),
        PeerServerName: text(&it.peer_server_name),
        PeerServerAddresses: optional_strings(it.peer_server_addresses.as_ref()),
        StreamStatus: stream_status(&it.stream_status),
        Remote: record!("dependency.PeeringRemoteInfo" {
            Partition: text(&it.remote.partition),
            Datacenter: text(&it.remote.datacenter),
        }),
    })
}

fn stream_status(it: &StreamStatus) -> Value {
    let optional = |stamp: &Option<String>| stamp.as_deref().map_or(Value::Nil, time);
    record!("dependency.PeeringStreamStatus" {
        ImportedServices: optional_strings(it.imported_services.as_ref()),
        ExportedServices: optional_strings(it.exported_services.as_ref()),
        LastHeartbeat: optional(&it.last_heartbeat),
        LastReceive: optional(&it.last_receive),
        LastSend: optional(&it.last_send),
    })
}

fn exported(it: &ExportedService) -> Value {
    record!("dependency.ExportedService" {
        Service: text(&it.service),
        // consul-template has these two and never fills them.
        Partition: text(""),
        Namespace: text(""),
        Consumers: record!("dependency.ResolvedConsumers" {
            Peers: strings(&it.consumers.peers),
            Partitions: strings(&it.consumers.partitions),
        }),
    })
}

fn imported(it: &ImportedService) -> Value {
    record!("dependency.ImportedService" {
        Service: text(&it.service),
        Namespace: text(&it.namespace),
        SourcePartition: text(&it.source_partition),
    })
}

fn ca_root(it: &CaRoot) -> Value {
    record!("*api.CARoot" {
        ID: text(&it.id),
        Name: text(&it.name),
        RootCertPEM: text(&it.root_cert),
        Active: it.active.into(),
        CreateIndex: uint(it.create_index),
        ModifyIndex: uint(it.modify_index),
    })
}

fn leaf_cert(it: &LeafCert) -> Value {
    record!("*api.LeafCert" {
        SerialNumber: text(&it.serial_number),
        CertPEM: text(&it.cert_pem),
        PrivateKeyPEM: text(&it.private_key_pem),
        Service: text(&it.service),
        ServiceURI: text(&it.service_uri),
        ValidAfter: time(&it.valid_after),
        ValidBefore: time(&it.valid_before),
        CreateIndex: uint(it.create_index),
        ModifyIndex: uint(it.modify_index),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_keep_the_values_of_those_that_are_as_they_were() {
        let services = |names: &[(&str, &str)]| {
            let service = |(name, tag): &(&str, &str)| CatalogService {
                name: (*name).to_owned(),
                tags: vec![(*tag).to_owned()],
            };
            Data::Services(names.iter().map(service).collect())
        };
        let before = services(&[("a", "1"), ("b", "1"), ("c", "1"), ("e", "1")]);
        let value = before.value();
        let all = [("a", "1"), ("a2", "1"), ("c", "2"), ("d", "1"), ("e", "1")];
        for (names, kept) in [(&all[..], 2), (&[("0", "1"), ("e", "1"), ("f", "1")], 1), (&[], 0)] {
            let now = services(names);
            let after = now.value_after(&before, &value).unwrap_or_else(|| now.value());
            assert!(after.is_same(&now.value()), "{names:?}");
            let objects = |value: &Value| match value {
                Value::List(list) => list.items().to_vec(),
                _ => panic!("no list"),
            };
            let old = objects(&value);
            let is_old = |item: &&Value| old.iter().any(|old| is_the_very_same(old, item));
            assert_eq!(objects(&after).iter().filter(is_old).count(), kept, "{names:?}");
        }
    }

    fn is_the_very_same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => std::sync::Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}
