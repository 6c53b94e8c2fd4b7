//! A plot of lines on two logarithmic axes, as SVG.

use std::fmt::Write;
use std::ops::RangeInclusive;

use super::figures;

/// A name and its line.
pub struct Series {
    pub name: String,
    /// Which of the colours; the same for a system in every plot.
    pub colour: usize,
    /// In the order of the first number.
    pub points: Vec<(f64, f64)>,
}

pub struct Plot<'a> {
    pub title: &'a str,
    pub across: &'a str,
    pub up: &'a str,
    pub series: Vec<Series>,
}

const COLOURS: [&str; 11] = [
    "#999999", "#bbbbbb", "#000000", "#666666", "#d62728", "#ff9896", "#1f77b4", "#2ca02c", "#ff7f0e",
    "#9467bd", "#8c564b",
];
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 600.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 350.0;

/// Where figures stand on one axis.
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(figures: impl Iterator<Item = f64> + Clone, place: RangeInclusive<f64>) -> Self {
        let least = figures.clone().fold(f64::INFINITY, f64::min).log10();
        let most = figures.fold(f64::NEG_INFINITY, f64::max).log10();
        // A little air on both sides, and no axis without length.
        let air = ((most - least) * 0.05).max(0.05);
        Self { least: least - air, most: most + air, from: *place.start(), to: *place.end() }
    }

    fn place(&self, figure: f64) -> f64 {
        let along = (figure.log10() - self.least) / (self.most - self.least);
        self.from + along * (self.to - self.from)
    }

    /// Powers of ten with their halves and fifths, where they are few.
    fn ticks(&self) -> Vec<f64> {
        #[expect(clippy::cast_possible_truncation, reason = "exponents of figures that people measure")]
        let decades = (self.least.floor() as i32)..=(self.most.ceil() as i32);
        let parts: &[f64] = if self.most - self.least < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let all = decades.flat_map(|decade| parts.iter().map(move |part| part * 10_f64.powi(decade)));
        all.filter(|tick| (self.least..=self.most).contains(&tick.log10())).collect()
    }
}

impl Plot<'_> {
    pub fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| series.points.iter());
        let across = Axis::new(points().map(|point| point.0), LEFT..=RIGHT);
        let up = Axis::new(points().map(|point| point.1), BOTTOM..=TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
        );
        let middle = f64::midpoint(LEFT, RIGHT);
        text(&mut svg, middle, 22.0, "middle", self.title);
        text(&mut svg, middle, HEIGHT - 12.0, "middle", self.across);
        text(&mut svg, 8.0, TOP - 8.0, "start", self.up);
        for tick in across.ticks() {
            let x = across.place(tick);
            line(&mut svg, [(x, TOP), (x, BOTTOM)]);
            text(&mut svg, x, BOTTOM + 16.0, "middle", &figures::tick(tick));
        }
        for tick in up.ticks() {
            let y = up.place(tick);
            line(&mut svg, [(LEFT, y), (RIGHT, y)]);
            text(&mut svg, LEFT - 6.0, y + 4.0, "end", &figures::tick(tick));
        }
        for series in &self.series {
            let colour = COLOURS[series.colour % COLOURS.len()];
            let placed: Vec<(f64, f64)> =
                series.points.iter().map(|point| (across.place(point.0), up.place(point.1))).collect();
            let path: Vec<String> = placed.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let path = path.join(" ");
            let _ = writeln!(
                svg,
                "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
            for (x, y) in &placed {
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
            }
        }
        self.names(&mut svg, &up);
        svg + "</svg>\n"
    }

    /// Each name beside the end of its line, and not over another name.
    fn names(&self, svg: &mut String, up: &Axis) {
        let ends = |series: &&Series| series.points.last().map_or(BOTTOM, |point| up.place(point.1));
        let mut ordered: Vec<&Series> = self.series.iter().collect();
        ordered.sort_by(|one, other| ends(one).total_cmp(&ends(other)));
        let mut lowest = TOP - 14.0;
        for series in ordered {
            lowest = (ends(&series) + 4.0).max(lowest + 14.0);
            let colour = COLOURS[series.colour % COLOURS.len()];
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{lowest:.1}\" fill=\"{colour}\">{}</text>",
                RIGHT + 10.0,
                series.name
            );
        }
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn line(svg: &mut String, [from, to]: [(f64, f64); 2]) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#e0e0e0\"/>",
        from.0, from.1, to.0, to.1
    );
}

#[cfg(test)]
mod tests {
    use super::{Axis, Plot, Series};

    #[test]
    fn an_axis_goes_from_the_least_to_the_most() {
        let axis = Axis::new([1.0, 1000.0].into_iter(), 0.0..=100.0);
        assert!(axis.place(1.0) > 0.0 && axis.place(1000.0) < 100.0);
        assert!((axis.place(1.0) + axis.place(1000.0) - 100.0).abs() < 1e-9);
        assert_eq!(axis.ticks(), [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn one_point_is_a_plot_too() {
        let series = vec![Series { name: "ours".to_owned(), colour: 0, points: vec![(1.0, 1.0)] }];
        let svg = Plot { title: "", across: "", up: "", series }.svg();
        assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"));
    }
}
