//! The protocol's questions, put to Consul and Marathon.

use std::time::Instant;

use daemon::outage::Outage;
use marathon::{AppId, Client, Error, Kind};
use tokio::sync::Mutex;

use crate::lock::{Attempt, Lease, Lock};
use crate::restart::{Answer, App, Election, Fault, Posted, Request, Wanted};
use crate::version::Version;
use crate::watch::Watch;

/// Whom to ask, and about what.
pub(super) struct Questions {
    pub(super) watch: Watch,
    pub(super) configured: bool,
    pub(super) lock: Lock,
    pub(super) marathon: Client,
    pub(super) app: AppId,
    pub(super) outages: Outages,
}

/// What fails, and was said to fail.
#[derive(Default)]
pub(super) struct Outages {
    marathon: Mutex<Outage>,
    lock: Mutex<Outage>,
}

impl Questions {
    /// Asks; a lock that was won comes with its lease.
    pub(super) async fn answer(&self, request: Request) -> (Answer, Option<Lease>) {
        let answer = match request {
            Request::App => Answer::App(self.app().await),
            Request::Verify => Answer::Verified(self.verify().await),
            Request::Post => Answer::Posted(self.post().await),
            Request::Lock => {
                let (election, lease) = self.elect().await;
                return (Answer::Lock(election), lease);
            }
            Request::LockFree => {
                self.lock.freed().await;
                Answer::LockFree
            }
        };
        (answer, None)
    }

    async fn app(&self) -> Result<App, Fault> {
        let answer = self.marathon.app(&self.app).await;
        let mut outage = self.outages.marathon.lock().await;
        match answer {
            Ok(app) => {
                if outage.recovered(Instant::now()).is_some() {
                    tracing::info!("Marathon answers again");
                }
                // Unknown shapes of a version come from nothing we know: better not to act.
                let Some(changed) = Version::parse(app.config_version()) else {
                    let version = app.config_version();
                    tracing::error!(version, "Marathon gives the app a version nobody can read");
                    return Err(Fault::Refused);
                };
                Ok(App { changed, deploying: !app.deployments.is_empty() })
            }
            Err(error) => {
                if outage.failed(&error, Instant::now()) {
                    tracing::warn!(error = %error, "Marathon does not tell about the app");
                }
                Err(fault(&error))
            }
        }
    }

    async fn verify(&self) -> Result<(Wanted, App), Fault> {
        let reading = self.watch.now(self.configured).await.map_err(|error| {
            tracing::warn!(error = %error, "Configuration not verified");
            Fault::Unreachable
        })?;
        Ok((reading.wanted(), self.app().await?))
    }

    async fn post(&self) -> Posted {
        let app = &self.app;
        match self.marathon.restart(app).await {
            Ok(submitted) => {
                let (deployment, version) = (submitted.deployment_id, submitted.version);
                tracing::info!(%app, deployment, version, "Marathon restarts the app");
                Posted::Accepted
            }
            Err(error) => {
                let outcome = judge(&error.kind, error.may_have_been_delivered());
                if outcome == Posted::Refused {
                    tracing::error!(%app, error = %error, "Marathon refused the restart");
                } else {
                    tracing::warn!(%app, error = %error, ?outcome, "Restart not confirmed");
                }
                outcome
            }
        }
    }

    async fn elect(&self) -> (Election, Option<Lease>) {
        let attempt = self.lock.acquire().await;
        let mut outage = self.outages.lock.lock().await;
        match attempt {
            Ok(Attempt::Won(lease)) => {
                if outage.recovered(Instant::now()).is_some() {
                    tracing::info!("Lock reachable again");
                }
                (Election::Won(lease.until), Some(lease))
            }
            Ok(Attempt::Lost) => (Election::Lost, None),
            Err(error) => {
                let denied = matches!(error.status(), Some(401 | 403));
                if outage.failed(&error, Instant::now()) {
                    let message = if denied {
                        "No right to lock, instances may ask Marathon at the same time"
                    } else {
                        "Lock not reachable"
                    };
                    tracing::warn!(error = %error, "{message}");
                }
                (if denied { Election::Denied } else { Election::Unreachable }, None)
            }
        }
    }
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
        Kind::Status { status: 400..500, .. } => Posted::Refused,
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
        for (kind, delivered, want) in [
            (Kind::Connect("refused".to_owned()), false, Posted::Later),
            (Kind::Transport("reset".to_owned()), true, Posted::Unknown),
            (Kind::Timeout(Duration::from_secs(10)), true, Posted::Unknown),
            (Kind::RedirectLoop(5), false, Posted::Later),
            (status(409, ""), false, Posted::Conflict),
            (status(403, "Not Authorized to perform this action!"), false, Posted::Refused),
            (status(403, "Max number of running deployments exceeded"), false, Posted::Later),
            (status(401, ""), false, Posted::Refused),
            (status(404, ""), false, Posted::Refused),
            (status(422, ""), false, Posted::Refused),
            (status(429, ""), false, Posted::Later),
            (status(502, ""), true, Posted::Unknown),
            (status(503, ""), true, Posted::Unknown),
        ] {
            assert_eq!(judge(&kind, delivered), want, "{kind}");
        }
    }
}
