//! What the operator has decided for all apps.

use clap::ValueEnum;

/// How apps become services, as far as that is a matter of taste.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Only ports that an app names with `SERVICE_NAME` are registered.
    pub explicit: bool,
    /// Where a name comes from that the app does not give.
    pub app_names: AppNames,
    /// Which names get the port behind them.
    pub port_suffix: PortSuffix,
    /// Tags of all services, before their own; placeholders are filled.
    pub tags: Vec<String>,
    /// Tags may be changed in the catalog, unless an app says otherwise.
    pub tag_override: bool,
    /// Marathon's health checks become Consul's, unless an app says otherwise.
    pub marathon_checks: bool,
    /// What becomes of a registered task that is being killed.
    pub on_killing: OnKilling,
    /// What becomes of a registered task whose health check fails.
    pub on_unhealthy: Treatment,
    /// What becomes of a registered task whose agent Mesos has lost.
    pub on_unreachable: Treatment,
}

/// Names by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AppNames {
    /// The last segment of the app's id
    #[default]
    Last,
    /// The whole id, with `-` for `/`
    Full,
}

/// Whether a name that is not a port's own gets `-<port>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PortSuffix {
    /// When the app has several ports
    #[default]
    Several,
    /// Never: several ports share a name
    Never,
}

/// What becomes of a service while its task is in doubt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Treatment {
    /// Stays in rotation
    #[default]
    Keep,
    /// Stays registered and gets no traffic
    Maintenance,
    /// Leaves
    Remove,
}

/// How a service leaves whose task is being killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnKilling {
    /// It is removed at once
    #[default]
    Remove,
    /// It gets no traffic at once, and is removed when the task has ended
    Maintenance,
}
