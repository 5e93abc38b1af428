//! The report: one column a program, with its share of the first one's value.

use std::time::Duration;

use super::measure::Measurement;

/// A row: what it tells, in which unit, and how to get it.
pub type Row<T> = (&'static str, fn(&T) -> Option<f64>);

const ROWS: [Row<Measurement>; 11] = [
    ("first file, ms", |one| one.first_file.map(milliseconds)),
    ("change to file, median, ms", |one| one.latency.map(|latency| milliseconds(latency.median))),
    ("change to file, p99, ms", |one| one.latency.map(|latency| milliseconds(latency.p99))),
    ("CPU per change, ms", |one| one.cpu_per_change.map(milliseconds)),
    ("Consul's CPU per change, ms", |one| one.consul_cpu_per_change.map(milliseconds)),
    ("requests per change", |one| one.requests_per_change),
    ("CPU when idle, ms per s", |one| one.idle_cpu.map(|share| share * 1e3)),
    ("Consul's CPU meanwhile, ms per s", |one| one.idle_consul_cpu.map(|share| share * 1e3)),
    ("most memory, MB", |one| one.memory.map(|bytes| bytes / 1e6)),
    ("connections to Consul", |one| one.connections.map(f64::from)),
    ("bystander's requests refused, %", |one| one.bystander.refused_percent()),
];

/// The report on some programs; the first is what the others are compared with.
pub fn table(measured: &[Measurement]) -> String {
    let mut text = columns(measured, |one| one.subject.name(), &ROWS);
    let notes = measured.iter().filter_map(|one| Some((one.subject.name(), one.note.as_ref()?)));
    text.extend(notes.map(|(name, note)| format!("{name}: {note}\n")));
    text
}

/// A column for each measurement under its name; the first is what the others are compared with.
pub fn columns<T>(measured: &[T], name: fn(&T) -> &'static str, rows: &[Row<T>]) -> String {
    let head = [String::new()].into_iter().chain(measured.iter().map(|one| name(one).to_owned()));
    let mut lines = vec![head.collect::<Vec<_>>()];
    for (title, value) in rows {
        let base = measured.first().and_then(value);
        let cells = measured.iter().enumerate().map(|(n, one)| cell(value(one), base, n == 0));
        lines.push([(*title).to_owned()].into_iter().chain(cells).collect());
    }
    aligned(&lines)
}

/// A time as a number of milliseconds, for a row.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A value, and how many times the base's it is.
fn cell(value: Option<f64>, base: Option<f64>, is_base: bool) -> String {
    let Some(value) = value else { return "–".to_owned() };
    match base {
        Some(base) if !is_base && base > 0.0 => {
            format!("{} ({}x)", number(value), number(value / base))
        }
        _ => number(value),
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Columns as wide as their widest cell: the first to the left, the others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(n, (cell, width))| match n {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(&cells.collect::<Vec<_>>().join("  "));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_three_digits_and_a_ratio() {
        for (value, base, is_base, want) in [
            (None, Some(1.0), false, "–"),
            (Some(211.4), Some(211.4), true, "211"),
            (Some(2.5), Some(250.0), false, "2.50 (0.010x)"),
            (Some(2.5), Some(0.0), false, "2.50"),
            (Some(2.5), None, false, "2.50"),
            (Some(12.34), Some(1.0), false, "12.3 (12.3x)"),
        ] {
            assert_eq!(cell(value, base, is_base), want);
        }
    }

    #[test]
    fn columns_are_aligned() {
        let lines = [["", "first"], ["a row", "1"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(aligned(&lines), "       first\na row      1\n");
    }
}
