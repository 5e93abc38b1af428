//! What executions remember: the texts of bodies, for as long as what went into them stays the same.
//!
//! A body is what stands in `range` or `with`, or a template that is invoked. Its text is that of the last time when it
//! gets the same dot and the same variables, and when the host says that what it looked at there is still so. It is
//! remembered only when nothing else came of it: no error, no assignment to a variable from outside, no call of a
//! function that is not [repeatable](Purity), of a method or of a function value. All this is known only afterwards, so
//! that the branches that were not taken forbid nothing.
//!
//! Unless it is told otherwise, only bodies are remembered that look at something, loop in loops or execute templates: the
//! others are written faster than they are looked up.
//!
//! The texts, and the errors of templates, are those of an execution without memory. Where the output grows over its limit,
//! the error may name an earlier place.

mod body;
mod key;
mod texts;

use std::{collections::HashMap, fmt, ptr};

pub(crate) use self::key::Inputs;
pub use self::texts::{Text, Texts};
use self::{body::Body, key::Key};
use crate::{exec::Flow, funcs::Purity, node::List};

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
    texts: Texts<Key, S, Flow>,
    /// How long the last output was.
    length: usize,
    /// Whether small bodies are remembered too.
    is_eager: bool,
    /// Something was changed that may be part of any value, so that nothing is remembered in this execution.
    is_off: bool,
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
            texts: Texts::new(),
            length: 0,
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

    /// How many texts are remembered.
    pub fn count(&self) -> usize {
        self.texts.count()
    }

    /// An execution of a template begins. How long its output is likely to become.
    pub(crate) fn start(&mut self, template: u64) -> usize {
        if self.template != Some(template) {
            *self = Self { template: Some(template), is_eager: self.is_eager, ..Self::new() };
        }
        self.is_off = false;
        self.texts.start();
        self.length + self.length / 16
    }

    /// The execution ends, with an output of such a length.
    pub(crate) fn finish(&mut self, length: usize) {
        self.length = length;
        self.texts.finish();
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
        let holds = |text: &Text<Key, S, Flow>| {
            inputs.allow(text.key(), text.text().len()) && context.holds(text.seen())
        };
        if let Some(found) = self.texts.find(place, |key| inputs.are(key), holds) {
            out.push_str(found.text());
            return Recalled::Written(*found.after());
        }
        let key = inputs.key(&body.variables);
        if !key.is_lasting() {
            return Recalled::Unknown;
        }
        self.texts.begin(place, key);
        context.begin();
        Recalled::Begun
    }

    fn end(&mut self, context: &mut C, result: Option<(&str, Flow)>) {
        let seen = context.end();
        self.texts.end(seen, result);
    }

    fn called(&mut self, purity: Purity) {
        match purity {
            Purity::Pure | Purity::Witnessed => {}
            Purity::Impure => self.texts.forbid(|_| true),
            Purity::Mutating => {
                self.is_off = true;
                self.texts.clear();
            }
        }
    }

    fn assigned(&mut self, index: usize) {
        self.texts.forbid(|key| index < key.floor());
    }
}

impl<S> Default for Memory<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Memory<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("texts", &self.texts).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
