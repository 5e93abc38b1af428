//! Private keys: RSA, ECDSA with P-256, Ed25519, and DSA, which cannot sign certificates.

use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes, PrivateKeyInfoRef,
};
use gotemplate::Error;
use p256::elliptic_curve::Generate as _;
use rsa::{
    RsaPrivateKey,
    pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _},
};
use x509_cert::der::{Decode as _, Encode as _, asn1::Uint, pem};

/// A private key.
#[derive(Debug)]
pub(super) enum Key {
    Rsa(Box<RsaPrivateKey>),
    Ecdsa(p256::SecretKey),
    Ed25519(ed25519_dalek::SigningKey),
    /// As it is encoded.
    Dsa(Vec<u8>),
}

fn failed(error: impl std::fmt::Display) -> Error {
    format!("failed to generate private key: {error}").into()
}

impl Key {
    /// A key for a certificate.
    pub(super) fn rsa() -> Result<Self, Error> {
        let key = RsaPrivateKey::new(&mut rand::rng(), 2048);
        let key = key.map_err(|error| Error::new(format!("error generating rsa key: {error}")))?;
        Ok(Self::Rsa(Box::new(key)))
    }

    /// A key of a type; `None` if there is no such type.
    pub(super) fn generate(kind: &str) -> Result<Option<Self>, Error> {
        let mut random = rand::rng();
        Ok(Some(match kind {
            "" | "rsa" => {
                Self::Rsa(Box::new(RsaPrivateKey::new(&mut random, 4096).map_err(failed)?))
            }
            "dsa" => Self::Dsa(generate_dsa().map_err(failed)?),
            "ecdsa" => Self::Ecdsa(p256::SecretKey::generate_from_rng(&mut random)),
            "ed25519" => Self::Ed25519(ed25519_dalek::SigningKey::generate(&mut random)),
            _ => return Ok(None),
        }))
    }

    /// Reads a key. The error is worded as part of another one.
    pub(super) fn from_pem(text: &str) -> Result<Self, String> {
        let decoded = pem::decode_vec(text.trim_start().as_bytes());
        let (label, bytes) = decoded.map_err(|_| "no PEM data in input".to_owned())?;
        if label == "PRIVATE KEY" {
            return Self::from_pkcs8(&bytes)
                .ok_or_else(|| "decoding PEM as PKCS#8: x509: unknown or invalid key".to_owned());
        }
        let Some(kind) = label.strip_suffix(" PRIVATE KEY") else {
            return Err(format!("no private key data in PEM block of type {label}"));
        };
        match kind {
            "RSA" => RsaPrivateKey::from_pkcs1_der(&bytes)
                .map(|key| Self::Rsa(Box::new(key)))
                .map_err(|_| "parsing RSA private key from PEM: x509: invalid key".to_owned()),
            "EC" => p256::SecretKey::from_sec1_der(&bytes).map(Self::Ecdsa).map_err(|_| {
                "parsing EC private key from PEM: x509: failed to parse EC private key".to_owned()
            }),
            "DSA" => Ok(Self::Dsa(bytes)),
            _ => Err(format!("invalid private key type {label}")),
        }
    }

    fn from_pkcs8(bytes: &[u8]) -> Option<Self> {
        PrivateKeyInfoRef::from_der(bytes).ok()?;
        if let Ok(key) = RsaPrivateKey::from_pkcs8_der(bytes) {
            return Some(Self::Rsa(Box::new(key)));
        }
        if let Ok(key) = p256::SecretKey::from_pkcs8_der(bytes) {
            return Some(Self::Ecdsa(key));
        }
        ed25519_dalek::SigningKey::from_pkcs8_der(bytes).ok().map(Self::Ed25519)
    }

    /// The key in the format that is usual for its type.
    pub(super) fn to_pem(&self) -> Result<String, Error> {
        let (label, bytes) = match self {
            Self::Rsa(key) => {
                ("RSA PRIVATE KEY", key.to_pkcs1_der().map_err(failed)?.as_bytes().to_vec())
            }
            Self::Ecdsa(key) => ("EC PRIVATE KEY", key.to_sec1_der().map_err(failed)?.to_vec()),
            Self::Ed25519(key) => {
                let bytes = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
                ("PRIVATE KEY", bytes.to_pkcs8_der().map_err(failed)?.as_bytes().to_vec())
            }
            Self::Dsa(bytes) => ("DSA PRIVATE KEY", bytes.clone()),
        };
        to_pem(label, &bytes)
    }
}

pub(super) fn to_pem(label: &str, bytes: &[u8]) -> Result<String, Error> {
    pem::encode_string(label, pem::LineEnding::LF, bytes).map_err(failed)
}

/// Version, the three parameters, the public and the private number.
fn generate_dsa() -> x509_cert::der::Result<Vec<u8>> {
    use dsa::{Components, KeySize, SigningKey};
    let mut random = rand::rng();
    let Ok(components) =
        Components::try_generate_from_rng_with_key_size(&mut random, KeySize::DSA_2048_256);
    let Ok(key) = SigningKey::try_generate_from_rng_with_components(&mut random, components);
    let public = key.verifying_key();
    let components = public.components();
    let bytes = [
        vec![0].into_boxed_slice(),
        components.p().to_be_bytes(),
        components.q().to_be_bytes(),
        components.g().to_be_bytes(),
        public.y().to_be_bytes(),
        key.x().to_be_bytes(),
    ];
    let numbers: Vec<Uint> =
        bytes.iter().map(|bytes| Uint::new(bytes)).collect::<Result<_, _>>()?;
    numbers.to_der()
}
