//! Tells systemd how far the program is: <https://www.freedesktop.org/software/systemd/man/sd_notify.html>.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The service manager, if one listens.
#[derive(Debug, Default)]
pub struct Notify {
    manager: Option<(UnixDatagram, SocketAddr)>,
}

impl Notify {
    /// To the socket that `NOTIFY_SOCKET` names.
    ///
    /// # Errors
    /// It names one that cannot be.
    pub fn new(socket: Option<OsString>) -> io::Result<Self> {
        let Some(name) = socket.filter(|name| !name.is_empty()) else { return Ok(Self::default()) };
        let address = match name.as_bytes().split_first() {
            // An abstract socket is written with an @ for its leading zero byte.
            Some((b'@', rest)) => SocketAddr::from_abstract_name(rest)?,
            _ => SocketAddr::from_pathname(&name)?,
        };
        Ok(Self { manager: Some((UnixDatagram::unbound()?, address)) })
    }

    /// Tells the manager; one that is gone misses nothing.
    pub fn tell(&self, text: &str) {
        if let Some((socket, address)) = &self.manager {
            socket.send_to_addr(text.as_bytes(), address).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_told_where_it_listens() {
        let name = format!("daemon-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        Notify::new(Some(format!("@{name}").into())).unwrap().tell("READY=1");
        let mut buffer = [0; 32];
        let length = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1");
        Notify::new(None).unwrap().tell("READY=1");
    }
}
