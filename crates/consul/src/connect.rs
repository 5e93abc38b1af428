//! Certificates of the service mesh. <https://developer.hashicorp.com/consul/api-docs/agent/connect>

use std::fmt;

use serde::Deserialize;

use crate::client::Client;
use crate::error::Error;
use crate::query::{Answer, Query};
use crate::wire::nullable;

/// A root certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CaRoot {
    /// Its UUID.
    #[serde(rename = "ID")]
    pub id: String,
    /// For people.
    pub name: String,
    /// The certificate, in PEM.
    pub root_cert: String,
    /// Whether new certificates are signed with it.
    pub active: bool,
    /// When it was made.
    pub create_index: u64,
    /// When it last changed.
    pub modify_index: u64,
}

/// The certificate of a service, with its key.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LeafCert {
    /// In hexadecimal, with colons.
    pub serial_number: String,
    /// The certificate, in PEM.
    #[serde(rename = "CertPEM")]
    pub cert_pem: String,
    /// Its key, in PEM.
    #[serde(rename = "PrivateKeyPEM")]
    pub private_key_pem: String,
    /// The service that it is for.
    pub service: String,
    /// The service's name in the certificate.
    #[serde(rename = "ServiceURI")]
    pub service_uri: String,
    /// When it becomes valid, as RFC 3339 writes it.
    pub valid_after: String,
    /// When it expires.
    pub valid_before: String,
    /// When it was made.
    pub create_index: u64,
    /// When it last changed.
    pub modify_index: u64,
}

/// Leaves the key out.
impl fmt::Debug for LeafCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafCert")
            .field("service", &self.service)
            .field("serial_number", &self.serial_number)
            .finish_non_exhaustive()
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Roots {
    #[serde(deserialize_with = "nullable")]
    roots: Vec<CaRoot>,
}

impl Client {
    /// The root certificates that this agent trusts.
    pub async fn ca_roots(&self, query: &Query) -> Result<Answer<Vec<CaRoot>>, Error> {
        let url = self.url(&["agent", "connect", "ca", "roots"])?;
        Ok(self.read(url, &[], query, None).await?.map(|answer: Roots| answer.roots))
    }

    /// This agent's certificate for a service.
    pub async fn ca_leaf(&self, service: &str, query: &Query) -> Result<Answer<LeafCert>, Error> {
        let url = self.url(&["agent", "connect", "ca", "leaf", service])?;
        self.read(url, &[], query, None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_hides_its_key() {
        let leaf: LeafCert =
            serde_json::from_str(r#"{"Service":"web","PrivateKeyPEM":"secret","Future":1}"#)
                .unwrap();
        assert_eq!(leaf.private_key_pem, "secret");
        assert!(!format!("{leaf:?}").contains("secret"), "{leaf:?}");
    }
}
