//! The settings that consul-template shows, in the words of ours.

use serde_json::{Value, json};

/// consul-template's final configuration as ours would show it.
pub(crate) fn translated(theirs: &Value) -> Value {
    let wait = quiet(&theirs["Wait"]);
    json!({
        "consul": consul(&theirs["Consul"]),
        "templates": theirs["Templates"].as_array().unwrap().iter().map(template).collect::<Vec<_>>(),
        "wait": if wait.is_null() { json!({"min": "0s", "max": "0s"}) } else { wait },
        "deduplicate": if theirs["Once"] == true { Value::Null } else { deduplicate(&theirs["Dedup"]) },
        "exec": exec(&theirs["Exec"]),
        "delimiters": {"left": given(&theirs["DefaultDelims"]["Left"]), "right": given(&theirs["DefaultDelims"]["Right"])},
        "log": {"filter": theirs["LogLevel"], "file": log_file(&theirs["FileLog"]), "syslog": null},
        "pid_file": given(&theirs["PidFile"]),
        "kill_signal": signal(&theirs["KillSignal"]),
        "reload_signal": signal(&theirs["ReloadSignal"]),
        "max_stale": duration(&theirs["MaxStale"]),
        "block_query_wait": duration(&theirs["BlockQueryWaitTime"]),
        "err_on_failed_lookup": theirs["ErrOnFailedLookup"],
        "once": theirs["Once"],
        "parse_only": theirs["ParseOnly"],
    })
}

/// Our settings without what consul-template does not have.
pub(crate) fn without_ours(mut ours: Value) -> Value {
    let remove = |object: &mut Value, keys: &[&str]| {
        let object = object.as_object_mut().unwrap();
        for key in keys {
            assert!(object.remove(*key).is_some(), "{key}");
        }
    };
    remove(&mut ours, &["once_timeout", "output", "status", "values"]);
    remove(&mut ours["log"], &["format"]);
    for template in ours["templates"].as_array_mut().unwrap() {
        let ours = ["check", "haproxy", "write", "on_error", "min_instances", "max_shrink"];
        remove(template, &ours);
    }
    ours
}

fn consul(it: &Value) -> Value {
    let token = match (text(&it["Token"]), text(&it["TokenFile"])) {
        (_, file) if !file.is_empty() => json!(file),
        ("", _) => Value::Null,
        _ => json!("[redacted]"),
    };
    let transport = &it["Transport"];
    json!({
        "address": if text(&it["Address"]).is_empty() { json!("127.0.0.1:8500") } else { it["Address"].clone() },
        "namespace": given(&it["Namespace"]),
        "token": token,
        "auth": when(&it["Auth"], |it| json!({"username": it["Username"], "password": "[redacted]"})),
        "retry": when(&it["Retry"], |it| json!({
            "attempts": it["Attempts"].as_i64().filter(|number| *number > 0),
            "backoff": duration(&it["Backoff"]),
            "max_backoff": duration(&it["MaxBackoff"]),
        })),
        "ssl": when(&it["SSL"], |it| json!({
            "verify": it["Verify"], "cert": given(&it["Cert"]), "key": given(&it["Key"]),
            "ca_cert": given(&it["CaCert"]), "ca_path": given(&it["CaPath"]), "server_name": given(&it["ServerName"]),
        })),
        "transport": {
            "dial_keep_alive": duration(&transport["DialKeepAlive"]),
            "dial_timeout": duration(&transport["DialTimeout"]),
            "disable_keep_alives": transport["DisableKeepAlives"],
            "idle_conn_timeout": duration(&transport["IdleConnTimeout"]),
            "max_idle_conns": transport["MaxIdleConns"],
            "max_idle_conns_per_host": transport["MaxIdleConnsPerHost"],
            "max_conns_per_host": transport["MaxConnsPerHost"],
            "tls_handshake_timeout": duration(&transport["TLSHandshakeTimeout"]),
        },
    })
}

/// It is shown with `-once` too, and then ignored.
fn deduplicate(it: &Value) -> Value {
    when(it, |it| {
        json!({
            "prefix": it["Prefix"],
            "ttl": duration(&it["TTL"]),
            "max_stale": duration(&it["MaxStale"]),
        })
    })
}

fn template(it: &Value) -> Value {
    let source = match text(&it["Source"]) {
        "" => json!({"contents": it["Contents"]}),
        file => json!({"file": file}),
    };
    let perms = it["Perms"].as_u64().filter(|mode| *mode != 0).map(|mode| format!("{mode:04o}"));
    json!({
        "source": source,
        "destination": given(&it["Destination"]),
        "create_dest_dirs": it["CreateDestDirs"],
        "perms": perms,
        "user": given(&it["User"]),
        "group": given(&it["Group"]),
        "backup": it["Backup"],
        "delimiters": {"left": given(&it["LeftDelim"]), "right": given(&it["RightDelim"])},
        "missing_key": if it["ErrMissingKey"] == true { "error" } else { "zero" },
        "error_fatal": it["ErrFatal"],
        "wait": quiet(&it["Wait"]),
        "exec": exec(&it["Exec"]),
        "function_denylist": it["FunctionDenylist"],
        "sandbox_path": given(&it["SandboxPath"]),
    })
}

fn exec(it: &Value) -> Value {
    let env = &it["Env"];
    let names = env["Custom"].as_array().unwrap().iter().map(|it| text(it).split('=').next());
    when(it, |it| match it["Command"][0].as_str() {
        None | Some("") => Value::Null,
        Some(_) => json!({
            "command": it["Command"],
            "env": {
                "pristine": env["Pristine"], "custom": names.clone().collect::<Vec<_>>(),
                "allowlist": env["Allowlist"], "denylist": env["Denylist"],
            },
            "kill_signal": signal(&it["KillSignal"]),
            "kill_timeout": duration(&it["KillTimeout"]),
            "reload_signal": signal(&it["ReloadSignal"]),
            "splay": duration(&it["Splay"]),
            "timeout": duration(&it["Timeout"]),
        }),
    })
}

fn quiet(it: &Value) -> Value {
    when(it, |it| match it["Min"].as_i64() {
        Some(0) => Value::Null,
        _ => json!({"min": duration(&it["Min"]), "max": duration(&it["Max"])}),
    })
}

fn log_file(it: &Value) -> Value {
    if text(&it["LogFilePath"]).is_empty() {
        return Value::Null;
    }
    let files = it["LogRotateMaxFiles"].as_i64().unwrap();
    json!({
        "path": it["LogFilePath"],
        "rotate_bytes": it["LogRotateBytes"],
        "rotate_duration": duration(&it["LogRotateDuration"]),
        "rotate_max_files": if files == 0 { json!("all") } else { json!({"newest": files.max(0)}) },
    })
}

/// A section that is switched on.
fn when(section: &Value, show: impl Fn(&Value) -> Value) -> Value {
    if section["Enabled"] == true { show(section) } else { Value::Null }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An empty text is none.
fn given(value: &Value) -> Value {
    if text(value).is_empty() { Value::Null } else { value.clone() }
}

fn duration(nanos: &Value) -> Value {
    let nanos = nanos.as_i64().unwrap();
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "us"), (1, "ns")];
    let (unit, name) = units.into_iter().find(|(unit, _)| nanos % unit == 0).unwrap();
    json!(format!("{}{name}", nanos / unit))
}

fn signal(number: &Value) -> Value {
    match number.as_i64() {
        None | Some(0) => Value::Null,
        Some(1) => json!("SIGHUP"),
        Some(2) => json!("SIGINT"),
        Some(3) => json!("SIGQUIT"),
        Some(6) => json!("SIGABRT"),
        Some(9) => json!("SIGKILL"),
        Some(10) => json!("SIGUSR1"),
        Some(12) => json!("SIGUSR2"),
        Some(15) => json!("SIGTERM"),
        Some(28) => json!("SIGWINCH"),
        Some(other) => panic!("signal {other} is not in the table"),
    }
}
