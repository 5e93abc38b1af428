//! Texts over several lines: `<<EOF`, and `<<-EOF`, which may be indented.

use crate::cursor::Cursor;
use crate::error::Error;
use crate::lex::is_letter;

/// Reads a heredoc after its first `<`.
pub(crate) fn heredoc(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let position = cursor.position();
    if !cursor.eat('<') {
        return Err(Error::new(position, "expected a second '<': a heredoc begins with <<EOF"));
    }
    let is_indented = cursor.eat('-');
    let marker = cursor.take_while(|c| is_letter(c) || c.is_numeric());
    cursor.eat('\r');
    if marker.is_empty() || !cursor.eat('\n') {
        return Err(Error::new(position, "a heredoc begins with <<WORD and a new line"));
    }
    let mut lines = Vec::new();
    loop {
        let (line, has_end) = cursor.line();
        if line.trim().trim_end_matches('\r') == marker {
            let indent = line.strip_suffix(line.trim_start()).unwrap_or_default();
            return Ok(if is_indented { without(indent, &lines) } else { joined(&lines) + indent });
        }
        if !has_end {
            return Err(Error::new(
                position,
                format!("the heredoc has no end: a line with {marker}"),
            ));
        }
        lines.push(line);
    }
}

fn joined(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// The lines without an indent that all of them have; one that has less, even an empty one, keeps it for all.
fn without(indent: &str, lines: &[&str]) -> String {
    let stripped: Option<Vec<_>> = lines.iter().map(|line| line.strip_prefix(indent)).collect();
    stripped.map_or_else(|| joined(lines), |lines| joined(&lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_original_reads() {
        for (text, want) in [
            ("<EOF\na\nb\nEOF\n", "a\nb\n"),
            ("<EOF\nEOF\n", ""),
            // The indent before the last line belongs to the text.
            ("<EOF\n  a\n  EOF\n", "  a\n  "),
            ("<EOF\n EOF x\nEOF\n", " EOF x\n"),
            ("<-EOF\n  a\n   b\n  EOF\n", "a\n b\n"),
            ("<-EOF\n  a\n\n  b\n  EOF\n", "  a\n\n  b\n"),
            ("<-EOF\n  a\n b\n  EOF\n", "  a\n b\n"),
            ("<-EOF\n\ta\n\tEOF\n", "a\n"),
            ("<Ä_1\n\"${x}\" \\n\nÄ_1\n", "\"${x}\" \\n\n"),
            // The original refuses these two.
            ("<EOF\na\nEOF", "a\n"),
            ("<-EOF\n  a\nEOF\n", "  a\n"),
        ] {
            assert_eq!(heredoc(&mut Cursor::new(text)), Ok(want.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn refuses_one_without_beginning_or_end() {
        for text in
            ["EOF", "<", "<\n\n", "<-\n-\n", "<EOF", "<EOF x\nEOF\n", "<EOF\na\n", "<EOF\nEOFF\n"]
        {
            assert!(heredoc(&mut Cursor::new(text)).is_err(), "{text:?}");
        }
    }
}
