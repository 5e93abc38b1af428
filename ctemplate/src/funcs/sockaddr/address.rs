//! An address of an interface.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gotemplate::{Error, Object, Value};

use super::wrong;

/// The type of an address, as Go prints it.
pub const KIND: &str = "sockaddr.IfAddr";
/// The type of several.
pub const LIST_KIND: &str = "sockaddr.IfAddrs";

/// What an interface can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent bits of the kernel")]
pub struct Flags {
    /// It is switched on.
    pub up: bool,
    /// It has broadcasts.
    pub broadcast: bool,
    /// It ends on this machine.
    pub loopback: bool,
    /// It has one peer.
    pub point_to_point: bool,
    /// It has multicasts.
    pub multicast: bool,
    /// It is in operation.
    pub running: bool,
}

/// An address of an interface, with its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface's name.
    pub name: String,
    /// What the interface can do.
    pub flags: Flags,
    /// The address.
    pub ip: IpAddr,
    /// How many bits of it are the network's.
    pub prefix: u32,
}

impl Flags {
    fn text(self) -> String {
        let names = [
            (self.up, "up"),
            (self.broadcast, "broadcast"),
            (self.loopback, "loopback"),
            (self.point_to_point, "pointtopoint"),
            (self.multicast, "multicast"),
            (self.running, "running"),
        ];
        let names: Vec<_> =
            names.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect();
        if names.is_empty() { "0".to_owned() } else { names.join("|") }
    }
}

/// How many bits an address has.
pub(super) const fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// The number of an address.
pub(super) fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The first and the last address of a network, as numbers.
pub(super) fn range(ip: IpAddr, prefix: u32) -> (u128, u128) {
    let rest = u128::MAX.checked_shr(128 - width(ip) + prefix).unwrap_or(0);
    (number(ip) & !rest, number(ip) | rest)
}

impl Address {
    /// An attribute, by its name in lower case.
    pub fn attribute(&self, name: &str) -> Result<String, Error> {
        let (network, last) = range(self.ip, self.prefix);
        let usable = |distance: u128| {
            // Of a pair, and of a single address, all are in use; IPv6 has no broadcasts.
            if self.ip.is_ipv4() && self.prefix < 31 { distance } else { 0 }
        };
        let digits = width(self.ip) as usize;
        let number = number(self.ip);
        let all = last - network;
        Ok(match name {
            "flags" => self.flags.text(),
            "name" => self.name.clone(),
            "address" | "host" => self.ip.to_string(),
            "port" => "0".to_owned(),
            "netmask" => self.like(!all),
            "network" => self.like(network),
            "mask_bits" => self.prefix.to_string(),
            "binary" => format!("{number:0digits$b}"),
            "hex" => format!("{number:0width$x}", width = digits / 4),
            "first_usable" => self.like(network + usable(1)),
            "last_usable" => self.like(last - usable(1)),
            "octets" => self.octets(),
            "size" => all.checked_add(1).map_or_else(
                || "340282366920938463463374607431768211456".to_owned(),
                |size| size.to_string(),
            ),
            "broadcast" if self.ip.is_ipv4() => self.like(last),
            "uint32" if self.ip.is_ipv4() => number.to_string(),
            "uint128" if self.ip.is_ipv6() => number.to_string(),
            "string" => self.text_with_prefix(),
            "type" => if self.ip.is_ipv4() { "IPv4" } else { "IPv6" }.to_owned(),
            name => return Err(wrong(format!("unsupported attribute name {name:?}"))),
        })
    }

    /// The address with its network, as in `10.0.0.1/8`.
    pub fn text_with_prefix(&self) -> String {
        if self.prefix == width(self.ip) {
            return self.ip.to_string();
        }
        format!("{}/{}", self.ip, self.prefix)
    }

    /// The text of another address of the same kind.
    fn like(&self, number: u128) -> String {
        let [.., a, b, c, d] = number.to_be_bytes();
        match self.ip {
            IpAddr::V4(_) => Ipv4Addr::new(a, b, c, d).to_string(),
            IpAddr::V6(_) => Ipv6Addr::from_bits(number).to_string(),
        }
    }

    fn octets(&self) -> String {
        let octets = match self.ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        octets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

impl Object for Address {
    fn type_name(&self) -> &'static str {
        KIND
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        (name == "Name").then(|| Cow::Owned(self.name.as_str().into()))
    }

    fn text(&self) -> Option<String> {
        Some(format!("{} {}", self.text_with_prefix(), self.name))
    }
}
