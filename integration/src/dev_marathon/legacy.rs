//! The syntax of ports and networks before Marathon 1.5, read and written.

use serde_json::{Value, json};

use super::compat::Compat;
use super::definition::{Fields, each, mode, with_object};
use super::refusal::Violation;

/// Brings `ports`, `uris`, `ipAddress` and docker's `network` and `portMappings` into the newest syntax.
///
/// # Errors
///
/// When both syntaxes are used and disagree.
pub fn modernise(fields: &mut Fields, compat: Compat) -> Result<(), Violation> {
    ports(fields, compat)?;
    docker(fields);
    if let Some(address) = fields.remove("ipAddress")
        && !fields.contains_key("networks")
    {
        let name = address.get("networkName").and_then(Value::as_str);
        let mut network = json!({"mode": "container"});
        if let (Some(name), Some(map)) = (name, network.as_object_mut()) {
            map.insert("name".to_owned(), name.into());
        }
        fields.insert("networks".to_owned(), json!([network]));
    }
    if let Some(Value::Array(uris)) = fields.remove("uris")
        && !fields.contains_key("fetch")
    {
        let fetch = uris
            .iter()
            .map(|uri| json!({"uri": uri, "extract": true, "executable": false, "cache": false}));
        fields.insert("fetch".to_owned(), fetch.collect());
    }
    Ok(())
}

fn ports(fields: &mut Fields, compat: Compat) -> Result<(), Violation> {
    let Some(Value::Array(ports)) = fields.remove("ports") else { return Ok(()) };
    let Some(definitions) = fields.get("portDefinitions").and_then(Value::as_array) else {
        let definitions = ports.iter().map(|port| json!({"port": port, "protocol": "tcp"}));
        fields.insert("portDefinitions".to_owned(), definitions.collect());
        return Ok(());
    };
    // Before 1.5 an answer has both, and a client that sends it back must not be turned away.
    let same = definitions.iter().map(|d| d.get("port")).eq(ports.iter().map(Some));
    if same || definitions.is_empty() || (ports.is_empty() && compat < Compat::V1_11) {
        return Ok(());
    }
    Err(Violation::new("/", "cannot specify both ports and port definitions"))
}

fn docker(fields: &mut Fields) {
    let mut network = None;
    with_object(fields, "container", |container| {
        let mut mappings = None;
        with_object(container, "docker", |docker| {
            network = docker.remove("network");
            mappings = docker.remove("portMappings");
        });
        if let Some(mappings) = mappings {
            container.entry("portMappings").or_insert(mappings);
        }
    });
    let mode = match network.as_ref().and_then(Value::as_str) {
        Some("BRIDGE") => json!({"mode": "container/bridge"}),
        Some("HOST") => json!({"mode": "host"}),
        // The name of a user network is in `ipAddress`, which is read next.
        _ => return,
    };
    fields.entry("networks").or_insert(json!([mode]));
}

/// Writes a complete definition in the syntax of `compat`.
pub fn render(fields: &Fields, compat: Compat) -> Fields {
    let mut out = fields.clone();
    if compat.omits_absent() {
        return out;
    }
    write_ports(&mut out);
    write_docker(&mut out);
    let mut absent = json!({
        "acceptedResourceRoles": null, "args": null, "cmd": null, "constraints": [], "container": null,
        "dependencies": [], "env": {}, "healthChecks": [], "ipAddress": null, "residency": null,
        "storeUrls": [], "uris": [], "user": null,
    });
    if compat >= Compat::V1_4
        && let Some(absent) = absent.as_object_mut()
    {
        let newer = json!({
            "fetch": [], "readinessChecks": [], "secrets": {}, "taskKillGracePeriodSeconds": null,
        });
        absent.extend(newer.as_object().cloned().into_iter().flatten());
    }
    for (key, value) in absent.as_object().into_iter().flatten() {
        out.entry(key.clone()).or_insert_with(|| value.clone());
    }
    each(&mut out, "healthChecks", |check| {
        check.remove("delaySeconds");
        check.remove("ipProtocol");
    });
    for newer in ["executorResources", "resourceLimits", "role", "tty", "check"] {
        out.remove(newer);
    }
    if compat < Compat::V1_4 {
        for newer in ["portDefinitions", "killSelection", "unreachableStrategy", "gpus", "fetch"] {
            out.remove(newer);
        }
    }
    out
}

/// `ports` are the service ports in every mode.
fn write_ports(out: &mut Fields) {
    let mappings = out.get("container").and_then(|c| c.get("portMappings"));
    let declared = out.get("portDefinitions").map(|ports| (ports, "port"));
    let (list, key) = match (declared, mappings) {
        (Some(declared), _) => declared,
        (None, Some(mappings)) => (mappings, "servicePort"),
        (None, None) => return,
    };
    let ports: Value =
        list.as_array().into_iter().flatten().filter_map(|port| port.get(key).cloned()).collect();
    out.insert("ports".to_owned(), ports);
}

fn write_docker(out: &mut Fields) {
    let mode = mode(out).to_owned();
    let networks = out.remove("networks");
    with_object(out, "container", |container| {
        let mappings = container.remove("portMappings");
        with_object(container, "docker", |docker| {
            let network = match mode.as_str() {
                "host" => "HOST",
                "container/bridge" => "BRIDGE",
                _ => "USER",
            };
            docker.insert("network".to_owned(), network.into());
            docker.insert("portMappings".to_owned(), mappings.unwrap_or_else(|| json!([])));
        });
    });
    if mode == "container" {
        let name = networks.as_ref().and_then(|n| n.get(0)).and_then(|n| n.get("name"));
        out.insert(
            "ipAddress".to_owned(),
            json!({"networkName": name, "groups": [], "labels": {}}),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::definition::{complete, read};
    use super::*;

    fn completed(body: &Value) -> Fields {
        let mut fields = read(body, Compat::V1_4).unwrap();
        complete(&mut fields);
        fields
    }

    #[test]
    fn reads_the_old_syntax_and_writes_it_back() {
        let app = completed(&json!({"cmd": "x", "uris": ["u"], "container": {
            "type": "DOCKER",
            "docker": {"image": "i", "network": "BRIDGE",
                "portMappings": [{"containerPort": 3000, "hostPort": 0, "servicePort": 9}]},
        }}));
        assert_eq!(mode(&app), "container/bridge");
        assert_eq!(app["container"]["portMappings"][0]["containerPort"], 3000);
        assert_eq!(app["fetch"][0]["uri"], "u");

        let old = render(&app, Compat::V1_4);
        assert_eq!(old["ports"], json!([9]));
        assert_eq!(old["container"]["docker"]["network"], "BRIDGE");
        assert_eq!(old["container"]["docker"]["portMappings"][0]["containerPort"], 3000);
        assert!(old["ipAddress"].is_null() && old["args"].is_null());
        assert!(!old.contains_key("networks"));
        assert!(!render(&app, Compat::V0_13).contains_key("fetch"));
        assert_eq!(render(&app, Compat::V1_11), app);
    }

    #[test]
    fn an_answer_can_be_sent_back() {
        let app = completed(&json!({"cmd": "x", "ports": [10001, 10002]}));
        let answer = render(&app, Compat::V1_4);
        assert_eq!(answer["ports"], json!([10001, 10002]));
        assert_eq!(completed(&answer.into()), app);
    }

    #[test]
    fn two_syntaxes_that_disagree_are_refused() {
        let body = json!({"cmd": "x", "ports": [1], "portDefinitions": [{"port": 2}]});
        assert!(read(&body, Compat::V1_11).is_err());
    }
}
