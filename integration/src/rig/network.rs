//! A block of loopback addresses for one test.
//!
//! Linux answers on every address of 127.0.0.0/8 without any set-up, so parallel tests can all use the
//! well-known ports (8080, 8500, 3000), each on a /24 of its own.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// The address within the block that carries the claim.
const CLAIM_HOST: u8 = 254;

/// The port of the claim: not privileged, and below the ports that the kernel gives to clients.
const CLAIM_PORT: u16 = 4999;

const ATTEMPTS: u32 = 200;

/// An unused 127.A.B.0/24, claimed for as long as the value lives.
///
/// The claim is a listening socket, so the kernel gives it back even when the test is killed.
#[derive(Debug)]
pub struct Network {
    prefix: [u8; 3],
    _claim: TcpListener,
}

impl Network {
    /// Claims a block that no other test holds.
    ///
    /// # Errors
    ///
    /// When none of many random blocks could be claimed, with the reason of the last one.
    pub fn claim() -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            // Never 127.0.x.y, which is what people and default settings use.
            let prefix = [127, rand::random_range(1..=254), rand::random_range(0..=255)];
            match TcpListener::bind((address(prefix, CLAIM_HOST), CLAIM_PORT)) {
                Ok(claim) => return Ok(Self { prefix, _claim: claim }),
                Err(err) => last = err,
            }
        }
        Err(last)
    }

    /// The address 127.A.B.`n`; 254 is the claim's own.
    pub fn host(&self, n: u8) -> Ipv4Addr {
        address(self.prefix, n)
    }
}

fn address([a, b, c]: [u8; 3], n: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_networks_share_no_address() {
        let one = Network::claim().unwrap();
        let two = Network::claim().unwrap();
        assert_ne!(one.host(1), two.host(1));
        assert_eq!(one.host(7).octets()[3], 7);
        assert_ne!(one.host(1).octets()[1], 0);
    }

    #[test]
    fn a_dropped_network_can_be_claimed_again() {
        let address = {
            let network = Network::claim().unwrap();
            network.host(CLAIM_HOST)
        };
        TcpListener::bind((address, CLAIM_PORT)).unwrap();
    }
}
