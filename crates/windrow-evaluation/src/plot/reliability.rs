//! The reliability diagram: do the predicted probabilities agree with the observed shares?

use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::proportion::share_interval;
use windrow_record::display::percent;

const WIDTH: u32 = 440;
const HEIGHT: u32 = 400;

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
        let words = |b: &Bin| format!("predicted {:.2}, observed {:.2} of {} rows", b.predicted, b.observed, b.rows);
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, self.bins.iter().map(words));
        let note = picture.note("observed share of positives, 95%; dashed: as predicted");
        let (bottom, left, right) = (note - 6.0 - 2.0 * SMALL_LINE, 52.0, f64::from(WIDTH) - 26.0);
        let across = Scale::new((0.0, 1.0), (left, right));
        let up = Scale::new((0.0, 1.0), (bottom, top));
        for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            picture.line("g", (left, up.coordinate(tick)), (right, up.coordinate(tick)));
            picture.text("s", "end", (left - 6.0, up.coordinate(tick) + 4.0), &percent(tick, 0));
            picture.text("s", "middle", (across.coordinate(tick), bottom + SMALL_LINE), &percent(tick, 0));
        }
        picture.line("z k", (left, bottom), (right, top));
        for bin in &self.bins {
            let x = across.coordinate(bin.predicted);
            let (low, high) = bin.interval();
            picture.line("a w", (x, up.coordinate(low)), (x, up.coordinate(high)));
            picture.circle("a", (x, up.coordinate(bin.observed)), 5.0);
            picture.mark((x - 6.0, top), (12.0, bottom - top), words(bin), "#reliability");
        }
        let middle = ((left + right) / 2.0, bottom + 2.0 * SMALL_LINE + 2.0);
        picture.text("s", "middle", middle, "predicted probability, mean of a tenth");
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_agrees_if_its_interval_holds_the_prediction_and_is_drawn() {
        let bin = |predicted: f64, observed: f64, rows: u64| Bin { predicted, observed, rows };
        assert_eq!(bin(0.0, 0.0, 0).interval(), (0.0, 1.0));
        assert!(bin(0.5, 0.8, 10).agrees() && !bin(0.48, 0.8, 10).agrees());
        let picture = Reliability { title: "x".to_owned(), bins: vec![bin(0.1, 0.2, 30), bin(0.6, 0.5, 2)] };
        assert_eq!(picture.draw().standalone().matches("<circle").count(), 2);
        for title in ["x".to_owned(), "a title that goes on and on ".repeat(12)] {
            assert_eq!(Reliability { title, ..picture.clone() }.draw().texts_outside(), Vec::<String>::new());
        }
    }
}
