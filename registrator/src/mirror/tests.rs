use std::time::Duration;

use marathon::{Apps, TaskState};
use serde_json::json;

use super::*;
use crate::guard::CONFIRM_AFTER;

const HERE: &str = "srv1";

type Agent = BTreeMap<String, Actual>;

fn view(tasks: u16) -> View {
    let task = |id: u16| json!({"id": format!("a.{id}"), "host": "10.0.0.1", "ports": [31000 + id], "state": "TASK_RUNNING"});
    let app = json!({"id": "/a", "ports": [80], "tasks": (0..tasks).map(task).collect::<Vec<_>>()});
    View::of::<marathon::App>(Apps {
        apps: vec![serde_json::from_value(app).unwrap()],
        malformed: Vec::new(),
    })
}

fn mirror(view: View, now: Instant) -> Mirror {
    let ownership = Ownership { owner: "me".into(), adopt: false };
    let rules = Rules { ownership, policy: Policy::default(), guard: true };
    let mut mirror = Mirror::new(rules, view, now);
    mirror.set_here(HERE, Here::new("10.0.0.1", "srv1", &[]));
    mirror
}

fn write(step: &Step, agent: &mut Agent) {
    for id in step.plan.deregister.keys() {
        agent.remove(id);
    }
    for (id, write) in &step.plan.register {
        let actual =
            Actual { registration: Registration::clone(&write.registration), has_check: false };
        agent.insert(id.to_string(), actual);
    }
}

fn killing(task: &str) -> Event {
    let (app, host) = ("/a".into(), "10.0.0.1".into());
    Event::StatusUpdate { app, task: task.into(), status: TaskState::Killing, host }
}

#[test]
fn a_killed_task_leaves_with_the_next_answer_and_a_stale_one_does_not_bring_it_back() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(3), now);
    write(&mirror.step(HERE, &agent, now), &mut agent);
    assert_eq!(agent.len(), 3);
    let later = |millis| now + Duration::from_millis(millis);
    let (look, latest) = mirror.on_event(&killing("a.1"), later(1));
    assert_eq!(look, Look::App("/a".into()));
    mirror.replace(view(3), now, later(2));
    assert!(mirror.step(HERE, &agent, later(2)).plan.is_empty(), "asked for before the event");
    assert_eq!(mirror.write_at(later(2)), latest);
    mirror.replace(view(3), later(3), later(4));
    write(&mirror.step(HERE, &agent, later(4)), &mut agent);
    assert_eq!(agent.keys().collect::<Vec<_>>(), ["a.0:80", "a.2:80"]);
    mirror.replace(view(3), later(3), later(5));
    assert!(mirror.step(HERE, &agent, later(5)).plan.is_empty());
}

#[test]
fn without_an_answer_each_killed_task_leaves_at_its_own_time() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(3), now);
    write(&mirror.step(HERE, &agent, now), &mut agent);
    let first = mirror.on_event(&killing("a.1"), now).1.unwrap();
    let second = mirror.on_event(&killing("a.2"), now + Duration::from_secs(1)).1.unwrap();
    assert_eq!(mirror.write_at(now), Some(first));
    write(&mirror.step(HERE, &agent, first), &mut agent);
    assert_eq!(agent.keys().collect::<Vec<_>>(), ["a.0:80", "a.2:80"]);
    assert_eq!(mirror.write_at(first), Some(second));
    write(&mirror.step(HERE, &agent, second), &mut agent);
    assert_eq!(agent.keys().collect::<Vec<_>>(), ["a.0:80"]);
}

#[test]
fn killing_all_tasks_is_no_reason_for_suspicion() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(12), now);
    write(&mirror.step(HERE, &agent, now), &mut agent);
    for id in 0..12 {
        mirror.on_event(&killing(&format!("a.{id}")), now);
    }
    mirror.replace(View::default(), now, now);
    write(&mirror.step(HERE, &agent, now), &mut agent);
    assert!(agent.is_empty());
}

#[test]
fn an_empty_answer_removes_nothing_until_a_later_one_confirms_it() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(2), now);
    write(&mirror.step(HERE, &agent, now), &mut agent);

    mirror.replace(View::default(), now, now);
    let step = mirror.step(HERE, &agent, now);
    assert!(step.plan.is_empty());
    assert_eq!(step.held.len(), 2);
    assert_eq!(mirror.ask_at(), Some(now + CONFIRM_AFTER));

    mirror.replace(view(2), now, now);
    let step = mirror.step(HERE, &agent, now);
    assert!(step.plan.is_empty() && step.held.is_empty(), "back, and as it was");

    mirror.replace(View::default(), now, now);
    assert_eq!(mirror.step(HERE, &agent, now).held.len(), 2);
    let later = now + CONFIRM_AFTER;
    mirror.replace(View::default(), later, later);
    write(&mirror.step(HERE, &agent, later), &mut agent);
    assert!(agent.is_empty());
}

#[test]
fn services_come_back_when_the_agent_has_lost_them() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(3), now);
    write(&mirror.step(HERE, &agent, now), &mut agent);
    let before = agent.clone();
    agent.clear();
    write(&mirror.step(HERE, &agent, now + Duration::from_secs(2)), &mut agent);
    assert_eq!(agent, before);
}

#[test]
fn after_a_restart_of_ours_nothing_is_written_and_nothing_forgotten() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    write(&mirror(view(3), now).step(HERE, &agent, now), &mut agent);
    let mut again = mirror(view(2), now);
    let step = again.step(HERE, &agent, now);
    assert_eq!(step.plan.deregister.keys().collect::<Vec<_>>(), ["a.2:80"]);
    assert_eq!((step.plan.register.len(), step.plan.keep), (0, 2));
}

#[test]
fn a_service_that_is_not_ours_is_left_alone_and_reported() {
    let now = Instant::now();
    let mut agent = Agent::from([
        ("a.0:80".to_owned(), Actual::default()),
        ("mysql".to_owned(), Actual::default()),
    ]);
    let mut mirror = mirror(view(1), now);
    let step = mirror.step(HERE, &agent, now);
    assert!(step.plan.is_empty());
    assert_eq!(step.skipped.len(), 1);
    agent.remove("a.0:80");
    write(&mirror.step(HERE, &agent, now), &mut agent);
    assert_eq!(agent.len(), 2);
}

#[test]
fn an_agent_that_moves_is_a_reason_for_suspicion() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(12), now);
    write(&mirror.step(HERE, &agent, now), &mut agent);
    mirror.set_here(HERE, Here::new("10.9.9.9", "srv9", &[]));
    assert_eq!(mirror.step(HERE, &agent, now).held.len(), 12);
}

#[test]
fn each_agent_gets_its_own_and_no_other_s() {
    let now = Instant::now();
    let task = |id: u16, host: &str| json!({"id": format!("a.{id}"), "host": host, "ports": [31000 + id], "state": "TASK_RUNNING"});
    let tasks = json!([task(0, "10.0.0.1"), task(1, "10.0.0.2"), task(2, "10.0.0.2")]);
    let app = json!({"id": "/a", "ports": [80], "tasks": tasks});
    let apps = vec![serde_json::from_value(app).unwrap()];
    let mut mirror = mirror(View::of::<marathon::App>(Apps { apps, malformed: Vec::new() }), now);
    mirror.set_here("srv2", Here::new("10.0.0.2", "srv2", &[]));
    mirror.set_here("srv3", Here::new("10.0.0.3", "srv3", &[]));
    let written = |mirror: &mut Mirror, agent: &str| {
        let step = mirror.step(agent, &Agent::new(), now);
        step.plan.register.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(written(&mut mirror, HERE), ["a.0:80"]);
    assert_eq!(written(&mut mirror, "srv2"), ["a.1:80", "a.2:80"]);
    assert!(written(&mut mirror, "srv3").is_empty());
    assert_eq!(mirror.concerned(), BTreeSet::from([HERE.to_owned(), "srv2".to_owned()]));
    let elsewhere = Event::StatusUpdate {
        app: "/a".into(),
        task: "a.1".into(),
        status: TaskState::Killing,
        host: "10.0.0.2".into(),
    };
    let latest = mirror.on_event(&elsewhere, now).1.unwrap();
    let step = mirror.step("srv2", &Agent::new(), latest);
    assert_eq!(step.plan.register.keys().map(ToString::to_string).collect::<Vec<_>>(), ["a.2:80"]);
}

#[test]
fn an_operator_s_maintenance_is_not_taken_for_ours_after_a_restart() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    write(&mirror(view(1), now).step(HERE, &agent, now), &mut agent);
    let service = agent.get_mut("a.0:80").unwrap();
    service.registration.rest = Some("disk full".to_owned());
    assert!(mirror(view(1), now).step(HERE, &agent, now).plan.is_empty());
}

proptest::proptest! {
    #[test]
    fn the_order_of_apps_and_tasks_makes_no_difference(
        order in proptest::strategy::Strategy::prop_shuffle(proptest::strategy::Just((0..6_u16).collect::<Vec<_>>())),
    ) {
        let now = Instant::now();
        let view = |order: &[u16]| {
            let task = |app: u16, n: u16| json!({"id": format!("a{app}.{n}"), "host": "10.0.0.1",
                "ports": [31000 + 10 * app + n], "state": "TASK_RUNNING", "appId": format!("/a{app}")});
            let apps = order.iter().map(|app| {
                let tasks: Vec<_> = order.iter().map(|n| task(*app, *n)).collect();
                // Two thirds of them ask for the same name.
                let labels = json!({"SERVICE_NAME": format!("name{}", app % 3), "SERVICE_99_X": "x"});
                let app = json!({"id": format!("/a{app}"), "ports": [80], "tasks": tasks, "labels": labels});
                serde_json::from_value(app).unwrap()
            });
            View::of::<marathon::App>(Apps { apps: apps.collect(), malformed: Vec::new() })
        };
        let step = |order: &[u16]| mirror(view(order), now).step(HERE, &Agent::new(), now);
        let sorted = step(&[0, 1, 2, 3, 4, 5]);
        proptest::prop_assert_eq!(sorted.plan.register.len(), 36);
        proptest::prop_assert_eq!(step(&order), sorted);
    }

    /// Events are hints: whatever their order and number, the state after them is the one that Marathon tells.
    #[test]
    fn the_order_of_events_makes_no_difference(
        order in proptest::strategy::Strategy::prop_shuffle(proptest::strategy::Just((0..8_u16).collect::<Vec<_>>())),
        lost in 0..8_usize,
    ) {
        let (now, mut agent) = (Instant::now(), Agent::new());
        let mut mirror = mirror(view(8), now);
        write(&mirror.step(HERE, &agent, now), &mut agent);
        for id in order.iter().skip(lost).filter(|id| **id >= 4) {
            mirror.on_event(&killing(&format!("a.{id}")), now);
            write(&mirror.step(HERE, &agent, now), &mut agent);
        }
        mirror.replace(view(4), now, now);
        write(&mirror.step(HERE, &agent, now), &mut agent);
        let left: Vec<_> = agent.keys().cloned().collect();
        proptest::prop_assert_eq!(left, ["a.0:80", "a.1:80", "a.2:80", "a.3:80"]);
    }
}
