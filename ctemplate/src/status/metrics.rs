//! The status as metrics (pure): a registry is made for each reading, from what is counted anyway.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::view::{CommandView, ConsulView, HaproxyView, TemplateView, View};

type Labels = Vec<(&'static str, String)>;
type Seconds = Gauge<f64, AtomicU64>;

/// The metrics of a status.
pub fn registry(view: &View) -> Registry {
    let mut sheet = Sheet(Registry::with_prefix("ctemplate"));
    sheet.gauge("ready", "1 when every file was as it should be", usize::from(view.ready));
    sheet.second("running", "Since the start", view.seconds_running);
    sheet.templates(&view.templates);
    sheet.commands(&view.commands);
    sheet.haproxies(&view.templates);
    if let Some(child) = &view.child {
        sheet.counter("child_restarts", "Starts of the child after the first", child.restarts);
    }
    if let Some(consul) = &view.consul {
        sheet.consul(consul);
    }
    sheet.0
}

struct Sheet(Registry);

impl Sheet {
    fn templates(&mut self, templates: &[TemplateView]) {
        let states = ["installed", "waiting", "failed"].map(|state| {
            let count = templates.iter().filter(|it| it.state == state).count();
            (vec![("state", state.to_owned())], count)
        });
        self.gauges("templates", "Templates by state", states);
        let left_out = templates.iter().map(|it| (labels(it), it.left_out.len()));
        self.gauges("left_out", "What is left out of the text, see /status", left_out);
        let dependencies = templates.iter().map(|it| (labels(it), it.dependencies));
        self.gauges("dependencies", "What the template asks for", dependencies);
        let missing = templates.iter().map(|it| (labels(it), it.missing));
        self.gauges("missing", "What it waits for", missing);
        let renders = templates.iter().map(|it| (labels(it), it.renders));
        self.counters("renders", "Renderings", renders);
        let writes = templates.iter().map(|it| (labels(it), it.writes));
        self.counters("writes", "Files replaced", writes);
        let failures = templates.iter().map(|it| (labels(it), it.failures));
        self.counters("failures", "Renderings, checks and commands that failed", failures);
        let took = templates.iter().map(|it| (labels(it), it.seconds_to_render));
        self.seconds("render", "How long the last rendering took", took);
        let roles = templates.iter().filter_map(|it| {
            let role = it.deduplicate.as_ref()?.role;
            Some(([labels(it), vec![("role", role.to_owned())]].concat(), 1))
        });
        self.gauges("deduplicate_role", "What this instance is among others", roles);
        let age = templates.iter().filter_map(|it| Some((labels(it), it.seconds_since_render?)));
        self.seconds("render_age", "Since the last rendering", age);
        let age = templates.iter().filter_map(|it| Some((labels(it), it.seconds_since_write?)));
        self.seconds("write_age", "Since the file was last replaced", age);
    }

    fn commands(&mut self, commands: &[CommandView]) {
        let runs = commands.iter().flat_map(|it| {
            [("success", it.succeeded), ("failure", it.failed)].map(|(result, count)| {
                (vec![("command", it.command.clone()), ("result", result.to_owned())], count)
            })
        });
        self.counters("commands", "Commands that were run", runs);
        let took =
            commands.iter().map(|it| (vec![("command", it.command.clone())], it.seconds_to_run));
        self.seconds("command", "How long the last run took", took);
    }

    fn haproxies(&mut self, templates: &[TemplateView]) {
        let all: Vec<(Labels, &HaproxyView)> =
            templates.iter().filter_map(|it| Some((labels(it), it.haproxy.as_ref()?))).collect();
        if all.is_empty() {
            return;
        }
        let follows = all.iter().map(|(labels, it)| (labels.clone(), usize::from(it.follows)));
        self.gauges("haproxy_follows", "1 when HAProxy has what its file says", follows);
        let resting = all.iter().map(|(labels, it)| (labels.clone(), it.resting));
        self.gauges("haproxy_resting_servers", "Servers gone from the file only", resting);
        let ways = all.iter().flat_map(|(labels, it)| {
            let ways =
                [("runtime", it.by_runtime), ("reload", it.by_reload), ("refused", it.refused)];
            ways.map(|(way, count)| {
                ([labels.as_slice(), &[("way", way.to_owned())]].concat(), count)
            })
        });
        self.counters("applies", "Changes brought to HAProxy", ways);
        let took = all
            .iter()
            .filter_map(|(labels, it)| Some((labels.clone(), it.last.as_ref()?.seconds_taken)));
        self.seconds("apply", "How long the last one took", took);
    }

    fn consul(&mut self, consul: &ConsulView) {
        self.gauge("connections", "Connections to Consul in use", consul.connections);
        self.gauge("connections_limit", "How many there may be now", consul.connections_limit);
        let ways = [
            ("direct", consul.watched_directly),
            ("signalled", consul.read_on_signals),
            ("signal", consul.signals),
        ];
        let ways = ways.map(|(way, count)| (vec![("way", way.to_owned())], count));
        self.gauges("watches", "What is watched, by way", ways);
        self.gauge("unread", "Questions that may have another answer now", consul.unread);
        self.gauge("failing", "Dependencies without an answer", consul.failing);
        self.counter("requests", "Requests to Consul", consul.requests);
        self.counter("answers", "Answers of Consul", consul.answers);
        self.counter("refusals", "Answers 429 and 503", consul.refusals);
        let lag = consul.seconds_behind;
        self.second("lag", "Since when there is something unread", lag);
        let stale = consul.seconds_without_answer.unwrap_or_default();
        self.second("stale", "Since when some dependency has no answer", stale);
        let age = consul.seconds_since_leader;
        let help = "Time since the server that answered last had heard from its leader";
        self.second("last_contact", help, age);
    }

    fn gauge(&mut self, name: &str, help: &str, value: usize) {
        let gauge = Gauge::<i64>::default();
        gauge.set(signed(value));
        self.0.register(name, help, gauge);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    fn second(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Seconds::default();
        gauge.set(value);
        self.0.register_with_unit(name, help, Unit::Seconds, gauge);
    }

    /// Rows with the same labels (a template that is there twice) add up.
    fn gauges(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, usize)>) {
        let family = Family::<Labels, Gauge>::default();
        for (labels, value) in rows {
            family.get_or_create(&labels).inc_by(signed(value));
        }
        self.0.register(name, help, family);
    }

    fn counters(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Counter>::default();
        for (labels, value) in rows {
            family.get_or_create(&labels).inc_by(value);
        }
        self.0.register(name, help, family);
    }

    fn seconds(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, f64)>) {
        let family = Family::<Labels, Seconds>::default();
        for (labels, value) in rows {
            family.get_or_create(&labels).set(value);
        }
        self.0.register_with_unit(name, help, Unit::Seconds, family);
    }
}

fn labels(template: &TemplateView) -> Labels {
    let file = template.file.clone().unwrap_or_default();
    vec![("template", template.template.clone()), ("file", file)]
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
