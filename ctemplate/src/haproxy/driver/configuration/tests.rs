use std::fs;
use std::path::Path;

use super::*;

fn server(text: &str) -> Option<Server> {
    let configuration = Configuration::parse(text);
    let place = Place { backend: "b".to_owned(), name: "s".to_owned() };
    configuration.server(&place).cloned()
}

#[test]
fn words_are_as_they_are_written() {
    for (line, want) in [
        ("  server a 1.2.3.4:5  check # why\n", vec!["server", "a", "1.2.3.4:5", "check"]),
        ("a \"b # c\" d", vec!["a", "\"b # c\"", "d"]),
        ("a 'b \" c' d", vec!["a", "'b \" c'", "d"]),
        ("a\\ b \\# c", vec!["a\\ b", "\\#", "c"]),
        ("a \"b \\\" c\" d", vec!["a", "\"b \\\" c\"", "d"]),
        ("# nothing", vec![]),
    ] {
        assert_eq!(words(line), want, "{line}");
    }
}

#[test]
fn a_server_has_the_words_of_its_defaults() {
    let file = "defaults\n default-server inter 2s\n default-server weight 9\nbackend b\n default-server maxconn 5\n server s 10.0.0.1:80 check weight 3\n";
    let want = Server {
        address: "10.0.0.1:80".parse().unwrap(),
        weight: 3,
        is_checked: true,
        is_disabled: false,
        keywords: ["inter", "2s", "maxconn", "5", "check"].map(str::to_owned).to_vec(),
    };
    assert_eq!(server(file), Some(want));
    for (file, want) in [
        (
            "defaults\n default-server fall 3\ndefaults x\n default-server fall 4\nbackend b\n server s 1.1.1.1:1",
            "fall 4",
        ),
        (
            "defaults x\n default-server fall 3\ndefaults y from x\n default-server rise 4\nbackend b from y\n server s 1.1.1.1:1",
            "fall 3 rise 4",
        ),
        (
            "defaults x\n default-server fall 3\ndefaults\n timeout client 1s\nbackend b\n server s 1.1.1.1:1 cookie weight",
            "cookie weight",
        ),
        ("backend b\n server s [::1]:1\n default-server fall 3\n server t 1.1.1.1:1", ""),
    ] {
        assert_eq!(server(file).unwrap().keywords.join(" "), want, "{file}");
    }
}

#[test]
fn what_is_not_understood_is_a_line() {
    for line in [
        "server s db.example.com:80",
        "server s 10.0.0.1",
        "server s 10.0.0.1:99999",
        "server s 10.0.0.1:0",
        "server s unix@/run/s.sock",
        "server s 10.0.0.1:80 weight 300",
        "server s 10.0.0.1:80 cookie \"a b\"",
        "server s 10.0.0.1:80 cookie a;b",
        "server s 10.0.0.1:80 agent-check agent-port 81",
        "server s ${HOST}:80",
    ] {
        let configuration = Configuration::parse(&format!("backend b\n {line}\n"));
        let [section] = configuration.sections() else { panic!("{line}") };
        assert_eq!((section.lines.len(), section.servers.len()), (1, 0), "{line}");
        assert!(section.is_foreign("s"), "{line}");
    }
    let templated = Configuration::parse("backend b\n server-template s 5 10.0.0.1:80\n");
    assert!(templated.sections().iter().all(|section| section.is_foreign("s1")));
    let conditional = "backend b\n.if defined(X)\n server s 10.0.0.1:80\n.endif\n";
    assert_eq!(server(conditional), None);
    assert_eq!(server("peers b\n server s 10.0.0.1:80\n"), None);
}

#[test]
fn servers_of_the_shipped_templates_are_understood() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut servers = 0;
    for case in fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = fs::read_to_string(case.join("internal.cfg")) else { continue };
        for section in Configuration::parse(&text).sections() {
            if section.backend().is_some_and(|name| name.starts_with("cluster_")) {
                assert_eq!(section.fixed, BTreeSet::new(), "{}: {section:?}", case.display());
                servers += section.servers.len();
            }
        }
    }
    assert!(servers > 0);
}

#[test]
fn what_is_written_as_it_was_is_the_same() {
    let old = "# ours\ndefaults\n default-server fall 3\nfrontend f\n bind :80\nbackend a\n server s 1.1.1.1:1\nbackend b\n server s 1.1.1.1:2\n";
    let last = Configuration::parse(old);
    let shared = |new: &str| {
        let new_one = Configuration::parse_after(new, &last);
        assert_eq!(new_one, Configuration::parse(new), "{new}");
        let is_known = |it: &&Arc<Section>| last.sections.iter().any(|old| Arc::ptr_eq(old, it));
        let shared = new_one.sections.iter().filter(is_known);
        shared.map(|it| it.heading.join(" ")).collect::<Vec<_>>().join(", ")
    };
    for (from, to, want) in [
        ("", "", "frontend f, backend a, backend b"),
        ("1.1.1.1:2", "1.1.1.1:3", "frontend f, backend a"),
        ("backend a\n server s 1.1.1.1:1\n", "", "frontend f, backend b"),
        ("frontend f", "listen l\n bind :81\nfrontend f", "frontend f, backend a, backend b"),
        ("frontend f", "defaults\nfrontend f", "frontend f"),
        (" default-server fall 3\n", "", "frontend f"),
        ("bind :80", ".if x\n bind :80\n.endif", ""),
        ("1.1.1.1:2\n", "1.1.1.1:2", "frontend f, backend a"),
        ("# ours\n", "", "frontend f, backend a, backend b"),
    ] {
        assert_eq!(shared(&old.replacen(from, to, 1)), want, "{from:?} -> {to:?}");
    }
}

#[test]
fn a_name_is_for_one_server() {
    let configuration =
        Configuration::parse("backend b\n server s 1.1.1.1:1\n server s 1.1.1.1:2\n");
    let [section] = configuration.sections() else { panic!("{configuration:?}") };
    assert_eq!((section.lines.len(), section.is_foreign("s")), (1, true));
}

#[test]
fn a_good_file_takes_over_the_servers_of_a_bad_one() {
    let good = "# ours\nfrontend f\n bind :80\nbackend a\n balance first\n server x 1.1.1.1:1\nbackend b\n server y 1.1.1.1:2\n";
    let bad = "frontend f\n bind :81\nbackend a\n balance first\n\n server z 1.1.1.1:3 # new\nbackend b\n balance first\nbackend c\n server w 1.1.1.1:4";
    let merged = Configuration::parse(good).with_servers_of(&Configuration::parse(bad));
    let want = "# ours\nfrontend f\n bind :80\nbackend a\n balance first\n\n server z 1.1.1.1:3 # new\nbackend b\n server y 1.1.1.1:2\n";
    assert_eq!(merged, want);
}
