//! Go's `text/template` language: what Go accepts and writes, this accepts and writes, and errors have Go's text and place.
//!
//! ```
//! use gotemplate::{Functions, Signature, Template, Type, Value};
//!
//! struct Counter(i64);
//!
//! let mut functions = Functions::new();
//! functions.add("next", Signature::new([]), |counter: &mut Counter, _| {
//!     counter.0 += 1;
//!     Ok(Value::int(counter.0))
//! });
//! let text = "{{range .names}}{{next}}: {{printf \"%q\" .}}\n{{end}}";
//! let template = Template::parse("list", text, functions)?;
//! let data = Value::map([("names", Value::strings(["ada", "bob"]))]);
//! let output = template.render(&mut Counter(0), &data)?;
//! assert_eq!(output, "1: \"ada\"\n2: \"bob\"\n");
//! # Ok::<(), gotemplate::Error>(())
//! ```
//!
//! Functions of the host are closures over a context `C`, of which each execution gets its own. They are declared with
//! a [`Signature`], so that wrong arguments fail as they do in Go.
//!
//! # Layout
//!
//! - `lex`: text to tokens. `parse`: tokens to trees (`node`). `number` and `quote`: literals.
//! - [`Template`], [`Parser`]: sets of templates, and how they are parsed and executed.
//! - `exec`: walks a tree; `exec/eval` makes values of operands, `exec/call` calls functions, `exec/range` repeats.
//! - [`Memory`], [`Witness`]: texts that need not be made anew; `memory/key` says when. [`Texts`]: what a memory for
//!   another language can be made of.
//! - [`Functions`], [`Signature`]: the host's library; `funcs/builtin` and beside it Go's own functions.
//! - [`Value`], [`Type`], [`Object`]: Go's kinds.
//! - [`sprintf`]: verbs and flags.
//! - [`Error`], [`Place`]: what went wrong, and where.

mod error;
mod exec;
mod funcs;
mod lex;
mod memory;
mod node;
mod number;
mod parse;
mod printf;
mod quote;
mod template;
mod value;

pub use crate::{
    error::{Error, Place},
    funcs::{Functions, Purity, Signature},
    memory::{Memory, Text, Texts, Witness},
    number::{parse_float, parse_int},
    printf::sprintf,
    template::{Limits, MissingKey, Parser, Scope, Template},
    value::{
        Callable, Entries, FloatKind, IntKind, List, Map, Method, Object, Type, UintKind, Value,
    },
};

/// The example of the README is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
