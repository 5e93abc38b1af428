//! Charts with logarithmic axes, as SVG that is light enough for a repository.

use std::fmt::Write as _;

/// A chart: lines over a common horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What the vertical axis shows, with its unit.
    pub title: String,
    /// The lines.
    pub series: Vec<Series>,
}

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: &'static str,
    /// Points; those that are not above zero have no place on a logarithmic axis and are left out.
    pub points: Vec<(f64, f64)>,
}

/// Colours that people who cannot tell red from green tell apart (Okabe and Ito).
const COLOURS: [&str; 4] = ["#d55e00", "#0072b2", "#009e73", "#cc79a7"];
/// A chart's width and height, without its margins.
const SIZE: (f64, f64) = (320.0, 240.0);
/// Room around a chart, for its labels.
const MARGIN: (f64, f64) = (60.0, 40.0);

/// An axis: the powers of ten that it begins and ends with, and its length.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
    length: f64,
}

/// Charts beside each other, with the horizontal axis named.
pub fn svg(charts: &[Chart], horizontal: &str) -> String {
    let cell = (SIZE.0 + 2.0 * MARGIN.0, SIZE.1 + 2.0 * MARGIN.1);
    let rows = charts.iter().map(|chart| chart.series.len()).max().unwrap_or_default();
    let legend = 16.0 * (0..rows).map(|_| 1.0).sum::<f64>();
    let width = charts.iter().map(|_| cell.0).sum::<f64>();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        cell.1 + legend
    );
    let mut left = MARGIN.0;
    for chart in charts {
        text.push_str(&drawn(chart, horizontal, left));
        left += cell.0;
    }
    text.push_str("</svg>\n");
    text
}

/// One chart, this far from the left.
fn drawn(chart: &Chart, horizontal: &str, left: f64) -> String {
    let points = || chart.series.iter().flat_map(|series| shown(&series.points));
    let across = Axis::over(points().map(|(x, _)| x), SIZE.0);
    let up = Axis::over(points().map(|(_, y)| y), SIZE.1);
    let mut lines = vec![
        format!("<g transform=\"translate({left} {})\">", MARGIN.1),
        label(0.0, -14.0, "start", &chart.title),
        label(SIZE.0 / 2.0, SIZE.1 + 32.0, "middle", horizontal),
    ];
    for (tick, x) in across.ticks() {
        lines.push(rule((x, 0.0), (x, SIZE.1)));
        lines.push(label(x, SIZE.1 + 16.0, "middle", &tick.to_string()));
    }
    for (tick, y) in up.ticks() {
        lines.push(rule((0.0, SIZE.1 - y), (SIZE.0, SIZE.1 - y)));
        lines.push(label(-6.0, SIZE.1 - y + 4.0, "end", &tick.to_string()));
    }
    let mut below = SIZE.1 + 48.0;
    for (series, colour) in chart.series.iter().zip(COLOURS.iter().cycle()) {
        let place = |(x, y)| (across.place(x), SIZE.1 - up.place(y));
        let places: Vec<_> = shown(&series.points).map(place).collect();
        lines.push(line(&places, colour));
        lines.push(format!(
            "<rect y=\"{}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>",
            below - 9.0
        ));
        lines.push(label(16.0, below, "start", series.name));
        below += 16.0;
    }
    lines.push("</g>\n".to_owned());
    lines.join("\n")
}

fn shown(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    points.iter().copied().filter(|(x, y)| *x > 0.0 && *y > 0.0)
}

impl Axis {
    /// The axis that shows all values, from a power of ten to another.
    fn over(values: impl Iterator<Item = f64>, length: f64) -> Self {
        let powers: Vec<_> = values.map(f64::log10).collect();
        let low = powers.iter().copied().fold(f64::INFINITY, f64::min).floor();
        let high = powers.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil();
        if powers.is_empty() {
            return Self { low: 0.0, high: 1.0, length };
        }
        Self { low, high: high.max(low + 1.0), length }
    }

    /// How far from its beginning a value is.
    fn place(&self, value: f64) -> f64 {
        (value.log10() - self.low) / (self.high - self.low) * self.length
    }

    /// The powers of ten, with their places.
    fn ticks(&self) -> Vec<(f64, f64)> {
        let powers = std::iter::successors(Some(self.low), |power| Some(power + 1.0));
        let powers = powers.take_while(|power| *power <= self.high);
        powers.map(|power| (10f64.powf(power), power)).map(|(v, _)| (v, self.place(v))).collect()
    }
}

fn line(places: &[(f64, f64)], colour: &str) -> String {
    let mut corners = String::new();
    let mut dots = String::new();
    for (x, y) in places {
        // Writing to a string cannot fail.
        write!(corners, "{x:.1},{y:.1} ").ok();
        write!(dots, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>").ok();
    }
    let corners = corners.trim_end();
    format!(
        "<polyline points=\"{corners}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>{dots}"
    )
}

fn rule(from: (f64, f64), to: (f64, f64)) -> String {
    format!(
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>",
        from.0, from.1, to.0, to.1
    )
}

fn label(x: f64, y: f64, anchor: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_go_from_power_to_power_of_ten() {
        for (values, want) in [
            (&[][..], (0.0, 1.0)),
            (&[100.0], (2.0, 3.0)),
            (&[100.0, 5000.0], (2.0, 4.0)),
            (&[0.2, 30.0], (-1.0, 2.0)),
        ] {
            let axis = Axis::over(values.iter().copied(), 100.0);
            assert_eq!((axis.low, axis.high), want, "{values:?}");
        }
        let axis = Axis { low: 0.0, high: 2.0, length: 100.0 };
        assert!((axis.place(10.0) - 50.0).abs() < 1e-9);
        assert_eq!(axis.ticks().len(), 3);
    }

    #[test]
    fn a_chart_has_its_lines_and_leaves_out_what_has_no_place() {
        let points = vec![(100.0, 1.0), (1000.0, 10.0), (3000.0, 0.0)];
        let series = vec![Series { name: "a <b", points }];
        let text = svg(&[Chart { title: "cost".to_owned(), series }], "services");
        assert!(text.contains("points=\"0.0,240.0 320.0,0.0\""), "{text}");
        assert!(text.contains(">a &lt;b<"), "{text}");
        assert_eq!(text.matches("<circle").count(), 2, "{text}");
    }
}
