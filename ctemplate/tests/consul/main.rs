//! The program beside a real Consul, and beside what pretends to be one.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::process::Signal;

#[expect(dead_code, reason = "the tests of how the program runs use the rest")]
mod fixture;

use fixture::{Consul, Liar, Program, eventually};

const KEY: (&str, &str) = ("t.hbs", "{{key \"a\"}}");
/// Shows that a change has arrived, also when another template's file stays as it was.
const SEEN: (&str, &str) = ("seen.hbs", "{{keyOrDefault \"a\" \"\"}}{{keyOrDefault \"b\" \"\"}}");

#[tokio::test]
async fn a_file_follows_keys_and_instances() {
    let text = "{{keyOrDefault \"a\" \"-\"}}{{#each (services)}}{{#each (service (print \"blue.\" Name))}} {{ID}}@{{Address}}{{/each}}{{/each}}";
    let (consul, mut program) = (Consul::start().await, Program::new(&[("t.hbs", text)]));
    program.start(&consul.address(), &["-template", "t.hbs:out"]);
    program.becomes("out", "-").await;
    consul.put("a", "1").await;
    program.becomes("out", "1").await;
    consul.register("web", "blue", "10.0.0.1", 80).await;
    consul.register("web", "green", "10.0.0.2", 81).await;
    consul.register("db", "blue", "", 82).await;
    // An instance without an address is where its node is.
    let db = format!("1 db:82@{}", consul.ip());
    program.becomes("out", &format!("{db} web:80@10.0.0.1")).await;
    consul.deregister("web:80").await;
    program.becomes("out", &db).await;
    // Consul's answers from a stream look as if it had no leader; taking that for a failure delays every change.
    assert_eq!(program.said("No answer"), 0);
}

#[tokio::test]
async fn a_file_that_would_be_the_same_is_not_written() {
    let same = ("same.hbs", "{{#if (keyExists \"a\")}}same{{/if}}");
    let (consul, mut program) = (Consul::start().await, Program::new(&[same, SEEN]));
    consul.put("a", "1").await;
    program.start(&consul.address(), &["-template", "same.hbs:out", "-template", "seen.hbs:seen"]);
    program.becomes("out", "same").await;
    program.becomes("seen", "1").await;
    let stamp = |program: &Program| {
        let metadata = fs::metadata(program.path("out")).unwrap();
        (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
    };
    let before = stamp(&program);
    consul.put("a", "2").await;
    program.becomes("seen", "2").await;
    assert_eq!(stamp(&program), before);
    eventually("three files are logged", || program.said("File written") == 3).await;
}

#[tokio::test]
async fn a_file_that_fails_its_check_is_not_installed_and_the_log_says_so_once() {
    let text = ("t.hbs", "{{key \"a\"}}{{#if (keyExists \"b\")}}{{/if}}");
    let (consul, mut program) = (Consul::start().await, Program::new(&[text, SEEN]));
    consul.put("a", "good").await;
    let args = ["-check", "! grep bad {}", "-template", "t.hbs:out", "-template", "seen.hbs:seen"];
    // `seen` has the same check, so it shows only what is good.
    program.start(&consul.address(), &args);
    program.becomes("out", "good").await;
    consul.put("a", "bad").await;
    program.says("out: refused by '! grep bad ").await;
    // Changes that leave the refused text as it is are no reason to ask again, or to say it again.
    consul.put("b", "1").await;
    eventually("the other file is refused for both changes", || program.said("seen: refused") == 2)
        .await;
    assert_eq!(program.read("out").as_deref(), Some("good"));
    assert_eq!(program.said("out: refused"), 1);
    consul.put("a", "better").await;
    program.becomes("out", "better").await;
    program.says("Template works again").await;
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test]
async fn the_command_runs_once_for_each_change_of_the_file() {
    let text = ("t.hbs", "{{trimSpace (key \"a\")}}");
    let (consul, mut program) = (Consul::start().await, Program::new(&[text, SEEN]));
    consul.put("a", "1").await;
    let args = ["-template", "t.hbs:out:cat out >> ran; echo >> ran", "-template", "seen.hbs:seen"];
    program.start(&consul.address(), &args);
    program.becomes("ran", "1\n").await;
    consul.put("a", "2").await;
    program.becomes("ran", "1\n2\n").await;
    consul.put("a", "2 ").await;
    program.becomes("seen", "2 ").await;
    consul.put("a", "3").await;
    program.becomes("seen", "3").await;
    program.becomes("ran", "1\n2\n3\n").await;
}

#[tokio::test]
async fn a_command_that_fails_ends_nothing_but_once() {
    let (consul, mut program) = (Consul::start().await, Program::new(&[KEY]));
    consul.put("a", "1").await;
    program.start(&consul.address(), &["-template", "t.hbs:out:echo broken; false"]);
    program.says("exit status: 1: broken").await;
    // There was no file before, so that there is nothing to go back to.
    assert_eq!(program.read("out").as_deref(), Some("1"));
    consul.put("a", "2").await;
    program.says("File restored").await;
    program.becomes("out", "1").await;
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    program.start(&consul.address(), &["-once", "-template", "t.hbs:out:false"]);
    assert_eq!(program.exit_code().await, Some(14));
    assert_eq!(program.read("out").as_deref(), Some("1"));
}

#[tokio::test]
async fn once_waits_for_a_key_and_leaves() {
    let (consul, mut program) = (Consul::start().await, Program::new(&[KEY]));
    program.start(&consul.address(), &["-once", "-template", "t.hbs:out"]);
    program.says("Still waiting for data").await;
    assert_eq!(program.said("kv.get(a)"), 1);
    assert!(program.is_running() && program.read("out").is_none());
    consul.put("a", "1").await;
    assert_eq!(program.exit_code().await, Some(0));
    assert_eq!(program.read("out").as_deref(), Some("1"));
}

#[tokio::test]
async fn dry_prints_and_writes_nothing() {
    let (consul, mut program) = (Consul::start().await, Program::new(&[KEY]));
    consul.put("a", "1\n").await;
    program.start(&consul.address(), &["-dry", "-template", "t.hbs:out:touch ran"]);
    program.becomes("stdout", "> out\n1\n").await;
    consul.put("a", "2\n").await;
    program.becomes("stdout", "> out\n1\n> out\n2\n").await;
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    assert!(program.read("out").is_none() && program.read("ran").is_none());
}

#[tokio::test]
async fn a_consul_that_goes_and_comes_back_is_followed_again() {
    let (mut consul, mut program) = (Consul::start().await, Program::new(&[KEY]));
    for round in 0..20 {
        consul.put("filler", &round.to_string()).await;
    }
    consul.put("a", "1").await;
    program.start(&consul.address(), &["-template", "t.hbs:out"]);
    program.becomes("out", "1").await;
    consul.stop();
    program.says("No answer; the last data stay in use").await;
    // In development mode it has forgotten everything, and its index begins anew.
    consul.start_again().await;
    program.says("All dependencies answer again").await;
    assert!(program.is_running());
    assert_eq!(program.read("out").as_deref(), Some("1"));
    consul.put("a", "2").await;
    program.becomes("out", "2").await;
    assert_eq!(program.said("No answer"), 1);
}

#[tokio::test]
async fn a_burst_of_changes_is_few_files() {
    let (consul, mut program) = (Consul::start().await, Program::new(&[KEY]));
    consul.put("a", "0").await;
    let args = ["-wait", "500ms:20s", "-template", "t.hbs:out:echo >> ran"];
    program.start(&consul.address(), &args);
    program.becomes("out", "0").await;
    for n in 1..=50 {
        consul.put("a", &n.to_string()).await;
    }
    program.becomes("out", "50").await;
    eventually("the command has run for it", || {
        // The first file and another one at least; its line in the log comes after the file itself.
        let written = program.said("File written");
        written >= 2 && program.lines("ran") == written
    })
    .await;
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    assert!((2..=5).contains(&program.lines("ran")), "{} times", program.lines("ran"));
}

#[tokio::test]
async fn signals_end_it_cleanly() {
    let (consul, mut program) = (Consul::start().await, Program::new(&[KEY]));
    consul.put("a", "1").await;
    for (signal, code) in [(Signal::TERM, 0), (Signal::INT, 12)] {
        program.start(&consul.address(), &["-template", "t.hbs:out"]);
        program.says("Started").await;
        program.becomes("out", "1").await;
        program.signal(signal);
        assert_eq!(program.exit_code().await, Some(code), "{signal:?}");
    }
    // Also while it waits for data.
    program.start("127.0.0.1:1", &["-once", "-template", "t.hbs:out"]);
    program.says("No answer").await;
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test]
async fn an_agent_that_answers_nonsense_neither_ends_it_nor_empties_the_file() {
    // Several keys, so that several queries meet the nonsense at a time.
    let text = "{{#each (split \",\" \"a,b,c,d\")}}{{keyOrDefault this \"-\"}}{{/each}}";
    let (liar, mut program) = (Liar::start().await, Program::new(&[("t.hbs", text)]));
    liar.tell("MQ==", 5);
    program.start(&liar.address(), &["-template", "t.hbs:out"]);
    program.becomes("out", "1111").await;
    liar.lie();
    eventually("every lie is told twice", || liar.has_told_every_lie()).await;
    assert!(program.is_running());
    assert_eq!(program.read("out").as_deref(), Some("1111"));
    assert_eq!((program.said("File written"), program.said("No answer")), (1, 1));
    liar.tell("Mg==", 7);
    program.becomes("out", "2222").await;
    program.says("All dependencies answer again").await;
}
