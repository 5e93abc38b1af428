//! What executions remember: the texts of bodies, for as long as what went into them stays the same.
//!
//! A body is what stands in `range` or `with`, or a template that is invoked. Its text is that of the last time when it
//! gets the same dot and the same variables, and when the host says that what it looked at there is still so. It is
//! remembered only when nothing else came of it: no error, no assignment to a variable from outside, no call of a
//! function that is not [repeatable](Purity), of a method or of a function value. All this is known only afterwards, so
//! that the branches that were not taken forbid nothing.
//!
//! Unless it is told otherwise, only bodies are remembered that loop or look at something: all others are written faster than they are looked up.
//!
//! The texts, and the errors of templates, are those of an execution without memory. Where the output grows over its limit,
//! the error may name an earlier place.

mod body;
mod key;

use std::{collections::HashMap, fmt, mem, ptr, sync::Arc};

pub(crate) use self::key::Inputs;
use self::{body::Body, key::Key};
use crate::{exec::Flow, funcs::Purity, node::List};

/// So many texts of one body may look alike at first sight before no more of them are remembered.
const ALIKE: usize = 16;

/// Unused texts are dropped when there are this many more than were in use, or half as many.
const SLACK: usize = 64;

/// A context that knows what the functions of the host look at.
pub trait Witness {
    /// What a body looked at, and what it found.
    type Seen: Send + Sync;

    /// A body begins, perhaps inside of another one.
    fn begin(&mut self);

    /// The last body that began ends. What was seen in it was also seen in the one around it.
    fn end(&mut self) -> Self::Seen;

    /// Whether a body would find the same now. If so, it counts as seen.
    fn holds(&mut self, seen: &Self::Seen) -> bool;
}

/// The bodies of one template that were executed last, for [`Template::render_with`](crate::Template::render_with).
///
/// Its size is about that of the output, times how deep the bodies are nested.
pub struct Memory<S> {
    /// Of which template.
    template: Option<u64>,
    /// What is known of bodies, by their addresses.
    bodies: HashMap<usize, Body>,
    entries: HashMap<Place, Vec<Arc<Entry<S>>>>,
    /// How many entries came since the unused ones were dropped, and how many stayed then.
    added: usize,
    kept: usize,
    /// The bodies that are being executed.
    frames: Vec<Frame<S>>,
    /// What this execution has used outside of all bodies.
    roots: Vec<Arc<Entry<S>>>,
    /// Whether small bodies are remembered too.
    is_eager: bool,
    /// Something was changed that may be part of any value, so that nothing is remembered in this execution.
    is_off: bool,
}

/// The address of a body, and the hash of what goes into it.
type Place = (usize, u64);

/// A body with its text.
struct Entry<S> {
    place: Place,
    key: Key,
    text: Box<str>,
    flow: Flow,
    seen: S,
    /// The bodies inside, which are kept as long as this one.
    inside: Vec<Arc<Self>>,
}

struct Frame<S> {
    place: Place,
    key: Key,
    is_memorable: bool,
    /// How many variables there were when it began.
    floor: usize,
    inside: Vec<Arc<Entry<S>>>,
}

/// What is known of a body before it is executed.
pub(crate) enum Recalled {
    /// Its text was appended to the output.
    Written(Flow),
    /// It is to be executed, and [`Remember::end`] is to be called after that.
    Begun,
    /// It is to be executed.
    Unknown,
}

/// A memory, whatever its host sees.
pub(crate) trait Remember<C> {
    /// A body begins.
    fn begin(
        &mut self,
        context: &mut C,
        list: &List,
        inputs: &Inputs<'_>,
        out: &mut String,
    ) -> Recalled;

    /// The body that began last ends, with its text unless it failed.
    fn end(&mut self, context: &mut C, result: Option<(&str, Flow)>);

    /// Something is called.
    fn called(&mut self, purity: Purity);

    /// The variable at an index is set.
    fn assigned(&mut self, index: usize);
}

impl<S> Memory<S> {
    /// Nothing is remembered.
    pub fn new() -> Self {
        Self {
            template: None,
            bodies: HashMap::new(),
            entries: HashMap::new(),
            added: 0,
            kept: 0,
            frames: Vec::new(),
            roots: Vec::new(),
            is_eager: false,
            is_off: false,
        }
    }

    /// Has it remember all bodies that it may, those too that are written faster than they are looked up.
    #[must_use]
    pub const fn eager(mut self) -> Self {
        self.is_eager = true;
        self
    }

    /// An execution of a template begins.
    pub(crate) fn start(&mut self, template: u64) {
        if self.template != Some(template) {
            *self = Self { template: Some(template), is_eager: self.is_eager, ..Self::new() };
        }
        self.is_off = false;
        self.frames.clear();
        self.roots.clear();
    }

    /// The execution ends: what it has not used is dropped, if that is much.
    pub(crate) fn finish(&mut self) {
        let mut in_use = mem::take(&mut self.roots);
        if self.added <= SLACK + self.kept / 2 {
            return;
        }
        self.entries.clear();
        (self.added, self.kept) = (0, 0);
        while let Some(entry) = in_use.pop() {
            let alike = self.entries.entry(entry.place).or_default();
            if alike.iter().any(|other| Arc::ptr_eq(other, &entry)) {
                continue;
            }
            in_use.extend(entry.inside.iter().cloned());
            alike.push(entry);
            self.kept += 1;
        }
    }

    /// Puts an entry under what is around it.
    fn keep(&mut self, entries: impl IntoIterator<Item = Arc<Entry<S>>>) {
        match self.frames.last_mut() {
            Some(frame) => frame.inside.extend(entries),
            None => self.roots.extend(entries),
        }
    }

    fn add(&mut self, entry: Arc<Entry<S>>) {
        let alike = self.entries.entry(entry.place).or_default();
        if alike.len() < ALIKE {
            alike.push(Arc::clone(&entry));
            self.added += 1;
            self.keep([entry]);
        }
    }
}

impl<S, C: Witness<Seen = S>> Remember<C> for Memory<S> {
    fn begin(
        &mut self,
        context: &mut C,
        list: &List,
        inputs: &Inputs<'_>,
        out: &mut String,
    ) -> Recalled {
        if self.is_off {
            return Recalled::Unknown;
        }
        let address = ptr::from_ref(list).addr();
        let body = self.bodies.entry(address).or_insert_with(|| Body::new(list, inputs.purity));
        if !(body.is_worth_it || self.is_eager) {
            return Recalled::Unknown;
        }
        let place = (address, inputs.hash(&body.variables));
        let alike = self.entries.get_mut(&place);
        let found = alike.and_then(|alike| {
            let index = alike.iter().position(|entry| inputs.are(&entry.key))?;
            let holds = alike.get(index).is_some_and(|entry| {
                inputs.allow(&entry.key, entry.text.len()) && context.holds(&entry.seen)
            });
            if holds {
                return alike.get(index).cloned();
            }
            // Its successor is about to come.
            alike.swap_remove(index);
            None
        });
        if let Some(entry) = found {
            out.push_str(&entry.text);
            let flow = entry.flow;
            self.keep([entry]);
            return Recalled::Written(flow);
        }
        let key = inputs.key(&body.variables);
        let floor = inputs.floor;
        self.frames.push(Frame { place, key, is_memorable: true, floor, inside: Vec::new() });
        context.begin();
        Recalled::Begun
    }

    fn end(&mut self, context: &mut C, result: Option<(&str, Flow)>) {
        let seen = context.end();
        let Some(Frame { place, key, is_memorable, inside, .. }) = self.frames.pop() else {
            return;
        };
        match result {
            Some((text, flow)) if is_memorable && key.is_lasting() => {
                let text = text.into();
                self.add(Arc::new(Entry { place, key, text, flow, seen, inside }));
            }
            _ => self.keep(inside),
        }
    }

    fn called(&mut self, purity: Purity) {
        match purity {
            Purity::Pure | Purity::Witnessed => {}
            Purity::Impure => {
                for frame in &mut self.frames {
                    frame.is_memorable = false;
                }
            }
            Purity::Mutating => {
                self.is_off = true;
                self.entries.clear();
                self.roots.clear();
                for frame in &mut self.frames {
                    frame.is_memorable = false;
                    frame.inside.clear();
                }
            }
        }
    }

    fn assigned(&mut self, index: usize) {
        for frame in &mut self.frames {
            frame.is_memorable &= index >= frame.floor;
        }
    }
}

impl<S> Default for Memory<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Memory<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
