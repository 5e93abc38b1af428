//! Reading a template with what belongs to it: partials, settings, and what these may be.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use thiserror::Error;

use crate::config::settings::{self, Delimiters, MissingKey, Template};
use crate::render::{Language, Source};
use crate::schema::{Schema, Violation};

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
    /// It holds no settings, or such as the schema does not allow, or no schema.
    #[error("{}: {reason}", path.display())]
    Values {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
}

/// Reads a template, the partials in the folder `partials` beside it, and the settings in `values.toml` beside it with
/// those in `overrides` on top, as `values.schema.json` beside it allows them. `delimiters` are those of templates that
/// have none of their own.
pub fn load(
    template: &Template,
    delimiters: &Delimiters,
    overrides: Option<&Path>,
) -> Result<Source, SourceError> {
    let (text, language) = match &template.source {
        settings::Source::File(path) => (read(path)?, Language::of(path)),
        settings::Source::Contents(text) => (text.clone(), Language::Go),
    };
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
        values: values(template.folder(), overrides)?,
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
    })
}

/// The settings in a folder, with others on top.
fn values(folder: &Path, overrides: Option<&Path>) -> Result<Json, SourceError> {
    let mut values = Json::Object(Map::new());
    let beside = folder.join("values.toml");
    if beside.exists() {
        merge(&mut values, read_values(&beside)?);
    }
    let overrides = match overrides {
        Some(path) => Some((path, read_values(path)?)),
        None => None,
    };
    if let Some((_, overrides)) = &overrides {
        merge(&mut values, overrides.clone());
    }
    let schema = folder.join("values.schema.json");
    if schema.exists() {
        let overrides = overrides.as_ref().map(|(path, values)| (*path, values));
        check(&read_schema(&schema)?, &values, &beside, overrides)?;
    }
    Ok(values)
}

fn read_schema(path: &Path) -> Result<Schema, SourceError> {
    let wrong = |reason| SourceError::Values { path: path.to_owned(), reason };
    Schema::parse(&read(path)?).map_err(wrong)
}

/// Demands of settings what a schema says. What is wrong is in the file that the values come from.
fn check(
    schema: &Schema,
    values: &Json,
    beside: &Path,
    overrides: Option<(&Path, &Json)>,
) -> Result<(), SourceError> {
    let violations = schema.check(values);
    let file = |violation: &Violation| match overrides {
        Some((path, values)) if values.pointer(&violation.place).is_some() => path,
        _ => beside,
    };
    let Some(path) = violations.first().map(file) else { return Ok(()) };
    let of_this_file = violations.iter().filter(|it| file(it) == path);
    let reasons: Vec<_> = of_this_file.map(|it| format!("{}: {}", it.key, it.reason)).collect();
    Err(SourceError::Values { path: path.to_owned(), reason: reasons.join("; ") })
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
    fn a_setting_that_is_not_allowed_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let port = r#"{"type": "object", "required": ["port"], "properties": {"port": {"type": "integer"}}}"#;
        write(
            "values.schema.json",
            &format!(r#"{{"properties": {{"a": {port}, "list": {{"items": {port}}}}}}}"#),
        );
        let site = write("site.toml", "a.port = 2\nlist = [{ port = 3 }]");
        let beside = write("values.toml", "a.port = 1\nlist = []");
        let read = |overrides| values(folder.path(), overrides).map_err(|it| it.to_string());
        assert_eq!(read(Some(&site)), Ok(json!({"a": {"port": 2}, "list": [{"port": 3}]})));

        write("site.toml", "a.port = true\nlist = [{}]");
        let error = read(Some(&site)).unwrap_err();
        let want = "a.port: true is not of type \"integer\"; list[0].port: it is missing";
        assert_eq!(error, format!("{}: {want}", site.display()));
        write("site.toml", "list = [{}]");
        write("values.toml", "a.port = 'x'");
        let error = read(Some(&site)).unwrap_err();
        assert_eq!(
            error,
            format!("{}: a.port: \"x\" is not of type \"integer\"", beside.display())
        );
        write("values.schema.json", "{]");
        assert!(read(None).unwrap_err().contains("values.schema.json"));
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
