//! A log file that is renamed from time to time, so that it does not grow for ever.
//!
//! The file has its name at all times. Old ones have the time of their end in theirs, in nanoseconds since 1970:
//! `name-1700000000000000000.log`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When a file is renamed, and how many old ones stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// It would become longer than this many bytes; never when zero.
    pub bytes: u64,
    /// It is as old as this; never when zero.
    pub age: Duration,
    /// How many old ones stay; all when none.
    pub keep: Option<usize>,
}

impl Rotation {
    /// Whether a file of this length and age is full before `more` bytes (pure). An empty one never is.
    fn is_full(&self, length: u64, age: Duration, more: u64) -> bool {
        let is_long = self.bytes > 0 && length.saturating_add(more) > self.bytes;
        let is_old = !self.age.is_zero() && age >= self.age;
        length > 0 && (is_long || is_old)
    }
}

/// The file, open.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    length: u64,
    since: SystemTime,
}

impl LogFile {
    /// Opens a file to add to it, and makes its folder.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append(path)?;
        let metadata = file.metadata()?;
        // Where the file system does not know when a file was made, its age begins with us.
        let since = metadata.created().unwrap_or_else(|_| SystemTime::now());
        Ok(Self { path: path.to_owned(), rotation, file, length: metadata.len(), since })
    }

    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        let stamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let (stem, end) = parts(&self.path);
        fs::rename(&self.path, self.path.with_file_name(format!("{stem}-{stamp}{end}")))?;
        self.file = append(&self.path)?;
        (self.length, self.since) = (0, now);
        self.drop_old()
    }

    fn drop_old(&self) -> io::Result<()> {
        let Some(keep) = self.rotation.keep else { return Ok(()) };
        let folder = self.path.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
        let names = fs::read_dir(folder)?.flatten().map(|entry| entry.file_name());
        let names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
        for name in too_many(&self.path, names, keep) {
            fs::remove_file(folder.join(name))?;
        }
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = SystemTime::now();
        let age = now.duration_since(self.since).unwrap_or_default();
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.rotation.is_full(self.length, age, more) {
            // Where it cannot be renamed it grows: a long log is better than none.
            drop(self.rotate(now));
        }
        let written = self.file.write(bytes)?;
        self.length = self.length.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// A file's name before and from its last dot.
fn parts(path: &Path) -> (String, String) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let end = path.extension().map(|end| format!(".{}", end.to_string_lossy()));
    (stem, end.unwrap_or_default())
}

/// Of these names those of old files, but for the newest (pure).
fn too_many(path: &Path, names: Vec<String>, keep: usize) -> Vec<String> {
    let (stem, end) = parts(path);
    let stamp = |name: &str| -> Option<u128> {
        let rest = name.strip_prefix(&stem)?.strip_prefix('-')?;
        rest.strip_suffix(&end)?.parse().ok()
    };
    let mut old: Vec<_> =
        names.into_iter().filter_map(|name| Some((stamp(&name)?, name))).collect();
    old.sort();
    old.truncate(old.len().saturating_sub(keep));
    old.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_full_when_it_is_long_or_old() {
        let hour = Duration::from_hours(1);
        let rotation = |bytes, age| Rotation { bytes, age, keep: None };
        for (rotation, length, age, more, want) in [
            (rotation(10, Duration::ZERO), 5, hour, 5, false),
            (rotation(10, Duration::ZERO), 5, hour, 6, true),
            (rotation(10, Duration::ZERO), 0, hour, 60, false),
            (rotation(0, hour), 1_000_000, hour / 2, 1, false),
            (rotation(0, hour), 1, hour, 1, true),
            (rotation(0, Duration::ZERO), 1_000_000, hour, 1, false),
        ] {
            assert_eq!(rotation.is_full(length, age, more), want, "{rotation:?} {length} {more}");
        }
    }

    #[test]
    fn only_old_files_are_too_many() {
        let names = || {
            let names =
                ["a.log", "a-3.log", "a-20.log", "a-1.log", "a-x.log", "ab-1.log", "a-1.txt"];
            names.map(str::to_owned).to_vec()
        };
        let path = Path::new("/var/log/a.log");
        assert_eq!(too_many(path, names(), 1), ["a-1.log", "a-3.log"]);
        assert_eq!(too_many(path, names(), 0), ["a-1.log", "a-3.log", "a-20.log"]);
        assert!(too_many(path, names(), 3).is_empty());
    }

    #[test]
    fn lines_go_on_in_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a.log");
        let rotation = Rotation { bytes: 8, age: Duration::ZERO, keep: Some(1) };
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            // Opened anew each time, as after a restart.
            LogFile::open(&path, rotation).unwrap().write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
        let entries = fs::read_dir(path.parent().unwrap()).unwrap().flatten();
        let mut texts: Vec<_> =
            entries.map(|entry| fs::read_to_string(entry.path()).unwrap()).collect();
        texts.sort();
        assert_eq!(texts, ["four\n", "three\n"]);
    }
}
