//! What may still happen to a file once it is there: HAProxy follows it or does not, or it becomes what it was.

use std::path::Path;
use std::time::Instant;

use super::{Job, JobError, Stage};
use crate::haproxy::driver::DriveError;
use crate::output::OutputError;

impl Job {
    /// Tells HAProxy of a text that the file is about to get. True when it now may be ahead of the file.
    pub(super) async fn lead(&mut self, path: &Path, text: &str) -> bool {
        let Some(driver) = &mut self.driver else { return false };
        driver.prepare(path);
        driver.lead(text).await
    }

    /// The file did not get the text: HAProxy goes back to what is there.
    pub(super) async fn go_back(&mut self, path: &Path) {
        let Some(driver) = &mut self.driver else { return };
        driver.ask(Instant::now());
        if let Err(error) = driver.drive(path).await {
            tracing::error!(template = %self.name().display(), error = %error, "HAProxy not brought back to its file");
        }
    }

    /// Makes HAProxy follow the file, when it is time to look at it.
    ///
    /// # Errors
    ///
    /// Why it does not; it was logged, unless it did not for the same reason before. The file is then what it follows.
    pub async fn drive(&mut self, now: Instant) -> Result<(), JobError> {
        let (Some(driver), Some(destination)) = (&mut self.driver, &self.destination) else {
            return Ok(());
        };
        if driver.due().is_none_or(|due| due > now) {
            return Ok(());
        }
        match driver.drive(&destination.path).await {
            Ok(()) => {
                // That HAProxy follows what is there says nothing about what is not.
                if driver.is_settled() && self.is_current {
                    self.stage = Stage::Installed;
                    self.accepted();
                }
                Ok(())
            }
            Err(error) => {
                let instead = match &error {
                    DriveError::Refused { instead, .. } => Some(instead.clone()),
                    DriveError::File { .. } | DriveError::Away(_) => None,
                };
                let error = error.into();
                self.failed(&error);
                if let Some(instead) = instead {
                    self.fall_back(instead)?;
                }
                Err(error)
            }
        }
    }

    /// HAProxy refused the file, which becomes `instead`, or what it was.
    fn fall_back(&mut self, instead: Option<String>) -> Result<(), OutputError> {
        let Some(destination) = &self.destination else { return Ok(()) };
        let instead = instead.map(String::into_bytes).or_else(|| self.before.take());
        let is_other = instead.is_some() && instead != destination.read()?;
        self.before = instead;
        self.roll_back()?;
        if let Some(driver) = self.driver.as_mut().filter(|_| is_other) {
            driver.ask(Instant::now());
        }
        Ok(())
    }

    /// The command failed after the file was written: the file becomes what it was, so that it is again what its readers
    /// know. A file that is new has nothing to become.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn roll_back(&mut self) -> Result<(), OutputError> {
        self.stage = Stage::Failed;
        let (Some(destination), Some(before)) = (&self.destination, self.before.take()) else {
            return Ok(());
        };
        let text = destination.read()?.unwrap_or_default();
        destination.restore(&before)?;
        self.is_current = false;
        self.refused = String::from_utf8(text).ok();
        tracing::warn!(template = %self.name().display(), file = %destination.path.display(), "File restored");
        Ok(())
    }
}
