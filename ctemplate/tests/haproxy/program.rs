//! The program as a whole: a template that prints a file, and the HAProxy that follows.

use std::collections::BTreeMap;

use ctemplate::haproxy::driver::socket::Socket;
use integration::rig::haproxy::Haproxy;
use integration::rig::network::Network;
use rustix::process::Signal;

use crate::fixture::{Program, eventually};
use crate::running;
use crate::site::Site;

/// An address where nobody answers: what changes is a file.
const NOWHERE: &str = "127.0.0.1:1";
/// What HAProxy does not load, though it is well-formed for us.
const BAD: &str = "backend bad\n  no such line\n";

/// A site, a HAProxy that runs it, and the program in its folder.
struct Fixture {
    haproxy: Haproxy,
    site: Site,
    program: Program,
    _network: Network,
}

impl Fixture {
    async fn start(configuration: impl Fn(&Haproxy) -> String) -> Self {
        let network = Network::claim().unwrap();
        let mut site = Site::new(&network);
        site.services.insert(0, BTreeMap::from([(0, 1)]));
        let mut haproxy = Haproxy::reserve().unwrap();
        let text = site.text(&haproxy.socket());
        haproxy.configure(&text).unwrap();
        haproxy.start().await.unwrap();
        let program = Program::new(&[
            ("t.hbs", "{{file \"data\"}}"),
            ("data", &text),
            ("config.hcl", &configuration(&haproxy)),
        ]);
        Self { haproxy, site, program, _network: network }
    }

    fn text(&self) -> String {
        self.site.text(&self.haproxy.socket())
    }

    /// What the template prints from now on.
    fn write(&self) {
        let new = self.program.path("new");
        std::fs::write(&new, self.text()).unwrap();
        std::fs::rename(new, self.program.path("data")).unwrap();
    }

    /// Gives a service one more server.
    fn add(&mut self, service: u16, number: u16) {
        self.site.services.get_mut(&service).unwrap().insert(number, 3);
        self.write();
    }

    /// Waits until the program has told HAProxy something. It cannot know what was loaded by a process of the same second
    /// as its file, so it may begin with a reload.
    async fn begins(&self) {
        let program = &self.program;
        let has_begun = || program.said("HAProxy reloaded") + program.said("new servers") > 0;
        eventually("it says so", has_begun).await;
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.haproxy.config_path()).unwrap()
    }

    /// Waits until the process has what the site has.
    async fn follows(&self) {
        let wanted: Vec<_> = self.site.wanted().into_keys().collect();
        let socket = self.haproxy.socket();
        crate::eventually_true("HAProxy follows", crate::PATIENCE, async || {
            running(&socket).await.into_keys().collect::<Vec<_>>() == wanted
        })
        .await;
    }
}

fn section(haproxy: &Haproxy) -> String {
    format!(
        "template {{ source = \"t.hbs\" destination = {:?}
          haproxy {{ socket = {:?} master_socket = {:?} reload_interval = \"50ms\" }} }}",
        haproxy.config_path(),
        haproxy.socket(),
        haproxy.master_socket()
    )
}

#[tokio::test]
async fn haproxy_follows_what_is_rendered() {
    let mut fixture = Fixture::start(section).await;
    fixture.program.start(NOWHERE, &["-config", "config.hcl"]);
    fixture.add(0, 1);
    fixture.follows().await;
    fixture.begins().await;
    let reloads = fixture.program.said("HAProxy reloaded");
    fixture.add(0, 2);
    fixture.follows().await;
    assert_eq!(fixture.program.said("HAProxy reloaded"), reloads);
    fixture.site.services.insert(1, BTreeMap::from([(0, 1)]));
    fixture.write();
    fixture.follows().await;
    fixture.program.says("reason=\"frontend in:1 is new\"").await;
    assert_eq!(fixture.program.said("HAProxy reloaded"), reloads + 1);

    // Neither a file that is refused nor what changes beside it keeps servers from coming and going.
    let good = fixture.file();
    BAD.clone_into(&mut fixture.site.extra);
    fixture.write();
    fixture.program.says("File restored").await;
    assert_eq!(fixture.file(), good);
    fixture.site.services.get_mut(&1).unwrap().insert(5, 1);
    fixture.write();
    fixture.follows().await;
    fixture.site.extra.clear();
    let want = fixture.text();
    eventually("the file has it too", || fixture.file() == want).await;
    assert_eq!(fixture.program.said("Template failed"), 1);
    assert_eq!(fixture.program.said("Template works again"), 0);
    fixture.write();
    fixture.program.says("Template works again").await;

    // A configuration that is read again is no reason to forget what HAProxy has loaded.
    fixture.program.signal(Signal::HUP);
    fixture.program.says("Configuration read again").await;
    fixture.site.services.get_mut(&1).unwrap().remove(&0);
    fixture.write();
    fixture.follows().await;
    assert_eq!(fixture.program.said("HAProxy reloaded"), reloads + 1);
}

#[tokio::test]
async fn haproxy_is_told_before_the_file_is_checked() {
    // The check waits until it is told to go on, and then refuses every file while there is `no`.
    let check = "until [ -e go ] || [ -e no ]; do sleep 0.02; done; ! [ -e no ]";
    let check = format!("check = {check:?}\n haproxy {{");
    let configuration = |haproxy: &_| section(haproxy).replace("haproxy {", &check);
    let mut fixture = Fixture::start(configuration).await;
    let (go, no) = (fixture.program.path("go"), fixture.program.path("no"));
    std::fs::write(&go, "").unwrap();
    fixture.program.start(NOWHERE, &["-config", "config.hcl"]);
    fixture.add(0, 1);
    fixture.follows().await;
    fixture.begins().await;
    std::fs::remove_file(&go).unwrap();
    let (old, file) = (fixture.site.clone(), fixture.file());
    fixture.add(0, 2);
    fixture.follows().await;
    assert_eq!(fixture.file(), file);
    std::fs::write(&no, "").unwrap();
    fixture.program.says("refused by").await;
    let asked = std::mem::replace(&mut fixture.site, old);
    fixture.follows().await;
    assert_eq!(fixture.file(), file);
    // What is accepted stays.
    std::fs::remove_file(&no).unwrap();
    fixture.site = asked;
    fixture.add(0, 3);
    fixture.follows().await;
    assert_eq!(fixture.file(), file);
    std::fs::write(&go, "").unwrap();
    let want = fixture.text();
    eventually("the file has it too", || fixture.file() == want).await;
    fixture.program.says("Template works again").await;
    fixture.follows().await;
}

#[tokio::test]
async fn a_haproxy_that_follows_says_nothing_of_a_template_that_fails() {
    let mut fixture = Fixture::start(section).await;
    let (template, list) = (fixture.program.path("t.hbs"), fixture.program.path("list"));
    let text = "{{file \"data\"}}{{#each (parseJSON (file \"list\"))}}{{/each}}";
    std::fs::write(template, text).unwrap();
    std::fs::write(&list, "[]").unwrap();
    fixture.program.start(NOWHERE, &["-config", "config.hcl"]);
    fixture.add(0, 1);
    fixture.follows().await;
    fixture.begins().await;
    fixture.site.services.insert(0, BTreeMap::from([(1, 3)]));
    fixture.write();
    fixture.follows().await;
    std::fs::write(&list, "no list").unwrap();
    fixture.program.says("Template failed").await;
    // What is gone is deleted, and so HAProxy was looked at.
    let socket = Socket::new(fixture.haproxy.socket());
    let wanted = fixture.site.wanted().len();
    let is_idle = async || socket.read().await.unwrap().servers.len() == wanted;
    crate::eventually_true("the server is deleted", crate::PATIENCE, is_idle).await;
    assert_eq!(fixture.program.said("Template works again"), 0);
    std::fs::write(&list, "[]").unwrap();
    fixture.program.says("Template works again").await;
}

#[tokio::test]
async fn the_command_is_for_what_haproxy_cannot_be_told() {
    let mut fixture = Fixture::start(|_| String::new()).await;
    let program = env!("CARGO_BIN_EXE_ctemplate");
    let (path, socket) = (fixture.haproxy.config_path(), fixture.haproxy.socket());
    let master = fixture.haproxy.master_socket();
    let template = format!(
        "t.hbs:{}:echo >> reloads; {program} -reload-haproxy {}",
        path.display(),
        master.display()
    );
    let socket = socket.to_str().unwrap().to_owned();
    let args = ["-once", "-haproxy-socket", &socket, "-template", &template];
    fixture.site.services.insert(1, BTreeMap::from([(3, 1)]));
    fixture.write();
    fixture.program.start(NOWHERE, &[&["-dry"], &args[..]].concat());
    assert_eq!(fixture.program.exit_code().await, Some(0));
    assert_eq!(fixture.program.lines("reloads"), 0);
    fixture.program.start(NOWHERE, &args);
    assert_eq!(fixture.program.exit_code().await, Some(0));
    fixture.follows().await;
    assert_eq!(fixture.program.lines("reloads"), 1);
    BAD.clone_into(&mut fixture.site.extra);
    let good = fixture.file();
    fixture.write();
    fixture.program.start(NOWHERE, &args);
    assert_eq!(fixture.program.exit_code().await, Some(14));
    // Where it is known what HAProxy has loaded, that is what comes back.
    assert_eq!(fixture.file(), good);
}

#[tokio::test]
async fn a_file_is_ready_for_a_haproxy_that_comes_later() {
    let mut fixture = Fixture::start(section).await;
    fixture.haproxy.kill();
    fixture.site.services.insert(1, BTreeMap::from([(3, 1)]));
    fixture.write();
    fixture.program.start(NOWHERE, &["-config", "config.hcl"]);
    fixture.program.says("HAProxy does not answer").await;
    assert_eq!(fixture.file(), fixture.text());
    fixture.haproxy.start().await.unwrap();
    fixture.program.says("Template works again").await;
    fixture.follows().await;
    fixture.site.services.get_mut(&1).unwrap().insert(4, 1);
    fixture.write();
    fixture.follows().await;
    // Once is now or never.
    fixture.haproxy.kill();
    fixture.site.services.get_mut(&1).unwrap().insert(5, 1);
    fixture.write();
    fixture.program.signal(Signal::TERM);
    assert_eq!(fixture.program.exit_code().await, Some(0));
    fixture.program.start(NOWHERE, &["-once", "-config", "config.hcl"]);
    assert_eq!(fixture.program.exit_code().await, Some(14));
}

#[test]
fn a_section_belongs_to_one_template() {
    let template = "template { source = \"t.hbs\" destination = \"out\" command = \"true\" ";
    let one = "haproxy { socket = \"s\" }";
    for (configuration, want) in [
        (format!("{one} {template} }}"), ""),
        (format!("{one} {template} {one} }}"), ""),
        (format!("{template} {one} }} {template} {one} }}"), ""),
        (format!("{one} {template} }} {template} }}"), "haproxy: there are 2 templates"),
        (
            "template { source = \"t.hbs\" destination = \"out\" haproxy { socket = \"s\" } }"
                .to_owned(),
            "haproxy needs a master_socket",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.hbs"), "x").unwrap();
        std::fs::write(folder.path().join("c.hcl"), &configuration).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ctemplate"));
        command.current_dir(folder.path()).args(["-config", "c.hcl", "-parse-only"]);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), want.is_empty(), "{configuration}: {error}");
        assert!(error.contains(want), "{configuration}: {error}");
    }
}
