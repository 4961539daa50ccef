//! The picture of the models of every window, scored on every later window.

use crate::plot::letters::shortened;
use crate::plot::svg::Picture;
use crate::window_dates::WindowDates;

const SIZE: f64 = 480.0;
const LEFT: f64 = 92.0;
/// The CSS classes of the shades, the lightest first.
const CLASSES: [&str; 6] = ["q0", "q1", "q2", "q3", "q4", "q5"];

/// Losses by the window of the model and the window of the rows, in bins.
#[derive(Debug, Clone)]
pub struct Triangle {
    /// The title, which states the finding.
    pub title: String,
    /// The first and the last window.
    pub windows: (u32, u32),
    /// The dates of the windows; empty if windows have no times.
    pub dates: WindowDates,
    /// The log-loss per row less that of a new model, by bin of the model's window and then of the rows' window.
    pub cells: Vec<Vec<Option<f64>>>,
}

impl Triangle {
    /// Returns the upper ends of the shades; the last shade has no upper end. The first ends at 0. The others are
    /// evenly spaced up to the 90th percentile of the positive cells.
    pub(crate) fn bounds(&self) -> [f64; 5] {
        let mut above: Vec<f64> = self.cells.iter().flatten().flatten().copied().filter(|cell| *cell > 0.0).collect();
        above.sort_unstable_by(f64::total_cmp);
        let most = above.get(above.len() * 9 / 10).or(above.last()).copied().unwrap_or(1e-6).max(1e-6);
        [0.0, 0.25 * most, 0.5 * most, 0.75 * most, most]
    }

    /// Draws the picture as SVG.
    pub fn draw(&self) -> Picture {
        let bounds = self.bounds();
        let class = |value: f64| CLASSES[bounds.iter().filter(|bound| value > **bound).count()];
        let described =
            format!("{} by {} bins; the table of scores has the numbers", self.cells.len(), self.cells.len());
        let (width, height) = ((LEFT + SIZE + 180.0) as u32, (SIZE + 104.0) as u32);
        let (mut picture, below) = Picture::new(width, height, &self.title, [described]);
        let top = below - 14.0;
        let side = SIZE / self.cells.len().max(1) as f64;
        // Adjacent cells of one shade are drawn as one rectangle.
        for (row, cells) in self.cells.iter().enumerate() {
            let shades: Vec<Option<&str>> = cells.iter().map(|cell| cell.map(class)).collect();
            let mut from = 0;
            for run in shades.chunk_by(|one, other| one == other) {
                if let Some(Some(shade)) = run.first() {
                    let (x, y) = (LEFT + side * from as f64, top + side * row as f64);
                    picture.rectangle(shade, (x, y), (side * run.len() as f64, side));
                }
                from += run.len();
            }
        }
        let name = |window: u32| self.dates.date(window).unwrap_or_else(|| window.to_string());
        let [first, last] = [self.windows.0, self.windows.1].map(name);
        picture.text("s", "start", (LEFT, top + SIZE + 18.0), &shortened("s", &first, SIZE / 3.0));
        picture.text("s", "end", (LEFT + SIZE, top + SIZE + 18.0), &shortened("s", &last, SIZE / 3.0));
        picture.text("s", "middle", (LEFT + SIZE / 2.0, top + SIZE + 18.0), "scored window");
        picture.text("s", "end", (LEFT - 6.0, top + 12.0), &first);
        picture.text("s", "end", (LEFT - 6.0, top + SIZE - 2.0), &last);
        for (line, text) in ["newest", "training", "window"].into_iter().enumerate() {
            picture.text("s", "start", (4.0, top + SIZE / 2.0 + 14.0 * (line as f64 - 1.0)), text);
        }
        let x = LEFT + SIZE + 16.0;
        picture.text("s", "start", (x, top + 12.0), "log-loss per row");
        picture.text("s", "start", (x, top + 26.0), "above a new model's");
        // Without a model that loses more, the other shades have no meaning.
        let is_worse = self.cells.iter().flatten().flatten().any(|cell| *cell > 0.0);
        let shades = if is_worse { CLASSES.len() } else { 1 };
        for (number, shade) in CLASSES.iter().enumerate().take(shades) {
            let y = top + 40.0 + 22.0 * number as f64;
            picture.rectangle(shade, (x, y), (18.0, 18.0));
            let label = match (number, bounds.get(number)) {
                (0, _) => "no more".to_owned(),
                (_, Some(bound)) => format!("up to {bound:.4}"),
                (_, None) => "above".to_owned(),
            };
            picture.text("s", "start", (x + 24.0, y + 13.0), &label);
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_shade_are_one_rectangle() {
        let cells = vec![
            vec![None, Some(-0.1), Some(0.0), Some(0.4)],
            vec![None, None, Some(0.0), Some(0.1)],
            vec![None, None, None, Some(0.0)],
            vec![None; 4],
        ];
        let dates = WindowDates::default();
        let triangle = Triangle { title: "t".to_owned(), windows: (1, 4), dates, cells };
        assert_eq!(triangle.bounds(), [0.0, 0.1, 0.2, 0.30000000000000004, 0.4]);
        let text = triangle.draw().standalone();
        assert_eq!(text.matches("<rect").count(), 5 + CLASSES.len(), "{text}");
        let days = WindowDates::new((0..4).map(|day| Some(day * 86_400)), Some(4 * 86_400));
        let dated = Triangle { title: "a long title ".repeat(40), dates: days, ..triangle.clone() };
        assert!(dated.draw().standalone().contains(">1970-01-04</text>"));
        for picture in [triangle.draw(), dated.draw()] {
            assert_eq!(picture.texts_outside(), Vec::<String>::new());
        }
        let empty = Triangle { cells: Vec::new(), ..triangle }.draw().standalone();
        assert!(
            empty.contains("</svg>") && empty.contains(">no more</text>") && !empty.contains("up to 0.0000"),
            "{empty}"
        );
    }
}
