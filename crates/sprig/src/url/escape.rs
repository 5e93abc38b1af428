//! Percent encoding, which differs by the part of a URL.

/// The parts of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Path,
    /// User or password.
    User,
    Host,
    /// The zone of an IPv6 address.
    Zone,
    Fragment,
}

impl Part {
    /// What stands for itself besides letters and digits.
    const fn plain(self) -> &'static [u8] {
        match self {
            Self::Path => b"-_.~$&+,/:;=@",
            Self::User => b"-_.~$&+,;=",
            Self::Host | Self::Zone => b"-_.~!$&'()*+,;=:[]<>\"",
            Self::Fragment => b"-_.~$&+,/:;=?@!()*",
        }
    }

    fn must_escape(self, byte: u8) -> bool {
        !byte.is_ascii_alphanumeric() && !self.plain().contains(&byte)
    }
}

pub(super) fn escape(bytes: &[u8], part: Part) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        if part.must_escape(*byte) {
            out.extend(format!("%{byte:02X}").chars());
        } else {
            out.push(char::from(*byte));
        }
    }
    out
}

/// Decodes a part.
///
/// # Errors
///
/// Go's, of escapes that are none or that the part does not allow, and of characters that cannot be in a host.
pub(super) fn unescape(text: &str, part: Part) -> Result<Vec<u8>, String> {
    let is_host = matches!(part, Part::Host | Part::Zone);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            if is_host && byte.is_ascii() && part.must_escape(*byte) {
                let shown = quote(&char::from(*byte).to_string());
                return Err(format!("invalid character {shown} in host name"));
            }
            out.push(*byte);
            continue;
        }
        let begin = text.len() - rest.len() - 1;
        let sequence = text.as_bytes().get(begin..text.len().min(begin + 3)).unwrap_or_default();
        let invalid = || {
            let shown = quote(&String::from_utf8_lossy(sequence));
            format!("invalid URL escape {shown}")
        };
        let digit =
            |index: usize| sequence.get(index).and_then(|byte| char::from(*byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(1), digit(2)) else { return Err(invalid()) };
        let decoded = u8::try_from(high * 16 + low).map_err(|_| invalid())?;
        let refused = match part {
            // A host may encode only what is not ASCII.
            Part::Host => decoded.is_ascii() && decoded != b'%',
            Part::Zone => !matches!(decoded, b'%' | b' ') && Part::Host.must_escape(decoded),
            _ => false,
        };
        if refused {
            return Err(invalid());
        }
        out.push(decoded);
        rest = rest.get(2..).unwrap_or_default();
    }
    Ok(out)
}

pub(super) fn quote(text: &str) -> String {
    gotemplate::sprintf("%q", &[text.into()])
}
