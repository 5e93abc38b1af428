//! How a server is trusted, and how we are known to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

mod verifier;

use verifier::{Accepts, Verifier};

/// How a server is trusted, and how we are known to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM files, or folders of them, with the authorities to trust instead of the system's.
    pub authorities: Vec<PathBuf>,
    /// What shows the server who we are.
    pub identity: Option<Identity>,
    /// The name to expect in the server's certificate instead of the host in the URL.
    pub server_name: Option<String>,
    /// Take any certificate: the connection is then private from onlookers only.
    pub insecure: bool,
}

/// A client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM file: the certificate, and those that lead from it to an authority.
    pub certificate: PathBuf,
    /// PEM file: its private key.
    pub key: PathBuf,
}

/// A certificate without its key, or a key without its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client's certificate and its key must be given together")]
pub struct HalfIdentity;

impl Identity {
    /// Both files, or neither.
    ///
    /// # Errors
    ///
    /// When one of them is missing.
    pub fn of(
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
    ) -> Result<Option<Self>, HalfIdentity> {
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key })),
            (None, None) => Ok(None),
            _ => Err(HalfIdentity),
        }
    }
}

/// Settings that make no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file that is none, or does not hold what it should.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No authority is given, and the system has none.
    #[error("no certificate authority is given, and this system has none{0}")]
    NoAuthorities(String),
    /// No name of a server.
    #[error("'{0}' is no name of a server")]
    ServerName(String),
    /// What is left: keys that do not fit their certificate, for example.
    #[error("{0}")]
    Settings(#[from] rustls::Error),
}

impl Tls {
    /// The settings as the TLS library takes them. Reads files.
    ///
    /// # Errors
    ///
    /// When a file or a name is not what it should be.
    pub fn client(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder =
            builder.dangerous().with_custom_certificate_verifier(self.verifier(provider)?);
        match &self.identity {
            None => Ok(builder.with_no_client_auth()),
            Some(Identity { certificate, key }) => {
                let chain = certificates(certificate)?;
                let private =
                    PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
                Ok(builder.with_client_auth_cert(chain, private)?)
            }
        }
    }

    /// Settings for those who speak to plain HTTP only: they trust nobody, and read nothing.
    ///
    /// # Errors
    ///
    /// None that depends on the environment.
    pub fn nobody() -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        if self.insecure {
            return Ok(Arc::new(Verifier { accepts: Accepts::Anything, provider }));
        }
        let roots = Arc::new(self.roots()?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| TlsError::NoAuthorities(format!(": {error}")))?;
        let Some(name) = &self.server_name else { return Ok(verifier) };
        let known = ServerName::try_from(name.clone());
        let known = known.map_err(|_| TlsError::ServerName(name.clone()))?;
        Ok(Arc::new(Verifier { accepts: Accepts::Name(verifier, known), provider }))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for path in &self.authorities {
            for file in files(path)? {
                for certificate in certificates(&file)? {
                    roots.add(certificate).map_err(|error| wrong(&file, &error))?;
                }
            }
        }
        if self.authorities.is_empty() {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                let reasons = found.errors.iter().map(|error| format!("; {error}"));
                return Err(TlsError::NoAuthorities(reasons.collect()));
            }
        }
        Ok(roots)
    }
}

/// The file, or the files in the folder, in order.
fn files(path: &Path) -> Result<Vec<PathBuf>, TlsError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = path.read_dir().map_err(|error| wrong(path, &error))?;
    let mut files: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(path, &error))?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<_, pem::Error>>)
        .map_err(|error| wrong(path, &error))?;
    if found.is_empty() {
        return Err(wrong(path, &"no certificate in it"));
    }
    Ok(found)
}

fn wrong(path: &Path, reason: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn says_which_file_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.pem");
        fs::write(&text, "hello").unwrap();
        let authorities = |path: &Path| Tls { authorities: vec![path.into()], ..Tls::default() };
        let missing = folder.path().join("missing.pem");
        let identity = Identity { certificate: text.clone(), key: text.clone() };
        let rows = [
            (authorities(&missing), "missing.pem: "),
            (authorities(&text), "text.pem: no certificate in it"),
            (authorities(folder.path()), "text.pem: no certificate in it"),
            (
                Tls { insecure: true, identity: Some(identity), ..Tls::default() },
                "text.pem: no certificate in it",
            ),
        ];
        for (tls, want) in rows {
            let error = tls.client().unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
        assert!(Tls { insecure: true, ..Tls::default() }.client().is_ok());
    }
}
