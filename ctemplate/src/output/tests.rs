use super::*;
use crate::config::settings::Source;

fn destination(path: &Path) -> Destination {
    let template = Template::new(Source::Contents(String::new()));
    Destination::of(&Template { destination: Some(path.to_owned()), ..template }).unwrap()
}

fn install(destination: &Destination, text: &str, check: Option<&str>) -> Result<(), OutputError> {
    let check = check.map(|line| Command::new(line.to_owned()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(destination.install(text, check.as_ref()))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & MODE_BITS
}

#[test]
fn a_file_keeps_its_mode_unless_another_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/out.cfg");
    let mut destination = destination(&path);
    install(&destination, "a", None).unwrap();
    assert_eq!(mode(&path), MODE);
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    install(&destination, "b", None).unwrap();
    assert_eq!((mode(&path), text(&path).as_str()), (0o600, "b"));
    assert_ne!(fs::metadata(&path).unwrap().ino(), inode);
    destination.perms = Some(0o4750);
    install(&destination, "c", None).unwrap();
    assert_eq!(mode(&path), 0o4750);
    destination.perms = Some(0o640);
    destination.settle().unwrap();
    assert_eq!(mode(&path), 0o640);
    assert_eq!(names(&folder.path().join("new")), ["out.cfg"]);
}

#[test]
fn folders_are_made_unless_they_are_not_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut destination = destination(&folder.path().join("a/b/out"));
    for write in [Write::Atomic, Write::InPlace] {
        (destination.create_folders, destination.write) = (false, write);
        let error = install(&destination, "x", None).unwrap_err().to_string();
        assert!(error.contains("a/b/out: No such file"), "{error}");
        destination.create_folders = true;
        install(&destination, "x", None).unwrap();
        fs::remove_dir_all(folder.path().join("a")).unwrap();
    }
}

#[test]
fn a_file_that_fails_its_check_is_not_installed() {
    let folder = tempfile::tempdir().unwrap();
    let mut destination = destination(&folder.path().join("out.cfg"));
    for write in [Write::Atomic, Write::InPlace] {
        destination.write = write;
        install(&destination, "good", Some("grep -q good {}")).unwrap();
        let check = "grep good {} || { echo nothing good; false; }";
        let error = install(&destination, "bad", Some(check)).unwrap_err();
        assert!(error.to_string().ends_with("exit status: 1: nothing good"), "{error}");
        assert_eq!(text(&destination.path), "good");
        assert_eq!(names(folder.path()), ["out.cfg"]);
    }
}

#[test]
fn a_file_written_in_place_stays_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let destination = Destination { write: Write::InPlace, ..destination(&path) };
    install(&destination, "a long text", None).unwrap();
    assert_eq!(mode(&path), MODE);
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    install(&destination, "short", Some("grep short {}")).unwrap();
    assert_eq!((text(&path).as_str(), mode(&path)), ("short", 0o600));
    destination.restore(b"a long text").unwrap();
    assert_eq!(text(&path), "a long text");
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn the_file_before_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    for write in [Write::Atomic, Write::InPlace] {
        let destination = Destination { backup: true, write, ..destination(&path) };
        for new in ["1", "2", "3"] {
            install(&destination, new, None).unwrap();
        }
        assert_eq!(text(&path), "3");
        assert_eq!(text(&folder.path().join("out.bak")), "2");
        destination.restore(b"2").unwrap();
        assert_eq!(text(&path), "2");
    }
    assert_eq!(names(folder.path()), ["out", "out.bak"]);
}

#[test]
fn a_file_goes_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let me = fs::metadata(folder.path()).unwrap();
    // Anyone may give a file to oneself; root may give it to anyone.
    let (uid, gid) = if me.uid() == 0 { (7, 8) } else { (me.uid(), me.gid()) };
    for write in [Write::Atomic, Write::InPlace] {
        let (user, group) = (Some(uid.to_string()), Some(gid.to_string()));
        let destination = Destination { user, group, write, ..destination(&path) };
        let owner = || fs::metadata(&path).map(|it| (it.uid(), it.gid())).unwrap();
        install(&destination, "a", None).unwrap();
        assert_eq!(owner(), (uid, gid));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a").unwrap();
        destination.settle().unwrap();
        assert_eq!(owner(), (uid, gid));
        fs::remove_file(&path).unwrap();
    }
    let destination = Destination { user: Some("nobody-here".to_owned()), ..destination(&path) };
    let error = install(&destination, "a", None).unwrap_err().to_string();
    assert!(error.ends_with("out: there is no user 'nobody-here'"), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_folder_cannot_be_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let destination = destination(folder.path());
    assert!(matches!(install(&destination, "a", None), Err(OutputError::Write { .. })));
}
