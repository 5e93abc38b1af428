use std::collections::{BTreeMap, BTreeSet};

use consul::kv::KvPair;
use consul::wire::{CatalogNode, Check, Node, Service, ServiceEntry};
use serde_json::json;

use super::FUNCTIONS;
use crate::data::{CatalogService, Data};
use crate::dependency::{Dependency, Instances, KeyPath};
use crate::render::{self, RenderError, Source, Template};
use crate::store::Store;

/// A template and the text it becomes.
type Row = (&'static str, &'static str);

const CONSUL: &[Row] = &[
    (r#"{{key "app/name"}}"#, "web"),
    (r#"{{key "/app/name"}}"#, "web"),
    (r#"{{key "app/name@dc2"}}"#, "elsewhere"),
    (r#"{{key "app/empty"}}"#, ""),
    (r#"{{key "app/multiline"}}"#, "a\nb"),
    (r#"{{keyExists "app/name"}}"#, "true"),
    (r#"{{keyExists "app/empty"}}"#, "true"),
    (r#"{{keyExists "app/absent"}}"#, "false"),
    (r#"{{keyOrDefault "app/name" "x"}}"#, "web"),
    (r#"{{keyOrDefault "app/empty" "x"}}"#, "x"),
    (r#"{{keyOrDefault "app/absent" "x"}}"#, "x"),
    (r#"{{keyOrDefault "app/absent" 7}}"#, "7"),
    (r#"{{keyOrDefault "app/absent" ""}}"#, ""),
    // A prefix is text, not a folder: `app2` begins with `app`.
    (r#"{{#each (ls "app")}}{{Key}}={{Value}};{{/each}}"#, "name=web;2=two;"),
    (r#"{{#each (ls "app/")}}{{Key}}={{Value}};{{/each}}"#, "name=web;"),
    (
        r#"{{#each (tree "app")}}{{Path}} {{Key}};{{/each}}"#,
        "app/db/url db/url;app/name name;app2 2;",
    ),
    (r#"{{#each (tree "app/")}}{{Key}};{{/each}}"#, "db/url;name;"),
    (r#"{{#each (ls "nothing")}}{{Key}}{{else}}none{{/each}}"#, "none"),
    (
        r#"{{#each (service "web")}}{{Node}} {{ID}} {{Address}}:{{Port}};{{/each}}"#,
        "n1 web-1 10.0.0.1:80;n2 web-2 10.1.0.2:80;",
    ),
    (r#"{{#each (service "web" "any")}}{{ID}};{{/each}}"#, "web-1;web-4;web-2;web-3;"),
    (
        r#"{{#each (service "web|any")}}{{ID}} {{Status}};{{/each}}"#,
        "web-1 passing;web-4 warning;web-2 passing;web-3 critical;",
    ),
    (r#"{{#each (service "web" "passing,critical")}}{{ID}};{{/each}}"#, "web-1;web-2;web-3;"),
    (r#"{{#each (service "blue.web@dc2~_agent")}}{{ID}};{{/each}}"#, "far;"),
    (r#"{{#each (service "")}}{{ID}}{{else}}none{{/each}}"#, "none"),
    (r"{{#each (service)}}{{ID}}{{else}}none{{/each}}", "none"),
    (
        r#"{{#each (service "web")}}{{ServiceMeta.owner}} {{NodeAddress}} {{Weights.Passing}} {{join "," Tags}};{{/each}}"#,
        "me 10.0.0.1 1 blue,green;me 10.0.0.2 1 ;",
    ),
    (
        r#"{{#each (services)}}{{Name}}:{{join "," Tags}};{{/each}}"#,
        "db:;web:blue,green,internal-listen-http-80;",
    ),
    (r#"{{#each (services "@dc2")}}{{Name}};{{/each}}"#, "far;"),
    (r"{{#each (nodes)}}{{Node}} {{Address}};{{/each}}", "n1 10.0.0.1;n2 10.0.0.2;"),
    (r#"{{#each (nodes "@dc2~_agent")}}{{Node}};{{/each}}"#, "z;a;"),
    (
        r"{{#with (node)}}{{Node.Node}}{{#each Services}} {{Service}}/{{ID}}:{{Port}}{{/each}}{{/with}}",
        "n1 api/a:1 web/b:2",
    ),
    (r#"{{#with (node "n2@dc2")}}{{#if Node}}known{{else}}unknown{{/if}}{{/with}}"#, "unknown"),
    (r#"{{join "," (datacenters)}}"#, "dc1,dc2"),
];

const WORLD: &[Row] = &[
    (r#"{{env "HOME"}}"#, "/home/me"),
    (r#"{{env "ABSENT"}}"#, ""),
    (r#"{{envOrDefault "HOME" "/"}}"#, "/home/me"),
    (r#"{{envOrDefault "EMPTY" "/"}}"#, ""),
    (r#"{{envOrDefault "ABSENT" "/"}}"#, "/"),
    (r#"{{mustEnv "HOME"}}"#, "/home/me"),
    (r#"{{file "/etc/motd"}}"#, "hello\n"),
];

const LISTS: &[Row] = &[
    (r#"{{contains "a" (split "," "a,b")}}"#, "true"),
    (r#"{{contains "c" (split "," "a,b")}}"#, "false"),
    (r#"{{contains "b" "abc"}}"#, "true"),
    (r#"{{contains "" "abc"}}"#, "true"),
    (r#"{{contains 2 (parseJSON "[1,2]")}}"#, "true"),
    (r#"{{contains "2" (parseJSON "[1,2]")}}"#, "false"),
    (r#"{{contains "a" (parseJSON "[]")}}"#, "false"),
    (r#"{{in (split "," "a,b") "b"}}"#, "true"),
    (r#"{{in "abc" "d"}}"#, "false"),
    (r#"{{#if (in values.list "x")}}yes{{/if}}"#, "yes"),
    (
        r#"{{#each (byTag (service "web"))}}{{@key}}:{{#each this}}{{ID}}{{/each}};{{/each}}"#,
        "blue:web-1;green:web-1;",
    ),
    (
        r"{{#each (byTag (services))}}{{@key}}:{{len this}};{{/each}}",
        "blue:1;green:1;internal-listen-http-80:1;",
    ),
    (r#"{{#each (byTag (service ""))}}{{@key}}{{else}}none{{/each}}"#, "none"),
    (r#"{{join "," (split ";" "a;b;;c")}}"#, "a,b,,c"),
    (r#"{{join "" (split "" "äbc")}}"#, "äbc"),
    (r#"{{join "," (split "" "äbc")}}"#, "ä,b,c"),
    (r#"{{join "," (parseJSON "[1,true,\"x\"]")}}"#, "1,true,x"),
    (r#"{{join "," (parseJSON "[]")}}"#, ""),
    (r#"{{len (split "," "")}}"#, "0"),
    (r#"{{len (split "," "  ")}}"#, "0"),
    (r#"{{len (split "," " a ")}}"#, "1"),
    (r#"{{#each (split "," " a,b ")}}[{{this}}]{{/each}}"#, "[a][b]"),
];

const PARSE: &[Row] = &[
    (r#"{{base64Encode "hi?>"}}"#, "aGk/Pg=="),
    (r#"{{base64Encode ""}}"#, ""),
    (r#"{{base64Decode "aGk/Pg=="}}"#, "hi?>"),
    (r#"{{base64Decode ""}}"#, ""),
    (r#"{{parseBool "true"}} {{parseBool "T"}} {{parseBool "1"}}"#, "true true true"),
    (r#"{{parseBool "False"}} {{parseBool "0"}} {{parseBool ""}}"#, "false false false"),
    (r#"{{parseInt "42"}} {{parseInt "-7"}} {{parseInt "+7"}} {{parseInt ""}}"#, "42 -7 7 0"),
    (r#"{{parseInt "9223372036854775807"}}"#, "9223372036854775807"),
    (r#"{{parseFloat "1.5"}} {{parseFloat "-1e3"}}"#, "1.5 -1000.0"),
    (r#"{{parseFloat "3"}} {{parseFloat ""}}"#, "3.0 0.0"),
    (r#"{{#with (parseJSON "{\"a\":{\"b\":[1,2]}}")}}{{a.b.[1]}}{{/with}}"#, "2"),
    (r#"{{len (parseJSON "")}}"#, "0"),
    (r#"{{toJSON (parseJSON "")}}"#, "{}"),
    (r"{{toJSON values.map}}", r#"{"a":1,"b":[true,null,"<&>"]}"#),
    (r#"{{toJSON "a\"b"}}"#, r#""a\"b""#),
    (
        r"{{toJSONPretty values.map}}",
        "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    null,\n    \"<&>\"\n  ]\n}",
    ),
];

const TEXT: &[Row] = &[
    (r#"{{indent 2 "a\n\nb"}}"#, "  a\n\n  b"),
    (r#"{{indent 0 "a"}}"#, "a"),
    (r#"{{indent 4 ""}}"#, ""),
    (r#"{{print "a" "b"}}"#, "ab"),
    (r#"{{print 1 2 "a" "b" 3 true}}"#, "1 2ab3 true"),
    (r#"{{regexMatch "^foo\\.[0-9]+$" "foo.12"}}"#, "true"),
    (r#"{{regexMatch "^o" "foo"}}"#, "false"),
    (r#"{{regexMatch "" ""}}"#, "true"),
    (r#"{{regexReplaceAll "^[\\w-]+?(\\d*)$" "$1" "test-server-3000"}}"#, "3000"),
    (r#"{{regexReplaceAll "^[\\w-]+?(\\d*)$" "$1" "test-server"}}"#, ""),
    (r#"{{regexReplaceAll "(?P<x>o+)" "[${x}]" "foo boo"}}"#, "f[oo] b[oo]"),
    // As in Go, the name of a group is as long as it can be.
    (r#"{{regexReplaceAll "(o)" "$1x" "foo"}}"#, "f"),
    (r#"{{regexReplaceAll "z" "y" "foo"}}"#, "foo"),
    (r#"{{replaceAll "." "-" "a.b.c"}}"#, "a-b-c"),
    (r#"{{replaceAll "a" "" "banana"}}"#, "bnn"),
    (r#"{{toLower "ÄB c"}}"#, "äb c"),
    (r#"{{toUpper "äb c"}}"#, "ÄB C"),
    (r#"{{toTitle "hello wORLD"}}"#, "Hello WORLD"),
    (r#"{{toTitle ""}}"#, ""),
    (r#"{{trim "/-" "/-a/b-/"}}"#, "a/b"),
    (r#"{{trim "" " a "}}"#, " a "),
    (r#"{{trimPrefix "a" "aab"}}"#, "ab"),
    (r#"{{trimPrefix "x" "aab"}}"#, "aab"),
    (r#"{{trimSuffix "b" "abb"}}"#, "ab"),
    (r#"[{{trimSpace "\t a b\n"}}]"#, "[a b]"),
    (r"{{toUpper 1.5}}{{toUpper true}}", "1.5TRUE"),
];

const MATH: &[Row] = &[
    // The value that a pipeline would carry comes last.
    ("{{add 2 5}}", "7"),
    ("{{subtract 2 5}}", "3"),
    ("{{multiply 2 5}}", "10"),
    ("{{divide 2 7}}", "3"),
    ("{{divide 2 -7}}", "-3"),
    ("{{modulo 3 7}}", "1"),
    ("{{modulo 3 -7}}", "-1"),
    ("{{minimum 2 5}} {{maximum 2 5}}", "2 5"),
    (r#"{{add "2" "5"}}"#, "7"),
    ("{{add 1.5 2}}", "3.5"),
    // A floating-point number keeps its point: Go would print 3.
    ("{{add 1.5 1.5}}", "3.0"),
    ("{{divide 2.0 7}}", "3.5"),
    ("{{divide 2 (divide 2.0 6)}}", "1.5"),
    ("{{minimum 2.5 2}} {{maximum 2.5 2}}", "2.0 2.5"),
    ("{{subtract 1 (add 1 (multiply 2 3))}}", "6"),
    ("{{add 1 (parseInt \"\")}}", "1"),
];

const HAPROXY: &[Row] = &[
    (r#"{{keyInteger "app/number" 1 100 7}}"#, "42"),
    (r#"{{keyInteger "app/number" 1 10 7}}"#, "7"),
    (r#"{{keyInteger "app/name" 1 100 7}}"#, "7"),
    (r#"{{keyInteger "app/absent" 1 100 7}}"#, "7"),
    (r#"{{keyInteger "app/empty" 1 100 7}}"#, "7"),
    (r#"{{quote "a \"b\" $c"}}"#, r#""a \"b\" \$c""#),
    (r#"{{quote (key "app/multiline")}}"#, r#""a?b""#),
    (r#"{{quote ""}}"#, r#""""#),
    (
        r#"{{#each (routes values)}}{{frontend}} {{backend}} {{mode}} {{balance}} {{join "," ports}};{{/each}}"#,
        "internal_http_in_blue:web cluster_blue:web http roundrobin 80;",
    ),
    (
        r#"{{#each (servers "blue" "web")}}{{name}} {{address}} {{weight}};{{/each}}"#,
        "n1_10.0.0.1_80 10.0.0.1:80 1;",
    ),
];

const TOPICS: &[&[Row]] = &[CONSUL, WORLD, LISTS, PARSE, TEXT, MATH, HAPROXY];

/// A template and its error, as in `place: reason`.
const ERRORS: &[Row] = &[
    (r"{{key}}", "t:1:1: key: takes 1 argument, got 0"),
    (r#"{{key "a" "b"}}"#, "t:1:1: key: takes 1 argument, got 2"),
    (r#"{{key "a?b"}}"#, r#"t:1:1: key: key "a?b": expected PATH[@DC]"#),
    ("one\n  two {{keyOrDefault \"a\"}}", "t:2:7: keyOrDefault: takes 2 arguments, got 1"),
    (
        r#"{{service "a b"}}"#,
        r#"t:1:1: service: service "a b": expected [TAG.]NAME[@DC][~NEAR][|STATUS]"#,
    ),
    (
        r#"{{service "web" "up"}}"#,
        r#"t:1:1: service: service "web|up": a status is one of any, passing, warning, critical, maintenance"#,
    ),
    (r#"{{service "a" "any" "b"}}"#, "t:1:1: service: takes 1 argument, got 3"),
    (r#"{{services "web"}}"#, r#"t:1:1: services: services "web": expected @DC"#),
    (r#"{{nodes "n1"}}"#, r#"t:1:1: nodes: nodes "n1": expected [@DC][~NEAR]"#),
    (r#"{{node "n1~n2"}}"#, r#"t:1:1: node: node "n1~n2": expected [NAME][@DC]"#),
    (r#"{{mustEnv "ABSENT"}}"#, "t:1:1: mustEnv: the environment variable ABSENT is not set"),
    (r#"{{mustEnv "EMPTY"}}"#, "t:1:1: mustEnv: the environment variable EMPTY is not set"),
    (r#"{{contains "a" 1}}"#, "t:1:1: contains: cannot look into a number"),
    (r#"{{contains (parseJSON "{}") "a"}}"#, "t:1:1: contains: expected a text, got a map"),
    (r#"{{join "," "a"}}"#, "t:1:1: join: expected a list, got a text"),
    (r#"{{join "," (parseJSON "[{}]")}}"#, "t:1:1: join: expected a text, got a map"),
    (r#"{{split "," (parseJSON "[]")}}"#, "t:1:1: split: expected a text, got a list"),
    (r#"{{byTag "web"}}"#, "t:1:1: byTag: expected a list, got a text"),
    (r#"{{parseInt "1.5"}}"#, "t:1:1: parseInt: '1.5' is no integer"),
    (r#"{{parseInt " 1"}}"#, "t:1:1: parseInt: ' 1' is no integer"),
    (r#"{{parseFloat "x"}}"#, "t:1:1: parseFloat: 'x' is no number"),
    (r#"{{parseBool "yes"}}"#, "t:1:1: parseBool: 'yes' is no boolean"),
    (r#"{{parseJSON "{"}}"#, "t:1:1: parseJSON: EOF while parsing an object at line 1 column 1"),
    (r#"{{base64Decode "?"}}"#, "t:1:1: base64Decode: Invalid symbol 63, offset 0."),
    (r#"{{regexMatch "(" "a"}}"#, "t:1:1: regexMatch: pattern '(': unclosed group"),
    (r#"{{indent -1 "a"}}"#, "t:1:1: indent: '-1' is no number of spaces"),
    (r#"{{toUpper (parseJSON "null")}}"#, "t:1:1: toUpper: expected a text, got nothing"),
    ("{{divide 0 1}}", "t:1:1: divide: no result for 1 and 0"),
    ("{{modulo 0 1}}", "t:1:1: modulo: no result for 1 and 0"),
    ("{{add 9223372036854775807 1}}", "t:1:1: add: no result for 1 and 9223372036854775807"),
    (r#"{{add "a" 1}}"#, "t:1:1: add: 'a' is no number"),
    (r"{{add 1}}", "t:1:1: add: takes 2 arguments, got 1"),
    (r#"{{keyInteger "app/number" "x" 2 3}}"#, "t:1:1: keyInteger: 'x' is no integer"),
    (r#"{{routes "x"}}"#, r#"t:1:1: routes: invalid type: string "x", expected struct Site"#),
    (r"{{toUpper nobody}}", "t:1:1: toUpper: there is no 'nobody' here"),
];

/// Everything that the tables ask for.
fn store() -> Store {
    let mut store = Store::default();
    for (path, value) in [
        ("app/name", Some("web")),
        ("app/name@dc2", Some("elsewhere")),
        ("app/empty", Some("")),
        ("app/multiline", Some("a\nb")),
        ("app/number", Some(" 42\n")),
        ("app/absent", None),
    ] {
        let key = Dependency::Key(KeyPath::parse("key", path).unwrap());
        store.insert(key, Data::Key(value.map(str::to_owned)));
    }
    for prefix in ["app", "app/", "nothing"] {
        let pairs = ["app/=", "app/db/=", "app/db/url=x", "app/name=web", "app2=two"];
        let pairs = pairs.iter().filter(|pair| pair.starts_with(prefix)).map(|pair| pair_of(pair));
        let data = Data::keys(prefix, pairs.collect());
        store.insert(Dependency::Keys(KeyPath::parse("ls", prefix).unwrap()), data);
    }
    for (query, entries) in [
        ("web", web()),
        ("web|any", web()),
        ("web|passing,critical", web()),
        ("blue.web", web().drain(1..2).collect()),
        ("blue.web@dc2~_agent", vec![entry("n9", "far", "", "passing")]),
    ] {
        let wanted = Instances::parse(query).unwrap();
        let data = Data::instances(&wanted, entries);
        store.insert(Dependency::Instances(wanted), data);
    }
    for (dependency, data) in places() {
        store.insert(dependency, data);
    }
    store
}

fn places() -> Vec<(Dependency, Data)> {
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let services = BTreeMap::from([
        ("web".to_owned(), tags(&["internal-listen-http-80", "green", "blue"])),
        ("db".to_owned(), tags(&[])),
    ]);
    let far = CatalogService { name: "far".to_owned(), tags: Vec::new() };
    let own = [service("b", "web", "", 2), service("a", "api", "", 1)];
    let own = CatalogNode {
        node: Some(node("n1")),
        services: own.into_iter().map(|service| (service.id.clone(), service)).collect(),
    };
    let file = Dependency::File("/etc/motd".into());
    vec![
        (Dependency::services("").unwrap(), Data::services(services)),
        (Dependency::services("@dc2").unwrap(), Data::Services(vec![far])),
        (Dependency::nodes("").unwrap(), Data::nodes(vec![node("n2"), node("n1")], false)),
        (Dependency::nodes("@dc2~_agent").unwrap(), Data::nodes(vec![node("z"), node("a")], true)),
        (Dependency::node("").unwrap(), Data::node(own)),
        (Dependency::node("n2@dc2").unwrap(), Data::node(CatalogNode::default())),
        (Dependency::Datacenters, Data::Datacenters(tags(&["dc1", "dc2"]))),
        (file, Data::File("hello\n".to_owned())),
    ]
}

fn pair_of(text: &str) -> KvPair {
    let (key, value) = text.split_once('=').unwrap();
    KvPair { key: key.to_owned(), value: value.into(), ..KvPair::default() }
}

fn node(name: &str) -> Node {
    let address = format!("10.0.0.{}", name.trim_start_matches('n'));
    Node { node: name.to_owned(), address, ..Node::default() }
}

fn service(id: &str, name: &str, address: &str, port: u16) -> Service {
    Service {
        id: id.to_owned(),
        service: name.to_owned(),
        address: address.to_owned(),
        port,
        meta: BTreeMap::from([("owner".to_owned(), "me".to_owned())]),
        ..Service::default()
    }
}

fn entry(on: &str, id: &str, address: &str, status: &str) -> ServiceEntry {
    let check = Check { status: status.to_owned(), ..Check::default() };
    ServiceEntry { node: node(on), service: service(id, "web", address, 80), checks: vec![check] }
}

/// What Consul answers for `web`, in no order.
fn web() -> Vec<ServiceEntry> {
    let mut entries = vec![
        entry("n2", "web-3", "", "critical"),
        entry("n1", "web-1", "", "passing"),
        entry("n2", "web-2", "10.1.0.2", "passing"),
        entry("n1", "web-4", "", "warning"),
    ];
    entries[1].service.tags = vec!["green".to_owned(), "blue".to_owned()];
    entries
}

fn render(text: &str) -> Result<String, RenderError> {
    let template = Template::parse(Source {
        name: "t".to_owned(),
        text: text.to_owned(),
        values: json!({
            "list": ["x", "y"],
            "map": {"b": [true, null, "<&>"], "a": 1},
            "environments": [{"name": "blue"}],
        }),
        environment: [("HOME", "/home/me"), ("EMPTY", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Source::default()
    })?;
    render::render(&template, &store()).text
}

#[test]
fn functions_do_what_the_tables_say() {
    let wrong: Vec<_> = TOPICS
        .iter()
        .copied()
        .flatten()
        .map(|(text, want)| (text, render(text), want))
        .filter(|(_, got, want)| got.as_deref() != Ok(want))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn wrong_calls_say_where_and_why() {
    let wrong: Vec<_> = ERRORS
        .iter()
        .map(|(text, want)| (text, render(text).map_err(|error| error.to_string()), want))
        .filter(|(_, got, want)| got.as_ref().err().map(String::as_str) != Some(want))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_function_is_in_a_table() {
    let rows: String = TOPICS.iter().copied().flatten().map(|(text, _)| *text).collect();
    let words: BTreeSet<_> = rows.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let untested: Vec<_> = FUNCTIONS.iter().filter(|(name, _)| !words.contains(name)).collect();
    assert!(untested.is_empty(), "{untested:?}");
    let names: BTreeSet<_> = FUNCTIONS.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), FUNCTIONS.len(), "a name is twice in the list");
}
