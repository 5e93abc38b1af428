//! Base64 in both alphabets.

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use gotemplate::{Error, Value};

use super::Parameter::Text;
use super::{Function, texts, wrap};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("base64Decode", &[Text], decode),
    Function::new("base64Encode", &[Text], encode),
    Function::new("base64URLDecode", &[Text], url_decode),
    Function::new("base64URLEncode", &[Text], url_encode),
];

type Result = std::result::Result<Value, Error>;

/// `base64Decode TEXT`
pub fn decode(_: &Session, arguments: &[Value]) -> Result {
    decoded("base64Decode", &STANDARD, arguments)
}

/// `base64Encode TEXT`
pub fn encode(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    Ok(engine(&STANDARD).encode(text).into())
}

/// `base64URLDecode TEXT`: with `-` and `_` instead of `+` and `/`.
pub fn url_decode(_: &Session, arguments: &[Value]) -> Result {
    decoded("base64URLDecode", &URL_SAFE, arguments)
}

/// `base64URLEncode TEXT`: with `-` and `_` instead of `+` and `/`.
pub fn url_encode(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    Ok(engine(&URL_SAFE).encode(text).into())
}

/// Go's decoder ignores bits that do not make a byte.
fn engine(alphabet: &Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

fn decoded(name: &str, alphabet: &Alphabet, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    // Line ends are no part of the code in Go.
    let code: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let Ok(bytes) = engine(alphabet).decode(&code) else {
        let place = corrupt(text, alphabet);
        return Err(wrap(name, format_args!("illegal base64 data at input byte {place}")));
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned().into())
}

/// Where Go's decoder stops: at the first byte that cannot be there.
fn corrupt(text: &str, alphabet: &Alphabet) -> usize {
    let (mut digits, mut padding) = (0, 0);
    let line_end = |byte: u8| matches!(byte, b'\r' | b'\n');
    for (index, byte) in text.bytes().enumerate().filter(|(_, byte)| !line_end(*byte)) {
        let is_digit = alphabet.as_str().as_bytes().contains(&byte);
        match byte {
            b'=' if padding == 0 && digits % 4 == 2 => padding = 2,
            b'=' if padding == 0 && digits % 4 == 3 => padding = 4,
            b'=' if padding == 2 => padding = 4,
            _ if is_digit && padding == 0 => digits += 1,
            _ => return index,
        }
    }
    // The group that is not complete begins here; with one padding too few, the end is what is wrong.
    if padding == 2 { text.len() } else { text.len() - digits % 4 }
}
