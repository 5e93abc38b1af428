//! Every case of the corpus gives what Go gave: the same output, or the same error text.

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    #[test]
    fn gives_what_go_gave() {
        let mut failures = Vec::new();
        let mut count = 0;
        for path in crate::support::corpus::files() {
            for case in crate::support::cases(&path) {
                count += 1;
                let got = crate::support::run(&case);
                if got != case.want {
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
        assert!(count > 511, "only {count} cases");
    }

    #[test]
    fn gives_the_same_from_memory() {
        let mut hits = 0;
        for path in crate::support::corpus::files() {
            for case in crate::support::cases(&path) {
                let (got, remembered) = crate::support::run_again(&case);
                hits += remembered;
                assert_eq!(got, crate::support::run(&case), "{}: {}", case.name, case.template);
            }
        }
        assert!(hits > 100, "only {hits} bodies were remembered");
    }
}
