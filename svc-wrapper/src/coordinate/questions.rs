//! The protocol's questions, put to Consul and Marathon.

use std::time::{Instant, SystemTime};

use consul::Consistency;
use daemon::outage::Outage;
use marathon::{AppId, Client, Error, Kind, TaskState};
use tokio::sync::Mutex;

use super::notes::Notes;
use crate::lock::{Attempt, Lease, Lock};
use crate::restart::{
    Accepted, Answer, App, Election, Fault, Found, Moment, Posted, Progress, Request, Task, Written,
};
use crate::version::Version;
use crate::watch::Watch;

/// Whom to ask, and about what.
pub(super) struct Questions {
    pub(super) watch: Watch,
    pub(super) notes: Notes,
    pub(super) lock: Lock,
    pub(super) marathon: Option<Marathon>,
    /// What a change leads to instead.
    pub(super) signal: Option<i32>,
    pub(super) outages: Outages,
}

/// Marathon, and what to ask it about.
pub(super) struct Marathon {
    pub(super) client: Client,
    pub(super) app: AppId,
    /// Ours; empty outside of Mesos.
    pub(super) task: String,
    pub(super) watches_progress: bool,
}

/// What fails, and was said to fail.
#[derive(Default)]
pub(super) struct Outages {
    marathon: Mutex<Outage>,
    lock: Mutex<Outage>,
}

impl Questions {
    /// Asks; a lock that was won comes with its lease. `session` is what holds the lock for us, if we have it.
    pub(super) async fn answer(
        &self,
        request: Request,
        session: Option<&str>,
    ) -> (Answer, Option<Lease>) {
        let answer = match request {
            Request::App => Answer::App(self.app().await),
            Request::Verify => Answer::Verified(self.verify().await.map(Box::new)),
            Request::Post { force, before } => Answer::Posted(self.post(force, before).await),
            Request::Lock => {
                let (election, lease) = self.elect().await;
                return (Answer::Lock(election), lease);
            }
            Request::LockFree => {
                self.lock.freed().await;
                Answer::LockFree
            }
            Request::Unpaused => {
                self.notes.unpaused().await;
                Answer::Unpaused
            }
            Request::Write(record, index) => Answer::Written(match session {
                Some(session) => self.notes.write(&record, index, session).await,
                None => Written::Outdated,
            }),
        };
        (answer, None)
    }

    async fn app(&self) -> Result<App, Fault> {
        let Some(marathon) = &self.marathon else { return Err(Fault::Refused) };
        let answer = marathon.app().await;
        let mut outage = self.outages.marathon.lock().await;
        match answer {
            Ok(app) => {
                if outage.recovered(Instant::now()).is_some() {
                    tracing::info!("Marathon answers again");
                }
                // Unknown shapes of a version come from nothing we know: better not to act.
                app.ok_or(Fault::Refused)
            }
            Err(error) => {
                if outage.failed(&error, Instant::now()) {
                    tracing::warn!(error = %error, "Marathon does not tell about the app");
                }
                Err(fault(&error))
            }
        }
    }

    /// All at once, because what was read first is already old when the last is read.
    async fn verify(&self) -> Result<Found, Fault> {
        let app = async {
            match &self.marathon {
                Some(_) => self.app().await.map(Some),
                None => Ok(None),
            }
        };
        let (reading, noted, app) =
            tokio::join!(self.watch.now(), self.notes.read(Consistency::Consistent), app);
        let unreachable = |error: consul::Error| {
            tracing::warn!(error = %error, "Configuration not verified");
            Fault::Unreachable
        };
        let wanted = reading.map_err(unreachable)?.wanted();
        let (slot, bar, at) = match noted {
            Ok(Some(noted)) => (noted.slot, noted.bar, noted.at),
            Ok(None) => return Err(Fault::Unreachable),
            // Without the right to read them there is no lock either.
            Err(error) if matches!(error.status(), Some(401 | 403)) => {
                (None, None, Moment::from(SystemTime::now()))
            }
            Err(error) => return Err(unreachable(error)),
        };
        Ok(Found { wanted, app: app?, slot, bar, at })
    }

    async fn post(&self, force: bool, before: Option<Instant>) -> Posted {
        let Some(Marathon { client, app, .. }) = &self.marathon else { return Posted::Later };
        // A process that was stopped in between does not know how long.
        if before.is_some_and(|before| Instant::now() >= before) {
            return Posted::Later;
        }
        let answer =
            if force { client.force_restart(app).await } else { client.restart(app).await };
        match answer {
            Ok(submitted) => {
                let (deployment, version) = (submitted.deployment_id, submitted.version);
                tracing::info!(%app, deployment, version, force, "Marathon restarts the app");
                Posted::Accepted(Accepted { version: Version::parse(&version), deployment })
            }
            Err(error) => {
                let outcome = judge(&error.kind, error.may_have_been_delivered());
                if matches!(outcome, Posted::Refused(_)) {
                    tracing::error!(%app, error = %error, "Marathon refused the restart");
                } else {
                    tracing::warn!(%app, error = %error, ?outcome, "Restart not confirmed");
                }
                outcome
            }
        }
    }

    async fn elect(&self) -> (Election, Option<Lease>) {
        let attempt = self.attempt().await;
        let mut outage = self.outages.lock.lock().await;
        match attempt {
            Ok(outcome) => {
                if outage.recovered(Instant::now()).is_some() {
                    tracing::info!("Lock reachable again");
                }
                outcome
            }
            Err(error) => {
                let denied = matches!(error.status(), Some(401 | 403));
                if outage.failed(&error, Instant::now()) {
                    let message = if denied {
                        "No right to lock, instances may ask at the same time"
                    } else {
                        "Lock not reachable"
                    };
                    tracing::warn!(error = %error, "{message}");
                }
                (if denied { Election::Denied } else { Election::Unreachable }, None)
            }
        }
    }

    async fn attempt(&self) -> Result<(Election, Option<Lease>), consul::Error> {
        let Some(noted) = self.notes.read(Consistency::Default).await? else {
            return Ok((Election::Unreachable, None));
        };
        Ok(match noted.bar {
            Some(bar) => (Election::Barred(bar), None),
            None if noted.locked => (Election::Lost, None),
            None => match self.lock.acquire().await? {
                Attempt::Won(lease) => (Election::Won(lease.until), Some(lease)),
                Attempt::Lost => (Election::Lost, None),
            },
        })
    }
}

impl Marathon {
    /// `None` when it has a version nobody can read.
    async fn app(&self) -> Result<Option<App>, Error> {
        let app = self.client.app(&self.app).await?;
        let version = app.config_version();
        let Some(changed) = Version::parse(version) else {
            tracing::error!(version, "Marathon gives the app a version nobody can read");
            return Ok(None);
        };
        let deployments: Vec<String> =
            app.deployments.iter().map(|deployment| deployment.id.clone()).collect();
        let progress = match deployments.as_slice() {
            [id] if self.watches_progress => self.progress(id, &app, changed).await?,
            _ => None,
        };
        Ok(Some(App { changed, deployments, task: task(&app, &self.task), progress }))
    }

    async fn progress(
        &self,
        id: &str,
        app: &marathon::App,
        changed: Version,
    ) -> Result<Option<Progress>, Error> {
        let Some(deployment) = self.client.deployment(id).await? else { return Ok(None) };
        let is_new = |task: &marathon::Task| {
            task.version.as_deref().and_then(Version::parse) >= Some(changed)
        };
        let is_renewed = |task: &&marathon::Task| {
            is_new(task) && task.state() == TaskState::Running && healthy(app, task) != Some(false)
        };
        Ok(Some(Progress {
            step: deployment.current_step,
            renewed: app.tasks.iter().filter(is_renewed).count(),
            alone: deployment.affected_apps == [self.app.clone()],
        }))
    }
}

fn task(app: &marathon::App, id: &str) -> Option<Task> {
    let task = app.tasks.iter().find(|task| task.id.as_str() == id)?;
    let version = task.version.as_deref().and_then(Version::parse);
    Some(Task { version, healthy: healthy(app, task) })
}

/// As Marathon counts it while it deploys: every check has passed, and there is one result for each.
fn healthy(app: &marathon::App, task: &marathon::Task) -> Option<bool> {
    let results = &task.health_check_results;
    let checks = app.health_checks.len();
    (checks > 0).then(|| results.len() >= checks && results.iter().all(|result| result.alive))
}

fn fault(error: &Error) -> Fault {
    match error.status() {
        Some(401 | 403 | 404) => Fault::Refused,
        _ => Fault::Unreachable,
    }
}

/// What the kind of an error means for the request for a restart. `delivered` says that Marathon may have acted on it.
fn judge(kind: &Kind, delivered: bool) -> Posted {
    /// Marathon's words (`TooManyRunningDeploymentsException`) for a 403 that passes.
    const TOO_MANY: &str = "Max number of running deployments";
    match kind {
        Kind::Status { status: 409, .. } => Posted::Conflict,
        Kind::Status { status: 403, message, .. } if message.contains(TOO_MANY) => Posted::Later,
        Kind::Status { status: 408 | 429, .. } => Posted::Later,
        Kind::Status { status: 400..500, .. } => Posted::Refused(kind.to_string()),
        _ if delivered => Posted::Unknown,
        _ => Posted::Later,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn tells_what_a_refusal_means() {
        let status = |status, message: &str| Kind::Status {
            status,
            message: message.to_owned(),
            deployments: Vec::new(),
        };
        let refused = |status: &str| Posted::Refused(format!("status {status}"));
        for (kind, delivered, want) in [
            (Kind::Connect("refused".to_owned()), false, Posted::Later),
            (Kind::Transport("reset".to_owned()), true, Posted::Unknown),
            (Kind::Timeout(Duration::from_secs(10)), true, Posted::Unknown),
            (Kind::RedirectLoop(5), false, Posted::Later),
            (status(409, ""), false, Posted::Conflict),
            (
                status(403, "Not Authorized to perform this action!"),
                false,
                refused("403: Not Authorized to perform this action!"),
            ),
            (status(403, "Max number of running deployments exceeded"), false, Posted::Later),
            (status(401, ""), false, refused("401")),
            (status(404, ""), false, refused("404")),
            (status(422, ""), false, refused("422")),
            (status(429, ""), false, Posted::Later),
            (status(502, ""), true, Posted::Unknown),
            (status(503, ""), true, Posted::Unknown),
        ] {
            assert_eq!(judge(&kind, delivered), want, "{kind}");
        }
    }
}
