//! Configuration files and folders of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::decode::Scope;
use super::layer::{Layer, Merge};

/// Reads a file, or all files in a folder and the folders in it, in the order of their names. A link in a folder must lead to a
/// file, as in consul-template.
pub(super) fn read(path: &Path, warnings: &mut Vec<String>) -> Result<Layer, ConfigError> {
    let mut layer = Layer::default();
    for file in files(path)? {
        let text = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
        layer.merge(parse(&text, &file.display().to_string(), warnings)?);
    }
    Ok(layer)
}

/// Reads the text of a configuration.
pub(super) fn parse(
    text: &str,
    file: &str,
    warnings: &mut Vec<String>,
) -> Result<Layer, ConfigError> {
    let mut scope = Scope::new(file.to_owned());
    let layer = hcl::parse(text)
        .and_then(|object| Layer::of_file(&object, &mut scope))
        .map_err(|error| ConfigError::Text { file: file.to_owned(), error })?;
    warnings.append(&mut scope.warnings);
    Ok(layer)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let kind = fs::metadata(path).map_err(|error| unreadable(path, error))?.file_type();
    if kind.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    if !kind.is_dir() {
        let error = io::Error::other("neither a file nor a folder");
        return Err(unreadable(path, error));
    }
    let mut files = Vec::new();
    collect(path, &mut files)?;
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), ConfigError> {
    let failed = |error| unreadable(folder, error);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type().map_err(failed)?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: io::Error) -> ConfigError {
    ConfigError::File { path: path.to_owned(), error }
}
