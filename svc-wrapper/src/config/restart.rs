//! What a change of the configuration leads to (pure).

use std::ffi::OsString;
use std::time::Duration;

use marathon::{AppId, Endpoints};

use super::{Error, NONE, Positional, Variables};
use crate::cli::{RestartArgs, RestartBy};
use crate::restart::LONGEST_SETTLE;
use crate::version::Version;

/// What a change leads to, and when.
#[derive(Clone, Debug)]
pub struct Restart {
    /// How long a change must stay before it counts.
    pub settle: Duration,
    /// What it then leads to.
    pub way: Way,
}

/// What a change leads to.
#[derive(Clone, Debug)]
pub enum Way {
    /// A line in the log.
    None,
    /// A rolling restart.
    Marathon(Box<App>),
}

/// The app this process is an instance of.
#[derive(Clone, Debug)]
pub struct App {
    /// Where Marathon is.
    pub marathon: Endpoints,
    /// The app.
    pub id: AppId,
    /// The version this task was launched as, if it was launched by Marathon.
    pub version: Option<Version>,
    /// The task's id in Mesos, to be shown to people; empty outside of Mesos.
    pub task: String,
}

impl Restart {
    pub(super) fn new(
        args: &RestartArgs,
        positional: Option<&Positional>,
        app_id: String,
        variables: &Variables<impl Fn(&'static str) -> Option<OsString>>,
    ) -> Result<Self, Error> {
        if args.settle > LONGEST_SETTLE {
            return Err(Error::Settle);
        }
        let marathon = match positional {
            Some(words) => Some(words.marathon.clone()),
            None => variables.unless(args.marathon.as_ref(), "MARATHON_URL")?,
        };
        let marathon = marathon.filter(|address| address != NONE);
        let way = match (args.restart, marathon) {
            (Some(RestartBy::None), _) | (None, None) => Way::None,
            (_, Some(marathon)) => Way::Marathon(Box::new(App {
                marathon: marathon.parse()?,
                id: AppId::new(app_id),
                version: variables
                    .text("MARATHON_APP_VERSION")?
                    .as_deref()
                    .and_then(Version::parse),
                task: variables.text("MESOS_TASK_ID")?.unwrap_or_default(),
            })),
            (Some(RestartBy::Marathon), None) => {
                return Err(Error::NoMarathon("--marathon or MARATHON_URL"));
            }
        };
        Ok(Self { settle: args.settle, way })
    }

    /// Without configuration there is nothing to restart for.
    pub(super) fn needless(args: &RestartArgs) -> Result<(), Error> {
        if args.settle > LONGEST_SETTLE {
            return Err(Error::Settle);
        }
        match args.restart {
            Some(RestartBy::Marathon) => Err(Error::NoMarathon("Consul")),
            Some(RestartBy::None) | None => Ok(()),
        }
    }
}
