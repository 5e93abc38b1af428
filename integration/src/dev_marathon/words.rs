//! How the command of `--image NAME=COMMAND` is cut into words.
//!
//! Words are separated by blanks. Single quotes keep everything, double quotes keep everything but `\"` and `\\`, a
//! backslash outside quotes keeps the next character. Nothing is expanded: no variables, no globs, no `;`.

/// Cuts `text` into words.
///
/// # Errors
///
/// When a quote is not closed or the last character is a backslash.
pub fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' | '"' => quoted(c, &mut chars, word.get_or_insert_default())?,
            '\\' => {
                let next = chars.next().ok_or_else(|| format!("{text:?} ends in a backslash"))?;
                word.get_or_insert_default().push(next);
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(quote: char, chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), String> {
    while let Some(c) = chars.next() {
        match c {
            _ if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next() {
                Some(next @ ('"' | '\\')) => word.push(next),
                Some(next) => word.extend(['\\', next]),
                None => break,
            },
            _ => word.push(c),
        }
    }
    Err(format!("a {quote} is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_as_documented() {
        let rows: [(&str, &[&str]); 7] = [
            ("", &[]),
            (" a  b\tc ", &["a", "b", "c"]),
            ("sh -c 'a  b'", &["sh", "-c", "a  b"]),
            (r#"a"b c"d '' "#, &["ab cd", ""]),
            (r#""a\"b\\c\d""#, &[r#"a"b\c\d"#]),
            (r"a\ b \$x", &["a b", "$x"]),
            ("$HOME *", &["$HOME", "*"]),
        ];
        for (text, want) in rows {
            assert_eq!(split(text).unwrap(), want, "{text:?}");
        }
    }

    #[test]
    fn complains_about_what_is_left_open() {
        for text in ["'a", "\"a", "a\\", "\"a\\"] {
            assert!(split(text).is_err(), "{text:?}");
        }
    }
}
