//! From the JSON that a client sends to the definition that is kept.
//!
//! A definition is kept as the fields that Marathon 1.11 answers, all defaults filled in: so a partial update is a
//! merge of maps, "did anything change" is an equality, and fields that mean nothing to processes on one
//! machine are still given back. What the machine needs to know is read out of it by [`super::spec`].
//!
//! The way is [`read`] (types, unknown fields out, old syntax into new), merge, [`complete`] (defaults),
//! [`violations`].

use serde_json::{Map, Value, json};

use super::compat::Compat;
use super::legacy;
use super::refusal::{Refusal, Violation};

pub use super::rules::violations;

/// The fields of a definition, without `id` and version.
pub type Fields = Map<String, Value>;

/// What type a field has, and so what Marathon's reader complains about.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
    List,
    Texts,
    Object,
    Labels,
    Any,
}

use Kind::{Any, Flag, Labels, List, Number, Object, Text, Texts};

/// Every field a client may set; all others are ignored, as by Marathon.
const FIELDS: [(&str, Kind); 40] = [
    ("acceptedResourceRoles", Texts),
    ("args", Texts),
    ("backoffFactor", Number),
    ("backoffSeconds", Number),
    ("check", Object),
    ("cmd", Text),
    ("constraints", List),
    ("container", Object),
    ("cpus", Number),
    ("dependencies", Texts),
    ("disk", Number),
    ("env", Object),
    ("executor", Text),
    ("executorResources", Object),
    ("fetch", List),
    ("gpus", Number),
    ("healthChecks", List),
    ("id", Text),
    ("instances", Number),
    ("ipAddress", Object),
    ("killSelection", Text),
    ("labels", Labels),
    ("maxLaunchDelaySeconds", Number),
    ("mem", Number),
    ("networks", List),
    ("portDefinitions", List),
    ("ports", List),
    ("readinessChecks", List),
    ("requirePorts", Flag),
    ("residency", Object),
    ("resourceLimits", Object),
    ("role", Text),
    ("secrets", Object),
    ("taskKillGracePeriodSeconds", Number),
    ("tty", Flag),
    ("unreachableStrategy", Any),
    ("upgradeStrategy", Object),
    ("uris", Texts),
    ("user", Text),
    ("version", Text),
];

/// Checks the types of a body and brings it into the newest syntax, without adding defaults.
///
/// # Errors
///
/// [`Refusal::Types`] with every field that has the wrong type.
pub fn read(body: &Value, compat: Compat) -> Result<Fields, Refusal> {
    let Some(body) = body.as_object() else {
        return Err(Refusal::Types(vec![Violation::new("", "error.expected.jsobject")]));
    };
    let mut fields = Fields::new();
    let mut wrong = Vec::new();
    for (name, kind) in FIELDS {
        match body.get(name) {
            None | Some(Value::Null) => {}
            Some(value) => {
                check(&format!("/{name}"), value, kind, &mut wrong);
                fields.insert(name.to_owned(), without_nulls(value));
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Refusal::Types(wrong));
    }
    legacy::modernise(&mut fields, compat).map_err(|v| Refusal::Invalid(vec![v]))?;
    Ok(fields)
}

fn check(path: &str, value: &Value, kind: Kind, wrong: &mut Vec<Violation>) {
    let expected = match (kind, value) {
        (Any, _)
        | (Text, Value::String(_))
        | (Number, Value::Number(_))
        | (Flag, Value::Bool(_))
        | (List, Value::Array(_))
        | (Object, Value::Object(_)) => return,
        (Texts, Value::Array(items)) => {
            for (i, item) in items.iter().enumerate() {
                check(&format!("{path}({i})"), item, Text, wrong);
            }
            return;
        }
        (Labels, Value::Object(entries)) => {
            for (key, entry) in entries {
                check(&format!("{path}/{key}"), entry, Text, wrong);
            }
            return;
        }
        (Text, _) => "error.expected.jsstring",
        (Number, _) => "error.expected.jsnumber",
        (Flag, _) => "error.expected.jsboolean",
        (List | Texts, _) => "error.expected.jsarray",
        (Object | Labels, _) => "error.expected.jsobject",
    };
    wrong.push(Violation::new(path, expected));
}

/// Readers of Marathon take null, missing and empty alike.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.clone(), without_nulls(v)))
            .collect::<Fields>()
            .into(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Lays a partial update over a definition: what is given replaces the whole field.
pub fn merge(old: &Fields, update: Fields) -> Fields {
    let mut merged = old.clone();
    // A command line is one thing, however it is written.
    if update.contains_key("cmd") {
        merged.remove("args");
    } else if update.contains_key("args") {
        merged.remove("cmd");
    }
    merged.extend(update);
    merged
}

/// Fills in Marathon's defaults.
pub fn complete(fields: &mut Fields) {
    let defaults = json!({
        "backoffFactor": 1.15, "backoffSeconds": 1, "cpus": 1, "disk": 0, "executor": "", "gpus": 0,
        "instances": 1, "killSelection": "YOUNGEST_FIRST", "labels": {}, "maxLaunchDelaySeconds": 300,
        "mem": 128, "requirePorts": false,
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "upgradeStrategy": {},
    });
    fill(fields, &defaults);
    for empty in ["args", "constraints", "dependencies", "env", "fetch", "healthChecks"]
        .into_iter()
        .chain(["readinessChecks", "secrets"])
    {
        if fields.get(empty).is_some_and(is_empty) {
            fields.remove(empty);
        }
    }
    let strategy = json!({"minimumHealthCapacity": 1, "maximumOverCapacity": 1});
    with_object(fields, "upgradeStrategy", |map| fill(map, &strategy));
    each(fields, "healthChecks", complete_health_check);
    complete_container(fields);
    complete_networks(fields);
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

fn complete_health_check(check: &mut Fields) {
    let defaults = json!({
        "gracePeriodSeconds": 300, "intervalSeconds": 60, "timeoutSeconds": 20,
        "maxConsecutiveFailures": 3, "protocol": "HTTP", "delaySeconds": 15,
    });
    fill(check, &defaults);
    let protocol = check.get("protocol").and_then(Value::as_str).unwrap_or_default();
    if protocol == "COMMAND" {
        return;
    }
    if protocol.contains("HTTP") {
        fill(check, &json!({"path": "/", "ignoreHttp1xx": false}));
    }
    if !check.contains_key("port") {
        fill(check, &json!({"portIndex": 0}));
    }
    fill(check, &json!({"ipProtocol": "IPv4"}));
}

fn complete_container(fields: &mut Fields) {
    with_object(fields, "container", |container| {
        let kind = if container.contains_key("docker") { "DOCKER" } else { "MESOS" };
        fill(container, &json!({"type": kind, "volumes": []}));
        let docker = json!({"forcePullImage": false, "privileged": false, "parameters": []});
        with_object(container, "docker", |map| fill(map, &docker));
    });
}

/// Ports are declared by the app in host mode and by the container in all others.
fn complete_networks(fields: &mut Fields) {
    fill(fields, &json!({"networks": [{"mode": "host"}]}));
    each(fields, "networks", |network| fill(network, &json!({"mode": "container"})));
    let mode = mode(fields).to_owned();
    if mode == "host" {
        with_object(fields, "container", |container| {
            container.remove("portMappings");
        });
        let one = json!({"portDefinitions": [{"port": 0, "name": "default", "protocol": "tcp"}]});
        fill(fields, &one);
        each(fields, "portDefinitions", |port| {
            fill(port, &json!({"port": 0, "protocol": "tcp", "labels": {}}));
        });
        return;
    }
    fields.remove("portDefinitions");
    fill(fields, &json!({"container": {"type": "MESOS", "volumes": []}}));
    with_object(fields, "container", |container| {
        fill(container, &json!({"portMappings": [{"containerPort": 0, "name": "default"}]}));
        each(container, "portMappings", |mapping| {
            let defaults =
                json!({"containerPort": 0, "protocol": "tcp", "servicePort": 0, "labels": {}});
            fill(mapping, &defaults);
            if mode == "container/bridge" {
                fill(mapping, &json!({"hostPort": 0}));
            }
        });
    });
}

/// The mode of the first network, `host` when there is none.
pub fn mode(fields: &Fields) -> &str {
    let first = fields.get("networks").and_then(|n| n.get(0));
    first.and_then(|n| n.get("mode")).and_then(Value::as_str).unwrap_or("host")
}

/// Adds the entries of `defaults` that are missing.
fn fill(map: &mut Fields, defaults: &Value) {
    for (key, value) in defaults.as_object().into_iter().flatten() {
        map.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// Changes the object `key`, where there is one.
pub(super) fn with_object(map: &mut Fields, key: &str, change: impl FnOnce(&mut Fields)) {
    if let Some(object) = map.get_mut(key).and_then(Value::as_object_mut) {
        change(object);
    }
}

/// Changes every object in the list `key`.
pub(super) fn each(map: &mut Fields, key: &str, mut change: impl FnMut(&mut Fields)) {
    let items = map.get_mut(key).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut).for_each(&mut change);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(body: &Value) -> Fields {
        let mut fields = read(body, Compat::V1_11).unwrap();
        complete(&mut fields);
        fields
    }

    #[test]
    fn reports_every_wrong_type_with_its_path() {
        let body =
            json!({"cmd": 7, "cpus": "1", "args": ["a", 2], "labels": {"a": true}, "env": []});
        let Err(Refusal::Types(wrong)) = read(&body, Compat::V1_11) else { panic!("accepted") };
        let got: Vec<_> = wrong.iter().map(|v| (v.path.as_str(), v.error.as_str())).collect();
        let want = [
            ("/args(1)", "error.expected.jsstring"),
            ("/cmd", "error.expected.jsstring"),
            ("/cpus", "error.expected.jsnumber"),
            ("/env", "error.expected.jsobject"),
            ("/labels/a", "error.expected.jsstring"),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn fills_in_the_documented_defaults() {
        let app =
            completed(&json!({"id": "/a", "cmd": "x", "unknown": 1, "env": {}, "user": null}));
        let want = json!([{"port": 0, "name": "default", "protocol": "tcp", "labels": {}}]);
        assert_eq!(app["portDefinitions"], want);
        assert_eq!(app["networks"], json!([{"mode": "host"}]));
        assert_eq!(app["maxLaunchDelaySeconds"], 300);
        assert!(["unknown", "env", "user"].iter().all(|key| !app.contains_key(*key)));
    }

    #[test]
    fn a_bridge_maps_one_port_unless_told() {
        let docker = json!({"docker": {"image": "i"}});
        let app =
            completed(&json!({"networks": [{"mode": "container/bridge"}], "container": docker}));
        assert!(!app.contains_key("portDefinitions"));
        let mapping = &app["container"]["portMappings"][0];
        assert_eq!((&mapping["containerPort"], &mapping["hostPort"]), (&json!(0), &json!(0)));
        let app = completed(&json!({"networks": [{"name": "n"}], "container": docker}));
        assert_eq!(mode(&app), "container");
        assert!(app["container"]["portMappings"][0].get("hostPort").is_none());
    }

    #[test]
    fn a_partial_update_replaces_whole_fields() {
        let old = completed(&json!({"cmd": "x", "env": {"A": "1"}, "labels": {"a": "b"}}));
        let update = read(&json!({"env": {"B": "2"}, "args": ["y"]}), Compat::V1_11).unwrap();
        let merged = merge(&old, update);
        assert_eq!(merged["env"], json!({"B": "2"}));
        assert_eq!(merged["labels"], json!({"a": "b"}));
        assert!(!merged.contains_key("cmd"));
    }
}
