//! One comparison: asks the agents what they have, and writes what is different.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use daemon::backoff::jitter;
use daemon::exit::Exit;
use marathon::AppId;
use serde_json::{Map, Value};
use tracing::{info, warn};

use super::{Reconciler, State};
use crate::agents::{self, Answer};
use crate::apply;
use crate::board::AgentState;
use crate::cli::Output;
use crate::config::{Mode, Scope};
use crate::heartbeat::Beat;
use crate::mirror::{Mirror, Step};
use crate::origin;
use crate::plan::{Plan, plan};
use crate::service::{Registration, ServiceId, mark};
use crate::skipped::{Reason, Skipped};
use crate::unwritten::Failure;

/// What came of a comparison.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Everything is as it should be.
    Done,
    /// A removal waits.
    Held,
    /// A service could not be written; `denied` when for want of rights.
    Failed { denied: bool },
    /// An agent did not say what it has.
    Unanswered(consul::Error),
    /// Nothing is known yet.
    Nothing,
}

impl Reconciler {
    pub(super) async fn converge(&mut self) -> Outcome {
        let State::Seeing(mirror) = &self.state else { return Outcome::Nothing };
        let now = Instant::now();
        self.write_at = mirror.write_at(now);
        let concerned = (!self.visit_all).then(|| mirror.concerned());
        self.visit_all = false;
        let due = self.agents.iter().filter(|(name, agent)| {
            agent.is_ready(now) && concerned.as_ref().is_none_or(|them| them.contains(*name))
        });
        let due: Vec<_> = due.map(|(name, agent)| (name.clone(), agent.client.clone())).collect();
        self.board.asked_consul("read", 2 * due.len());
        let answers = agents::read(due.into_iter()).await;
        let mut outcome = Outcome::Done;
        let mut plans = BTreeMap::new();
        for (name, answer) in answers {
            let next = self.converge_agent(&name, answer, &mut plans).await;
            if !matches!(next, Outcome::Done) {
                outcome = next;
            }
        }
        if let Mode::Print(output) = self.config.mode {
            self.print(&plans, output);
        }
        match outcome {
            Outcome::Done | Outcome::Held => {
                self.notify.tell("READY=1\nSTATUS=Marathon and Consul agree");
            }
            // What cannot be written must not keep what can from being started.
            Outcome::Failed { .. } => {
                self.notify.tell("READY=1\nSTATUS=Some services cannot be written");
            }
            Outcome::Unanswered(_) | Outcome::Nothing => {}
        }
        self.board.synced(|name| self.agents.contains_key(name), Instant::now());
        outcome
    }

    async fn converge_agent(
        &mut self,
        name: &str,
        answer: Answer,
        plans: &mut BTreeMap<String, Plan>,
    ) -> Outcome {
        let now = Instant::now();
        let State::Seeing(mirror) = &mut self.state else { return Outcome::Nothing };
        let Some(agent) = self.agents.get_mut(name) else { return Outcome::Nothing };
        let actual = match answer {
            Ok(actual) => actual,
            Err(err) => {
                self.board.error("consul");
                self.board.agent_failed(name, &err.to_string());
                agent.failed(name, &err, now);
                return Outcome::Unanswered(err);
            }
        };
        if agent.answers(name, now) {
            // It may come back under another name, and its checks know nothing of before.
            self.trigger.everything();
            mirror.unheard(name);
        }
        let Step { plan, held, skipped, beats } = mirror.step(name, &actual, now);
        if let Some(at) = mirror.ask_at() {
            self.trigger.everything_at(at);
        }
        let mut skipped = Arc::new(skipped);
        agent.report.skipped(Arc::clone(&skipped));
        self.board.planned(&plan);
        let (services, held_removals) = (plan.keep + plan.register.len(), held.len());
        agent.report.held(held);
        let outcome = match self.config.mode {
            Mode::Write => self.write(name, plan, beats).await,
            Mode::Print(_) => {
                plans.insert(name.to_owned(), plan);
                Outcome::Done
            }
        };
        let unwritten = self.agents.get(name).into_iter().flat_map(|agent| agent.unwritten.iter());
        let unwritten: Vec<_> = unwritten.map(|(_, failure)| failure.skipped.clone()).collect();
        if !unwritten.is_empty() {
            Arc::make_mut(&mut skipped).extend(unwritten);
        }
        let state = AgentState { services, held: held_removals, skipped, error: None };
        self.board.agent(name, state);
        match outcome {
            Outcome::Done if held_removals > 0 => Outcome::Held,
            outcome => outcome,
        }
    }

    async fn write(&mut self, name: &str, mut plan: Plan, beats: Vec<Beat>) -> Outcome {
        let State::Seeing(mirror) = &mut self.state else { return Outcome::Nothing };
        let Some(agent) = self.agents.get_mut(name) else { return Outcome::Nothing };
        let now = Instant::now();
        agent.unwritten.hold(&mut plan, now);
        let writes = plan.register.len() + plan.maintenance.len() + plan.deregister.len();
        let removed = apps_of(plan.deregister.iter());
        self.board.asked_consul("write", writes);
        let written = apply::apply(&agent.client, plan).await;
        self.board.written(written.registered, written.deregistered);
        agent.unwritten.taken(&written.taken, now);
        for (id, err) in &written.failed {
            self.board.error("write");
            let skipped = refused(mirror, &removed, id, err);
            agent.unwritten.failed(id, skipped, err.status(), now, jitter());
        }
        agent.report.unwritten(name, &agent.unwritten);
        if written.is_stopped() {
            agent.pause(now);
        } else if written.failed.is_empty() && writes > 0 {
            agent.resume();
        }
        self.board.asked_consul("ttl", beats.len());
        if !apply::beat(&agent.client, beats).await {
            mirror.unheard(name);
        }
        if agent.unwritten.is_empty() {
            return Outcome::Done;
        }
        let denied = |failure: &Failure| matches!(failure.status, Some(401 | 403));
        Outcome::Failed { denied: agent.unwritten.iter().any(|(_, failure)| denied(failure)) }
    }

    /// Prints what would be written, when that is something else than before.
    fn print(&mut self, plans: &BTreeMap<String, Plan>, output: Output) {
        let is_one = matches!(self.config.scope, Scope::Beside(_));
        let text = match (output, plans.values().next()) {
            (_, None) => return,
            (Output::Text, Some(plan)) if is_one => plan.to_string(),
            (Output::Json, Some(plan)) if is_one => format!("{:#}", plan.to_json()),
            (Output::Text, _) => {
                let parts = plans.iter().filter(|(_, plan)| !plan.is_empty());
                let parts = parts.map(|(name, plan)| format!("agent {name}\n{plan}"));
                parts.collect::<Vec<_>>().join("\n")
            }
            (Output::Json, _) => {
                let plans = plans.iter().map(|(name, plan)| (name.clone(), plan.to_json()));
                format!("{:#}", Value::Object(plans.collect::<Map<_, _>>()))
            }
        };
        if self.printed.as_ref() != Some(&text) {
            say(&text);
            self.printed = Some(text);
        }
    }

    /// Removes everything of ours, as the last thing.
    pub(super) async fn leave(&mut self) -> Exit {
        let mut exit = Exit::Success;
        let agents = self.agents.iter();
        let agents = agents.map(|(name, agent)| (name.clone(), agent.client.clone()));
        for (name, answer) in agents::read(agents.collect::<Vec<_>>().into_iter()).await {
            let (Ok(actual), Some(agent)) = (answer, self.agents.get(&name)) else {
                warn!(agent = name, "Services stay: the agent does not answer");
                exit = Exit::Failure;
                continue;
            };
            let plan = plan(&BTreeMap::new(), &actual, &self.config.rules.ownership);
            let count = plan.deregister.len();
            if let Mode::Print(_) = self.config.mode {
                say(&plan.to_string());
            } else if apply::apply(&agent.client, plan).await.failed.is_empty() {
                info!(agent = name, services = count, "Services removed with us");
            } else {
                exit = Exit::Failure;
            }
        }
        exit
    }
}

fn apps_of<'a, Id: ToString + 'a>(
    services: impl Iterator<Item = (&'a Id, &'a Registration)>,
) -> BTreeMap<String, AppId> {
    let app = |service: &Registration| AppId::from(service.meta(mark::APP).unwrap_or_default());
    services.map(|(id, service)| (id.to_string(), app(service))).collect()
}

/// Why a service is not as it should be, given the apps of those that were to be removed.
fn refused(
    mirror: &Mirror,
    removed: &BTreeMap<String, AppId>,
    id: &str,
    err: &consul::Error,
) -> Skipped {
    let parsed = id.parse::<ServiceId>().ok();
    let wanted = parsed.as_ref().map(|id| apps_of(mirror.services_of(&id.task)));
    let app = removed.get(id).or_else(|| wanted.as_ref()?.get(id)).cloned();
    let app = app.unwrap_or_else(|| AppId::from(""));
    let keys = parsed.as_ref().map(|id| origin::keys(mirror.view(), &app, id)).unwrap_or_default();
    let (keys, why) = (origin::blamed(keys, &err.kind), err.to_string());
    let reason = Reason::Refused { id: id.to_owned(), keys, why };
    Skipped { app, task: parsed.map(|id| id.task), reason }
}

/// Prints what the program was asked for.
pub(super) fn say(text: &str) {
    // Nobody reads it any more: nothing is lost.
    drop(writeln!(std::io::stdout(), "{text}"));
}
