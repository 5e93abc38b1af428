//! `{host}`, `{port:http}` and the like in tags and metadata.

use marathon::{App, Task};

use crate::ports::Port;

/// What placeholders are filled from.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The app.
    pub app: &'a App,
    /// One of its tasks.
    pub task: &'a Task,
    /// The port that is registered.
    pub port: &'a Port,
    /// All ports of the task.
    pub ports: &'a [Port],
}

/// Fills `{host}`, `{address}`, `{port}`, `{port:NAME}`, `{task}`, `{app}` and `{version}`. Other braces are left as they are:
/// they may be meant for somebody else.
///
/// # Errors
/// The port that a placeholder names and the task has not.
pub fn fill(text: &str, place: Place<'_>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        match value(name, place)? {
            Some(value) => filled.push_str(&value),
            None => filled.extend(["{", name, "}"]),
        }
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(name: &str, place: Place<'_>) -> Result<Option<String>, String> {
    let Place { app, task, port, ports } = place;
    Ok(Some(match name {
        "host" => task.host.clone(),
        "address" => port.address.clone(),
        "port" => port.port.to_string(),
        "task" => task.id.to_string(),
        "app" => app.id.to_string(),
        "version" => task.version.as_deref().unwrap_or_else(|| app.config_version()).to_owned(),
        _ => match name.strip_prefix("port:") {
            Some(wanted) => {
                let is_meant = |port: &&Port| {
                    port.name.as_deref() == Some(wanted) || port.declared.to_string() == wanted
                };
                let found = ports.iter().find(is_meant);
                found.ok_or_else(|| format!("the task has no port {wanted:?}"))?.port.to_string()
            }
            None => return Ok(None),
        },
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metadata::tests::{app, port};

    #[test]
    fn placeholders() {
        let app = app(&[], &[], &json!({}));
        let task = json!({"id": "web.1", "host": "srv1", "version": "v"});
        let task = serde_json::from_value(task).unwrap();
        let port = port();
        let place =
            Place { app: &app, task: &task, port: &port, ports: std::slice::from_ref(&port) };
        let rows = [
            ("", Ok("")),
            ("plain", Ok("plain")),
            ("{host} {address}:{port}", Ok("srv1 10.0.0.1:31000")),
            ("{app}/{task}@{version}", Ok("/app/production/web/web.1@v")),
            ("{port:web-ui}{port:80}", Ok("3100031000")),
            ("{port:db}", Err("the task has no port \"db\"")),
            ("{unknown} {} { {{host}", Ok("{unknown} {} { {{host}")),
        ];
        for (text, want) in rows {
            let want = want.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(fill(text, place), want, "{text}");
        }
    }
}
