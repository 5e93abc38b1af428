//! How files are written, and when they are not.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::process::Signal;

use super::{DATA, configured, start, write};

#[tokio::test]
async fn a_file_is_written_as_its_template_says() {
    let configuration = r#"
        template { source = "t.hbs" destination = "a/b/out" perms = 0640 backup = true }
        template { source = "t.hbs" destination = "mounted" write = "inplace" }
        template { source = "t.hbs" destination = "absent/out" create_dest_dirs = false }"#;
    let mut program = configured(&[DATA, ("data", "1"), ("mounted", "0")], configuration);
    let inode = fs::metadata(program.path("mounted")).unwrap().ino();
    start(&mut program, &[]);
    program.becomes("a/b/out", "1").await;
    program.becomes("mounted", "1").await;
    let mode = fs::metadata(program.path("a/b/out")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    assert_eq!(fs::metadata(program.path("mounted")).unwrap().ino(), inode);
    program.says("absent/out: No such file or directory").await;
    write(&program, "data", "2");
    program.becomes("a/b/out", "2").await;
    assert_eq!(program.read("a/b/out.bak").as_deref(), Some("1"));
    program.becomes("mounted", "2").await;
    assert_eq!(fs::metadata(program.path("mounted")).unwrap().ino(), inode);
    assert!(program.is_running());
}

#[tokio::test]
async fn a_file_that_would_shrink_too_much_stays() {
    let configuration = r#"template { source = "t.hbs" destination = "out" max_shrink = 50 command = "cat out >> ran" }"#;
    let mut program = configured(&[DATA, ("data", "1234567890")], configuration);
    start(&mut program, &[]);
    program.becomes("ran", "1234567890").await;
    write(&program, "data", "1234");
    program.says("the file would shrink from 10 to 4 bytes, more than the 50 %").await;
    assert_eq!(program.read("out").as_deref(), Some("1234567890"));
    write(&program, "data", "12345");
    program.becomes("out", "12345").await;
    program.says("Template works again").await;
    program.becomes("ran", "123456789012345").await;
    assert_eq!(program.said("would shrink"), 1);
}

#[tokio::test]
async fn a_service_that_lost_its_instances_does_not_empty_the_file() {
    let consul = super::fixture::Consul::start().await;
    consul.register("web", "a", "10.0.0.1", 80).await;
    consul.register("web", "a", "10.0.0.2", 81).await;
    let text = "{{#each (service \"web\")}}{{Address}} {{/each}}";
    let configuration = r#"template { source = "t.hbs" destination = "out" min_instances = 1 }"#;
    let mut program = configured(&[("t.hbs", text)], configuration);
    program.start(&consul.address(), &["-config", "config.hcl"]);
    program.becomes("out", "10.0.0.1 10.0.0.2 ").await;
    consul.deregister("web:80").await;
    program.becomes("out", "10.0.0.2 ").await;
    consul.deregister("web:81").await;
    program.says("health.service(web|passing) has 0 instances, and min_instances is 1").await;
    assert_eq!(program.read("out").as_deref(), Some("10.0.0.2 "));
    consul.register("web", "a", "10.0.0.3", 82).await;
    program.becomes("out", "10.0.0.3 ").await;
}

#[tokio::test]
async fn a_file_is_rolled_back_when_its_command_fails() {
    let configuration =
        r#"template { source = "t.hbs" destination = "out" command = "! grep bad out" }"#;
    let mut program = configured(&[DATA, ("data", "good")], configuration);
    start(&mut program, &[]);
    program.becomes("out", "good").await;
    write(&program, "data", "bad");
    program.says("File restored").await;
    assert_eq!(program.read("out").as_deref(), Some("good"));
    write(&program, "data", "better");
    program.becomes("out", "better").await;
    program.says("Template works again").await;
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    // consul-template's way is that the file stays, and that the program ends.
    let configuration = r#"
        template { source = "t.hbs" destination = "out" command = "! grep bad out" on_error = "exit" }"#;
    let mut program = configured(&[DATA, ("data", "bad"), ("out", "good")], configuration);
    start(&mut program, &[]);
    assert_eq!(program.exit_code().await, Some(14));
    assert_eq!(program.read("out").as_deref(), Some("bad"));
}

#[tokio::test]
async fn a_check_may_be_repeated_until_it_succeeds() {
    let configuration = r#"
        consul { retry { backoff = "10ms" max_backoff = "20ms" } }
        template { source = "t.hbs" destination = "out" check = "test -e ready" on_error = "retry" }"#;
    let mut program = configured(&[DATA, ("data", "1")], configuration);
    start(&mut program, &[]);
    program.says("out: refused by 'test -e ready'").await;
    write(&program, "ready", "");
    program.becomes("out", "1").await;
    program.says("Template works again").await;
    assert_eq!(program.said("refused"), 1);
}
