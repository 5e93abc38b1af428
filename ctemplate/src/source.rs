//! Reading a template with what belongs to it: partials and settings.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use thiserror::Error;

use crate::config::settings::{self, Delimiters, MissingKey, Template};
use crate::render::{Language, Source};

/// A file that belongs to a template and cannot be used.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It holds no settings.
    #[error("{}: {reason}", path.display())]
    Values {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
}

/// Reads a template, the partials in the folder `partials` beside it, and the settings in `values.toml` beside it with
/// those in `overrides` on top. `delimiters` are those of templates that have none of their own.
pub fn load(
    template: &Template,
    delimiters: &Delimiters,
    overrides: Option<&Path>,
) -> Result<Source, SourceError> {
    let (text, language) = match &template.source {
        settings::Source::File(path) => (read(path)?, Language::of(path)),
        settings::Source::Contents(text) => (text.clone(), Language::Go),
    };
    let mut values = Json::Object(Map::new());
    let beside = template.folder().join("values.toml");
    if beside.exists() {
        merge(&mut values, read_values(&beside)?);
    }
    if let Some(overrides) = overrides {
        merge(&mut values, read_values(overrides)?);
    }
    let delimiter = |given: &Option<String>, usual: &Option<String>| {
        given.as_ref().or(usual.as_ref()).cloned().unwrap_or_default()
    };
    let Delimiters { left, right } = &template.delimiters;
    Ok(Source {
        name: template.name().display().to_string(),
        text,
        language,
        delimiters: (delimiter(left, &delimiters.left), delimiter(right, &delimiters.right)),
        missing_key_is_error: template.missing_key == MissingKey::Error,
        denied: template.function_denylist.clone(),
        sandbox: template.sandbox_path.clone(),
        partials: read_partials(&template.folder().join("partials"), language)?,
        values,
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
    })
}

/// Lays settings over others: tables are merged, everything else is replaced.
fn merge(under: &mut Json, over: Json) {
    match (under, over) {
        (Json::Object(under), Json::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key).or_insert(Json::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

fn read_values(path: &Path) -> Result<Json, SourceError> {
    let wrong = |reason: String| SourceError::Values { path: path.to_owned(), reason };
    let text = read(path)?;
    let values: Json = if path.extension() == Some("json".as_ref()) {
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
    } else {
        toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?
    };
    if values.is_object() {
        Ok(values)
    } else {
        Err(wrong("settings are a table of names".to_owned()))
    }
}

fn read_partials(
    folder: &Path,
    language: Language,
) -> Result<BTreeMap<String, String>, SourceError> {
    let failed = |error| SourceError::Read { path: folder.to_owned(), error };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(failed)?,
    };
    let mut partials = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension() == Some(language.extension().as_ref())
            && let Some(name) = path.file_stem()
        {
            partials.insert(name.to_string_lossy().into_owned(), read(&path)?);
        }
    }
    Ok(partials)
}

fn read(path: &Path) -> Result<String, SourceError> {
    fs::read_to_string(path).map_err(|error| SourceError::Read { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(under: &Json, over: &Json) -> Json {
        let mut result = under.clone();
        merge(&mut result, over.clone());
        result
    }

    #[test]
    fn later_settings_win_and_tables_are_merged() {
        let under = json!({"a": {"x": 1, "y": [1, 2]}, "b": 1});
        let over = json!({"a": {"y": [3], "z": 4}, "c": 5});
        assert_eq!(merged(&under, &over), json!({"a": {"x": 1, "y": [3], "z": 4}, "b": 1, "c": 5}));
    }

    #[test]
    fn a_wrong_file_is_named_with_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.toml");
        fs::write(&path, "a = 1\nb = \n").unwrap();
        let error = read_values(&path).unwrap_err().to_string();
        assert!(error.contains("values.toml") && error.contains("line 2"), "{error}");
        assert!(
            read_values(&folder.path().join("absent.toml"))
                .unwrap_err()
                .to_string()
                .contains("absent.toml")
        );
    }
}
