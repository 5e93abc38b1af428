//! A certificate for tests, and a client that trusts nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A self-signed certificate with its key.
#[derive(Debug)]
pub struct Certificate {
    /// Both in one PEM text, as HAProxy wants them.
    pub pem: String,
    der: CertificateDer<'static>,
}

impl Certificate {
    /// A certificate for the given host names.
    ///
    /// # Errors
    ///
    /// When a name is no host name.
    pub fn for_hosts(hosts: &[&str]) -> Result<Self> {
        let names: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
        let pem = format!("{}{}", cert.pem(), signing_key.serialize_pem());
        Ok(Self { pem, der: cert.der().clone() })
    }

    /// `GET https://host/` at the given address: the whole answer as text, head and body.
    ///
    /// # Errors
    ///
    /// When the connection or the handshake fails, or the certificate is another one.
    pub async fn get(&self, address: SocketAddr, host: &str) -> Result<String> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TcpStream::connect(address).await.with_context(|| address.to_string())?;
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
