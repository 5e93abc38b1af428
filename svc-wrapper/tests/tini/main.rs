//! The PID 1 suite's observations of tini beside those of svc-wrapper, as a table:
//! `cargo test -p svc-wrapper --test tini -- --nocapture`.
//!
//! Asserted is svc-wrapper's column alone; what tini does is printed.

#![cfg(test)]

#[path = "../pid1/init.rs"]
mod init;
#[path = "../pid1/observe.rs"]
mod observe;
#[path = "../pid1/shell.rs"]
mod shell;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use init::{Choice, Init};
use observe::{ECHO, FAMILY};

/// What was seen of both, and what it should be.
#[derive(Clone, Debug)]
struct Row {
    what: &'static str,
    wrapper: String,
    tini: String,
    want: &'static str,
}

fn row(what: &'static str, want: &'static str, see: impl Fn(Init) -> String) -> Row {
    Row { what, want, wrapper: see(Init::Wrapper), tini: see(Init::Tini) }
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn differs_from_tini_where_it_should() {
    let rows = [signals(), codes(), processes(), state(), terminal()].concat();
    println!("{}", table(&rows));
    for Row { what, wrapper, want, .. } in &rows {
        assert_eq!(wrapper, want, "{what}");
    }
}

fn signals() -> Vec<Row> {
    vec![
        row("signals lost on the way, as PID 1, of 59", "none", |init| {
            list(&observe::lost_signals(init.start_as_pid_1(&[], &ECHO)))
        }),
        row("signal reaches", "child", |init| {
            observe::receivers(init.start(&[], &FAMILY)).join(" ")
        }),
        row("signal reaches (-g, --signal-target group)", "child group", |init| {
            observe::receivers(init.start(&[Choice::Group], &FAMILY)).join(" ")
        }),
    ]
}

fn codes() -> Vec<Row> {
    vec![
        row("exit codes changed, of 256", "none", |init| pairs(&observe::changed_exit_codes(init))),
        row("signals without 128+n, of 53", "none", |init| {
            pairs(&observe::changed_death_codes(init))
        }),
        row("no such path, no such name, no program, folder", "127 127 126 126", |init| {
            list(&observe::start_failures(init).map(|code| code.unwrap_or(-1)))
        }),
        row("death by SIGTERM that is expected (-e, --expect-exit 143)", "0", |init| {
            list(&[observe::expected_exit(init).unwrap_or(-1)])
        }),
    ]
}

fn processes() -> Vec<Row> {
    vec![
        row("three hundred orphans, as PID 1", "0 left below 1", |init| observe::zombies(init).0),
        row("adopts orphans when not PID 1 (-s, always)", "yes", |init| yes(observe::adopts(init))),
        row("command dies with its init (-p, --pdeathsig)", "yes", |init| {
            yes(observe::dies_with(init, &[Choice::DeathSignal]))
        }),
    ]
}

fn state() -> Vec<Row> {
    let names = |set: u64| {
        let numbers: Vec<i32> =
            (1..=64).filter(|n| set >> (n - 1) & 1 == 1 && ![32, 33].contains(n)).collect();
        list(&numbers)
    };
    vec![
        row("blocked in the command, where a careless parent blocked 10", "none", |init| {
            names(observe::signal_state(init)[0])
        }),
        row("ignored in the command, where 1 (nohup) and 13 were", "1", |init| {
            names(observe::signal_state(init)[1])
        }),
    ]
}

fn terminal() -> Vec<Row> {
    vec![
        row("Ctrl-Z gives the shell its prompt back", "yes", |init| yes(observe::suspends(init))),
        row("in the background, takes the terminal", "no", |init| {
            yes(observe::steals_terminal(init))
        }),
    ]
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn list(numbers: &[i32]) -> String {
    if numbers.is_empty() {
        return "none".to_owned();
    }
    numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(" ")
}

fn pairs(codes: &BTreeMap<i32, Option<i32>>) -> String {
    list(&codes.keys().copied().collect::<Vec<_>>())
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from("\n| | tini | svc-wrapper | |\n| --- | --- | --- | --- |\n");
    for Row { what, wrapper, tini, .. } in rows {
        let differs = if wrapper == tini { "" } else { "differs" };
        writeln!(text, "| {what} | {tini} | {wrapper} | {differs} |").unwrap();
    }
    text
}
