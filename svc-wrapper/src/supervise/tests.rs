use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::*;
use crate::config::Command;

fn pid(raw: i32) -> Pid {
    Pid::from_raw(raw).unwrap()
}

fn sent(number: i32) -> Event {
    Event::Signal(Signal { number, sender: Sender::Process })
}

fn typed(number: i32) -> Event {
    Event::Signal(Signal { number, sender: Sender::Kernel })
}

fn ended(raw: i32, status: u8) -> Event {
    Event::Reaped(pid(raw), Ended::Exited(status))
}

fn plain() -> Handling {
    Handling {
        target: Target::Child,
        rewrites: BTreeMap::new(),
        drain: None,
        kill_timeout: None,
        leftovers: Leftovers::Ignore,
        expected: BTreeSet::new(),
        death_signal: None,
    }
}

fn program() -> Command {
    Command { program: OsString::from("drain"), arguments: vec![] }
}

const CHILD: i32 = 7;

/// Takes events that each come so many milliseconds after the start of a running child; gives all actions.
fn actions(handling: &Handling, events: &[(u64, Event)]) -> Vec<Action> {
    let start = Instant::now();
    let mut state = State::Running { pid: pid(CHILD) };
    let mut all = vec![];
    for (millis, event) in events {
        let (next, actions) = on(state, *event, handling, start + Duration::from_millis(*millis));
        state = next;
        all.extend(actions);
    }
    all
}

#[test]
fn waits_for_its_environment() {
    let now = Instant::now();
    for (name, event, want) in [
        ("environment", Event::Ready, vec![Action::Start]),
        ("TERM", sent(15), vec![Action::Exit(143)]),
        ("Ctrl-C", typed(2), vec![Action::Exit(130)]),
        ("real-time", sent(34), vec![Action::Exit(162)]),
        ("new window size", sent(28), vec![]),
        ("adopted orphan", ended(8, 3), vec![]),
        ("nobody there yet", Event::Alone, vec![]),
        ("no such command", Event::NotStarted(127), vec![Action::Exit(127)]),
        ("broken coordinator", Event::Abandoned, vec![Action::Exit(1)]),
    ] {
        let (state, actions) = on(State::Starting, event, &plain(), now);
        assert_eq!(actions, want, "{name}");
        let over = matches!(want.first(), Some(Action::Exit(_)));
        assert_eq!(state == State::Starting, !over, "{name}");
    }
    let started = on(State::Starting, Event::Started(pid(CHILD)), &plain(), now);
    assert_eq!(started, (State::Running { pid: pid(CHILD) }, vec![]));
}

#[test]
fn serves_a_running_child() {
    let child = pid(CHILD);
    let forward = |number| vec![Action::Forward(child, number)];
    let killed = Event::Reaped(child, Ended::Killed(9));
    for (name, event, want) in [
        ("TERM", sent(15), forward(15)),
        ("real-time", sent(40), forward(40)),
        ("fault that somebody sent", sent(11), forward(11)),
        ("sent INT", sent(2), forward(2)),
        ("Ctrl-C reaches the child by itself", typed(2), vec![]),
        ("Ctrl-Z", typed(20), vec![Action::Forward(child, 20), Action::StopSelf]),
        ("read in the background", typed(21), vec![Action::StopInBackground(child)]),
        ("sent TTIN", sent(21), forward(21)),
        ("sent TSTP", sent(20), forward(20)),
        ("hang-up", typed(1), forward(1)),
        ("child stopped at its terminal", Event::Stopped(child), vec![Action::StopSelf]),
        ("somebody else stopped", Event::Stopped(pid(8)), vec![]),
        ("continued", Event::Continued, forward(18)),
        ("broken coordinator", Event::Abandoned, vec![]),
        ("orphan", ended(8, 3), vec![]),
        ("end", ended(CHILD, 3), vec![Action::Exit(3)]),
        ("death", killed, vec![Action::Exit(137)]),
    ] {
        assert_eq!(actions(&plain(), &[(0, event)]), want, "{name}");
    }
    // Its group is not ours, so that keys reach only one of the two.
    let group = Handling { target: Target::Group, ..plain() };
    for (name, event, want) in [
        ("Ctrl-C", typed(2), forward(2)),
        ("Ctrl-Z", typed(20), vec![Action::Forward(child, 20), Action::StopSelf]),
    ] {
        assert_eq!(actions(&group, &[(0, event)]), want, "{name}");
    }
}

#[test]
fn rewrites_what_it_forwards() {
    let rewrites = BTreeMap::from([(15, Some(3)), (1, None)]);
    let limit = Some(Duration::from_millis(5));
    let handling = Handling { rewrites, kill_timeout: limit, ..plain() };
    let child = pid(CHILD);
    for (name, events, want) in [
        ("as another", &[(0, sent(15))][..], vec![Action::Forward(child, 3)]),
        ("not at all", &[(0, sent(1))], vec![]),
        ("not back", &[(0, sent(3))], vec![Action::Forward(child, 3)]),
        (
            "still a stop",
            &[(0, sent(15)), (5, Event::Tick)],
            vec![Action::Forward(child, 3), Action::Kill(child)],
        ),
    ] {
        assert_eq!(actions(&handling, events), want, "{name}");
    }
    let deaf = Handling { rewrites: BTreeMap::from([(15, None)]), ..handling };
    assert_eq!(actions(&deaf, &[(0, sent(15)), (5, Event::Tick)]), []);
}

#[test]
fn kills_a_child_that_takes_too_long() {
    let child = pid(CHILD);
    let handling = Handling { kill_timeout: Some(Duration::from_millis(10)), ..plain() };
    let told = Action::Forward(child, 15);
    for (name, events, want) in [
        ("in time", &[(0, sent(15)), (9, Event::Tick)][..], vec![told]),
        ("too late", &[(0, sent(15)), (10, Event::Tick)], vec![told, Action::Kill(child)]),
        (
            "told twice, measured once",
            &[(0, sent(15)), (9, sent(15)), (10, Event::Tick)],
            vec![told, told, Action::Kill(child)],
        ),
        (
            "killed once",
            &[(0, sent(15)), (10, Event::Tick), (20, Event::Tick)],
            vec![told, Action::Kill(child)],
        ),
        ("nobody asked", &[(99, Event::Tick)], vec![]),
    ] {
        assert_eq!(actions(&handling, events), want, "{name}");
    }
}

#[test]
fn drains_before_the_child_hears_of_it() {
    let child = pid(CHILD);
    let told = Action::Forward(child, 15);
    let time = Duration::from_millis(10);
    let drain = Handling { drain: Some(Drain::Time(time, None)), ..plain() };
    for (name, events, want) in [
        ("not yet", &[(0, sent(15)), (9, Event::Tick)][..], vec![]),
        ("time is up", &[(0, sent(15)), (10, Event::Tick)], vec![told]),
        ("second TERM", &[(0, sent(15)), (5, sent(15))], vec![told]),
        ("third TERM", &[(0, sent(15)), (5, sent(15)), (6, sent(15))], vec![told, told]),
        ("another signal", &[(0, sent(15)), (5, sent(1))], vec![Action::Forward(child, 1)]),
        ("end of its own", &[(0, sent(15)), (5, ended(CHILD, 4))], vec![Action::Exit(4)]),
        ("only one drain", &[(0, sent(15)), (10, Event::Tick), (30, Event::Tick)], vec![told]),
    ] {
        assert_eq!(actions(&drain, events), want, "{name}");
    }
}

#[test]
fn runs_a_program_before_the_stop() {
    let (told, start) = (Action::Forward(pid(CHILD), 15), Action::StartPreStop);
    let running = (1, Event::PreStop(Some(pid(9))));
    let over = (3, ended(9, 1));
    let end = Action::EndPreStop(pid(9));
    let time = Duration::from_millis(10);
    let timed = Handling { drain: Some(Drain::Time(time, Some(program()))), ..plain() };
    for (name, events, want) in [
        ("waits for the time", &[(0, sent(15)), running, over][..], vec![start]),
        ("time", &[(0, sent(15)), running, over, (10, Event::Tick)], vec![start, told]),
        ("too slow", &[(0, sent(15)), running, (10, Event::Tick)], vec![start, end, told]),
        ("not started", &[(0, sent(15)), (1, Event::PreStop(None))], vec![start]),
    ] {
        assert_eq!(actions(&timed, events), want, "{name}");
    }
    let untimed = Handling { drain: Some(Drain::PreStop(program())), ..plain() };
    for (name, events, want) in [
        ("over", &[(0, sent(15)), running, over][..], vec![start, told]),
        ("somebody else", &[(0, sent(15)), running, (3, ended(8, 0))], vec![start]),
        ("not started", &[(0, sent(15)), (1, Event::PreStop(None))], vec![start, told]),
        ("too slow", &[(0, sent(15)), running, (10_000, Event::Tick)], vec![start, end, told]),
        ("second TERM", &[(0, sent(15)), running, (5, sent(15))], vec![start, end, told]),
        (
            "child's own end",
            &[(0, sent(15)), running, (5, ended(CHILD, 0))],
            vec![start, end, Action::Exit(0)],
        ),
    ] {
        assert_eq!(actions(&untimed, events), want, "{name}");
    }
}

#[test]
fn ends_what_the_child_left_behind_when_told_to() {
    let (term, kill) = (Action::Leftovers(15), Action::Leftovers(9));
    let over = (0, ended(CHILD, 5));
    let gentle = Handling { leftovers: Leftovers::Term, ..plain() };
    let exit = Action::Exit(5);
    for (name, events, want) in [
        ("waits", &[over, (1999, Event::Tick)][..], vec![term]),
        ("one ended, others did not", &[over, (5, ended(8, 0))], vec![term]),
        ("all gone", &[over, (5, Event::Alone)], vec![term, exit]),
        ("time is up", &[over, (2000, Event::Tick)], vec![term, kill]),
        ("TERM", &[over, (5, sent(15))], vec![term, kill]),
        ("TERM twice", &[over, (5, sent(15)), (6, sent(15))], vec![term, kill]),
        ("other signals", &[over, (5, sent(1))], vec![term]),
    ] {
        assert_eq!(actions(&gentle, events), want, "{name}");
    }
    let rough = Handling { leftovers: Leftovers::Kill, ..plain() };
    assert_eq!(actions(&rough, &[over, (0, Event::Alone)]), [kill, exit]);
    let hopeless: Vec<_> =
        [over].into_iter().chain((1..20).map(|n| (n * 100, Event::Tick))).collect();
    let mut want = vec![kill; usize::from(KILLS)];
    want.push(exit);
    assert_eq!(actions(&rough, &hopeless), want);
}

#[test]
fn expected_exits_become_zero() {
    let handling = Handling { expected: BTreeSet::from([143, 3]), ..plain() };
    let terminated = Event::Reaped(pid(CHILD), Ended::Killed(15));
    for (event, code) in [(terminated, 0), (ended(CHILD, 3), 0), (ended(CHILD, 4), 4)] {
        assert_eq!(actions(&handling, &[(0, event)]), [Action::Exit(code)]);
    }
    let (_, early) = on(State::Starting, sent(15), &handling, Instant::now());
    assert_eq!(early, [Action::Exit(143)], "only the command's own end is expected");
}
