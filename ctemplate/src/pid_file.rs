//! The file that tells others our process id while we run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file with our process id. It is removed when this is dropped.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

/// The file cannot be written.
#[derive(Debug, Error)]
#[error("pid file {}: {error}", path.display())]
pub struct PidFileError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

impl PidFile {
    /// Writes the file. One that is there is replaced: who left it behind has ended, or the service manager is mistaken.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(path: &Path) -> Result<Self, PidFileError> {
        fs::write(path, std::process::id().to_string())
            .map_err(|error| PidFileError { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned() })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), error = %error, "Pid file not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_there_for_as_long_as_we_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        fs::write(&path, "1234567").unwrap();
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        drop(file);
        assert!(!path.exists());
        let error = PidFile::write(&folder.path().join("a/b")).unwrap_err().to_string();
        assert!(error.starts_with("pid file ") && error.contains("a/b: No such file"), "{error}");
    }
}
