//! The networks that documents of the IETF name, as go-sockaddr knows them.

use std::net::IpAddr;

use super::{Result, wrong};

/// A network: an address in it, and the size of its prefix.
pub(super) type Network = (IpAddr, u32);

/// By the number of the document; the last one stands for what is not forwarded.
const KNOWN: &[(u64, &str)] = &[
    (919, "255.255.255.255/32"),
    (1112, "224.0.0.0/4"),
    (1122, "0.0.0.0/8 127.0.0.0/8"),
    (1918, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"),
    (2544, "198.18.0.0/15"),
    (2765, "0:0:0:0:0:ffff:0:0/96"),
    (2928, "2001::/16"),
    (3056, "2002::/16"),
    (3068, "192.88.99.0/24 2002:c058:6301::/120"),
    (3171, "224.0.0.0/4"),
    (
        3330,
        "0.0.0.0/8 10.0.0.0/8 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4",
    ),
    (3849, "2001:db8::/32"),
    (3927, "169.254.0.0/16"),
    (4038, "0:0:0:0:0:ffff::/96"),
    (4193, "fc00::/7"),
    (4291, "::/128 ::1/128 ::/96 ::ffff:0:0/96 fe80::/10 fec0::/10 ff00::/8"),
    (4380, "2001:0000::/32"),
    (4773, "2001:0000::/23"),
    (4843, "2001:10::/28"),
    (5180, "2001:0200::/48"),
    (5735, "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 198.18.0.0/15"),
    (5737, "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24"),
    (6052, "64:ff9b::/96"),
    (6333, "192.0.0.0/29"),
    (6598, "100.64.0.0/10"),
    (6666, "0100::/64"),
    (
        6890,
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 255.255.255.255/32 ::1/128 ::/128 64:ff9b::/96 ::ffff:0:0/96 100::/64 2001::/16 2002::/16 fc00::/7 fe80::/10",
    ),
    (7335, "192.0.0.0/29"),
    (
        4_294_967_295,
        "0.0.0.0/8 127.0.0.0/8 169.254.0.0/16 192.0.0.0/24 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 255.255.255.255/32 ::1/128 ::/128 ::ffff:0:0/96 2001:db8::/32 2001:10::/28 fe80::/10",
    ),
];

/// The networks of a document.
pub(super) fn networks(text: &str) -> Result<Vec<Network>> {
    let wanted: u64 = text.parse().map_err(|_| {
        let reason = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
        wrong(format!(
            "unable to lookup RFC number {text:?}: unable to parse RFC number {text:?}: {reason}"
        ))
    })?;
    let Some((_, networks)) = KNOWN.iter().find(|(number, _)| *number == wanted) else {
        return Err(wrong(format!(
            "unable to lookup RFC number {text:?}: unsupported RFC {wanted}"
        )));
    };
    Ok(networks.split(' ').filter_map(network).collect())
}

/// A network, or a single address.
pub(super) fn network(text: &str) -> Option<Network> {
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip: IpAddr = ip.parse().ok()?;
    let width = super::address::width(ip);
    let prefix = prefix.map_or(Ok(width), str::parse).ok()?;
    (prefix <= width).then_some((ip, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_can_be_read() {
        for (number, text) in KNOWN {
            let networks = networks(&number.to_string()).unwrap();
            assert_eq!(networks.len(), text.split(' ').count(), "{number}");
        }
    }
}
