//! Reading: the parser's events become values.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gotemplate::{Map, Type, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::resolve::{Meaning, resolve};

/// How deep lists and maps may be nested.
const DEEPEST: usize = 500;
/// How many values aliases may make of a text: an alias of an alias of an alias grows fast.
const MOST: usize = 1_000_000;

type Result<T> = std::result::Result<T, String>;

/// Reads the first document.
pub(super) fn parse(text: &str) -> Result<Value> {
    let events = Parser::<StrInput<'_>>::new_from_str(text);
    let mut reader = Reader { events, anchors: BTreeMap::new(), depth: 0, made: 0 };
    loop {
        match reader.next()? {
            Some(Event::StreamStart | Event::DocumentStart(_)) => {}
            Some(Event::StreamEnd | Event::DocumentEnd) | None => return Ok(Value::Nil),
            Some(event) => return Ok(reader.node(event)?.value),
        }
    }
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    anchors: BTreeMap<usize, (Value, usize)>,
    depth: usize,
    made: usize,
}

/// A value, and whether it is the key that merges.
struct Node {
    value: Value,
    merges: bool,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<Event<'t>>> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, _))) => Ok(Some(event)),
            Some(Err(error)) => Err(format!("line {}: {}", error.marker().line(), error.info())),
        }
    }

    fn node(&mut self, event: Event<'t>) -> Result<Node> {
        let before = self.made;
        self.made += 1;
        if self.made > MOST {
            return Err("document contains excessive aliasing".to_owned());
        }
        let (value, anchor, merges) = match event {
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let (value, size) = known.ok_or("unknown anchor referenced")?;
                self.made += size;
                (value, 0, false)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let (value, merges) = scalar(&text, style, tag.as_deref());
                (value, anchor, merges)
            }
            Event::SequenceStart(anchor, _) => (self.deeper(Self::list)?, anchor, false),
            Event::MappingStart(anchor, _) => (self.deeper(Self::map)?, anchor, false),
            _ => return Err("did not find expected node content".to_owned()),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), self.made - before));
        }
        Ok(Node { value, merges })
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Result<Value>) -> Result<Value> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("exceeded max depth".to_owned());
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Result<Value> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                None | Some(Event::SequenceEnd) => return Ok(Value::list(items)),
                Some(event) => items.push(self.node(event)?.value),
            }
        }
    }

    fn map(&mut self) -> Result<Value> {
        let mut entries = Vec::new();
        loop {
            let key = match self.next()? {
                None | Some(Event::MappingEnd) => {
                    return Ok(Map::new(Type::Any, Type::Any, entries).into());
                }
                Some(event) => self.node(event)?,
            };
            let Some(event) = self.next()? else { continue };
            let value = self.node(event)?.value;
            if key.merges {
                merge(&mut entries, &value)?;
            } else if matches!(key.value, Value::Map(_) | Value::List(_)) {
                return Err(format!("invalid map key: {:#?}", key.value.to_string()));
            } else {
                entries.push((key.value, value));
            }
        }
    }
}

/// Adds what `<<` refers to: a map, or several, of which the first ones count most.
fn merge(entries: &mut Vec<(Value, Value)>, value: &Value) -> Result<()> {
    match value {
        Value::Map(map) => entries.extend_from_slice(&map.entries()),
        Value::List(list) => {
            for item in list.iter().rev() {
                let Value::Map(map) = item else { return Err(no_map()) };
                entries.extend_from_slice(&map.entries());
            }
        }
        _ => return Err(no_map()),
    }
    Ok(())
}

fn no_map() -> String {
    "map merge requires map or sequence of maps as the value".to_owned()
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> (Value, bool) {
    let tag = tag.map(|tag| tag.suffix.as_str());
    let is_plain = style == ScalarStyle::Plain && tag.is_none();
    match tag {
        Some("binary") => {
            let code: String = text.split_ascii_whitespace().collect();
            let bytes = STANDARD.decode(code).unwrap_or_default();
            return (String::from_utf8_lossy(&bytes).into_owned().into(), false);
        }
        Some("int" | "float" | "bool" | "null") => {}
        _ if is_plain => {}
        _ => return (text.into(), false),
    }
    match resolve(text) {
        Meaning::Text | Meaning::Time => (text.into(), false),
        Meaning::Merge => (text.into(), is_plain),
        Meaning::Value(Value::Int(_, int)) if tag == Some("float") => {
            (Value::from(sum(int)), false)
        }
        Meaning::Value(value) => (value, false),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a float was asked for")]
fn sum(int: i64) -> f64 {
    int as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        parse(text).map_or_else(|error| format!("error: {error}"), |value| value.to_string())
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let base = "base: &b {x: 1, z: 2}\n";
        assert_eq!(read(&format!("{base}own: *b")), "map[base:map[x:1 z:2] own:map[x:1 z:2]]");
        let merged = format!("{base}own:\n  <<: *b\n  z: 3");
        assert_eq!(read(&merged), "map[base:map[x:1 z:2] own:map[x:1 z:3]]");
        assert!(read("a: *nobody").starts_with("error"));
        assert!(read("<<: 1").starts_with("error: map merge"));
    }

    #[test]
    fn a_small_text_cannot_become_endless() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let item = format!("*a{}", n - 1);
            text.extend([format!("a{n}: &a{n} [{}]\n", vec![item; 10].join(", "))]);
        }
        assert_eq!(read(&text), "error: document contains excessive aliasing");
    }
}
