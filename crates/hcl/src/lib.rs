//! `HashiCorp`'s configuration language, version 1: what consul-template, Consul and Vault read their files in.
//!
//! ```
//! let text = "max_stale = \"2s\"\ntemplate {\n  perms = 0600\n}\n";
//! let object = hcl::parse(text)?;
//! let entry = &object.entries[1];
//! assert_eq!((entry.key.text.as_str(), entry.key.position.line), ("template", 2));
//! let hcl::Kind::Object(template) = &entry.value.kind else { unreachable!() };
//! assert_eq!(template.entries[0].value.kind, hcl::Kind::Integer(0o600));
//! assert_eq!(hcl::parse("a = ]").unwrap_err().to_string(), "1:5: expected a value, found ']'");
//! # Ok::<(), hcl::Error>(())
//! ```
//!
//! As in the original, a text that begins with `{` is JSON. Version 2 is another language: it takes `%{` for a directive, and
//! `0600` for six hundred.
//!
//! What differs from the original, `github.com/hashicorp/hcl` 1.0, on purpose:
//!
//! - An input that ends too early is refused everywhere. The original takes `key =` at the end for nothing, and does not ask
//!   for the last braces of JSON.
//! - The last line of a heredoc need not end with a newline, and that of `<<-` need not be indented.
//! - JSON is JSON: `\/`, pairs of surrogates, lists of booleans and lists of lists mean what they mean elsewhere. A comma after
//!   the last element is fine, as it is in the original.
//! - Escapes that make no Unicode are errors.
//!
//! # Layout
//!
//! - [`node`]: the tree; each node knows its place.
//! - [`error`]: what can be wrong, with its place.
//! - `cursor`, `lex`, `heredoc`, `number`: characters to tokens.
//! - `parse`: tokens to the tree. `json`: the same for JSON.
//!
//! What is read can be written and read again as the same tree: `tests/fuzz.rs` checks that with the files of `fuzz/corpus`
//! and mutations of them, and `cargo +nightly fuzz run parse` with a fuzzer.

mod cursor;
pub mod error;
mod heredoc;
mod json;
mod lex;
pub mod node;
mod number;
mod parse;

pub use error::Error;
pub use node::{Entry, Key, Kind, Object, Position, Value};

/// How deep objects and lists may be nested. Configuration has four levels; the limit keeps hostile input off the stack.
pub const MAX_DEPTH: usize = 64;

/// Reads HCL, or JSON when the first character is a brace.
///
/// # Errors
///
/// The first thing that is wrong, with its place.
pub fn parse(text: &str) -> Result<Object, Error> {
    if text.trim_start().starts_with('{') {
        json::parse(text)
    } else {
        // What the lines of a heredoc end with should not depend on who saved the file.
        parse::parse(&text.replace("\r\n", "\n"))
    }
}
