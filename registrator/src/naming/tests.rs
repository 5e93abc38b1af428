use serde_json::json;

use super::*;
use crate::metadata::tests::{app, port};

type Pairs = &'static [(&'static str, &'static str)];

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn names(env: Pairs, labels: Pairs, several: bool, policy: &Policy) -> (Vec<String>, usize) {
    let app = app(env, labels, &json!({}));
    let (names, wrong) = Metadata::of(&app).names(&app, &port(), several, policy);
    (names, wrong.len())
}

#[test]
fn names_by_default() {
    let rows: [(&str, Pairs, Pairs, bool, &[&str]); 13] = [
        ("default", &[], &[], false, &["web"]),
        ("default, several ports", &[], &[], true, &["web-80"]),
        ("env", &[("SERVICE_NAME", "e")], &[], false, &["e"]),
        ("label wins", &[("SERVICE_NAME", "e")], &[("SERVICE_NAME", "l")], false, &["l"]),
        ("suffix", &[("SERVICE_NAME", "e")], &[], true, &["e-80"]),
        ("port wins", &[("SERVICE_80_NAME", "p")], &[("SERVICE_NAME", "l")], true, &["p"]),
        ("by the port's name", &[("SERVICE_PORT_WEB_UI_NAME", "p")], &[], true, &["p"]),
        ("other port", &[("SERVICE_81_NAME", "p")], &[], true, &["web-80"]),
        ("empty is absent", &[("SERVICE_NAME", "")], &[], false, &["web"]),
        ("any case", &[("SERVICE_Name", "n"), ("service_name", "x")], &[], false, &["n"]),
        ("several", &[("SERVICE_80_NAMES", "a,b,,a")], &[], true, &["a", "b"]),
        ("several, generic", &[("SERVICE_NAMES", "a,b")], &[], true, &["a-80", "b-80"]),
        (
            "one and several",
            &[("SERVICE_NAME", "n"), ("SERVICE_NAMES", "a,n")],
            &[],
            false,
            &["n", "a"],
        ),
    ];
    for (name, env, labels, several, want) in rows {
        let (found, wrong) = names(env, labels, several, &Policy::default());
        assert_eq!((found, wrong), (owned(want), 0), "{name}");
    }
}

#[test]
fn names_as_the_operator_likes_them() {
    let full = Policy { app_names: AppNames::Full, ..Policy::default() };
    assert_eq!(names(&[], &[], true, &full).0, ["app-production-web-80"]);
    let plain = Policy { port_suffix: PortSuffix::Never, ..Policy::default() };
    assert_eq!(names(&[("SERVICE_NAME", "e")], &[], true, &plain).0, ["e"]);
}

#[test]
fn what_cannot_be_a_name_is_reported_and_the_others_stay() {
    let long = "x".repeat(10_000);
    for (list, good, bad) in
        [("a b", 0, 1), ("a\nb", 0, 1), (&long, 0, 1), ("good,b ad", 1, 1), ("\u{7f},ok", 1, 1)]
    {
        let app = app(&[("SERVICE_NAMES", list)], &[], &json!({}));
        let (names, wrong) = Metadata::of(&app).names(&app, &port(), false, &Policy::default());
        assert_eq!((names.len(), wrong.len()), (good, bad), "{names:?} {wrong:?}");
        assert!(wrong[0].to_string().len() < 200, "{}", wrong[0]);
    }
}

#[test]
fn lists_are_split_as_gliderlabs_does() {
    let rows: [(&str, &[&str]); 11] = [
        ("", &[]),
        ("foobar", &["foobar"]),
        ("foo,bar", &["foo", "bar"]),
        (r"foo\,bar", &["foo,bar"]),
        (r"foo,bar\,baz", &["foo", "bar,baz"]),
        (r"\,foobar\,", &[",foobar,"]),
        (",,,,foo,,,bar,,,", &["foo", "bar"]),
        (",,,,", &[]),
        (r",,\,,", &[","]),
        (" a , b ", &["a", "b"]),
        (r"a\b", &[r"a\b"]),
    ];
    for (given, want) in rows {
        assert_eq!(split(given), want, "{given:?}");
    }
}

/// Tags or metadata, and how many were left out.
fn filled<T>(
    env: Pairs,
    read: impl Fn(&Metadata, Place<'_>) -> (T, Vec<Reason>),
) -> (T, Vec<String>) {
    let app = app(env, &[], &json!({}));
    let task = json!({"id": "web.1", "host": "srv1", "version": "v"});
    let task = serde_json::from_value(task).unwrap();
    let port = port();
    let place = Place { app: &app, task: &task, port: &port, ports: std::slice::from_ref(&port) };
    let (found, wrong) = read(&Metadata::of(&app), place);
    (found, wrong.iter().map(ToString::to_string).collect())
}

#[test]
fn tags_with_placeholders_and_forced_ones() {
    let forced = ["on-{host}".to_owned(), "production".to_owned()];
    let rows: [(Pairs, &[&str], usize); 6] = [
        (&[], &["on-srv1", "production"], 0),
        (&[("SERVICE_TAGS", "a,production")], &["on-srv1", "production", "a"], 0),
        (&[("SERVICE_TAGS", "a"), ("SERVICE_80_TAGS", "b")], &["on-srv1", "production", "b"], 0),
        (
            &[("SERVICE_TAGS", "port-{port:web-ui},{task}")],
            &["on-srv1", "production", "port-31000", "web.1"],
            0,
        ),
        (&[("SERVICE_TAGS", "x-{port:db},y")], &["on-srv1", "production", "y"], 1),
        (&[("SERVICE_TAGS", "a\nb,y")], &["on-srv1", "production", "y"], 1),
    ];
    for (env, want, left_out) in rows {
        let (tags, wrong) = filled(env, |metadata, place| metadata.tags(place, &forced));
        assert_eq!((tags, wrong.len()), (owned(want), left_out), "{env:?}");
    }
}

#[test]
fn a_tag_of_ten_thousand_characters_is_left_out_by_app_and_key() {
    let value: &'static str = "x".repeat(10_000).leak();
    let env: Pairs = vec![("SERVICE_TAGS", value)].leak();
    let (tags, wrong) = filled(env, |metadata, place| metadata.tags(place, &[]));
    assert!(tags.is_empty());
    assert!(wrong[0].starts_with("SERVICE_TAGS left out: tag \"xxxx"), "{wrong:?}");
}

#[test]
fn a_port_can_be_ignored_or_not() {
    let explicit = Policy { explicit: true, ..Policy::default() };
    let rows: [(Pairs, &Policy, bool); 12] = [
        (&[], &Policy::default(), false),
        (&[("SERVICE_IGNORE", "1")], &Policy::default(), true),
        (&[("SERVICE_IGNORE", "False")], &Policy::default(), false),
        (&[("SERVICE_80_IGNORE", "true")], &Policy::default(), true),
        (&[("SERVICE_IGNORE", "yes"), ("SERVICE_80_IGNORE", "no")], &Policy::default(), false),
        (&[("SERVICE_PORTS", "81, 82")], &Policy::default(), true),
        (&[("SERVICE_PORTS", "81,80")], &Policy::default(), false),
        (&[("SERVICE_PORTS", "70-90")], &Policy::default(), false),
        (&[("SERVICE_PORTS", "web-ui")], &Policy::default(), false),
        (&[], &explicit, true),
        (&[("SERVICE_NAME", "x")], &explicit, false),
        (&[("SERVICE_81_NAME", "x")], &explicit, true),
    ];
    for (env, policy, want) in rows {
        let metadata = Metadata::of(&app(env, &[], &json!({})));
        assert_eq!(metadata.excludes(&port(), policy).is_some(), want, "{env:?}");
    }
}

#[test]
fn meta_keeps_its_case_and_what_consul_would_refuse_is_named() {
    let long: &'static str = "x".repeat(513).leak();
    let env: Pairs = vec![
        ("SERVICE_META_Team", "a"),
        ("SERVICE_80_META_Team", "b on {host}"),
        ("SERVICE_META_a.b", "c"),
        ("SERVICE_META_registrator-owner", "me"),
        ("SERVICE_META_long", long),
    ]
    .leak();
    let (meta, wrong) = filled(env, Metadata::meta);
    assert_eq!(meta, BTreeMap::from([("Team".into(), "b on srv1".into())]));
    assert_eq!(wrong.len(), 3, "{wrong:?}");
}

#[test]
fn consul_takes_64_pairs_of_which_five_are_ours() {
    let env: Vec<_> = (0..70).map(|n| (&*format!("SERVICE_META_k{n:02}").leak(), "v")).collect();
    let (meta, wrong) = filled(env.leak(), Metadata::meta);
    assert_eq!((meta.len(), wrong.len()), (59, 11));
}

#[test]
fn weights_and_switches() {
    let rows: [(Pairs, (u32, u32), usize); 4] = [
        (&[], (1, 1), 0),
        (&[("SERVICE_WEIGHT", "10"), ("SERVICE_WEIGHT_WARNING", "0")], (10, 0), 0),
        (&[("SERVICE_80_WEIGHT", "5")], (5, 1), 0),
        (&[("SERVICE_WEIGHT", "0"), ("SERVICE_WEIGHT_WARNING", "heavy")], (1, 1), 2),
    ];
    for (env, (passing, warning), left_out) in rows {
        let metadata = Metadata::of(&app(env, &[], &json!({})));
        let (weights, wrong) = metadata.weights(&port());
        assert_eq!((weights, wrong.len()), (Weights { passing, warning }, left_out), "{env:?}");
    }
    let metadata = Metadata::of(&app(&[("SERVICE_X", "off"), ("SERVICE_Y", "1")], &[], &json!({})));
    let on = |key, default| metadata.is_on(&port(), key, default);
    assert_eq!(
        [on("X", true), on("Y", false), on("Z", true), on("Z", false)],
        [false, true, true, false]
    );
}
