//! Booleans, numbers, strings and bytes.

use super::Printer;
use super::float::{self, Exact};
use crate::{
    quote::{self, write_infallible},
    value::FloatKind,
};

/// An integer as sign and magnitude.
#[derive(Clone, Copy)]
pub(super) struct Integer {
    pub(super) negative: bool,
    pub(super) magnitude: u64,
}

impl Printer<'_> {
    pub(super) fn integer(&mut self, integer: Integer, radix: u64, verb: char) {
        let spec = self.spec;
        let mut least = spec.precision.unwrap_or(0);
        if spec.precision == Some(0) && integer.magnitude == 0 {
            self.pad_with_spaces("");
            return;
        }
        let signed = integer.negative || spec.plus || spec.space;
        if spec.precision.is_none() && spec.zero && !spec.minus {
            least = spec.width.unwrap_or(0).saturating_sub(usize::from(signed));
        }
        let digits = digits(integer.magnitude, radix, verb == 'X');
        let mut text = String::with_capacity(digits.len().max(least) + 3);
        if let Some(sign) = self.sign(integer.negative) {
            text.push(sign);
        }
        let zeros = least.saturating_sub(digits.len());
        if verb == 'O' {
            text.push_str("0o");
        }
        match (radix, verb) {
            (2, _) if spec.sharp => text.push_str("0b"),
            (8, _) if spec.sharp && zeros == 0 && !digits.starts_with('0') => text.push('0'),
            (16, 'X') if spec.sharp => text.push_str("0X"),
            (16, _) if spec.sharp => text.push_str("0x"),
            _ => {}
        }
        text.extend(std::iter::repeat_n('0', zeros));
        text.push_str(&digits);
        self.pad_with_spaces(&text);
    }

    const fn sign(&self, negative: bool) -> Option<char> {
        if negative {
            Some('-')
        } else if self.spec.plus {
            Some('+')
        } else if self.spec.space {
            Some(' ')
        } else {
            None
        }
    }

    /// `0x…`, whatever the flags say.
    pub(super) fn hex_with_prefix(&mut self, magnitude: u64) {
        let sharp = std::mem::replace(&mut self.spec.sharp, true);
        self.integer(Integer { negative: false, magnitude }, 16, 'v');
        self.spec.sharp = sharp;
    }

    /// `%U`
    pub(super) fn unicode(&mut self, code: u64) {
        let least = self.spec.precision.unwrap_or(4).max(4);
        let digits = digits(code, 16, true);
        let zeros = "0".repeat(least.saturating_sub(digits.len()));
        let mut text = format!("U+{zeros}{digits}");
        let character = u32::try_from(code).ok().and_then(char::from_u32);
        if let Some(c) = character.filter(|c| self.spec.sharp && quote::is_print(*c)) {
            write_infallible(&mut text, format_args!(" '{c}'"));
        }
        self.pad_with_spaces(&text);
    }

    /// `%c`
    pub(super) fn character(&mut self, code: u64) {
        let c = character(code);
        self.pad(c.encode_utf8(&mut [0; 4]));
    }

    /// `%q` of an integer
    pub(super) fn quoted_character(&mut self, code: u64) {
        let text = quote::quote_char(character(code), self.spec.plus);
        self.pad(&text);
    }

    fn cut<'t>(&self, text: &'t str) -> &'t str {
        let Some(precision) = self.spec.precision else { return text };
        text.char_indices().nth(precision).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
    }

    /// `%s`
    pub(super) fn string(&mut self, text: &str) {
        let text = self.cut(text);
        self.pad(text);
    }

    /// `%q`
    pub(super) fn quoted(&mut self, text: &str) {
        let text = self.cut(text);
        let literal = if self.spec.sharp && quote::can_backquote(text) {
            format!("`{text}`")
        } else if self.spec.plus {
            quote::quote_ascii(text)
        } else {
            quote::quote(text)
        };
        self.pad(&literal);
    }

    /// `%q` of bytes
    pub(super) fn quoted_bytes(&mut self, bytes: &[u8]) {
        if let Ok(text) = str::from_utf8(bytes) {
            self.quoted(text);
            return;
        }
        let length = self.spec.precision.map_or(bytes.len(), |count| prefix(bytes, count));
        let bytes = bytes.get(..length).unwrap_or(bytes);
        let literal = quote::quote_bytes(bytes, self.spec.plus);
        self.pad(&literal);
    }

    /// `%x` of a string or bytes
    pub(super) fn hex_bytes(&mut self, bytes: &[u8], upper: bool) {
        let length =
            self.spec.precision.map_or(bytes.len(), |precision| precision.min(bytes.len()));
        let mut text = String::with_capacity(length * 2);
        for (index, byte) in bytes.iter().take(length).enumerate() {
            if index > 0 && self.spec.space {
                text.push(' ');
            }
            if self.spec.sharp && (self.spec.space || index == 0) {
                text.push_str(if upper { "0X" } else { "0x" });
            }
            if upper {
                write_infallible(&mut text, format_args!("{byte:02X}"));
            } else {
                write_infallible(&mut text, format_args!("{byte:02x}"));
            }
        }
        self.pad(&text);
    }

    pub(super) fn float(&mut self, kind: FloatKind, value: f64, verb: char) {
        let default = match verb {
            'e' | 'E' | 'f' | 'F' => Some(6),
            _ => None,
        };
        let style = match verb {
            'v' => 'g',
            'F' => 'f',
            verb => verb,
        };
        let precision = self.spec.precision.or(default);
        let short = kind == FloatKind::Float32;
        let mut text = float::format(&Exact { value, short }, style, precision);
        let sign = text.chars().next().filter(|c| matches!(c, '+' | '-'));
        if sign.is_some() {
            text.remove(0);
        }
        let sign = match sign {
            Some('-') => '-',
            _ if self.spec.space && !self.spec.plus => ' ',
            _ => '+',
        };
        if !value.is_finite() {
            // Infinity always shows its sign.
            let signed = !value.is_nan() || self.spec.plus || self.spec.space;
            let text = if signed { format!("{sign}{text}") } else { text };
            self.pad_with_spaces(&text);
            return;
        }
        if self.spec.sharp && verb != 'b' {
            text = float::with_point(&text, style, precision);
        }
        self.signed_float(sign, &text);
    }

    fn signed_float(&mut self, sign: char, text: &str) {
        if !self.spec.plus && sign == '+' {
            self.pad(text);
            return;
        }
        // Zeros go between the sign and the digits.
        if self.spec.zero && !self.spec.minus && self.spec.width.is_some() {
            self.out.push(sign);
            self.fill(self.missing(text.len() + 1));
            self.out.push_str(text);
            return;
        }
        self.pad(&format!("{sign}{text}"));
    }

    /// `(1+2i)`
    pub(super) fn complex(&mut self, real: f64, imaginary: f64, verb: char) {
        let plus = self.spec.plus;
        self.out.push('(');
        self.float(FloatKind::Float64, real, verb);
        self.spec.plus = true;
        self.float(FloatKind::Float64, imaginary, verb);
        self.out.push_str("i)");
        self.spec.plus = plus;
    }
}

fn character(code: u64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn digits(mut number: u64, radix: u64, upper: bool) -> String {
    if radix == 10 {
        return number.to_string();
    }
    let mut reversed = Vec::with_capacity(64);
    loop {
        let digit = u32::try_from(number % radix).unwrap_or_default();
        let c = char::from_digit(digit, 16).unwrap_or('0');
        reversed.push(if upper { c.to_ascii_uppercase() } else { c });
        number /= radix;
        if number == 0 {
            return reversed.into_iter().rev().collect();
        }
    }
}

/// How many bytes the first characters take; a byte that is not UTF-8 counts as one.
fn prefix(bytes: &[u8], mut count: usize) -> usize {
    let mut length = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars().take(count) {
            length += c.len_utf8();
            count -= 1;
        }
        let invalid = chunk.invalid().len().min(count);
        length += invalid;
        count -= invalid;
    }
    length
}

/// Bytes as a string, with U+FFFD for each byte that is not UTF-8.
pub(super) fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len()));
    }
    text
}
