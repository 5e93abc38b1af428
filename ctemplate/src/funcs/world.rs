//! Environment variables and files.

use std::path::Path;

use gotemplate::{Error, Value};

use super::Parameter::Text;
use super::consul::known;
use super::{Function, texts};
use crate::dependency::Dependency;
use crate::render::session::Session;

/// The functions of environment variables. A template sees those that were set when it was parsed.
pub const VARIABLES: &[Function] = &[
    Function::new("env", &[Text], env),
    Function::new("mustEnv", &[Text], must_env),
    Function::new("envOrDefault", &[Text, Text], env_or_default),
];

/// The functions of files.
pub const FILES: &[Function] = &[Function::new("file", &[Text], file)];

type Result = std::result::Result<Value, Error>;

/// `env NAME`: an environment variable, empty when it is not set.
pub fn env(session: &Session, arguments: &[Value]) -> Result {
    let [name] = texts(arguments)?;
    Ok(session.variable(name).unwrap_or_default().into())
}

/// `mustEnv NAME`: an environment variable that must be set and not empty.
pub fn must_env(session: &Session, arguments: &[Value]) -> Result {
    let [name] = texts(arguments)?;
    let value = session.variable(name).filter(|value| !value.is_empty());
    value
        .map(Value::from)
        .ok_or_else(|| Error::new(format!("required environment variable {name} is empty")))
}

/// `envOrDefault NAME DEFAULT`: an environment variable, or the default when it is not set.
pub fn env_or_default(session: &Session, arguments: &[Value]) -> Result {
    let [name, default] = texts(arguments)?;
    Ok(session.variable(name).unwrap_or(default).into())
}

/// `file PATH`: the text of a file.
pub fn file(session: &Session, arguments: &[Value]) -> Result {
    let [path] = texts(arguments)?;
    if path.is_empty() {
        return Ok("".into());
    }
    if let Some(sandbox) = &session.surroundings().sandbox {
        stay_within(sandbox, path)?;
    }
    let trimmed = path.trim();
    if trimmed.is_empty() {
        return Err(Error::new(format!("file: invalid format: {path:?}")));
    }
    Ok(known(session, Dependency::File(trimmed.into())).unwrap_or_else(|| "".into()))
}

/// Refuses a path that leads out of the sandbox, symbolic links followed.
fn stay_within(sandbox: &Path, path: &str) -> std::result::Result<(), Error> {
    let found = Path::new(path)
        .canonicalize()
        .map_err(|error| Error::new(format!("lstat {path}: {}", super::plugin::go_text(&error))))?;
    if found.starts_with(sandbox) {
        return Ok(());
    }
    Err(Error::new(format!("'{path}' is outside of sandbox")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_holds_also_against_links() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("file"), "").unwrap();
        std::fs::write(folder.path().join("secret"), "").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        let inside = inside.canonicalize().unwrap();
        let check = |name: &str| stay_within(&inside, inside.join(name).to_str().unwrap());
        assert!(check("file").is_ok());
        for name in ["link", "../secret", "../inside/../secret", "absent"] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
