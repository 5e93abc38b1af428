//! Which keys of its app a service was made from: what an operator has to change when Consul does not take it.

use std::collections::BTreeMap;

use consul::Kind;
use marathon::AppId;

use crate::metadata::Metadata;
use crate::ports;
use crate::service::ServiceId;
use crate::view::View;

/// What a refusal is about, by words in Consul's answer, and the keys that decide about it. The first that fits counts.
const ABOUT: [(&str, &str); 6] = [
    ("check", "CHECK_"),
    ("address", "ADDRESS"),
    ("meta", "META_"),
    ("weight", "WEIGHT"),
    ("tag", "TAGS"),
    ("name", "NAME"),
];

/// The keys that count for a service, as written, by what they are about.
pub type Keys = BTreeMap<String, String>;

/// The keys that a service of an app was made from; none when Marathon no longer knows its task.
pub fn keys(view: &View, app: &AppId, id: &ServiceId) -> Keys {
    found(view, app, id).unwrap_or_default()
}

fn found(view: &View, app: &AppId, id: &ServiceId) -> Option<Keys> {
    let containers = view.named(app);
    let mut tasks = containers.iter().flat_map(|app| app.tasks.iter().map(move |task| (app, task)));
    let (app, task) = tasks.find(|(_, task)| task.id == id.task)?;
    let mut ports = ports::of_task(app, task, "").ok()?.ports.into_iter();
    let port = ports.find(|port| (port.declared, port.protocol) == (id.port, id.protocol))?;
    let metadata = Metadata::among(app, containers);
    let all = metadata.all(&port, "").into_iter();
    Some(all.map(|(about, found)| (about.to_owned(), found.key.to_owned())).collect())
}

/// Those of the keys that Consul's refusal is about; all when it does not say.
pub fn blamed(keys: Keys, refusal: &Kind) -> Vec<String> {
    // Rights are to a name.
    let words = match refusal {
        Kind::Status { status: 403, .. } => "name".to_owned(),
        Kind::Status { body, .. } => body.to_lowercase(),
        _ => String::new(),
    };
    let about = ABOUT.iter().find(|(word, _)| words.contains(word));
    let is_blamed = |what: &str| about.is_none_or(|(_, start)| what.starts_with(start));
    keys.into_iter().filter(|(what, _)| is_blamed(what)).map(|(_, key)| key).collect()
}

#[cfg(test)]
mod tests {
    use marathon::Apps;
    use serde_json::json;

    use super::*;
    use crate::service::Protocol;

    #[test]
    fn the_keys_that_a_refusal_is_about_are_named_as_they_are_written() {
        let app = json!({"id": "/web", "ports": [80, 81], "tasks": [{"id": "web.1", "ports": [31000, 31001]}],
            "env": {"SERVICE_NAME": "a", "SERVICE_81_NAME": "b", "SERVICE_Tags": "c", "OTHER": "d"},
            "labels": {"SERVICE_80_CHECK_TCP": "true", "SERVICE_META_x": "1", "SERVICE_ADDRESS": "0.0.0.0"}});
        let apps = vec![serde_json::from_value(app).unwrap()];
        let view = View::of::<marathon::App>(Apps { apps, malformed: Vec::new() });
        let id = |port| ServiceId::new("web.1".into(), port, Protocol::Tcp);
        let keys = |port| keys(&view, &"/web".into(), &id(port));
        let rows = [
            (80, 403, "Permission denied", "SERVICE_NAME"),
            (81, 403, "Permission denied", "SERVICE_81_NAME"),
            (80, 400, "Invalid service address", "SERVICE_ADDRESS"),
            (80, 400, "Invalid check: TCP address", "SERVICE_80_CHECK_TCP"),
            (81, 400, "Invalid check: TCP address", ""),
            (80, 400, "Invalid Service Meta", "SERVICE_META_x"),
            (80, 400, "Bad tags", "SERVICE_Tags"),
            (81, 500, "No", "SERVICE_ADDRESS,SERVICE_META_x,SERVICE_81_NAME,SERVICE_Tags"),
        ];
        for (port, status, body, want) in rows {
            let refusal = Kind::Status { status, body: body.to_owned() };
            assert_eq!(blamed(keys(port), &refusal).join(","), want, "{port} {status} {body}");
        }
        assert!(keys(82).is_empty());
    }
}
