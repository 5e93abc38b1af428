//! Texts, and what must stay the same for them to stay so: the part of a memory that does not depend on the language.

use std::{collections::HashMap, fmt, mem, sync::Arc};

/// So many texts of one place may be kept before no more of them are.
const ALIKE: usize = 16;

/// Unused texts are dropped when there are this many more than were in use, or half as many.
const SLACK: usize = 64;

/// A body, and a hash of what goes into it.
type Place = (usize, u64);

/// The texts of a place, each with another key.
type Alike<K, S, A> = Vec<Arc<Text<K, S, A>>>;

/// The texts of bodies, each with the key that it belongs to, with what was seen, and with what came after it besides.
pub struct Texts<K, S, A> {
    kept: HashMap<Place, Alike<K, S, A>>,
    /// How many came since the unused ones were dropped, and how many stayed then.
    added: usize,
    stayed: usize,
    /// The bodies that are being executed.
    open: Vec<Open<K, S, A>>,
    /// What this execution has used outside of all bodies.
    roots: Vec<Arc<Text<K, S, A>>>,
}

/// A body with its text.
pub struct Text<K, S, A> {
    place: Place,
    key: K,
    written: Box<str>,
    seen: S,
    after: A,
    /// The bodies inside, which are kept as long as this one.
    inside: Vec<Arc<Self>>,
}

struct Open<K, S, A> {
    place: Place,
    key: K,
    is_memorable: bool,
    inside: Vec<Arc<Text<K, S, A>>>,
}

impl<K, S, A> Texts<K, S, A> {
    /// There are none.
    pub fn new() -> Self {
        Self { kept: HashMap::new(), added: 0, stayed: 0, open: Vec::new(), roots: Vec::new() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.kept.values().map(Vec::len).sum()
    }

    /// An execution begins.
    pub fn start(&mut self) {
        self.open.clear();
        self.roots.clear();
    }

    /// The execution ends: what it has not used is dropped, if that is much.
    pub fn finish(&mut self) {
        let mut in_use = mem::take(&mut self.roots);
        if self.added <= SLACK + self.stayed / 2 {
            return;
        }
        self.kept.clear();
        (self.added, self.stayed) = (0, 0);
        while let Some(text) = in_use.pop() {
            let alike = self.kept.entry(text.place).or_default();
            if alike.iter().any(|other| Arc::ptr_eq(other, &text)) {
                continue;
            }
            in_use.extend(text.inside.iter().cloned());
            alike.push(text);
            self.stayed += 1;
        }
    }

    /// The text of a place for whose key something is true, if it `holds`; otherwise it is dropped: its successor is
    /// about to come.
    pub fn find(
        &mut self,
        place: Place,
        is_key: impl Fn(&K) -> bool,
        holds: impl FnOnce(&Text<K, S, A>) -> bool,
    ) -> Option<Arc<Text<K, S, A>>> {
        let alike = self.kept.get_mut(&place)?;
        let index = alike.iter().position(|text| is_key(&text.key))?;
        if !alike.get(index).is_some_and(|text| holds(text)) {
            alike.swap_remove(index);
            return None;
        }
        let found = alike.get(index).cloned();
        self.keep(found.clone());
        found
    }

    /// A body begins that was not found.
    pub fn begin(&mut self, place: Place, key: K) {
        self.open.push(Open { place, key, is_memorable: true, inside: Vec::new() });
    }

    /// The bodies that are being executed are not to be remembered, as far as something is true of their keys.
    pub fn forbid(&mut self, which: impl Fn(&K) -> bool) {
        for open in &mut self.open {
            open.is_memorable &= !which(&open.key);
        }
    }

    /// The body that began last ends: with its text, unless there is none to be remembered.
    pub fn end(&mut self, seen: S, text: Option<(&str, A)>) {
        let Some(Open { place, key, is_memorable, inside }) = self.open.pop() else { return };
        let Some((text, after)) = text.filter(|_| is_memorable) else {
            self.keep(inside);
            return;
        };
        let alike = self.kept.entry(place).or_default();
        if alike.len() < ALIKE {
            let written = text.into();
            let text = Arc::new(Text { place, key, written, seen, after, inside });
            alike.push(Arc::clone(&text));
            self.added += 1;
            self.keep([text]);
        }
    }

    /// Drops all of them; those that are being executed are not remembered.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.roots.clear();
        for open in &mut self.open {
            open.is_memorable = false;
            open.inside.clear();
        }
    }

    /// Puts texts under what is around them.
    fn keep(&mut self, texts: impl IntoIterator<Item = Arc<Text<K, S, A>>>) {
        match self.open.last_mut() {
            Some(open) => open.inside.extend(texts),
            None => self.roots.extend(texts),
        }
    }
}

impl<K, S, A> Text<K, S, A> {
    /// What went into it.
    pub const fn key(&self) -> &K {
        &self.key
    }

    /// The text.
    pub const fn text(&self) -> &str {
        &self.written
    }

    /// What was seen in it.
    pub const fn seen(&self) -> &S {
        &self.seen
    }

    /// What came after it.
    pub const fn after(&self) -> &A {
        &self.after
    }
}

impl<K, S, A> Default for Texts<K, S, A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, S, A> fmt::Debug for Texts<K, S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}
