//! Bytes to frames of a server-sent event stream (WHATWG HTML, 9.2 "Server-sent events").
//!
//! Lines end with CR, LF or CRLF, also when the two bytes come in different chunks: Marathon's keep-alive is a CR
//! and, flushed separately, an LF. How the stream is cut into chunks makes no difference.

/// What is between two empty lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The last `event` field. Marathon 0.9 and 0.10 send none.
    pub event: Option<String>,
    /// The `data` fields, joined by line feeds; empty when [`Frame::oversized`].
    pub data: String,
    /// The frame was larger than the parser's bound, and its data was passed over.
    pub oversized: bool,
}

/// The state between chunks. Holds at most the bound, however the other side behaves.
#[derive(Debug)]
pub struct Parser {
    max_frame: usize,
    line: Vec<u8>,
    line_too_long: bool,
    after_cr: bool,
    at_start: bool,
    pending: Pending,
}

#[derive(Debug, Default)]
struct Pending {
    event: Option<String>,
    data: Vec<u8>,
    has_data: bool,
    oversized: bool,
}

impl Parser {
    /// A parser that passes over the data of frames, and over lines, of more than `max_frame` bytes.
    pub fn new(max_frame: usize) -> Self {
        Self {
            max_frame,
            line: Vec::new(),
            line_too_long: false,
            after_cr: false,
            at_start: true,
            pending: Pending::default(),
        }
    }

    /// Takes the next bytes and gives the frames that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut rest = bytes;
        while let Some((&first, tail)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = tail;
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
                self.extend_line(rest);
                break;
            };
            let (text, ending) = rest.split_at(end);
            self.extend_line(text);
            if let Some((&ending, tail)) = ending.split_first() {
                self.after_cr = ending == b'\r';
                rest = tail;
            }
            frames.extend(self.end_line());
        }
        frames
    }

    fn extend_line(&mut self, bytes: &[u8]) {
        let room = self.max_frame.saturating_sub(self.line.len());
        let (kept, dropped) = bytes.split_at(bytes.len().min(room));
        self.line.extend_from_slice(kept);
        self.line_too_long |= !dropped.is_empty();
    }

    fn end_line(&mut self) -> Option<Frame> {
        let line = std::mem::take(&mut self.line);
        let too_long = std::mem::take(&mut self.line_too_long);
        let mut text = line.as_slice();
        if std::mem::take(&mut self.at_start) {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        if text.is_empty() && !too_long {
            return std::mem::take(&mut self.pending).into_frame();
        }
        self.pending.field(text, too_long, self.max_frame);
        // The allocation serves the next line too.
        self.line = line;
        self.line.clear();
        None
    }
}

impl Pending {
    fn field(&mut self, line: &[u8], too_long: bool, max_frame: usize) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => self.event = Some(String::from_utf8_lossy(value).into_owned()),
            b"data" => self.data(value, too_long, max_frame),
            // A comment has the empty name; `id` and `retry` mean nothing to Marathon.
            _ => {}
        }
    }

    fn data(&mut self, value: &[u8], too_long: bool, max_frame: usize) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.oversized |= too_long || self.data.len() + value.len() > max_frame;
        if self.oversized {
            self.data = Vec::new();
        } else {
            self.data.extend_from_slice(value);
        }
    }

    /// A frame without data is none: so the standard, and Marathon's keep-alives are such.
    fn into_frame(self) -> Option<Frame> {
        let data = String::from_utf8_lossy(&self.data).into_owned();
        self.has_data.then_some(Frame { event: self.event, data, oversized: self.oversized })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8]) -> Vec<Frame> {
        Parser::new(64).push(bytes)
    }

    fn frame(event: &str, data: &str) -> Frame {
        let event = (!event.is_empty()).then(|| event.to_owned());
        Frame { event, data: data.to_owned(), oversized: false }
    }

    #[test]
    fn frames_of_every_shape() {
        let rows: [(&str, &[u8], Vec<Frame>); 10] = [
            ("marathon", b"event: a\r\ndata: {}\r\n\r\n", vec![frame("a", "{}")]),
            (
                "line feeds",
                b"event: a\ndata: 1\n\ndata: 2\n\n",
                vec![frame("a", "1"), frame("", "2")],
            ),
            ("carriage returns", b"data: 1\r\rdata: 2\r\r", vec![frame("", "1"), frame("", "2")]),
            ("several lines", b"data: 1\ndata:  2\ndata\n\n", vec![frame("", "1\n 2\n")]),
            ("comment", b": hello\ndata:1\n\n", vec![frame("", "1")]),
            ("byte order mark", b"\xef\xbb\xbfdata: 1\n\n", vec![frame("", "1")]),
            ("keep-alives", b"\r\n\r\n\r\n", vec![]),
            ("event without data", b"event: a\n\ndata: 1\n\n", vec![frame("", "1")]),
            ("unfinished", b"data: 1\n", vec![]),
            ("other fields", b"id: 1\nretry: 5\nnonsense\ndata: 1\n\n", vec![frame("", "1")]),
        ];
        for (name, bytes, want) in rows {
            assert_eq!(parse(bytes), want, "{name}");
        }
    }

    #[test]
    fn a_frame_too_large_is_passed_over_and_named() {
        let mut bytes = b"event: big\ndata: ".to_vec();
        bytes.extend([b'x'; 200]);
        bytes.extend(b"\n\ndata: 1\n\n");
        let oversized = Frame { event: Some("big".into()), data: String::new(), oversized: true };
        assert_eq!(parse(&bytes), [oversized, frame("", "1")]);
        let many_lines = b"data: 0123456789\n".repeat(20);
        assert!(parse(&[&many_lines[..], b"\n"].concat())[0].oversized);
    }

    proptest! {
        #[test]
        fn chunking_makes_no_difference(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["\r", "\n", "\r\n", "data: x", "event: e", ":", " ", "\u{feff}", "é", "0123456789"]),
                0..60,
            ),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let bytes = pieces.concat().into_bytes();
            let mut parser = Parser::new(64);
            let (mut rest, mut frames) = (bytes.as_slice(), Vec::new());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, tail) = rest.split_at(rest.len().min(*cut));
                frames.extend(parser.push(chunk));
                rest = tail;
            }
            prop_assert_eq!(frames, parse(&bytes));
        }
    }
}
