//! The picture of sums that grow from window to window.

use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::plot::window_axis::WindowAxis;
use crate::window_dates::WindowDates;

const WIDTH: u32 = 620;
const HEIGHT: u32 = 340;
const CLASSES: [&str; 2] = ["a w", "b w"];

/// The unit of savings.
pub(crate) const SAVINGS_UNIT: &str = "log-loss saved, summed over all rows up to each window";

/// Sums over windows. The slope is the gain, and a kink is a change.
#[derive(Debug, Clone)]
pub struct CumulativePlot {
    pub(crate) title: String,
    /// The quantity that is summed, with its unit.
    pub(crate) unit: String,
    pub(crate) windows: Vec<u32>,
    pub(crate) dates: WindowDates,
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
    /// Creates the picture of one line of savings in log-loss, summed over rows up to each window.
    pub fn of_line(title: &str, name: String, windows: Vec<u32>, sums: Vec<f64>, dates: WindowDates) -> Self {
        let (title, unit) = (title.to_owned(), SAVINGS_UNIT.to_owned());
        Self { title, unit, windows, dates, lines: vec![Line { name, sums }], marks: Vec::new() }
    }

    /// Draws the picture as SVG.
    pub fn draw(&self) -> Picture {
        let last = |line: &Line| line.sums.last().copied().unwrap_or(0.0);
        let described = self.lines.iter().map(|line| format!("{}: {:.0} saved in the end", line.name, last(line)));
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, described);
        let (left, right) = (60.0, f64::from(WIDTH) - 12.0);
        let bottom = picture.note(&self.unit) - SMALL_LINE - 12.0;
        let names: Vec<(&str, &str)> =
            CLASSES.into_iter().zip(self.lines.iter().map(|line| line.name.as_str())).collect();
        let top = if names.is_empty() { top } else { picture.legend(&names, (8.0, top - 8.0)) + 14.0 };
        let all = || self.lines.iter().flat_map(|line| line.sums.iter().copied());
        let (lowest, highest) = (all().fold(0.0, f64::min), all().fold(0.0, f64::max));
        // Sums that are all 0 have no range of their own.
        let highest = if lowest < highest { highest } else { 1.0 };
        let sums = Scale::new((lowest, highest), (bottom, top));
        let ends = (self.windows.first().copied().unwrap_or(0), self.windows.last().copied().unwrap_or(1));
        let across = WindowAxis::new(&self.dates, ends, (left, right));
        picture.grid(&sums, (left, right), sums.labels());
        across.draw(&mut picture, bottom, f64::from(WIDTH));
        let marks = self.marks.iter().map(|(window, label)| (across.begin(*window), label.as_str()));
        picture.marks((left + right) / 2.0, (top, bottom), marks);
        for (number, (line, class)) in self.lines.iter().zip(CLASSES).enumerate() {
            // A sum is known at the end of its window.
            let points = self.windows.iter().zip(&line.sums);
            let points: Vec<(f64, f64)> =
                points.map(|(window, sum)| (across.ends(*window).1, sums.coordinate(*sum))).collect();
            picture.begin(number);
            match points.as_slice() {
                [] => {}
                [only] => picture.circle(class, *only, 2.0),
                _ => picture.path(class, points),
            }
            picture.end();
        }
        for (index, (begin, end)) in across.places(&self.windows) {
            let window = self.windows[index];
            let value = |line: &Line| Some(format!("{}: {:.0}", line.name, line.sums.get(index)?));
            let values: Vec<String> = self.lines.iter().filter_map(value).collect();
            let text = format!("{}: {}", self.dates.name(window), values.join("; "));
            picture.mark((begin, top), (end - begin, bottom - top), text, format!("/windows/{window}"));
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(windows: std::ops::RangeInclusive<u32>, name: &str) -> CumulativePlot {
        let line = |name: &str, step: f64| Line {
            name: name.to_owned(),
            sums: windows.clone().map(|window| step * f64::from(window - windows.start() + 1)).collect(),
        };
        let lines = vec![line(name, 700.0), line("all", -3.0)];
        CumulativePlot {
            title: "It holds".to_owned(),
            unit: "nats".to_owned(),
            windows: windows.clone().collect(),
            dates: WindowDates::default(),
            lines,
            marks: vec![(*windows.start(), "a mark".to_owned())],
        }
    }

    #[test]
    fn lines_and_marks_are_drawn() {
        let course = course(17..=36, "never");
        let text = course.draw().standalone();
        assert_eq!(text.matches("<path").count(), 2);
        assert!(text.contains(">10k</text>") && text.contains(">a mark</text>"), "{text}");
        assert!(text.contains("<title>window 17: never: 700; all: -3</title>"), "{text}");
        let line = Line { name: "all".to_owned(), sums: vec![0.0; 20] };
        let nothing = CumulativePlot { lines: vec![line], ..course.clone() }.draw().standalone();
        assert!(nothing.contains(">0.5</text>"), "sums of 0 are on a scale with short labels: {nothing}");
        let empty = CumulativePlot { windows: Vec::new(), lines: Vec::new(), marks: Vec::new(), ..course };
        assert!(empty.draw().standalone().contains("</svg>"));
    }

    #[test]
    fn text_stays_in_its_box_with_one_and_with_500_windows() {
        for last in [1, 2, 500] {
            let found = course(1..=last, &"a policy with a long name ".repeat(8));
            let long = CumulativePlot { unit: "a unit of many words ".repeat(20), ..found };
            assert_eq!(long.draw().texts_outside(), Vec::<String>::new(), "{last}");
        }
    }
}
