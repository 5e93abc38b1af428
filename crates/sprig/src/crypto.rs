//! Hashes, passwords, ciphers, keys and certificates.

mod certificate;
mod cipher;
mod key;
mod password;

use gotemplate::{Error, Type, UintKind, Value};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use self::{
    certificate::{Pair, Request},
    key::Key,
};
use crate::{
    encoding::decode_base64,
    function::{Arguments, Function, INT, STRING, any_list, function},
};

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = hashes();
    functions.extend(passwords());
    functions.extend(certificates());
    functions
}

fn hashes() -> Vec<Function> {
    vec![
        function("adler32sum", [STRING], |a| {
            Ok(adler2::adler32_slice(a.text(0).as_bytes()).to_string().into())
        }),
        function("sha1sum", [STRING], |a| Ok(hex(&Sha1::digest(a.text(0))).into())),
        function("sha256sum", [STRING], |a| Ok(hex(&Sha256::digest(a.text(0))).into())),
        function("sha512sum", [STRING], |a| Ok(hex(&Sha512::digest(a.text(0))).into())),
    ]
}

fn passwords() -> Vec<Function> {
    vec![
        function("bcrypt", [STRING], |a| Ok(password::bcrypt(a.text(0)).into())),
        function("htpasswd", [STRING, STRING], |a| {
            let user = a.text(0);
            Ok(if user.contains(':') {
                format!("invalid username: {user}").into()
            } else {
                format!("{user}:{}", password::bcrypt(a.text(1))).into()
            })
        }),
        function(
            "derivePassword",
            [Type::Uint(UintKind::Uint32), STRING, STRING, STRING, STRING],
            |a| {
                let counter = u32::try_from(a.int(0)).unwrap_or_default();
                password::derive(counter, a.text(1), a.text(2), a.text(3), a.text(4))
                    .map(Value::from)
            },
        ),
        function("encryptAES", [STRING, STRING], |a| {
            Ok(cipher::encrypt(a.text(0), a.text(1)).into())
        }),
        function("decryptAES", [STRING, STRING], |a| {
            Ok(cipher::decrypt(a.text(0), a.text(1))?.into())
        }),
    ]
}

fn certificates() -> Vec<Function> {
    let pair = || Type::Named(certificate::TYPE_NAME.into());
    vec![
        function("genPrivateKey", [STRING], |a| {
            Ok(match Key::generate(a.text(0))? {
                Some(key) => key.to_pem()?.into(),
                None => format!("Unknown type {}", a.text(0)).into(),
            })
        }),
        function("buildCustomCert", [STRING, STRING], build_custom),
        function("genCA", [STRING, INT], |a| {
            Request::authority(a.text(0), a.int(1)).sign_itself(&Key::rsa()?)
        }),
        function("genCAWithKey", [STRING, INT, STRING], |a| {
            Request::authority(a.text(0), a.int(1)).sign_itself(&given_key(a, 2)?)
        }),
        function("genSelfSignedCert", [STRING, any_list(), any_list(), INT], |a| {
            request(a)?.sign_itself(&Key::rsa()?)
        }),
        function("genSelfSignedCertWithKey", [STRING, any_list(), any_list(), INT, STRING], |a| {
            let key = given_key(a, 4)?;
            request(a)?.sign_itself(&key)
        }),
        function("genSignedCert", [STRING, any_list(), any_list(), INT, pair()], |a| {
            let (authority, authority_key) = Pair::of(a.value(4))?.as_authority()?;
            request(a)?.sign_by(&Key::rsa()?, &authority, &authority_key)
        }),
        function(
            "genSignedCertWithKey",
            [STRING, any_list(), any_list(), INT, pair(), STRING],
            |a| {
                let key = given_key(a, 5)?;
                let (authority, authority_key) = Pair::of(a.value(4))?.as_authority()?;
                request(a)?.sign_by(&key, &authority, &authority_key)
            },
        ),
    ]
}

fn request(a: &Arguments<'_>) -> Result<Request, Error> {
    Request::new(a.text(0), a.value(1), a.value(2), a.int(3))
}

fn given_key(a: &Arguments<'_>, index: usize) -> Result<Key, Error> {
    Key::from_pem(a.text(index)).map_err(|error| format!("parsing private key: {error}").into())
}

/// A pair of what was made elsewhere, when both parts can be read.
fn build_custom(a: &Arguments<'_>) -> Result<Value, Error> {
    let decode = |index, what: &str| {
        decode_base64(a.text(index))
            .map(|bytes| crate::cast::lossy(&bytes))
            .map_err(|_| Error::new(format!("unable to decode base64 {what}")))
    };
    let cert = decode(0, "certificate")?;
    let key = decode(1, "private key")?;
    certificate::read(&cert, "decodedCert")?;
    Key::from_pem(&key).map_err(|error| format!("error parsing private key: {error}"))?;
    Ok(Pair::new(cert, key).into())
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
