//! Small multiples: many small pictures on one scale, each of one number from window to window.

use crate::plot::letters::{shortened, width};
use crate::plot::scale::Scale;
use crate::plot::svg::Picture;
use crate::plot::window_axis::WindowAxis;
use crate::window_dates::WindowDates;

const COLUMNS: usize = 3;
const CELL_SIZE: (f64, f64) = (220.0, 110.0);
const MARGIN: f64 = 8.0;

/// Numbers from window to window, side by side.
#[derive(Debug, Clone)]
pub struct Multiples {
    /// The title, which states the finding.
    pub title: String,
    /// The quantity that is shown, with its unit.
    pub unit: String,
    /// The first and the last window.
    pub windows: (u32, u32),
    /// The dates of the windows; empty if windows have no times.
    pub dates: WindowDates,
    /// The curves, one per small picture.
    pub curves: Vec<Curve>,
}

/// The values of one number over time.
#[derive(Debug, Clone)]
pub struct Curve {
    /// The name of the number.
    pub name: String,
    /// The values by window, in ascending order.
    pub values: Vec<(u32, f64)>,
}

impl Multiples {
    /// Draws the pictures as one SVG.
    pub fn draw(&self) -> Picture {
        let rows = self.curves.len().div_ceil(COLUMNS).max(1);
        let full = (COLUMNS as f64 * CELL_SIZE.0) as u32;
        let last = |curve: &Curve| curve.values.last().map_or(0.0, |(_, value)| *value);
        let described = self.curves.iter().map(|curve| format!("{}: {:.3} in the end", curve.name, last(curve)));
        let top = 60.0;
        let height = (top + rows as f64 * CELL_SIZE.1 + 44.0) as u32;
        let (mut picture, _) = Picture::new(full, height, &self.title, described);
        let all = || self.curves.iter().flat_map(|curve| curve.values.iter().map(|(_, value)| *value));
        let range = (all().fold(0.0, f64::min), all().fold(0.0, f64::max));
        for (number, curve) in self.curves.iter().enumerate() {
            let (column, row) = (number % COLUMNS, number / COLUMNS);
            let (left, y) = (column as f64 * CELL_SIZE.0 + MARGIN, top + row as f64 * CELL_SIZE.1);
            let right = left + CELL_SIZE.0 - 7.0 * MARGIN;
            let across = WindowAxis::new(&self.dates, self.windows, (left, right));
            let bottom = y + CELL_SIZE.1 - 2.0 * MARGIN;
            let up = Scale::new(range, (bottom, y + 2.0 * MARGIN + 6.0));
            picture.text("s", "start", (left, y + 14.0), &shortened("s", &curve.name, CELL_SIZE.0 - MARGIN));
            picture.line("z", (left, up.coordinate(0.0)), (right, up.coordinate(0.0)));
            let line = curve.values.iter().map(|(window, value)| (across.middle(*window), up.coordinate(*value)));
            picture.path("a w", line);
            picture.text("s", "start", (right + 4.0, up.coordinate(last(curve)) + 4.0), &format!("{:.2}", last(curve)));
            self.label_ends(&mut picture, (left, right), bottom + 12.0);
        }
        let (first, last) = self.windows;
        let when = self.dates.range_name(first, last);
        picture.note(&format!("{}; {when}, all on one scale, line at 0", self.unit));
        picture
    }

    /// Writes the dates of the first and the last window below a small picture. Windows without dates have numbers.
    fn label_ends(&self, picture: &mut Picture, (left, right): (f64, f64), y: f64) {
        let name = |window: u32| self.dates.date(window).unwrap_or_else(|| window.to_string());
        let [first, last] = [self.windows.0, self.windows.1].map(name);
        picture.text("s", "start", (left, y), &first);
        // Dates with a time of day are too wide for two of them.
        if first != last && width("s", &first) + width("s", &last) + MARGIN <= right - left {
            picture.text("s", "end", (right, y), &last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_is_drawn_and_long_names_have_room() {
        let curve = |name: &str| Curve { name: name.to_owned(), values: vec![(1, 0.5), (2, -0.25), (3, 0.1)] };
        let dates = WindowDates::new([0, 7, 14].map(|day| Some(day * 86_400)), Some(21 * 86_400));
        let curves = vec![curve("distance"), curve(&"x".repeat(200)), curve("c"), curve("d"), curve("e")];
        let picture = Multiples { title: "t".to_owned(), unit: "log-odds".to_owned(), windows: (1, 3), dates, curves };
        let text = picture.draw().standalone();
        assert_eq!(text.matches("<path").count(), 5);
        assert!(text.contains("viewBox=\"0 0 660 324\"") && text.contains("xxx...<"), "{text}");
        assert!(text.contains("1970-01-01 to 1970-01-21 (windows 1 to 3)"), "{text}");
        assert_eq!((text.matches(">1970-01-01</text>").count(), text.matches(">1970-01-15</text>").count()), (5, 5));
        let hours = WindowDates::new([0, 1, 2].map(|hour| Some(hour * 3_600)), Some(3 * 3_600));
        let [hourly, numbered] = [hours, WindowDates::default()].map(|dates| Multiples { dates, ..picture.clone() });
        for picture in [&picture, &hourly, &numbered] {
            assert_eq!(picture.draw().texts_outside(), Vec::<String>::new());
        }
        assert!(numbered.draw().standalone().contains(">3</text>"));
        let empty = Multiples { curves: Vec::new(), ..picture };
        assert!(empty.draw().standalone().contains("</svg>"));
    }
}
