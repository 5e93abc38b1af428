//! What can be said of the bodies of `each` from the parsed templates (pure).
//!
//! A body's text follows from what it names, if nothing in it is known only while it is rendered: decorators, partials
//! that are named by an expression, blocks that partials are given, or the indentation of a partial.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ptr;

use gotemplate::Purity;
use handlebars::template::{
    DecoratorTemplate, HelperTemplate, Parameter, Subexpression, TemplateElement,
};
use handlebars::{Path, PathSeg, Template};

use crate::funcs;

/// What goes into a body, besides the item and the site's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Body {
    /// What paths begin with: names of block parameters, or of fields.
    pub(super) names: BTreeSet<String>,
    /// How many blocks further out it looks, at most.
    pub(super) up: usize,
    /// Whether it looks at `@index` and the like.
    pub(super) has_locals: bool,
    /// Whether it takes longer than to look it up: it looks at something, loops in loops, or has partials.
    pub(super) is_worth_it: bool,
}

/// A body while it is looked through.
#[derive(Default)]
struct Visit<'t> {
    body: Body,
    /// The loops around the present place.
    loops: usize,
    /// Whether something in it is known only while it is rendered.
    is_open: bool,
    /// The partials in it.
    partials: BTreeSet<&'t str>,
}

/// The partials by their names, and templates besides.
type Templates = HashMap<String, Template>;

/// The bodies that can be remembered, by their addresses.
pub(super) fn bodies(templates: &Templates) -> HashMap<usize, Body> {
    let indented = indented(templates);
    let own = templates.iter().filter(|(name, _)| !indented.contains(name.as_str()));
    let mut found = BTreeMap::new();
    for (_, template) in own {
        bodies_of(template, &mut found);
    }
    let body = |(address, template): (usize, &Template)| {
        let mut visit = Visit::default();
        visit.template(template, templates);
        (!visit.is_open).then_some((address, visit.body))
    };
    found.into_iter().filter_map(body).collect()
}

/// The address of a body.
pub(super) fn address(template: &Template) -> usize {
    ptr::from_ref(template).addr()
}

/// The partials that are rendered with an indentation somewhere: what it is does not show.
fn indented(templates: &Templates) -> BTreeSet<&str> {
    let mut indented = BTreeSet::new();
    for template in templates.values() {
        each_element(template, &mut |element| {
            if let TemplateElement::PartialExpression(partial)
            | TemplateElement::PartialBlock(partial) = element
                && partial.indent.is_some()
            {
                let mut visit = Visit::default();
                visit.partial(partial, templates);
                indented.extend(visit.partials);
            }
        });
    }
    indented
}

fn bodies_of<'t>(template: &'t Template, found: &mut BTreeMap<usize, &'t Template>) {
    each_element(template, &mut |element| {
        if let TemplateElement::HelperBlock(helper) = element
            && helper.name.as_name() == Some("each")
            && let Some(body) = &helper.template
        {
            found.insert(address(body), body);
        }
    });
}

/// All elements of a template, those inside of others too.
fn each_element<'t>(template: &'t Template, visit: &mut impl FnMut(&'t TemplateElement)) {
    for element in &template.elements {
        visit(element);
        let inner = match element {
            TemplateElement::HelperBlock(helper) => [&helper.template, &helper.inverse],
            TemplateElement::PartialBlock(it) | TemplateElement::DecoratorBlock(it) => {
                [&it.template, &None]
            }
            _ => [&None, &None],
        };
        for template in inner.into_iter().flatten() {
            each_element(template, visit);
        }
    }
}

impl<'t> Visit<'t> {
    fn template(&mut self, template: &'t Template, templates: &'t Templates) {
        for element in &template.elements {
            match element {
                TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
                TemplateElement::Expression(helper)
                | TemplateElement::HtmlExpression(helper)
                | TemplateElement::HelperBlock(helper) => self.helper(helper, templates),
                TemplateElement::PartialExpression(partial)
                | TemplateElement::PartialBlock(partial) => self.partial(partial, templates),
                // Decorators, and what is not known yet.
                _ => self.is_open = true,
            }
        }
    }

    fn helper(&mut self, helper: &'t HelperTemplate, templates: &'t Templates) {
        let HelperTemplate { name, params, hash, template, inverse, .. } = helper;
        for parameter in [name].into_iter().chain(params).chain(hash.values()) {
            self.parameter(parameter, templates);
        }
        let is_called = |function: &funcs::Function| name.as_name() == Some(function.name);
        let looks = |(function, purity)| purity == Purity::Witnessed && is_called(function);
        let is_loop = usize::from(name.as_name() == Some("each"));
        self.loops += is_loop;
        self.body.is_worth_it |= self.loops > 1 || funcs::with_purity().any(looks);
        for template in template.iter().chain(inverse) {
            self.template(template, templates);
        }
        self.loops -= is_loop;
    }

    fn partial(&mut self, partial: &'t DecoratorTemplate, templates: &'t Templates) {
        self.body.is_worth_it = true;
        for parameter in partial.params.iter().chain(partial.hash.values()) {
            self.parameter(parameter, templates);
        }
        // A block that is given is rendered for `@partial-block`, or for want of a partial.
        if let Some(template) = &partial.template {
            self.template(template, templates);
        }
        match partial.name.as_name().filter(|name| *name != "@partial-block") {
            None => self.is_open = true,
            Some(name) if self.partials.insert(name) => {
                if let Some(template) = templates.get(name) {
                    self.template(template, templates);
                }
            }
            Some(_) => {}
        }
    }

    fn parameter(&mut self, parameter: &'t Parameter, templates: &'t Templates) {
        match parameter {
            Parameter::Literal(_) => {}
            Parameter::Name(name) => {
                self.body.names.insert(name.clone());
            }
            Parameter::Path(path) => self.path(path),
            Parameter::Subexpression(Subexpression { element, .. }) => match element.as_ref() {
                TemplateElement::Expression(helper) => self.helper(helper, templates),
                _ => self.is_open = true,
            },
            _ => self.is_open = true,
        }
    }

    fn path(&mut self, path: &Path) {
        match path {
            Path::Relative((parts, text)) => {
                let named = |part: &PathSeg| match part {
                    PathSeg::Named(name) => Some(name.clone()),
                    _ => None,
                };
                self.body.names.extend(parts.iter().find_map(named));
                self.body.up = self.body.up.max(text.matches("..").count());
            }
            Path::Local((up, ..)) => {
                self.body.has_locals = true;
                self.body.up = self.body.up.max(*up);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a template with a partial `p`, which may have a body too.
    fn found(text: &str, partial: &str) -> Vec<Body> {
        let parsed = [("t", text), ("p", partial)]
            .map(|(name, text)| (name.to_owned(), Template::compile_with_name(text, name.into())));
        let templates = parsed.map(|(name, template)| (name, template.unwrap())).into();
        let mut bodies: Vec<_> = bodies(&templates).into_values().collect();
        bodies.sort_by_key(|body| body.names.clone());
        bodies
    }

    fn body(names: &[&str], up: usize, has_locals: bool, is_worth_it: bool) -> Body {
        let names = names.iter().map(ToString::to_string).collect();
        Body { names, up, has_locals, is_worth_it }
    }

    #[test]
    fn a_body_is_known_by_what_it_names() {
        for (text, want) in [
            ("{{a}}{{#if b}}x{{/if}}", vec![]),
            ("{{#each a}}{{b.c}}{{this}}{{/each}}", vec![body(&["b"], 0, false, false)]),
            (
                "{{#each a}}{{../b}}{{#if @../x}}{{/if}}{{/each}}",
                vec![body(&["b", "if"], 1, true, false)],
            ),
            (
                "{{#each a}}{{#if (eq b (print c.d))}}{{else}}{{e}}{{/if}}{{/each}}",
                vec![body(&["b", "c", "e", "eq", "if", "print"], 0, false, false)],
            ),
            ("{{#each a}}{{key \"b\"}}{{/each}}", vec![body(&["key"], 0, false, true)]),
            ("{{#each a}}{{> p x=y}}{{/each}}", vec![body(&["in_p", "y"], 0, false, true)]),
            (
                "{{#each a}}{{#each b}}{{c}}{{/each}}{{/each}}",
                vec![body(&["b", "c", "each"], 0, false, false), body(&["c"], 0, false, false)],
            ),
        ] {
            let names = |mut body: Body| {
                // Names of helpers do no harm.
                body.names
                    .retain(|name| !["each", "eq", "if", "key", "print"].contains(&name.as_str()));
                body
            };
            let mut want: Vec<_> = want.into_iter().map(names).collect();
            let mut got: Vec<_> = found(text, "{{in_p}}").into_iter().map(names).collect();
            want.sort_by_key(|body| body.names.clone());
            got.sort_by_key(|body| body.names.clone());
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn what_is_known_only_while_it_is_rendered_is_not_remembered() {
        for (text, partial, want) in [
            ("{{#each a}}{{> p}}{{/each}}", "{{#each b}}{{c}}{{/each}}", 2),
            ("{{#each a}}{{> p}}{{/each}}", "{{> p}}", 1),
            ("{{#each a}}\n  {{> p}}\n{{/each}}", "{{#each b}}{{c}}{{/each}}", 1),
            ("{{#each a}}{{> (lookup b 0)}}{{/each}}", "", 0),
            ("{{#each a}}{{> p}}{{/each}}", "{{> @partial-block}}", 0),
            ("{{#each a}}{{#*inline \"x\"}}{{/inline}}{{/each}}", "", 0),
        ] {
            assert_eq!(found(text, partial).len(), want, "{text} {partial}");
        }
    }
}
