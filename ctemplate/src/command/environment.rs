//! The environment of a child (pure): ours, Consul's address, and what the configuration says.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use regex::Regex;

use crate::config::settings::{Consul, Env};

/// The variables of a child by their names.
pub type Variables = BTreeMap<OsString, OsString>;

/// How Consul is reached, in the variables of its own tools, so that a child asks the same Consul.
pub fn of_consul(consul: &Consul) -> Vec<(String, String)> {
    let mut variables = vec![
        ("CONSUL_HTTP_ADDR".to_owned(), consul.address.clone()),
        ("CONSUL_HTTP_SSL".to_owned(), is_encrypted(consul).to_string()),
    ];
    let verify = consul.ssl.as_ref().is_none_or(|ssl| ssl.verify);
    variables.push(("CONSUL_HTTP_SSL_VERIFY".to_owned(), verify.to_string()));
    match &consul.token {
        Some(daemon::secret::Secret::Value(token)) => {
            variables.push(("CONSUL_HTTP_TOKEN".to_owned(), token.expose().clone()));
        }
        Some(daemon::secret::Secret::File(path)) => {
            variables.push(("CONSUL_HTTP_TOKEN_FILE".to_owned(), path.display().to_string()));
        }
        None => {}
    }
    if let Some(auth) = &consul.auth {
        let value = format!("{}:{}", auth.username, auth.password.expose());
        variables.push(("CONSUL_HTTP_AUTH".to_owned(), value));
    }
    variables
}

fn is_encrypted(consul: &Consul) -> bool {
    consul.ssl.is_some() || consul.address.starts_with("https://")
}

/// What a child gets: of `ours` what the lists allow, over that `consul`, over that the configuration's own.
pub fn of_child(
    env: &Env,
    ours: impl IntoIterator<Item = (OsString, OsString)>,
    consul: &[(String, String)],
) -> Variables {
    let (allowed, denied) = (patterns(&env.allowlist), patterns(&env.denylist));
    let is_wanted = |name: &OsStr| {
        let name = name.to_string_lossy();
        let is_among = |patterns: &[Regex]| patterns.iter().any(|it| it.is_match(&name));
        !env.pristine && (env.allowlist.is_empty() || is_among(&allowed)) && !is_among(&denied)
    };
    let inherited = ours.into_iter().filter(|(name, _)| is_wanted(name));
    let consul = consul.iter().map(|(name, value)| (name.into(), value.into()));
    let custom = env.custom.iter().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.into(), value.into())
    });
    inherited.chain(consul).chain(custom).collect()
}

/// Globs as Go's `filepath.Match` reads them, but for the slash, which names do not have.
fn patterns(globs: &[String]) -> Vec<Regex> {
    // A class that is none matches nothing, as there.
    globs.iter().filter_map(|glob| Regex::new(&translated(glob)).ok()).collect()
}

fn translated(glob: &str) -> String {
    let mut pattern = String::from("(?s)^");
    let mut rest = glob.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            '[' => {
                pattern.push('[');
                pattern.extend(rest.by_ref().take_while(|c| *c != ']'));
                pattern.push(']');
            }
            '\\' => pattern.push_str(&regex::escape(&rest.next().unwrap_or('\\').to_string())),
            _ => pattern.push_str(&regex::escape(&c.to_string())),
        }
    }
    pattern + "$"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(env: &Env) -> Vec<String> {
        let ours = ["HOME", "PATH", "APP_A", "APP_B", "SECRET"];
        let ours = ours.map(|name| (name.into(), "ours".into()));
        let consul = [("CONSUL_HTTP_ADDR".to_owned(), "here".to_owned())];
        let variables = of_child(env, ours, &consul);
        variables.keys().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn lists_say_what_a_child_gets() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let all = ["APP_A", "APP_B", "CONSUL_HTTP_ADDR", "HOME", "PATH", "SECRET"];
        assert_eq!(names(&Env::default()), all);
        let rows: [(&[&str], &[&str], &[&str]); 4] = [
            (&["APP_*"], &[], &["APP_A", "APP_B", "CONSUL_HTTP_ADDR"]),
            (&["APP_?"], &["*_B"], &["APP_A", "CONSUL_HTTP_ADDR"]),
            (&[], &["[A-H]*"], &["CONSUL_HTTP_ADDR", "PATH", "SECRET"]),
            (&["HOM", "[", "OME"], &[], &["CONSUL_HTTP_ADDR"]),
        ];
        for (allow, deny, want) in rows {
            let env = Env { allowlist: list(allow), denylist: list(deny), ..Env::default() };
            assert_eq!(names(&env), want, "{allow:?} {deny:?}");
        }
        let env = Env { pristine: true, custom: list(&["A=1=2", "B"]), ..Env::default() };
        assert_eq!(names(&env), ["A", "B", "CONSUL_HTTP_ADDR"]);
    }

    #[test]
    fn what_is_custom_goes_over_everything() {
        let env = Env { custom: vec!["CONSUL_HTTP_ADDR=a=b".to_owned()], ..Env::default() };
        let consul = [("CONSUL_HTTP_ADDR".to_owned(), "here".to_owned())];
        let variables = of_child(&env, [("CONSUL_HTTP_ADDR".into(), "ours".into())], &consul);
        assert_eq!(variables[OsStr::new("CONSUL_HTTP_ADDR")], OsStr::new("a=b"));
    }
}
