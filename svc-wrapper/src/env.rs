//! Key/value pairs become the child's variables (pure).
//!
//! | key below the prefix | becomes |
//! | --- | --- |
//! | `DB_URL` | the variable `DB_URL` with the value's bytes, whatever they are |
//! | `db/url` | nothing, reported: only direct keys are variables |
//! | `db/` | nothing, reported: a folder |
//! | `db-url`, `1ST`, `A=B`, empty | nothing, reported: no portable name (POSIX 8.1: letters, digits, `_`, no leading digit) |
//! | any, with a NUL in the value, or of 128 KiB and more | nothing, reported: `execve(2)` cannot carry it |
//! | `LD_PRELOAD`, `IFS`, `MESOS_TASK_ID`, `PORT0`, … | nothing, reported: reserved, see [`is_reserved`] |
//!
//! The original script exported only names a shell accepts as well, so no working configuration loses a key.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use consul::kv::KvPair;
use daemon::redact::Redacted;
use sha2::{Digest as _, Sha256};

/// The variables that the configuration gives a child, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, Redacted<OsString>>);

/// What a list of pairs came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// The variables.
    pub environment: Environment,
    /// The keys that became none.
    pub skipped: Vec<Skipped>,
}

/// A key that became no variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The key, without the prefix.
    pub key: String,
    /// Why.
    pub why: Reason,
}

/// Why a key became no variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It ends with `/`.
    Folder,
    /// It lies in a folder below the prefix.
    Nested,
    /// It is no portable name of a variable.
    Name,
    /// The scheduler, the loader or the shell owns the name.
    Reserved,
    /// The value holds a NUL byte.
    Nul,
    /// Name and value together are longer than a variable can be.
    TooLong,
}

/// Names an effective environment: equal digests mean equal variables.
///
/// The algorithm's name is part of it, so that wrappers that compute it differently never take each other's word.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest(String);

impl Environment {
    /// The variables in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Redacted<OsString>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of a variable.
    pub fn value(&self, name: &str) -> Option<&Redacted<OsString>> {
        self.0.get(name)
    }

    /// How many variables there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names this environment. Lengths go in front of names and values, so that no two environments run together.
    pub fn digest(&self) -> Digest {
        const BYTES: usize = 16;
        let mut hash = Sha256::new();
        for (name, value) in &self.0 {
            for part in [name.as_bytes(), value.expose().as_bytes()] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        let hex = |byte: &u8| [byte >> 4, byte & 0xf].map(|half| char::from_digit(half.into(), 16));
        let name = hash.finalize().iter().take(BYTES).flat_map(hex).flatten().collect();
        Digest(["v1:".to_owned(), name].concat())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "a folder",
            Self::Nested => "in a folder",
            Self::Name => "no name of a variable",
            Self::Reserved => "a reserved name",
            Self::Nul => "a NUL byte in the value",
            Self::TooLong => "too long",
        })
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.key, self.why)
    }
}

/// Maps what Consul lists under `prefix`, which ends with `/`. Keys elsewhere are no concern of ours.
pub fn map(prefix: &str, pairs: &[KvPair]) -> Mapped {
    let mut mapped = Mapped::default();
    let below = pairs
        .iter()
        .filter_map(|pair| Some((pair.key.strip_prefix(prefix)?, pair.value.as_slice())));
    // Consul's user interface makes the prefix itself a key when one creates the folder by hand.
    for (key, value) in below.filter(|(key, _)| !key.is_empty()) {
        if let Some(why) = refuse(key, value) {
            mapped.skipped.push(Skipped { key: key.to_owned(), why });
        } else {
            let value = Redacted::new(OsString::from_vec(value.to_vec()));
            mapped.environment.0.insert(key.to_owned(), value);
        }
    }
    mapped
}

/// The prefix as a folder, so that `app/x` never takes in `app/x2`.
pub fn folder(prefix: &str) -> String {
    let trimmed = prefix.trim_matches('/');
    format!("{trimmed}/")
}

/// Whether configuration may not set this variable.
///
/// `LD_PRELOAD`, `LD_LIBRARY_PATH` and `LD_AUDIT` run code in the child before its own; `IFS`, `BASH_ENV` and `ENV` do
/// so in every shell below it. `MESOS_*`, `MARATHON_*`, `HOST`, `PORT`, `PORTS`, `PORT<number>` and `PORT_<name>` are
/// what the scheduler tells the task about itself.
pub fn is_reserved(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "IFS",
        "BASH_ENV",
        "ENV",
        "HOST",
        "PORT",
        "PORTS",
    ];
    let port = name.strip_prefix("PORT").is_some_and(|rest| {
        rest.starts_with('_') || (!rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    });
    port || NAMES.contains(&name) || name.starts_with("MESOS_") || name.starts_with("MARATHON_")
}

fn refuse(key: &str, value: &[u8]) -> Option<Reason> {
    /// execve(2): 32 pages for one string, here with its equals sign and its NUL.
    const LONGEST: usize = 32 * 4096 - 2;
    if key.ends_with('/') {
        Some(Reason::Folder)
    } else if key.contains('/') {
        Some(Reason::Nested)
    } else if !is_name(key) {
        Some(Reason::Name)
    } else if is_reserved(key) {
        Some(Reason::Reserved)
    } else if value.contains(&0) {
        Some(Reason::Nul)
    } else if key.len() + value.len() > LONGEST {
        Some(Reason::TooLong)
    } else {
        None
    }
}

fn is_name(key: &str) -> bool {
    let mut bytes = key.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(key: &str, value: &[u8]) -> KvPair {
        KvPair { key: key.to_owned(), value: value.to_vec(), ..KvPair::default() }
    }

    #[test]
    fn decides_key_by_key() {
        let long = vec![b'x'; 131_070];
        for (key, value, want) in [
            ("A", &b"1"[..], None),
            ("_a9", b"", None),
            ("lower", b"x\ny", None),
            ("PATH", b"/nonexistent", None),
            ("APP", b"$(touch /tmp/x)", None),
            ("BYTES", b"\xff\xfe\x01", None),
            ("PORTAL", b"x", None),
            ("ENVIRONMENT", b"x", None),
            ("db/", b"", Some(Reason::Folder)),
            ("db/url", b"x", Some(Reason::Nested)),
            ("/A", b"x", Some(Reason::Nested)),
            ("a-b", b"x", Some(Reason::Name)),
            ("a.b", b"x", Some(Reason::Name)),
            ("1A", b"x", Some(Reason::Name)),
            ("A=B", b"x", Some(Reason::Name)),
            ("A B", b"x", Some(Reason::Name)),
            ("A\0", b"x", Some(Reason::Name)),
            ("É", b"x", Some(Reason::Name)),
            ("N", b"a\0b", Some(Reason::Nul)),
            ("L", long.split_last().unwrap().1, None),
            ("L", &long, Some(Reason::TooLong)),
            ("LD_PRELOAD", b"x", Some(Reason::Reserved)),
            ("BASH_ENV", b"x", Some(Reason::Reserved)),
            ("MESOS_TASK_ID", b"x", Some(Reason::Reserved)),
            ("MARATHON_APP_ID", b"x", Some(Reason::Reserved)),
            ("HOST", b"x", Some(Reason::Reserved)),
            ("PORT", b"x", Some(Reason::Reserved)),
            ("PORT0", b"x", Some(Reason::Reserved)),
            ("PORT_3000", b"x", Some(Reason::Reserved)),
            ("PORTS", b"x", Some(Reason::Reserved)),
        ] {
            let mapped = map("app/x/", &[pair(&format!("app/x/{key}"), value)]);
            assert_eq!(mapped.skipped.first().map(|skipped| skipped.why), want, "{key}");
            let got = mapped.environment.value(key).map(|value| value.expose().as_bytes());
            assert_eq!(got, want.is_none().then_some(value), "{key}");
        }
    }

    #[test]
    fn stays_inside_its_prefix() {
        for (given, want) in
            [("app/x", "app/x/"), ("/app/x", "app/x/"), ("app/x/", "app/x/"), ("a//", "a/")]
        {
            assert_eq!(folder(given), want);
        }
        let mapped = map("app/x/", &[pair("app/x2/A", b"1"), pair("app/x/", b"")]);
        assert_eq!(mapped, Mapped::default());
    }

    #[test]
    fn shows_keys_and_never_values() {
        let mapped = map("p/", &[pair("p/TOKEN", b"s3cr3t"), pair("p/a-b", b"s3cr3t")]);
        let text = format!("{mapped:?} {} {}", mapped.skipped[0], mapped.environment.digest());
        assert!(!text.contains("s3cr3t"), "{text}");
        assert!(text.contains(r#""a-b" (no name of a variable)"#), "{text}");
    }

    #[test]
    fn names_an_environment_by_its_variables_alone() {
        let digest = |pairs: &[KvPair]| map("p/", pairs).environment.digest();
        let one = digest(&[pair("p/A", b"bc")]);
        assert_eq!(one.to_string().len(), "v1:".len() + 32);
        let locked = KvPair {
            modify_index: 9,
            lock_index: 4,
            session: Some("s".to_owned()),
            flags: 7,
            ..pair("p/A", b"bc")
        };
        assert_eq!(digest(&[locked, pair("p/folder/", b""), pair("p/a-b", b"new")]), one);
        assert_ne!(digest(&[pair("p/AB", b"c")]), one);
        assert_ne!(digest(&[pair("p/A", b"b"), pair("p/B", b"c")]), one);
        assert_ne!(digest(&[]), one);
        // Every wrapper of an app must name the same variables alike, whatever its version.
        assert_eq!(digest(&[]).to_string(), "v1:e3b0c44298fc1c149afbf4c8996fb924");
    }

    proptest! {
        #[test]
        fn never_fails_and_never_lets_a_broken_variable_through(
            pairs in prop::collection::vec((".{0,12}", prop::collection::vec(any::<u8>(), 0..12)), 0..20)
        ) {
            let pairs: Vec<KvPair> = pairs.iter().map(|(key, value)| pair(&format!("p/{key}"), value)).collect();
            let mapped = map("p/", &pairs);
            for (name, value) in mapped.environment.iter() {
                prop_assert!(is_name(name) && !is_reserved(name));
                prop_assert!(!value.expose().as_bytes().contains(&0));
            }
        }
    }
}
