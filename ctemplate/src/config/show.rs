//! How settings look in the log: durations and signals as one writes them, secrets not at all.
//!
//! Each function is a `serialize_with` of [`settings`](super::settings).

#![expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes each field by reference"
)]

use std::time::Duration;

use daemon::log::Format;
use daemon::redact::Redacted;
use daemon::secret::Secret;
use rustix::process::Signal;
use serde::{Serialize, Serializer};

use super::signal::name;

/// Go's notation, in the greatest unit that leaves no fraction.
pub(super) fn duration<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&notation(*duration))
}

/// The same, or nothing.
pub(super) fn optional_duration<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(notation).serialize(serializer)
}

/// `SIGHUP`, or nothing.
pub(super) fn signal<S: Serializer>(
    signal: &Option<Signal>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    signal.map(name).serialize(serializer)
}

/// `0644`, or nothing.
pub(super) fn mode<S: Serializer>(mode: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    mode.map(|mode| format!("{mode:04o}")).serialize(serializer)
}

/// That there is a secret, or the file that holds it.
pub(super) fn secret<S: Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let shown = secret.as_ref().map(|secret| match secret {
        Secret::Value(value) => value.to_string(),
        Secret::File(path) => path.display().to_string(),
    });
    shown.serialize(serializer)
}

/// That there is a secret.
pub(super) fn redacted<S: Serializer>(
    secret: &Redacted<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(secret)
}

/// The names of `NAME=VALUE`: values may be secrets.
pub(super) fn names<S: Serializer>(pairs: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(pairs.iter().map(|pair| pair.split_once('=').map_or(&**pair, |it| it.0)))
}

/// `text` or `json`.
pub(super) fn format<S: Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match format {
        Format::Text => "text",
        Format::Json => "json",
    })
}

fn notation(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    match [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "us")]
        .into_iter()
        .find(|(unit, _)| nanos.is_multiple_of(*unit))
    {
        Some((unit, name)) => format!("{}{name}", nanos / unit),
        None => format!("{nanos}ns"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_look_as_one_writes_them() {
        for (text, want) in [("90s", "90s"), ("1.5s", "1500ms"), ("0", "0s"), ("3us", "3us")] {
            assert_eq!(notation(daemon::duration::parse(text).unwrap()), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_is_read_as_it_was_written(millis in 0..100_000_000_u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(daemon::duration::parse(&notation(duration)), Ok(duration));
        }
    }
}
