//! Secrets that a program is given: as they are, or as the name of a file.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::redact::Redacted;

/// A token or password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// As it is.
    Value(Redacted<String>),
    /// In this file, which is read again each time, so that a new secret needs no restart. It is small, and read from the
    /// page cache in microseconds.
    File(PathBuf),
}

impl Secret {
    /// The secret as it is now. Space around it, such as the newline at the end of a file, is no part of it.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is empty, or is no text.
    pub fn read(&self) -> Result<Redacted<String>, SecretError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::File(path) => read(path)
                .map_err(|reason| SecretError { path: path.clone(), reason: reason.to_string() }),
        }
    }

    /// What comes first of an option, an option that names a file, and the two variables of the environment that do the
    /// same. What is empty is not given.
    pub fn first(
        value: Option<&Redacted<String>>,
        file: Option<&Path>,
        variable: impl Fn(&'static str) -> Option<String>,
        [name, name_of_file]: [&'static str; 2],
    ) -> Option<Self> {
        let given = value.filter(|value| !value.expose().is_empty()).cloned().map(Self::Value);
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        given
            .or_else(|| file.map(Path::to_owned).map(Self::File))
            .or_else(|| variable(name).map(Self::from))
            .or_else(|| variable(name_of_file).map(|path| Self::File(path.into())))
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::Value(value.into())
    }
}

/// A file that holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct SecretError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

fn read(path: &Path) -> io::Result<Redacted<String>> {
    let text = fs::read_to_string(path)?;
    match text.trim() {
        "" => Err(io::Error::new(io::ErrorKind::InvalidData, "the file is empty")),
        secret => Ok(Redacted::new(secret.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let secret = Secret::File(path.clone());
        assert!(secret.read().unwrap_err().to_string().contains("/token: No such file"));
        for (text, want) in [("first\n", Some("first")), ("second", Some("second")), (" \n", None)]
        {
            fs::write(&path, text).unwrap();
            assert_eq!(secret.read().ok().map(|secret| secret.expose().clone()).as_deref(), want);
        }
    }
}
