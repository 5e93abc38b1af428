//! Under the lock, or without one.

use super::*;

fn intended() -> Script {
    Script::verifying().answer(1, verified(found("new", app(10, false))))
}

fn posting() -> Script {
    intended().answer(1, Answer::Written(Written::Done))
}

fn unlocked() -> Script {
    let denied = Answer::Lock(Election::Denied);
    Script::checking().answer(0, sees(10, false)).answer(0, denied)
}

fn accepted() -> Posted {
    Posted::Accepted(Accepted { version: Some(version(11)), deployment: "d".to_owned() })
}

/// What another holder of the lock left, 100 seconds ago.
fn left(phase: Phase) -> Record {
    Record {
        seq: 4,
        phase,
        target: digest("new"),
        kv_index: None,
        pre: version(10),
        version: None,
        deployment: None,
        by: "other".to_owned(),
        at: Moment::from_millis(1_795_230_900_000),
        attempts: 1,
        not_before: Moment::from_millis(1_795_230_930_000),
        window: flap::Window::default(),
        error: None,
    }
}

fn after(record: Record, app: App) -> Answer {
    let slot = Some(Slot { record: Some(Box::new(record)), index: 7 });
    verified(Found { slot, ..found("new", app) })
}

#[test]
fn asks_only_for_what_it_has_just_verified() {
    let verify = Script::verifying;
    let quiet = |value| verified(found(value, app(10, false)));
    let empty = Wanted::Unusable(Unusable::Empty);
    let empty = Found { wanted: empty, ..found("new", app(10, false)) };
    let paused = Found { bar: Some(Bar::Paused), ..found("new", app(10, false)) };
    let early = Bar::Early(Duration::from_secs(9));
    let early = Found { bar: Some(early), ..found("new", app(10, false)) };
    let no_slot = Found { slot: None, ..found("new", app(10, false)) };
    let unreachable = Answer::Verified(Err(Fault::Unreachable));
    for (name, script, want) in [
        ("still so", verify().answer(1, quiet("new")), "intend: write-intent"),
        ("changed back", verify().answer(1, quiet("old")), "sync: release"),
        ("changed on", verify().answer(1, quiet("newer")), "settle: release"),
        ("emptied", verify().answer(1, verified(empty)), "hold: release"),
        ("paused", verify().answer(1, verified(paused)), "hold: release unpaused"),
        ("too early", verify().answer(1, verified(early)), "hold: release"),
        ("nothing to be written", verify().answer(1, verified(no_slot)), "post: post"),
        (
            "another was first",
            verify().answer(1, verified(found("new", app(11, true)))),
            "doomed: release app",
        ),
        (
            "deploying",
            verify().answer(1, verified(found("new", app(10, true)))),
            "wait-deployment: release app",
        ),
        ("Marathon or Consul down", verify().answer(1, unreachable), "check: release app"),
        (
            "app deleted",
            verify().answer(1, Answer::Verified(Err(Fault::Refused))),
            "blocked: release",
        ),
        ("lease lost", verify().then(1, Event::LeaseLost), "check: release app"),
        ("watch says otherwise", verify().then(1, wants("old")), "sync: release"),
        ("no lock", unlocked().answer(30, quiet("new")), "post: post"),
        (
            "no lock, nothing to give back",
            unlocked().answer(30, verified(found("new", app(11, false)))),
            "doomed: app",
        ),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

#[test]
fn writes_its_intent_before_it_asks() {
    let written = |written| intended().answer(1, Answer::Written(written));
    let renewed = || {
        let script = intended();
        let until = script.now + LEASE;
        script.then(5, Event::Renewed(until))
    };
    for (name, script, want) in [
        ("written", written(Written::Done), "post: post"),
        ("lock gone", written(Written::Outdated), "check: release app"),
        ("nobody knows", written(Written::Unknown), "check: release app"),
        ("no right to", written(Written::Denied), "post: post"),
        ("lease lost", intended().then(1, Event::LeaseLost), "check: release app"),
        ("changed back", intended().then(1, wants("old")), "sync: release"),
        ("too slow", intended().answer(9, Answer::Written(Written::Done)), "check: release app"),
        ("renewed", renewed().answer(4, Answer::Written(Written::Done)), "post: post"),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
    let script = intended();
    let Record { seq, phase, target, pre, by, attempts, not_before, .. } = script.writes().clone();
    assert_eq!((seq, phase, target, pre), (1, Phase::Intent, digest("new"), version(10)));
    assert_eq!((by.as_str(), attempts, not_before), ("me", 1, AT.after(POLICY.interval)));
}

#[test]
fn knows_what_holders_before_it_did() {
    let verify = |record| Script::verifying().answer(1, after(record, app(10, false)));
    let fresh = |by: &str| Record {
        at: Moment::from_millis(1_795_230_990_000),
        by: by.to_owned(),
        ..left(Phase::Intent)
    };
    let effect = |script: Script| {
        let record = Record { pre: version(9), ..left(Phase::Intent) };
        script.answer(1, after(record, app(10, false)))
    };
    let repaired = |written| effect(Script::verifying()).answer(1, Answer::Written(written));
    for (name, script, want) in [
        ("intent without effect", verify(left(Phase::Intent)), "intend: write-intent"),
        ("request perhaps on its way", verify(fresh("other")), "hold: release"),
        ("given up on", verify(fresh("other")).then(20, Event::Tick), "check: app"),
        ("mine", verify(fresh("me")), "intend: write-intent"),
        ("refused", verify(left(Phase::Failed)), "intend: write-intent"),
        ("rolled back", verify(left(Phase::Posted)), "intend: write-intent"),
        ("intent with effect", effect(Script::verifying()), "record: repair"),
        ("repaired", repaired(Written::Done), "verify: verify"),
        (
            "changed back during a repair",
            effect(Script::verifying()).then(1, wants("old")),
            "sync: release",
        ),
        ("repair lost", repaired(Written::Outdated), "check: release app"),
        ("repair unknown", repaired(Written::Unknown), "check: release app"),
        (
            "lease lost meanwhile",
            effect(Script::verifying()).then(1, Event::LeaseLost),
            "check: release app",
        ),
        (
            "goes without where it may not write",
            effect(repaired(Written::Denied).answer(1, sees(10, false)).wins()),
            "post: post",
        ),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
    assert_eq!(verify(left(Phase::Intent)).writes().attempts, 2);
    let script = effect(Script::verifying());
    assert_eq!(
        (script.writes().phase, script.writes().version),
        (Phase::Posted, Some(version(10)))
    );
}

#[test]
fn asks_once_and_looks_for_the_effect() {
    let post = |posted| posting().answer(1, Answer::Posted(posted));
    let doubt = || post(Posted::Unknown);
    let unreachable = || Answer::App(Err(Fault::Unreachable));
    let refused = || post(Posted::Refused("no".to_owned()));
    let free = |posted| {
        let quiet = verified(found("new", app(10, false)));
        unlocked().answer(1, quiet).answer(1, Answer::Posted(posted))
    };
    for (name, script, want) in [
        ("accepted", post(accepted()), "ambiguous: app"),
        ("conflict", post(Posted::Conflict), "wait-deployment: release app"),
        ("not delivered", post(Posted::Later), "check: release app"),
        ("refused", refused(), "record: record-failed"),
        ("refusal recorded", refused().answer(1, written()), "blocked: release"),
        ("refused without a record", free(Posted::Refused(String::new())), "blocked: "),
        ("no answer", doubt(), "ambiguous: app"),
        ("effect", doubt().answer(1, sees(11, true)), "record: record-posted"),
        ("effect without a record", free(Posted::Unknown).answer(1, sees(11, true)), "doomed: app"),
        (
            "a deployment, perhaps ours",
            doubt().answer(1, sees(10, true)),
            "wait-deployment: release app",
        ),
        ("ours", post(accepted()).answer(1, sees(10, true)), "record: record-posted"),
        ("no effect yet", doubt().answer(1, sees(10, false)), "ambiguous: app"),
        ("no effect", doubt().answer(30, sees(10, false)), "check: release app"),
        ("Marathon gone", doubt().answer(99, unreachable()), "ambiguous: app"),
        ("app gone", doubt().answer(1, Answer::App(Err(Fault::Refused))), "blocked: release"),
        ("lease lost while asking", posting().then(9, Event::LeaseLost), "post: "),
        ("lease lost", doubt().then(9, Event::LeaseLost), "ambiguous: "),
        ("change back", doubt().then(1, wants("old")), "ambiguous: "),
        (
            "change back, no effect",
            doubt().then(1, wants("old")).answer(30, sees(10, false)),
            "sync: release",
        ),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

fn written() -> Answer {
    Answer::Written(Written::Done)
}

#[test]
fn records_the_effect_and_goes_by_what_it_saw() {
    let record = |app: App| {
        let script = posting().answer(1, Answer::Posted(accepted()));
        script.answer(1, Answer::App(Ok(app)))
    };
    for (name, script, want) in [
        ("recorded", record(app(11, true)).answer(1, written()), "doomed: release app"),
        (
            "old version shown",
            record(app(10, true)).answer(1, written()),
            "wait-deployment: release app",
        ),
        (
            "not recorded",
            record(app(11, true)).answer(1, Answer::Written(Written::Unknown)),
            "doomed: release app",
        ),
        ("lease lost", record(app(11, true)).then(1, Event::LeaseLost), "record: "),
        ("change back", record(app(11, true)).then(1, wants("old")), "record: "),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
    let script = record(app(10, true));
    let Record { phase, version: seen, deployment, .. } = script.writes().clone();
    assert_eq!((phase, seen, deployment.as_deref()), (Phase::Posted, Some(version(11)), Some("d")));
}

#[test]
fn sends_nothing_near_the_end_of_its_lease() {
    let script = intended();
    let Tenure::Locked(until) = script.instance.state().tenure().unwrap() else {
        panic!("no lease")
    };
    let script = script.answer(1, written());
    let [Action::Ask(_, Request::Post { before, .. }, _)] = script.actions.as_slice() else {
        panic!("{:?}", script.actions)
    };
    assert_eq!(*before, until.checked_sub(MARGIN));
}
