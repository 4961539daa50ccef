//! The reliability diagram: do the predicted probabilities agree with the observed shares?

use crate::plot::scale::{Scale, count_label};
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::proportion::share_interval;
use windrow_record::display::{percent, thousands};

const WIDTH: u32 = 440;
const HEIGHT: u32 = 460;
/// The height of the plot of the rows, and of the space above it for its name.
const ROWS_PLOT: f64 = 36.0;
const NAME: f64 = 24.0;

/// The observed shares of positives by predicted probability.
#[derive(Debug, Clone)]
pub struct Reliability {
    /// The title, which states the finding.
    pub title: String,
    /// The bins that have rows.
    pub bins: Vec<Bin>,
}

/// A bin of rows with similar predicted probabilities.
#[derive(Debug, Clone, Copy)]
pub struct Bin {
    /// The mean of the predicted probabilities.
    pub predicted: f64,
    /// The share of positive rows.
    pub observed: f64,
    /// The number of rows.
    pub rows: u64,
    /// The lower and the upper end of the bin's probabilities.
    pub ends: (f64, f64),
}

impl Bin {
    /// Returns the 95% interval of the share as if rows were independent.
    pub fn interval(&self) -> (f64, f64) {
        let interval = share_interval(self.observed, self.rows as f64);
        interval.map_or((0.0, 1.0), |interval| (interval.low, interval.high))
    }

    /// Returns `true` if the interval of the observed share holds the predicted probability.
    pub fn agrees(&self) -> bool {
        let (low, high) = self.interval();
        (low..=high).contains(&self.predicted)
    }
}

impl Reliability {
    /// Draws the picture as SVG.
    pub fn draw(&self) -> Picture {
        let words = |bin: &Bin| {
            let Bin { predicted, observed, rows, .. } = bin;
            format!("predicted {predicted:.2}, observed {observed:.2} of {} rows", thousands(*rows))
        };
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, self.bins.iter().map(words));
        let note = picture.note("observed share of positives, 95%; dashed: as predicted");
        let rows_bottom = note - 6.0 - 2.0 * SMALL_LINE;
        let rows_top = rows_bottom - ROWS_PLOT;
        let (bottom, left, right) = (rows_top - NAME, 60.0, f64::from(WIDTH) - 26.0);
        let across = Scale::new((0.0, 1.0), (left, right));
        let up = Scale::new((0.0, 1.0), (bottom, top));
        for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            picture.line("g", (left, up.coordinate(tick)), (right, up.coordinate(tick)));
            picture.text("s", "end", (left - 6.0, up.coordinate(tick) + 4.0), &percent(tick, 0));
            picture.text("s", "middle", (across.coordinate(tick), rows_bottom + SMALL_LINE), &percent(tick, 0));
        }
        picture.line("z k", (left, bottom), (right, top));
        for bin in &self.bins {
            let x = across.coordinate(bin.predicted);
            let (low, high) = bin.interval();
            picture.line("a w", (x, up.coordinate(low)), (x, up.coordinate(high)));
            picture.circle("a", (x, up.coordinate(bin.observed)), 5.0);
            let (begin, end) = (across.coordinate(bin.ends.0), across.coordinate(bin.ends.1));
            picture.mark((begin, top), (end - begin, rows_bottom - top), words(bin), "#reliability");
        }
        self.draw_rows(&mut picture, &across, (left, right), (rows_top, rows_bottom));
        let middle = ((left + right) / 2.0, rows_bottom + 2.0 * SMALL_LINE + 2.0);
        picture.text("s", "middle", middle, "predicted probability, by tenth");
        picture
    }

    /// Draws the rows of each bin as bars. A point of few rows says little.
    fn draw_rows(&self, picture: &mut Picture, across: &Scale, (left, right): (f64, f64), (top, bottom): (f64, f64)) {
        let Some(most) = self.bins.iter().map(|bin| bin.rows).max() else { return };
        let scale = Scale::new((0.0, most.max(1) as f64), (bottom, top));
        picture.text("s", "start", (left, top - 6.0), "rows");
        picture.label_ends(&scale, (left, right), most as f64, &count_label(most));
        for bin in &self.bins {
            let (begin, end) = (across.coordinate(bin.ends.0), across.coordinate(bin.ends.1));
            let y = scale.coordinate(bin.rows as f64);
            picture.rectangle("n", (begin + 1.0, y), (end - begin - 2.0, bottom - y));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_agrees_if_its_interval_holds_the_prediction_and_is_drawn() {
        let bin = |predicted: f64, observed: f64, rows: u64| {
            let from = (10.0 * predicted).floor() / 10.0;
            Bin { predicted, observed, rows, ends: (from, from + 0.1) }
        };
        assert_eq!(bin(0.0, 0.0, 0).interval(), (0.0, 1.0));
        assert!(bin(0.5, 0.8, 10).agrees() && !bin(0.48, 0.8, 10).agrees());
        let picture = Reliability { title: "x".to_owned(), bins: vec![bin(0.1, 0.2, 30), bin(0.6, 0.5, 2)] };
        let text = picture.draw().standalone();
        let count = |part: &str| text.matches(part).count();
        assert_eq!((count("<circle"), count("<rect class=\"n\""), count("<rect class=\"o\"")), (2, 2, 2), "{text}");
        assert!(text.contains(">30</text>") && text.contains("predicted 0.10, observed 0.20 of 30 rows"), "{text}");
        let empty = Reliability { title: "x".to_owned(), bins: Vec::new() }.draw();
        assert!(!empty.standalone().contains(">rows</text>"));
        let many = Reliability { title: "x".to_owned(), bins: vec![bin(0.6, 0.5, 123_456_789)] };
        assert_eq!(many.draw().texts_outside(), Vec::<String>::new());
        for title in ["x".to_owned(), "a title that goes on and on ".repeat(12)] {
            assert_eq!(Reliability { title, ..picture.clone() }.draw().texts_outside(), Vec::<String>::new());
        }
    }
}
