//! What helpers reach: they are registered once, and called for one rendering after the other.

use std::collections::HashMap;
use std::mem;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use gotemplate::{Error, Purity, Texts, Value, Witness as _};

use super::bodies::Body;
use crate::funcs::Function;
use crate::render::session::{Session, Sight};

/// What stands for all that goes into a body.
pub(super) type Digest = [u8; 32];

/// The present rendering.
#[derive(Debug, Default)]
pub(super) struct Stage {
    /// The bodies that are to be remembered, by their addresses.
    pub(super) bodies: OnceLock<HashMap<usize, Body>>,
    /// Only one template can be rendered at a time.
    turn: Mutex<()>,
    scene: Mutex<Scene>,
}

#[derive(Debug, Default)]
struct Scene {
    session: Session,
    memory: Memory,
}

/// What the renderings of one template remember.
#[derive(Debug, Default)]
pub struct Memory {
    /// Whose bodies they are.
    stage: Option<Weak<Stage>>,
    texts: Texts<Digest, Arc<Sight>, Flags>,
    /// Whether bodies are remembered too that are rendered faster than they are looked up.
    is_eager: bool,
}

/// What the library notes of the last text, for the indentation of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) trailing_newline: bool,
    pub(super) content_produced: bool,
    pub(super) indent_before_write: bool,
}

/// What is known of a body before it is rendered.
pub(super) enum Recalled {
    /// Its text.
    Text(Arc<gotemplate::Text<Digest, Arc<Sight>, Flags>>),
    /// It is to be rendered, and [`Stage::end`] is to be called after that.
    Begun,
}

impl Memory {
    /// Has it remember all that it may.
    #[must_use]
    pub fn eager(self) -> Self {
        Self { is_eager: true, ..self }
    }

    fn start(&mut self, stage: &Arc<Stage>) {
        let is_of = |it: &Weak<Stage>| ptr::eq(it.as_ptr(), Arc::as_ptr(stage));
        if !self.stage.as_ref().is_some_and(is_of) {
            self.stage = Some(Arc::downgrade(stage));
            self.texts = Texts::new();
        }
        self.texts.start();
    }
}

impl Stage {
    /// Renders, with a session and with what is remembered.
    pub(super) fn play<T>(
        self: &Arc<Self>,
        session: &mut Session,
        memory: &mut Memory,
        render: impl FnOnce() -> T,
    ) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        memory.start(self);
        *self.scene() = Scene { session: mem::take(session), memory: mem::take(memory) };
        let rendered = render();
        (*session, *memory) = {
            let Scene { session, memory } = mem::take(&mut *self.scene());
            (session, memory)
        };
        memory.texts.finish();
        rendered
    }

    /// What goes into a body that may and should be remembered.
    pub(super) fn remembers(&self, address: usize) -> Option<&Body> {
        let body = self.bodies.get()?.get(&address)?;
        (body.is_worth_it || self.scene().memory.is_eager).then_some(body)
    }

    /// Calls a function.
    pub(super) fn call(
        &self,
        function: &Function,
        purity: Purity,
        arguments: &[Value],
    ) -> Result<Value, Error> {
        let mut scene = self.scene();
        match purity {
            Purity::Pure | Purity::Witnessed => {}
            Purity::Impure | Purity::Mutating => scene.memory.texts.forbid(|_| true),
        }
        (function.body)(&scene.session, arguments)
    }

    /// A body begins, into which this goes.
    pub(super) fn begin(&self, address: usize, digest: Digest) -> Recalled {
        let mut scene = self.scene();
        let Scene { session, memory: Memory { texts, .. } } = &mut *scene;
        let place =
            (address, u64::from_ne_bytes(digest.first_chunk().copied().unwrap_or_default()));
        let found = texts.find(place, |key| *key == digest, |text| session.holds(text.seen()));
        if let Some(text) = found {
            return Recalled::Text(text);
        }
        texts.begin(place, digest);
        session.begin();
        Recalled::Begun
    }

    /// The body that began last ends, with its text unless it failed.
    pub(super) fn end(&self, text: Option<(&str, Flags)>) {
        let mut scene = self.scene();
        let seen = scene.session.end();
        scene.memory.texts.end(seen, text);
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
