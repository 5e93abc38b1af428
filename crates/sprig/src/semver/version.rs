//! Versions.

use std::{cmp::Ordering, fmt, sync::LazyLock};

use gotemplate::Error;
use regex::Regex;

/// A version.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) patch: u64,
    pub(crate) pre: String,
    pub(crate) metadata: String,
    /// The text that was read.
    pub(crate) original: String,
    /// Whether Go has a pointer to it, as it has of what it read.
    pub(super) pointer: bool,
}

/// What follows the numbers: a pre-release and metadata.
pub(super) const TAIL: &str =
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";

/// Compiles a pattern of this crate.
#[expect(clippy::expect_used, reason = "the patterns are constant and tested")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

static VERSION: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?{TAIL}$")));

impl Version {
    /// Reads a version, of which all but the first number may be absent.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let found = VERSION.captures(text).ok_or("Invalid Semantic Version")?;
        let group = |index| found.get(index).map_or("", |group| group.as_str());
        let version = Self {
            major: number(group(1))?,
            minor: number(group(2))?,
            patch: number(group(3))?,
            pre: group(5).to_owned(),
            metadata: group(8).to_owned(),
            original: text.to_owned(),
            pointer: true,
        };
        check_prerelease(&version.pre)?;
        check_metadata(&version.metadata)?;
        Ok(version)
    }

    /// The order of versions; metadata does not count.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prereleases(&self.pre, &other.pre),
            }
        })
    }

    /// A release with the prefix of this version.
    pub(super) fn next(&self, major: u64, minor: u64, patch: u64) -> Self {
        let (pre, metadata) = (String::new(), String::new());
        Self { major, minor, patch, pre, metadata, original: String::new(), pointer: false }
            .printed_like(self)
    }

    /// After a pre-release comes its release.
    pub(super) fn next_patch(&self) -> Self {
        let step = u64::from(self.pre.is_empty());
        self.next(self.major, self.minor, self.patch + step)
    }

    pub(super) fn with_prerelease(&self, pre: &str) -> Result<Self, Error> {
        check_prerelease(pre)?;
        Ok(Self { pre: pre.to_owned(), pointer: false, ..self.clone() }.printed_like(self))
    }

    pub(super) fn with_metadata(&self, metadata: &str) -> Result<Self, Error> {
        check_metadata(metadata)?;
        Ok(Self { metadata: metadata.to_owned(), pointer: false, ..self.clone() }
            .printed_like(self))
    }

    fn printed_like(mut self, other: &Self) -> Self {
        let prefix = if other.original.starts_with('v') { "v" } else { "" };
        self.original = format!("{prefix}{self}");
        self
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

fn number(segment: &str) -> Result<u64, Error> {
    let digits = segment.trim_start_matches('.');
    if digits.is_empty() {
        return Ok(0);
    }
    digits.parse().map_err(|_| {
        format!(
            "Error parsing version segment: strconv.ParseUint: parsing \"{digits}\": value out of range"
        )
        .into()
    })
}

fn is_numeric(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_identifier(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_prerelease(pre: &str) -> Result<(), Error> {
    for part in pre.split('.') {
        if is_numeric(part) && part.len() > 1 && part.starts_with('0') {
            return Err("Version segment starts with 0".into());
        }
        if !is_identifier(part) {
            return Err("Invalid Prerelease string".into());
        }
    }
    Ok(())
}

fn check_metadata(metadata: &str) -> Result<(), Error> {
    if metadata.split('.').all(is_identifier) {
        Ok(())
    } else {
        Err("Invalid Metadata string".into())
    }
}

pub(super) fn compare_prereleases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => compare_parts(a.unwrap_or_default(), b.unwrap_or_default()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Nothing is less than a number, and a number less than a word.
fn compare_parts(a: &str, b: &str) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.cmp(b);
    }
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}
