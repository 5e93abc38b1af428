//! Digests of texts, in hexadecimal.

use gotemplate::{Error, Value};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::Parameter::Text;
use super::{Function, put, texts, wrong};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("sha256Hex", &[Text], sha256),
    Function::new("md5sum", &[Text], md5),
    Function::new("hmacSHA256Hex", &[Text, Text], hmac_sha256),
];

type Result = std::result::Result<Value, Error>;

/// `sha256Hex TEXT`
pub fn sha256(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    Ok(hex(&Sha256::digest(text)))
}

/// `md5sum TEXT`
pub fn md5(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    Ok(hex(&Md5::digest(text)))
}

/// `hmacSHA256Hex MESSAGE KEY`
pub fn hmac_sha256(_: &Session, arguments: &[Value]) -> Result {
    let [message, key] = texts(arguments)?;
    let mut code = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(wrong)?;
    code.update(message.as_bytes());
    Ok(hex(&code.finalize().into_bytes()))
}

fn hex(bytes: &[u8]) -> Value {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        put(&mut text, format_args!("{byte:02x}"));
    }
    text.into()
}
