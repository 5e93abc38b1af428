//! The fuzz targets' checks on a stable compiler: with their corpus, and with mutations of it.
//!
//! `FUZZ_SECONDS=3600 cargo test --release -p gotemplate --test fuzz` goes on for an hour.

#[cfg(test)]
#[path = "../fuzz/check.rs"]
mod check;

#[cfg(test)]
#[path = "support/fuzz.rs"]
mod fuzzer;

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{check, fuzzer, support};

    fn corpus(target: &str) -> Vec<String> {
        fuzzer::corpus(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target))
    }

    fn templates() -> Vec<String> {
        let files = support::corpus::files();
        files.iter().flat_map(|file| support::cases(file)).map(|case| case.template).collect()
    }

    #[test]
    fn any_text_parses_and_executes_or_fails() {
        fuzzer::fuzz(corpus("parse"), templates(), check::parse);
    }

    #[test]
    fn any_format_prints_any_arguments() {
        fuzzer::fuzz(corpus("printf"), Vec::new(), check::printf);
    }
}
