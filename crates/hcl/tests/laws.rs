//! What holds for every input.

#[cfg(test)]
mod tests {
    use hcl::{Kind, Object, parse};
    use proptest::prelude::*;

    /// Pieces that a configuration is made of, so that inputs come far before they are wrong.
    fn piece() -> impl Strategy<Value = String> {
        let fixed = prop::sample::select(vec![
            "{", "}", "[", "]", "=", ",", "\"", "\\", "${", "<<EOF\n", "<<-E\n", "EOF\n", "  E\n",
            "#", "//", "/*", "*/", "\n", "\r\n", " ", "0x", "07", "1e", "-", ".", "true", "null",
            ":", "\"a\": ", "\\u12", "\\x", "é", "\0", "a", "key = ",
        ]);
        prop_oneof![9 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
    }

    /// A text in HCL's notation, and in JSON's when it holds only what both write alike.
    fn quoted(text: &str) -> String {
        let escaped: String = text
            .chars()
            .map(|c| match c {
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\n' => "\\n".to_owned(),
                _ => c.to_string(),
            })
            .collect();
        format!("\"{escaped}\"")
    }

    fn text() -> impl Strategy<Value = String> {
        "[ -#%-~é\\n]{0,12}"
    }

    fn only(object: &Object) -> &Kind {
        &object.entries[0].value.kind
    }

    proptest! {
        #[test]
        fn no_input_panics(pieces in prop::collection::vec(piece(), 0..40)) {
            let text = pieces.concat();
            if let Err(error) = parse(&text) {
                let lines = u32::try_from(text.split('\n').count()).unwrap();
                prop_assert!(error.position.line <= lines, "{error}");
            }
            drop(parse(&format!("{{{text}")));
        }

        #[test]
        fn a_string_is_read_as_it_was_written(text in text()) {
            let want = Kind::String(text.clone());
            let hcl = parse(&format!("a = {}", quoted(&text))).unwrap();
            prop_assert_eq!(only(&hcl), &want);
            let json = parse(&format!("{{\"a\": {}}}", quoted(&text))).unwrap();
            prop_assert_eq!(only(&json), &want);
        }

        #[test]
        fn numbers_are_read_as_they_were_written(integer: i64, float in -1e300..1e300_f64) {
            let hcl = parse(&format!("a = {integer} b = {float:e}")).unwrap();
            prop_assert_eq!(only(&hcl), &Kind::Integer(integer));
            prop_assert_eq!(&hcl.entries[1].value.kind, &Kind::Float(float));
            let json = parse(&format!("{{\"a\": {integer}}}")).unwrap();
            prop_assert_eq!(only(&json), &Kind::Integer(integer));
        }

        #[test]
        fn hcl_and_json_give_the_same_tree(keys in prop::collection::vec(("[a-z]{1,5}", text()), 0..6)) {
            let hcl: Vec<_> = keys.iter().map(|(key, text)| format!("{key} = {}\n", quoted(text))).collect();
            let json: Vec<_> = keys.iter().map(|(key, text)| format!("{}: {}", quoted(key), quoted(text))).collect();
            let strip = |object: Object| -> Vec<_> {
                object.entries.into_iter().map(|entry| (entry.key.text, entry.value.kind)).collect()
            };
            // `true` and `false` are no keys in HCL.
            prop_assume!(keys.iter().all(|(key, _)| key != "true" && key != "false"));
            prop_assert_eq!(strip(parse(&hcl.concat()).unwrap()), strip(parse(&format!("{{{}}}", json.join(","))).unwrap()));
        }
    }
}
