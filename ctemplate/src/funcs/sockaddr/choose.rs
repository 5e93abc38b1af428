//! Filters and orders of addresses.

use std::cmp::Ordering;
use std::net::IpAddr;

use sprig::goregex::GoRegex;

use super::address::{Address, number, range, width};
use super::{Result, rfc, wrong};

/// The name, as of an RFC, of the addresses that are not forwarded.
pub const NOT_FORWARDED: &str = "4294967295";

/// Those that match, and the rest.
type Split = (Vec<Address>, Vec<Address>);

/// `include`
pub fn include(selector: &str, parameter: &str, addresses: &[Address]) -> Result<Vec<Address>> {
    check(selector, "include")?;
    Ok(split(selector, parameter, addresses)?.0)
}

/// `exclude`
pub fn exclude(selector: &str, parameter: &str, addresses: &[Address]) -> Result<Vec<Address>> {
    check(selector, "exclude")?;
    Ok(split(selector, parameter, addresses)?.1)
}

fn check(selector: &str, verb: &str) -> Result<()> {
    let known =
        ["address", "flag", "flags", "name", "network", "port", "rfc", "rfcs", "size", "type"];
    if known.contains(&selector.to_lowercase().as_str()) {
        return Ok(());
    }
    Err(wrong(format!("invalid {verb} selector {selector:?}")))
}

/// Those that match, and the rest. Where several parameters are given, each counts on its own, and an address can be in
/// both.
pub fn split(selector: &str, parameter: &str, addresses: &[Address]) -> Result<Split> {
    match selector.to_lowercase().as_str() {
        "address" => by_pattern("address", parameter, addresses, Address::text_with_prefix),
        "name" => by_pattern("name", parameter, addresses, |it| it.interface.name.clone()),
        "port" => by_pattern("port", parameter, addresses, |_| "0".to_owned()),
        "flag" | "flags" => by_flag(parameter, addresses),
        "network" => each(parameter, addresses, |network| {
            let (ip, prefix) = rfc::network(network).ok_or_else(|| {
                wrong(format!(
                    "unable to create an IP address from {network:?}: invalid IPAddr {network}"
                ))
            })?;
            Ok(Box::new(move |it: &Address| contains(ip, prefix, it)))
        }),
        "rfc" | "rfcs" => each(parameter, addresses, |number| {
            let networks = rfc::networks(number)?;
            Ok(Box::new(move |it: &Address| {
                networks.iter().any(|(ip, prefix)| contains(*ip, *prefix, it))
            }))
        }),
        "type" => by_type(parameter, addresses),
        _ => by_size(parameter, addresses),
    }
}

type Test<'t> = Box<dyn Fn(&Address) -> bool + 't>;

fn each<'t>(
    parameters: &'t str,
    addresses: &[Address],
    test: impl Fn(&'t str) -> Result<Test<'t>>,
) -> Result<Split> {
    let mut split = Split::default();
    for parameter in parameters.split('|') {
        let test = test(parameter)?;
        let (matched, rest) = addresses.iter().cloned().partition::<Vec<_>, _>(|it| test(it));
        split.0.extend(matched);
        split.1.extend(rest);
    }
    Ok(split)
}

fn by_pattern(
    what: &str,
    pattern: &str,
    addresses: &[Address],
    text: impl Fn(&Address) -> String,
) -> Result<Split> {
    let regex = GoRegex::new(pattern)
        .map_err(|error| wrong(format!("Unable to compile {what} regexp {pattern:?}: {error}")))?;
    Ok(addresses.iter().cloned().partition(|it| regex.is_match(&text(it))))
}

fn by_size(parameter: &str, addresses: &[Address]) -> Result<Split> {
    let size: u32 = parameter.parse().map_err(|_| {
        let reason = format!("strconv.ParseUint: parsing {parameter:?}: invalid syntax");
        wrong(format!("invalid exclude size argument ({parameter:?}): {reason}"))
    })?;
    if let Some(short) = addresses.iter().find(|it| size > width(it.ip)) {
        let kind = if short.ip.is_ipv4() { "IPv4" } else { "IPv6" };
        return Err(wrong(format!("mask size out of bounds for {kind} address: {size}")));
    }
    Ok(addresses.iter().cloned().partition(|it| it.prefix == size))
}

fn by_type(parameter: &str, addresses: &[Address]) -> Result<Split> {
    let kinds = parameter.to_lowercase();
    if let Some(kind) = kinds.split('|').find(|kind| !["ip", "ipv4", "ipv6", "unix"].contains(kind))
    {
        return Err(wrong(format!("unsupported type {kind:?} {parameter:?}")));
    }
    // Here the addresses come in the outer turn, not the parameters.
    let mut split = Split::default();
    for it in addresses {
        for kind in kinds.split('|') {
            let matches = match kind {
                "ip" => true,
                "ipv4" => it.ip.is_ipv4(),
                "ipv6" => it.ip.is_ipv6(),
                _ => false,
            };
            if matches { &mut split.0 } else { &mut split.1 }.push(it.clone());
        }
    }
    Ok(split)
}

/// Flags of interfaces count together, traits of addresses each on its own.
fn by_flag(parameter: &str, addresses: &[Address]) -> Result<Split> {
    let names = parameter.to_lowercase();
    let names: Vec<_> = names.split('|').collect();
    let of_interface = ["broadcast", "down", "loopback", "multicast", "point-to-point", "up"];
    let of_address = [
        "forwardable",
        "global unicast",
        "interface-local multicast",
        "link-local multicast",
        "link-local unicast",
        "unspecified",
    ];
    let unknown = |name: &&&str| !of_interface.contains(name) && !of_address.contains(name);
    if let Some(name) = names.iter().find(unknown) {
        return Err(wrong(format!("Unknown interface flag: {name:?}")));
    }
    let not_forwarded = rfc::networks(NOT_FORWARDED)?;
    let is_interface = names.iter().any(|name| of_interface.contains(name));
    Ok(addresses.iter().cloned().partition(|it| {
        let all_flags = || names.iter().all(|name| has_flag(it, name));
        let is_forwarded = || !not_forwarded.iter().any(|(ip, prefix)| contains(*ip, *prefix, it));
        let is = |name: &&str| {
            if *name == "forwardable" { is_forwarded() } else { has_trait(it.ip, name) }
        };
        (is_interface && all_flags()) || names.iter().any(is)
    }))
}

fn has_flag(it: &Address, name: &str) -> bool {
    match name {
        "broadcast" => it.interface.flags.broadcast,
        "loopback" => it.interface.flags.loopback,
        "multicast" => it.interface.flags.multicast,
        "point-to-point" => it.interface.flags.point_to_point,
        "up" => it.interface.flags.up,
        // `down` asks for nothing, there as here; the others are no flags of interfaces.
        _ => true,
    }
}

fn has_trait(ip: IpAddr, name: &str) -> bool {
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let first = if let IpAddr::V6(ip) = ip { ip.segments().first().copied() } else { None };
    let scope = |scope: u16| first.is_some_and(|first| first & 0xff0f == 0xff00 | scope);
    match name {
        "global unicast" => {
            let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
            !(is_broadcast
                || ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_multicast()
                || is_link_local)
        }
        "interface-local multicast" => scope(1),
        "link-local multicast" => {
            scope(2) || matches!(ip, IpAddr::V4(ip) if ip.octets().starts_with(&[224, 0, 0]))
        }
        "link-local unicast" => is_link_local,
        "loopback" => ip.is_loopback(),
        "multicast" => ip.is_multicast(),
        "unspecified" => ip.is_unspecified(),
        _ => false,
    }
}

/// Whether a network contains that of an address.
fn contains(ip: IpAddr, prefix: u32, it: &Address) -> bool {
    let ((from, to), (first, last)) = (range(ip, prefix), range(it.ip, it.prefix));
    ip.is_ipv4() == it.ip.is_ipv4() && from <= first && last <= to
}

/// `sort`: by some orders, of which the first that tells two addresses apart decides.
pub fn sort(clauses: &str, mut all: Vec<Address>, default: Option<&str>) -> Result<Vec<Address>> {
    let known = ["address", "default", "name", "port", "private", "size", "type"];
    let mut orders = Vec::new();
    for clause in clauses.split(',') {
        let name = clause.trim().to_lowercase();
        let is_reverse = name.starts_with('-');
        let name = name.strip_prefix(['+', '-']).unwrap_or(&name).to_owned();
        if !known.contains(&name.as_str()) {
            return Err(wrong(format!("unknown sort type: {clause:?}")));
        }
        orders.push((name, is_reverse));
    }
    let private = rfc::networks("6890")?;
    let is_private = |it: &Address| private.iter().any(|(ip, prefix)| contains(*ip, *prefix, it));
    let compare = |a: &Address, b: &Address| {
        orders.iter().fold(Ordering::Equal, |order, (name, is_reverse)| {
            let next = || match name.as_str() {
                "private" if a.ip.is_ipv4() == b.ip.is_ipv4() => is_private(b).cmp(&is_private(a)),
                "private" if is_private(a) => Ordering::Less,
                name => by(name, a, b, default),
            };
            order.then_with(|| if *is_reverse { next().reverse() } else { next() })
        })
    };
    // Addresses of two kinds are equal in some orders, which is no total order: the standard library may panic then.
    for end in 1..all.len() {
        for index in (1..=end).rev() {
            let [.., a, b] = all.get(..=index).unwrap_or_default() else { break };
            if compare(b, a).is_ge() {
                break;
            }
            all.swap(index - 1, index);
        }
    }
    Ok(all)
}

fn by(name: &str, a: &Address, b: &Address, default: Option<&str>) -> Ordering {
    let are_alike = a.ip.is_ipv4() == b.ip.is_ipv4();
    let is_default = |it: &Address| Some(it.interface.name.as_str()) == default;
    match name {
        "address" if are_alike => number(a.ip).cmp(&number(b.ip)),
        "default" => is_default(b).cmp(&is_default(a)),
        "name" => a.interface.name.cmp(&b.interface.name),
        "size" if are_alike => a.prefix.cmp(&b.prefix),
        "type" => a.ip.is_ipv6().cmp(&b.ip.is_ipv6()),
        _ => Ordering::Equal,
    }
}

/// `unique`: without those that are like the one before them.
pub fn unique(selector: &str, mut all: Vec<Address>) -> Result<Vec<Address>> {
    match selector.to_lowercase().as_str() {
        "address" => all.dedup_by_key(|it| it.text_with_prefix()),
        "name" => all.dedup_by_key(|it| it.interface.name.clone()),
        _ => return Err(wrong(format!("unsupported unique constraint {selector:?}"))),
    }
    Ok(all)
}
