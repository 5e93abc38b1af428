//! A certificate authority for tests, with the files that real programs take.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority, and the folder in which it puts what it issues.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    certificate: PathBuf,
}

/// A certificate in files.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub both: PathBuf,
}

impl Authority {
    /// A new one; `folder` exists.
    ///
    /// # Errors
    ///
    /// When its certificate cannot be written.
    pub fn new(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let certificate = folder.join("authority.pem");
        fs::write(&certificate, params.self_signed(&key)?.pem())?;
        Ok(Self { issuer: Issuer::new(params, key), folder: folder.to_owned(), certificate })
    }

    /// The file with its certificate.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Issues a certificate for these names and addresses, to servers and clients alike.
    ///
    /// # Errors
    ///
    /// When a name is none, or a file cannot be written.
    pub fn issue(&self, name: &str, names: &[&str]) -> Result<Issued> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate()?;
        let signed = CertificateParams::new(names)?.signed_by(&key, &self.issuer)?;
        let file = |suffix: &str| self.folder.join(format!("{name}{suffix}"));
        let issued =
            Issued { certificate: file(".pem"), key: file(".key"), both: file(".both.pem") };
        fs::write(&issued.certificate, signed.pem())?;
        fs::write(&issued.key, key.serialize_pem())?;
        fs::write(&issued.both, format!("{}{}", signed.pem(), key.serialize_pem()))?;
        Ok(issued)
    }
}
