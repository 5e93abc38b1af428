//! The environment variables that Marathon and Mesos give a task.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ports::reached;
use super::spec::Spec;

/// Longer labels are left out.
const LONGEST_LABEL: usize = 512;

/// Who the task is.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The app's id.
    pub app: &'a str,
    /// The app's version.
    pub version: &'a str,
    /// The task's id.
    pub task: &'a str,
    /// The agent's host name.
    pub host: &'a str,
    /// Whether `MARATHON_APP_RESOURCE_*` exist already (1.0).
    pub with_resources: bool,
}

/// The variables of a task; what the app sets itself wins.
pub fn variables(spec: &Spec, who: Identity<'_>, ports: &[u16]) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: String| drop(env.insert(name.to_owned(), value));
    set("MARATHON_APP_ID", who.app.to_owned());
    set("MARATHON_APP_VERSION", who.version.to_owned());
    set("MESOS_TASK_ID", who.task.to_owned());
    set("HOST", who.host.to_owned());
    if let Some(image) = spec.image() {
        set("MARATHON_APP_DOCKER_IMAGE", image.to_owned());
    }
    if who.with_resources {
        let resources =
            [("CPUS", spec.cpus), ("MEM", spec.mem), ("DISK", spec.disk), ("GPUS", spec.gpus)];
        for (name, amount) in resources {
            // Scala writes a whole number of a `Double` as `1.0`, and `gpus` is an `Int`.
            let text = if name == "GPUS" { format!("{amount}") } else { format!("{amount:?}") };
            set(&format!("MARATHON_APP_RESOURCE_{name}"), text);
        }
    }
    env.extend(labels(spec));
    env.extend(port_variables(spec, ports));
    env.extend(spec.env.iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name.clone(), text.clone())),
        Value::Number(_) | Value::Bool(_) => Some((name.clone(), value.to_string())),
        // A reference to a secret; there is no store of secrets here.
        _ => None,
    }));
    env
}

fn labels(spec: &Spec) -> Vec<(String, String)> {
    let short = spec.labels.iter().filter(|(k, v)| k.len().max(v.len()) < LONGEST_LABEL);
    let mut out: Vec<_> = short.map(|(k, v)| (variable_name(k), v.clone())).collect();
    let names: Vec<&str> = out.iter().map(|(k, _)| k.as_str()).collect();
    let all = ("MARATHON_APP_LABELS".to_owned(), names.join(" "));
    for (name, _) in &mut out {
        name.insert_str(0, "MARATHON_APP_LABEL_");
    }
    out.push(all);
    out
}

fn port_variables(spec: &Spec, ports: &[u16]) -> Vec<(String, String)> {
    let declared = spec.ports();
    let numbers: Vec<String> = reached(&declared, ports).map(|(_, n)| n.to_string()).collect();
    let Some(first) = numbers.first() else { return Vec::new() };
    let mut out = vec![("PORT".to_owned(), first.clone()), ("PORTS".to_owned(), numbers.join(","))];
    for (i, ((port, _), number)) in reached(&declared, ports).zip(&numbers).enumerate() {
        let declared = if port.declared == 0 { number.clone() } else { port.declared.to_string() };
        out.push((format!("PORT{i}"), number.clone()));
        out.push((format!("PORT_{declared}"), number.clone()));
        if let Some(name) = &port.name {
            out.push((format!("PORT_{}", variable_name(name)), number.clone()));
        }
    }
    out
}

/// Upper case, and every run of what a variable's name cannot have becomes one `_`.
fn variable_name(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_uppercase());
        } else if c == '_' || !out.ends_with('_') {
            out.push('_');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WHO: Identity<'_> =
        Identity { app: "/a", version: "v", task: "a.1", host: "127.0.1.1", with_resources: true };

    fn env(fields: &Value, ports: &[u16]) -> BTreeMap<String, String> {
        variables(&serde_json::from_value(fields.clone()).unwrap(), WHO, ports)
    }

    #[test]
    fn exactly_the_documented_variables() {
        let fields = json!({
            "cpus": 0.1, "mem": 32, "labels": {"my.label": "x", "B": "y"},
            "networks": [{"mode": "container/bridge"}],
            "container": {"docker": {"image": "i:1"}, "portMappings": [
                {"containerPort": 3000, "hostPort": 0, "name": "http-api"},
                {"containerPort": 0, "hostPort": 0},
                {"containerPort": 53},
            ]},
            "env": {"HOST": "mine", "N": 1},
        });
        let want = [
            ("HOST", "mine"),
            ("MARATHON_APP_DOCKER_IMAGE", "i:1"),
            ("MARATHON_APP_ID", "/a"),
            ("MARATHON_APP_LABELS", "B MY_LABEL"),
            ("MARATHON_APP_LABEL_B", "y"),
            ("MARATHON_APP_LABEL_MY_LABEL", "x"),
            ("MARATHON_APP_RESOURCE_CPUS", "0.1"),
            ("MARATHON_APP_RESOURCE_DISK", "0.0"),
            ("MARATHON_APP_RESOURCE_GPUS", "0"),
            ("MARATHON_APP_RESOURCE_MEM", "32.0"),
            ("MARATHON_APP_VERSION", "v"),
            ("MESOS_TASK_ID", "a.1"),
            ("N", "1"),
            ("PORT", "31001"),
            ("PORT0", "31001"),
            ("PORT1", "31002"),
            ("PORT2", "53"),
            ("PORTS", "31001,31002,53"),
            ("PORT_3000", "31001"),
            ("PORT_31002", "31002"),
            ("PORT_53", "53"),
            ("PORT_HTTP_API", "31001"),
        ];
        let got = env(&fields, &[31_001, 31_002]);
        let got: Vec<_> = got.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn no_ports_no_port_variables() {
        let got = env(&json!({"labels": {"long": "x".repeat(600)}}), &[]);
        assert!(got.keys().all(|name| !name.starts_with("PORT")), "{got:?}");
        assert!(!got.contains_key("MARATHON_APP_LABEL_LONG"));
    }
}
