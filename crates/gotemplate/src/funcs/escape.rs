//! Text made safe for HTML, JavaScript and queries of URLs.

use crate::quote::{self, write_infallible};

/// Escapes what has a meaning in HTML.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// Escapes what has a meaning in a string of JavaScript, and what could end the script element around it.
pub(super) fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let code = u32::from(c);
        match c {
            '\\' | '\'' | '"' => {
                out.push('\\');
                out.push(c);
            }
            '<' | '>' | '&' | '=' => write_infallible(&mut out, format_args!("\\u{code:04X}")),
            ' '..='\x7f' => out.push(c),
            c if quote::is_print(c) => out.push(c),
            _ => write_infallible(&mut out, format_args!("\\u{code:04X}")),
        }
    }
    out
}

/// Escapes what may not stand in the query of a URL; a space becomes a plus sign.
pub(super) fn urlquery(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            byte => write_infallible(&mut out, format_args!("%{byte:02X}")),
        }
    }
    out
}
