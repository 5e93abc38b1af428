//! Settings, as consul-template 0.41.1 understands them and as ours does.
//!
//! Both programs get the same file, flags and variables. At level debug both log the settings that come out; those of
//! consul-template are translated and compared as a whole. Ours first gets a file with the switches that bring back
//! consul-template's defaults, so that those are compared too. What one of them refuses the other must refuse with the same
//! exit code, but for the cases in `DIFFERENT`.

#![cfg(test)]

mod cases;
mod original;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use integration::rig::component;
use serde_json::Value;

use cases::{ACCEPTED, Case, DIFFERENT, REFUSED};

/// What brings consul-template's defaults back.
const RESTORE: &str = "consul { retry { attempts = 12 } }\ntemplate_error_fatal = true\n";

/// What became of a case: the settings, or the exit code.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Settings(Value),
    Exit(Option<i32>),
}

impl Outcome {
    /// The exit code, which is 0 for settings that are shown.
    const fn code(&self) -> Option<i32> {
        match self {
            Self::Settings(_) => Some(0),
            Self::Exit(code) => *code,
        }
    }
}

/// Runs one of the programs until it shows its settings, or ends.
fn outcome(command: &mut Command, shown: impl Fn(&str) -> Option<Value>) -> Outcome {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let settings = lines.map(Result::unwrap).find_map(|line| shown(&line));
    if settings.is_some() {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    settings.map_or(Outcome::Exit(status.code()), Outcome::Settings)
}

fn command(program: &Path, folder: &Path, case: &Case) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("HOME", folder).env("PATH", "/usr/bin:/bin");
    command.envs(case.env.iter().copied()).args(["-dry", "-parse-only", "-log-level=debug"]);
    command
}

/// A folder with what the cases name.
fn folder(case: &Case) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("in.hbs", "x");
    write("restore", RESTORE);
    write("case", case.file);
    write("folder/a.hcl", "pid_file = \"a\" template { source = \"in.hbs\" destination = \"a\" }");
    write(
        "folder/b/c.json",
        "{\"pid_file\": \"c\", \"template\": {\"source\": \"in.hbs\", \"destination\": \"c\"}}",
    );
    write(
        "folder/b.hcl",
        "max_stale = \"7s\" template { source = \"in.hbs\" destination = \"b\" }",
    );
    let pem = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/localhost.pem");
    fs::copy(pem, folder.path().join("me.pem")).unwrap();
    folder
}

fn of_original(program: &Path, case: &Case) -> Outcome {
    let folder = folder(case);
    let mut command = command(program, folder.path(), case);
    if !case.file.is_empty() {
        command.args(["-config", "case"]);
    }
    let shown = |line: &str| {
        let (_, json) = line.split_once("final config: ")?;
        Some(original::translated(&serde_json::from_str(json).unwrap()))
    };
    outcome(command.args(case.args), shown)
}

fn of_ours(case: &Case) -> Outcome {
    let folder = folder(case);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_ctemplate"));
    let mut command = command(&program, folder.path(), case);
    command.args(["-log-format=json", "-config", "restore"]);
    if !case.file.is_empty() {
        command.args(["-config", "case"]);
    }
    let shown = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let settings =
            line["settings"].as_str().filter(|_| line["message"] == "Final configuration")?;
        Some(original::without_ours(serde_json::from_str(settings).unwrap()))
    };
    outcome(command.args(case.args), shown)
}

/// Both outcomes of each case; several run at once.
fn outcomes(cases: &[Case]) -> Vec<(Outcome, Outcome)> {
    let original = component::consul_template().unwrap();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let index = cases.iter().position(|it| std::ptr::eq(it, case)).unwrap();
            done.push((index, (of_original(&original, case), of_ours(case))));
        }
        done
    };
    let done: BTreeMap<_, _> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    done.into_values().collect()
}

#[test]
fn settings_come_out_alike() {
    let mut wrong = Vec::new();
    for (case, (want, got)) in ACCEPTED.iter().zip(outcomes(ACCEPTED)) {
        assert!(matches!(want, Outcome::Settings(_)), "consul-template refuses {case:?}: {want:?}");
        if want != got {
            wrong.push(format!("{case:?}\n{}", difference(&want, &got)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ACCEPTED.len(), wrong.join("\n"));
}

#[test]
fn what_is_wrong_is_refused_alike() {
    let mut wrong = Vec::new();
    for (case, (want, got)) in REFUSED.iter().zip(outcomes(REFUSED)) {
        let (want, got) = (want.code(), got.code());
        if want != got || !matches!(want, Some(13..=15)) {
            wrong.push(format!("{case:?}: {want:?}, ours {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), REFUSED.len(), wrong.join("\n"));
}

#[test]
fn where_they_differ_is_known() {
    let cases: Vec<_> = DIFFERENT.iter().map(|(case, ..)| *case).collect();
    for ((case, theirs, ours), (want, got)) in DIFFERENT.iter().zip(outcomes(&cases)) {
        assert_eq!((want.code(), got.code()), (Some(*theirs), Some(*ours)), "{case:?}");
    }
}

#[test]
fn there_are_enough_cases() {
    let count = ACCEPTED.len() + REFUSED.len() + DIFFERENT.len();
    assert!(count >= 150, "{count}");
}

fn difference(want: &Outcome, got: &Outcome) -> String {
    let lines = |outcome: &Outcome| match outcome {
        Outcome::Settings(settings) => serde_json::to_string_pretty(settings).unwrap(),
        Outcome::Exit(code) => format!("exit {code:?}"),
    };
    similar::TextDiff::from_lines(&lines(want), &lines(got))
        .unified_diff()
        .context_radius(1)
        .to_string()
}
