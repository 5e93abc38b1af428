//! Rows of what happens and what the machine does, then whole apps of several instances.

use std::time::{Duration, Instant};

use consul::kv::KvPair;

use super::*;

mod app;

pub(super) const SETTLE: Duration = Duration::from_secs(2);

pub(super) fn digest(value: &str) -> Digest {
    let pair = KvPair { key: "K".to_owned(), value: value.into(), ..KvPair::default() };
    crate::env::map("", &[pair]).environment.digest()
}

pub(super) fn version(second: u64) -> Version {
    Version::parse(&format!("2026-11-21T00:{:02}:{:02}.000Z", second / 60, second % 60)).unwrap()
}

fn wants(value: &str) -> Event {
    Event::Read(Wanted::Is(digest(value)))
}

fn app(changed: u64, deploying: bool) -> App {
    App { changed: version(changed), deploying }
}

/// An instance started with the value "old" as version 10, and a clock.
struct Script {
    instance: Instance,
    now: Instant,
    actions: Vec<Action>,
}

impl Script {
    fn new() -> Self {
        let now = Instant::now();
        let instance = Instance::new(digest("old"), Some(version(10)), SETTLE, now);
        Self { instance, now, actions: Vec::new() }
    }

    /// One that asks Marathon about a changed configuration.
    fn checking() -> Self {
        Self::new().then(0, wants("new")).then(2, Event::Tick)
    }

    /// One that holds the lock and reads everything again.
    fn verifying() -> Self {
        let mut script = Self::checking().answer(0, Answer::App(Ok(app(10, false))));
        let lease = script.now + LEASE;
        script = script.answer(0, Answer::Lock(Election::Won(lease)));
        script
    }

    /// One that has asked for the restart.
    fn posting() -> Self {
        Self::verifying().answer(1, verified("new", app(10, false)))
    }

    fn then(mut self, seconds: u64, event: Event) -> Self {
        self.now += Duration::from_secs(seconds);
        let (instance, actions) = self.instance.on(event, self.now);
        (self.instance, self.actions) = (instance, actions);
        self
    }

    fn answer(self, seconds: u64, answer: Answer) -> Self {
        let ticket = self.instance.state().ticket().unwrap();
        self.then(seconds, Event::Answered(ticket, answer))
    }

    /// State and actions, as `check: app` or `sync: release`.
    fn shows(&self) -> String {
        let actions: Vec<&str> = self.actions.iter().map(word).collect();
        format!("{}: {}", self.instance.state().name(), actions.join(" "))
    }
}

fn word(action: &Action) -> &'static str {
    match action {
        Action::Release => "release",
        Action::Ask(_, Request::App, _) => "app",
        Action::Ask(_, Request::Lock, _) => "lock",
        Action::Ask(_, Request::LockFree, _) => "lock-free",
        Action::Ask(_, Request::Verify, _) => "verify",
        Action::Ask(_, Request::Post, _) => "post",
    }
}

fn verified(value: &str, app: App) -> Answer {
    Answer::Verified(Ok((Wanted::Is(digest(value)), app)))
}

#[test]
fn settles_before_it_asks_anybody() {
    let new = Script::new;
    let hold = Event::Read(Wanted::Unusable(Unusable::Empty));
    for (name, script, want) in [
        ("same value", new().then(5, wants("old")), "sync: "),
        ("change", new().then(5, wants("new")), "settle: "),
        ("too early", new().then(5, wants("new")).then(1, Event::Tick), "settle: "),
        ("settled", new().then(5, wants("new")).then(2, Event::Tick), "check: app"),
        ("flip-flop", new().then(5, wants("new")).then(1, wants("old")), "sync: "),
        (
            "second change",
            new().then(5, wants("new")).then(1, wants("2")).then(1, Event::Tick),
            "settle: ",
        ),
        ("emptied", new().then(5, hold.clone()), "hold: "),
        ("emptied while settling", new().then(5, wants("new")).then(1, hold.clone()), "hold: "),
        ("back from it", new().then(5, hold.clone()).then(9, wants("old")), "sync: "),
        ("changed by it", new().then(5, hold.clone()).then(9, wants("new")), "settle: "),
        ("emptied while checking", Script::checking().then(1, hold), "hold: "),
        ("changed back while checking", Script::checking().then(1, wants("old")), "sync: "),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

#[test]
fn never_settles_for_longer_than_the_limit() {
    let mut script = Script::new().then(5, wants("new"));
    for value in 0..29 {
        script = script.then(1, wants(&value.to_string()));
        assert_eq!(script.shows(), "settle: ", "{value}");
    }
    let script = script.then(1, Event::Tick);
    assert_eq!(script.shows(), "check: app");
    let script = script.then(0, wants("on and on"));
    assert_eq!(script.shows(), "check: ");
    assert_eq!(script.then(2, wants("quiet for once")).shows(), "settle: ");
}

#[test]
fn asks_marathon_and_the_others_first() {
    let check = Script::checking;
    let denied = || {
        check().answer(0, Answer::App(Ok(app(10, false)))).answer(0, Answer::Lock(Election::Denied))
    };
    for (name, script, want) in [
        ("quiet", check().answer(0, Answer::App(Ok(app(10, false)))), "elect: lock"),
        ("doomed", check().answer(0, Answer::App(Ok(app(11, false)))), "doomed: app"),
        ("doomed and deploying", check().answer(0, Answer::App(Ok(app(11, true)))), "doomed: app"),
        ("deploying", check().answer(0, Answer::App(Ok(app(10, true)))), "wait-deployment: app"),
        ("scaled since", check().answer(0, Answer::App(Ok(app(9, false)))), "elect: lock"),
        ("down", check().answer(0, Answer::App(Err(Fault::Unreachable))), "check: app"),
        ("deleted", check().answer(0, Answer::App(Err(Fault::Refused))), "blocked: "),
        (
            "lock taken",
            check()
                .answer(0, Answer::App(Ok(app(10, false))))
                .answer(0, Answer::Lock(Election::Lost)),
            "elect: lock-free",
        ),
        (
            "lock free again",
            check()
                .answer(0, Answer::App(Ok(app(10, false))))
                .answer(0, Answer::Lock(Election::Lost))
                .answer(9, Answer::LockFree),
            "check: app",
        ),
        (
            "Consul down",
            check()
                .answer(0, Answer::App(Ok(app(10, false))))
                .answer(0, Answer::Lock(Election::Unreachable)),
            "check: app",
        ),
        ("no right to lock", denied(), "verify: verify"),
        ("posts without it", denied().answer(30, verified("new", app(10, false))), "post: post"),
        ("gives nothing back", denied().answer(30, verified("new", app(11, false))), "doomed: app"),
        (
            "deployment over",
            check()
                .answer(0, Answer::App(Ok(app(10, true))))
                .answer(9, Answer::App(Ok(app(10, false)))),
            "elect: lock",
        ),
        (
            "change back during a deployment",
            check().answer(0, Answer::App(Ok(app(10, true)))).then(9, wants("old")),
            "sync: ",
        ),
        (
            "rollback saves the doomed",
            check()
                .answer(0, Answer::App(Ok(app(11, true))))
                .answer(9, Answer::App(Ok(app(10, false)))),
            "elect: lock",
        ),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

#[test]
fn posts_only_what_it_has_just_verified() {
    let verify = Script::verifying;
    let unusable = Wanted::Unusable(Unusable::Empty);
    for (name, script, want) in [
        ("still so", verify().answer(1, verified("new", app(10, false))), "post: post"),
        ("changed back", verify().answer(1, verified("old", app(10, false))), "sync: release"),
        ("changed on", verify().answer(1, verified("newer", app(10, false))), "settle: release"),
        (
            "emptied",
            verify().answer(1, Answer::Verified(Ok((unusable, app(10, false))))),
            "hold: release",
        ),
        (
            "another was first",
            verify().answer(1, verified("new", app(11, true))),
            "doomed: release app",
        ),
        (
            "deploying",
            verify().answer(1, verified("new", app(10, true))),
            "wait-deployment: release app",
        ),
        (
            "Marathon down",
            verify().answer(1, Answer::Verified(Err(Fault::Unreachable))),
            "check: release app",
        ),
        ("too slow", verify().answer(10, verified("new", app(10, false))), "check: release app"),
        ("lease lost", verify().then(1, Event::LeaseLost), "check: release app"),
        ("watch says otherwise", verify().then(1, wants("old")), "sync: release"),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
    let renewed = verify();
    let until = renewed.now + Duration::from_secs(20);
    let renewed = renewed.then(5, Event::Renewed(until)).answer(9, verified("new", app(10, false)));
    assert_eq!(renewed.shows(), "post: post");
}

#[test]
fn asks_once_and_looks_for_the_effect() {
    let post = |posted| Script::posting().answer(1, Answer::Posted(posted));
    let doubt = || post(Posted::Unknown);
    for (name, script, want) in [
        ("accepted", post(Posted::Accepted), "ambiguous: app"),
        ("conflict", post(Posted::Conflict), "wait-deployment: release app"),
        ("not delivered", post(Posted::Later), "check: release app"),
        ("refused", post(Posted::Refused), "blocked: release"),
        ("no answer", doubt(), "ambiguous: app"),
        ("effect", doubt().answer(1, Answer::App(Ok(app(11, true)))), "doomed: release app"),
        (
            "effect begins",
            doubt().answer(1, Answer::App(Ok(app(10, true)))),
            "wait-deployment: release app",
        ),
        ("no effect yet", doubt().answer(1, Answer::App(Ok(app(10, false)))), "ambiguous: app"),
        ("no effect", doubt().answer(30, Answer::App(Ok(app(10, false)))), "check: release app"),
        (
            "Marathon gone",
            doubt().answer(99, Answer::App(Err(Fault::Unreachable))),
            "ambiguous: app",
        ),
        ("lease lost", doubt().then(9, Event::LeaseLost), "ambiguous: "),
        ("change back", doubt().then(1, wants("old")), "ambiguous: "),
        (
            "change back, no effect",
            doubt().then(1, wants("old")).answer(30, Answer::App(Ok(app(10, false)))),
            "sync: release",
        ),
        ("blocked, time", post(Posted::Refused).then(300, Event::Tick), "check: app"),
        ("blocked, change", post(Posted::Refused).then(9, wants("newer")), "settle: "),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

#[test]
fn ignores_answers_to_questions_it_no_longer_asks() {
    let late = Script::verifying();
    let Some(ticket) = late.instance.state().ticket() else { panic!("no question") };
    let late = late.then(1, wants("old")).then(1, wants("new")).then(2, Event::Tick);
    let late = late.then(0, Event::Answered(ticket, verified("new", app(10, false))));
    assert_eq!(late.shows(), "check: ");

    let won = Script::checking().answer(0, Answer::App(Ok(app(10, false))));
    let Some(ticket) = won.instance.state().ticket() else { panic!("no question") };
    let lease = won.now + LEASE;
    let won = won.then(1, wants("old"));
    let won = won.then(0, Event::Answered(ticket, Answer::Lock(Election::Won(lease))));
    assert_eq!(won.shows(), "sync: release");
}

#[test]
fn takes_the_first_look_for_its_version_when_it_has_none() {
    let mut script = Script::new();
    script.instance = Instance::new(digest("old"), None, SETTLE, script.now);
    let script = script.then(0, wants("new")).then(2, Event::Tick);
    let script = script.answer(0, Answer::App(Ok(app(50, false))));
    assert_eq!(script.shows(), "elect: lock");
    let script = script.answer(0, Answer::Lock(Election::Lost)).answer(1, Answer::LockFree);
    assert_eq!(script.answer(1, Answer::App(Ok(app(51, true)))).shows(), "doomed: app");
}
