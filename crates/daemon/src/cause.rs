//! What of an error says what happened.

use std::error::Error;

/// The text of the innermost source: reqwest's own repeats the URL, and only its sources say that a connection was refused.
pub fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
