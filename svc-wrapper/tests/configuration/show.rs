//! `svc-wrapper env`.

use integration::rig::dev_agent::DevAgent;

use crate::fixture::{Wrapped, block_on, put};

#[test]
fn shows_names_origins_and_reasons_and_values_only_when_asked() {
    let consul = block_on(DevAgent::start()).unwrap();
    put(consul.client(), "app/x/DB", "s3cr3t");
    put(consul.client(), "app/x/a-b", "s3cr3t");
    let folder = tempfile::tempdir().unwrap();
    let defaults = folder.path().join("app.env");
    std::fs::write(&defaults, "DEFAULT=d").unwrap();
    let api = consul.api();
    let defaults = defaults.to_str().unwrap();
    let options = ["--consul", &api, "--prefix", "app/x", "--defaults", defaults];
    let run = |rest: &[&str]| {
        let ended = Wrapped::start(&[&options, rest].concat(), &[("OUTER", "outer")]).ends();
        assert!(ended.status.success(), "{}", ended.log);
        assert!(!ended.log.contains("s3cr3t"));
        String::from_utf8(ended.output).unwrap()
    };
    let want = "DB=[hidden]  # key app/x/DB\nDEFAULT=[hidden]  # default\n\
                # skipped: \"app/x/a-b\" (no name of a variable)\n# inherited: OUTER PATH\n";
    assert_eq!(run(&["env"]), want);
    assert_eq!(
        run(&["env", "--show-values"]),
        want.replacen("[hidden]", "s3cr3t", 1).replacen("[hidden]", "d", 1)
    );
    let json = run(&["env", "--output", "json", "--sanitize"]);
    assert!(!json.contains("s3cr3t"), "{json}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let variable = serde_json::json!({"name": "a_b", "origin": "key", "key": "app/x/a-b"});
    assert_eq!(json["variables"][2], variable);
    assert_eq!(json["skipped"], serde_json::json!([]));
    let positional = ["none:1", &api, "app/x", "env", "--pristine"];
    let ended = Wrapped::start(&positional, &[("OUTER", "outer")]).ends();
    let text = String::from_utf8(ended.output).unwrap();
    assert!(text.contains("DB=[hidden]") && text.contains("# inherited: PATH\n"), "{text}");
}

#[test]
fn leaves_with_69_when_consul_is_away_and_runs_the_program_after_two_dashes() {
    let consul = DevAgent::reserve().unwrap();
    let api = consul.api();
    let options = ["--consul", &api, "--prefix", "app/x"];
    let away = [&options[..], &["--start-timeout", "100ms", "env"]].concat();
    let ended = Wrapped::start(&away, &[]).ends();
    assert_eq!(ended.status.code(), Some(69), "{}", ended.log);
    assert!(ended.log.contains("error: Consul gave no configuration"), "{}", ended.log);
    for arguments in
        [&["--", "env"][..], &["env", "-u", "NONE"], &["env", "PATH=/usr/bin:/bin", "env"]]
    {
        let output = Wrapped::start(arguments, &[]).output();
        assert_eq!(output, b"PATH=/usr/bin:/bin\n", "{arguments:?}");
    }
}

#[test]
fn its_options_are_in_its_help_and_in_the_readme() {
    let readme = include_str!("../../README.md");
    let help = String::from_utf8(Wrapped::start(&["env", "--help"], &[]).output()).unwrap();
    // Those that it shares with the program are a matter of the program's own help.
    for option in ["--show-values", "--output"] {
        assert!(help.contains(option) && readme.contains(&format!("`{option}")), "{option}");
    }
    assert!(help.contains("--consul-token-file") && help.contains("--pristine"), "{help}");
}
