//! Which names, hosts and addresses may enter HAProxy's configuration, and how a text is quoted.
//!
//! Consul takes nearly any text as a name, a tag or an address. HAProxy's configuration has rules of its own (manual,
//! sections 2.2 "Quoting and escaping" and 4 "Proxies"): a stray character can at best make the whole file invalid,
//! at worst add a line to it.

use std::net::{IpAddr, SocketAddr};

/// The longest name of a service; names end up in logs and on the runtime socket.
const LONGEST_NAME: usize = 100;
/// The longest host name (RFC 1035, section 2.3.4).
const LONGEST_HOST: usize = 253;
/// The longest path; a frontend has a line for each.
const LONGEST_PATH: usize = 200;

/// Whether a text can be part of the name of a frontend, a backend or a server.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_NAME && text.chars().all(is_name_character)
}

/// The text with every character that a name must not have replaced by `_`.
pub fn to_name(text: &str) -> String {
    text.chars().take(LONGEST_NAME).map(|c| if is_name_character(c) { c } else { '_' }).collect()
}

/// The host name in lower case, when it is one (RFC 1123, section 2.1).
pub fn host(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (text.len() <= LONGEST_HOST && text.split('.').all(is_label)).then(|| text.to_ascii_lowercase())
}

/// An IP address with a port, as HAProxy reads it. Host names are refused: one that does not resolve keeps HAProxy from
/// loading the whole file.
pub fn endpoint(address: &str, port: i64) -> Option<SocketAddr> {
    let ip: IpAddr = address.parse().ok()?;
    let port = u16::try_from(port).ok()?;
    (port != 0 && !ip.is_unspecified()).then(|| SocketAddr::new(ip, port))
}

/// The text as one quoted word. Control characters become `?`: no quoting lets them into a line.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '\\' | '"' | '$') {
            quoted.push('\\');
        }
        quoted.push(if c.is_control() { '?' } else { c });
    }
    quoted.push('"');
    quoted
}

/// The path in the form `/a/b`, when it has only characters that need no quoting in a URL, and these ones. The first slash
/// may be missing, a last one is dropped, and `.` and `..` are refused.
pub fn path(text: &str, also: &str) -> Option<String> {
    let text = text.trim_start_matches('/');
    let is_allowed = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '~' | '-' | '/') || also.contains(c)
    };
    let is_plain = text.split('/').all(|segment| !matches!(segment, "." | ".."));
    (text.len() <= LONGEST_PATH && is_plain && text.chars().all(is_allowed))
        .then(|| format!("/{}", text.trim_end_matches('/')))
}

/// The text, when it is one part of a key of Consul and safe in any name.
pub fn key_part(text: &str) -> Option<String> {
    let is_part = is_name(text) && !text.contains(':') && !matches!(text, "." | "..");
    is_part.then(|| text.to_owned())
}

/// A decimal number as people write it: without a sign and without a zero before it.
pub fn integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical)
}

/// A port, from 1 to 65535.
pub fn port(text: &str) -> Option<u16> {
    integer(text).filter(|port| *port != 0)
}

const fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_few_characters() {
        for name in ["web", "a.b_c:d-e", "3000"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a b", "a#b", "a\nb", "a\"b", "a/b", "ü", &"x".repeat(101)] {
            assert!(!is_name(name), "{name}");
            assert!(name.is_empty() || is_name(&to_name(name)), "{name}");
        }
    }

    #[test]
    fn hosts_are_dns_names() {
        assert_eq!(host("WWW.Example.com").as_deref(), Some("www.example.com"));
        assert_eq!(host("localhost").as_deref(), Some("localhost"));
        for text in ["", "a..b", "-a.b", "a-.b", "a b", "a_b.c", "a.b\n", "é.fr", &"a.".repeat(130)]
        {
            assert_eq!(host(text), None, "{text}");
        }
    }

    #[test]
    fn paths_are_plain() {
        for (text, want) in [("/api/v1", "/api/v1"), ("api/", "/api"), ("", "/"), ("/~x", "/~x")] {
            assert_eq!(path(text, "").as_deref(), Some(want), "{text}");
        }
        for text in ["a b", "a\nb", "a\"b", "a#b", "a/../b", ".", "a?b", "a%0a", &"x".repeat(201)] {
            assert_eq!(path(text, ""), None, "{text}");
        }
    }

    #[test]
    fn endpoints_are_ip_addresses() {
        let printed = |address, port| endpoint(address, port).map(|endpoint| endpoint.to_string());
        assert_eq!(printed("10.0.0.1", 80).as_deref(), Some("10.0.0.1:80"));
        assert_eq!(printed("2001:DB8::1", 80).as_deref(), Some("[2001:db8::1]:80"));
        for (address, port) in [
            ("10.0.0.1", 0),
            ("10.0.0.1", -1),
            ("10.0.0.1", 65_536 + 80),
            ("", 80),
            ("0.0.0.0", 80),
            ("web", 80),
            ("unix@/x", 80),
            ("1.2.3.4\n", 80),
        ] {
            assert_eq!(printed(address, port), None, "{address}:{port}");
        }
    }

    #[test]
    fn quoted_texts_stay_one_word() {
        assert_eq!(quote(r#"a "b" $c \d"#), r#""a \"b\" \$c \\d""#);
        assert_eq!(quote("a\r\nb"), "\"a??b\"");
    }
}
