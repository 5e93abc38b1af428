use std::fs;
use std::time::Duration;

use clap::Parser;
use daemon::secret::Secret;
use proptest::prelude::*;
use rustix::process::Signal;

use super::settings::{MaxFiles, MissingKey, OnError, Source, Template, Write};
use super::*;

/// The settings of a configuration file, without an environment. Nothing is written, so a template needs no destination.
pub(super) fn settings(text: &str) -> Settings {
    loaded(text, &["-dry"], &[]).unwrap()
}

/// What a file, flags and variables come to.
fn loaded(text: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.hcl");
    fs::write(&path, text).unwrap();
    let args =
        ["ctemplate", "-config", path.to_str().unwrap()].into_iter().chain(args.iter().copied());
    let args = crate::cli::with_two_dashes(args.map(Into::into));
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    load(&Cli::try_parse_from(args).unwrap(), variable)
}

/// What is wrong, without the folder that the file was in.
fn refusal(text: &str, args: &[&str]) -> String {
    let error = loaded(text, args, &[]).unwrap_err().to_string();
    error.rsplit('/').next().unwrap().to_owned()
}

#[test]
fn defaults_are_as_documented() {
    let settings = settings("template { source = \"a\" }");
    assert_eq!(settings.templates, [Template::new(Source::File("a".into()))]);
    assert_eq!(settings.consul.address, "127.0.0.1:8500");
    assert_eq!(settings.consul.retry.unwrap().attempts, None);
    assert_eq!(
        (settings.kill_signal, settings.reload_signal),
        (Some(Signal::INT), Some(Signal::HUP))
    );
    assert_eq!(
        (settings.max_stale, settings.block_query_wait),
        (Duration::from_secs(2), Duration::from_mins(1))
    );
    assert_eq!((settings.log.filter.as_str(), settings.wait), ("info", Wait::default()));
    assert!(
        settings.deduplicate.is_none() && settings.exec.is_none() && settings.pid_file.is_none()
    );
    assert!(settings.log.file.is_none() && settings.log.syslog.is_none());
    assert_eq!(settings.warnings, <[String; 0]>::default());
}

#[test]
fn our_own_keys_of_a_template() {
    let text = "once_timeout = \"9s\" values = \"site.toml\"\ntemplate {\n contents = \"x\" check = \"a, b\" \
        min_instances = 2 max_shrink = \"50%\" write = \"inplace\" on_error = \"exit\" error_on_missing_key = true }";
    let settings = loaded(text, &["-dry", "-once", "-check", "common"], &[]).unwrap();
    assert_eq!(settings.once_timeout, Some(Duration::from_secs(9)));
    assert_eq!(settings.values, Some("site.toml".into()));
    let template = &settings.templates[0];
    assert_eq!(template.check.as_ref().unwrap().words(), ["a, b"]);
    assert_eq!((template.min_instances, template.max_shrink), (Some(2), Some(50)));
    assert_eq!((template.write, template.on_error), (Write::InPlace, OnError::Exit));
    assert_eq!(
        (template.missing_key, template.name()),
        (MissingKey::Error, std::path::Path::new("(dynamic)"))
    );
    let common =
        loaded("template { contents = \"x\" }", &["-dry", "-check", "common"], &[]).unwrap();
    assert_eq!(common.templates[0].check.as_ref().unwrap().words(), ["common"]);
}

#[test]
fn the_status_has_an_address() {
    let address = |text: &str, args: &[&str]| loaded(text, args, &[]).unwrap().status;
    let text = "status { address = \"127.0.0.1:9110\" }";
    assert_eq!(address(text, &[]), "127.0.0.1:9110".parse().ok());
    assert_eq!(address(text, &["-status", "[::1]:9111"]), "[::1]:9111".parse().ok());
    assert_eq!(address(text, &["-status", ""]), None);
    assert_eq!(address("status { }", &[]), None);
    let want = "status '9110': expected an address and a port, such as 127.0.0.1:9110";
    assert_eq!(refusal("status { address = \"9110\" }", &[]), want);
}

#[test]
fn the_place_of_what_is_wrong_is_named() {
    for (text, want) in [
        (
            "consul {\n  retry {\n    attempts = \"5\"\n  }\n}",
            "config.hcl:3:16: consul.retry.attempts: expected an integer, found a string",
        ),
        (
            "max_stale = \"soon\"",
            "config.hcl:1:13: max_stale: 'soon' is not a duration: a number is missing (write it like 500ms, 30s, 5m or 1h30m)",
        ),
        ("max_stale = -1", "config.hcl:1:13: max_stale: it is negative"),
        (
            "\n wait { enabled = true }",
            "config.hcl:2:9: wait: unknown key 'enabled'; known are bool, max, min",
        ),
        ("wait = \"3s:2s\"", "config.hcl:1:8: wait: the maximum in '3s:2s' is below the minimum"),
        ("template \"x\" { }", "config.hcl:1:10: 'x' is between template and its brace"),
        (
            "kill_signal = \"TERM\"",
            "config.hcl:1:15: kill_signal: 'TERM' is no signal: expected a name such as SIGHUP, SIGUSR1 or SIGTERM",
        ),
        (
            "template { perms = \"0999\" }",
            "config.hcl:1:20: template.perms: no mode: expected octal digits such as 0644",
        ),
        (
            "template { write = \"x\" }",
            "config.hcl:1:20: template.write: expected \"atomic\" or \"inplace\", found \"x\"",
        ),
        (
            "template { max_shrink = \"101%\" }",
            "config.hcl:1:25: template.max_shrink: expected a part such as \"50%\"",
        ),
    ] {
        assert_eq!(refusal(text, &["-dry"]), want, "{text}");
    }
}

#[test]
fn the_place_of_what_does_not_fit_is_named() {
    for (text, want) in [
        ("exec = \"run\"", "config.hcl:1:8: exec: expected a section, found a string"),
        ("consul = []", "config.hcl:1:10: consul: expected a section, found a list"),
        ("log_level = 5", "config.hcl:1:13: log_level: expected a string, found an integer"),
        (
            "exec { command = [\"a\", 5] }",
            "config.hcl:1:24: exec.command: expected a string, found an integer",
        ),
        ("pid_file = ", "config.hcl:1:12: expected a value, found the end"),
        (
            "\ntemplate { source = \"a\" contents = \"b\" }",
            "config.hcl:2:10: source and contents exclude each other",
        ),
        (
            "{\"template\": [{\"source\": \"a\"},\n {}]}",
            "config.hcl:2:2: source or contents must be given",
        ),
        (
            "log_level = \"loud\"",
            "log level 'loud': expected trace, debug, info, warn or error, or a filter such as info,hyper=debug",
        ),
        (
            "syslog { facility = \"LOCAL8\" }",
            "syslog facility 'LOCAL8': expected a name such as LOCAL0, DAEMON or USER",
        ),
    ] {
        assert_eq!(refusal(text, &["-dry"]), want, "{text}");
    }
    let error = refusal("template { source = \"a\" }", &[]);
    assert_eq!(error, "config.hcl:1:10: destination is missing; use -dry to print");
    assert!(
        refusal("unknown = 1", &[])
            .starts_with("config.hcl:1:1: unknown key 'unknown'; known are block_query_wait, ")
    );
}

#[test]
fn the_exit_code_tells_who_is_wrong() {
    let exit = |text, args: &[&str], local| {
        loaded(text, args, &[("CT_LOCAL_CONFIG", local)]).unwrap_err().exit()
    };
    assert_eq!(exit("x", &[], ""), Exit::Config);
    assert_eq!(exit("", &[], "x"), Exit::Flags);
    assert_eq!(exit("template {}", &[], ""), Exit::Runner);
    assert_eq!(exit("", &["-template", "a"], ""), Exit::Flags);
    assert_eq!(exit("", &["-log-level", "loud"], ""), Exit::Config);
    assert_eq!(exit("", &["-config", "/nowhere"], ""), Exit::Config);
}

#[test]
fn what_comes_later_wins() {
    let file =
        "max_stale = \"1s\" pid_file = \"file\" reload_signal = \"\" template { contents = \"1\" }";
    let local = "pid_file = \"local\" kill_signal = \"SIGTERM\" template { contents = \"2\" }";
    let args = ["-dry", "-kill-signal", "SIGQUIT", "-template", "3"];
    let variables =
        [("CT_LOCAL_CONFIG", local), ("CT_LOG", " WARN "), ("CONSUL_HTTP_ADDR", "env:1")];
    let settings = loaded(file, &args, &variables).unwrap();
    assert_eq!(settings.max_stale, Duration::from_secs(1));
    assert_eq!(settings.pid_file, Some("local".into()));
    assert_eq!((settings.kill_signal, settings.reload_signal), (Some(Signal::QUIT), None));
    assert_eq!((settings.log.filter.as_str(), settings.consul.address.as_str()), ("warn", "env:1"));
    let sources: Vec<_> = settings.templates.into_iter().map(|it| it.source).collect();
    let contents = |text: &str| Source::Contents(text.to_owned());
    assert_eq!(sources, [contents("1"), contents("2"), Source::File("3".into())]);
}

#[test]
fn errors_are_fatal_where_it_is_said_last() {
    let text = "template_error_fatal = true template { contents = \"a\" }\
        template { contents = \"b\" error_fatal = false }";
    let fatal = |args: &[&str]| {
        let settings = loaded(text, &[&["-dry"], args].concat(), &[]).unwrap();
        settings.templates.iter().map(|it| it.error_fatal).collect::<Vec<_>>()
    };
    assert_eq!(fatal(&[]), [true, false]);
    assert_eq!(fatal(&["-template-error-fatal"]), [true, true]);
    assert_eq!(fatal(&["-template-error-fatal=false"]), [false, false]);
}

#[test]
fn a_token_that_is_written_down_goes_before_the_environment() {
    let value = |text: &str| Some(Secret::from(text.to_owned()));
    let file = |path: &str| Some(Secret::File(path.into()));
    let both = [("CONSUL_TOKEN", "env"), ("CONSUL_HTTP_TOKEN_FILE", "/env")];
    let one = [("CONSUL_HTTP_TOKEN", "http"), ("CONSUL_TOKEN", "env")];
    for (text, args, variables, want) in [
        ("consul { token = \"file\" }", &[][..], &both[..], value("file")),
        ("consul { token = \"file\" token_file = \"/file\" }", &[], &both, file("/file")),
        ("consul { token = \"file\" }", &["-consul-token=flag"], &[], value("flag")),
        ("", &["-consul-token-file=/flag"], &both, file("/flag")),
        ("", &[], &both, file("/env")),
        ("", &[], &one, value("env")),
        ("consul { token = \"\" }", &[], &one, value("env")),
        ("", &[], &[], None),
    ] {
        assert_eq!(loaded(text, args, variables).unwrap().consul.token, want, "{text} {args:?}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let text = "consul { token = \"s3cr3t\" auth { username = \"u\" password = \"s3cr3t\" } }\
        vault { token = \"s3cr3t\" } nomad { token = \"s3cr3t\" auth_password = \"s3cr3t\" }\
        exec { command = \"run\" env { custom = [\"A=s3cr3t\"] } }";
    let settings = settings(text);
    let shown = serde_json::to_string(&settings).unwrap();
    assert!(!shown.contains("s3cr3t") && shown.contains("[redacted]"), "{shown}");
    let debug = format!("{:?}", settings.consul);
    assert!(!debug.contains("s3cr3t"), "{debug}");
}

#[test]
fn what_has_no_effect_is_said() {
    let text = "consul { address = \"a\" }\nvault { address = \"x\" }\nnomad {}\n\
        consul { transport { max_idle_conns = 5 } ssl { ca_cert_bytes = \"x\" } }";
    let warnings = settings(text).warnings;
    for want in [
        "config.hcl:1:8: consul has no effect: it is there again below",
        "vault has no effect",
        "nomad has no effect",
        "consul.transport.max_idle_conns has no effect",
        "consul.ssl.ca_cert_bytes has no effect",
    ] {
        assert!(warnings.iter().any(|warning| warning.contains(want)), "{want}: {warnings:?}");
    }
    assert_eq!(loaded("", &["-vault-addr=x"], &[]).unwrap().warnings.len(), 1);
}

#[test]
fn folders_are_read_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("b.json", "{\"template\": {\"contents\": \"2\"}, \"pid_file\": \"b\"}");
    write("a/z.hcl", "template { contents = \"1\" } pid_file = \"a\"");
    write("c", "template { contents = \"3\" }");
    let read = || {
        let mut warnings = Vec::new();
        files::read(folder.path(), &mut warnings)
    };
    let layer = read().unwrap();
    let contents: Vec<_> =
        layer.templates.unwrap().into_iter().map(|it| it.template.contents.unwrap()).collect();
    assert_eq!(contents, ["1", "2", "3"]);
    assert_eq!(layer.pid_file.as_deref(), Some("b"));
    std::os::unix::fs::symlink("a", folder.path().join("d")).unwrap();
    assert!(read().unwrap_err().to_string().contains("/d: Is a directory"));
}

#[test]
fn old_log_files_are_counted() {
    for (text, want) in [
        ("path = \"l\"", MaxFiles::All),
        ("path = \"l\" log_rotate_max_files = 3", MaxFiles::Newest(3)),
        ("path = \"l\" log_rotate_max_files = -1", MaxFiles::Newest(0)),
    ] {
        let file = settings(&format!("log_file {{ {text} }}")).log.file.unwrap();
        assert_eq!(file.rotate_max_files, want, "{text}");
    }
}

#[test]
fn the_manual_lists_every_key() {
    let sections: [(&str, &[&str]); 16] = [
        ("", Layer::KEYS),
        ("consul.", layer::Consul::KEYS),
        ("consul.auth.", layer::Auth::KEYS),
        ("consul.retry.", layer::Retry::KEYS),
        ("consul.ssl.", layer::Ssl::KEYS),
        ("consul.transport.", layer::Transport::KEYS),
        ("wait.", layer::Wait::KEYS),
        ("deduplicate.", layer::Deduplicate::KEYS),
        ("default_delimiters.", layer::Delimiters::KEYS),
        ("exec.", layer::Exec::KEYS),
        ("exec.env.", layer::Env::KEYS),
        ("haproxy.", layer::Haproxy::KEYS),
        ("log_file.", layer::LogFile::KEYS),
        ("status.", layer::Status::KEYS),
        ("syslog.", layer::Syslog::KEYS),
        ("template.", layer::Template::KEYS),
    ];
    let names = sections.map(|(section, _)| section);
    let keys = sections
        .iter()
        .flat_map(|(section, keys)| keys.iter().map(move |key| format!("{section}{key}")));
    // What a section is called is said by its keys; these two are read for consul-template's sake.
    let is_listed = |key: &String| {
        let is_section = names.contains(&format!("{key}.").as_str());
        (!is_section || matches!(key.as_str(), "wait" | "template"))
            && !matches!(key.as_str(), "once" | "parseonly")
    };
    let mut keys: Vec<_> = keys.filter(is_listed).collect();
    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let manual = fs::read_to_string(manual).unwrap();
    let table =
        manual.split("\n### ").find(|section| section.starts_with("Keys and flags")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut listed: Vec<_> = rows.map(|row| row.split('`').next().unwrap().to_owned()).collect();
    keys.sort();
    listed.sort();
    assert_eq!(listed, keys);
}

/// Layers of a few keys of each kind: values, sections, lists, templates.
fn layer() -> impl Strategy<Value = Layer> {
    let values = prop::collection::vec(0..4_u8, 6);
    values.prop_map(|values| {
        let mut text = String::new();
        let keys = [
            "pid_file = \"%\"",
            "consul { address = \"%\" }",
            "exec { env { custom = [\"%\"] } }",
            "template { contents = \"%\" }",
            "consul { retry { attempts = % } token = \"%\" }",
            "wait { max = % }",
        ];
        for (key, value) in keys.iter().zip(values).filter(|(_, value)| *value > 0) {
            text.push_str(&key.replace('%', &value.to_string()));
            text.push('\n');
        }
        files::parse(&text, "", &mut Vec::new()).unwrap()
    })
}

fn merged(mut under: Layer, over: Layer) -> Layer {
    under.merge(over);
    under
}

/// Without where a template is written.
fn comparable(mut layer: Layer) -> Layer {
    for placed in layer.templates.iter_mut().flatten() {
        placed.origin = Origin::Flag(String::new());
    }
    layer
}

proptest! {
    #[test]
    fn merging_is_associative(a in layer(), b in layer(), c in layer()) {
        let left = merged(merged(a.clone(), b.clone()), c.clone());
        let right = merged(a, merged(b, c));
        prop_assert_eq!(comparable(left), comparable(right));
    }

    #[test]
    fn an_empty_layer_changes_nothing(a in layer()) {
        prop_assert_eq!(merged(a.clone(), Layer::default()), a.clone());
        prop_assert_eq!(merged(Layer::default(), a.clone()), a);
    }
}
