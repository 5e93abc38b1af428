//! The functions of [sprig](https://masterminds.github.io/sprig/) 3.3 for Go's templates: the repeatable set, which Go calls
//! `HermeticTxtFuncMap`.
//!
//! ```
//! use gotemplate::{Functions, Template, Value};
//!
//! let mut functions = Functions::<()>::new();
//! sprig::register(&mut functions, "sprig_");
//! let text = r#"{{sprig_list "b" "a" | sprig_sortAlpha | sprig_join ","}}"#;
//! let template = Template::parse("list", text, functions)?;
//! assert_eq!(template.render(&mut (), &Value::Nil)?, "a,b");
//! # Ok::<(), gotemplate::Error>(())
//! ```
//!
//! Results and messages are Go's, also those of its panics.
//!
//! # Layout
//!
//! - One topic a file, each with a table of its functions: `strings`, `regex`, `numbers`, `lists`, `dicts`, `flow`,
//!   `encoding`, `dates`, `types`, `semver`, `url`, `paths`, `crypto`.
//! - `function`: what such a table is made of. `cast`: how anything becomes a number or text. `equal`: deep equality.
//!   `panics`: the texts of Go's panics.
//! - `words` and `letters`: below `strings`. `decimal`: below `numbers`. `duration`: below `dates`.
//! - [`golayout`]: times by Go's layouts. [`goregex`]: Go's regular expressions. [`json`]: Go's JSON.

mod cast;
mod crypto;
mod dates;
mod decimal;
mod dicts;
pub mod duration;
mod encoding;
mod equal;
mod flow;
mod function;
pub mod golayout;
pub mod goregex;
pub mod json;
mod letters;
mod lists;
mod numbers;
mod panics;
mod paths;
mod regex;
mod semver;
mod strings;
mod types;
mod url;
mod words;

use gotemplate::Functions;

use crate::function::{Arguments, Function};

/// Adds all functions, each with a prefix to its name.
///
/// They use nothing of the context. Random are `randInt`, `shuffle`, `bcrypt`, `htpasswd`, `encryptAES`, and what makes
/// keys and certificates; `ago` and `durationRound` ask for the time.
pub fn register<C>(functions: &mut Functions<C>, prefix: &str) {
    let tables: [fn() -> Vec<Function>; 13] = [
        strings::functions,
        regex::functions,
        numbers::functions,
        lists::functions,
        dicts::functions,
        flow::functions,
        encoding::functions,
        dates::functions,
        types::functions,
        semver::functions,
        url::functions,
        paths::functions,
        crypto::functions,
    ];
    for function in tables.iter().flat_map(|table| table()) {
        let body = function.body;
        for name in function.names.split(' ') {
            let signature = function.signature.clone();
            functions.add(format!("{prefix}{name}"), signature, move |_, arguments| {
                body(&Arguments(arguments))
            });
        }
    }
}

/// The example of the README is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
