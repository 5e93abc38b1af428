use marathon::Apps;
use serde_json::json;

use super::*;
use crate::here::Here;

fn view() -> View {
    let app = json!({"id": "/a", "tasks": [
        {"id": "a.instance-1._app.1", "host": "10.0.0.1"}, {"id": "a.instance-2._app.1", "host": "10.0.0.2"},
    ]});
    View::of::<marathon::App>(Apps {
        apps: vec![serde_json::from_value(app).unwrap()],
        malformed: Vec::new(),
    })
}

fn status(status: &str, host: &str) -> Event {
    Event::StatusUpdate {
        app: "/a".into(),
        task: "a.1".into(),
        status: TaskState::from(status.to_owned()),
        host: host.into(),
    }
}

fn instance(condition: &str, instance: &str) -> Event {
    let (app, condition) = ("/a".into(), condition.to_owned());
    Event::InstanceChanged {
        app,
        instance: instance.into(),
        condition,
        host: Some("10.0.0.1".into()),
    }
}

fn health(instance: &str) -> Event {
    Event::HealthChanged { app: "/a".into(), instance: instance.into(), healthy: Some(true) }
}

#[test]
fn what_events_mean() {
    let here = Here::new("10.0.0.1", "srv1", &[]);
    let look = || Look::App("/a".into());
    let rows: [(&str, Event, Look, &[&str]); 15] = [
        ("runs", status("TASK_RUNNING", "10.0.0.1"), look(), &[]),
        ("killing", status("TASK_KILLING", "10.0.0.1"), look(), &["a.1"]),
        ("failed", status("TASK_FAILED", "srv1"), look(), &["a.1"]),
        ("lost is not dead", status("TASK_LOST", "srv1"), look(), &[]),
        ("elsewhere", status("TASK_KILLING", "10.0.0.2"), Look::Nowhere, &[]),
        ("perhaps here", status("TASK_RUNNING", "unresolved"), look(), &[]),
        ("instance killing", instance("Killing", "a.instance-1"), look(), &["a.instance-1._app.1"]),
        ("another instance", instance("Killing", "a.instance-2"), look(), &[]),
        ("a late end", instance("Failed", "a.instance-1"), look(), &[]),
        ("healthy here", health("a.instance-1"), look(), &[]),
        ("healthy elsewhere", health("a.instance-2"), Look::Nowhere, &[]),
        ("healthy, new", health("a.instance-3"), look(), &[]),
        ("terminated", Event::AppTerminated { app: "/a".into() }, look(), &[]),
        ("unreadable", Event::Unknown { kind: kinds::STATUS_UPDATE.into() }, Look::Everywhere, &[]),
        ("not ours", Event::Unknown { kind: "deployment_info".into() }, Look::Nowhere, &[]),
    ];
    for (name, event, want, ending) in rows {
        let reaction = react(&event, &view(), |host| here.may_be(host));
        assert_eq!(reaction.look, want, "{name}");
        let tasks: Vec<_> = reaction.ending.iter().map(|(task, ..)| task.as_str()).collect();
        assert_eq!(tasks, ending, "{name}");
    }
}

fn apps(ids: &[&str]) -> Work {
    Work::Apps(ids.iter().map(|id| AppId::from(*id)).collect())
}

#[test]
fn a_single_event_is_followed_at_once_and_a_burst_is_one_read() {
    let start = Instant::now();
    let mut trigger = Trigger::default();
    assert_eq!(trigger.due(start), None);
    trigger.look(Look::App("/a".into()));
    assert_eq!(trigger.take(start), Some(apps(&["/a"])));
    for app in ["/a", "/b", "/a"] {
        trigger.look(Look::App(app.into()));
    }
    assert_eq!(trigger.due(start), Some(start + APP_GAP));
    assert_eq!(trigger.take(start + APP_GAP / 2), None);
    assert_eq!(trigger.take(start + APP_GAP), Some(apps(&["/a", "/b"])));
    assert_eq!(trigger.due(start), None);
}

#[test]
fn everything_includes_the_apps_and_has_its_own_pace() {
    let start = Instant::now();
    let mut trigger = Trigger::default();
    trigger.everything();
    trigger.look(Look::App("/a".into()));
    assert_eq!(trigger.take(start), Some(Work::All));
    assert_eq!(trigger.due(start), None);
    trigger.everything();
    trigger.look(Look::App("/a".into()));
    assert_eq!(
        trigger.take(start + APP_GAP),
        Some(apps(&["/a"])),
        "an app does not wait for everything"
    );
    assert_eq!(trigger.take(start + ALL_GAP), Some(Work::All));
}

#[test]
fn a_task_that_ends_is_followed_at_once_even_in_a_burst() {
    let start = Instant::now();
    let mut trigger = Trigger::default();
    trigger.look(Look::App("/a".into()));
    assert_eq!(trigger.take(start), Some(apps(&["/a"])));
    trigger.look(Look::App("/a".into()));
    trigger.hurry();
    assert_eq!(trigger.take(start), Some(apps(&["/a"])));
}

#[test]
fn very_many_apps_are_read_as_everything() {
    let start = Instant::now();
    let mut trigger = Trigger::default();
    (0..=MAX_APPS).for_each(|id| trigger.look(Look::App(id.to_string().into())));
    assert_eq!(trigger.take(start), Some(Work::All));
}

#[test]
fn what_failed_is_read_again_after_a_pause() {
    let start = Instant::now();
    let later = start + Duration::from_secs(5);
    let mut trigger = Trigger::default();
    trigger.look(Look::App("/a".into()));
    let work = trigger.take(start).unwrap();
    trigger.failed(work, later);
    trigger.look(Look::App("/b".into()));
    assert_eq!(trigger.due(start), Some(later));
    assert_eq!(trigger.take(later), Some(apps(&["/a", "/b"])));
}

#[test]
fn a_task_that_ends_ends_the_pause_after_a_failure() {
    let start = Instant::now();
    let mut trigger = Trigger::default();
    trigger.failed(Work::All, start + Duration::from_secs(30));
    trigger.look(Look::App("/a".into()));
    trigger.hurry();
    assert_eq!(trigger.take(start), Some(Work::All));
}

#[test]
fn the_earlier_of_two_schedules_counts() {
    let start = Instant::now();
    let mut trigger = Trigger::default();
    trigger.everything_at(start + ALL_GAP * 3);
    trigger.everything_at(start + ALL_GAP);
    trigger.everything_at(start + ALL_GAP * 2);
    assert_eq!(trigger.due(start), Some(start + ALL_GAP));
    assert_eq!(trigger.take(start + ALL_GAP), Some(Work::All));
    assert_eq!(trigger.due(start), None);
}

#[test]
fn pods_are_followed_as_apps_are() {
    let status = |name: &str| json!({"name": name, "status": "TASK_RUNNING"});
    let pod = json!({"id": "/pod", "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
        "instances": [{"id": "pod.instance-1", "agentHostname": "here", "containers": [status("a"), status("b")]}]});
    let pods = Apps { apps: vec![serde_json::from_value(pod).unwrap()], malformed: Vec::new() };
    let view = View::default().with_pods::<marathon::Pod>(pods);
    let event = Event::InstanceChanged {
        app: "/pod".into(),
        instance: "pod.instance-1".into(),
        condition: "Killing".into(),
        host: Some("here".into()),
    };
    let reaction = react(&event, &view, |host| host == "here");
    assert_eq!(reaction.look, Look::App("/pod".into()));
    let ending: Vec<_> = reaction.ending.iter().map(|(task, ..)| task.as_str()).collect();
    assert_eq!(ending, ["pod.instance-1.a", "pod.instance-1.b"]);
    for kind in [kinds::POD_CREATED, kinds::POD_UPDATED, kinds::POD_DELETED] {
        let event = Event::Unknown { kind: kind.into() };
        assert_eq!(react(&event, &view, |_| false).look, Look::Everywhere, "{kind}");
    }
}
