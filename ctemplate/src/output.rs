//! Writing a file so that nobody ever sees half of it.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};
use thiserror::Error;

use crate::command::{Command, CommandError};

/// The mode of a file that did not exist before; consul-template's default.
const MODE: u32 = 0o644;

/// A file that is not installed. The old one, if any, is as it was.
#[derive(Debug, Error)]
pub enum OutputError {
    /// It cannot be written.
    #[error("{}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The check refused it.
    #[error("{}: refused by {error}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the check said.
        #[source]
        error: CommandError,
    },
}

/// Makes a file hold the given text. False when it does already.
///
/// The text goes to a new file in the same folder, which gets the old one's mode and owner, passes the check, and takes
/// its place by a rename: readers see the old file or the new one, also after a crash.
pub async fn install(
    path: &Path,
    text: &str,
    check: Option<&Command>,
) -> Result<bool, OutputError> {
    let write = |error| OutputError::Write { path: path.to_owned(), error };
    if holds(path, text).map_err(write)? {
        return Ok(false);
    }
    let candidate = candidate(path, text).map_err(write)?;
    if let Some(check) = check {
        let checked = check.with_path(candidate.path()).run().await;
        checked.map_err(|error| OutputError::Refused { path: path.to_owned(), error })?;
    }
    replace(path, candidate).map_err(write)?;
    Ok(true)
}

/// Whether a file holds the given text already.
pub fn holds(path: &Path, text: &str) -> io::Result<bool> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes == text.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn candidate(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = folder(path);
    fs::create_dir_all(folder)?;
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_string_lossy();
    let mut candidate = Builder::new().prefix(&format!(".{name}.")).tempfile_in(folder)?;
    candidate.write_all(text.as_bytes())?;
    let file = candidate.as_file();
    match fs::metadata(path) {
        Ok(old) => {
            file.set_permissions(old.permissions())?;
            // Only root may give files away; what does not work here did not work for the old file's writer either.
            drop(std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid())));
        }
        Err(_) => file.set_permissions(Permissions::from_mode(MODE))?,
    }
    file.sync_all()?;
    Ok(candidate)
}

fn replace(path: &Path, candidate: NamedTempFile) -> io::Result<()> {
    candidate.persist(path).map_err(|error| error.error)?;
    // The rename itself is on disk only when the folder is.
    File::open(folder(path))?.sync_all()
}

/// The folder a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install_now(path: &Path, text: &str, check: Option<&str>) -> Result<bool, OutputError> {
        let check = check.map(|line| Command::new(line.to_owned()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(install(path, text, check.as_ref()))
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_is_replaced_only_when_it_differs_and_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/out.cfg");
        assert!(install_now(&path, "a", None).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        assert!(!install_now(&path, "a", Some("false")).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
        assert!(install_now(&path, "b", None).unwrap());
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(
            (metadata.permissions().mode() & 0o777, metadata.ino() == inode),
            (0o600, false)
        );
        assert_eq!(names(&folder.path().join("new")), ["out.cfg"]);
    }

    #[test]
    fn a_file_that_fails_its_check_is_not_installed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.cfg");
        assert!(install_now(&path, "good", Some("grep -q good {}")).unwrap());
        let error =
            install_now(&path, "bad", Some("grep good {} || { echo nothing good; false; }"))
                .unwrap_err();
        assert!(error.to_string().ends_with("exit status: 1: nothing good"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "good");
        assert_eq!(names(folder.path()), ["out.cfg"]);
    }

    #[test]
    fn a_folder_cannot_be_a_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(install_now(folder.path(), "a", None), Err(OutputError::Write { .. })));
    }
}
