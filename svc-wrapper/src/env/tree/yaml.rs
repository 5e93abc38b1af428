//! YAML's half: the parser's events become leaves, without a tree in between (pure).

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use super::{DEEPEST, Leaf};

/// An object or array that is being read.
enum Level {
    /// Its next scalar is a key.
    Key { empty: bool },
    /// The value of the key at the end of the path comes next.
    Value,
    /// The element of this number comes next.
    Element(usize),
}

struct Reader {
    levels: Vec<Level>,
    path: Vec<String>,
    leaves: Vec<Leaf>,
}

pub(super) fn leaves(text: &str) -> Option<Vec<Leaf>> {
    let mut reader = Reader { levels: Vec::new(), path: Vec::new(), leaves: Vec::new() };
    let mut documents = 0;
    for event in Parser::<StrInput<'_>>::new_from_str(text) {
        let (event, _) = event.ok()?;
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
        }
        if documents > 1 {
            return None;
        }
        reader.take(event)?;
    }
    Some(reader.leaves).filter(|leaves| !leaves.is_empty())
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Option<()> {
        match event {
            Event::MappingStart(..) => self.open(Level::Key { empty: true }),
            // Only an object is several variables; what is in it may be arrays.
            Event::SequenceStart(..) if self.levels.is_empty() => None,
            Event::SequenceStart(..) => self.open(Level::Element(0)),
            Event::MappingEnd | Event::SequenceEnd => self.close(),
            Event::Scalar(text, style, ..) => self.scalar(&text, style),
            Event::Alias(_) => None,
            _ => Some(()),
        }
    }

    fn open(&mut self, level: Level) -> Option<()> {
        self.begin(true)?;
        self.levels.push(level);
        (self.levels.len() <= DEEPEST).then_some(())
    }

    fn close(&mut self) -> Option<()> {
        match self.levels.pop()? {
            Level::Key { empty: true } => self.leaves.push((self.path.clone(), "{}".into())),
            Level::Element(0) => self.leaves.push((self.path.clone(), "[]".into())),
            _ => {}
        }
        // An object without elements is no object to the caller, but a value.
        if self.levels.is_empty() && self.leaves.iter().any(|(path, _)| path.is_empty()) {
            return None;
        }
        self.end();
        Some(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle) -> Option<()> {
        if let Some(level @ Level::Key { .. }) = self.levels.last_mut() {
            *level = Level::Value;
            self.path.push(text.to_owned());
            return Some(());
        }
        self.begin(false)?;
        // YAML 1.2, 10.3.2: what a plain scalar of the core schema means nothing with.
        let null =
            style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
        let value = if null { Vec::new() } else { text.as_bytes().to_vec() };
        self.leaves.push((self.path.clone(), value));
        self.end();
        Some(())
    }

    /// A value begins: an element gets its number; only an object may be the whole.
    fn begin(&mut self, composite: bool) -> Option<()> {
        match self.levels.last_mut() {
            None if composite => Some(()),
            None | Some(Level::Key { .. }) => None,
            Some(Level::Value) => Some(()),
            Some(Level::Element(at)) => {
                self.path.push(at.to_string());
                *at += 1;
                Some(())
            }
        }
    }

    /// A value ended.
    fn end(&mut self) {
        self.path.pop();
        if let Some(level @ Level::Value) = self.levels.last_mut() {
            *level = Level::Key { empty: false };
        }
    }
}
