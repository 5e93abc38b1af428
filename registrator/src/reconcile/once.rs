//! What is done once: a synchronization, a plan, an explanation.

use std::collections::{BTreeMap, BTreeSet};

use daemon::exit::Exit;
use marathon::AppId;

use super::converge::{Outcome, say};
use super::{Reconciler, State};
use crate::agents;
use crate::cli::Output;
use crate::config::Run;
use crate::exit::Obstacle;
use crate::explain::explain;
use crate::snapshot::{self, Reading};
use crate::trigger::Work;
use crate::view::View;

impl Reconciler {
    pub(super) async fn once(&mut self) -> Result<Exit, Obstacle> {
        let heres = self.discover().await?;
        self.state = State::Blind(heres);
        let (marathon, heres) = (self.marathon.clone(), self.heres());
        let read = snapshot::marathon(marathon, Work::All, View::default(), heres).await;
        let Reading { asked, outcome, resolved, .. } = read;
        self.absorb(outcome?, asked, &resolved);
        if let Run::Explain(app, output) = self.config.run.clone() {
            return self.explain(&app, output).await;
        }
        Ok(match self.converge().await {
            Outcome::Done => Exit::Success,
            Outcome::Held => Exit::TemporaryFailure,
            Outcome::Failed { denied: true } => Exit::Denied,
            Outcome::Failed { denied: false } | Outcome::Nothing => Exit::Failure,
            Outcome::Unanswered(err) => return Err(err.into()),
        })
    }

    async fn explain(&mut self, app: &AppId, output: Output) -> Result<Exit, Obstacle> {
        let State::Seeing(mirror) = &mut self.state else { return Ok(Exit::Failure) };
        let agents = self.agents.iter();
        let agents: BTreeMap<_, _> =
            agents.map(|(name, agent)| (name.clone(), agent.client.clone())).collect();
        let (mut skipped, mut unwritten) = (BTreeSet::new(), BTreeSet::new());
        for (name, answer) in agents::read(agents.into_iter()).await {
            let step = mirror.step(&name, &answer?, std::time::Instant::now());
            skipped.extend(step.skipped);
            unwritten.extend(step.plan.register.into_keys());
        }
        let Some(explanation) = explain(mirror, app, &skipped, &unwritten) else {
            say(&format!("Marathon has no app {app}"));
            return Ok(Exit::Failure);
        };
        match output {
            Output::Text => say(&explanation.to_string()),
            Output::Json => say(&format!("{:#}", explanation.to_json())),
        }
        Ok(Exit::Success)
    }
}
