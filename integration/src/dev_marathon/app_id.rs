//! The absolute path that names an app.

use std::fmt;

/// An app's id in its one normal form: a leading slash, no empty segment, no `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(String);

/// Ends of paths that Marathon's own routes need.
const RESERVED: [&str; 3] = ["restart", "tasks", "versions"];

impl AppId {
    /// Reads an id as clients write it: with or without a leading slash, relative to the root.
    ///
    /// Answers `None` for what Marathon calls an invalid path.
    pub fn parse(text: &str) -> Option<Self> {
        let mut segments: Vec<&str> = Vec::new();
        for segment in text.split('/').filter(|s| !s.is_empty()) {
            match segment {
                "." => {}
                ".." => drop(segments.pop()?),
                _ if segment.split('.').all(is_label) => segments.push(segment),
                _ => return None,
            }
        }
        let last = segments.last()?;
        (!RESERVED.contains(last)).then(|| Self(format!("/{}", segments.join("/"))))
    }

    /// With the leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The start of task ids: segments joined by `_`.
    pub fn safe_path(&self) -> String {
        self.0.trim_start_matches('/').replace('/', "_")
    }

    /// The group it is in; `/` at the top.
    pub fn parent(&self) -> &str {
        match self.0.rsplit_once('/') {
            Some(("", _)) | None => "/",
            Some((parent, _)) => parent,
        }
    }

    /// Whether it is in `group` or in a group below.
    pub fn is_in(&self, group: &str) -> bool {
        let group = group.trim_matches('/');
        let path = self.0.trim_start_matches('/');
        group.is_empty() || path.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, as a host name's label.
fn is_label(label: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !label.is_empty()
        && label.chars().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_normal_form() {
        let rows = [
            ("/a/b", Some("/a/b")),
            ("a/b", Some("/a/b")),
            ("//a//b/", Some("/a/b")),
            ("a/../b", Some("/b")),
            ("./web.example-1", Some("/web.example-1")),
            ("..", None),
            ("", None),
            ("/", None),
            ("/Upper", None),
            ("/-a", None),
            ("/a-", None),
            ("/a_b", None),
            ("/a/restart", None),
            ("/a/tasks", None),
            ("/versions", None),
            ("/restart/a", Some("/restart/a")),
        ];
        for (text, want) in rows {
            assert_eq!(AppId::parse(text).as_ref().map(AppId::as_str), want, "{text:?}");
        }
    }

    #[test]
    fn knows_its_group() {
        let id = AppId::parse("/app/production/web").unwrap();
        assert_eq!(id.parent(), "/app/production");
        assert_eq!(AppId::parse("web").unwrap().parent(), "/");
        assert_eq!(id.safe_path(), "app_production_web");
        assert!(id.is_in("/app") && id.is_in("") && id.is_in("/app/production/"));
        assert!(!id.is_in("/app/prod") && !id.is_in("/app/production/web"));
    }
}
