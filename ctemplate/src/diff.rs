//! What a text would change in a file (pure).

use std::path::Path;

use similar::TextDiff;

/// The unified diff from the old text, if there is one, to the new one; empty when they are equal.
pub fn unified(path: &Path, old: Option<&str>, new: &str) -> String {
    let name = path.display().to_string();
    let before = if old.is_some() { name.as_str() } else { "/dev/null" };
    let diff = TextDiff::from_lines(old.unwrap_or_default(), new);
    diff.unified_diff().context_radius(3).header(before, &name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let path = Path::new("/etc/a.cfg");
        assert_eq!(unified(path, Some("a\n"), "a\n"), "");
        assert_eq!(
            unified(path, Some("a\nb\n"), "a\nc\n"),
            "--- /etc/a.cfg\n+++ /etc/a.cfg\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
        );
        assert_eq!(
            unified(path, None, "a\n"),
            "--- /dev/null\n+++ /etc/a.cfg\n@@ -0,0 +1 @@\n+a\n"
        );
    }
}
