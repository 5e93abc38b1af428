//! An address of an interface.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use gotemplate::{Error, Object, Signature, Type, Value};

use super::wrong;

/// The type of an address, as Go prints it.
pub const KIND: &str = "sockaddr.IfAddr";
/// The type of several addresses.
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

/// An interface of a machine to a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// The largest packet that it takes, in bytes.
    pub mtu: u32,
    /// Its name.
    pub name: String,
    /// Its hardware's address in hexadecimal, if it has one.
    pub hardware: String,
    /// What it can do.
    pub flags: Flags,
}

/// An address of an interface, with its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface.
    pub interface: Arc<Interface>,
    /// The address.
    pub ip: IpAddr,
    /// How many bits of it are the network's.
    pub prefix: u32,
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        if names.is_empty() { f.write_str("0") } else { f.write_str(&names.join("|")) }
    }
}

/// As Go prints the struct.
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, mtu, name, hardware, flags } = self;
        write!(f, "{{{index} {mtu} {name} {hardware} {flags}}}")
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
            "flags" => self.interface.flags.to_string(),
            "name" => self.interface.name.clone(),
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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.text_with_prefix(), self.interface)
    }
}

impl Object for Address {
    fn type_name(&self) -> &'static str {
        KIND
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let Interface { index, mtu, name: of_interface, hardware, flags } = &*self.interface;
        Some(Cow::Owned(match name {
            "SockAddr" => self.text_with_prefix().into(),
            "Index" => Value::int((*index).into()),
            "MTU" => Value::int((*mtu).into()),
            "Name" => of_interface.as_str().into(),
            "HardwareAddr" => hardware.as_str().into(),
            "Flags" => flags.to_string().into(),
            _ => return None,
        }))
    }

    fn method(&self, name: &str) -> Option<&Signature> {
        static NOTHING: LazyLock<Signature> = LazyLock::new(|| Signature::new([]));
        static A_NAME: LazyLock<Signature> = LazyLock::new(|| Signature::new([Type::String]));
        match name {
            "String" | "Type" => Some(&NOTHING),
            "Attr" => Some(&A_NAME),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, Error> {
        let text = match name {
            "Type" => self.attribute("type")?,
            "Attr" => {
                self.attribute(arguments.first().and_then(Value::as_str).unwrap_or_default())?
            }
            _ => self.to_string(),
        };
        Ok(text.into())
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }
}
