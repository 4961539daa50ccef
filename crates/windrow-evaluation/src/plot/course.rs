//! The picture of sums that grow from window to window.

use crate::plot::scale::Scale;
use crate::plot::svg::Picture;

const WIDTH: u32 = 440;
const HEIGHT: u32 = 320;
const CLASSES: [&str; 2] = ["a", "b"];

/// Sums over windows. The slope is the gain, and a kink is a change.
#[derive(Debug, Clone)]
pub(crate) struct CumulativePlot {
    pub(crate) title: String,
    /// The quantity that is summed, with its unit.
    pub(crate) unit: String,
    pub(crate) windows: Vec<u32>,
    /// The lines, at most two.
    pub(crate) lines: Vec<Line>,
    /// The windows in which the data changed, with their labels.
    pub(crate) marks: Vec<(u32, String)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// The sum after each window.
    pub(crate) sums: Vec<f64>,
}

impl CumulativePlot {
    pub(crate) fn draw(&self) -> Picture {
        let last = |line: &Line| line.sums.last().copied().unwrap_or(0.0);
        let described = self.lines.iter().map(|line| format!("{}: {:.0} saved in the end", line.name, last(line)));
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, described);
        let (bottom, left, right) = (244.0, 60.0, 428.0);
        let all = || self.lines.iter().flat_map(|line| line.sums.iter().copied());
        let sums = Scale::new((all().fold(0.0, f64::min), all().fold(1e-9, f64::max)), (bottom, top));
        let ends = (self.windows.first().copied().unwrap_or(0), self.windows.last().copied().unwrap_or(1));
        let across = Scale::new((f64::from(ends.0), f64::from(ends.1)), (left, right));
        picture.grid(&sums, (left, right), short_number);
        for tick in across.ticks(5.0).into_iter().filter(|tick| tick.fract() == 0.0) {
            picture.text("s", "middle", (across.coordinate(tick), bottom + 18.0), &format!("{tick:.0}"));
        }
        picture.marks(&across, (left + right) / 2.0, (top, bottom), &self.marks);
        for (number, (line, class)) in self.lines.iter().zip(CLASSES).enumerate() {
            let points = self.windows.iter().zip(&line.sums);
            let points = points.map(|(window, sum)| (across.coordinate(f64::from(*window)), sums.coordinate(*sum)));
            picture.path(&format!("{class} w"), points);
            let y = bottom + 36.0 + 16.0 * number as f64;
            picture.line(&format!("{class} w"), (left, y - 4.0), (left + 22.0, y - 4.0));
            picture.text("s", "start", (left + 28.0, y), &line.name);
        }
        picture.text("s", "start", (8.0, 316.0), &self.unit);
        picture
    }
}

/// Formats a number, with thousands as in `12k`.
fn short_number(number: f64) -> String {
    if number.abs() >= 10_000.0 { format!("{:.0}k", number / 1000.0) } else { format!("{number:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_marks_are_drawn() {
        let line = |name: &str, step: f64| Line {
            name: name.to_owned(),
            sums: (1..=20).map(|window| step * f64::from(window)).collect(),
        };
        let course = CumulativePlot {
            title: "It holds".to_owned(),
            unit: "nats".to_owned(),
            windows: (17..=36).collect(),
            lines: vec![line("never", 700.0), line("all", -3.0)],
            marks: vec![(29, "window 29".to_owned())],
        };
        let text = course.draw().standalone();
        assert_eq!(text.matches("<path").count(), 2);
        assert!(text.contains(">10k</text>") && text.contains(">window 29</text>"), "{text}");
        let empty = CumulativePlot { windows: Vec::new(), lines: Vec::new(), marks: Vec::new(), ..course };
        assert!(empty.draw().standalone().contains("</svg>"));
    }
}
