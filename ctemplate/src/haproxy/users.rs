//! The users of a service with basic authentication, from a key.
//!
//! A line is `NAME:HASH`, the hash as `mkpasswd -m sha-512` gives it. Reports never hold the line: it is a secret.

use serde::Serialize;

use crate::haproxy::names;

/// Somebody who may enter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password's hash, SHA-256 or SHA-512 of crypt(3).
    pub hash: String,
}

/// The users, and which lines are left out.
pub fn users(path: &str, text: &str) -> (Vec<User>, Vec<String>) {
    let (mut users, mut problems) = (Vec::<User>::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let user =
            line.split_once(':').filter(|(name, hash)| names::is_name(name) && is_hash(hash));
        match user {
            Some((name, _)) if users.iter().any(|user| user.name == name) => {
                problems.push(format!("key {path:?}: line {number} is left out: that user is listed already"));
            }
            Some((name, hash)) => users.push(User { name: name.to_owned(), hash: hash.to_owned() }),
            None => problems.push(format!(
                "key {path:?}: line {number} is left out: it is no NAME:HASH with a hash that begins with $5$ or $6$"
            )),
        }
    }
    (users, problems)
}

/// A number of rounds is refused: HAProxy computes the hash on each request, in its only thread for that connection.
fn is_hash(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("$5$").or_else(|| text.strip_prefix("$6$")) else {
        return false;
    };
    let is_base64 = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '/'))
    };
    rest.split_once('$').is_some_and(|(salt, hash)| {
        is_base64(salt) && salt.len() <= 16 && is_base64(hash) && matches!(hash.len(), 43 | 86)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_users() {
        let hash = format!("$6$salt${}", "x".repeat(86));
        let text = format!(
            "ann:{hash}\n\nbob:secret\ncy d:{hash}\nann:{hash}\n{hash}\neve:$6$rounds=99999999$salt${}",
            "x".repeat(86)
        );
        let (users, problems) = users("k", &text);
        assert_eq!(users, [User { name: "ann".to_owned(), hash }]);
        assert_eq!(problems.len(), 5, "{problems:#?}");
        assert!(!problems.concat().contains("secret"));
    }
}
