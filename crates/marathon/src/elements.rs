//! Cuts the elements of a long list out of an answer while it comes, so that never more than one is there as text.
//!
//! Only quotes, brackets and commas are looked at. What is cut out is a text between two commas, for the reader to parse; a
//! `null` stays in its place, so that in the end what is left of the answer can be parsed too. Nothing that is no JSON as a
//! whole passes both.

use serde::Deserialize;
use serde::de::Error as _;

/// Where in an answer the list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// `{"apps": […]}`.
    Apps,
    /// The answer is the list.
    Whole,
}

/// An answer that is being cut.
#[derive(Debug)]
pub(crate) struct Elements {
    list: List,
    place: Place,
    string: Text,
    /// Of the brackets around the current byte.
    depth: usize,
    element: Vec<u8>,
    /// The answer without its elements.
    rest: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    /// In the list, whose elements are at this depth.
    Inside(usize),
    Behind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    No,
    String,
    /// Behind a backslash.
    Escape,
}

impl Elements {
    pub(crate) const fn new(list: List) -> Self {
        Self {
            list,
            place: Place::Before,
            string: Text::No,
            depth: 0,
            element: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Takes in the next bytes, and gives each element that ends in them.
    ///
    /// # Errors
    /// What `each` says about an element.
    pub(crate) fn push<E>(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let plain = bytes.iter().position(|byte| self.is_mark(*byte)).unwrap_or(bytes.len());
            let (text, marked) = bytes.split_at(plain);
            self.text().extend_from_slice(text);
            let Some((mark, behind)) = marked.split_first() else { return Ok(()) };
            if self.ends_element(*mark) && !self.element.trim_ascii().is_empty() {
                each(&self.element)?;
                self.element.clear();
                self.rest.extend_from_slice(b"null");
            }
            self.mark(*mark);
            bytes = behind;
        }
    }

    /// The answer has ended.
    ///
    /// # Errors
    /// It was cut off, is no JSON, or has no such list.
    pub(crate) fn finish(self) -> Result<(), serde_json::Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "apps")]
            _apps: Vec<()>,
        }
        match self.list {
            List::Apps => serde_json::from_slice(&self.rest).map(|Answer { .. }| ())?,
            List::Whole => serde_json::from_slice(&self.rest).map(|_: Vec<()>| ())?,
        }
        // Serde also takes an array of the fields for an object.
        if self.place == Place::Behind {
            Ok(())
        } else {
            Err(serde_json::Error::custom("no such list"))
        }
    }

    fn is_mark(&self, byte: u8) -> bool {
        match self.string {
            Text::No => matches!(byte, b'"' | b'[' | b']' | b'{' | b'}' | b','),
            Text::String => matches!(byte, b'"' | b'\\'),
            Text::Escape => true,
        }
    }

    fn text(&mut self) -> &mut Vec<u8> {
        match self.place {
            Place::Before | Place::Behind => &mut self.rest,
            Place::Inside(_) => &mut self.element,
        }
    }

    fn ends_element(&self, mark: u8) -> bool {
        self.string == Text::No
            && self.place == Place::Inside(self.depth)
            && matches!(mark, b',' | b']')
    }

    fn mark(&mut self, mark: u8) {
        match (self.string, mark) {
            (Text::No, b'[') if self.begins_list() => {
                self.rest.push(mark);
                self.depth += 1;
                self.place = Place::Inside(self.depth);
                return;
            }
            (Text::No, b',' | b']') if self.ends_element(mark) => {
                // Blanks that are no element belong to what is left.
                self.rest.append(&mut self.element);
                self.rest.push(mark);
                if mark == b']' {
                    self.place = Place::Behind;
                    self.depth -= 1;
                }
                return;
            }
            (Text::No, b'[' | b'{') => self.depth += 1,
            (Text::No, b']' | b'}') => self.depth = self.depth.saturating_sub(1),
            (Text::No, b'"') | (Text::Escape, _) => self.string = Text::String,
            (Text::String, b'"') => self.string = Text::No,
            (Text::String, b'\\') => self.string = Text::Escape,
            _ => {}
        }
        self.text().push(mark);
    }

    /// Whether an opening bracket here is the list's.
    fn begins_list(&self) -> bool {
        let before = self.rest.trim_ascii_end();
        self.place == Place::Before
            && match self.list {
                List::Whole => before.is_empty(),
                List::Apps => self.depth == 1 && is_apps(before).unwrap_or(false),
            }
    }
}

/// Whether what ends here announces the value of `apps`, and is no part of a longer key.
fn is_apps(before: &[u8]) -> Option<bool> {
    let key = before.strip_suffix(b":")?.trim_ascii_end();
    let before = key.strip_suffix(b"\"apps\"")?.trim_ascii_end();
    Some(matches!(before.last(), Some(b'{' | b',')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    /// The elements of an answer that comes in pieces of this size.
    fn cut(list: List, text: &[u8], size: usize) -> Result<Vec<Value>, serde_json::Error> {
        let mut elements = Elements::new(list);
        let mut found = Vec::new();
        for chunk in text.chunks(size) {
            elements.push(chunk, |element| {
                found.push(serde_json::from_slice(element)?);
                Ok::<_, serde_json::Error>(())
            })?;
        }
        elements.finish().map(|()| found)
    }

    /// The same by a parser that has the whole text.
    fn parsed(list: List, text: &[u8]) -> Result<Vec<Value>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            apps: Vec<&'a RawValue>,
        }
        let texts = match list {
            List::Apps if !text.trim_ascii_start().starts_with(b"{") => {
                return Err(serde_json::Error::custom("no object"));
            }
            List::Apps => serde_json::from_slice::<Answer<'_>>(text)?.apps,
            List::Whole => serde_json::from_slice(text)?,
        };
        texts.into_iter().map(|text| serde_json::from_str(text.get())).collect()
    }

    #[test]
    fn what_is_cut() {
        let rows = [
            (r#"{"apps":[]}"#, Some(0)),
            (r#" { "apps" : [ ] } "#, Some(0)),
            (r#"{"apps":[{"id":"/a"},{"id":"/b","x":[1,2,"],}"]}]}"#, Some(2)),
            (r#"{"before":{"apps":[1]},"apps":[7,null],"after":["apps",[3]]}"#, Some(2)),
            (r#"{"x\"apps":[1],"apps":[7]}"#, Some(1)),
            (r#"{"x,\"apps":[1],"apps":[7]}"#, Some(1)),
            (r#"{"apps":["a\\","\"",{}]}"#, Some(3)),
            (r#"{"apps":[1],"apps":[2]}"#, None),
            (r#"{"apps":[1,]}"#, None),
            (r#"{"apps":[,1]}"#, None),
            (r#"{"apps":[1 2]}"#, None),
            (r#"{"apps":[{]}}"#, None),
            (r#"{"apps":[}]}"#, None),
            (r#"{"apps":[1]"#, None),
            (r#"{"apps":[1]} x"#, None),
            (r#"{"apps":null}"#, None),
            (r#"[{"apps":[1]}]"#, None),
            ("[[1]]", None),
            (r#"{"app":[1]}"#, None),
            ("", None),
        ];
        for (text, want) in rows {
            for size in 1..=text.len().max(1) {
                let found = cut(List::Apps, text.as_bytes(), size).ok();
                assert_eq!(found.as_ref().map(Vec::len), want, "{text} by {size}");
                assert_eq!(found, parsed(List::Apps, text.as_bytes()).ok(), "{text}");
            }
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![Just("apps".to_owned()), r#"[a\\"{}\[\],é]{0,4}"#];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i8>().prop_map(Value::from),
            text.prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let key = prop_oneof![Just("apps".to_owned()), r#"[a\\",:]{0,2}"#];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..3)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_answer_is_cut_as_it_is_parsed_however_it_comes(
            value in json(), pretty: bool, list in prop_oneof![Just(List::Apps), Just(List::Whole)], size in 1_usize..9,
            changed: prop::sample::Index, byte in prop::option::of(prop::sample::select(br#"[]{},:"\ a1"#.to_vec())),
        ) {
            let mut text = if pretty { format!("{value:#}") } else { value.to_string() }.into_bytes();
            if let Some(byte) = byte {
                let at = changed.index(text.len());
                text[at] = byte;
            }
            prop_assert_eq!(cut(list, &text, size).ok(), parsed(list, &text).ok());
        }
    }
}
