use clap::Parser;

use std::ffi::OsStr;

use super::*;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn configure(line: &str, variables: &[(&str, &str)]) -> Result<Config, Error> {
    let cli = Cli::try_parse_from([words("svc-wrapper"), words(line)].concat()).unwrap();
    let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
    Config::new(&cli, |name| find(name).map(|(_, value)| OsString::from(value)))
}

/// `marathon|consul|prefix|app|command`, a dash for what is not there.
fn summary(config: &Config) -> String {
    let (mut marathon, mut consul, mut prefix, mut app) = ("-".to_owned(), "-", "-", "-");
    if let Some(Coordination { source, restart }) = &config.coordination {
        (consul, prefix) = (&source.consul.address, source.folders.last().unwrap());
        if let Way::Marathon(target) = &restart.way {
            (marathon, app) = (target.marathon.endpoints.to_string(), target.id.as_str());
        }
    }
    let command = [vec![config.command.program.clone()], config.command.arguments.clone()].concat();
    let command = command.join(OsStr::new(" ")).into_string().unwrap();
    format!("{marathon}|{consul}|{prefix}|{app}|{command}")
}

#[test]
fn tells_the_two_forms_apart() {
    let positional = |line: &str| matches!(split(&words(line), false), Ok(Words::Positional(..)));
    for line in [
        "dockerhost:18080 dockerhost:18500 app/staging/test-server node /app/server.js",
        "10.0.0.1:8080 [::1]:8500 p cmd",
        "http://marathon/ http://consul:8500 p cmd --flag",
    ] {
        assert!(positional(line), "{line}");
    }
    for line in [
        "node /app/server.js",
        "node a:1 b:2 c",
        "a:1 node b c",
        "a:0 b:1 p cmd",
        "a:b c:d p cmd",
        "/bin/x:1 b:1 p cmd",
        ":80 :81 p cmd",
        "a:99999 b:1 p cmd",
    ] {
        assert!(!positional(line), "{line}");
        assert_eq!(split(&words(line), false).unwrap(), Words::Command(words(line)), "{line}");
    }
    for line in ["a:1 b:2", "a:1 b:2 prefix"] {
        let error = split(&words(line), false).unwrap_err();
        assert!(matches!(error, Error::NoCommandAfterAddresses { .. }), "{line}");
        assert_eq!(split(&words(line), true).unwrap(), Words::Command(words(line)), "{line}");
    }
    assert!(matches!(split(&[], false), Err(Error::NoCommand)));
}

#[test]
fn completes_what_is_given() {
    let task: &[(&str, &str)] = &[
        ("MARATHON_URL", "http://m:8080"),
        ("CONSUL_HTTP_ADDR", "c:8500"),
        ("MARATHON_APP_ID", "/app/x"),
        ("MARATHON_APP_VERSION", "2026-11-21T03:14:15.926Z"),
    ];
    for (line, variables, want) in [
        ("true", &[][..], "-|-|-|-|true"),
        ("sh -c x --version", &[], "-|-|-|-|sh -c x --version"),
        ("-- sh -- x", &[], "-|-|-|-|sh -- x"),
        ("m:1 c:2 app/x node", &[], "http://m:1|c:2|app/x/|/app/x|node"),
        ("m:1 c:2 app/x node -l x", task, "http://m:1|c:2|app/x/|/app/x|node -l x"),
        ("m:1 c:2 app/shared node", task, "http://m:1|c:2|app/shared/|/app/x|node"),
        ("node", task, "http://m:8080|c:8500|app/x/|/app/x|node"),
        ("--prefix /a/b/ node", task, "http://m:8080|c:8500|a/b/|/app/x|node"),
        ("--consul d:1 --app-id y node", task, "http://m:8080|d:1|y/|/y|node"),
        ("--restart none node", task, "-|c:8500|app/x/|-|node"),
        ("--marathon none node", task, "-|c:8500|app/x/|-|node"),
        ("--consul none node", task, "-|-|-|-|node"),
        ("--consul none m:1 c:2 p node", &[], "-|-|-|-|m:1 c:2 p node"),
        ("node", &[("CONSUL_HTTP_ADDR", "")], "-|-|-|-|node"),
    ] {
        assert_eq!(
            configure(line, variables).map(|config| summary(&config)).unwrap(),
            want,
            "{line}"
        );
    }
}

#[test]
fn refuses_what_cannot_work_in_one_line() {
    for (line, want) in [
        ("", "no command given"),
        ("m:1 c:2 p", "no command after 'm:1 c:2'"),
        ("--consul c:1 node", "no prefix"),
        ("--consul c:1 --prefix a/../b node", "not a prefix"),
        ("--consul c:1 --prefix / node", "not a prefix"),
        ("m:1 c:2 a//b node", "not a prefix"),
        ("--prefix p node", "no Consul"),
        ("--consul ftp://c --prefix p node", "Consul's address"),
        ("--consul c:1 --prefix p --marathon ftp://m node", "Marathon's address"),
        ("--consul c:1 --prefix p --restart marathon node", "needs --marathon or MARATHON_URL"),
        ("--restart marathon node", "needs Consul"),
        ("--settle 31s node", "--settle is at most 30s"),
    ] {
        let text = configure(line, &[]).unwrap_err().to_string();
        assert!(text.contains(want) && !text.contains('\n'), "{line}: {text}");
    }
}

#[test]
fn keeps_the_token_to_itself() {
    let config =
        configure("--consul c:1 --prefix p node", &[("CONSUL_HTTP_TOKEN", "s3cr3t")]).unwrap();
    assert!(!format!("{config:?}").contains("s3cr3t"));
    assert!(config.coordination.unwrap().source.consul.token.is_some());
}
