//! Reckoning with addresses.

use std::net::{IpAddr, Ipv6Addr};
use std::num::IntErrorKind;
use std::sync::Arc;

use gotemplate::sprintf;

use super::address::{Address, range, width};
use super::{Result, wrong};

/// The widest number that is taken for IPv4, in both directions: all addresses.
const ALL: i64 = 1 << 32;

/// `math`: the same addresses further up or down.
pub fn math(operation: &str, value: &str, addresses: &[Address]) -> Result<Vec<Address>> {
    let moved = |it| {
        one(operation, value, it).map_err(|reason| {
            wrong(format!("unable to perform an IPMath operation on {it}: {reason}"))
        })
    };
    addresses.iter().map(moved).collect()
}

fn one(operation: &str, value: &str, it: &Address) -> std::result::Result<Address, String> {
    let (ip, prefix) = match operation.to_lowercase().as_str() {
        "address" => (moved(it.ip, distance(operation, value, it.ip)?), it.prefix),
        "network" => (within(it, distance(operation, value, it.ip)?), it.prefix),
        "mask" => {
            let size = size(operation, value, it.ip)?;
            (like(it.ip, range(it.ip, size).0), size.min(it.prefix))
        }
        _ => return Err(format!("unsupported math operation: {operation:?}")),
    };
    Ok(Address { interface: Arc::clone(&it.interface), ip, prefix })
}

/// From any address to any other of its kind; the last one is followed by the first.
fn moved(ip: IpAddr, distance: i64) -> IpAddr {
    like(ip, super::address::number(ip).wrapping_add_signed(distance.into()))
}

/// Counted from the first address of its network, or back from the last one, and never out of it.
fn within(it: &Address, distance: i64) -> IpAddr {
    let (first, last) = range(it.ip, it.prefix);
    let rest = last - first;
    let offset = u128::from(distance.unsigned_abs());
    let number = if distance < 0 { last - ((offset - 1) & rest) } else { first + (offset & rest) };
    like(it.ip, number)
}

/// An address of the same kind.
fn like(ip: IpAddr, number: u128) -> IpAddr {
    let v6 = Ipv6Addr::from_bits(number);
    let [.., a, b, c, d] = v6.octets();
    if ip.is_ipv4() { IpAddr::from([a, b, c, d]) } else { v6.into() }
}

fn distance(operation: &str, value: &str, ip: IpAddr) -> std::result::Result<i64, String> {
    if !value.trim_ascii_start().starts_with(['+', '-']) {
        return Err(format!("sign (+/-) is required for operation {operation:?}"));
    }
    let is_known = |number: &i64| !ip.is_ipv4() || (-ALL..ALL).contains(number);
    let number = value.parse::<i64>().map_err(|error| reason(*error.kind()));
    let number = number.and_then(|it| if is_known(&it) { Ok(it) } else { Err(OUT_OF_RANGE) });
    number.map_err(|reason| unreadable(operation, value, "Int", reason))
}

/// The size of a prefix. What it must be is as the original says it, also of IPv6.
fn size(operation: &str, value: &str, ip: IpAddr) -> std::result::Result<u32, String> {
    // Unlike Rust, Go takes no plus sign here.
    let digits = if value.starts_with('+') { "?" } else { value };
    let size = digits.parse().map_err(|error: std::num::ParseIntError| {
        unreadable(operation, value, "Uint", reason(*error.kind()))
    })?;
    if size <= width(ip) {
        return Ok(size);
    }
    let (kind, most) = if ip.is_ipv4() { ("ipv4", 32) } else { ("ipv6", 64) };
    Err(format!(
        "parameter for operation {operation:?} on {kind} addresses must be between 0 and {most}"
    ))
}

const OUT_OF_RANGE: &str = "value out of range";

fn reason(kind: IntErrorKind) -> &'static str {
    match kind {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => OUT_OF_RANGE,
        _ => "invalid syntax",
    }
}

fn unreadable(operation: &str, value: &str, kind: &str, reason: &str) -> String {
    let format = format!(
        "unable to convert %q to int for operation %q: strconv.Parse{kind}: parsing %q: {reason}"
    );
    sprintf(&format, &[value.into(), operation.into(), value.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(operation: &str, value: &str, ip: &str) -> String {
        let (ip, prefix) = ip.split_once('/').unwrap();
        let interface = Arc::default();
        let it = Address { interface, ip: ip.parse().unwrap(), prefix: prefix.parse().unwrap() };
        one(operation, value, &it).map_or_else(|error| error, |it| it.text_with_prefix())
    }

    #[test]
    fn addresses_move() {
        for (operation, value, ip, want) in [
            ("address", "+1", "10.0.0.255/24", "10.0.1.0/24"),
            ("Address", "-1", "0.0.0.0/32", "255.255.255.255"),
            ("address", "-4294967296", "10.0.0.1/8", "10.0.0.1/8"),
            ("address", "+2", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/64", "::1/64"),
            ("address", "-9223372036854775808", "1::/64", "0:ffff:ffff:ffff:8000::/64"),
            ("network", "+1", "10.1.2.3/24", "10.1.2.1/24"),
            ("network", "+256", "10.1.2.3/24", "10.1.2.0/24"),
            ("network", "-1", "10.1.2.3/24", "10.1.2.255/24"),
            ("network", "-257", "10.1.2.3/24", "10.1.2.255/24"),
            ("network", "-1", "10.1.2.3/32", "10.1.2.3"),
            ("network", "+10", "fd00::5/64", "fd00::a/64"),
            ("network", "-1", "fd00::5/64", "fd00::ffff:ffff:ffff:ffff/64"),
            ("network", "+0", "fd00::5/64", "fd00::/64"),
            ("mask", "8", "10.1.2.3/24", "10.0.0.0/8"),
            ("mask", "28", "10.1.2.99/24", "10.1.2.96/24"),
            ("mask", "0", "fd00::5/64", "::/0"),
            ("mask", "128", "fd00::5/64", "fd00::5/64"),
            ("address", "1", "10.0.0.1/8", "sign (+/-) is required for operation \"address\""),
            (
                "network",
                "+4294967296",
                "10.0.0.1/8",
                "unable to convert \"+4294967296\" to int for operation \"network\": \
                 strconv.ParseInt: parsing \"+4294967296\": value out of range",
            ),
            (
                "mask",
                "+8",
                "10.0.0.1/8",
                "unable to convert \"+8\" to int for operation \"mask\": \
                 strconv.ParseUint: parsing \"+8\": invalid syntax",
            ),
            (
                "mask",
                "33",
                "10.0.0.1/8",
                "parameter for operation \"mask\" on ipv4 addresses must be between 0 and 32",
            ),
        ] {
            assert_eq!(shown(operation, value, ip), want, "{operation} {value} {ip}");
        }
    }
}
