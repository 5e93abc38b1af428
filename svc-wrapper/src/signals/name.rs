//! Signals as people write them (pure): `TERM`, `SIGTERM`, `15`, `RTMIN+3`, `RTMAX-1`.

use nix::sys::signal::Signal;
use thiserror::Error;

use super::REAL_TIME;
use crate::cli::Rewrite;

/// A text that names no signal, or one that cannot be used here.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// No such signal.
    #[error("'{0}' is no signal (write it like TERM, 15 or RTMIN+1)")]
    Unknown(String),
    /// Not FROM:TO.
    #[error("'{0}' is not FROM:TO")]
    NoPair(String),
    /// A signal that never comes to be forwarded.
    #[error("'{0}' is never forwarded")]
    NotForwarded(String),
}

/// The number of a signal.
///
/// # Errors
///
/// When there is no such signal.
pub fn parse(text: &str) -> Result<i32, NameError> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number = match name.parse::<i32>() {
        Ok(number) => Some(number),
        Err(_) => standard(name).or_else(|| real_time(name)),
    };
    number
        .filter(|number| (1..=31).contains(number) || REAL_TIME.contains(number))
        .ok_or_else(|| NameError::Unknown(text.to_owned()))
}

/// `FROM:TO`, where TO may be `none`.
///
/// # Errors
///
/// When one of them is no signal, or FROM one that is not forwarded anyway.
pub fn parse_rewrite(text: &str) -> Result<Rewrite, NameError> {
    const NEVER: [i32; 3] =
        [Signal::SIGKILL as i32, Signal::SIGSTOP as i32, Signal::SIGCHLD as i32];
    let (from, to) = text.split_once(':').ok_or_else(|| NameError::NoPair(text.to_owned()))?;
    let to = if to.eq_ignore_ascii_case("none") { None } else { Some(parse(to)?) };
    match parse(from)? {
        number if NEVER.contains(&number) => Err(NameError::NotForwarded(from.to_owned())),
        from => Ok(Rewrite { from, to }),
    }
}

fn standard(name: &str) -> Option<i32> {
    const OTHER_NAMES: [(&str, Signal); 3] =
        [("CLD", Signal::SIGCHLD), ("IOT", Signal::SIGABRT), ("POLL", Signal::SIGIO)];
    let other = OTHER_NAMES.iter().find(|(known, _)| *known == name).map(|(_, signal)| *signal);
    other.or_else(|| format!("SIG{name}").parse().ok()).map(|signal| signal as i32)
}

fn real_time(name: &str) -> Option<i32> {
    let (base, offset) = match name.strip_prefix("RTMIN") {
        Some(offset) => (*REAL_TIME.start(), offset),
        None => (*REAL_TIME.end(), name.strip_prefix("RTMAX")?),
    };
    // A sign is asked for, which parse() takes for one.
    let offset = match offset {
        "" => 0,
        _ if offset.starts_with(['+', '-']) => offset.parse().ok()?,
        _ => return None,
    };
    base.checked_add(offset).filter(|number| REAL_TIME.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_signals_by_name_and_number() {
        for (text, number) in [
            ("TERM", 15),
            ("SIGTERM", 15),
            ("sigterm", 15),
            ("15", 15),
            ("SEGV", 11),
            ("IOT", 6),
            ("SYS", 31),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX", 64),
            ("RTMAX-1", 63),
            ("64", 64),
        ] {
            assert_eq!(parse(text), Ok(number), "{text}");
        }
        for text in
            ["", "SIG", "0", "32", "33", "65", "-1", "TERMS", "RTMIN+31", "RTMAX+1", "RTMIN3"]
        {
            assert_eq!(parse(text), Err(NameError::Unknown(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn reads_rewrites() {
        assert_eq!(parse_rewrite("TERM:QUIT"), Ok(Rewrite { from: 15, to: Some(3) }));
        assert_eq!(parse_rewrite("1:NONE"), Ok(Rewrite { from: 1, to: None }));
        for text in ["TERM", "TERM:", ":TERM", "KILL:TERM", "CHLD:none", "TERM:QUIT:INT"] {
            assert!(parse_rewrite(text).is_err(), "{text}");
        }
    }
}
