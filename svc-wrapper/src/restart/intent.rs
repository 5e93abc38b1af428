//! The intent document: what the instances of an app leave each other about its restarts (pure).
//!
//! It stands at `svc-wrapper/v1/<app id>/state` and is written only under the lock. An intent is written before the request,
//! so that whoever holds the lock next knows that there may have been one: `L` beyond `pre` says that it took effect.
//!
//! ```json
//! {"v":1,"seq":17,"phase":"posted","target":"v1:ab12…","pre":"2026-11-21T03:14:15.926Z","version":"2026-11-21T04:00:00.000Z",
//!  "deployment":"5ed4c0c5-…","by":"web.5d1b…","at":"2026-11-21T04:00:00.120Z","attempts":1,
//!  "not_before":"2026-11-21T04:00:30.120Z","window":["2026-11-21T04:00:00.120Z"]}
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::flap::{LONGEST_PAUSE, Window};
use super::moment::Moment;
use super::{DOUBT, Slot};
use crate::env::Digest;
use crate::version::Version;

/// The only version of the document so far.
const V: u64 = 1;

/// What one holder of the lock leaves to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts the intents of this app.
    pub seq: u64,
    /// How far it came.
    pub phase: Phase,
    /// The digest of the configuration it is for.
    pub target: Digest,
    /// Consul's index of that configuration, for people.
    pub kv_index: Option<u64>,
    /// `L` before.
    pub pre: Version,
    /// `L` after.
    pub version: Option<Version>,
    /// What Marathon calls it.
    pub deployment: Option<String>,
    /// The task that asks.
    pub by: String,
    /// When, by its clock.
    pub at: Moment,
    /// How often it was tried.
    pub attempts: u32,
    /// When the next may follow, once this one took effect.
    pub not_before: Moment,
    /// The restarts before it, and itself.
    pub window: Window,
    /// Why it came to nothing.
    pub error: Option<String>,
}

/// How far an intent came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Marathon is about to be asked, or was.
    Intent,
    /// It took effect.
    Posted,
    /// Its deployment is over.
    Done,
    /// Marathon refused.
    Failed,
}

/// What stands at the document's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// One this program can read.
    Record(Box<Record>),
    /// Something nobody can read, which may be written over.
    Garbage,
    /// One of a later program, which may not.
    Later,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u64,
    seq: u64,
    phase: Phase,
    target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kv_index: Option<u64>,
    pre: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deployment: Option<String>,
    #[serde(default)]
    by: String,
    at: String,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    not_before: String,
    #[serde(default)]
    window: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Document {
    /// Reads the document; unknown fields are no obstacle.
    pub fn read(bytes: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Versioned {
            v: u64,
        }
        match serde_json::from_slice::<Versioned>(bytes) {
            Ok(Versioned { v }) if v > V => Self::Later,
            Ok(_) => Record::read(bytes).map_or(Self::Garbage, |r| Self::Record(Box::new(r))),
            Err(_) => Self::Garbage,
        }
    }
}

impl Record {
    /// The intent to restart the app for `target`, after what `slot` holds.
    pub(super) fn intent(
        slot: &Slot,
        target: &Digest,
        pre: Version,
        by: &str,
        interval: Duration,
        at: Moment,
    ) -> Self {
        let last = slot.record.as_deref();
        // What had no effect was no restart; this is another attempt at it.
        let again = last.filter(|last| last.pre == pre && last.phase != Phase::Posted);
        let past = last.map(|last| match again {
            Some(again) => (again.window.clone().withdrawn(), again.not_before),
            None => (last.window.clone(), last.not_before),
        });
        let (window, barred) = past.unwrap_or_default();
        let window = window.restarted(barred, at);
        Self {
            seq: last.map_or(1, |last| last.seq.saturating_add(1)),
            phase: Phase::Intent,
            target: target.clone(),
            kv_index: None,
            pre,
            version: None,
            deployment: None,
            by: by.to_owned(),
            at,
            attempts: again.map_or(1, |again| again.attempts.saturating_add(1)),
            not_before: at.after(interval.max(window.pause())),
            window,
            error: None,
        }
    }

    /// The same, once its effect was seen.
    #[must_use]
    pub fn posted(&self, version: Option<Version>, deployment: Option<String>) -> Self {
        Self { phase: Phase::Posted, version, deployment, ..self.clone() }
    }

    /// The same, once Marathon refused.
    #[must_use]
    pub fn failed(&self, error: String) -> Self {
        Self { phase: Phase::Failed, error: Some(error), ..self.clone() }
    }

    /// Whether it is an intent whose effect shows in `changed`, but is not recorded.
    pub fn took_effect(&self, changed: Version) -> bool {
        self.phase == Phase::Intent && changed > self.pre
    }

    /// How long it keeps everybody from asking for another restart.
    ///
    /// Never longer than the longest pause, whatever the clock of the host says that wrote it.
    pub fn bars(&self, now: Moment) -> Option<Duration> {
        let takes_effect = matches!(self.phase, Phase::Posted | Phase::Done);
        let rest = self.not_before.since(now).min(LONGEST_PAUSE);
        (takes_effect && !rest.is_zero()).then_some(rest)
    }

    /// How long another's request, which showed no effect so far, may still be on its way.
    pub(super) fn pends(&self, changed: Version, me: &str, now: Moment) -> Option<Duration> {
        let pends = self.phase == Phase::Intent && self.pre == changed && self.by != me;
        let rest = self.at.after(DOUBT).since(now).min(DOUBT);
        (pends && !rest.is_zero()).then_some(rest)
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        let wire = Wire {
            v: V,
            seq: self.seq,
            phase: self.phase,
            target: self.target.to_string(),
            kv_index: self.kv_index,
            pre: self.pre.to_string(),
            version: self.version.as_ref().map(ToString::to_string),
            deployment: self.deployment.clone(),
            by: self.by.clone(),
            at: self.at.to_string(),
            attempts: self.attempts,
            not_before: self.not_before.to_string(),
            window: self.window.moments().iter().map(ToString::to_string).collect(),
            error: self.error.clone(),
        };
        // Numbers and texts always can be written.
        serde_json::to_string(&wire).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            seq: wire.seq,
            phase: wire.phase,
            target: Digest::parse(&wire.target)?,
            kv_index: wire.kv_index,
            pre: Version::parse(&wire.pre)?,
            version: wire.version.as_deref().and_then(Version::parse),
            deployment: wire.deployment,
            by: wire.by,
            at: Moment::parse(&wire.at)?,
            attempts: wire.attempts,
            not_before: Moment::parse(&wire.not_before).unwrap_or_default(),
            window: Window::new(wire.window.iter().filter_map(|at| Moment::parse(at)).collect()),
            error: wire.error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{digest, version};
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn at(second: u64) -> Moment {
        Moment::from_millis(1_795_231_000_000 + second * 1_000)
    }

    fn intent(last: Option<Record>, pre: u64, second: u64) -> Record {
        let slot = Slot { record: last.map(Box::new), index: 7 };
        Record::intent(&slot, &digest("new"), version(pre), "me", INTERVAL, at(second))
    }

    #[test]
    fn reads_what_it_writes() {
        let first = intent(None, 10, 0);
        let posted = first.posted(Some(version(11)), Some("d".to_owned()));
        let failed = Record { kv_index: Some(812), ..first.failed("no \"such\" app".to_owned()) };
        for record in [first, posted, failed] {
            let json = record.to_json();
            assert_eq!(
                Document::read(json.as_bytes()),
                Document::Record(Box::new(record)),
                "{json}"
            );
        }
    }

    #[test]
    fn takes_unknown_fields_but_no_unknown_version() {
        let record = intent(None, 10, 0);
        let json = record.to_json();
        let more = json.replacen('{', r#"{"colour":"blue","#, 1);
        assert_eq!(Document::read(more.as_bytes()), Document::Record(Box::new(record)));
        let later = json.replacen(r#""v":1"#, r#""v":2"#, 1);
        assert_eq!(Document::read(later.as_bytes()), Document::Later);
        assert_eq!(Document::read(br#"{"v":2,"phase":"dreamt"}"#), Document::Later);
        let undated = json.replacen("\"at\":\"2", "\"at\":\"x", 1);
        for garbage in ["", "null", "17", r#"{"v":1}"#, "{\"seq\":1}", &undated] {
            assert_eq!(Document::read(garbage.as_bytes()), Document::Garbage, "{garbage}");
        }
    }

    #[test]
    fn counts_restarts_and_attempts_apart() {
        let first = intent(None, 10, 0);
        assert_eq!((first.seq, first.attempts, first.window.moments().len()), (1, 1, 1));
        let again = intent(Some(first), 10, 40);
        assert_eq!((again.seq, again.attempts), (2, 2));
        assert_eq!(again.window.moments(), [at(40)]);
        let posted = again.posted(Some(version(11)), None);
        let next = intent(Some(posted.clone()), 11, 90);
        assert_eq!((next.seq, next.attempts), (3, 1));
        assert_eq!(next.window.moments(), [at(40), at(90)]);
        // Seen to be posted, and then rolled back by an operator: a restart all the same.
        assert_eq!(intent(Some(posted), 10, 90).window.moments(), [at(40), at(90)]);
    }

    #[test]
    fn bars_the_next_restart_once_it_took_effect() {
        let intent = intent(None, 10, 0);
        let posted = intent.posted(Some(version(11)), None);
        let wild = Record { not_before: at(1_000_000), ..posted.clone() };
        for (name, record, second, want) in [
            ("no effect", &intent, 1, None),
            ("refused", &intent.failed(String::new()), 1, None),
            ("a moment ago", &posted, 10, Some(20)),
            ("long ago", &posted, 30, None),
            ("clock in the future", &wild, 0, Some(3_600)),
        ] {
            assert_eq!(record.bars(at(second)), want.map(Duration::from_secs), "{name}");
        }
    }

    #[test]
    fn waits_for_the_effect_of_anothers_request() {
        let intent = intent(None, 10, 0);
        for (name, changed, me, second, want) in [
            ("on its way", 10, "other", 10, Some(20)),
            ("given up", 10, "other", 30, None),
            ("mine, and I know what came of it", 10, "me", 10, None),
            ("effect seen", 11, "other", 10, None),
        ] {
            let pends = intent.pends(version(changed), me, at(second));
            assert_eq!(pends, want.map(Duration::from_secs), "{name}");
            assert_eq!(intent.took_effect(version(changed)), changed == 11, "{name}");
        }
    }
}
