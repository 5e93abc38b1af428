//! Deploying an app from its definition: the program `marathon-deploy`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use daemon::tls::Tls;
use marathon::{AppId, Client, Deployment};
use serde_json::Value as Json;

use crate::http;

/// How often a running deployment is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Reads a definition from a file or an HTTP URL.
///
/// # Errors
///
/// When it cannot be read, with its path or URL.
pub async fn read(source: &str) -> Result<String> {
    if source.starts_with("http://") || source.starts_with("https://") {
        let mut client = http::builder();
        if source.starts_with("https://") {
            client = client.tls_backend_preconfigured(Tls::default().client()?);
        }
        let response = client.build()?.get(source).send().await;
        return response
            .and_then(reqwest::Response::error_for_status)
            .with_context(|| source.to_owned())?
            .text()
            .await
            .context(source.to_owned());
    }
    tokio::fs::read_to_string(Path::new(source)).await.with_context(|| source.to_owned())
}

/// Replaces `$name` by its value, for each name given, and reads the definition.
///
/// # Errors
///
/// When the result is not the JSON object of an app with an id.
pub fn fill(template: &str, values: &BTreeMap<String, String>) -> Result<(AppId, Json)> {
    let mut text = template.to_owned();
    // Longer names first, so that `$tag` does not cut `$tagline` in two.
    let mut names: Vec<_> = values.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, value) in names {
        text = text.replace(&format!("${name}"), value);
    }
    let definition: Json = serde_json::from_str(&text).context("the definition is not JSON")?;
    match definition.get("id").and_then(Json::as_str) {
        Some(id) => Ok((AppId::new(id), definition)),
        None => bail!("the definition has no id"),
    }
}

/// Creates the app, or updates it when it exists, and gives back the deployment's id.
///
/// # Errors
///
/// What Marathon answered.
pub async fn submit(marathon: &Client, id: &AppId, definition: &Json) -> Result<String> {
    match marathon.create(definition).await {
        Ok(app) => app
            .deployments
            .into_iter()
            .next()
            .map(|d| d.id)
            .context("the answer names no deployment"),
        // The app is there already; Marathon says so with a conflict.
        Err(error) if error.status() == Some(409) => {
            Ok(marathon.update(id, definition).await?.deployment_id)
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits until the deployment is done and tells `progress` of each change.
///
/// # Errors
///
/// When Marathon stops answering.
pub async fn wait(
    marathon: &Client,
    id: &AppId,
    deployment: &str,
    mut progress: impl FnMut(&str),
) -> Result<()> {
    let mut last = String::new();
    while let Some(running) = marathon.deployment(deployment).await? {
        let line = describe(marathon, id, &running).await;
        if line != last {
            progress(&line);
            last = line;
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

async fn describe(marathon: &Client, id: &AppId, deployment: &Deployment) -> String {
    let step = format!("step {}/{}", deployment.current_step, deployment.total_steps);
    let actions: Vec<_> =
        deployment.current_actions.iter().map(|action| action.action.as_str()).collect();
    let tasks = match marathon.app(id).await {
        Ok(app) => format!(
            "{} staged, {} running, {} healthy of {}",
            app.tasks_staged, app.tasks_running, app.tasks_healthy, app.instances
        ),
        Err(_) => "gone".to_owned(),
    };
    format!("{step} {}: {tasks}", actions.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let values =
            [("environment", "staging"), ("instances", "2"), ("tag", "7"), ("tagline", "x")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let template = r#"{"id": "/app/$environment/web", "instances": $instances, "labels": {"a": "$tagline$tag"}}"#;
        let (id, definition) = fill(template, &values).unwrap();
        assert_eq!(id.as_str(), "/app/staging/web");
        assert_eq!(definition["instances"], 2);
        assert_eq!(definition["labels"]["a"], "x7");
    }

    #[test]
    fn what_is_no_definition_is_refused() {
        assert!(fill("{", &BTreeMap::new()).is_err());
        assert!(fill(r#"{"cmd": "true"}"#, &BTreeMap::new()).is_err());
    }
}
