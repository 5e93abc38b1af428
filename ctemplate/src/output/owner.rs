//! To whom a file belongs.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};

use nix::unistd::{Group, User};

/// The user and the group that are asked for; none for what a file has anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    user: Option<u32>,
    group: Option<u32>,
}

impl Owner {
    /// Those of these names, or with these numbers.
    ///
    /// # Errors
    ///
    /// When there is no such user or group.
    pub(super) fn named(user: Option<&str>, group: Option<&str>) -> io::Result<Self> {
        let by_name = |name: &str| Ok(User::from_name(name)?.map(|user| user.uid.as_raw()));
        let user = user.map(|name| number("user", name, by_name)).transpose()?;
        let by_name = |name: &str| Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()));
        let group = group.map(|name| number("group", name, by_name)).transpose()?;
        Ok(Self { user, group })
    }

    /// Whether a file belongs to somebody else.
    pub(super) fn differs(self, metadata: &Metadata) -> bool {
        self.user.is_some_and(|user| user != metadata.uid())
            || self.group.is_some_and(|group| group != metadata.gid())
    }

    /// Gives the file to them.
    ///
    /// # Errors
    ///
    /// When it is not ours to give.
    pub(super) fn give(self, file: &File) -> io::Result<()> {
        if self.differs(&file.metadata()?) { fchown(file, self.user, self.group) } else { Ok(()) }
    }
}

fn number(
    kind: &str,
    name: &str,
    by_name: impl Fn(&str) -> io::Result<Option<u32>>,
) -> io::Result<u32> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    by_name(name)?.ok_or_else(|| io::Error::other(format!("there is no {kind} '{name}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_known() {
        let root = Owner { user: Some(0), group: Some(0) };
        assert_eq!(Owner::named(Some("root"), Some("0")).unwrap(), root);
        assert_eq!(Owner::named(None, None).unwrap(), Owner { user: None, group: None });
        for (user, group, want) in [
            (Some("nobody-here"), None, "there is no user 'nobody-here'"),
            (None, Some("-1"), "there is no group '-1'"),
        ] {
            assert_eq!(Owner::named(user, group).unwrap_err().to_string(), want);
        }
    }
}
