//! An app on the platform, as those who operate it see it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use consul::kv::Condition;
use marathon::{App as Found, AppId};
use serde_json::Value as Json;

use super::eventually::within;
use super::platform::{Platform, ask};
use crate::http;

/// How long anything may take: a rolling restart of twenty tasks on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// An app, with the folder of its configuration and the port that it is reached at.
#[derive(Clone, Copy, Debug)]
pub struct App<'p> {
    /// Where it runs.
    pub platform: &'p Platform,
    /// Its id, with the leading slash.
    pub id: &'static str,
    /// The port of the internal load balancer.
    pub port: u16,
}

impl App<'_> {
    /// What Marathon says of it.
    ///
    /// # Errors
    ///
    /// When there is no answer, or no such app.
    pub async fn look(&self) -> Result<Found> {
        Ok(self.platform.marathon()?.app(&AppId::new(self.id)).await?)
    }

    /// The ids of its tasks.
    ///
    /// # Errors
    ///
    /// As [`App::look`].
    pub async fn tasks(&self) -> Result<BTreeSet<String>> {
        Ok(self.look().await?.tasks.iter().map(|task| task.id.to_string()).collect())
    }

    /// Writes a setting of its configuration, through the last agent.
    ///
    /// # Errors
    ///
    /// When Consul does not take it.
    pub async fn put(&self, name: &str, value: &str) -> Result<()> {
        let agent = self.platform.consul.agents().last().context("no agents")?;
        let key = format!("{}/{name}", self.id.trim_start_matches('/'));
        agent.client().kv_put(&key, value, Condition::Always).await?;
        Ok(())
    }

    /// Waits until no deployment of it runs.
    ///
    /// # Errors
    ///
    /// When one goes on for too long.
    pub async fn settled(&self) -> Result<()> {
        within("the deployments to end", PATIENCE, async || {
            let running = self.look().await.map_err(|error| format!("{error:#}"))?.deployments;
            if running.is_empty() { Ok(()) } else { Err(format!("{} still run", running.len())) }
        })
        .await
    }

    /// Waits until none of the given tasks is left and no deployment runs.
    ///
    /// # Errors
    ///
    /// When some stay for too long.
    pub async fn replaced(&self, before: &BTreeSet<String>) -> Result<()> {
        within("every task to be replaced", PATIENCE, async || {
            let now = self.tasks().await.map_err(|error| format!("{error:#}"))?;
            match before.intersection(&now).count() {
                0 => Ok(()),
                left => Err(format!("{left} of {} are still there", before.len())),
            }
        })
        .await?;
        self.settled().await
    }

    /// Waits until a variable has a value in all of the `wanted` tasks that answer.
    ///
    /// # Errors
    ///
    /// When some see another one for too long.
    pub async fn sees(&self, name: &str, value: &str, wanted: usize) -> Result<()> {
        within(&format!("{name} to be {value}"), PATIENCE, async || {
            for _ in 0..wanted * 2 {
                let answer = ask(self.platform.port(self.port), None).await;
                let answer = answer.map_err(|error| format!("{error:#}"))?;
                let seen = answer.pointer(&format!("/env/{name}")).and_then(Json::as_str);
                if seen != Some(value) {
                    return Err(format!("a task sees {seen:?}"));
                }
            }
            Ok(())
        })
        .await
    }

    /// How many versions it has had: each deployment of it makes one.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn versions(&self) -> Result<usize> {
        let url = format!("{}/v2/apps{}/versions", self.platform.marathon_url(), self.id);
        let answer: Json = http::get(&url).await?.error_for_status()?.json().await?;
        Ok(answer.get("versions").and_then(Json::as_array).context("no versions")?.len())
    }

    /// Demands this number of versions.
    ///
    /// # Errors
    ///
    /// When there are more or fewer.
    pub async fn expect_versions(&self, wanted: usize) -> Result<()> {
        let versions = self.versions().await?;
        ensure!(versions == wanted, "{versions} versions of the app instead of {wanted}");
        Ok(())
    }
}
