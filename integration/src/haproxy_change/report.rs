//! The report: one column a way, with its share of the first one's value.

use super::measure::Measurement;
use crate::scale::table::{Row, columns, milliseconds};

const ROWS: [Row<Measurement>; 3] = [
    ("change to answer, median, ms", |one| one.latency.map(|latency| milliseconds(latency.median))),
    ("change to answer, p99, ms", |one| one.latency.map(|latency| milliseconds(latency.p99))),
    ("HAProxy's reloads", |one| u32::try_from(one.reloads).ok().map(f64::from)),
];

/// The report on some ways; the first is what the others are compared with.
pub fn table(measured: &[Measurement]) -> String {
    columns(measured, |one| one.subject.name(), &ROWS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::haproxy_change::subject::Subject;
    use crate::scale::statistics::Summary;

    #[test]
    fn ways_stand_side_by_side() {
        let one = |subject, median, reloads| {
            let times = [median, 2 * median].map(Duration::from_millis);
            Measurement { subject, latency: Summary::of(&times), reloads }
        };
        let measured = [one(Subject::ConsulTemplate, 80, 2), one(Subject::Runtime, 8, 0)];
        let want = [
            ["", "consul-template, reload", "ctemplate, runtime"],
            ["change to answer, median, ms", "80.0", "8.00 (0.100x)"],
            ["change to answer, p99, ms", "160", "16.0 (0.100x)"],
            ["HAProxy's reloads", "2.00", "0.000 (0.000x)"],
        ];
        let want = want.map(|[title, one, other]| format!("{title:28}  {one:>23}  {other:>18}\n"));
        assert_eq!(table(&measured), want.concat());
    }
}
