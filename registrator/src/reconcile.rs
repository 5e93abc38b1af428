//! The loop: whatever happens, compare what should be with what is, and write the difference.
//!
//! Marathon is read in a task of its own, one read at a time, so that a Marathon that is slow keeps nobody from taking a
//! dying task out of rotation. The agent is on this host and answers at once, or not at all; it is also asked every
//! [`AGENT_POLL`], so that services come back soon after it has lost them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daemon::backoff::{Backoff, jitter};
use daemon::exit::Exit;
use daemon::notify::Notify;
use daemon::outage::Outage;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::agents::{self, Agent};
use crate::board::{Board, kind_of};
use crate::config::{Config, Run};
use crate::exit::Obstacle;
use crate::here::Here;
use crate::mirror::Mirror;
use crate::snapshot::{self, Fresh, Reading};
use crate::stream::{Signal, follow};
use crate::trigger::{Trigger, Work};
use crate::view::View;

mod converge;
mod once;

/// How often the agent is asked what it has.
pub const AGENT_POLL: Duration = Duration::from_secs(2);

/// Marathon drops a listener after 1024 events that it did not take.
const QUEUE: usize = 256;

/// The program: runs until `shutdown`, or once.
///
/// # Errors
/// The HTTP clients cannot be built, or, when it runs once, Marathon or Consul do not answer.
pub async fn run(
    config: Config,
    board: Arc<Board>,
    notify: Notify,
    shutdown: CancellationToken,
) -> Result<Exit, Obstacle> {
    let marathon = marathon::Client::new(config.marathon.clone())?;
    let consul = consul::Client::new(config.consul.clone())?;
    let what = config.run.clone();
    let mut reconciler = Reconciler::new(config, board, notify, marathon, consul);
    match what {
        Run::Forever { deregister } => {
            reconciler.follow(shutdown).await;
            reconciler.notify.tell("STOPPING=1");
            Ok(if deregister { reconciler.leave().await } else { Exit::Success })
        }
        Run::Once | Run::Explain(..) => tokio::select! {
            () = shutdown.cancelled() => Ok(Exit::Success),
            result = reconciler.once() => result,
        },
    }
}

struct Reconciler {
    config: Config,
    board: Arc<Board>,
    notify: Notify,
    marathon: marathon::Client,
    /// The agent beside us, which knows the others.
    consul: consul::Client,
    agents: BTreeMap<String, Agent>,
    state: State,
    trigger: Trigger,
    backoff: Backoff,
    reads: JoinSet<Reading>,
    marathon_outage: Outage,
    consul_outage: Outage,
    printed: Option<String>,
    /// When to write without having heard from Marathon.
    write_at: Option<Instant>,
    /// Also agents that are of no concern as far as is known.
    visit_all: bool,
}

enum State {
    /// Consul has not said yet who we are.
    Nameless,
    /// Marathon has not said yet what there is.
    Blind(BTreeMap<String, Here>),
    /// Both have.
    Seeing(Box<Mirror>),
}

impl Reconciler {
    fn new(
        config: Config,
        board: Arc<Board>,
        notify: Notify,
        marathon: marathon::Client,
        consul: consul::Client,
    ) -> Self {
        Self {
            config,
            board,
            notify,
            marathon,
            consul,
            agents: BTreeMap::new(),
            state: State::Nameless,
            trigger: Trigger::default(),
            backoff: Backoff::new(Duration::from_millis(500), Duration::from_secs(30)),
            reads: JoinSet::new(),
            marathon_outage: Outage::default(),
            consul_outage: Outage::default(),
            printed: None,
            write_at: None,
            visit_all: true,
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
            let (may_write, write_at) = (self.write_at.is_some(), self.write_at.unwrap_or(read_at));
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some(signal) = signals.recv(), if seeing => {
                    self.on_signals(signal, &mut signals);
                }
                Some(read) = self.reads.join_next() => self.on_read(read.ok()).await,
                () = sleep_until(read_at.into()), if may_read => self.read(),
                () = sleep_until(write_at.into()), if may_write => {
                    self.converge().await;
                }
                _ = agent.tick() => self.on_agent_tick().await,
            }
        }
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

    fn heres(&self) -> Arc<BTreeMap<String, Here>> {
        Arc::new(match &self.state {
            State::Nameless => BTreeMap::new(),
            State::Blind(heres) => heres.clone(),
            State::Seeing(mirror) => {
                mirror.heres().map(|(name, here)| (name.to_owned(), here.clone())).collect()
            }
        })
    }

    fn read(&mut self) {
        let Some(work) = self.trigger.take(Instant::now()) else { return };
        match &work {
            Work::All => self.board.asked_marathon("everything", 1),
            Work::Apps(apps) => self.board.asked_marathon("app", apps.len()),
        }
        let before = match &self.state {
            State::Seeing(mirror) => mirror.view().clone(),
            State::Nameless | State::Blind(_) => View::default(),
        };
        let (marathon, heres) = (self.marathon.clone(), self.heres());
        self.reads.spawn(snapshot::marathon(marathon, work, before, heres));
    }

    /// Takes in everything that waits before it compares, so that a burst costs one comparison.
    fn on_signals(&mut self, first: Signal, signals: &mut Receiver<Signal>) {
        let mut latest = self.on_signal(first);
        while let Ok(signal) = signals.try_recv() {
            latest = earlier(latest, self.on_signal(signal));
        }
        if latest.is_some() {
            self.trigger.hurry();
            self.backoff.reset();
            self.write_at = earlier(self.write_at, latest);
        }
    }

    /// When tasks of ours end: by when that is to be written at the latest.
    fn on_signal(&mut self, signal: Signal) -> Option<Instant> {
        let now = Instant::now();
        match (signal, &mut self.state) {
            (Signal::Attached, _) => {
                self.board.attached(true, now);
                self.board.asked_marathon("events", 1);
                self.trigger.everything();
                None
            }
            (Signal::Lost, _) => {
                self.board.attached(false, now);
                self.board.error("stream");
                None
            }
            (Signal::Event(event), State::Seeing(mirror)) => {
                self.board.event(now);
                let (look, latest) = mirror.on_event(&event, now);
                self.trigger.look(look);
                latest
            }
            (Signal::Event(_), _) => None,
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
                self.board.marathon(None);
                if let Some(recovery) = self.marathon_outage.recovered(now) {
                    info!(failures = recovery.failures, lasted = ?recovery.lasted, "Marathon answers again");
                }
                if matches!(fresh, Fresh::All(_)) {
                    self.refresh_agents().await;
                    self.visit_all = true;
                    self.trigger.everything_at(now + spread(self.config.resync_interval));
                }
                self.absorb(fresh, asked, &resolved);
                self.converge().await;
            }
            Err(err) => {
                self.board.error(kind_of(&err.kind));
                self.board.marathon(Some(err.to_string()));
                if self.marathon_outage.failed(&err, now) {
                    warn!(error = %err, "Marathon cannot be read; what is registered stays");
                }
                self.trigger.failed(work, now + self.backoff.next(jitter()));
            }
        }
    }

    fn absorb(&mut self, fresh: Fresh, asked: Instant, resolved: &BTreeMap<String, Vec<IpAddr>>) {
        let now = Instant::now();
        match (&mut self.state, fresh) {
            (State::Blind(heres), Fresh::All(view)) => {
                let mut mirror = Mirror::new(self.config.rules.clone(), view, asked);
                for (name, mut here) in std::mem::take(heres) {
                    here.learn(resolved.clone());
                    mirror.set_here(&name, here);
                }
                self.state = State::Seeing(Box::new(mirror));
            }
            (State::Seeing(mirror), fresh) => {
                if !resolved.is_empty() {
                    mirror.learn(resolved);
                }
                match fresh {
                    Fresh::All(view) => mirror.replace(view, asked, now),
                    Fresh::Apps(answers) => {
                        for answer in answers {
                            mirror.update(answer, asked, now);
                        }
                    }
                }
            }
            (State::Nameless | State::Blind(_), _) => {}
        }
    }

    async fn on_agent_tick(&mut self) {
        if !matches!(self.state, State::Nameless) {
            self.converge().await;
            return;
        }
        match self.discover().await {
            Ok(heres) => self.state = State::Blind(heres),
            Err(err) => self.consul_failed(&err),
        }
    }

    /// An agent may have been renamed, or moved, and others may have come.
    async fn refresh_agents(&mut self) {
        if !self.is_seeing() {
            return;
        }
        match (self.discover().await, &mut self.state) {
            (Ok(heres), State::Seeing(mirror)) => mirror.set_heres(heres),
            (Ok(_), _) => {}
            (Err(err), _) => self.consul_failed(&err),
        }
    }

    async fn discover(&mut self) -> Result<BTreeMap<String, Here>, consul::Error> {
        let Config { consul, scope, .. } = &self.config;
        self.board.asked_consul("agent", 1);
        let found = agents::discover(&self.consul, consul, scope).await?;
        if let Some(recovery) = self.consul_outage.recovered(Instant::now()) {
            info!(failures = recovery.failures, lasted = ?recovery.lasted, "Consul answers");
        }
        Ok(agents::update(&mut self.agents, found))
    }

    fn consul_failed(&mut self, err: &consul::Error) {
        self.board.error("consul");
        self.board.agent_failed(agents::LOCAL, &err.to_string());
        // An agent that was known is reported when it is asked what it has.
        if self.agents.is_empty() && self.consul_outage.failed(err, Instant::now()) {
            warn!(error = %err, "Consul's agent does not answer");
        }
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Registrators that were started together must not read Marathon together for ever.
fn spread(interval: Duration) -> Duration {
    interval.mul_f64(jitter().mul_add(0.2, 0.9))
}
