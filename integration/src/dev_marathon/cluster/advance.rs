//! From what there is to what there should be.

use jiff::Timestamp;

use super::deployment::{Kind, Standing};
use super::task::Task;
use super::{App, Cluster, Outside};
use crate::dev_marathon::app_id::AppId;
use crate::dev_marathon::rolling::{Census, moves};

impl Cluster {
    /// Brings every app a little nearer to its goal, and every deployment as far as it can get.
    pub(super) fn advance(&mut self, outside: &Outside<'_>) {
        loop {
            self.pursue_goals(outside);
            // One at a time: the end of a step changes what the apps of others may do.
            let ready = self.deployments.iter().position(|d| {
                d.current == 0
                    || d.step()
                        .is_none_or(|step| step.iter().all(|(id, kind)| self.is_done(id, *kind)))
            });
            match ready {
                Some(at) => self.finish_step(at, outside.now),
                None => return,
            }
        }
    }

    fn pursue_goals(&mut self, outside: &Outside<'_>) {
        let ids: Vec<AppId> = self.apps.keys().cloned().collect();
        for id in &ids {
            let standing = self.deployments.iter().map(|d| d.standing_of(id));
            match standing.flatten().find(|s| *s != Standing::Done) {
                Some(Standing::Later | Standing::Now(Kind::Start | Kind::Stop)) => {}
                Some(Standing::Now(Kind::Restart)) => self.replace(id, outside),
                Some(Standing::Now(Kind::Scale { .. }) | Standing::Done) | None => {
                    self.scale(id, outside);
                }
            }
        }
        let orphans = self.tasks.values().filter(|t| !self.apps.contains_key(&t.app));
        let orphans: Vec<String> = orphans.map(|t| t.id.clone()).collect();
        for id in orphans {
            self.kill(&id, true, outside);
        }
    }

    /// Has as many tasks as defined, whatever their version.
    fn scale(&mut self, id: &AppId, outside: &Outside<'_>) {
        let Some(wanted) = self.apps.get(id).map(|r| r.app.spec.instances) else { return };
        let active = self.tasks_of(id).filter(|t| t.is_active()).count();
        if active > wanted {
            self.kill_some(id, active - wanted, |_| true, outside);
        }
        self.launch(id, wanted.saturating_sub(active), outside);
    }

    /// Replaces the tasks of other configurations, within the bounds of the upgrade strategy.
    fn replace(&mut self, id: &AppId, outside: &Outside<'_>) {
        let Some(app) = self.apps.get(id).map(|r| r.app.clone()) else { return };
        let is_old = |task: &Task| !is_of(task, &app);
        let moves = moves(app.spec.instances, app.spec.bounds(), self.census(&app));
        self.kill_some(id, moves.kill_unhealthy, |t| is_old(t) && !t.is_healthy(), outside);
        self.kill_some(id, moves.kill_healthy, |t| is_old(t) && t.is_healthy(), outside);
        // When the app is made smaller while it was being replaced, there may be too many new ones.
        let new = self.tasks_of(id).filter(|t| t.is_active() && !is_old(t)).count();
        let surplus = new.saturating_sub(app.spec.instances);
        self.kill_some(id, surplus, |t| !is_old(t), outside);
        self.launch(id, moves.start, outside);
    }

    fn census(&self, app: &App) -> Census {
        let mut census = Census::default();
        for task in self.tasks_of(&app.id) {
            let count = match (task.is_active(), is_of(task, app), task.is_healthy()) {
                (false, _, _) => &mut census.dying,
                (true, false, true) => &mut census.old_healthy,
                (true, false, false) => &mut census.old_unhealthy,
                (true, true, true) => &mut census.new_healthy,
                (true, true, false) => &mut census.new_unhealthy,
            };
            *count += 1;
        }
        census
    }

    /// Kills `count` active tasks: those that do not run yet first, then as the app's `killSelection` says.
    fn kill_some(
        &mut self,
        id: &AppId,
        count: usize,
        which: impl Fn(&Task) -> bool,
        outside: &Outside<'_>,
    ) {
        let Some(record) = self.apps.get(id) else { return };
        let oldest_first = record.app.spec.kill_selection == "OLDEST_FIRST";
        let mut victims: Vec<&Task> =
            self.tasks_of(id).filter(|t| t.is_active() && which(t)).collect();
        victims.sort_by_key(|t| (t.is_running(), t.staged_at));
        if !oldest_first {
            victims.sort_by_key(|t| (t.is_running(), std::cmp::Reverse(t.staged_at)));
        }
        let victims: Vec<String> = victims.into_iter().take(count).map(|t| t.id.clone()).collect();
        for victim in victims {
            self.kill(&victim, true, outside);
        }
    }

    /// Whether an action has reached its goal.
    fn is_done(&self, id: &AppId, kind: Kind) -> bool {
        let record = self.apps.get(id);
        let mut tasks = self.tasks_of(id);
        match (kind, record) {
            (Kind::Start, _) => true,
            (Kind::Stop, _) | (_, None) => tasks.next().is_none(),
            (Kind::Scale { up }, Some(record)) => {
                let tasks: Vec<&Task> = tasks.collect();
                tasks.len() == record.app.spec.instances
                    && tasks.iter().all(|t| if up { t.is_healthy() } else { t.is_active() })
            }
            (Kind::Restart, Some(record)) => {
                let tasks: Vec<&Task> = tasks.collect();
                tasks.len() == record.app.spec.instances
                    && tasks.iter().all(|t| t.is_healthy() && is_of(t, &record.app))
            }
        }
    }

    /// Ends the present step, and the deployment after its last one.
    fn finish_step(&mut self, at: usize, now: Timestamp) {
        let Some(deployment) = self.deployments.get_mut(at) else { return };
        let ended = deployment.clone();
        deployment.current += 1;
        let next = deployment.clone();
        if let Some(step) = ended.step() {
            for (id, _) in step.iter().filter(|(_, kind)| **kind == Kind::Stop) {
                self.announce_app_terminated(id, now);
            }
            self.announce_step("deployment_step_success", &ended, now);
        }
        if next.step().is_some() {
            self.announce_step("deployment_info", &next, now);
        } else {
            self.deployments.remove(at);
            self.announce_deployment_success(&next, now);
        }
    }
}

/// Whether a task was started under the app's present configuration.
fn is_of(task: &Task, app: &App) -> bool {
    task.definition.last_config_change_at == app.last_config_change_at
}
