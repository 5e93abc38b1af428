//! The fuzz target's check on a stable compiler: with its corpus, and with mutations of it.
//!
//! `FUZZ_SECONDS=3600 cargo test --release -p hcl --test fuzz` goes on for an hour.

#[cfg(test)]
#[path = "../fuzz/check.rs"]
mod check;

#[cfg(test)]
#[path = "../../gotemplate/tests/support/fuzz.rs"]
mod fuzzer;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{check, fuzzer};

    #[test]
    fn any_text_is_read_and_written_or_refused() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/parse");
        fuzzer::fuzz(fuzzer::corpus(&seeds), Vec::new(), check::parse);
    }
}
