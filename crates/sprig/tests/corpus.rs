//! Every case of the corpus gives what Go gave: the same output, or the same error text.

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// How often a function has to be in the corpus.
    const TIMES: usize = 3;

    #[test]
    fn gives_what_go_gave() {
        if !crate::support::has_utc("tests::gives_what_go_gave") {
            return;
        }
        let mut failures = Vec::new();
        let mut count = 0;
        for path in crate::support::corpus::files() {
            for case in crate::support::cases(&path) {
                count += 1;
                let got = crate::support::run(&case.template);
                if !case.want.is(&got) {
                    let file = path.file_name().unwrap().to_string_lossy();
                    failures.push(format!(
                        "{file}: {}\n  template: {:?}\n  want: {:?}\n  got:  {got:?}",
                        case.name, case.template, case.want
                    ));
                }
            }
        }
        assert!(
            failures.is_empty(),
            "{} of {count} cases differ:\n{}",
            failures.len(),
            failures.join("\n")
        );
        assert!(count > 600, "only {count} cases");
    }

    #[test]
    fn has_every_function_several_times() {
        let files = crate::support::corpus::files();
        let cases: Vec<_> = files.iter().flat_map(|path| crate::support::cases(path)).collect();
        let words: Vec<BTreeSet<&str>> = cases
            .iter()
            .map(|case| case.template.split(|c: char| !c.is_alphanumeric() && c != '_').collect())
            .collect();
        let functions = crate::support::functions();
        let names: BTreeSet<&str> = functions.names().collect();
        assert_eq!(names.len(), 194);
        for name in names {
            let times = words.iter().filter(|words| words.contains(name)).count();
            assert!(times >= TIMES, "{name} is in {times} cases");
        }
    }
}
