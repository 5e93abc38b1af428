//! The status as a page for people (pure). It needs no scripts, and loads itself again.
//!
//! Names come from Consul and may hold anything: the template language escapes all that it is given.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError,
};
use serde_json::json;

use super::routes::RouteView;
use super::view::View;

/// More routes than this nobody reads, and a browser shows them slowly.
pub const MAX_ROUTES: usize = 200;
/// As many of what is left out.
const MAX_LEFT_OUT: usize = 100;

static PAGE: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_helper("span", Box::new(Words(span)));
    registry.register_helper("ago", Box::new(Words(ago)));
    // That it parses is what its test shows; without it there is no page, and everything else.
    drop(registry.register_template_string("page", include_str!("page.hbs")));
    registry
});

/// `NAME SECONDS`: a time in words.
struct Words(fn(Option<f64>) -> String);

impl HelperDef for Words {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let seconds = helper.param(0).and_then(|it| it.value().as_f64());
        Ok(out.write(&(self.0)(seconds))?)
    }
}

/// How long that is.
fn span(seconds: Option<f64>) -> String {
    seconds.map(show).unwrap_or_default()
}

/// How long ago that was, if it ever was.
fn ago(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "never".to_owned(), |seconds| format!("{} ago", show(seconds)))
}

/// The page for a status, and for the first of its routes.
///
/// # Errors
///
/// None that depend on what is shown.
pub fn page(view: &View, (routes, count): &(Vec<RouteView>, usize)) -> Result<String, RenderError> {
    // Several templates may leave out the same.
    let left_out: BTreeSet<_> = view.templates.iter().flat_map(|it| it.left_out.iter()).collect();
    let seen = json!({
        "status": view,
        "left_out": left_out.iter().take(MAX_LEFT_OUT).collect::<Vec<_>>(),
        "more_left_out": left_out.len().saturating_sub(MAX_LEFT_OUT),
        "routes": routes,
        "routes_count": count,
        "more_routes": count.saturating_sub(routes.len()),
    });
    PAGE.render("page", &seen)
}

/// A time in one unit, as exactly as anybody wants to know.
fn show(seconds: f64) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    match seconds {
        _ if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds < 2.0 * MINUTE => format!("{:.0} s", seconds.floor()),
        _ if seconds < 2.0 * HOUR => format!("{:.0} min", (seconds / MINUTE).floor()),
        _ if seconds < 2.0 * DAY => format!("{:.0} h", (seconds / HOUR).floor()),
        _ => format!("{:.0} days", (seconds / DAY).floor()),
    }
}
