//! What a fuzzer does, on a stable compiler: the files of its corpus, and mutations of them.
//!
//! Without `FUZZ_SECONDS` there are always the same ones. A failure prints the input; put it into `fuzz/corpus` as a file
//! of its own.

use std::{
    env, fs,
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::{Duration, Instant},
};

/// Mutations without `FUZZ_SECONDS`.
const COUNT: usize = 1_500;

/// The files of a folder.
pub(crate) fn corpus(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let read = |path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.into_iter().map(read).collect()
}

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn part<'t>(&mut self, text: &'t str) -> &'t str {
        let from = text.floor_char_boundary(self.below(text.len() + 1));
        let to = text.floor_char_boundary(from + self.below(text.len() - from + 1));
        text.get(from.min(to)..to.max(from)).unwrap_or_default()
    }
}

/// Cuts, repeats and joins parts of the texts.
fn mutate(random: &mut Random, texts: &[String]) -> String {
    let mut text = texts[random.below(texts.len())].clone();
    for _ in 0..=random.below(4) {
        let at = text.floor_char_boundary(random.below(text.len() + 1));
        let other = &texts[random.below(texts.len())];
        match random.below(5) {
            0 => text.insert_str(at, random.part(other)),
            1 => text.truncate(at),
            2 => text = text.replacen(random.part(&text.clone()), "", 1),
            3 => text.insert(at, char::from(b' ' + u8::try_from(random.below(95)).unwrap())),
            _ => {
                let part = random.part(&text).to_owned();
                text.insert_str(at, &part);
            }
        }
    }
    text
}

/// Checks the seeds, and mutations of these and of more texts.
pub(crate) fn fuzz(seeds: Vec<String>, more: Vec<String>, check: fn(&str)) {
    let seconds = env::var("FUZZ_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let checked = |text: &str| {
        let result = panic::catch_unwind(AssertUnwindSafe(|| check(text)));
        assert!(result.is_ok(), "fails for {text:?}");
    };
    for text in &seeds {
        checked(text);
    }
    let texts = [seeds, more].concat();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut count = 0;
    while end.map_or(count < COUNT, |end| Instant::now() < end) {
        checked(&mutate(&mut random, &texts));
        count += 1;
    }
}
