//! Commands after files.

use rustix::process::Signal;

use super::{DATA, NOWHERE, configured, start, write};

#[tokio::test]
async fn one_command_of_several_files_runs_once_for_a_change() {
    // The second file comes half a second after the first, whose command waits for it.
    let configuration = r#"
        template { source = "t.hbs" destination = "first" command = "echo >> ran" }
        template { source = "t.hbs" destination = "second" command = "echo >> ran" wait = "500ms:5s" }
        template { source = "t.hbs" destination = "third" command = "cat second >> other" }"#;
    let mut program = configured(&[DATA, ("data", "1")], configuration);
    start(&mut program, &[]);
    program.becomes("other", "1").await;
    program.becomes("ran", "\n").await;
    for (round, data) in [(2, "2"), (3, "3")] {
        write(&program, "data", data);
        // Another command does not wait.
        super::fixture::eventually("the other command", || {
            program.read("other").unwrap_or_default().len() == round
        })
        .await;
        program.becomes("second", data).await;
        super::fixture::eventually("the command", || program.lines("ran") >= round).await;
    }
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    assert_eq!(program.lines("ran"), 3);
}

#[tokio::test]
async fn a_failing_command_is_repeated_and_the_file_stays() {
    let configuration = r#"
        consul { retry { backoff = "10ms" max_backoff = "20ms" } }
        template { source = "t.hbs" destination = "out" command = "echo >> tried; test -e ready" on_error = "retry" }"#;
    let mut program = configured(&[DATA, ("data", "1"), ("out", "0")], configuration);
    start(&mut program, &[]);
    super::fixture::eventually("three attempts", || program.lines("tried") >= 3).await;
    assert_eq!(program.read("out").as_deref(), Some("1"));
    write(&program, "ready", "");
    program.says("Command succeeded").await;
    program.says("Template works again").await;
    assert_eq!(program.said("Template failed"), 1);
}

#[tokio::test]
async fn a_command_knows_where_consul_is() {
    let configuration = r#"
        consul { token = "s3cr3t" }
        template {
            source = "t.hbs" destination = "out"
            exec {
                command = ["sh", "-c", "echo $CONSUL_HTTP_ADDR $CONSUL_HTTP_TOKEN $CONSUL_HTTP_SSL $A $HOME > ran"]
                env { custom = ["A=1"] denylist = ["HO?E"] }
            }
        }"#;
    let mut program = configured(&[DATA, ("data", "1")], configuration);
    start(&mut program, &["-once", "-log-level", "trace"]);
    assert_eq!(program.exit_code().await, Some(0));
    assert_eq!(program.read("ran"), Some(format!("{NOWHERE} s3cr3t false 1\n")));
    assert_eq!(program.said("s3cr3t"), 0);
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_killed() {
    let configuration = r#"
        template { source = "t.hbs" destination = "out" command = "sleep 1000; true" command_timeout = "200ms" }"#;
    let mut program = configured(&[DATA, ("data", "1")], configuration);
    start(&mut program, &["-once"]);
    assert_eq!(program.exit_code().await, Some(14));
    assert_eq!(program.said("took longer than 0.2 s and was killed"), 2);
}
