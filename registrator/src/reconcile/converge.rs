//! One comparison: asks the agents what they have, and writes what is different.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use daemon::exit::Exit;
use serde_json::{Map, Value};
use tracing::{info, warn};

use super::{Reconciler, State};
use crate::agents::{self, Answer};
use crate::apply;
use crate::board::AgentState;
use crate::cli::Output;
use crate::config::{Mode, Scope};
use crate::heartbeat::Beat;
use crate::mirror::Step;
use crate::plan::{Plan, plan};

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
        if matches!(outcome, Outcome::Done | Outcome::Held) {
            self.notify.tell("READY=1\nSTATUS=Marathon and Consul agree");
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
        let skipped = Arc::new(skipped);
        agent.report.skipped(Arc::clone(&skipped));
        self.board.planned(&plan);
        let services = plan.keep + plan.register.len();
        let state = AgentState { services, held: held.len(), skipped, error: None };
        self.board.agent(name, state);
        let is_held = !held.is_empty();
        agent.report.held(held);
        let outcome = match self.config.mode {
            Mode::Write => self.write(name, plan, beats).await,
            Mode::Print(_) => {
                plans.insert(name.to_owned(), plan);
                Outcome::Done
            }
        };
        match outcome {
            Outcome::Done if is_held => Outcome::Held,
            outcome => outcome,
        }
    }

    async fn write(&mut self, name: &str, plan: Plan, beats: Vec<Beat>) -> Outcome {
        let Some(agent) = self.agents.get_mut(name) else { return Outcome::Nothing };
        let writes = plan.register.len() + plan.maintenance.len() + plan.deregister.len();
        self.board.asked_consul("write", writes);
        let apply::Outcome { failed, registered, deregistered, pushed_back } =
            apply::apply(&agent.client, plan).await;
        self.board.written(registered, deregistered);
        for _ in &failed {
            self.board.error("write");
        }
        agent.report.failed(name, &failed);
        if pushed_back {
            agent.pause(Instant::now());
        } else if failed.is_empty() && writes > 0 {
            agent.resume();
        }
        self.board.asked_consul("ttl", beats.len());
        if !apply::beat(&agent.client, beats).await
            && let State::Seeing(mirror) = &mut self.state
        {
            mirror.unheard(name);
        }
        if failed.is_empty() {
            return Outcome::Done;
        }
        let denied = failed.values().any(|err| matches!(err.status(), Some(401 | 403)));
        Outcome::Failed { denied }
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
        self.notify.tell("STOPPING=1");
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

/// Prints what the program was asked for.
pub(super) fn say(text: &str) {
    // Nobody reads it any more: nothing is lost.
    drop(writeln!(std::io::stdout(), "{text}"));
}
