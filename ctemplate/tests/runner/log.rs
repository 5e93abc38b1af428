//! The log's copies.

use super::{DATA, configured, start};

#[tokio::test]
async fn the_log_file_is_renamed_when_it_is_full() {
    let configuration = r#"
        log_level = "info"
        log_file { path = "logs/" log_rotate_bytes = 100 log_rotate_max_files = 2 }
        template { source = "t.hbs" destination = "a" }
        template { source = "t.hbs" destination = "b" }
        template { source = "t.hbs" destination = "c" }
        template { source = "t.hbs" destination = "d" }"#;
    let mut program = configured(&[DATA, ("data", "1")], configuration);
    start(&mut program, &["-once"]);
    assert_eq!(program.exit_code().await, Some(0));
    let last = program.read("logs/ctemplate.log").unwrap();
    assert!(last.contains("File written") && last.contains("file=d"), "{last}");
    let names = std::fs::read_dir(program.path("logs")).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    // Of five lines each fills a file; two old ones stay.
    assert!(names.len() == 3 && names[0].starts_with("ctemplate-"), "{names:?}");
    // Standard error has all of them.
    assert_eq!((program.said("Started"), program.said("File written")), (1, 4));
}

#[tokio::test]
async fn a_log_that_cannot_be_had_is_an_error_at_the_start() {
    for (configuration, want) in [
        ("log_file { path = \"data/log\" }", "error: log file data/log: "),
        ("syslog { facility = \"LOCAL9\" }", "LOCAL9"),
    ] {
        let mut program = configured(&[DATA, ("data", "1")], configuration);
        start(&mut program, &["-once"]);
        assert_eq!(program.exit_code().await, Some(15), "{configuration}");
        assert_eq!(program.said(want), 1, "{:?}", program.read("stderr"));
    }
}
