//! The status as it is shown: to programs as JSON, to people as a page, to Prometheus as metrics (pure).

use std::collections::BTreeSet;
use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use super::snapshot::{Failing, Haproxy, Run, Snapshot, State, Template};
use crate::child;
use crate::deduplicate::standing::Standing;
use crate::haproxy::driver::{Applied, Way};

/// Everything but the routes. Times are in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    version: &'static str,
    pub(super) seconds_running: f64,
    pub(super) ready: bool,
    /// What keeps it from being ready.
    pub(super) unready: Vec<String>,
    pub(super) templates: Vec<TemplateView>,
    pub(super) commands: Vec<CommandView>,
    pub(super) child: Option<ChildView>,
    pub(super) consul: Option<ConsulView>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct TemplateView {
    pub(super) template: String,
    pub(super) file: Option<String>,
    pub(super) state: &'static str,
    error: Option<String>,
    seconds_failing: Option<f64>,
    pub(super) seconds_since_render: Option<f64>,
    pub(super) seconds_to_render: f64,
    pub(super) seconds_since_write: Option<f64>,
    pub(super) renders: u64,
    pub(super) writes: u64,
    pub(super) failures: u64,
    pub(super) dependencies: usize,
    pub(super) missing: usize,
    /// The first of them.
    waits_for: Vec<String>,
    #[serde(serialize_with = "shared")]
    pub(super) left_out: Arc<BTreeSet<String>>,
    pub(super) haproxy: Option<HaproxyView>,
    pub(super) deduplicate: Option<StandingView>,
}

/// How it stands among other instances with the same template.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StandingView {
    pub(super) role: &'static str,
    folder: String,
    /// Who asks Consul, as far as it is known.
    leader: Option<String>,
    leader_session: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ChildView {
    command: String,
    state: &'static str,
    pid: i32,
    seconds_running: f64,
    pub(super) restarts: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct CommandView {
    pub(super) command: String,
    error: Option<String>,
    seconds_since_run: f64,
    pub(super) seconds_to_run: f64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct HaproxyView {
    pub(super) follows: bool,
    pub(super) resting: usize,
    pub(super) by_runtime: u64,
    pub(super) by_reload: u64,
    pub(super) refused: u64,
    pub(super) last: Option<AppliedView>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct AppliedView {
    way: &'static str,
    seconds_since: f64,
    pub(super) seconds_taken: f64,
    commands: usize,
    reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ConsulView {
    address: String,
    /// Since when some dependency has no answer, so that its last value is used.
    pub(super) seconds_without_answer: Option<f64>,
    /// Since when some question may have another answer than the one that is used.
    pub(super) seconds_behind: f64,
    /// How old the last answer was when a server gave it.
    pub(super) seconds_since_leader: f64,
    pub(super) failing: usize,
    /// The first of them.
    failing_dependencies: Vec<FailingView>,
    pub(super) connections: usize,
    pub(super) connections_limit: usize,
    pub(super) watched_directly: usize,
    pub(super) read_on_signals: usize,
    pub(super) signals: usize,
    pub(super) unread: usize,
    pub(super) requests: u64,
    pub(super) answers: u64,
    pub(super) refusals: u64,
}

#[derive(Clone, Debug, Serialize)]
struct FailingView {
    dependency: String,
    error: String,
    failures: u32,
    seconds: f64,
}

impl View {
    /// How it was, as seen now.
    pub fn of(snapshot: &Snapshot, now: Instant) -> Self {
        let unready = snapshot.templates.iter().filter_map(unready).collect::<Vec<_>>();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            seconds_running: since(snapshot.start, now),
            ready: unready.is_empty(),
            unready,
            templates: templates(snapshot, now),
            commands: snapshot.commands.iter().map(|(line, it)| command(line, it, now)).collect(),
            child: snapshot.child.as_ref().map(|it| child(it, now)),
            consul: ConsulView::of(snapshot, now),
        }
    }
}

fn templates(snapshot: &Snapshot, now: Instant) -> Vec<TemplateView> {
    let standings = snapshot.standings.iter().map(Some).chain(iter::repeat(None));
    let templates = snapshot.templates.iter().zip(standings);
    templates.map(|(template, standing)| TemplateView::of(template, standing, now)).collect()
}

/// Why a template's file was not yet as it should be.
fn unready(template: &Template) -> Option<String> {
    let Template { name, state, waits_for, waits_for_count, failure, progress, .. } = template;
    if progress.is_in_place {
        return None;
    }
    let reason = match (state, failure) {
        (_, Some((error, _))) => error.clone(),
        (State::Waiting, None) if *waits_for_count > 0 => {
            let others = waits_for_count.saturating_sub(waits_for.len());
            let others = if others > 0 { format!(" and {others} more") } else { String::new() };
            format!("waits for {}{others}", waits_for.join(", "))
        }
        (State::Installed, None) => "its command is still to succeed".to_owned(),
        _ => "not rendered yet".to_owned(),
    };
    Some(format!("{name}: {reason}"))
}

impl TemplateView {
    fn of(template: &Template, standing: Option<&Standing>, now: Instant) -> Self {
        let Template { progress, failure, .. } = template;
        Self {
            template: template.name.clone(),
            file: template.file.clone(),
            state: match template.state {
                State::Waiting => "waiting",
                State::Installed => "installed",
                State::Failed => "failed",
            },
            error: failure.as_ref().map(|(error, _)| error.clone()),
            seconds_failing: failure.as_ref().map(|(_, at)| since(*at, now)),
            seconds_since_render: progress.rendered.map(|at| since(at, now)),
            seconds_to_render: progress.took.as_secs_f64(),
            seconds_since_write: progress.written.map(|at| since(at, now)),
            renders: progress.renders,
            writes: progress.writes,
            failures: progress.failures,
            dependencies: template.dependencies,
            missing: template.waits_for_count,
            waits_for: template.waits_for.clone(),
            left_out: Arc::clone(&template.left_out),
            haproxy: template.haproxy.as_ref().map(|it| HaproxyView::of(it, now)),
            deduplicate: standing.map(StandingView::of),
        }
    }
}

impl StandingView {
    fn of(Standing { folder, role, holder }: &Standing) -> Self {
        Self {
            role,
            folder: folder.clone(),
            leader: holder.as_ref().map(|it| it.name.clone()),
            leader_session: holder.as_ref().map(|it| it.session.clone()),
        }
    }
}

fn child(status: &child::Status, now: Instant) -> ChildView {
    ChildView {
        command: status.command.clone(),
        state: status.state,
        pid: status.pid,
        seconds_running: since(status.start, now),
        restarts: status.restarts,
    }
}

fn command(line: &str, run: &Run, now: Instant) -> CommandView {
    let [succeeded, failed] = run.counts;
    CommandView {
        command: line.to_owned(),
        error: run.error.clone(),
        seconds_since_run: since(run.at, now),
        seconds_to_run: run.took.as_secs_f64(),
        succeeded,
        failed,
    }
}

impl HaproxyView {
    fn of(haproxy: &Haproxy, now: Instant) -> Self {
        Self {
            follows: haproxy.is_settled,
            resting: haproxy.resting,
            by_runtime: haproxy.counts.runtime,
            by_reload: haproxy.counts.reloads,
            refused: haproxy.counts.refused,
            last: haproxy.applied.as_ref().map(|it| AppliedView::of(it, now)),
        }
    }
}

impl AppliedView {
    fn of(applied: &Applied, now: Instant) -> Self {
        Self {
            way: match applied.way {
                Way::Runtime => "runtime",
                Way::Reload => "reload",
            },
            seconds_since: since(applied.at, now),
            seconds_taken: applied.took.as_secs_f64(),
            commands: applied.commands,
            reason: applied.reason.clone(),
        }
    }
}

impl ConsulView {
    fn of(snapshot: &Snapshot, now: Instant) -> Option<Self> {
        let (address, statistics) = snapshot.consul.as_ref()?;
        let failing = |(dependency, it): &(String, Failing)| FailingView {
            dependency: dependency.clone(),
            error: it.error.clone(),
            failures: it.failures,
            seconds: since(it.since, now),
        };
        let behind = statistics.unread_since.map(|at| now.saturating_duration_since(at));
        Some(Self {
            address: address.clone(),
            seconds_without_answer: snapshot.failing_since.map(|at| since(at, now)),
            seconds_behind: behind.unwrap_or(Duration::ZERO).as_secs_f64(),
            seconds_since_leader: statistics.traffic.last_contact.as_secs_f64(),
            failing: snapshot.failing_count,
            failing_dependencies: snapshot.failing.iter().map(failing).collect(),
            connections: statistics.connections,
            connections_limit: statistics.budget,
            watched_directly: statistics.direct,
            read_on_signals: statistics.on_signals,
            signals: statistics.signals,
            unread: statistics.unread,
            requests: statistics.traffic.requests,
            answers: statistics.traffic.answers,
            refusals: statistics.refusals,
        })
    }
}

fn shared<S: Serializer>(texts: &Arc<BTreeSet<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    texts.as_ref().serialize(serializer)
}

pub(super) fn since(at: Instant, now: Instant) -> f64 {
    now.saturating_duration_since(at).as_secs_f64()
}
