//! X.509 certificates, made as Go's `x509.CreateCertificate` makes them.

use std::{
    any::Any,
    borrow::Cow,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gotemplate::{Error, Object, Value, sprintf};
use rsa::{
    pkcs1v15,
    sha2::Sha256,
    signature::{Keypair, Signer},
};
use sha1::{Digest as _, Sha1};
use x509_cert::{
    Certificate, SubjectPublicKeyInfo,
    attr::AttributeTypeAndValue,
    builder::{self, Builder as _, CertificateBuilder, profile::BuilderProfile},
    certificate::TbsCertificate,
    der::{
        Decode as _, Encode as _,
        asn1::{Any as Asn1, Ia5String, OctetString, PrintableString, SetOfVec},
        flagset::FlagSet,
        oid::db::{rfc4519, rfc5280},
        pem,
    },
    ext::{
        Extension, ToExtension as _,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
            SubjectAltName, SubjectKeyIdentifier, name::GeneralName,
        },
    },
    name::{Name, RdnSequence, RelativeDistinguishedName},
    serial_number::SerialNumber,
    spki::{
        DynSignatureAlgorithmIdentifier, EncodePublicKey, SignatureBitStringEncoding,
        SubjectPublicKeyInfoRef,
    },
    time::{Time, Validity},
};

use super::key::{Key, to_pem};

pub(super) const TYPE_NAME: &str = "sprig.certificate";

/// A certificate and its key, both in PEM.
#[derive(Debug)]
pub(super) struct Pair {
    cert: Value,
    key: Value,
}

impl Pair {
    pub(super) fn new(cert: String, key: String) -> Self {
        Self { cert: cert.into(), key: key.into() }
    }

    pub(super) fn of(value: &Value) -> Result<&Self, Error> {
        let pair = match value {
            Value::Object(object) => {
                let any: &dyn Any = object.as_ref();
                any.downcast_ref()
            }
            _ => None,
        };
        pair.ok_or_else(|| "no certificate".into())
    }

    /// The certificate and the key that are to sign others.
    pub(super) fn as_authority(&self) -> Result<(Certificate, Key), Error> {
        let certificate = read(self.cert.as_str().unwrap_or_default(), "decodedSignerCert")?;
        let key = Key::from_pem(self.key.as_str().unwrap_or_default())
            .map_err(|error| format!("error parsing private key: {error}"))?;
        Ok((certificate, key))
    }
}

impl From<Pair> for Value {
    fn from(pair: Pair) -> Self {
        Self::object(pair)
    }
}

impl Object for Pair {
    fn type_name(&self) -> &'static str {
        TYPE_NAME
    }

    fn field_names(&self) -> &[&str] {
        &["Cert", "Key"]
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "Cert" => Some(Cow::Borrowed(&self.cert)),
            "Key" => Some(Cow::Borrowed(&self.key)),
            _ => None,
        }
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let any: &dyn Any = other;
        let texts = |pair: &Self| [pair.cert.to_string(), pair.key.to_string()];
        Some(any.downcast_ref::<Self>().is_some_and(|other| texts(other) == texts(self)))
    }
}

/// Reads a certificate; `variable` is how Go's message names it.
pub(super) fn read(text: &str, variable: &str) -> Result<Certificate, Error> {
    let decoded = pem::decode_vec(text.trim_start().as_bytes());
    let (_, bytes) = decoded.map_err(|_| Error::new("unable to decode certificate"))?;
    Certificate::from_der(&bytes).map_err(|_| {
        format!("error parsing certificate: {variable}.Bytes: x509: malformed certificate").into()
    })
}

fn failed(error: impl std::fmt::Display) -> Error {
    format!("error creating certificate: {error}").into()
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Request {
    common_name: String,
    names: Vec<GeneralName>,
    days: i64,
    is_authority: bool,
}

impl Request {
    pub(super) fn authority(common_name: &str, days: i64) -> Self {
        let common_name = common_name.to_owned();
        Self { common_name, names: Vec::new(), days, is_authority: true }
    }

    /// A certificate for addresses and names, which are lists of strings.
    pub(super) fn new(
        common_name: &str,
        addresses: &Value,
        names: &Value,
        days: i64,
    ) -> Result<Self, Error> {
        let mut all = Vec::new();
        for name in list(names) {
            let name = name.as_str().ok_or_else(|| {
                let shown = sprintf("%v", std::slice::from_ref(name));
                format!("error processing alternate dns name: {shown} is not a string")
            })?;
            let refused =
                |_| failed(format!("x509: {} cannot be encoded as an IA5String", quote(name)));
            all.push(GeneralName::DnsName(Ia5String::new(name).map_err(refused)?));
        }
        for address in list(addresses) {
            let text = address.as_str().ok_or_else(|| {
                let shown = sprintf("%v", std::slice::from_ref(address));
                format!("error parsing ip: {shown} is not a string")
            })?;
            let bytes = match text.parse() {
                Ok(IpAddr::V4(address)) => address.octets().to_vec(),
                Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                    Some(address) => address.octets().to_vec(),
                    None => address.octets().to_vec(),
                },
                Err(_) => return Err(format!("error parsing ip: {text}").into()),
            };
            all.push(GeneralName::IpAddress(OctetString::new(bytes).map_err(failed)?));
        }
        Ok(Self { common_name: common_name.to_owned(), names: all, days, is_authority: false })
    }

    pub(super) fn sign_itself(self, key: &Key) -> Result<Value, Error> {
        let subject = self.subject()?;
        let profile =
            Profile { issuer: subject.clone(), subject, issuer_key_id: None, request: self };
        profile.sign(key, key)
    }

    pub(super) fn sign_by(
        self,
        key: &Key,
        authority: &Certificate,
        authority_key: &Key,
    ) -> Result<Value, Error> {
        let signer = authority.tbs_certificate();
        if public_key(authority_key)? != *signer.subject_public_key_info() {
            return Err(failed("x509: provided PrivateKey doesn't match parent's PublicKey"));
        }
        let subject = self.subject()?;
        let issuer = signer.subject().clone();
        let identifier = signer.get_extension::<SubjectKeyIdentifier>().map_err(failed)?;
        let issuer_key_id =
            identifier.filter(|_| issuer != subject).map(|(_, identifier)| identifier.0);
        Profile { subject, issuer, issuer_key_id, request: self }.sign(key, authority_key)
    }

    fn subject(&self) -> Result<Name, Error> {
        let name = self.common_name.as_str();
        if name.is_empty() {
            return Ok(Name::hazmat_from_rdn_sequence(RdnSequence::default()));
        }
        let value = match PrintableString::new(name) {
            Ok(_) => Asn1::encode_from(&PrintableString::new(name).map_err(failed)?),
            Err(_) => Asn1::encode_from(&name.to_owned()),
        };
        let attribute =
            AttributeTypeAndValue { oid: rfc4519::COMMON_NAME, value: value.map_err(failed)? };
        let set = SetOfVec::try_from([attribute]).map_err(failed)?;
        let sequence = RdnSequence::from(vec![RelativeDistinguishedName::from(set)]);
        Ok(Name::hazmat_from_rdn_sequence(sequence))
    }

    fn validity(&self) -> Result<Validity, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = i64::try_from(now).unwrap_or_default();
        let time = |seconds: i64| {
            let since = Duration::from_secs(u64::try_from(seconds).map_err(failed)?);
            Time::try_from(UNIX_EPOCH + since).map_err(failed)
        };
        Ok(Validity::new(time(now)?, time(now.saturating_add(self.days.saturating_mul(86_400)))?))
    }
}

fn quote(text: &str) -> String {
    sprintf("%q", &[text.into()])
}

fn list(value: &Value) -> &[Value] {
    match value {
        Value::List(list) => list.items(),
        _ => &[],
    }
}

fn public_key(key: &Key) -> Result<SubjectPublicKeyInfo, Error> {
    let info = match key {
        Key::Rsa(key) => SubjectPublicKeyInfo::from_key(&key.to_public_key()),
        Key::Ecdsa(key) => SubjectPublicKeyInfo::from_key(&key.public_key()),
        Key::Ed25519(key) => SubjectPublicKeyInfo::from_key(&key.verifying_key()),
        Key::Dsa(_) => return Err(no_signer()),
    };
    info.map_err(failed)
}

fn no_signer() -> Error {
    failed("x509: certificate private key does not implement crypto.Signer")
}

struct Profile {
    subject: Name,
    issuer: Name,
    /// Of the authority, unless it signs itself.
    issuer_key_id: Option<OctetString>,
    request: Request,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let request = &self.request;
        let mut usage: FlagSet<KeyUsages> =
            KeyUsages::KeyEncipherment | KeyUsages::DigitalSignature;
        if request.is_authority {
            usage |= KeyUsages::KeyCertSign;
        }
        let purposes = vec![rfc5280::ID_KP_SERVER_AUTH, rfc5280::ID_KP_CLIENT_AUTH];
        let constraints = BasicConstraints { ca: request.is_authority, path_len_constraint: None };
        let subject = &self.subject;
        let mut all = vec![
            KeyUsage(usage).to_extension(subject, &[])?,
            ExtendedKeyUsage(purposes).to_extension(subject, &[])?,
            constraints.to_extension(subject, &[])?,
        ];
        if request.is_authority {
            let hash = Sha1::digest(key.subject_public_key.raw_bytes());
            let identifier = SubjectKeyIdentifier(OctetString::new(hash.to_vec())?);
            all.push(identifier.to_extension(subject, &[])?);
        }
        if let Some(identifier) = &self.issuer_key_id {
            let authority = AuthorityKeyIdentifier {
                key_identifier: Some(identifier.clone()),
                ..AuthorityKeyIdentifier::default()
            };
            all.push(authority.to_extension(subject, &[])?);
        }
        if !request.names.is_empty() {
            all.push(SubjectAltName(request.names.clone()).to_extension(subject, &[])?);
        }
        Ok(all)
    }
}

impl Profile {
    fn sign(self, key: &Key, by: &Key) -> Result<Value, Error> {
        let private = key.to_pem()?;
        let number: u128 = rand::random();
        let serial = SerialNumber::new(&number.to_be_bytes()).map_err(failed)?;
        let (validity, public) = (self.request.validity()?, public_key(key)?);
        let builder = CertificateBuilder::new(self, serial, validity, public).map_err(failed)?;
        let certificate = match by {
            Key::Rsa(by) => {
                let signer = pkcs1v15::SigningKey::<Sha256>::new(by.as_ref().clone());
                build::<_, pkcs1v15::Signature>(builder, &signer)
            }
            Key::Ecdsa(by) => {
                build::<_, p256::ecdsa::DerSignature>(builder, &p256::ecdsa::SigningKey::from(by))
            }
            Key::Ed25519(by) => build::<_, ed25519_dalek::Signature>(builder, by),
            Key::Dsa(_) => Err(no_signer()),
        }?;
        Ok(Pair::new(to_pem("CERTIFICATE", &certificate)?, private).into())
    }
}

fn build<S, Signature>(builder: CertificateBuilder<Profile>, signer: &S) -> Result<Vec<u8>, Error>
where
    S: Signer<Signature> + Keypair + DynSignatureAlgorithmIdentifier,
    S::VerifyingKey: EncodePublicKey,
    Signature: SignatureBitStringEncoding,
{
    builder.build::<S, Signature>(signer).map_err(failed)?.to_der().map_err(failed)
}
