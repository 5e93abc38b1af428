//! The words after the options: a command, or MARATHON CONSUL PREFIX and a command (pure).

use std::ffi::{OsStr, OsString};

use super::Error;

/// What the positional words mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// A command.
    Command(Vec<OsString>),
    /// MARATHON CONSUL PREFIX and a command, as the original script takes them.
    Positional(Positional, Vec<OsString>),
}

/// The three words before the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positional {
    /// Where Marathon is.
    pub marathon: String,
    /// Where Consul is.
    pub consul: String,
    /// The folder in the KV store, and the app's id.
    pub prefix: String,
}

/// Tells the two forms apart. `flagged` says that an option already took the place of one of the three words.
///
/// A command whose name and first argument both are addresses does not exist, so nobody needs a way to say it; with
/// `--consul none` one could.
pub fn split(words: &[OsString], flagged: bool) -> Result<Words, Error> {
    let addresses = match words {
        [marathon, consul, ..] if !flagged => address(marathon).zip(address(consul)),
        _ => None,
    };
    let Some((marathon, consul)) = addresses else {
        let command = words.to_vec();
        return if command.is_empty() {
            Err(Error::NoCommand)
        } else {
            Ok(Words::Command(command))
        };
    };
    match words {
        [_, _, prefix, command @ ..] if !command.is_empty() => {
            let prefix = prefix.to_str().ok_or(Error::NotText("the prefix"))?.to_owned();
            Ok(Words::Positional(Positional { marathon, consul, prefix }, command.to_vec()))
        }
        _ => Err(Error::NoCommandAfterAddresses { marathon, consul }),
    }
}

/// An `http://` URL, or `host:port`.
fn address(word: &OsStr) -> Option<String> {
    let text = word.to_str()?;
    let is_url = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    let is_endpoint = text.rsplit_once(':').is_some_and(|(host, port)| {
        let in_brackets = host.starts_with('[') && host.ends_with(']');
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let is_host = !host.is_empty() && (in_brackets || host.bytes().all(is_name));
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    (is_url || is_endpoint).then(|| text.to_owned())
}
