//! The processes below this one, as `/proc` shows them.

use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Pid, getpid};

/// A process and its parent; one that was adopted has its adopter for a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kin {
    process: Pid,
    parent: Pid,
}

/// All processes below this one, parents before their children, without `except` and what is below that.
///
/// # Errors
///
/// When `/proc` is not there, or shows another PID namespace than the one we are in.
pub(super) fn descendants(except: Option<Pid>) -> io::Result<Vec<Pid>> {
    let shown = fs::read_link("/proc/self")?;
    if shown != Path::new(&getpid().to_string()) {
        return Err(io::Error::other("/proc is that of another PID namespace"));
    }
    let kin: Vec<Kin> =
        fs::read_dir("/proc")?.flatten().filter_map(|entry| kin(&entry.path())).collect();
    Ok(below(getpid(), &kin, except))
}

fn kin(folder: &Path) -> Option<Kin> {
    let process = pid(folder.file_name()?.to_str()?)?;
    // Gone since, or not for us to see.
    let stat = fs::read(folder.join("stat")).ok()?;
    Some(Kin { process, parent: parent(&stat)? })
}

/// `proc_pid_stat(5)`: `pid (name) state ppid …`, where the name may hold anything.
fn parent(stat: &[u8]) -> Option<Pid> {
    let after_name = stat.rsplit(|byte| *byte == b')').next()?;
    let fields = std::str::from_utf8(after_name).ok()?;
    pid(fields.split_whitespace().nth(1)?)
}

fn pid(text: &str) -> Option<Pid> {
    text.parse().ok().and_then(Pid::from_raw)
}

fn below(root: Pid, kin: &[Kin], except: Option<Pid>) -> Vec<Pid> {
    let children = |of: Pid| kin.iter().filter(move |kin| kin.parent == of).map(|kin| kin.process);
    let mut found = vec![];
    let mut next = vec![root];
    while !next.is_empty() {
        next =
            next.iter().flat_map(|of| children(*of)).filter(|one| Some(*one) != except).collect();
        found.extend(&next);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_parent_whatever_the_name() {
        for (stat, want) in [
            ("7 (sh) S 1 7 7 0", Some(1)),
            ("7 (a b) S 12 7 7 0", Some(12)),
            ("7 () 0 R 3) S 4 7 7 0", Some(4)),
            ("1 (init) S 0 1 1 0", None),
            ("", None),
        ] {
            assert_eq!(parent(stat.as_bytes()), want.and_then(Pid::from_raw), "{stat}");
        }
    }

    #[test]
    fn goes_down_from_the_root() {
        let kin: Vec<Kin> = [(2, 1), (3, 1), (4, 2), (5, 4), (6, 3), (8, 7)]
            .map(|(process, parent)| Kin {
                process: Pid::from_raw(process).unwrap(),
                parent: Pid::from_raw(parent).unwrap(),
            })
            .to_vec();
        let of = |root, except: i32| -> Vec<i32> {
            let found = below(Pid::from_raw(root).unwrap(), &kin, Pid::from_raw(except));
            found.into_iter().map(|pid| pid.as_raw_nonzero().get()).collect()
        };
        assert_eq!(of(1, 0), [2, 3, 4, 6, 5]);
        assert_eq!(of(1, 2), [3, 6]);
        assert!(of(8, 0).is_empty());
    }
}
