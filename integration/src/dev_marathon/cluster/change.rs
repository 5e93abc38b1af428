//! Changes of definitions: each becomes a deployment, or is refused.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::deployment::{Deployment, Kind, plan};
use super::{App, Cluster, Outside, Record, launch::Backoff};
use crate::dev_marathon::app_id::AppId;
use crate::dev_marathon::definition::{Fields, complete, merge};
use crate::dev_marathon::ports::assign_service_ports;
use crate::dev_marathon::refusal::{Refusal, Violation};
use crate::dev_marathon::{stamp, wire};

/// What is to become of an app.
#[derive(Clone, Debug)]
pub enum Edit {
    /// It gets this definition.
    Put(App),
    /// It gets back a definition with the version it had, so that tasks of that version stay.
    Restore(App),
    /// All its tasks are replaced.
    Restart(AppId),
    /// It is removed.
    Remove(AppId),
}

/// What a client gets for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The version of the change.
    pub version: Timestamp,
    /// The deployment that carries it out.
    pub deployment: String,
}

impl Edit {
    fn id(&self) -> &AppId {
        match self {
            Self::Put(app) | Self::Restore(app) => &app.id,
            Self::Restart(id) | Self::Remove(id) => id,
        }
    }
}

impl Cluster {
    /// A new app from what a client sent.
    ///
    /// # Errors
    ///
    /// When there is one, or the definition is not valid.
    pub fn create(
        &mut self,
        id: AppId,
        fields: Fields,
        force: bool,
        outside: &Outside<'_>,
    ) -> Result<Receipt, Refusal> {
        if self.apps.contains_key(&id) {
            return Err(Refusal::AppExists(id));
        }
        let app = self.define(id, fields, false)?;
        self.deploy(vec![Edit::Put(app)], force, outside)
    }

    /// The definition that results when a client sends `fields`; `partial` keeps what is not among them.
    ///
    /// # Errors
    ///
    /// When the definition is not valid or the version to go back to does not exist.
    pub fn define(&self, id: AppId, mut fields: Fields, partial: bool) -> Result<App, Refusal> {
        fields.remove("id");
        let old = self.apps.get(&id);
        let back_to = fields.remove("version");
        if let (Some(version), true, Some(old)) = (back_to, fields.is_empty(), old) {
            let text = version.as_str().unwrap_or_default();
            let found = stamp::parse(text).and_then(|at| old.versions.get(&at)).cloned();
            return found.ok_or_else(|| Refusal::NoApp(id.to_string(), Some(text.to_owned())));
        }
        let mut fields = match old {
            Some(old) if partial => merge(&old.app.fields, fields),
            _ => fields,
        };
        complete(&mut fields);
        let before = old.map(|r| service_ports(&r.app)).unwrap_or_default();
        let others = self.apps.iter().filter(|(other, _)| **other != id);
        let taken: BTreeSet<u16> = others.flat_map(|(_, r)| service_ports(&r.app)).collect();
        assign_service_ports(&mut fields, &before, &taken);
        App::new(id, fields)
    }

    /// The definition with another number of instances.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoApp`].
    pub fn scaled(&self, id: &AppId, instances: usize) -> Result<App, Refusal> {
        let mut app = self.app(id)?.app.clone();
        app.fields.insert("instances".to_owned(), instances.into());
        app.spec.instances = instances;
        Ok(app)
    }

    /// Refuses a change of an app that is being deployed.
    ///
    /// # Errors
    ///
    /// [`Refusal::Locked`] unless forced.
    pub fn check_lock(&self, id: &AppId, force: bool) -> Result<(), Refusal> {
        let locks: Vec<String> = self.deployments_of(id).map(|d| d.id.clone()).collect();
        if force || locks.is_empty() { Ok(()) } else { Err(Refusal::Locked(locks)) }
    }

    /// Carries out edits as one deployment.
    ///
    /// # Errors
    ///
    /// When an app that really changes is locked and `force` is not given, or does not exist.
    pub fn deploy(
        &mut self,
        edits: Vec<Edit>,
        force: bool,
        outside: &Outside<'_>,
    ) -> Result<Receipt, Refusal> {
        for edit in &edits {
            if let Edit::Restart(id) | Edit::Remove(id) = edit {
                self.app(id)?;
            }
        }
        let kinds: Vec<(AppId, Kind)> = edits.iter().flat_map(|e| self.kinds(e)).collect();
        let locks = self.deployments.iter();
        let locks = locks.filter(|d| kinds.iter().any(|(id, _)| d.touches(id)));
        let locks: Vec<String> = locks.map(|d| d.id.clone()).collect();
        if !force && !locks.is_empty() {
            return Err(Refusal::Locked(locks));
        }
        for id in locks {
            self.abandon(&id, outside.now);
        }
        Ok(self.begin(edits, &kinds, outside))
    }

    /// What an edit does; nothing when it changes nothing.
    fn kinds(&self, edit: &Edit) -> Vec<(AppId, Kind)> {
        let id = edit.id().clone();
        let old = self.apps.get(&id).map(|r| &r.app);
        let kinds = match (edit, old) {
            (Edit::Remove(_), _) => vec![Kind::Stop],
            (Edit::Restart(_), _) => vec![Kind::Restart],
            (Edit::Put(_) | Edit::Restore(_), None) => {
                vec![Kind::Start, Kind::Scale { up: true }]
            }
            (Edit::Put(new) | Edit::Restore(new), Some(old)) => {
                let same = match edit {
                    Edit::Restore(new) => new.last_config_change_at == old.last_config_change_at,
                    _ => new.has_same_config(old),
                };
                let (now, then) = (new.spec.instances, old.spec.instances);
                match same {
                    true if now == then => vec![],
                    true => vec![Kind::Scale { up: now > then }],
                    false if now == 0 => vec![Kind::Scale { up: false }],
                    false => vec![Kind::Restart],
                }
            }
        };
        kinds.into_iter().map(|kind| (id.clone(), kind)).collect()
    }

    fn begin(
        &mut self,
        edits: Vec<Edit>,
        kinds: &[(AppId, Kind)],
        outside: &Outside<'_>,
    ) -> Receipt {
        let version = stamp::version_after(self.last_version, outside.now);
        self.last_version = version;
        let groups_before = (!self.compat.omits_absent()).then(|| wire::group_of_all(self));
        let before =
            kinds.iter().map(|(id, _)| (id.clone(), self.apps.get(id).map(|r| r.app.clone())));
        let before: BTreeMap<AppId, Option<App>> = before.collect();
        let parents: BTreeSet<String> =
            edits.iter().map(|edit| edit.id().parent().to_owned()).collect();
        for edit in edits {
            self.apply(edit, version, outside.now);
        }
        let target = self.apps.iter().map(|(id, r)| (id.clone(), &r.app)).collect();
        let steps = plan(kinds, &target);
        let groups = groups_before.map(|before| (before, wire::group_of_all(self)));
        let id = (outside.uuid)().to_string();
        for parent in parents {
            self.announce_group_change(&parent, version, outside.now);
        }
        self.deployments.push(Deployment {
            id: id.clone(),
            version,
            steps,
            current: 0,
            before,
            groups,
        });
        self.advance(outside);
        Receipt { version, deployment: id }
    }

    fn apply(&mut self, edit: Edit, version: Timestamp, now: Timestamp) {
        let app = match edit {
            Edit::Remove(id) => {
                self.apps.remove(&id);
                return;
            }
            Edit::Restore(app) => app,
            Edit::Restart(id) => {
                let Some(record) = self.apps.get(&id) else { return };
                App { version, last_config_change_at: version, ..record.app.clone() }
            }
            Edit::Put(app) => match self.apps.get(&app.id).map(|r| &r.app) {
                Some(old) if app.has_same_config(old) => {
                    let scaled = app.spec.instances != old.spec.instances;
                    let at = |moved: bool, old| if moved { version } else { old };
                    App {
                        version: at(scaled, old.version),
                        last_scaling_at: at(scaled, old.last_scaling_at),
                        last_config_change_at: old.last_config_change_at,
                        ..app
                    }
                }
                _ => {
                    App { version, last_scaling_at: version, last_config_change_at: version, ..app }
                }
            },
        };
        self.keep(&app, now);
    }

    fn keep(&mut self, app: &App, now: Timestamp) {
        let is_new = !self.apps.contains_key(&app.id);
        let record = self.apps.entry(app.id.clone()).or_insert_with(|| Record {
            app: app.clone(),
            versions: BTreeMap::new(),
            backoff: Backoff::default(),
            waiting: None,
            last_failure: None,
            vacant: Vec::new(),
        });
        // A new configuration deserves a new chance.
        let is_other = record.app.last_config_change_at != app.last_config_change_at;
        if is_other {
            record.backoff = Backoff::default();
            record.vacant.clear();
        }
        record.versions.insert(app.version, app.clone());
        record.app = app.clone();
        if is_new || is_other {
            self.announce_checks(app, now);
        }
    }

    /// Ends a deployment without finishing it.
    fn abandon(&mut self, id: &str, now: Timestamp) {
        let Some(at) = self.deployments.iter().position(|d| d.id == id) else { return };
        let deployment = self.deployments.remove(at);
        self.announce_deployment_failed(&deployment, "The upgrade has been cancelled", now);
    }

    /// Stops a deployment; unless forced, the definitions before it come back by another one.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoDeployment`].
    pub fn cancel(
        &mut self,
        id: &str,
        force: bool,
        outside: &Outside<'_>,
    ) -> Result<Option<Receipt>, Refusal> {
        let found = self.deployments.iter().find(|d| d.id == id);
        let before = found.ok_or_else(|| Refusal::NoDeployment(id.to_owned()))?.before.clone();
        self.abandon(id, outside.now);
        if force {
            self.advance(outside);
            return Ok(None);
        }
        let edits = before.into_iter().filter_map(|(id, app)| match app {
            Some(app) => Some(Edit::Restore(app)),
            None => self.apps.contains_key(&id).then_some(Edit::Remove(id)),
        });
        self.deploy(edits.collect(), true, outside).map(Some)
    }

    /// Kills tasks; with `scale` the apps get as many instances fewer.
    ///
    /// # Errors
    ///
    /// With `scale`, when an app is locked and `force` is not given.
    pub fn kill_tasks(
        &mut self,
        ids: &[String],
        scale: bool,
        force: bool,
        outside: &Outside<'_>,
    ) -> Result<Option<Receipt>, Refusal> {
        let mut counts: BTreeMap<AppId, usize> = BTreeMap::new();
        for task in ids.iter().filter_map(|id| self.tasks.get(id)).filter(|t| t.is_active()) {
            *counts.entry(task.app.clone()).or_default() += 1;
        }
        let mut edits = Vec::new();
        if scale {
            for (id, killed) in &counts {
                self.check_lock(id, force)?;
                let left = self.app(id)?.app.spec.instances.saturating_sub(*killed);
                edits.push(Edit::Put(self.scaled(id, left)?));
            }
        }
        for id in ids {
            self.kill(id, scale, outside);
        }
        if scale {
            return self.deploy(edits, force, outside).map(Some);
        }
        self.advance(outside);
        Ok(None)
    }

    /// The id of a new app, from its definition.
    ///
    /// # Errors
    ///
    /// When it is missing or not a path.
    pub fn id_in(fields: &Fields) -> Result<AppId, Refusal> {
        let id = fields.get("id").and_then(serde_json::Value::as_str);
        let Some(id) = id else {
            return Err(Refusal::Invalid(vec![Violation::new("/id", "error.path.missing")]));
        };
        AppId::parse(id).ok_or_else(|| {
            let error = "must fully match regular expression '^(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*\
                ([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])|(\\.|\\.\\.)$'";
            Refusal::Invalid(vec![Violation::new("/id", error)])
        })
    }
}

/// The service ports of an app.
pub fn service_ports(app: &App) -> Vec<u16> {
    app.spec.ports().iter().map(|port| port.service).collect()
}
