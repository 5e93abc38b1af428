//! What a process does not tell, as far as it is known (pure, but for reading the file).
//!
//! A process says which servers it has, and nothing of its other lines. It has those of the file if it began after the file
//! was last changed, or after it was told to load it; or those of an earlier file, if it began before that was changed.
//! Times are whole seconds, as HAProxy gives them: of the same second, nothing follows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::DriveError;
use super::configuration::{Configuration, Place};
use super::difference;
use super::process::{Process, Scope};

/// How long a file is not tried again that differs from a refused one in nothing but servers.
const REFUSAL: Duration = Duration::from_mins(1);

/// A file as it was read.
#[derive(Debug)]
pub(super) struct File {
    /// What it holds.
    pub(super) text: String,
    /// What that means.
    pub(super) configuration: Arc<Configuration>,
    /// When it became so, in seconds since 1970. A rename counts.
    changed: u64,
}

/// What tells one process from another, also where ids come back, as in a container: its id, and when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its id.
    pub(super) pid: u32,
    /// In seconds since 1970.
    started: Option<u64>,
}

/// What is known of the process that ran last.
#[derive(Debug, Default)]
pub(super) struct Memory {
    loaded: Option<Loaded>,
    /// Servers that are no longer in the file, but still in the process.
    resting: BTreeMap<Place, Resting>,
    /// The file before we changed it first, and when that was.
    earlier: Option<(File, u64)>,
    /// The text of the last reload after which nobody could be asked, and when it was.
    told: Option<(String, u64)>,
    refusal: Option<Refusal>,
}

/// A process, and the file it has loaded, or one that differs from that in servers it was told.
#[derive(Debug)]
struct Loaded {
    process: Identity,
    configuration: Arc<Configuration>,
}

#[derive(Debug)]
struct Resting {
    since: Instant,
    /// What it was configured with.
    keywords: Vec<String>,
}

/// A file that HAProxy did not load.
#[derive(Debug)]
struct Refusal {
    configuration: Arc<Configuration>,
    error: String,
    until: Instant,
}

impl File {
    /// Reads a file, after the one that was read last.
    pub(super) fn read(path: &Path, last: Option<&Self>) -> io::Result<Self> {
        // In this order a change in between makes the file look younger than it is, and so not as loaded.
        let bytes = fs::read(path)?;
        let changed = u64::try_from(fs::metadata(path)?.ctime()).unwrap_or(u64::MAX);
        let text = String::from_utf8(bytes);
        let text = text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into());
        Ok(Self { changed, ..Self::unwritten(text, last) })
    }

    /// A file that is still to be written.
    pub(super) fn unwritten(text: String, last: Option<&Self>) -> Self {
        let configuration = match last {
            Some(last) if last.text == text => Arc::clone(&last.configuration),
            Some(last) => Configuration::parse_after(&text, &last.configuration).into(),
            None => Configuration::parse(&text).into(),
        };
        Self { text, configuration, changed: u64::MAX }
    }
}

impl Identity {
    pub(super) const fn of(process: &Process) -> Self {
        Self { pid: process.pid, started: process.started }
    }
}

/// Seconds since 1970.
pub(super) fn clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl Memory {
    /// The file is about to change.
    pub(super) fn prepare(&mut self, path: &Path) {
        if self.loaded.is_none() && self.earlier.is_none() {
            self.earlier = File::read(path, None).ok().map(|file| (file, clock()));
        }
    }

    /// Whether this is the process that it is about.
    pub(super) fn knows(&self, process: Identity) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| loaded.process == process)
    }

    /// Forgets what was known of another process.
    pub(super) fn recognise(&mut self, process: Identity, file: &File) {
        if self.knows(process) {
            return;
        }
        let told = self.told.as_ref().filter(|(text, _)| *text == file.text);
        let is_told = |started| told.is_some_and(|(_, at)| started >= *at);
        let configuration = process.started.and_then(|started| {
            if started > file.changed || is_told(started) {
                return Some(&file.configuration);
            }
            let (earlier, until) = self.earlier.as_ref()?;
            (started > earlier.changed && started < *until).then_some(&earlier.configuration)
        });
        self.loaded = configuration
            .map(|configuration| Loaded { process, configuration: Arc::clone(configuration) });
        self.resting.clear();
    }

    /// The process has all of the file.
    pub(super) fn follows(&mut self, process: Identity, file: &File) {
        self.loaded = Some(Loaded { process, configuration: Arc::clone(&file.configuration) });
        (self.earlier, self.told) = (None, None);
    }

    /// A process has loaded the file when it was told to, at this second; which one, is known if it answers.
    pub(super) fn has_reloaded(&mut self, process: Option<Identity>, file: &File, at: u64) {
        match process {
            Some(process) => self.follows(process, file),
            None => self.told = Some((file.text.clone(), at)),
        }
        self.resting.clear();
        self.refusal = None;
    }

    /// Whether there is nothing in the file that the last process did not have.
    pub(super) fn has(&self, file: &File) -> bool {
        let is_loaded = |loaded: &Loaded| loaded.configuration == file.configuration;
        match &self.told {
            Some((text, _)) => *text == file.text,
            None => self.loaded.as_ref().is_some_and(is_loaded),
        }
    }

    /// The file that the process has, but for servers; none when it is not known.
    pub(super) fn loaded(&self) -> Option<Arc<Configuration>> {
        self.loaded.as_ref().map(|loaded| Arc::clone(&loaded.configuration))
    }

    /// Why the process has to load the file.
    pub(super) fn reload_reason(&self, file: &File) -> Option<String> {
        let Some(loaded) = &self.loaded else {
            return Some("it is not known what HAProxy has loaded".to_owned());
        };
        let resting = self.resting.iter().map(|(place, it)| (place.clone(), it.keywords.clone()));
        let resting = resting.collect();
        difference::reload_reason(&loaded.configuration, &file.configuration, &resting)
    }

    /// The servers that there is something to do about: those of backends that have changed, or where one rests for
    /// `enough`. None when it is not known.
    pub(super) fn affected(&self, file: &File, now: Instant, enough: Duration) -> Option<Scope> {
        let loaded = self.loaded.as_ref()?;
        let changed = difference::changed_backends(&loaded.configuration, &file.configuration);
        let over = self.resting.iter().filter(|(_, it)| it.since + enough <= now);
        let over = over.map(|(place, _)| place.backend.clone());
        Some(Scope::of(changed.into_iter().chain(over).collect()))
    }

    /// Notes which servers rest, as far as a process was asked for them: those that rest for `enough`.
    pub(super) fn rest(
        &mut self,
        places: BTreeSet<Place>,
        scope: &Scope,
        now: Instant,
        enough: Duration,
    ) -> Vec<Place> {
        let known = std::mem::take(&mut self.resting).into_iter();
        let is_seen = |place: &Place| scope.covers(&place.backend);
        let (mut known, unseen) = known.partition::<BTreeMap<_, _>, _>(|(place, _)| is_seen(place));
        self.resting = unseen;
        let loaded = self.loaded();
        let keywords = |place: &Place| Some(loaded.as_ref()?.server(place)?.keywords.clone());
        for place in places {
            let begins = || Resting { since: now, keywords: keywords(&place).unwrap_or_default() };
            let resting = known.remove(&place).unwrap_or_else(begins);
            self.resting.insert(place, resting);
        }
        let is_over = |(place, it): &(&Place, &Resting)| is_seen(place) && it.since + enough <= now;
        self.resting.iter().filter(is_over).map(|(place, _)| place.clone()).collect()
    }

    /// How many servers rest.
    pub(super) fn resting(&self) -> usize {
        self.resting.len()
    }

    /// Since when the last of them does.
    pub(super) fn resting_since(&self) -> Option<Instant> {
        self.resting.values().map(|resting| resting.since).max()
    }

    /// HAProxy did not load the file: it is not to be tried with every change of a server.
    pub(super) fn refuse(&mut self, file: &File, error: String, now: Instant) {
        let configuration = Arc::clone(&file.configuration);
        self.refusal = Some(Refusal { configuration, error, until: now + REFUSAL });
    }

    /// Why the file is not to be tried now.
    pub(super) fn refusal(&self, file: &File, now: Instant) -> Option<&str> {
        let refusal = self.refusal.as_ref().filter(|refusal| now < refusal.until)?;
        let (refused, wanted) = (&refusal.configuration, &file.configuration);
        let differs = difference::reload_reason(refused, wanted, &BTreeMap::new()).is_some();
        (!differs).then_some(&refusal.error)
    }

    /// A file that is refused, with what it can be instead.
    pub(super) fn refused(&self, file: &File, reason: String, error: String) -> DriveError {
        let instead = self.loaded().map(|loaded| loaded.with_servers_of(&file.configuration));
        DriveError::Refused { reason, error, instead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "backend b\n server s 1.1.1.1:1 check\n";
    const NEW: &str = "backend b\n server t 1.1.1.1:2\n";

    fn file(text: &str, changed: u64) -> File {
        let configuration = Arc::new(Configuration::parse(text));
        File { text: text.to_owned(), configuration, changed }
    }

    fn process(started: u64) -> Identity {
        Identity { pid: 1, started: Some(started) }
    }

    #[test]
    fn what_a_process_has_loaded_follows_from_when_it_began() {
        // The file was OLD from 10, was changed at 20, and is NEW from 30.
        for (started, told, want) in [
            (31, None, Some(NEW)),
            (30, None, None),
            (30, Some((NEW, 30)), Some(NEW)),
            (30, Some((NEW, 31)), None),
            (30, Some((OLD, 30)), None),
            (25, None, None),
            (20, None, None),
            (19, None, Some(OLD)),
            (11, None, Some(OLD)),
            (10, None, None),
        ] {
            let mut memory = Memory {
                earlier: Some((file(OLD, 10), 20)),
                told: told.map(|(text, at)| (text.to_owned(), at)),
                ..Memory::default()
            };
            memory.recognise(process(started), &file(NEW, 30));
            let want = want.map(|text| Arc::new(Configuration::parse(text)));
            assert_eq!(memory.loaded(), want, "{started} {told:?}");
        }
        let mut memory = Memory::default();
        memory.recognise(Identity { pid: 1, started: None }, &file(NEW, 30));
        assert_eq!(memory.loaded(), None);
    }

    #[test]
    fn another_process_is_another_matter() {
        let mut memory = Memory::default();
        memory.recognise(process(5), &file(OLD, 1));
        memory.recognise(process(5), &file(NEW, 9));
        assert_eq!(memory.reload_reason(&file(NEW, 9)), None);
        memory.recognise(process(6), &file(NEW, 9));
        assert!(memory.reload_reason(&file(NEW, 9)).is_some());
    }

    #[test]
    fn servers_rest_for_as_long_as_they_are_gone() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let place = Place { backend: "b".to_owned(), name: "s".to_owned() };
        let places = || BTreeSet::from([place.clone()]);
        let mut memory = Memory::default();
        memory.follows(process(5), &file(OLD, 1));
        let enough = Duration::from_secs(2);
        assert_eq!(memory.rest(places(), &Scope::All, at(0), enough), []);
        memory.follows(process(5), &file(NEW, 1));
        assert_eq!(memory.rest(places(), &Scope::All, at(1), enough), []);
        assert_eq!(
            memory.rest(places(), &Scope::All, at(2), enough),
            places().into_iter().collect::<Vec<_>>()
        );
        // Back with other words, it cannot be had without a reload.
        let back = NEW.replace('t', "s");
        assert!(memory.reload_reason(&file(&back, 1)).is_some());
        assert_eq!(memory.reload_reason(&file(OLD, 1)), None);
        assert_eq!(memory.rest(BTreeSet::new(), &Scope::All, at(3), enough), []);
        assert_eq!(memory.reload_reason(&file(&back, 1)), None);
        assert_eq!(memory.resting(), 0);
    }

    #[test]
    fn servers_rest_where_nobody_looked() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let two = |first: &str, second: &str| {
            let text = format!("backend b\n{first}backend c\n{second}");
            file(&text.replace('+', " server s 1.1.1.1:1\n"), 1)
        };
        let place = |backend: &str| Place { backend: backend.to_owned(), name: "s".to_owned() };
        let scope = |names: &[&str]| Scope::of(names.iter().map(|&it| it.to_owned()).collect());
        let enough = Duration::from_secs(2);
        let mut memory = Memory::default();
        assert_eq!(memory.affected(&two("+", "+"), at(0), enough), None);
        memory.follows(process(5), &two("+", "+"));
        assert_eq!(memory.affected(&two("+", "+"), at(0), enough), Some(scope(&[])));
        assert_eq!(memory.affected(&two("", "+"), at(0), enough), Some(scope(&["b"])));
        memory.rest(BTreeSet::from([place("b")]), &scope(&["b"]), at(0), enough);
        memory.follows(process(5), &two("", "+"));
        assert_eq!(memory.affected(&two("", ""), at(1), enough), Some(scope(&["c"])));
        assert_eq!(memory.rest(BTreeSet::from([place("c")]), &scope(&["c"]), at(1), enough), []);
        assert_eq!(memory.resting(), 2);
        memory.follows(process(5), &two("", ""));
        assert_eq!(memory.affected(&two("", ""), at(2), enough), Some(scope(&["b"])));
        let over = memory.rest(BTreeSet::from([place("b")]), &scope(&["b"]), at(3), enough);
        assert_eq!(over, [place("b")]);
        assert_eq!(memory.rest(BTreeSet::new(), &scope(&["b"]), at(5), enough), []);
        assert_eq!(memory.resting(), 1);
    }

    #[test]
    fn what_was_refused_is_not_tried_with_other_servers() {
        let now = Instant::now();
        let mut memory = Memory::default();
        memory.refuse(&file(OLD, 1), "no".to_owned(), now);
        let other = file(&NEW.replace("backend b", "backend c"), 1);
        assert_eq!(memory.refusal(&file(NEW, 1), now), Some("no"));
        assert_eq!(memory.refusal(&other, now), None);
        assert_eq!(memory.refusal(&file(NEW, 1), now + REFUSAL), None);
        memory.has_reloaded(None, &other, 1);
        assert_eq!(memory.refusal(&file(NEW, 1), now), None);
    }
}
