//! Writing a file so that nobody ever sees half of it.

mod owner;

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};
use thiserror::Error;

use self::owner::Owner;
use crate::command::{Command, CommandError};
use crate::config::settings::{Template, Write};

/// The mode of a file that did not exist before; consul-template's default.
const MODE: u32 = 0o644;
/// The bits of a mode that can be asked for.
const MODE_BITS: u32 = 0o7777;

/// A file that is not installed. The old one, if any, is as it was.
#[derive(Debug, Error)]
pub enum OutputError {
    /// It cannot be read or written.
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

/// A file, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The file.
    pub path: PathBuf,
    create_folders: bool,
    perms: Option<u32>,
    user: Option<String>,
    group: Option<String>,
    backup: bool,
    write: Write,
}

impl Destination {
    /// The file of a template, if it has one.
    pub fn of(template: &Template) -> Option<Self> {
        Some(Self {
            path: template.destination.clone()?,
            create_folders: template.create_dest_dirs,
            perms: template.perms,
            user: template.user.clone(),
            group: template.group.clone(),
            backup: template.backup,
            write: template.write,
        })
    }

    /// What the file holds, `None` when it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(&self) -> Result<Option<Vec<u8>>, OutputError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.wrong(error)),
        }
    }

    /// Gives the file, which holds the right text already, the mode and the owner that are asked for.
    ///
    /// # Errors
    ///
    /// When it may not be changed.
    pub fn settle(&self) -> Result<(), OutputError> {
        let settle = || {
            let metadata = fs::metadata(&self.path)?;
            if self.perms.is_some_and(|mode| mode != metadata.mode() & MODE_BITS) {
                fs::set_permissions(
                    &self.path,
                    Permissions::from_mode(self.mode(Some(&metadata))),
                )?;
            }
            let owner = self.owner()?;
            if owner.differs(&metadata) { owner.give(&File::open(&self.path)?) } else { Ok(()) }
        };
        settle().map_err(|error| self.wrong(error))
    }

    /// Makes the file hold another text, if the check lets it.
    ///
    /// The text goes to a new file in the same folder, which passes the check and takes the old one's place by a rename:
    /// readers see the old text or the new one, also after a crash. Written in place, only the check sees a new file.
    ///
    /// # Errors
    ///
    /// Why the old file stays.
    pub async fn install(&self, text: &str, check: Option<&Command>) -> Result<(), OutputError> {
        let candidate = match (self.write, check) {
            (Write::InPlace, None) => return self.replace(text, None),
            (Write::InPlace, Some(_)) => self.candidate(text, &std::env::temp_dir()),
            (Write::Atomic, _) => self.candidate(text, folder(&self.path)),
        };
        let candidate = candidate.map_err(|error| self.wrong(error))?;
        if let Some(check) = check {
            let checked = check.with_path(candidate.path()).run().await;
            checked.map_err(|error| OutputError::Refused { path: self.path.clone(), error })?;
        }
        self.replace(text, Some(candidate))
    }

    /// Makes the file hold what it held before.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn restore(&self, bytes: &[u8]) -> Result<(), OutputError> {
        let restore = || match self.write {
            Write::InPlace => self.write_into(bytes),
            Write::Atomic => self.put(self.filled(bytes, folder(&self.path))?),
        };
        restore().map_err(|error| self.wrong(error))
    }

    fn replace(&self, text: &str, candidate: Option<NamedTempFile>) -> Result<(), OutputError> {
        let replace = || {
            self.keep_old()?;
            match (self.write, candidate) {
                (Write::Atomic, Some(candidate)) => self.put(candidate),
                _ => self.write_into(text.as_bytes()),
            }
        };
        replace().map_err(|error| self.wrong(error))
    }

    fn candidate(&self, text: &str, folder: &Path) -> io::Result<NamedTempFile> {
        if self.create_folders {
            fs::create_dir_all(folder)?;
        }
        self.filled(text.as_bytes(), folder)
    }

    /// A new file with the mode and the owner of the one it is for.
    fn filled(&self, bytes: &[u8], folder: &Path) -> io::Result<NamedTempFile> {
        let name = self.path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_string_lossy();
        let mut candidate = Builder::new().prefix(&format!(".{name}.")).tempfile_in(folder)?;
        candidate.write_all(bytes)?;
        let file = candidate.as_file();
        let old = fs::metadata(&self.path).ok();
        file.set_permissions(Permissions::from_mode(self.mode(old.as_ref())))?;
        if let Some(old) = &old {
            // Only root may give files away; what does not work here did not work for the old file's writer either.
            drop(std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid())));
        }
        self.owner()?.give(file)?;
        // Giving a file away takes the bits away that run it as its owner.
        file.set_permissions(Permissions::from_mode(self.mode(old.as_ref())))?;
        file.sync_all()?;
        Ok(candidate)
    }

    fn put(&self, candidate: NamedTempFile) -> io::Result<()> {
        candidate.persist(&self.path).map_err(|error| error.error)?;
        // The rename itself is on disk only when the folder is.
        File::open(folder(&self.path))?.sync_all()
    }

    fn write_into(&self, bytes: &[u8]) -> io::Result<()> {
        if self.create_folders {
            fs::create_dir_all(folder(&self.path))?;
        }
        let is_new = !self.path.exists();
        let options = OpenOptions::new().write(true).create(true).truncate(false).clone();
        let mut file = options.open(&self.path)?;
        file.write_all(bytes)?;
        file.set_len(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        self.owner()?.give(&file)?;
        if is_new || self.perms.is_some() {
            file.set_permissions(Permissions::from_mode(self.mode(None)))?;
        }
        file.sync_all()
    }

    /// Keeps the old file, under its name with `.bak` behind it.
    fn keep_old(&self) -> io::Result<()> {
        if !self.backup || !self.path.exists() {
            return Ok(());
        }
        let mut name = self.path.clone().into_os_string();
        name.push(".bak");
        let backup = PathBuf::from(name);
        if self.write == Write::Atomic {
            if let Err(error) = fs::remove_file(&backup)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            // The same file under two names, until the rename takes one of them.
            if fs::hard_link(&self.path, &backup).is_ok() {
                return Ok(());
            }
        }
        fs::copy(&self.path, &backup).map(drop)
    }

    fn mode(&self, old: Option<&Metadata>) -> u32 {
        self.perms.or_else(|| old.map(|old| old.mode() & MODE_BITS)).unwrap_or(MODE)
    }

    fn owner(&self) -> io::Result<Owner> {
        Owner::named(self.user.as_deref(), self.group.as_deref())
    }

    fn wrong(&self, error: io::Error) -> OutputError {
        OutputError::Write { path: self.path.clone(), error }
    }
}

/// The folder a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
