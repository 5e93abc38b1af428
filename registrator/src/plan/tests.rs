use proptest::prelude::*;

use super::*;
use crate::check::{Check, Target};
use crate::service::Protocol;

type Desired = Services;
type Agent = BTreeMap<String, Actual>;

fn ownership() -> Ownership {
    Ownership { owner: "me".to_owned(), adopt: false }
}

fn service(owner: Option<&str>, name: &str, tags: &[&str]) -> Registration {
    let meta = owner.map(|owner| (mark::OWNER.to_owned(), owner.to_owned())).into_iter().collect();
    let tags = tags.iter().map(ToString::to_string).collect();
    Registration {
        name: name.into(),
        tags,
        meta,
        address: "10.0.0.1".into(),
        port: 31000,
        ..Registration::default()
    }
}

fn actual(registration: Registration) -> Actual {
    Actual { registration, has_check: false }
}

fn id(task: &str) -> ServiceId {
    ServiceId::new(task.into(), 80, Protocol::Tcp)
}

/// What the agent has after a plan was written.
fn apply(plan: &Plan, agent: &Agent) -> Agent {
    let mut agent = agent.clone();
    for id in plan.deregister.keys() {
        agent.remove(id);
    }
    for (id, write) in &plan.register {
        let registration = Registration { rest: None, ..Registration::clone(&write.registration) };
        agent.insert(id.to_string(), actual(registration));
    }
    for (id, reason) in &plan.maintenance {
        agent.get_mut(id).unwrap().registration.rest.clone_from(reason);
    }
    agent
}

fn owned(agent: &Agent) -> BTreeMap<String, Registration> {
    let ours = agent.iter().filter(|(id, found)| ownership().of(id, found) == Owner::Ours);
    ours.map(|(id, found)| (id.clone(), found.registration.clone())).collect()
}

fn a_service(
    owner: impl Strategy<Value = Option<&'static str>>,
) -> impl Strategy<Value = Registration> {
    let tags = prop::collection::vec(prop::sample::select(vec!["a", "b", "a,b"]), 0..3);
    let rest = prop::option::of("[ab]".prop_map(|why| format!("{REST}{why}")));
    (owner, "[ab]", tags, rest)
        .prop_map(|(owner, name, tags, rest)| Registration { rest, ..service(owner, &name, &tags) })
}

fn some_desired() -> impl Strategy<Value = Desired> {
    prop::collection::btree_map(
        "[a-e]".prop_map(|task| id(&task)),
        a_service(Just(Some("me"))).prop_map(Arc::new),
        0..6,
    )
}

fn some_agent() -> impl Strategy<Value = Agent> {
    let owners = prop::sample::select(vec![Some("me"), Some("you"), None]);
    let ids = prop_oneof!["[a-e]:80", "[a-e]"];
    prop::collection::btree_map(ids, a_service(owners).prop_map(actual), 0..8)
}

proptest! {
    #[test]
    fn applying_a_plan_gives_what_is_desired(desired in some_desired(), agent in some_agent()) {
        let plan = plan(&desired, &agent, &ownership());
        let free = desired.iter().filter(|(id, _)| !plan.taken.contains_key(id));
        let want: BTreeMap<_, _> = free.map(|(id, service)| (id.to_string(), Registration::clone(service))).collect();
        prop_assert_eq!(owned(&apply(&plan, &agent)), want);
    }

    #[test]
    fn there_is_nothing_to_do_twice(desired in some_desired(), agent in some_agent()) {
        let after = apply(&plan(&desired, &agent, &ownership()), &agent);
        prop_assert!(plan(&desired, &after, &ownership()).is_empty());
    }

    #[test]
    fn what_is_as_it_should_be_needs_no_plan(desired in some_desired()) {
        let texts = desired.iter().map(|(id, it)| (id.to_string(), actual(Registration::clone(it))));
        let plan = plan(&desired, &texts.collect(), &ownership());
        prop_assert!(plan.is_empty());
        prop_assert_eq!(plan.keep, desired.len());
    }

    #[test]
    fn what_is_not_ours_is_never_in_a_plan(desired in some_desired(), agent in some_agent()) {
        let plan = plan(&desired, &agent, &ownership());
        let written = plan.register.keys().map(ToString::to_string);
        let others = plan.deregister.keys().chain(plan.maintenance.keys());
        for id in written.chain(others.cloned()) {
            let ours = agent.get(&id).is_none_or(|found| ownership().of(&id, found) == Owner::Ours);
            prop_assert!(ours, "{}", id);
        }
    }
}

#[test]
fn a_difference_in_any_field_is_written() {
    let wanted = service(Some("me"), "web", &["a", "b"]);
    let differ = |change: fn(&mut Registration)| {
        let mut other = wanted.clone();
        change(&mut other);
        let desired = Desired::from([(id("a"), wanted.clone().into())]);
        let agent = Agent::from([("a:80".to_owned(), actual(other))]);
        let plan = plan(&desired, &agent, &ownership());
        let fields = plan.register.values().flat_map(|write| write.changes.clone().unwrap());
        fields.map(|change| change.field).collect::<Vec<_>>()
    };
    assert!(differ(|_| {}).is_empty());
    assert_eq!(differ(|it| it.name = "x".into()), ["name"]);
    assert_eq!(differ(|it| it.tags.reverse()), ["tags"]);
    assert_eq!(differ(|it| it.tags = vec!["a,b".into()]), ["tags"]);
    assert_eq!(differ(|it| it.port = 1), ["endpoint"]);
    assert_eq!(differ(|it| it.address = "10.0.0.2".into()), ["endpoint"]);
    assert_eq!(differ(|it| it.weights.passing = 9), ["weights"]);
    assert_eq!(differ(|it| it.tag_override = true), ["tag-override"]);
    assert_eq!(differ(|it| drop(it.meta.insert("a".into(), "b".into()))), ["meta"]);
}

#[test]
fn a_check_that_was_taken_away_is_written_again() {
    let mut wanted = service(Some("me"), "web", &[]);
    let bare = actual(wanted.clone());
    wanted.checks = vec![Check {
        target: Target::Tcp("10.0.0.1:31000".into()),
        interval: "10s".into(),
        timeout: None,
        initial_status: "passing".into(),
        deregister_after: None,
    }];
    let desired = Desired::from([(id("a"), wanted.into())]);
    let writes = |has_check| {
        let agent = Agent::from([("a:80".to_owned(), Actual { has_check, ..bare.clone() })]);
        plan(&desired, &agent, &ownership()).register.len()
    };
    assert_eq!((writes(false), writes(true)), (1, 0));
}

#[test]
fn out_of_rotation_and_back_and_never_against_an_operator() {
    let rest = |reason: Option<&str>| Registration {
        rest: reason.map(str::to_owned),
        ..service(Some("me"), "web", &[])
    };
    let (ours, theirs) = (Some("registrator: killed"), Some("disk full"));
    // Wanted, found, tags differ too: the order to the agent, if any.
    let rows = [
        (None, None, false, None),
        (ours, None, false, Some(ours)),
        (ours, ours, false, None),
        (None, ours, false, Some(None)),
        (None, theirs, false, None),
        (None, theirs, true, Some(theirs)),
        (ours, ours, true, Some(ours)),
        (None, ours, true, Some(None)),
    ];
    for (wanted, found, differs, want) in rows {
        let mut found = rest(found);
        if differs {
            found.tags.push("old".to_owned());
        }
        let desired = Desired::from([(id("a"), rest(wanted).into())]);
        let agent = Agent::from([("a:80".to_owned(), actual(found.clone()))]);
        let plan = plan(&desired, &agent, &ownership());
        let order = plan.maintenance.get("a:80").map(Option::as_deref);
        assert_eq!(
            (order, plan.register.len()),
            (want, usize::from(differs)),
            "{wanted:?} {found:?}"
        );
    }
}

#[test]
fn tags_that_others_may_change_are_left_to_them() {
    let shared = |tags: &[&str], tag_override| Registration {
        tag_override,
        ..service(Some("me"), "web", tags)
    };
    let writes = |wanted, found| {
        let desired = Desired::from([(id("a"), shared(&["a"], wanted).into())]);
        let agent = Agent::from([("a:80".to_owned(), actual(shared(&["b"], found)))]);
        plan(&desired, &agent, &ownership()).register.len()
    };
    assert_eq!([writes(true, true), writes(false, false), writes(true, false)], [0, 1, 1]);
}

#[test]
fn the_plan_for_machines() {
    let desired = Desired::from([
        (id("new"), service(Some("me"), "web", &["production"]).into()),
        (id("tags"), service(Some("me"), "web", &["production"]).into()),
    ]);
    let agent = Agent::from([
        ("gone:80".to_owned(), actual(service(Some("me"), "web", &[]))),
        ("tags:80".to_owned(), actual(service(Some("me"), "web", &["staging"]))),
    ]);
    let json = plan(&desired, &agent, &ownership()).to_json();
    assert_eq!(json["register"][0]["id"], "new:80");
    assert_eq!(json["change"][0]["changes"][0]["field"], "tags");
    assert_eq!(json["deregister"][0]["id"], "gone:80");
    assert_eq!(json["unchanged"], 0);
}

#[test]
fn the_dry_run_is_a_diff() {
    let desired = Desired::from([
        (id("new"), service(Some("me"), "web", &["production"]).into()),
        (id("same"), service(Some("me"), "web", &[]).into()),
        (id("tags"), service(Some("me"), "web", &["production"]).into()),
        (id("taken"), service(Some("me"), "web", &[]).into()),
    ]);
    let agent = Agent::from([
        ("gone:80".to_owned(), actual(service(Some("me"), "web", &[]))),
        ("mysql".to_owned(), actual(service(None, "mysql", &[]))),
        ("same:80".to_owned(), actual(service(Some("me"), "web", &[]))),
        ("tags:80".to_owned(), actual(service(Some("me"), "web", &["staging"]))),
        ("taken:80".to_owned(), actual(service(None, "web", &[]))),
    ]);
    insta::assert_snapshot!(plan(&desired, &agent, &ownership()), @r"
    - gone:80  web at 10.0.0.1:31000
    + new:80  web at 10.0.0.1:31000 tagged production
    ~ tags:80  web at 10.0.0.1:31000 tagged production
        tags: staging -> production
    1 to register, 1 to change, 1 to deregister, 1 unchanged
    ");
}
