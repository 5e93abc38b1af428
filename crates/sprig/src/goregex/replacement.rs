//! What `$1`, `${1}` and `${name}` stand for in a replacement.

/// Writes a replacement so that the `regex` crate takes the same parts of it for groups as Go.
pub(super) fn translate(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(tail) = tail.strip_prefix('$') {
            out.push_str("$$");
            rest = tail;
            continue;
        }
        let inner = tail.strip_prefix('{').unwrap_or(tail);
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let (name, after) = inner.split_at(inner.find(|c| !is_name(c)).unwrap_or(inner.len()));
        let after = if inner.len() < tail.len() { after.strip_prefix('}') } else { Some(after) };
        match after {
            Some(after) if !name.is_empty() => {
                out.push_str(&group(name));
                rest = after;
            }
            _ => {
                out.push_str("$$");
                rest = tail;
            }
        }
    }
    out + rest
}

/// A reference to a group.
fn group(name: &str) -> String {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && name.starts_with('0') && name.len() > 1 {
        // To Go this is no number, and no group can be named so.
        return String::new();
    }
    format!("${{{}}}", if is_number { name.to_owned() } else { safe_name(name) })
}

/// Names may begin with a digit in Go.
pub(super) fn safe_name(name: &str) -> String {
    let is_safe = !name.starts_with(|c: char| c.is_ascii_digit());
    if is_safe { name.to_owned() } else { format!("_{name}") }
}
