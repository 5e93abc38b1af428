//! Keys become names of variables (pure).
//!
//! | key below the prefix | becomes |
//! | --- | --- |
//! | `DB_URL` | `DB_URL` |
//! | `db/url` | nothing, or with `--nested join` `db_url` |
//! | `db/` | nothing: a folder |
//! | `db-url` | nothing, or with `--sanitize` `db_url` |
//! | `1ST` | nothing, or with `--sanitize` `_1ST` |
//!
//! The order is envconsul's: joined, prefixed, sanitised, in upper case. A portable name is letters, digits and `_`
//! without a digit in front (POSIX 8.1). The original script exported only names a shell accepts as well, so no working
//! configuration loses a key.

use super::Reason;

/// How keys become names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// What keys in folders below the prefix become.
    pub nested: Nested,
    /// What every name begins with.
    pub prefix: String,
    /// Whether every other character becomes `_`.
    pub sanitize: bool,
    /// Whether names are in upper case.
    pub upcase: bool,
}

/// What keys in folders below the prefix become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nested {
    /// No variable.
    #[default]
    Skip,
    /// The parts of the key, joined with `_`.
    Join,
}

impl Naming {
    /// The name for a key below the prefix, with the path in its value if that was expanded.
    pub fn name(&self, key: &str, path: &[String]) -> Result<String, Reason> {
        if key.ends_with('/') {
            return Err(Reason::Folder);
        }
        if key.contains('/') && self.nested == Nested::Skip {
            return Err(Reason::Nested);
        }
        let mut name = format!("{}{}", self.prefix, key.replace('/', "_"));
        for part in path {
            name.push('_');
            name.push_str(part);
        }
        self.spell(if self.sanitize { sanitized(&name) } else { name })
    }

    /// The name of a service's variable, which is always sanitised, as few services have portable names.
    pub fn service(&self, text: &str) -> Result<String, Reason> {
        self.spell(sanitized(text))
    }

    fn spell(&self, name: String) -> Result<String, Reason> {
        let name = if self.upcase { name.to_ascii_uppercase() } else { name };
        if is_name(&name) { Ok(name) } else { Err(Reason::Name) }
    }
}

/// Whether it is a portable name of a variable.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether configuration may not set this variable.
///
/// `LD_PRELOAD`, `LD_LIBRARY_PATH` and `LD_AUDIT` run code in the child before its own; `IFS`, `BASH_ENV` and `ENV` do
/// so in every shell below it. The rest is what the scheduler tells the task about itself.
pub fn is_reserved(name: &str) -> bool {
    const NAMES: [&str; 6] =
        ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "IFS", "BASH_ENV", "ENV"];
    NAMES.contains(&name) || is_of_scheduler(name)
}

/// `MESOS_*`, `MARATHON_*`, `HOST`, `PORT`, `PORTS`, `PORT<number>` and `PORT_<name>`.
pub(super) fn is_of_scheduler(name: &str) -> bool {
    let port = name.strip_prefix("PORT").is_some_and(|rest| {
        matches!(rest, "" | "S")
            || rest.starts_with('_')
            || rest.bytes().all(|b| b.is_ascii_digit())
    });
    port || name == "HOST" || name.starts_with("MESOS_") || name.starts_with("MARATHON_")
}

fn sanitized(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    let rest = text.chars().map(|c| if fits(c) { c } else { '_' });
    digit.then_some('_').into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(options: &str) -> Naming {
        Naming {
            nested: if options.contains('j') { Nested::Join } else { Nested::Skip },
            prefix: if options.contains('p') { "p_".to_owned() } else { String::new() },
            sanitize: options.contains('s'),
            upcase: options.contains('u'),
        }
    }

    #[test]
    fn spells_names() {
        for (options, key, want) in [
            ("", "DB_URL", Ok("DB_URL")),
            ("", "_a9", Ok("_a9")),
            ("", "db/", Err(Reason::Folder)),
            ("j", "db/", Err(Reason::Folder)),
            ("", "db/url", Err(Reason::Nested)),
            ("", "/A", Err(Reason::Nested)),
            ("j", "db/url", Ok("db_url")),
            ("j", "/A", Ok("_A")),
            ("j", "a//b", Ok("a__b")),
            ("", "a-b", Err(Reason::Name)),
            ("", "1A", Err(Reason::Name)),
            ("", "A=B", Err(Reason::Name)),
            ("", "A\0", Err(Reason::Name)),
            ("", "É", Err(Reason::Name)),
            ("s", "a-b.c d=e", Ok("a_b_c_d_e")),
            ("s", "1A", Ok("_1A")),
            ("s", "É", Ok("_")),
            ("p", "1A", Ok("p_1A")),
            ("u", "db_url", Ok("DB_URL")),
            ("upsj", "db/url-1", Ok("P_DB_URL_1")),
        ] {
            let got = naming(options).name(key, &[]);
            assert_eq!(got, want.map(str::to_owned), "{options} {key:?}");
        }
        let path = ["a".to_owned(), "b-c".to_owned()];
        assert_eq!(naming("su").name("X", &path), Ok("X_A_B_C".to_owned()));
        assert_eq!(naming("").name("X", &path), Err(Reason::Name));
        assert_eq!(naming("u").service("my-web/id"), Ok("MY_WEB_ID".to_owned()));
    }

    #[test]
    fn reserves_what_others_own() {
        for name in [
            "LD_PRELOAD",
            "BASH_ENV",
            "ENV",
            "HOST",
            "PORT",
            "PORTS",
            "PORT0",
            "PORT_3000",
            "MESOS_TASK_ID",
            "MARATHON_APP_ID",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["PATH", "PORTAL", "ENVIRONMENT", "HOSTNAME", "MESOS", "PORTS0", "APP"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
