//! What makes a complete definition invalid, in Marathon's words.

use std::collections::BTreeSet;

use serde_json::Value;

use super::definition::{Fields, mode};
use super::refusal::Violation;

const CHECK_PROTOCOLS: [&str; 7] =
    ["HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP"];

const OPERATORS: [&str; 7] = ["UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "UNLIKE", "MAX_PER", "IS"];

/// Everything that is wrong with a complete definition.
pub fn violations(fields: &Fields) -> Vec<Violation> {
    let mut found = Vec::new();
    command(fields, &mut found);
    numbers(fields, &mut found);
    ports(fields, &mut found);
    health_checks(fields, &mut found);
    constraints(fields, &mut found);
    found
}

fn command(fields: &Fields, found: &mut Vec<Violation>) {
    let has = |key| fields.contains_key(key);
    let image = fields.get("container").and_then(|c| c.pointer("/docker/image"));
    let both = has("cmd") && has("args");
    let none = !has("cmd") && !has("args") && image.is_none();
    if both || none {
        let error =
            "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.";
        found.push(Violation::new("/", error));
    }
}

fn numbers(fields: &Fields, found: &mut Vec<Violation>) {
    let rows = [
        ("/instances", f64::INFINITY),
        ("/cpus", f64::INFINITY),
        ("/mem", f64::INFINITY),
        ("/disk", f64::INFINITY),
        ("/backoffSeconds", f64::INFINITY),
        ("/maxLaunchDelaySeconds", f64::INFINITY),
        ("/taskKillGracePeriodSeconds", f64::INFINITY),
        ("/upgradeStrategy/minimumHealthCapacity", 1.0),
        ("/upgradeStrategy/maximumOverCapacity", 1.0),
    ];
    let fields = Value::Object(fields.clone());
    for (path, most) in rows {
        let Some(value) = fields.pointer(path) else { continue };
        match value.as_f64() {
            None => found.push(Violation::new(path, "error.expected.jsnumber")),
            Some(number) if number < 0.0 => found.push(Violation::new(path, "is less than 0")),
            Some(number) if number > most => {
                found.push(Violation::new(path, format!("is greater than {most}")));
            }
            Some(_) => {}
        }
    }
    for path in ["/instances", "/taskKillGracePeriodSeconds"] {
        if fields.pointer(path).is_some_and(|v| v.as_f64().is_some() && v.as_u64().is_none()) {
            found.push(Violation::new(path, "error.expected.jsinteger"));
        }
    }
    if fields.pointer("/backoffFactor").and_then(Value::as_f64).is_none_or(|f| f < 1.0) {
        found.push(Violation::new("/backoffFactor", "is less than 1"));
    }
}

fn ports(fields: &Fields, found: &mut Vec<Violation>) {
    let (path, key, list) = port_list(fields);
    let mut names = BTreeSet::new();
    for (i, port) in list.iter().enumerate() {
        if let Some(name) = port.get("name").and_then(Value::as_str)
            && !names.insert(name)
        {
            found.push(Violation::new(path, "Port names must be unique."));
        }
        for number in [key, "hostPort", "servicePort"] {
            let Some(value) = port.get(number) else { continue };
            if value.as_u64().is_none_or(|n| n > u64::from(u16::MAX)) {
                let error = "must be a port number from 0 to 65535";
                found.push(Violation::new(format!("{path}({i})/{number}"), error));
            }
        }
    }
}

/// Where ports are declared, the name of the declared port, and the declarations.
fn port_list(fields: &Fields) -> (&'static str, &'static str, &[Value]) {
    let (path, key, list) = if mode(fields) == "host" {
        ("/portDefinitions", "port", fields.get("portDefinitions"))
    } else {
        let mappings = fields.get("container").and_then(|c| c.get("portMappings"));
        ("/container/portMappings", "containerPort", mappings)
    };
    (path, key, list.and_then(Value::as_array).map_or(&[], Vec::as_slice))
}

fn health_checks(fields: &Fields, found: &mut Vec<Violation>) {
    let (_, _, ports) = port_list(fields);
    let checks = fields.get("healthChecks").and_then(Value::as_array);
    for (i, check) in checks.into_iter().flatten().enumerate() {
        let path = format!("/healthChecks({i})");
        let protocol = check.get("protocol").and_then(Value::as_str).unwrap_or_default();
        if !CHECK_PROTOCOLS.contains(&protocol) {
            found.push(Violation::new(format!("{path}/protocol"), "error.unknown.enum.literal"));
        }
        let index = check.get("portIndex").and_then(Value::as_u64);
        let known = index.and_then(|i| usize::try_from(i).ok()).is_some_and(|i| i < ports.len());
        if protocol != "COMMAND" && !known && check.get("port").is_none() {
            let error = "Health check port indices must address an element of the ports array or \
                container port mappings.";
            found.push(Violation::new(path.clone(), error));
        }
        if protocol == "COMMAND" && check.pointer("/command/value").is_none() {
            found.push(Violation::new(format!("{path}/command"), "error.path.missing"));
        }
    }
}

fn constraints(fields: &Fields, found: &mut Vec<Violation>) {
    let all = fields.get("constraints").and_then(Value::as_array);
    for (i, constraint) in all.into_iter().flatten().enumerate() {
        let path = format!("/constraints({i})");
        let words: Option<Vec<&str>> =
            constraint.as_array().and_then(|c| c.iter().map(Value::as_str).collect());
        let error = match words.as_deref() {
            Some([_, operator] | [_, operator, _]) if !OPERATORS.contains(operator) => {
                "Constraint operator must be one of the following: [UNIQUE, CLUSTER, GROUP_BY, LIKE, \
                 UNLIKE, MAX_PER, IS]"
            }
            Some([_, "LIKE" | "UNLIKE" | "MAX_PER" | "IS"]) => "A value field is required",
            Some([_, "LIKE" | "UNLIKE", value]) if regex::Regex::new(value).is_err() => {
                "is not a valid regular expression"
            }
            Some([_, _] | [_, _, _]) => continue,
            _ => "Each constraint must have either 2 or 3 fields",
        };
        found.push(Violation::new(path, error));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::compat::Compat;
    use super::super::definition::{complete, read};
    use super::*;

    #[test]
    fn complains_in_marathons_words() {
        let rows = [
            (json!({}), "/", "AppDefinition must either"),
            (json!({"cmd": "x", "args": ["y"]}), "/", "AppDefinition must either"),
            (json!({"cmd": "x", "instances": -1}), "/instances", "is less than 0"),
            (json!({"cmd": "x", "instances": 1.5}), "/instances", "error.expected.jsinteger"),
            (
                json!({"cmd": "x", "upgradeStrategy": {"minimumHealthCapacity": 1.5}}),
                "/upgradeStrategy/minimumHealthCapacity",
                "is greater than 1",
            ),
            (
                json!({"cmd": "x", "healthChecks": [{"portIndex": 1}]}),
                "/healthChecks(0)",
                "Health check port indices must address an element",
            ),
            (
                json!({"cmd": "x", "portDefinitions": [{"name": "a"}, {"name": "a"}]}),
                "/portDefinitions",
                "Port names must be unique.",
            ),
            (
                json!({"cmd": "x", "constraints": [["hostname", "NEAR"]]}),
                "/constraints(0)",
                "Constraint operator must be one of",
            ),
            (json!({"cmd": "x", "backoffFactor": 0.5}), "/backoffFactor", "is less than 1"),
        ];
        for (body, path, error) in rows {
            let mut fields = read(&body, Compat::V1_11).unwrap();
            complete(&mut fields);
            let got = violations(&fields);
            let hit = got.iter().any(|v| v.path == path && v.error.starts_with(error));
            assert!(hit, "{body}: {got:?}");
        }
    }

    #[test]
    fn an_image_needs_no_command() {
        let body = json!({"container": {"docker": {"image": "nginx"}}});
        let mut fields = read(&body, Compat::V1_11).unwrap();
        complete(&mut fields);
        assert_eq!(violations(&fields), []);
    }
}
