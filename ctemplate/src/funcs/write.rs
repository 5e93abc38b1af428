//! Files that a template writes besides its own.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use gotemplate::{Error, Value, sprintf};

use super::Parameter::Text;
use super::plugin::go_text;
use super::{Function, text_of};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] =
    &[Function::new("writeToFile", &[Text, Text, Text, Text], write_to_file).rest(Text)];

/// `writeToFile PATH USER GROUP PERMISSIONS [FLAGS] CONTENT`: writes a file at each rendering, and prints nothing. An
/// empty user or group is the program's own. Flags are `append` and `newline`.
pub fn write_to_file(_: &Session, arguments: &[Value]) -> Result<Value, Error> {
    let texts = arguments.iter().map(text_of).collect::<Result<Vec<_>, _>>()?;
    let [path, user, group, permissions, rest @ ..] = texts.as_slice() else {
        return Ok("".into());
    };
    let (flags, content) = match rest {
        [flags, content] => (*flags, *content),
        [.., content] => ("", *content),
        [] => return Err(Error::new("runtime error: index out of range [-1]")),
    };
    let mode = u32::from_str_radix(permissions, 8).map_err(|_| {
        Error::new(sprintf(
            "strconv.ParseUint: parsing %q: invalid syntax",
            &[(*permissions).into()],
        ))
    })?;
    let failed = |what: &'static str| {
        move |error: io::Error| Error::new(format!("{what} {path}: {}", go_text(&error)))
    };
    let mut file = open(Path::new(path), flags.contains("append"), mode).map_err(failed("open"))?;
    file.write_all(content.as_bytes()).map_err(failed("write"))?;
    if flags.contains("newline") {
        file.write_all(b"\n").map_err(failed("write"))?;
    }
    let (user, group) = (id(user, "passwd", "user")?, id(group, "group", "group")?);
    if user.is_some() || group.is_some() {
        chown(path, user, group).map_err(failed("chown"))?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed("chmod"))?;
    Ok("".into())
}

fn open(path: &Path, appends: bool, mode: u32) -> io::Result<File> {
    if appends {
        return OpenOptions::new().append(true).create(true).mode(mode).open(path);
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

/// The number of a user or group, by name or number; `None` for an empty name.
fn id(name: &str, database: &str, kind: &str) -> Result<Option<u32>, Error> {
    if name.is_empty() {
        return Ok(None);
    }
    let entries = fs::read_to_string(Path::new("/etc").join(database)).unwrap_or_default();
    let known = entries.lines().find_map(|line| {
        let mut parts = line.split(':');
        let id = parts.next().filter(|entry| *entry == name).and_then(|_| parts.nth(1));
        id.and_then(|id| id.parse().ok())
    });
    match known.or_else(|| name.parse().ok()) {
        Some(id) => Ok(Some(id)),
        None => Err(Error::new(format!("{kind}: unknown {kind} {name}"))),
    }
}
