//! Text to URLs, as Go reads them: more lenient with hosts than browsers, and stricter with escapes.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    Part, Url, escape,
    escape::{quote, unescape},
};

impl Url {
    /// Reads a URL or a reference.
    ///
    /// # Errors
    ///
    /// Go's: `parse ":x": missing protocol scheme`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (head, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut url =
            parse_head(head).map_err(|error| format!("parse {}: {error}", quote(head)))?;
        url.fragment = unescape(fragment, Part::Fragment)
            .map_err(|error| format!("parse {}: {error}", quote(text)))?;
        Ok(url)
    }
}

/// All but the fragment.
fn parse_head(text: &str) -> Result<Url, String> {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let mut url = Url::default();
    if text == "*" {
        url.path = b"*".to_vec();
        return Ok(url);
    }
    let (scheme, rest) = split_scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    query.clone_into(&mut url.query);
    if !rest.starts_with('/') {
        if !url.scheme.is_empty() {
            rest.clone_into(&mut url.opaque);
            return Ok(url);
        }
        if rest.split('/').next().is_some_and(|first| first.contains(':')) {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let has_authority = !url.scheme.is_empty() || !rest.starts_with("///");
    let mut path = rest;
    if has_authority && let Some(tail) = rest.strip_prefix("//") {
        let (authority, rest) = tail.split_at(tail.find('/').unwrap_or(tail.len()));
        path = rest;
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        url.host = parse_host(host)?;
        url.user = user.map(parse_user).transpose()?;
    }
    url.path = unescape(path, Part::Path)?;
    Ok(url)
}

fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok((text.get(..at).unwrap_or(""), text.get(at + 1..).unwrap_or(""))),
            _ => break,
        }
    }
    Ok(("", text))
}

/// User and password, decoded and encoded anew.
fn parse_user(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !text.chars().all(allowed) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let anew = |text| unescape(text, Part::User).map(|bytes| escape(&bytes, Part::User));
    match text.split_once(':') {
        None => anew(text),
        Some((user, password)) => Ok(format!("{}:{}", anew(user)?, anew(password)?)),
    }
}

fn parse_host(host: &str) -> Result<Vec<u8>, String> {
    match host.rfind('[') {
        Some(0) => return parse_literal(host),
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {}
    }
    // Some schemes have lists of hosts with ports, so that only the last one is looked at.
    if let Some(port) = host.rfind(':').and_then(|colon| host.get(colon..)) {
        check_port(port)?;
    }
    unescape(host, Part::Host)
}

/// An IPv6 address in brackets, with a port or without.
fn parse_literal(host: &str) -> Result<Vec<u8>, String> {
    let inner = host.get(1..).unwrap_or_default();
    let (name, port) = inner.rsplit_once(']').ok_or("missing ']' in host")?;
    check_port(port)?;
    let mut address = match name.find("%25") {
        Some(zone) => {
            let (address, zone) = name.split_at(zone);
            let mut address = unescape(address, Part::Host)?;
            address.extend(unescape(zone, Part::Zone)?);
            address
        }
        None => unescape(name, Part::Host)?,
    };
    let text = String::from_utf8_lossy(&address).into_owned();
    if text.parse::<Ipv4Addr>().is_ok() {
        return Err("invalid IP-literal".to_owned());
    }
    let (number, zone) = text.split_once('%').unwrap_or((&text, "zone"));
    if number.parse::<Ipv6Addr>().is_err() || zone.is_empty() {
        let what =
            if zone.is_empty() { "zone must be a non-empty string" } else { "unable to parse IP" };
        return Err(format!("invalid host: ParseAddr({}): {what}", quote(&text)));
    }
    address.insert(0, b'[');
    address.push(b']');
    address.extend_from_slice(port.as_bytes());
    Ok(address)
}

/// A port with its colon, or nothing.
fn check_port(port: &str) -> Result<(), String> {
    let digits = port.strip_prefix(':');
    let is_fine = port.is_empty()
        || digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    if is_fine { Ok(()) } else { Err(format!("invalid port {} after host", quote(port))) }
}
