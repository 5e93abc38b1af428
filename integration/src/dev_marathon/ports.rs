//! Which numbers ports get: services cluster-wide, tasks on their agent.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::definition::{Fields, each, mode, with_object};
use super::spec::{Port, Slot};

/// Where service ports that nobody chose come from.
const SERVICE_PORTS: RangeInclusive<u16> = 10_000..=20_000;

/// What an agent offers.
pub const AGENT_PORTS: RangeInclusive<u16> = 31_000..=32_000;

/// Gives every service port that is 0 a number: first those the app had before, then unused ones.
pub fn assign_service_ports(fields: &mut Fields, before: &[u16], taken: &BTreeSet<u16>) {
    let chosen = service_ports(fields);
    let kept = before.iter().copied().filter(|p| SERVICE_PORTS.contains(p) && !chosen.contains(p));
    let fresh =
        SERVICE_PORTS.filter(|p| !taken.contains(p) && !chosen.contains(p) && !before.contains(p));
    let mut free = kept.chain(fresh);
    let mut number = |port: &mut Value| {
        if port.as_u64().unwrap_or(0) == 0
            && let Some(next) = free.next()
        {
            *port = next.into();
        }
    };
    if mode(fields) == "host" {
        each(fields, "portDefinitions", |d| number(d.entry("port").or_insert(Value::Null)));
    } else {
        with_object(fields, "container", |container| {
            each(container, "portMappings", |m| {
                number(m.entry("servicePort").or_insert(Value::Null));
            });
        });
    }
}

fn service_ports(fields: &Fields) -> Vec<u16> {
    let mappings = fields.get("container").and_then(|c| c.get("portMappings"));
    let (list, key) = match mode(fields) {
        "host" => (fields.get("portDefinitions"), "port"),
        _ => (mappings, "servicePort"),
    };
    let ports = list.and_then(Value::as_array).into_iter().flatten();
    let numbers = ports.filter_map(|p| p.get(key)?.as_u64());
    numbers.filter_map(|n| u16::try_from(n).ok()).collect()
}

/// Chooses the host ports of a task, in the order of the declared ports; those without a slot take none.
///
/// `from` is where to begin, so that a port is not reused at once; `is_free` says whether nobody has it.
/// Answers `None` when the agent cannot serve the task.
pub fn assign(ports: &[Port], from: u16, mut is_free: impl FnMut(u16) -> bool) -> Option<Vec<u16>> {
    let mut assigned: Vec<u16> = Vec::new();
    let (first, last) = (*AGENT_PORTS.start(), *AGENT_PORTS.end());
    let from = from.clamp(first, last);
    let mut candidates = (from..=last).chain(first..from);
    for port in ports {
        let fixed: Vec<u16> = ports.iter().filter_map(Port::fixed).collect();
        let number = match port.slot {
            Slot::None => continue,
            Slot::Exactly(number) => {
                Some(number).filter(|n| !assigned.contains(n) && is_free(*n))?
            }
            Slot::Any => candidates.find(|n| !fixed.contains(n) && is_free(*n))?,
        };
        assigned.push(number);
    }
    Some(assigned)
}

impl Port {
    fn fixed(&self) -> Option<u16> {
        match self.slot {
            Slot::Exactly(number) => Some(number),
            Slot::Any | Slot::None => None,
        }
    }
}

/// Pairs every declared port with the port it is reached at: its host port, or without one the declared port.
pub fn reached<'a>(
    declared: &'a [Port],
    assigned: &'a [u16],
) -> impl Iterator<Item = (&'a Port, u16)> {
    let mut next = assigned.iter().copied();
    declared.iter().filter_map(move |port| match port.slot {
        Slot::None => Some((port, port.declared)),
        Slot::Any | Slot::Exactly(_) => next.next().map(|number| (port, number)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn port(slot: Slot) -> Port {
        Port { declared: 80, slot, service: 10_000, name: None }
    }

    #[test]
    fn host_ports_follow_the_declared_ones() {
        use Slot::{Any, Exactly, None as NoSlot};
        type Row = (&'static str, &'static [Slot], u16, &'static [u16], Option<&'static [u16]>);
        let rows: [Row; 7] = [
            ("first free", &[Any, Any], 31_000, &[31_000], Some(&[31_001, 31_002])),
            ("wraps around", &[Any, Any], 32_000, &[], Some(&[32_000, 31_000])),
            ("exactly", &[Exactly(8080)], 31_000, &[], Some(&[8080])),
            ("exactly, but taken", &[Exactly(8080)], 31_000, &[8080], None),
            ("twice the same", &[Exactly(80), Exactly(80)], 31_000, &[], None),
            ("no slot", &[NoSlot, Any], 31_005, &[], Some(&[31_005])),
            ("a later wish is kept", &[Any, Exactly(31_000)], 31_000, &[], Some(&[31_001, 31_000])),
        ];
        for (name, slots, from, taken, want) in rows {
            let ports: Vec<_> = slots.iter().copied().map(port).collect();
            let got = assign(&ports, from, |n| !taken.contains(&n));
            assert_eq!(got.as_deref(), want, "{name}");
        }
    }

    #[test]
    fn an_app_keeps_its_service_ports() {
        let mut fields = Fields::new();
        let ports = json!([{"port": 0}, {"port": 10_001}, {"port": 0}, {"port": 80}]);
        fields.insert("portDefinitions".to_owned(), ports);
        assign_service_ports(&mut fields, &[10_007], &BTreeSet::from([10_000, 10_007]));
        assert_eq!(service_ports(&fields), [10_007, 10_001, 10_002, 80]);
    }
}
