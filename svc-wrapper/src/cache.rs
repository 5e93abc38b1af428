//! What Consul said last, in a file that only its owner can read.
//!
//! It holds the keys and values of the folders and the instances of the services as they were found, before any rule, with
//! what was asked for and the number of the format:
//!
//! ```json
//! {"format": 1, "found": [{"folder": "app/x/", "pairs": [{"Key": "app/x/A", "Value": "MQ=="}]},
//!                         {"service": "db", "instances": [{"id": "db:1", …}]}]}
//! ```
//!
//! A cache of other questions, of another format, or with anything in it that is not as expected, is refused as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use consul::kv::KvPair;
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use crate::env::Found;
use crate::service::Instance;
use crate::watch::Question;

const FORMAT: u64 = 1;

/// Why there is nothing to start from.
#[derive(Debug, Error)]
#[error("{}: {reason}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Deserialize)]
struct Snapshot {
    format: u64,
    #[serde(default)]
    found: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Folder { folder: String, pairs: Vec<KvPair> },
    Service { service: String, instances: Vec<Instance> },
}

/// Reads what was found when these questions were asked.
///
/// # Errors
///
/// When the file cannot be read, is damaged, or holds the answers to other questions.
pub fn read(path: &Path, questions: &[Question]) -> Result<Vec<Found>, Error> {
    let text = fs::read(path).map_err(|error| error.to_string());
    text.and_then(|text| decode(&text, questions))
        .map_err(|reason| Error { path: path.to_owned(), reason })
}

/// Writes what was found: whole or not at all, and for the owner alone.
///
/// # Errors
///
/// When the folder cannot be written to; the older cache is untouched then.
pub fn write(path: &Path, found: &[Found]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Temporary files have the mode 0600 from the first moment.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(encode(found).as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

fn encode(found: &[Found]) -> String {
    let found: Vec<_> = found
        .iter()
        .map(|found| match found {
            Found::Folder { folder, pairs } => {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|pair| json!({"Key": pair.key, "Value": STANDARD.encode(&pair.value)}))
                    .collect();
                json!({"folder": folder, "pairs": pairs})
            }
            Found::Service { service, instances } => {
                json!({"service": service, "instances": instances})
            }
        })
        .collect();
    json!({"format": FORMAT, "found": found}).to_string()
}

fn decode(text: &[u8], questions: &[Question]) -> Result<Vec<Found>, String> {
    let damaged = |error: serde_json::Error| {
        // What it quotes could be a value.
        format!("damaged in line {}, column {}", error.line(), error.column())
    };
    let snapshot: serde_json::Value = serde_json::from_slice(text).map_err(damaged)?;
    match snapshot.get("format").and_then(serde_json::Value::as_u64) {
        Some(FORMAT) => {}
        Some(format) => return Err(format!("written in format {format}, not in {FORMAT}")),
        None => return Err("damaged: no format".to_owned()),
    }
    let snapshot: Snapshot = serde_json::from_value(snapshot)
        .map_err(|_| "damaged: not what a cache holds".to_owned())?;
    debug_assert_eq!(snapshot.format, FORMAT);
    let found: Vec<Found> = snapshot.found.into_iter().map(Entry::into_found).collect();
    if !found.iter().map(Question::of).eq(questions.iter().cloned()) {
        return Err("written for other prefixes or services".to_owned());
    }
    Ok(found)
}

impl Entry {
    fn into_found(self) -> Found {
        match self {
            Self::Folder { folder, pairs } => Found::Folder { folder, pairs },
            Self::Service { service, instances } => Found::Service { service, instances },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn found() -> Vec<Found> {
        let pair = |key: &str, value: &[u8]| KvPair {
            key: key.to_owned(),
            value: value.to_vec(),
            ..KvPair::default()
        };
        let instance = Instance {
            id: "db:1".to_owned(),
            address: "10.0.0.1".to_owned(),
            port: 5432,
            name: "db".to_owned(),
            tags: vec!["primary".to_owned()],
        };
        vec![
            Found::Service { service: "db".to_owned(), instances: vec![instance] },
            Found::Folder {
                folder: "app/x/".to_owned(),
                pairs: vec![pair("app/x/A", b"\xff\0s3cr3t"), pair("app/x/B", b"")],
            },
        ]
    }

    fn questions(found: &[Found]) -> Vec<Question> {
        found.iter().map(Question::of).collect()
    }

    #[test]
    fn gives_back_what_it_was_given_to_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.json");
        for found in [found(), vec![], found()] {
            write(&path, &found).unwrap();
            assert_eq!(read(&path, &questions(&found)).unwrap(), found);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write(&folder.path().join("none/cache"), &found()).is_err());
    }

    #[test]
    fn refuses_what_it_did_not_write() {
        let found = found();
        let questions = questions(&found);
        let text = encode(&found);
        let [service, kv] = questions.clone().try_into().unwrap();
        for (text, questions, want) in [
            (text.as_str(), vec![kv.clone()], "for other prefixes"),
            (&text, vec![kv, service], "for other prefixes"),
            (text.split_at(text.len() / 2).0, questions.clone(), "damaged in line 1, column "),
            ("", questions.clone(), "damaged in line 1, column 0"),
            ("{}", questions.clone(), "no format"),
            ("[]", questions.clone(), "no format"),
            (r#"{"format": 2}"#, questions.clone(), "written in format 2, not in 1"),
            (
                r#"{"format": 1, "found": [{"folder": 1}]}"#,
                questions.clone(),
                "not what a cache holds",
            ),
            (&text.replace("/wBz", "?wBz"), questions.clone(), "not what a cache holds"),
        ] {
            let error = decode(text.as_bytes(), &questions).unwrap_err();
            assert!(error.contains(want) && !error.contains("s3cr3t"), "{error}");
        }
        let error = read(Path::new("/no/such/cache"), &questions).unwrap_err().to_string();
        assert!(error.starts_with("/no/such/cache: No such file"), "{error}");
    }
}
