//! Base 64, base 32 and JSON as functions.

use data_encoding::{BASE32, BASE64};
use gotemplate::{Error, Value};

use crate::{
    cast::lossy,
    function::{ANY, Function, STRING, function},
    json::{self, Numbers, Style},
};

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = bases();
    functions.extend(from_and_to_json());
    functions
}

/// A decoder that fails returns the error as the text, as in Go.
fn bases() -> Vec<Function> {
    vec![
        function("b64enc", [STRING], |a| Ok(BASE64.encode(a.text(0).as_bytes()).into())),
        function("b64dec", [STRING], |a| {
            Ok(decode_base64(a.text(0)).map_or_else(Value::from, |bytes| lossy(&bytes).into()))
        }),
        function("b32enc", [STRING], |a| Ok(BASE32.encode(a.text(0).as_bytes()).into())),
        function("b32dec", [STRING], |a| {
            Ok(decode_base32(a.text(0)).map_or_else(Value::from, |bytes| lossy(&bytes).into()))
        }),
    ]
}

fn from_and_to_json() -> Vec<Function> {
    const COMPACT: Style = Style { escapes_html: true, is_indented: false };
    const PRETTY: Style = Style { is_indented: true, ..COMPACT };
    const RAW: Style = Style { escapes_html: false, ..COMPACT };
    vec![
        function("fromJson", [STRING], |a| {
            Ok(json::parse(a.text(0), Numbers::Floats).unwrap_or_else(|failure| failure.partial))
        })
        .any(),
        function("mustFromJson", [STRING], |a| {
            json::parse(a.text(0), Numbers::Floats).map_err(|failure| Error::new(failure.message))
        })
        .any(),
        function("toJson", [ANY], |a| {
            Ok(json::write(a.value(0), COMPACT).unwrap_or_default().into())
        }),
        function("mustToJson", [ANY], |a| Ok(json::write(a.value(0), COMPACT)?.into())),
        function("toPrettyJson", [ANY], |a| {
            Ok(json::write(a.value(0), PRETTY).unwrap_or_default().into())
        }),
        function("mustToPrettyJson", [ANY], |a| Ok(json::write(a.value(0), PRETTY)?.into())),
        function("toRawJson mustToRawJson", [ANY], |a| Ok(json::write(a.value(0), RAW)?.into())),
    ]
}

/// Standard base 64 with padding; line breaks are skipped.
///
/// The crate's decoder would name other bytes as the wrong ones than Go's does.
pub(crate) fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    let illegal = |at: usize| format!("illegal base64 data at input byte {at}");
    let is_break = |byte: u8| matches!(byte, b'\r' | b'\n');
    let mut input = text.bytes().enumerate().filter(|(_, byte)| !is_break(*byte)).peekable();
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut digits) = (0_u32, 0_usize);
    while let Some((at, byte)) = input.next() {
        if let Some(digit) = base64_digit(byte) {
            bits = (bits << 6) | digit;
            digits += 1;
            if digits == 4 {
                out.extend_from_slice(bits.to_be_bytes().get(1..).unwrap_or_default());
                (bits, digits) = (0, 0);
            }
            continue;
        }
        if byte != b'=' || digits < 2 {
            return Err(illegal(at));
        }
        if digits == 2 {
            match input.next() {
                None => return Err(illegal(text.len())),
                Some((_, b'=')) => {}
                // Go counts from the byte before.
                Some((at, _)) => return Err(illegal(at - 1)),
            }
        }
        if let Some((at, _)) = input.next() {
            return Err(illegal(at));
        }
        let bytes = (bits << (6 * (4 - digits))).to_be_bytes();
        out.extend_from_slice(bytes.get(1..digits).unwrap_or_default());
        return Ok(out);
    }
    if digits > 0 { Err(illegal(text.len() - digits)) } else { Ok(out) }
}

fn base64_digit(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// Standard base 32 with padding; line breaks are skipped.
fn decode_base32(text: &str) -> Result<Vec<u8>, String> {
    let illegal = |at: usize| Err(format!("illegal base32 data at input byte {at}"));
    let input: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let length = input.len();
    let mut out = Vec::with_capacity(length / 8 * 5);
    let (mut bits, mut digits) = (0_u64, 0_usize);
    for (at, byte) in input.iter().enumerate() {
        let left = input.get(at + 1..).unwrap_or_default();
        if *byte == b'=' && digits >= 2 && left.len() < 8 {
            if left.len() + digits < 7 {
                return illegal(length);
            }
            let wrong = left.iter().take(7 - digits).position(|byte| *byte != b'=');
            if let Some(wrong) = wrong {
                return illegal(at + wrong);
            }
            if matches!(digits, 3 | 6) {
                return illegal(at);
            }
            push_bits(&mut out, bits << (5 * (8 - digits)), digits * 5 / 8);
            return Ok(out);
        }
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return illegal(at),
        };
        bits = (bits << 5) | u64::from(digit);
        digits += 1;
        if digits == 8 {
            push_bits(&mut out, bits, 5);
            (bits, digits) = (0, 0);
        }
    }
    if digits > 0 { illegal(length - digits) } else { Ok(out) }
}

/// Appends the first bytes of 40 bits.
fn push_bits(out: &mut Vec<u8>, bits: u64, count: usize) {
    out.extend_from_slice(bits.to_be_bytes().get(3..3 + count).unwrap_or_default());
}
