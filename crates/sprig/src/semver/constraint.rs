//! Constraints: comparisons that all must hold (`>=1.2, <2`), or alternatives of such (`^1 || ^3`).

use std::sync::LazyLock;

use gotemplate::Error;
use regex::Regex;

use super::version::{TAIL, Version, compare_prereleases, pattern};

const OPERATORS: &str = r"=|!=|>|<|>=|=>|<=|=<|~|~>|\^";

fn version_pattern() -> String {
    format!(r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?{TAIL}")
}

/// One constraint: its groups are the operator, the version, its three numbers, and the pre-release with its dash.
static ONE: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"^\s*({OPERATORS}|)\s*({})\s*$", version_pattern())));

static EACH: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"({OPERATORS}|)\s*({})", version_pattern())));

/// The first constraint differs from the others by what may stand before it.
static ALL: LazyLock<Regex> = LazyLock::new(|| {
    let version = version_pattern();
    pattern(&format!(
        r"^(\s*({OPERATORS}|)\s*({version})\s*)((?:\s+|,\s*)({OPERATORS}|)\s*({version})\s*)*$"
    ))
});

/// `1.2 - 1.4`
static RANGE: LazyLock<Regex> = LazyLock::new(|| {
    let version = version_pattern();
    pattern(&format!(r"\s*({version})\s+-\s+({version})\s*"))
});

#[derive(Debug)]
pub(super) struct Constraints(Vec<Vec<Constraint>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// Without an operator, or with `=`: a part that is left open may be anything.
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// From which number on a version is left open, like `1.x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Major,
    Minor,
    Patch,
    Nothing,
}

#[derive(Debug)]
struct Constraint {
    operator: Operator,
    version: Version,
    open: Open,
}

impl Constraints {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut rewritten = text.to_owned();
        for range in RANGE.captures_iter(text) {
            let group = |index| range.get(index).map_or("", |group| group.as_str());
            let both = format!(">= {}, <= {} ", group(1), group(11));
            rewritten = rewritten.replacen(group(0), &both, 1);
        }
        let alternatives = rewritten.split("||").map(|part| {
            if !ALL.is_match(part) {
                return Err(improper(part));
            }
            EACH.find_iter(part).map(|found| Constraint::parse(found.as_str())).collect()
        });
        Ok(Self(alternatives.collect::<Result<_, Error>>()?))
    }

    pub(super) fn allow(&self, version: &Version) -> bool {
        self.0.iter().any(|all| all.iter().all(|constraint| constraint.allows(version)))
    }
}

fn improper(text: &str) -> Error {
    format!("improper constraint: {text}").into()
}

fn is_open(segment: &str) -> bool {
    matches!(segment.trim_start_matches('.'), "" | "x" | "X" | "*")
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, Error> {
        let found = ONE.captures(text).ok_or_else(|| improper(text))?;
        let group = |index| found.get(index).map_or("", |group| group.as_str());
        let (major, minor, patch, pre) = (group(3), group(4), group(5), group(6));
        let (version, open) = if is_open(major) {
            (format!("0.0.0{pre}"), Open::Major)
        } else if is_open(minor) {
            (format!("{major}.0.0{pre}"), Open::Minor)
        } else if is_open(patch) {
            (format!("{major}{minor}.0{pre}"), Open::Patch)
        } else {
            (group(2).to_owned(), Open::Nothing)
        };
        let operator = match group(1) {
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterOrEqual,
            "<=" | "=<" => Operator::LessOrEqual,
            "~" | "~>" => Operator::Tilde,
            "^" => Operator::Caret,
            _ => Operator::Equal,
        };
        let version =
            Version::parse(&version).map_err(|_| Error::new("constraint Parser Error"))?;
        Ok(Self { operator, version, open })
    }

    fn allows(&self, version: &Version) -> bool {
        // Who wants a pre-release has to say so.
        let unwanted = !version.pre.is_empty() && self.version.pre.is_empty();
        let order = version.compare(&self.version);
        match self.operator {
            Operator::NotEqual => self.differs(version),
            _ if unwanted => false,
            Operator::Equal if self.open == Open::Nothing => order.is_eq(),
            Operator::Equal | Operator::Tilde => self.is_near(version),
            Operator::Greater => self.is_below(version),
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual => self.is_not_below(version),
            Operator::Caret => self.is_compatible(version),
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if self.open == Open::Nothing {
            return version.compare(wanted).is_ne();
        }
        if !version.pre.is_empty() && wanted.pre.is_empty() {
            return false;
        }
        if wanted.major != version.major {
            return true;
        }
        match self.open {
            Open::Minor => false,
            _ if wanted.minor != version.minor => true,
            Open::Patch => {
                let any = !version.pre.is_empty() || !wanted.pre.is_empty();
                any && compare_prereleases(&version.pre, &wanted.pre).is_ne()
            }
            _ => version.compare(wanted).is_ne(),
        }
    }

    fn is_below(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if self.open == Open::Nothing || version.major != wanted.major {
            return match self.open {
                Open::Nothing => version.compare(wanted).is_gt(),
                _ => version.major > wanted.major,
            };
        }
        match self.open {
            Open::Minor => false,
            Open::Patch => version.minor > wanted.minor,
            _ => version.compare(wanted).is_gt(),
        }
    }

    fn is_not_below(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if self.open == Open::Nothing {
            return version.compare(wanted).is_le();
        }
        let later_minor = version.minor > wanted.minor && self.open != Open::Minor;
        version.major < wanted.major || (version.major == wanted.major && !later_minor)
    }

    /// `~1.2.3`: from there on, with the same major and minor number.
    fn is_near(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted).is_lt() {
            return false;
        }
        let zero = (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0);
        if zero && !matches!(self.open, Open::Minor | Open::Patch) {
            return true;
        }
        version.major == wanted.major && (version.minor == wanted.minor || self.open == Open::Minor)
    }

    /// `^1.2.3`: from there on, with the same first number that is not zero.
    fn is_compatible(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted).is_lt() {
            return false;
        }
        if wanted.major > 0 || self.open == Open::Minor {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.open == Open::Patch {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}
