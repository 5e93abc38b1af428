use std::collections::{BTreeMap, BTreeSet};

use consul::kv::KvPair;
use serde_json::json;

use super::{functions, haproxy};
use crate::data::answer::{CatalogNode, Check, Node, Service, ServiceEntry};
use crate::data::{CatalogService, Data};
use crate::dependency::{Dependency, Instances, KeyPath};
use crate::render::{self, Language, RenderError, Source, Template};
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
    (r#"{{contains "a" 1}}"#, "false"),
    (r#"{{contains (parseJSON "{}") "a"}}"#, "false"),
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
    ("{{minimum 2.5 2}} {{maximum 2.5 2}}", "2 2.5"),
    ("{{subtract 1 (add 1 (multiply 2 3))}}", "6"),
    ("{{add 1 (parseInt \"\")}}", "1"),
    // As in Go, the integers are a circle.
    ("{{add 9223372036854775807 1}}", "-9223372036854775808"),
];

const HAPROXY: &[Row] = &[
    (r#"{{keyInteger "app/number" 1 100 7}}"#, "42"),
    (r#"{{keyInteger "app/number" 1 10 7}}"#, "7"),
    (r#"{{keyInteger "app/name" 1 100 7}}"#, "7"),
    (r#"{{keyInteger "app/absent" 1 100 7}}"#, "7"),
    (r#"{{keyInteger "app/empty" 1 100 7}}"#, "7"),
    // The key that this asks for, `service/haproxy/auth/nobody`, does not exist.
    (r#"{{#each (users "nobody")}}{{name}}{{else}}none{{/each}}"#, "none"),
    (r#"{{quote "a \"b\" $c"}}"#, r#""a \"b\" \$c""#),
    (r#"{{quote (key "app/multiline")}}"#, r#""a?b""#),
    (r#"{{quote ""}}"#, r#""""#),
    (
        r#"{{#each (routes values)}}{{frontend}} {{backend}} {{mode}} {{balance}} {{join "," ports}};{{/each}}"#,
        "internal_http_in_blue:web cluster_blue:web http roundrobin 80;",
    ),
    (r"{{#each (rules values)}}{{host}}{{else}}none{{/each}}", "none"),
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
    (
        r#"{{key "a?b"}}"#,
        r#"t:1:1: key: kv.get: invalid query parameter key "b" in query "b": supported keys: ns,peer,partition,sameness-group"#,
    ),
    ("one\n  two {{keyOrDefault \"a\"}}", "t:2:7: keyOrDefault: takes 2 arguments, got 1"),
    (r#"{{service "a b"}}"#, r#"t:1:1: service: health.service: invalid format: "a b""#),
    (
        r#"{{service "web" "up"}}"#,
        r#"t:1:1: service: health.service: invalid filter: "up" in "web|up""#,
    ),
    (
        r#"{{service "a" "any" "b"}}"#,
        r#"t:1:1: service: health.service: invalid format: "a|any|b""#,
    ),
    (r#"{{services "web"}}"#, r#"t:1:1: services: catalog.services: invalid format: "web""#),
    (r#"{{nodes "n1"}}"#, r#"t:1:1: nodes: catalog.nodes: invalid format: "n1""#),
    (r#"{{node "n1~n2"}}"#, r#"t:1:1: node: catalog.node: invalid format: "n1~n2""#),
    (r#"{{mustEnv "ABSENT"}}"#, "t:1:1: mustEnv: required environment variable ABSENT is empty"),
    (r#"{{mustEnv "EMPTY"}}"#, "t:1:1: mustEnv: required environment variable EMPTY is empty"),
    (r#"{{join "," "a"}}"#, "t:1:1: join: expected a list, got a text"),
    (r#"{{join "," (parseJSON "[{}]")}}"#, "t:1:1: join: expected a text, got a map"),
    (r#"{{split "," (parseJSON "[]")}}"#, "t:1:1: split: expected a text, got a list"),
    (r#"{{byTag "web"}}"#, "t:1:1: byTag: wrong argument type string"),
    (
        r#"{{parseInt "1.5"}}"#,
        r#"t:1:1: parseInt: strconv.ParseInt: parsing "1.5": invalid syntax"#,
    ),
    (r#"{{parseInt " 1"}}"#, r#"t:1:1: parseInt: strconv.ParseInt: parsing " 1": invalid syntax"#),
    (
        r#"{{parseFloat "x"}}"#,
        r#"t:1:1: parseFloat: strconv.ParseFloat: parsing "x": invalid syntax"#,
    ),
    (
        r#"{{parseBool "yes"}}"#,
        r#"t:1:1: parseBool: strconv.ParseBool: parsing "yes": invalid syntax"#,
    ),
    (r#"{{parseJSON "{"}}"#, "t:1:1: parseJSON: unexpected end of JSON input"),
    (r#"{{base64Decode "?"}}"#, "t:1:1: base64Decode: illegal base64 data at input byte 0"),
    (
        r#"{{regexMatch "(" "a"}}"#,
        "t:1:1: regexMatch: error parsing regexp: missing closing ): `(`",
    ),
    (r#"{{indent -1 "a"}}"#, "t:1:1: indent: indent value must be a positive integer"),
    (r#"{{toUpper (parseJSON "null")}}"#, "t:1:1: toUpper: expected a text, got nothing"),
    ("{{divide 0 1}}", "t:1:1: divide: runtime error: integer divide by zero"),
    ("{{modulo 0 1}}", "t:1:1: modulo: runtime error: integer divide by zero"),
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
        let key = Dependency::Key(KeyPath::parse("kv.get", path).unwrap());
        store.insert(key, Data::Key(value.map(str::to_owned)));
    }
    for prefix in ["app", "app/", "nothing"] {
        let pairs = ["app/=", "app/db/=", "app/db/url=x", "app/name=web", "app2=two"];
        let pairs = pairs.iter().filter(|pair| pair.starts_with(prefix)).map(|pair| pair_of(pair));
        let data = Data::keys(prefix, pairs.collect());
        store.insert(Dependency::Keys(KeyPath::parse("kv.list", prefix).unwrap()), data);
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
        services: Some(own.into_iter().map(|service| (service.id.clone(), service)).collect()),
    };
    let file = Dependency::File("/etc/motd".into());
    vec![
        (Dependency::services("").unwrap(), Data::services(services)),
        (Dependency::services("@dc2").unwrap(), Data::Services(vec![far])),
        (Dependency::nodes("").unwrap(), Data::nodes(vec![node("n2"), node("n1")], false)),
        (Dependency::nodes("@dc2~_agent").unwrap(), Data::nodes(vec![node("z"), node("a")], true)),
        (Dependency::node("").unwrap(), Data::node(own)),
        (Dependency::node("n2@dc2").unwrap(), Data::node(CatalogNode::default())),
        (Dependency::Datacenters { reachable: false }, Data::Datacenters(tags(&["dc1", "dc2"]))),
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

fn service(id: &str, name: &str, address: &str, port: i64) -> Service {
    Service {
        id: id.to_owned(),
        service: name.to_owned(),
        address: address.to_owned(),
        port,
        meta: Some(BTreeMap::from([("owner".to_owned(), "me".to_owned())])),
        ..Service::default()
    }
}

fn entry(on: &str, id: &str, address: &str, status: &str) -> ServiceEntry {
    let check = Check { status: status.to_owned(), ..Check::default() };
    ServiceEntry {
        node: node(on),
        service: service(id, "web", address, 80),
        checks: Some(vec![check]),
    }
}

/// What Consul answers for `web`, in no order.
fn web() -> Vec<ServiceEntry> {
    let mut entries = vec![
        entry("n2", "web-3", "", "critical"),
        entry("n1", "web-1", "", "passing"),
        entry("n2", "web-2", "10.1.0.2", "passing"),
        entry("n1", "web-4", "", "warning"),
    ];
    entries[1].service.tags = Some(vec!["green".to_owned(), "blue".to_owned()]);
    entries
}

fn render(text: &str) -> Result<String, RenderError> {
    let template = Template::parse(Source {
        name: "t".to_owned(),
        text: text.to_owned(),
        language: Language::Handlebars,
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
fn names_are_unique_and_our_own_functions_are_in_a_table() {
    let rows: String = TOPICS.iter().copied().flatten().map(|(text, _)| *text).collect();
    let words: BTreeSet<_> = rows.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    // Those of consul-template are compared with it.
    let own = haproxy::FUNCTIONS.iter().map(|function| function.name);
    let untested: Vec<_> = own.filter(|name| !words.contains(name)).collect();
    assert!(untested.is_empty(), "{untested:?}");
    let names: BTreeSet<_> = functions().map(|function| function.name).collect();
    assert_eq!(names.len(), functions().count(), "a name is twice in the list");
}
