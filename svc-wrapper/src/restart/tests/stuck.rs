//! Deployments that do not end.

use super::*;

/// One that waits for a deployment that showed this all the time.
fn waiting(stuck: Stuck, app: &App, seconds: u64) -> Script {
    let script = Script::with(Policy { stuck, ..POLICY }).changed();
    let script = script.answer(0, Answer::App(Ok(app.clone())));
    script.answer(seconds, Answer::App(Ok(app.clone())))
}

fn unhealthy(healthy: Option<bool>) -> App {
    let task = Task { version: Some(version(10)), healthy };
    App { task: Some(task), ..app(10, true) }
}

fn moving(renewed: usize, alone: bool) -> App {
    App { progress: Some(Progress { step: 1, renewed, alone }), ..app(10, true) }
}

#[test]
fn tells_of_a_deployment_that_does_not_end() {
    let told = waiting(Stuck::Wait, &app(10, true), 600);
    let doomed = Script::checking().answer(0, sees(11, true)).answer(600, sees(11, true));
    for (name, script, want) in [
        ("not yet", waiting(Stuck::Wait, &app(10, true), 599), "wait-deployment: app"),
        ("told", told, "wait-deployment: report app"),
        (
            "once",
            waiting(Stuck::Wait, &app(10, true), 600).answer(9, sees(10, true)),
            "wait-deployment: app",
        ),
        ("doomed", doomed, "doomed: report app"),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

#[test]
fn leaves_when_it_is_unhealthy_and_may() {
    let ill = unhealthy(Some(false));
    let elected = || waiting(Stuck::Exit, &ill, 600).wins();
    let verify = |app| elected().answer(0, verified(found("new", app)));
    let recovered =
        || waiting(Stuck::Exit, &ill, 300).answer(1, Answer::App(Ok(unhealthy(Some(true)))));
    for (name, script, want) in [
        ("not told to", waiting(Stuck::Wait, &ill, 600), "wait-deployment: report app"),
        (
            "healthy",
            waiting(Stuck::Exit, &unhealthy(Some(true)), 600),
            "wait-deployment: report app",
        ),
        ("no checks", waiting(Stuck::Exit, &unhealthy(None), 600), "wait-deployment: report app"),
        ("not yet", waiting(Stuck::Exit, &ill, 599), "wait-deployment: app"),
        ("due", waiting(Stuck::Exit, &ill, 600), "elect: report lock"),
        (
            "recovered",
            recovered().answer(299, Answer::App(Ok(ill.clone()))),
            "wait-deployment: report app",
        ),
        ("its turn", verify(ill.clone()), "leaving: leave"),
        ("recovered at last", verify(unhealthy(Some(true))), "wait-deployment: release app"),
        ("over at last", verify(app(10, false)), "intend: write-intent"),
        ("doomed at last", verify(app(11, true)), "doomed: release app"),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

#[test]
fn forces_only_its_own_deployment_that_stands_still() {
    let still = moving(1, true);
    let record = |target: &str, deployment: &str| Record {
        seq: 4,
        phase: Phase::Posted,
        target: digest(target),
        kv_index: None,
        pre: version(9),
        version: Some(version(10)),
        deployment: Some(deployment.to_owned()),
        by: "other".to_owned(),
        at: AT,
        attempts: 1,
        not_before: AT,
        window: flap::Window::default(),
        error: None,
    };
    let verify = |record| {
        let slot = Some(Slot { record: Some(Box::new(record)), index: 7 });
        let found = Found { slot, ..found("new", still.clone()) };
        waiting(Stuck::Force, &still, 600).wins().answer(0, verified(found))
    };
    let verify_moved = || {
        let slot = Some(Slot { record: Some(Box::new(record("older", "d"))), index: 7 });
        let found = Found { slot, ..found("new", moving(2, true)) };
        waiting(Stuck::Force, &still, 600).wins().answer(0, verified(found))
    };
    let forced = || verify(record("older", "d")).answer(1, Answer::Written(Written::Done));
    let doubt = || forced().answer(1, Answer::Posted(Posted::Unknown));
    for (name, script, want) in [
        ("not told to", waiting(Stuck::Wait, &still, 600), "wait-deployment: report app"),
        ("not yet", waiting(Stuck::Force, &still, 599), "wait-deployment: app"),
        (
            "others are affected",
            waiting(Stuck::Force, &moving(1, false), 600),
            "wait-deployment: report app",
        ),
        ("due", waiting(Stuck::Force, &still, 600), "elect: report lock"),
        (
            "it moves",
            waiting(Stuck::Force, &still, 300)
                .answer(1, Answer::App(Ok(moving(2, true))))
                .answer(300, Answer::App(Ok(moving(2, true)))),
            "wait-deployment: report app",
        ),
        ("another's deployment", verify(record("older", "x")), "wait-deployment: release app"),
        ("already for this", verify(record("new", "d")), "wait-deployment: release app"),
        ("moved at last", verify_moved(), "wait-deployment: release app"),
        ("ours, for what is past", verify(record("older", "d")), "intend: write-intent"),
        ("forced", forced(), "post: force"),
        ("no effect yet", doubt().answer(1, sees(10, true)), "ambiguous: app"),
        ("effect", doubt().answer(1, sees(11, true)), "record: record-posted"),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}
