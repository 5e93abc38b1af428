//! `each`, which takes the texts of its bodies from memory where they would be the same again.
//!
//! Without that it is as the library's own.

use std::collections::VecDeque;
use std::sync::Arc;

use handlebars::{
    BlockContext, BlockParamHolder, BlockParams, Context, Handlebars, Helper, HelperDef,
    HelperResult, Output, RenderContext, RenderError, RenderErrorReason, Renderable as _, Template,
};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::bodies::{self, Body};
use super::stage::{Digest, Flags, Recalled, Stage};

/// The helper.
pub(super) struct Each(pub(super) Arc<Stage>);

/// An item, and where it stands.
struct Item<'a> {
    value: &'a Json,
    /// Of a map.
    key: Option<&'a str>,
    index: usize,
    count: usize,
}

/// How the bodies of one `each` are rendered.
struct Loop<'a, 'reg: 'rc, 'rc> {
    helper: &'a Helper<'rc>,
    registry: &'reg Handlebars<'reg>,
    context: &'rc Context,
    template: &'rc Template,
    /// Where the items are in the context, if they are there.
    path: Option<&'a Vec<String>>,
}

impl HelperDef for Each {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        rendering: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let items = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("each", 0))?;
        let Some(template) = helper.template() else { return Ok(()) };
        let pairs: Vec<(Option<&str>, &Json)> = match items.value() {
            Json::Array(list) => list.iter().map(|value| (None, value)).collect(),
            Json::Object(map) => map.iter().map(|(key, it)| (Some(key.as_str()), it)).collect(),
            _ if helper.inverse().is_none() => {
                let path = items.relative_path().cloned();
                return Err(RenderErrorReason::MissingVariable(path).into());
            }
            _ => Vec::new(),
        };
        if pairs.is_empty() {
            let Some(inverse) = helper.inverse() else { return Ok(()) };
            return inverse.render(registry, context, rendering, out);
        }
        let path = items.context_path();
        let each = Loop { helper, registry, context, template, path };
        let mut block = BlockContext::new();
        block.base_path_mut().clone_from(path.unwrap_or(&Vec::new()));
        rendering.push_block(block);
        let count = pairs.len();
        for (index, (key, value)) in pairs.into_iter().enumerate() {
            self.item(&each, &Item { value, key, index, count }, rendering, out)?;
        }
        rendering.pop_block();
        Ok(())
    }
}

impl Each {
    fn item<'reg: 'rc, 'rc>(
        &self,
        each: &Loop<'_, 'reg, 'rc>,
        item: &Item<'_>,
        rendering: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let address = bodies::address(each.template);
        // A context that was changed is not the one that all renderings have.
        let body = self.0.remembers(address).filter(|_| rendering.context().is_none());
        let Some(body) = body else {
            each.enter(item, rendering)?;
            return each.template.render(each.registry, each.context, rendering, out);
        };
        match self.0.begin(address, digest(each, item, body, rendering)) {
            Recalled::Text(text) => {
                text.after().restore(rendering);
                out.write(text.text())?;
            }
            Recalled::Begun => {
                let text = each
                    .enter(item, rendering)
                    .and_then(|()| each.template.renders(each.registry, each.context, rendering));
                let flags = Flags::of(rendering);
                self.0.end(text.as_ref().ok().map(|text| (text.as_str(), flags)));
                out.write(&text?)?;
            }
        }
        Ok(())
    }
}

impl<'rc> Loop<'_, '_, 'rc> {
    /// Makes an item the present one.
    fn enter(
        &self,
        item: &Item<'_>,
        rendering: &mut RenderContext<'_, 'rc>,
    ) -> Result<(), RenderError> {
        let Some(block) = rendering.block_mut() else { return Ok(()) };
        for (name, value) in item.locals() {
            block.set_local_var(name, value);
        }
        if let Some(path) = self.path {
            let mut path = path.clone();
            path.push(item.name());
            *block.base_path_mut() = path;
        } else {
            block.set_base_value(item.value.clone());
        }
        let (name, position) = match self.helper.block_param_pair() {
            Some((name, position)) => (name, Some(position)),
            None => match self.helper.block_param() {
                Some(name) => (name, None),
                None => return Ok(()),
            },
        };
        let mut parameters = BlockParams::new();
        match self.path {
            Some(_) => parameters.add_path(name, Vec::new())?,
            None => parameters.add_value(name, item.value.clone())?,
        }
        if let Some(position) = position {
            parameters.add_value(position, item.position())?;
        }
        block.set_block_params(parameters);
        Ok(())
    }
}

impl Item<'_> {
    fn name(&self) -> String {
        self.key.map_or_else(|| self.index.to_string(), str::to_owned)
    }

    fn position(&self) -> Json {
        self.key.map_or_else(|| json!(self.index), |key| json!(key))
    }

    fn locals(&self) -> impl Iterator<Item = (&'static str, Json)> {
        let (is_first, is_last) = (self.index == 0, self.index + 1 == self.count);
        let locals =
            [("first", json!(is_first)), ("last", json!(is_last)), ("index", json!(self.index))];
        locals.into_iter().chain(self.key.map(|key| ("key", json!(key))))
    }
}

impl Flags {
    fn of(rendering: &RenderContext<'_, '_>) -> Self {
        Self {
            trailing_newline: rendering.get_trailine_newline(),
            content_produced: rendering.get_content_produced(),
            indent_before_write: rendering.get_indent_before_write(),
        }
    }

    fn restore(self, rendering: &mut RenderContext<'_, '_>) {
        rendering.set_trailing_newline(self.trailing_newline);
        rendering.set_content_produced(self.content_produced);
        rendering.set_indent_before_write(self.indent_before_write);
    }
}

/// What stands for all that goes into a body: the item, and what it can name of what is around it.
fn digest(
    each: &Loop<'_, '_, '_>,
    item: &Item<'_>,
    body: &Body,
    rendering: &mut RenderContext<'_, '_>,
) -> Digest {
    let Flags { trailing_newline, content_produced, indent_before_write } = Flags::of(rendering);
    let mut inputs = Inputs(Vec::new());
    inputs.add(&[trailing_newline, content_produced, indent_before_write]);
    inputs.add(&(each.path, item.value));
    if each.path.is_some() {
        inputs.add(&item.name());
    }
    if body.has_locals {
        inputs.add(&item.locals().collect::<Vec<_>>());
    }
    if each.helper.block_param_pair().is_some_and(|(_, name)| body.names.contains(name)) {
        inputs.add(&item.position());
    }
    // The block of the item, which comes first, is that of the item before.
    let blocks = rendering.replace_blocks(VecDeque::new());
    for block in blocks.iter().skip(1).take(body.up) {
        inputs.block(block, body);
    }
    for name in &body.names {
        let mut outer = blocks.iter().skip(1);
        if let Some((block, holder)) =
            outer.find_map(|block| Some((block, block.get_block_param(name)?)))
        {
            inputs.add(name);
            inputs.parameter(block, holder);
        }
    }
    rendering.replace_blocks(blocks);
    Sha256::digest(inputs.0).into()
}

/// Values behind each other, in a form that is another one for others.
struct Inputs(Vec<u8>);

impl Inputs {
    fn add(&mut self, value: &impl serde::Serialize) {
        // Values of JSON can be written, and memory takes them.
        drop(serde_json::to_writer(&mut self.0, value));
        self.0.push(b'\n');
    }

    fn block(&mut self, block: &BlockContext<'_>, body: &Body) {
        self.add(&(block.base_path(), block.base_value()));
        if body.has_locals {
            let locals = ["first", "last", "index", "key"].map(|name| block.get_local_var(name));
            self.add(&locals);
        }
    }

    fn parameter(&mut self, block: &BlockContext<'_>, holder: &BlockParamHolder) {
        match holder {
            BlockParamHolder::Value(value) => self.add(value),
            BlockParamHolder::Path(path) => self.add(&(block.base_path(), path)),
        }
    }
}
