//! What the kernel says of this machine's addresses.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::SockaddrStorage;

use super::address::{Address, Flags, Interface, number, width};
use super::{Result, choose, wrong};

/// A machine.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its addresses, by interface.
    pub addresses: Vec<Address>,
    /// The interface of the route to everywhere.
    pub default_interface: Option<String>,
}

impl Host {
    /// This machine.
    pub fn read() -> io::Result<Self> {
        let mut interfaces: Vec<Arc<Interface>> = Vec::new();
        let mut addresses = Vec::new();
        for it in getifaddrs()? {
            let known = interfaces.iter().position(|known| known.name == it.interface_name);
            let at = known.unwrap_or_else(|| {
                interfaces.push(interface(&it).into());
                interfaces.len() - 1
            });
            if let Some((ip, prefix)) = network(&it)
                && let Some(interface) = interfaces.get(at)
            {
                addresses.push((at, Address { interface: Arc::clone(interface), ip, prefix }));
            }
        }
        addresses.sort_by_key(|(at, _)| *at);
        let addresses = addresses.into_iter().map(|(_, it)| it).collect();
        let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        Ok(Self { addresses, default_interface: default_interface(&routes) })
    }

    /// The addresses of the interface of the route to everywhere.
    pub fn default_addresses(&self) -> Result<Vec<Address>> {
        let Some(name) = &self.default_interface else {
            return Err(wrong("No default interface found"));
        };
        Ok(self.addresses.iter().filter(|it| it.interface.name == *name).cloned().collect())
    }

    /// Private or public addresses that can be reached, the best first.
    pub fn routed(&self, is_private: bool) -> Result<Vec<Address>> {
        let (reachable, _) = choose::split("flag", "forwardable", &self.addresses)?;
        let (up, _) = choose::split("flag", "up", &reachable)?;
        let sorted = choose::sort("default,type,size", up, self.default_interface.as_deref())?;
        let (private, public) = choose::split("rfc", "6890", &sorted)?;
        Ok(if is_private { private } else { public })
    }

    /// All private addresses that can be reached from elsewhere.
    pub fn private(&self) -> Result<Vec<Address>> {
        let (private, _) = choose::split("rfc", "6890", &self.sorted(self.addresses.clone())?)?;
        choose::exclude("rfc", choose::NOT_FORWARDED, &private)
    }

    /// All public addresses.
    pub fn public(&self) -> Result<Vec<Address>> {
        choose::exclude("rfc", "6890", &self.sorted(self.addresses.clone())?)
    }

    /// The addresses of interfaces whose names match a pattern.
    pub fn named(&self, pattern: &str) -> Result<Vec<Address>> {
        self.sorted(choose::include("name", pattern, &self.addresses)?)
    }

    fn sorted(&self, addresses: Vec<Address>) -> Result<Vec<Address>> {
        choose::sort("type,size", addresses, self.default_interface.as_deref())
    }
}

fn interface(it: &InterfaceAddress) -> Interface {
    let has = |flag| it.flags.contains(flag);
    let flags = Flags {
        up: has(InterfaceFlags::IFF_UP),
        broadcast: has(InterfaceFlags::IFF_BROADCAST),
        loopback: has(InterfaceFlags::IFF_LOOPBACK),
        point_to_point: has(InterfaceFlags::IFF_POINTOPOINT),
        multicast: has(InterfaceFlags::IFF_MULTICAST),
        running: has(InterfaceFlags::IFF_RUNNING),
    };
    let name = it.interface_name.clone();
    // What the kernel does not tell is shown as nothing.
    let index = if_nametoindex(name.as_str()).unwrap_or_default();
    let told = |what| {
        let text = std::fs::read_to_string(format!("/sys/class/net/{name}/{what}"));
        text.unwrap_or_default().trim_end().to_owned()
    };
    let (mtu, hardware) = (told("mtu").parse().unwrap_or_default(), hardware(told("address")));
    Interface { index, mtu, name, hardware, flags }
}

/// A tunnel has an IP address for its hardware, and a loopback has zeros, which is none either.
fn hardware(address: String) -> String {
    let is_none = matches!(address.split(':').count(), 4 | 16)
        || address.chars().all(|c| matches!(c, '0' | ':'));
    if is_none { String::new() } else { address }
}

fn network(it: &InterfaceAddress) -> Option<(IpAddr, u32)> {
    let ip = ip(it.address.as_ref()?)?;
    let mask = ip_of_mask(it.netmask.as_ref()?, ip)?;
    Some((ip, (number(mask) << (128 - width(ip))).leading_ones()))
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
}

/// The mask, which is of the same kind as its address.
fn ip_of_mask(mask: &SockaddrStorage, of: IpAddr) -> Option<IpAddr> {
    ip(mask).filter(|mask| mask.is_ipv4() == of.is_ipv4())
}

/// The interface of the first route to everywhere in the kernel's table, see proc(5).
fn default_interface(routes: &str) -> Option<String> {
    routes.lines().skip(1).find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (name, destination, gateway) = (words.next()?, words.next()?, words.next()?);
        (destination == "00000000" && gateway != "00000000").then(|| name.to_owned())
    })
}
