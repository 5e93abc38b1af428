use std::time::Duration;

use marathon::{Apps, TaskState};
use serde_json::json;

use super::*;
use crate::guard::CONFIRM_AFTER;

type Agent = BTreeMap<String, Actual>;

fn view(tasks: u16) -> View {
    let task = |id: u16| json!({"id": format!("a.{id}"), "host": "10.0.0.1", "ports": [31000 + id], "state": "TASK_RUNNING"});
    let app = json!({"id": "/a", "ports": [80], "tasks": (0..tasks).map(task).collect::<Vec<_>>()});
    View::of(Apps { apps: vec![serde_json::from_value(app).unwrap()], malformed: Vec::new() })
}

fn mirror(view: View, now: Instant) -> Mirror {
    let ownership = Ownership { owner: "me".into(), adopt: false };
    Mirror::new(ownership, Guard::new(true), Here::new("10.0.0.1", "srv1", &[]), view, now)
}

fn write(step: &Step, agent: &mut Agent) {
    for id in step.plan.deregister.keys() {
        agent.remove(id);
    }
    for (id, write) in &step.plan.register {
        let actual = Actual { registration: write.registration.clone(), has_check: false };
        agent.insert(id.to_string(), actual);
    }
}

fn killing(task: &str) -> Event {
    let (app, host) = ("/a".into(), "10.0.0.1".into());
    Event::StatusUpdate { app, task: task.into(), status: TaskState::Killing, host }
}

#[test]
fn a_killed_task_leaves_at_once_and_a_stale_answer_does_not_bring_it_back() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(3), now);
    write(&mirror.step(&agent, now), &mut agent);
    assert_eq!(agent.len(), 3);
    assert_eq!(mirror.on_event(&killing("a.1"), now), (Look::App("/a".into()), true));
    write(&mirror.step(&agent, now), &mut agent);
    assert_eq!(agent.keys().collect::<Vec<_>>(), ["a.0:80", "a.2:80"]);
    mirror.replace(view(3), now, now);
    assert!(mirror.step(&agent, now).plan.is_empty());
}

#[test]
fn killing_all_tasks_is_no_reason_for_suspicion() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(12), now);
    write(&mirror.step(&agent, now), &mut agent);
    for id in 0..12 {
        mirror.on_event(&killing(&format!("a.{id}")), now);
    }
    mirror.replace(View::default(), now, now);
    write(&mirror.step(&agent, now), &mut agent);
    assert!(agent.is_empty());
}

#[test]
fn an_empty_answer_removes_nothing_until_a_later_one_confirms_it() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(2), now);
    write(&mirror.step(&agent, now), &mut agent);

    mirror.replace(View::default(), now, now);
    let step = mirror.step(&agent, now);
    assert!(step.plan.is_empty());
    assert_eq!(step.held.len(), 2);
    assert_eq!(mirror.ask_at(), Some(now + CONFIRM_AFTER));

    mirror.replace(view(2), now, now);
    let step = mirror.step(&agent, now);
    assert!(step.plan.is_empty() && step.held.is_empty(), "back, and as it was");

    mirror.replace(View::default(), now, now);
    assert_eq!(mirror.step(&agent, now).held.len(), 2);
    let later = now + CONFIRM_AFTER;
    mirror.replace(View::default(), later, later);
    write(&mirror.step(&agent, later), &mut agent);
    assert!(agent.is_empty());
}

#[test]
fn services_come_back_when_the_agent_has_lost_them() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(3), now);
    write(&mirror.step(&agent, now), &mut agent);
    let before = agent.clone();
    agent.clear();
    write(&mirror.step(&agent, now + Duration::from_secs(2)), &mut agent);
    assert_eq!(agent, before);
}

#[test]
fn after_a_restart_of_ours_nothing_is_written_and_nothing_forgotten() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    write(&mirror(view(3), now).step(&agent, now), &mut agent);
    let mut again = mirror(view(2), now);
    let step = again.step(&agent, now);
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
    let step = mirror.step(&agent, now);
    assert!(step.plan.is_empty());
    assert_eq!(step.skipped.len(), 1);
    agent.remove("a.0:80");
    write(&mirror.step(&agent, now), &mut agent);
    assert_eq!(agent.len(), 2);
}

#[test]
fn an_agent_that_moves_is_a_reason_for_suspicion() {
    let (now, mut agent) = (Instant::now(), Agent::new());
    let mut mirror = mirror(view(12), now);
    write(&mirror.step(&agent, now), &mut agent);
    mirror.set_here(Here::new("10.9.9.9", "srv9", &[]));
    assert_eq!(mirror.step(&agent, now).held.len(), 12);
}
