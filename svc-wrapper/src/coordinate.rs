//! Runs the restart protocol: the watch, the lock and Marathon on one side, [`Instance`] on the other.
//!
//! It has a thread and a runtime of its own. Whatever happens here, the child's supervision does not notice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use consul::Client;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::change::Change;
use crate::config::{App, Coordination, Way};
use crate::env::{Environment, Mapped};
use crate::lock::{Lease, Lock};
use crate::reading::Reading;
use crate::restart::{Action, Answer, Delay, Event, Instance, Request, State, Ticket};
use crate::watch::Watch;

mod questions;

use questions::{Outages, Questions};

/// Fetches the configuration, hands it to `ready`, and from then on has the app restarted when it changes.
///
/// # Errors
///
/// When no client can be made. Once `ready` was called it does not return.
pub async fn run(
    coordination: Coordination,
    ready: impl FnOnce(Environment),
) -> anyhow::Result<()> {
    let Coordination { source, restart } = coordination;
    let consul = Client::new(source.consul)?;
    let watch = Watch::new(consul.clone(), source.prefix);
    let (first, cursor) = watch.first().await;
    let configured = !first.environment.is_empty();
    let journal = Journal::new(first);
    let boot = journal.last.environment.clone();
    let instance = |version| Instance::new(boot.digest(), version, restart.settle, Instant::now());
    let coordinator = match restart.way {
        Way::None => None,
        Way::Marathon(app) => {
            let instance = instance(app.version.clone());
            let questions = questions(*app, consul, watch.clone(), configured)?;
            Some(Coordinator::new(instance, questions))
        }
    };
    ready(boot);
    let (readings, received) = mpsc::channel(1);
    let follow = tokio::spawn(watch.follow(cursor, configured, readings));
    match coordinator {
        None => journal.observe(received).await,
        Some(coordinator) => coordinator.run(received, journal).await,
    }
    Ok(follow.await?)
}

fn questions(
    app: App,
    consul: Client,
    watch: Watch,
    configured: bool,
) -> anyhow::Result<Arc<Questions>> {
    let marathon = marathon::Client::new(marathon::Config {
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(10),
        ..marathon::Config::new(app.marathon)
    })?;
    let holder = serde_json::json!({ "task": app.task, "pid": std::process::id() });
    let lock = Lock::new(consul, app.id.as_str().trim_start_matches('/'), holder.to_string());
    let outages = Outages::default();
    Ok(Arc::new(Questions { watch, configured, lock, marathon, app: app.id, outages }))
}

/// What the log says about the configuration: names, never values, and each thing once.
struct Journal {
    last: Mapped,
}

impl Journal {
    fn new(first: Mapped) -> Self {
        let names = first.environment.iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ");
        tracing::info!(variables = first.environment.len(), names, "Configuration read");
        let journal = Self { last: first };
        journal.report_skipped();
        journal
    }

    fn note(&mut self, reading: &Reading) {
        let Reading::Usable(mapped) = reading else { return };
        let change = Change::between(&self.last.environment, &mapped.environment);
        if !change.is_empty() {
            tracing::info!(%change, "Configuration changed");
        }
        let skipped = self.last.skipped != mapped.skipped;
        self.last.clone_from(mapped);
        if skipped {
            self.report_skipped();
        }
    }

    fn report_skipped(&self) {
        if !self.last.skipped.is_empty() {
            let keys: Vec<String> = self.last.skipped.iter().map(ToString::to_string).collect();
            tracing::warn!(keys = keys.join(", "), "Keys that become no variable");
        }
    }

    async fn observe(mut self, mut readings: mpsc::Receiver<Reading>) {
        while let Some(reading) = readings.recv().await {
            if let Reading::Unusable(why) = &reading {
                tracing::debug!(?why, "Configuration cannot be trusted");
            }
            self.note(&reading);
        }
    }
}

/// What comes back from the tasks that ask.
enum Message {
    Answered(Ticket, Answer, Option<Lease>),
    Renewed(String, Instant),
    Lost(String),
}

struct Coordinator {
    instance: Instance,
    questions: Arc<Questions>,
    messages: mpsc::UnboundedSender<Message>,
    received: mpsc::UnboundedReceiver<Message>,
    asked: Option<(Ticket, Request, JoinHandle<()>)>,
    held: Option<(Lease, JoinHandle<()>)>,
}

impl Coordinator {
    fn new(instance: Instance, questions: Arc<Questions>) -> Self {
        let (messages, received) = mpsc::unbounded_channel();
        Self { instance, questions, messages, received, asked: None, held: None }
    }

    async fn run(mut self, mut readings: mpsc::Receiver<Reading>, mut journal: Journal) {
        loop {
            let deadline = self.instance.state().deadline();
            let event = tokio::select! {
                reading = readings.recv() => {
                    let Some(reading) = reading else { return };
                    journal.note(&reading);
                    Some(Event::Read(reading.wanted()))
                }
                Some(message) = self.received.recv() => self.event(message),
                () = until(deadline) => Some(Event::Tick),
            };
            if let Some(event) = event {
                self = self.take(event);
            }
        }
    }

    fn take(mut self, event: Event) -> Self {
        let before = self.instance.state().clone();
        let (instance, actions) = self.instance.on(event, Instant::now());
        self.instance = instance;
        announce(&before, self.instance.state());
        for action in actions {
            match action {
                Action::Ask(ticket, request, delay) => self.ask(ticket, request, delay),
                Action::Release => self.release(),
            }
        }
        self
    }

    /// What a message means to the machine; news of a lock that is no longer wanted ends here.
    fn event(&mut self, message: Message) -> Option<Event> {
        let is_held = |held: &Option<(Lease, _)>, session: &str| {
            held.as_ref().is_some_and(|(lease, _)| lease.session == session)
        };
        match message {
            Message::Answered(ticket, answer, lease) => {
                let current = self.asked.as_ref().is_some_and(|(asked, ..)| *asked == ticket);
                match lease {
                    Some(lease) if current => self.hold(lease),
                    Some(lease) => self.give_back(lease),
                    None => {}
                }
                current.then_some(Event::Answered(ticket, answer))
            }
            Message::Renewed(session, until) => {
                is_held(&self.held, &session).then_some(Event::Renewed(until))
            }
            Message::Lost(session) => {
                if !is_held(&self.held, &session) {
                    return None;
                }
                self.held = None;
                Some(Event::LeaseLost)
            }
        }
    }

    fn ask(&mut self, ticket: Ticket, request: Request, delay: Delay) {
        let (questions, messages) = (Arc::clone(&self.questions), self.messages.clone());
        let task = tokio::spawn(async move {
            tokio::time::sleep(delay.with(daemon::backoff::jitter())).await;
            let (answer, lease) = questions.answer(request).await;
            // Fails only when the loop is gone, and with it everybody who could care.
            drop(messages.send(Message::Answered(ticket, answer, lease)));
        });
        match self.asked.replace((ticket, request, task)) {
            // Cut off in the middle it could leave a session behind that holds the lock.
            Some((_, Request::Lock, _)) | None => {}
            Some((_, _, older)) => older.abort(),
        }
    }

    fn hold(&mut self, lease: Lease) {
        let (questions, messages) = (Arc::clone(&self.questions), self.messages.clone());
        let kept = lease.clone();
        let task = tokio::spawn(async move {
            let session = kept.session.clone();
            let renewed = |until| drop(messages.send(Message::Renewed(session.clone(), until)));
            questions.lock.keep(kept, renewed).await;
            drop(messages.send(Message::Lost(session)));
        });
        self.held = Some((lease, task));
    }

    fn release(&mut self) {
        if let Some((lease, renewal)) = self.held.take() {
            renewal.abort();
            self.give_back(lease);
        }
    }

    fn give_back(&self, lease: Lease) {
        let questions = Arc::clone(&self.questions);
        drop(tokio::spawn(async move { questions.lock.release(&lease.session).await }));
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// One line for each step that an operator wants to know of.
fn announce(before: &State, after: &State) {
    if before.name() == after.name() {
        return;
    }
    match after {
        State::Hold(why) => {
            tracing::warn!(?why, "Configuration cannot be trusted, nothing is restarted for it");
        }
        State::WaitDeployment(_) => {
            tracing::info!("Configuration changed during a deployment, waiting for its end");
        }
        State::Doomed(_) => tracing::info!("Marathon replaces this task"),
        State::Post(..) => tracing::info!("Asking Marathon for one rolling restart"),
        State::Blocked { .. } => {
            tracing::error!("Restart needed, but Marathon refuses; trying again in five minutes");
        }
        State::Sync if matches!(before, State::Hold(_)) => {
            tracing::info!("Configuration is as this task has it");
        }
        _ => tracing::debug!(from = before.name(), to = after.name(), "Restart protocol"),
    }
}
