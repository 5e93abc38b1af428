//! The loop that runs [`Instance`].

use std::sync::Arc;
use std::time::Instant;

use daemon::exit::Exit;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Order;
use super::journal::{Journal, announce};
use super::questions::Questions;
use crate::lock::Lease;
use crate::reading::Reading;
use crate::restart::{Action, Answer, Delay, Event, Instance, Request, Ticket};

/// What comes back from the tasks that ask.
enum Message {
    Answered(Ticket, Answer, Option<Lease>),
    Renewed(String, Instant),
    Lost(String),
}

pub(super) struct Coordinator<F> {
    instance: Instance,
    questions: Arc<Questions>,
    /// Takes what concerns the child.
    orders: F,
    messages: mpsc::UnboundedSender<Message>,
    received: mpsc::UnboundedReceiver<Message>,
    asked: Option<(Ticket, Request, JoinHandle<()>)>,
    held: Option<(Lease, JoinHandle<()>)>,
}

impl<F: FnMut(Order)> Coordinator<F> {
    pub(super) fn new(instance: Instance, questions: Questions, orders: F) -> Self {
        let (messages, received) = mpsc::unbounded_channel();
        let questions = Arc::new(questions);
        Self { instance, questions, orders, messages, received, asked: None, held: None }
    }

    pub(super) async fn run(mut self, mut readings: mpsc::Receiver<Reading>, mut journal: Journal) {
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
                journal.stands(self.instance.state());
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
                Action::Report => {
                    let state = self.instance.state().name();
                    tracing::warn!(state, "The app's deployment does not end");
                }
                Action::Signal => {
                    if let Some(number) = self.questions.signal {
                        tracing::info!(number, "Configuration changed, signalling the command");
                        (self.orders)(Order::Signal(number));
                    }
                }
                // So that something starts the command again.
                Action::Leave => (self.orders)(Order::Leave(Exit::TemporaryFailure as u8)),
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
        let session = self.held.as_ref().map(|(lease, _)| lease.session.clone());
        let asked = request.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(delay.with(daemon::backoff::jitter())).await;
            let (answer, lease) = questions.answer(request, session.as_deref()).await;
            // Fails only when the loop is gone, and with it everybody who could care.
            drop(messages.send(Message::Answered(ticket, answer, lease)));
        });
        match self.asked.replace((ticket, asked, task)) {
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
