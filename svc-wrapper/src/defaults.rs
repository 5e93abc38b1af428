//! Variables from a file, under everything that Consul says.
//!
//! A file whose first character is `{` is a JSON object of texts, numbers and truth values. Every other file has lines:
//!
//! | line | meaning |
//! | --- | --- |
//! | `NAME=text`, `export NAME=text` | the text without the space around it |
//! | `NAME='text'` | the text between the quotes as it is |
//! | `NAME="text"` | the same, with `\n`, `\r`, `\t`, `\"`, `\\` and `\$` |
//! | empty, or `#` first | nothing |
//!
//! It is a file of the image, so that a mistake in it is an error, with its place. Nothing in it is evaluated.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use daemon::redact::Redacted;
use serde_json::error::Category;
use thiserror::Error;

use crate::env::is_name;

mod json;

/// Names and values in the file's order.
pub type Defaults = Vec<(String, Redacted<OsString>)>;

/// A file that gives no defaults.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something is wrong in it.
    #[error("{}:{mistake}", path.display())]
    Mistake {
        /// The file.
        path: PathBuf,
        /// What and where.
        mistake: Mistake,
    },
}

/// What is wrong in a file, and where: line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {what}")]
pub struct Mistake {
    line: usize,
    column: usize,
    what: String,
}

/// Reads a file.
///
/// # Errors
///
/// When it cannot be read, or something is wrong in it.
pub fn read(path: &Path) -> Result<Defaults, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    parse(&text).map_err(|mistake| Error::Mistake { path: path.to_owned(), mistake })
}

/// Reads the text of a file.
///
/// # Errors
///
/// The first mistake.
pub fn parse(text: &str) -> Result<Defaults, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return json::parse(text).map_err(|error| {
            let what = match error.classify() {
                Category::Data => json::without_place(&error),
                _ => format!("no JSON: {}", json::without_place(&error)),
            };
            Mistake { line: error.line(), column: error.column(), what }
        });
    }
    let lines = text.lines().zip(1..);
    lines
        .filter_map(|(text, line)| {
            pair(text)
                .map_err(|(rest, what)| {
                    let before = text.strip_suffix(rest).unwrap_or(text);
                    Mistake { line, column: before.chars().count() + 1, what: what.to_owned() }
                })
                .transpose()
        })
        .collect()
}

/// What is left of a line where a mistake is, and the mistake.
type Wrong<'a> = (&'a str, &'static str);

/// A line's pair, if it has one.
fn pair(line: &str) -> Result<Option<(String, Redacted<OsString>)>, Wrong<'_>> {
    let text = line.trim_start();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let text = text.strip_prefix("export ").map_or(text, str::trim_start);
    let (name, value) = text.split_once('=').ok_or((text, "no '=' in this line"))?;
    if !is_name(name) {
        return Err((text, "no name of a variable: expected letters, digits and '_'"));
    }
    let value = value.trim_start();
    let value = match value.chars().next() {
        Some(quote @ ('\'' | '"')) => quoted(value, quote)?,
        _ => value.trim_end().to_owned(),
    };
    Ok(Some((name.to_owned(), OsString::from(value).into())))
}

/// The text between quotes, which end the line.
fn quoted(text: &str, quote: char) -> Result<String, Wrong<'_>> {
    let mut value = String::new();
    let mut rest = text.get(1..).unwrap_or_default().chars();
    loop {
        let here = rest.as_str();
        match rest.next() {
            None => return Err((text, "the quote is not closed")),
            Some(c) if c == quote => break,
            Some('\\') if quote == '"' => value.push(match rest.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(c @ ('"' | '\\' | '$')) => c,
                _ => return Err((here, r#"expected one of \n \r \t \" \\ \$"#)),
            }),
            Some(c) => value.push(c),
        }
    }
    let rest = rest.as_str();
    match rest.trim_start() {
        "" => Ok(value),
        comment if comment.starts_with('#') => Ok(value),
        after => Err((after, "something follows the closing quote")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse(text) {
            Err(mistake) => mistake.to_string(),
            Ok(defaults) => {
                let words = defaults
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.expose().to_str().unwrap()));
                words.collect::<Vec<_>>().join("|")
            }
        }
    }

    #[test]
    fn reads_lines() {
        for (text, want) in [
            ("", ""),
            ("A=1\nB=2\n", "A=1|B=2"),
            ("\u{feff}A=1\r\nB=2\r\n", "A=1|B=2"),
            (
                "# comment\n\n  export A = x",
                "3:10: no name of a variable: expected letters, digits and '_'",
            ),
            ("export A=x y # z", "A=x y # z"),
            ("A=  x  ", "A=x"),
            ("A=", "A="),
            ("A=b=c", "A=b=c"),
            ("A=$(id)`id`;${B}", "A=$(id)`id`;${B}"),
            ("A=' x '", "A= x "),
            ("A='\\n' # comment", "A=\\n"),
            ("A=\"a\\tb\\\\\\\"\\$\\n\"", "A=a\tb\\\"$\n"),
            ("A='it''s'", "1:7: something follows the closing quote"),
            ("A=1\n é nonsense", "2:2: no '=' in this line"),
            ("A='x", "1:3: the quote is not closed"),
            ("A=\"é\\x\"", "1:5: expected one of \\n \\r \\t \\\" \\\\ \\$"),
            ("1A=x", "1:1: no name of a variable: expected letters, digits and '_'"),
            ("=x", "1:1: no name of a variable: expected letters, digits and '_'"),
        ] {
            assert_eq!(shown(text), want, "{text:?}");
        }
    }

    #[test]
    fn reads_json() {
        for (text, want) in [
            ("{}", ""),
            (
                r#" {"A": "x\ny", "B": 8080, "C": true, "D": 1.5, "E": -1}"#,
                "A=x\ny|B=8080|C=true|D=1.5|E=-1",
            ),
            ("{\"A\": \"x\",\n \"B\": }", "2:7: no JSON: expected value"),
            ("{\"A\": \"x\",\n \"B\": [1]}", "2:10: expected a text, a number, true or false"),
            ("{\"A\": null}", "1:11: expected a text, a number, true or false"),
            (
                "{\"a-b\": \"x\"}",
                "1:6: 'a-b' is no name of a variable: expected letters, digits and '_'",
            ),
            ("{\"A\": 1} x", "1:10: no JSON: trailing characters"),
            ("{", "1:1: no JSON: EOF while parsing an object"),
        ] {
            assert_eq!(shown(text), want, "{text:?}");
        }
    }

    #[test]
    fn says_which_file_and_never_its_values() {
        let error = read(Path::new("/no/such/file")).unwrap_err().to_string();
        assert_eq!(error, "/no/such/file: No such file or directory (os error 2)");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.env");
        fs::write(&path, "A=1\nB='s3cr3t").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with("app.env:2:3: the quote is not closed"), "{error}");
        assert!(!format!("{:?}", parse("A=s3cr3t")).contains("s3cr3t"));
    }
}
