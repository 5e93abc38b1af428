//! What consul-template has, and this program has not: templates that use it are refused when they are read.

/// The functions of Vault.
const VAULT: [&str; 3] = ["secret", "secrets", "pkiCert"];
/// The functions of Nomad.
const NOMAD: [&str; 6] = [
    "nomadServices",
    "nomadService",
    "nomadVarList",
    "nomadVarListSafe",
    "nomadVar",
    "nomadVarExists",
];

/// The names with the reasons.
pub fn refused() -> impl Iterator<Item = (&'static str, String)> {
    let reason = |product| move |name| (name, format!("{name}: {product} is not built in"));
    let vault = VAULT.into_iter().map(reason("Vault"));
    let nomad = NOMAD.into_iter().map(reason("Nomad"));
    vault.chain(nomad)
}
