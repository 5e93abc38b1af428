use std::os::unix::ffi::OsStrExt;

use proptest::prelude::*;

use super::*;

fn pair(key: &str, value: &[u8]) -> KvPair {
    KvPair { key: key.to_owned(), value: value.to_vec(), ..KvPair::default() }
}

fn folder_of(folder: &str, pairs: &[(&str, &str)]) -> Found {
    let pairs = pairs.iter().map(|(key, value)| pair(&format!("{folder}{key}"), value.as_bytes()));
    Found::Folder { folder: folder.to_owned(), pairs: pairs.collect() }
}

fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
    let inherited = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Surroundings { inherited: inherited.collect(), room: 1 << 20 }
}

fn map(rules: &Rules, found: &[Found]) -> Mapped {
    let surroundings = surroundings(&[("HOME", "/root"), ("LANG", "C")]);
    effective(rules, &Given { defaults: &[], found, surroundings: &surroundings })
}

/// `NAME=value …`, then `key (why)` of what was skipped.
fn shown(mapped: &Mapped) -> String {
    let variables = mapped.environment.iter();
    let variables = variables.map(|(name, value)| format!("{name}={}", value.expose().display()));
    let skipped = mapped.skipped.iter().map(ToString::to_string);
    variables.chain(skipped).collect::<Vec<_>>().join(" ")
}

#[test]
fn decides_key_by_key() {
    let long = "x".repeat(131_070);
    for (key, value, want) in [
        ("A", "1", None),
        ("APP", "$(touch /tmp/x)", None),
        ("PATH", "/nonexistent", None),
        ("db/", "", Some(Reason::Folder)),
        ("db/url", "x", Some(Reason::Nested)),
        ("a-b", "x", Some(Reason::Name)),
        ("N", "a\0b", Some(Reason::Nul)),
        ("L", long.strip_prefix('x').unwrap(), None),
        ("L", &long, Some(Reason::TooLong)),
        ("LD_PRELOAD", "x", Some(Reason::Reserved)),
        ("PORT0", "x", Some(Reason::Reserved)),
    ] {
        let mapped = map(&Rules::default(), &[folder_of("app/x/", &[(key, value)])]);
        let (got, why) = (mapped.environment.value(key), mapped.skipped.first());
        assert_eq!(why.map(|skipped| skipped.why.clone()), want, "{key}");
        assert_eq!(
            got.map(|value| value.expose().as_bytes()),
            want.is_none().then_some(value.as_bytes())
        );
        assert!(why.is_none_or(|skipped| skipped.key == format!("app/x/{key}")));
    }
}

#[test]
fn stays_inside_its_prefix() {
    for (given, want) in
        [("app/x", "app/x/"), ("/app/x", "app/x/"), ("app/x/", "app/x/"), ("a//", "a/")]
    {
        assert_eq!(folder(given), want);
    }
    let pairs = vec![pair("app/x2/A", b"1"), pair("app/x/", b"")];
    let found = Found::Folder { folder: "app/x/".to_owned(), pairs };
    assert_eq!(map(&Rules::default(), &[found]), Mapped::default());
}

#[test]
fn later_layers_win_unless_they_are_unfit() {
    let found = [
        folder_of("base/", &[("A", "base"), ("B", "base"), ("C", "base")]),
        folder_of("app/", &[("B", "app"), ("C", "a\0b")]),
    ];
    let defaults = ["A", "D"].map(|name| (name.to_owned(), OsString::from("default").into()));
    let surroundings = surroundings(&[]);
    let given = Given { defaults: &defaults, found: &found, surroundings: &surroundings };
    let mapped = effective(&Rules::default(), &given);
    let want = r#"A=base B=app C=base D=default "app/C" (a NUL byte in the value)"#;
    assert_eq!(shown(&mapped), want);
    assert_eq!(mapped.origins["B"], Origin::Key("app/B".to_owned()));
    assert_eq!(mapped.origins["D"], Origin::Default);
}

#[test]
fn the_last_of_colliding_keys_wins() {
    let naming = Naming { sanitize: true, upcase: true, ..Naming::default() };
    let rules = Rules { naming, ..Rules::default() };
    let found = folder_of("p/", &[("A-B", "1"), ("A.B", "2"), ("a_b", "3")]);
    let want =
        r#"A_B=3 "p/A-B" (the same variable as "p/A.B") "p/A.B" (the same variable as "p/a_b")"#;
    assert_eq!(shown(&map(&rules, &[found])), want);
}

#[test]
fn lists_of_names_let_through_and_leave_out() {
    let globs = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let found = folder_of("p/", &[("DB_PASS", "1"), ("DB_URL", "1"), ("PORT0", "1"), ("X", "1")]);
    for (allow, deny, reserved, want) in [
        (&[][..], &[][..], &[][..], "DB_PASS DB_URL X"),
        (&["DB_*"], &[], &[], "DB_PASS DB_URL"),
        (&["DB_*"], &["*_PASS"], &[], "DB_URL"),
        (&[], &["*"], &["PORT0"], ""),
        (&["PORT0"], &[], &[], ""),
        (&["PORT*"], &[], &["PORT0"], "PORT0"),
    ] {
        let reserved = reserved.iter().map(|name: &&str| (*name).to_owned()).collect();
        let filter = Filter { allow: globs(allow), deny: globs(deny), reserved };
        let mapped = map(&Rules { filter, ..Rules::default() }, std::slice::from_ref(&found));
        let names: Vec<_> = mapped.environment.iter().map(|(name, _)| name).collect();
        assert_eq!(names.join(" "), want, "{allow:?} {deny:?}");
        assert_eq!(mapped.environment.len() + mapped.skipped.len(), 4);
    }
}

#[test]
fn follows_references() {
    let rules = Rules { references: true, ..Rules::default() };
    for (pairs, want) in [
        (&[("A", "${B}"), ("B", "${C}x"), ("C", "1")][..], "A=1x B=1x C=1"),
        (&[("HOME", "/x:${HOME}"), ("A", "${HOME}")], "A=/x:/root HOME=/x:/root"),
        (&[("A", "${LANG}")], "A=C"),
        (&[("A", "${NONE}x"), ("B", "1")], r#"B=1 "p/A" (it refers to NONE, which is not set)"#),
        (
            &[("A", "${NONE}"), ("B", "${A}")],
            r#""p/A" (it refers to NONE, which is not set) "p/B" (it refers to A, which is not set)"#,
        ),
        (
            &[("A", "${B}"), ("B", "${A}"), ("C", "${A}"), ("D", "1")],
            r#"D=1 "p/A" (it refers to itself in a circle) "p/B" (it refers to itself in a circle) "p/C" (it refers to itself in a circle)"#,
        ),
        (&[("A", "$${HOME} $HOME ${no.name}")], "A=${HOME} $HOME ${no.name}"),
        (&[("A", "${A}")], r#""p/A" (it refers to A, which is not set)"#),
    ] {
        assert_eq!(shown(&map(&rules, &[folder_of("p/", pairs)])), want, "{pairs:?}");
    }
    let off = map(&Rules::default(), &[folder_of("p/", &[("A", "${HOME}")])]);
    assert_eq!(shown(&off), "A=${HOME}");
}

#[test]
fn references_that_multiply_end_at_the_longest_value() {
    let name = |at: usize| format!("A{at:02}");
    let mut pairs = vec![pair("p/A00", &[b'x'; 1000])];
    pairs.extend((1..40).map(|at| {
        pair(&format!("p/{}", name(at)), format!("${{{0}}}${{{0}}}", name(at - 1)).as_bytes())
    }));
    let found = Found::Folder { folder: "p/".to_owned(), pairs };
    let mapped = map(&Rules { references: true, ..Rules::default() }, &[found]);
    assert_eq!(mapped.environment.len(), 8);
    assert_eq!(mapped.skipped[0].why, Reason::TooLong);
    assert!(mapped.skipped[1..].iter().all(|skipped| matches!(skipped.why, Reason::Unset(_))));
}

#[test]
fn a_service_is_its_first_instance_and_nothing_in_it_is_followed() {
    let instance = |id: &str| Instance {
        id: id.to_owned(),
        address: "10.0.0.1".to_owned(),
        port: 80,
        name: "my-web".to_owned(),
        tags: vec!["a".to_owned(), "${HOME}".to_owned()],
    };
    let found = [
        Found::Service {
            service: "my-web".to_owned(),
            instances: vec![instance("w1"), instance("w2")],
        },
        folder_of("p/", &[("my_web_port", "8080")]),
    ];
    let rules = Rules { references: true, ..Rules::default() };
    let want = "my_web_address=10.0.0.1 my_web_id=w1 my_web_name=my-web my_web_port=8080 my_web_tag=a,${HOME}";
    let mapped = map(&rules, &found);
    assert_eq!(shown(&mapped), want);
    assert_eq!(mapped.origins["my_web_id"], Origin::Service("my-web".to_owned()));
    assert!(gives_any(&rules, &found[0]));
    let nothing = Found::Service { service: "my-web".to_owned(), instances: vec![] };
    assert!(!gives_any(&rules, &nothing));
}

#[test]
fn objects_become_their_leaves() {
    let found = folder_of("p/", &[("DB", r#"{"port": 1, "a-b": 2, "x": {"y": "z"}}"#), ("T", "{")]);
    let rules = Rules { expand: Some(Syntax::Json), ..Rules::default() };
    let want = r#"DB_port=1 DB_x_y=z T={ "p/DB:a-b" (no name of a variable)"#;
    assert_eq!(shown(&map(&rules, std::slice::from_ref(&found))), want);
    let whole = map(&Rules::default(), &[found]);
    assert!(whole.environment.value("DB").is_some());
}

#[test]
fn leaves_out_the_largest_when_all_are_too_much() {
    let found = folder_of("p/", &[("A", "xxxxx"), ("B", "xxxxxxx"), ("C", "xxx")]);
    for (room, want) in [(48, "A B C"), (47, "A C"), (30, "A C"), (29, "C"), (0, "")] {
        let surroundings = Surroundings { room, ..Surroundings::default() };
        let found = std::slice::from_ref(&found);
        let given = Given { defaults: &[], found, surroundings: &surroundings };
        let mapped = effective(&Rules::default(), &given);
        let names: Vec<_> = mapped.environment.iter().map(|(name, _)| name).collect();
        assert_eq!(names.join(" "), want, "{room}");
        assert!(mapped.skipped.iter().all(|skipped| skipped.why == Reason::NoRoom));
    }
}

#[test]
fn pristine_is_ours_and_the_schedulers() {
    let inherited =
        ["PATH", "MESOS_TASK_ID", "LANG", "A"].map(|name| (name.into(), "outer".into()));
    for (inheritance, want) in [
        (Inheritance::Whole, "A=1 LANG=outer MESOS_TASK_ID=outer PATH=outer"),
        (Inheritance::Pristine, "A=1 MESOS_TASK_ID=outer PATH=outer"),
    ] {
        let rules = Rules { inheritance, ..Rules::default() };
        let environment = map(&rules, &[folder_of("p/", &[("A", "1")])]).environment;
        let all = environment.over(inherited.clone());
        let words: Vec<_> = all
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        assert_eq!(words.join(" "), want);
        // Nothing from Consul means nothing from Consul, not everything from elsewhere.
        assert_eq!(
            map(&rules, &[]).environment.over(inherited.clone()).len(),
            want.split(' ').count() - usize::from(inheritance == Inheritance::Pristine)
        );
    }
}

#[test]
fn shows_keys_and_never_values() {
    let mapped =
        map(&Rules::default(), &[folder_of("p/", &[("TOKEN", "s3cr3t"), ("a-b", "s3cr3t")])]);
    let text = format!("{mapped:?} {} {}", mapped.skipped[0], mapped.environment.digest());
    assert!(!text.contains("s3cr3t"), "{text}");
    assert!(text.contains(r#""p/a-b" (no name of a variable)"#), "{text}");
}

#[test]
fn names_an_environment_by_its_variables_alone() {
    let digest = |pairs: Vec<KvPair>| {
        let found = Found::Folder { folder: "p/".to_owned(), pairs };
        map(&Rules::default(), &[found]).environment.digest()
    };
    let one = digest(vec![pair("p/A", b"bc")]);
    assert_eq!(one.to_string().len(), "v1:".len() + 32);
    let locked = KvPair {
        modify_index: 9,
        lock_index: 4,
        session: Some("s".to_owned()),
        flags: 7,
        ..pair("p/A", b"bc")
    };
    assert_eq!(digest(vec![locked, pair("p/folder/", b""), pair("p/a-b", b"new")]), one);
    assert_ne!(digest(vec![pair("p/AB", b"c")]), one);
    assert_ne!(digest(vec![pair("p/A", b"b"), pair("p/B", b"c")]), one);
    assert_ne!(digest(vec![]), one);
    // Every wrapper of an app must name the same variables alike, whatever its version.
    assert_eq!(digest(vec![]).to_string(), "v1:e3b0c44298fc1c149afbf4c8996fb924");
}

prop_compose! {
    fn any_rules()(
        joins in any::<bool>(),
        sanitize in any::<bool>(),
        upcase in any::<bool>(),
        references in any::<bool>(),
        expand in prop::option::of(prop_oneof![Just(Syntax::Json), Just(Syntax::Yaml)]),
        prefix in prop_oneof![Just(""), Just("P_")],
    ) -> Rules {
        let nested = if joins { Nested::Join } else { Nested::Skip };
        let naming = Naming { nested, prefix: prefix.to_owned(), sanitize, upcase };
        Rules { naming, expand, references, ..Rules::default() }
    }
}

prop_compose! {
    fn any_found()(
        pairs in prop::collection::btree_map(
            prop_oneof!["[AB/_-]{0,3}", ".{0,6}"],
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..12),
                r#"(\$\{[AB]_?\}|\{"a": ?|"b"\}|x: |\n|[$a]){0,4}"#.prop_map(String::into_bytes),
            ],
            0..12,
        )
    ) -> Found {
        let pairs = pairs.iter().map(|(key, value)| pair(&format!("p/{key}"), value)).collect();
        Found::Folder { folder: "p/".to_owned(), pairs }
    }
}

proptest! {
    #[test]
    fn never_fails_and_never_lets_a_broken_variable_through(rules in any_rules(), found in any_found()) {
        let mapped = map(&rules, std::slice::from_ref(&found));
        let mut size = 0;
        for (name, value) in mapped.environment.iter() {
            prop_assert!(is_name(name) && !is_reserved(name));
            prop_assert!(name.starts_with(&rules.naming.prefix));
            prop_assert!(!value.expose().as_bytes().contains(&0));
            prop_assert!(mapped.origins.contains_key(name));
            size += name.len() + value.expose().len();
        }
        prop_assert!(size < 1 << 20);
        prop_assert_eq!(mapped.environment.len(), mapped.origins.len());
        prop_assert_eq!(&map(&rules, &[found]), &mapped);
    }

    /// Every key is a variable, or was skipped with a reason: nothing disappears.
    #[test]
    fn nothing_disappears(rules in any_rules(), found in any_found()) {
        let mapped = map(&rules, std::slice::from_ref(&found));
        let Found::Folder { pairs, .. } = &found else { unreachable!() };
        for KvPair { key, .. } in pairs.iter().filter(|pair| pair.key != "p/") {
            let variable = mapped.origins.values().any(|origin| *origin == Origin::Key(key.clone()));
            let skipped = mapped.skipped.iter().any(|skipped| {
                skipped.key == *key || skipped.key.starts_with(&format!("{key}:"))
            });
            prop_assert!(variable || skipped, "{}", key);
        }
    }

    /// A room of any size is kept to, and what is left out is never smaller than what stays.
    #[test]
    fn fits_the_room(found in any_found(), room in 0_usize..200) {
        let surroundings = Surroundings { room, ..Surroundings::default() };
        let given = Given { defaults: &[], found: &[found], surroundings: &surroundings };
        let environment = effective(&Rules::default(), &given).environment;
        let size: usize = environment.iter().map(|(name, value)| inherited::size(name.len(), value.expose().len())).sum();
        prop_assert!(size <= room);
    }
}
