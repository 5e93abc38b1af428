//! The loop: whatever happens, compare what should be with what is, and write the difference.
//!
//! Marathon is read in a task of its own, one read at a time, so that a Marathon that is slow keeps nobody from taking a
//! dying task out of rotation. The agent is on this host and answers at once, or not at all; it is also asked every
//! [`AGENT_POLL`], so that services come back soon after it has lost them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use daemon::backoff::{Backoff, jitter};
use daemon::exit::Exit;
use daemon::outage::Outage;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::apply;
use crate::config::{Config, Mode};
use crate::guard::Guard;
use crate::here::Here;
use crate::mirror::{Mirror, Step};
use crate::plan::Plan;
use crate::report::Report;
use crate::snapshot::{self, Fresh, Reading};
use crate::stream::{Signal, follow};
use crate::trigger::{Trigger, Work};

/// How often the agent is asked what it has.
pub const AGENT_POLL: Duration = Duration::from_secs(2);

/// How long the removal of a dying task may wait for the answer of the read that it causes, so that a task that replaces it is registered
/// before. Marathon kills the old task in the same moment in which it finds the new one healthy.
const URGENT: Duration = Duration::from_millis(50);

/// Marathon drops a listener after 1024 events that it did not take.
const QUEUE: usize = 256;

/// The program: runs until `shutdown`, or once.
///
/// # Errors
/// The HTTP clients cannot be built, or, when it runs once, Marathon or Consul do not answer.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<Exit> {
    let marathon = marathon::Client::new(marathon::Config::new(config.marathon.clone()))?;
    let consul = consul::Client::new(config.consul.clone())?;
    let mut reconciler = Reconciler::new(config, marathon, consul);
    if reconciler.config.once {
        tokio::select! {
            () = shutdown.cancelled() => Ok(Exit::Success),
            result = reconciler.once() => result,
        }
    } else {
        reconciler.follow(shutdown).await;
        Ok(Exit::Success)
    }
}

struct Reconciler {
    config: Config,
    marathon: marathon::Client,
    consul: consul::Client,
    state: State,
    trigger: Trigger,
    backoff: Backoff,
    reads: JoinSet<Reading>,
    report: Report,
    marathon_outage: Outage,
    consul_outage: Outage,
    printed: Option<String>,
    urgent: Option<Instant>,
}

enum State {
    /// Consul has not said yet who we are.
    Nameless,
    /// Marathon has not said yet what there is.
    Blind(Here),
    /// Both have.
    Seeing(Box<Mirror>),
}

enum Outcome {
    Done,
    Incomplete,
    ConsulFailed,
}

impl Reconciler {
    fn new(config: Config, marathon: marathon::Client, consul: consul::Client) -> Self {
        Self {
            config,
            marathon,
            consul,
            state: State::Nameless,
            trigger: Trigger::default(),
            backoff: Backoff::new(Duration::from_millis(500), Duration::from_secs(30)),
            reads: JoinSet::new(),
            report: Report::default(),
            marathon_outage: Outage::default(),
            consul_outage: Outage::default(),
            printed: None,
            urgent: None,
        }
    }

    async fn follow(&mut self, shutdown: CancellationToken) {
        let (sender, mut signals) = mpsc::channel(QUEUE);
        let mut stream = JoinSet::new();
        stream.spawn(follow(self.marathon.clone(), sender));
        let mut agent = interval(AGENT_POLL);
        agent.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.trigger.everything();
        loop {
            let (seeing, may_read, read_at) = (self.is_seeing(), self.may_read(), self.read_at());
            let (is_urgent, urgent) = (self.urgent.is_some(), self.urgent.unwrap_or(read_at));
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some(signal) = signals.recv(), if seeing => {
                    self.on_signals(signal, &mut signals);
                }
                Some(read) = self.reads.join_next() => self.on_read(read.ok()).await,
                () = sleep_until(read_at.into()), if may_read => self.read(),
                () = sleep_until(urgent.into()), if is_urgent => {
                    self.converge().await;
                }
                _ = agent.tick() => self.on_agent_tick().await,
            }
        }
    }

    async fn once(&mut self) -> anyhow::Result<Exit> {
        let here = snapshot::here(&self.consul, &self.config.hosts).await?;
        let read = snapshot::marathon(self.marathon.clone(), Work::All, here.clone()).await;
        let Reading { asked, outcome, resolved, .. } = read;
        self.state = State::Blind(here);
        self.absorb(outcome?, asked, resolved);
        Ok(match self.converge().await {
            Outcome::Done => Exit::Success,
            Outcome::Incomplete => Exit::Failure,
            Outcome::ConsulFailed => Exit::Unavailable,
        })
    }

    fn is_seeing(&self) -> bool {
        matches!(self.state, State::Seeing(_))
    }

    /// One read at a time: an older answer must not overwrite a newer one.
    fn may_read(&self) -> bool {
        self.reads.is_empty()
            && !matches!(self.state, State::Nameless)
            && self.trigger.due(Instant::now()).is_some()
    }

    fn read_at(&self) -> Instant {
        let now = Instant::now();
        self.trigger.due(now).unwrap_or(now)
    }

    fn read(&mut self) {
        let here = match &self.state {
            State::Nameless => return,
            State::Blind(here) => here.clone(),
            State::Seeing(mirror) => mirror.here().clone(),
        };
        if let Some(work) = self.trigger.take(Instant::now()) {
            self.reads.spawn(snapshot::marathon(self.marathon.clone(), work, here));
        }
    }

    /// Takes in everything that waits before it compares, so that a burst costs one comparison.
    fn on_signals(&mut self, first: Signal, signals: &mut Receiver<Signal>) {
        let mut ends = self.on_signal(first);
        while let Ok(signal) = signals.try_recv() {
            ends |= self.on_signal(signal);
        }
        if ends {
            self.trigger.hurry();
            self.urgent.get_or_insert_with(|| Instant::now() + URGENT);
        }
    }

    /// Whether a task ends.
    fn on_signal(&mut self, signal: Signal) -> bool {
        match (signal, &mut self.state) {
            (Signal::Attached, _) => {
                self.trigger.everything();
                false
            }
            (Signal::Event(event), State::Seeing(mirror)) => {
                let (look, ends) = mirror.on_event(&event, Instant::now());
                self.trigger.look(look);
                ends
            }
            (Signal::Event(_), _) => false,
        }
    }

    /// `None`: the read panicked, and is made again.
    async fn on_read(&mut self, read: Option<Reading>) {
        let now = Instant::now();
        let Some(Reading { work, asked, outcome, resolved }) = read else {
            return self.trigger.failed(Work::All, now + self.backoff.next(jitter()));
        };
        match outcome {
            Ok(fresh) => {
                self.backoff.reset();
                if let Some(recovery) = self.marathon_outage.recovered(now) {
                    info!(failures = recovery.failures, lasted = ?recovery.lasted, "Marathon answers again");
                }
                if matches!(fresh, Fresh::All(_)) {
                    self.refresh_here().await;
                    self.trigger.everything_at(now + spread(self.config.resync_interval));
                }
                self.absorb(fresh, asked, resolved);
                let next = self.trigger.due(now).is_some_and(|due| due <= now);
                // The answer may be older than the event that made a removal urgent: then the next one decides.
                if self.urgent.is_none_or(|urgent| urgent <= now) || !next {
                    self.converge().await;
                }
            }
            Err(err) => {
                if self.marathon_outage.failed(&err, now) {
                    warn!(error = %err, "Marathon cannot be read; what is registered stays");
                }
                self.trigger.failed(work, now + self.backoff.next(jitter()));
            }
        }
    }

    fn absorb(&mut self, fresh: Fresh, asked: Instant, resolved: BTreeMap<String, Vec<IpAddr>>) {
        let now = Instant::now();
        match (&mut self.state, fresh) {
            (State::Blind(here), Fresh::All(view)) => {
                let mut here = std::mem::take(here);
                here.learn(resolved);
                let (ownership, guard) =
                    (self.config.ownership.clone(), Guard::new(self.config.guard));
                let mirror = Mirror::new(ownership, guard, here, view, asked);
                self.state = State::Seeing(Box::new(mirror));
            }
            (State::Seeing(mirror), fresh) => {
                let mut here = mirror.here().clone();
                here.learn(resolved);
                mirror.set_here(here);
                match fresh {
                    Fresh::All(view) => mirror.replace(view, asked, now),
                    Fresh::Apps(answers) => {
                        for answer in answers {
                            mirror.update(answer);
                        }
                    }
                }
            }
            (State::Nameless | State::Blind(_), _) => {}
        }
    }

    async fn on_agent_tick(&mut self) {
        if matches!(self.state, State::Nameless) {
            match snapshot::here(&self.consul, &self.config.hosts).await {
                Ok(here) => {
                    self.consul_answers();
                    self.state = State::Blind(here);
                }
                Err(err) => self.consul_failed(&err),
            }
        } else {
            self.converge().await;
        }
    }

    /// The agent may have been renamed, or moved.
    async fn refresh_here(&mut self) {
        let State::Seeing(mirror) = &mut self.state else { return };
        match snapshot::here(&self.consul, &self.config.hosts).await {
            Ok(here) => {
                let here = here.with_resolved_of(mirror.here());
                mirror.set_here(here);
            }
            Err(err) => self.consul_failed(&err),
        }
    }

    async fn converge(&mut self) -> Outcome {
        self.urgent = None;
        let State::Seeing(mirror) = &mut self.state else { return Outcome::Incomplete };
        let actual = match snapshot::agent(&self.consul).await {
            Ok(actual) => actual,
            Err(err) => {
                self.consul_failed(&err);
                return Outcome::ConsulFailed;
            }
        };
        let Step { plan, held, skipped } = mirror.step(&actual, Instant::now());
        if let Some(at) = mirror.ask_at() {
            self.trigger.everything_at(at);
        }
        self.consul_answers();
        self.report.skipped(skipped);
        let complete = held.is_empty();
        self.report.held(held);
        if self.carry_out(plan).await && complete { Outcome::Done } else { Outcome::Incomplete }
    }

    /// Whether everything was written.
    async fn carry_out(&mut self, plan: Plan) -> bool {
        match self.config.mode {
            Mode::Write => {
                let failed = apply::apply(&self.consul, plan).await;
                let complete = failed.is_empty();
                self.report.failed(failed);
                complete
            }
            Mode::DryRun => {
                let text = plan.to_string();
                if self.printed.as_ref() != Some(&text) {
                    // Nobody reads it any more: nothing is lost.
                    drop(writeln!(std::io::stdout(), "{text}"));
                    self.printed = Some(text);
                }
                true
            }
        }
    }

    fn consul_failed(&mut self, err: &consul::Error) {
        if self.consul_outage.failed(err, Instant::now()) {
            warn!(error = %err, "Consul's agent does not answer");
        }
    }

    fn consul_answers(&mut self) {
        if let Some(recovery) = self.consul_outage.recovered(Instant::now()) {
            info!(failures = recovery.failures, lasted = ?recovery.lasted, "Consul's agent answers again");
            // It may come back under another name.
            self.trigger.everything();
        }
    }
}

/// Registrators that were started together must not read Marathon together for ever.
fn spread(interval: Duration) -> Duration {
    interval.mul_f64(jitter().mul_add(0.2, 0.9))
}
