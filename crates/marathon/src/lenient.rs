//! Null, missing and empty alike: Marathon up to 1.4 writes absent fields as explicit nulls, later ones omit them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Null as the default; combine with `#[serde(default)]` for a missing field.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A list in which single entries may be null, as `healthCheckResults` of old releases has them.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let entries = Option::<Vec<Option<T>>>::deserialize(deserializer)?;
    let mut entries: Vec<T> = entries.unwrap_or_default().into_iter().flatten().collect();
    // Made for four at least, and there may be tens of thousands of lists of one.
    entries.shrink_to_fit();
    Ok(entries)
}

/// A map of texts. Other values are left out: an `env` entry may be a reference to a secret, `{"secret": "name"}`.
pub(crate) fn texts<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    let entries = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?;
    let text = |(key, value)| match value {
        Value::String(text) => Some((key, text)),
        _ => None,
    };
    Ok(entries.unwrap_or_default().into_iter().filter_map(text).collect())
}
