//! What a change of the configuration leads to (pure).

use std::ffi::OsString;

use marathon::AppId;

use super::{Error, NONE, Positional, Variables};
use crate::cli::{RestartArgs, RestartBy, StuckBy};
use crate::restart::flap::LONGEST_PAUSE;
use crate::restart::{self, LONGEST_SETTLE, Policy, Stuck};
use crate::version::Version;

/// What a change leads to, and when.
#[derive(Clone, Debug)]
pub struct Restart {
    /// When.
    pub policy: Policy,
    /// To what.
    pub way: Way,
}

/// What a change leads to.
#[derive(Clone, Debug)]
pub enum Way {
    /// A line in the log.
    None,
    /// This signal for the command.
    Signal(i32),
    /// The end of one instance after the other.
    Exit(Member),
    /// A rolling restart.
    Marathon(Box<App>),
}

/// The app this process is an instance of, and Marathon, which runs it.
#[derive(Clone, Debug)]
pub struct App {
    /// Where Marathon is, and how it is reached.
    pub marathon: marathon::Config,
    /// The app.
    pub id: AppId,
    /// Which of its instances this is.
    pub member: Member,
    /// The version this task was launched as, if it was launched by Marathon.
    pub version: Option<Version>,
}

/// An instance among others.
#[derive(Clone, Debug)]
pub struct Member {
    /// The app's id without its leading slash: what they share.
    pub app: String,
    /// The task's id in Mesos; empty outside of Mesos.
    pub task: String,
    /// The host's name, as far as it is known.
    pub host: String,
}

impl Restart {
    pub(super) fn new(
        args: &RestartArgs,
        positional: Option<&Positional>,
        app_id: String,
        variables: &Variables<impl Fn(&'static str) -> Option<OsString>>,
    ) -> Result<Self, Error> {
        let marathon = match positional {
            Some(words) => Some(words.marathon.clone()),
            None => variables.unless(args.marathon.as_ref(), "MARATHON_URL")?,
        };
        let marathon = marathon.filter(|address| address != NONE);
        let id = AppId::new(app_id);
        let member = Member {
            app: id.as_str().trim_start_matches('/').to_owned(),
            task: variables.text("MESOS_TASK_ID")?.unwrap_or_default(),
            host: variables.text("HOSTNAME")?.unwrap_or_default(),
        };
        let (way, by) = match (args.restart, marathon) {
            (Some(RestartBy::None), _) | (None, None) => (Way::None, restart::Way::Marathon),
            (Some(RestartBy::Signal), _) => {
                (Way::Signal(args.restart_signal), restart::Way::Signal)
            }
            (Some(RestartBy::Exit), _) => (Way::Exit(member), restart::Way::Exit),
            (_, Some(marathon)) => {
                let variable = |name| variables.text(name).ok().flatten();
                let marathon = args.access.config(marathon.parse()?, variable)?;
                let version = variables.text("MARATHON_APP_VERSION")?;
                let version = version.as_deref().and_then(Version::parse);
                let app = App { marathon, id, member, version };
                (Way::Marathon(Box::new(app)), restart::Way::Marathon)
            }
            (Some(RestartBy::Marathon), None) => {
                return Err(Error::NoMarathon("--marathon or MARATHON_URL"));
            }
        };
        Ok(Self { policy: policy(args, by)?, way })
    }

    /// Without configuration there is nothing to restart for.
    pub(super) fn needless(args: &RestartArgs) -> Result<(), Error> {
        match (policy(args, restart::Way::Marathon)?, args.restart) {
            (_, Some(RestartBy::Marathon)) => Err(Error::NoMarathon("Consul")),
            (_, Some(RestartBy::Signal | RestartBy::Exit | RestartBy::None) | None) => Ok(()),
        }
    }
}

fn policy(args: &RestartArgs, way: restart::Way) -> Result<Policy, Error> {
    if args.settle > LONGEST_SETTLE {
        return Err(Error::Settle);
    }
    if args.min_interval > LONGEST_PAUSE {
        return Err(Error::Interval);
    }
    let stuck = match args.stuck {
        StuckBy::Wait => Stuck::Wait,
        StuckBy::Exit => Stuck::Exit,
        StuckBy::Force => Stuck::Force,
    };
    Ok(Policy {
        way,
        settle: args.settle,
        interval: args.min_interval,
        stuck,
        stuck_after: args.stuck_after,
    })
}
