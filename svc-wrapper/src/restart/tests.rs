//! Rows of what happens and what the machine does. Whole apps of several instances are in `tests/simulation`.

use std::time::{Duration, Instant};

use super::intent::{Phase, Record};
use super::*;
use crate::env::Digest;
use crate::version::Version;

mod stuck;
mod tenure;

const POLICY: Policy = Policy {
    way: Way::Marathon,
    settle: Duration::from_secs(2),
    interval: Duration::from_secs(30),
    stuck: Stuck::Wait,
    stuck_after: Duration::from_mins(10),
};

pub(super) fn digest(value: &str) -> Digest {
    Digest::parse(&format!("v1:{value}")).unwrap()
}

pub(super) fn version(second: u64) -> Version {
    Version::parse(&format!("2026-11-21T00:{:02}:{:02}.000Z", second / 60, second % 60)).unwrap()
}

fn wants(value: &str) -> Event {
    Event::Read(Wanted::Is(digest(value)))
}

fn app(changed: u64, deploying: bool) -> App {
    let deployments = if deploying { vec!["d".to_owned()] } else { Vec::new() };
    App { changed: version(changed), deployments, task: None, progress: None }
}

fn sees(changed: u64, deploying: bool) -> Answer {
    Answer::App(Ok(app(changed, deploying)))
}

/// An instance started with the value "old" as version 10, and a clock.
struct Script {
    instance: Instance,
    now: Instant,
    actions: Vec<Action>,
}

impl Script {
    fn new() -> Self {
        Self::with(POLICY)
    }

    fn with(policy: Policy) -> Self {
        let now = Instant::now();
        let identity =
            Identity { boot: digest("old"), version: Some(version(10)), task: "me".to_owned() };
        Self { instance: Instance::new(identity, policy, now), now, actions: Vec::new() }
    }

    /// One that asks Marathon about a changed configuration.
    fn checking() -> Self {
        Self::new().changed()
    }

    /// One that holds the lock and reads everything again.
    fn verifying() -> Self {
        Self::checking().answer(0, sees(10, false)).wins()
    }

    fn changed(self) -> Self {
        self.then(0, wants("new")).then(2, Event::Tick)
    }

    fn wins(self) -> Self {
        let lease = self.now + LEASE;
        self.answer(0, Answer::Lock(Election::Won(lease)))
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

    /// The document it wants to write.
    fn writes(&self) -> &Record {
        let written = self.actions.iter().find_map(|action| match action {
            Action::Ask(_, Request::Write(record, _), _) => Some(&**record),
            _ => None,
        });
        written.unwrap()
    }
}

fn word(action: &Action) -> &'static str {
    match action {
        Action::Release => "release",
        Action::Report => "report",
        Action::Signal => "signal",
        Action::Leave => "leave",
        Action::Ask(_, Request::App, _) => "app",
        Action::Ask(_, Request::Lock, _) => "lock",
        Action::Ask(_, Request::LockFree, _) => "lock-free",
        Action::Ask(_, Request::Unpaused, _) => "unpaused",
        Action::Ask(_, Request::Verify, _) => "verify",
        Action::Ask(_, Request::Write(record, Some(_)), _) => match record.phase {
            Phase::Intent => "write-intent",
            _ => "repair",
        },
        Action::Ask(_, Request::Write(record, None), _) => match record.phase {
            Phase::Failed => "record-failed",
            _ => "record-posted",
        },
        Action::Ask(_, Request::Post { force: false, .. }, _) => "post",
        Action::Ask(_, Request::Post { force: true, .. }, _) => "force",
    }
}

const AT: Moment = Moment::from_millis(1_795_231_000_000);

fn found(value: &str, app: App) -> Found {
    Found {
        wanted: Wanted::Is(digest(value)),
        app: Some(app),
        slot: Some(Slot::default()),
        bar: None,
        at: AT,
    }
}

fn verified(found: Found) -> Answer {
    Answer::Verified(Ok(Box::new(found)))
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
    let elect = |election| check().answer(0, sees(10, false)).answer(0, Answer::Lock(election));
    let later = |rest| Election::Barred(Bar::Early(Duration::from_secs(rest)));
    let paused = || elect(Election::Barred(Bar::Paused));
    let waiting = || check().answer(0, sees(10, true));
    for (name, script, want) in [
        ("quiet", check().answer(0, sees(10, false)), "elect: lock"),
        ("doomed", check().answer(0, sees(11, false)), "doomed: app"),
        ("doomed and deploying", check().answer(0, sees(11, true)), "doomed: app"),
        ("deploying", waiting(), "wait-deployment: app"),
        ("scaled since", check().answer(0, sees(9, false)), "elect: lock"),
        ("down", check().answer(0, Answer::App(Err(Fault::Unreachable))), "check: app"),
        ("deleted", check().answer(0, Answer::App(Err(Fault::Refused))), "blocked: "),
        ("lock taken", elect(Election::Lost), "elect: lock-free"),
        ("lock free again", elect(Election::Lost).answer(9, Answer::LockFree), "check: app"),
        ("Consul down", elect(Election::Unreachable), "check: app"),
        ("no right to lock", elect(Election::Denied), "verify: verify"),
        ("paused", paused(), "hold: unpaused"),
        ("resumed", paused().answer(99, Answer::Unpaused), "check: app"),
        ("paused, change back", paused().then(9, wants("old")), "sync: "),
        ("paused, change", paused().then(9, wants("newer")), "settle: "),
        ("too early", elect(later(20)), "hold: "),
        ("still too early", elect(later(20)).then(19, Event::Tick), "hold: "),
        ("no longer too early", elect(later(20)).then(20, Event::Tick), "check: app"),
        ("looks again after a minute", elect(later(999)).then(60, Event::Tick), "check: app"),
        ("too early, change", elect(later(20)).then(1, wants("newer")), "settle: "),
        (
            "too early, settled change",
            elect(later(20)).then(1, wants("newer")).then(2, Event::Tick),
            "hold: ",
        ),
        ("too early, change back", elect(later(20)).then(1, wants("old")), "sync: "),
        ("deployment goes on", waiting().answer(9, sees(10, true)), "wait-deployment: app"),
        ("deployment over, quiet now", waiting().answer(9, sees(10, false)), "hold: "),
        (
            "deployment long over",
            waiting().answer(9, sees(10, false)).then(30, Event::Tick),
            "check: app",
        ),
        ("change back during a deployment", waiting().then(9, wants("old")), "sync: "),
        ("change during a deployment", waiting().then(9, wants("newer")), "wait-deployment: "),
        (
            "Marathon down during a deployment",
            waiting().answer(9, Answer::App(Err(Fault::Unreachable))),
            "wait-deployment: app",
        ),
        (
            "rollback saves the doomed",
            check().answer(0, sees(11, true)).answer(9, sees(10, false)),
            "elect: lock",
        ),
        (
            "doomed stays so when the change is taken back",
            check().answer(0, sees(11, true)).then(9, wants("old")),
            "doomed: ",
        ),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

#[test]
fn looks_again_after_a_refusal() {
    let blocked = || Script::checking().answer(0, Answer::App(Err(Fault::Refused)));
    for (name, script, want) in [
        ("time", blocked().then(300, Event::Tick), "check: app"),
        ("too early", blocked().then(299, Event::Tick), "blocked: "),
        ("change", blocked().then(9, wants("newer")), "settle: "),
        ("change back", blocked().then(9, wants("old")), "sync: "),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

#[test]
fn ignores_answers_to_questions_it_no_longer_asks() {
    let late = Script::verifying();
    let Some(ticket) = late.instance.state().ticket() else { panic!("no question") };
    let late = late.then(1, wants("old")).then(1, wants("new")).then(2, Event::Tick);
    let late = late.then(0, Event::Answered(ticket, verified(found("new", app(10, false)))));
    assert_eq!(late.shows(), "check: ");

    let won = Script::checking().answer(0, sees(10, false));
    let Some(ticket) = won.instance.state().ticket() else { panic!("no question") };
    let lease = won.now + LEASE;
    let won = won.then(1, wants("old"));
    let won = won.then(0, Event::Answered(ticket, Answer::Lock(Election::Won(lease))));
    assert_eq!(won.shows(), "sync: release");
}

#[test]
fn looks_for_its_version_when_it_has_none() {
    let nameless = || {
        let script = Script::new();
        let identity = Identity { boot: digest("old"), version: None, task: String::new() };
        Script { instance: Instance::new(identity, POLICY, script.now), ..script }.changed()
    };
    let task = Task { version: Some(version(49)), healthy: None };
    let known = App { task: Some(task), ..app(50, false) };
    for (name, script, want) in [
        ("the first look stands in", nameless().answer(0, sees(50, false)), "elect: lock"),
        ("its task tells", nameless().answer(0, Answer::App(Ok(known))), "doomed: app"),
        (
            "later looks do not",
            nameless()
                .answer(0, sees(50, false))
                .answer(0, Answer::Lock(Election::Lost))
                .answer(1, Answer::LockFree)
                .answer(1, sees(51, true)),
            "doomed: app",
        ),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}

#[test]
fn signals_once_for_each_change() {
    let script = Script::with(Policy { way: Way::Signal, ..POLICY }).changed();
    assert_eq!(script.shows(), "sync: signal");
    let script = script.then(60, wants("new"));
    assert_eq!(script.shows(), "sync: ");
    let script = script.then(0, wants("old"));
    assert_eq!(script.shows(), "settle: ");
    assert_eq!(script.then(2, Event::Tick).shows(), "sync: signal");
}

#[test]
fn leaves_one_after_the_other() {
    let elect = || Script::with(Policy { way: Way::Exit, ..POLICY }).changed();
    let without_app = |value| Found { app: None, ..found(value, app(10, false)) };
    let paused = Found { bar: Some(Bar::Paused), ..without_app("new") };
    for (name, script, want) in [
        ("wants the lock", elect(), "elect: lock"),
        ("its turn", elect().wins().answer(0, verified(without_app("new"))), "leaving: leave"),
        (
            "after its turn",
            elect().wins().answer(0, verified(without_app("new"))).then(1, wants("old")),
            "leaving: ",
        ),
        ("changed back", elect().wins().answer(0, verified(without_app("old"))), "sync: release"),
        ("paused", elect().wins().answer(0, verified(paused)), "hold: release unpaused"),
        (
            "another's turn",
            elect().answer(0, Answer::Lock(Election::Lost)).answer(20, Answer::LockFree),
            "elect: lock",
        ),
        (
            "without the right to lock",
            elect()
                .answer(0, Answer::Lock(Election::Denied))
                .answer(5, verified(without_app("new"))),
            "leaving: leave",
        ),
        (
            "Consul down",
            elect().wins().answer(0, Answer::Verified(Err(Fault::Unreachable))),
            "elect: release lock",
        ),
    ] {
        assert_eq!(script.shows(), want, "{name}");
    }
}
