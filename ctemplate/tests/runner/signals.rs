//! Signals to the program, and those who look after it.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use super::{DATA, configured, start, write};
use crate::fixture::eventually;

#[tokio::test]
async fn signals_that_end_it_end_it() {
    let template = "template { source = \"t.hbs\" destination = \"out\" }";
    for (more, signal, want) in [
        ("", Signal::TERM, 0),
        ("", Signal::INT, 12),
        ("kill_signal = \"SIGQUIT\"", Signal::INT, 0),
        ("kill_signal = \"SIGQUIT\"", Signal::QUIT, 12),
        ("kill_signal = \"SIGTERM\"", Signal::TERM, 12),
    ] {
        let configuration = format!("{template}\n{more}\npid_file = \"pid\"");
        let mut program = configured(&[DATA, ("data", "1")], &configuration);
        start(&mut program, &[]);
        program.becomes("out", "1").await;
        assert!(program.read("pid").is_some());
        program.signal(signal);
        assert_eq!(program.exit_code().await, Some(want), "{more} {signal:?}");
        assert!(program.read("pid").is_none());
    }
}

#[tokio::test]
async fn other_signals_do_nothing() {
    let configuration = "template { source = \"t.hbs\" destination = \"out\" }";
    let mut program = configured(&[DATA, ("data", "1")], configuration);
    start(&mut program, &[]);
    program.becomes("out", "1").await;
    for signal in [Signal::USR1, Signal::USR2, Signal::QUIT, Signal::ALARM, Signal::WINCH] {
        program.signal(signal);
    }
    write(&program, "data", "2");
    program.becomes("out", "2").await;
    assert!(program.is_running());
}

#[tokio::test]
async fn a_reload_reads_everything_again_and_keeps_the_child() {
    let configuration = |destination: &str| {
        format!(
            "template {{ source = \"t.hbs\" destination = \"{destination}\" }}
            exec {{ command = \"echo $$ >> starts; while :; do sleep 0.02; done\" reload_signal = \"SIGWINCH\" }}"
        )
    };
    let mut program = configured(&[DATA, ("data", "1")], &configuration("out"));
    start(&mut program, &[]);
    eventually("the child has started", || program.lines("starts") == 1).await;
    write(&program, "t.hbs", "new {{file \"data\"}}");
    write(&program, "config.hcl", &configuration("other"));
    program.signal(Signal::HUP);
    program.becomes("other", "new 1").await;
    assert_eq!(program.read("out").as_deref(), Some("1"));
    assert_eq!(program.lines("starts"), 1);
    assert!(program.is_running());
}

#[tokio::test]
async fn a_reload_of_what_is_wrong_changes_nothing() {
    let configuration = "template { source = \"t.hbs\" destination = \"out\" }";
    let mut program = configured(&[DATA, ("data", "1")], configuration);
    start(&mut program, &[]);
    program.becomes("out", "1").await;
    write(&program, "config.hcl", "template {");
    program.signal(Signal::HUP);
    program.says("The old configuration stays").await;
    program.says("config.hcl:1:").await;
    write(&program, "config.hcl", configuration);
    write(&program, "t.hbs", "{{#if}}");
    program.signal(Signal::HUP);
    program.says("t.hbs:1:").await;
    write(&program, "data", "2");
    program.becomes("out", "2").await;
    assert!(program.is_running());
}

#[tokio::test]
async fn the_service_manager_hears_when_everything_is_rendered() {
    let configuration = "template { source = \"t.hbs\" destination = \"out\" }";
    let mut program = configured(&[DATA, ("data", "1")], configuration);
    let manager = UnixDatagram::bind(program.path("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    program.variable("NOTIFY_SOCKET", program.path("notify").to_str().unwrap());
    start(&mut program, &[]);
    let heard = || {
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert!(heard().starts_with("READY=1"));
    assert_eq!(program.read("out").as_deref(), Some("1"));
    program.signal(Signal::TERM);
    assert_eq!(heard(), "STOPPING=1");
    assert_eq!(program.exit_code().await, Some(0));
}
