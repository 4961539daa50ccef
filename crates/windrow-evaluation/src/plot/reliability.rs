//! The reliability diagram: do the predicted probabilities agree with the observed shares?

use crate::plot::scale::Scale;
use crate::plot::svg::Picture;
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
    /// Returns the 95% interval of the share as if rows were independent: Wilson's, which stays between 0 and 1 (Wilson
    /// 1927).
    pub fn interval(&self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        let (n, p) = (self.rows as f64, self.observed);
        let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        (middle - half, middle + half)
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
        let (bottom, left, right) = (342.0, 52.0, 428.0);
        let across = Scale::new((0.0, 1.0), (left, right));
        let up = Scale::new((0.0, 1.0), (bottom, top));
        for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            picture.line("g", (left, up.coordinate(tick)), (right, up.coordinate(tick)));
            picture.text("s", "end", (left - 6.0, up.coordinate(tick) + 4.0), &percent(tick, 0));
            picture.text("s", "middle", (across.coordinate(tick), bottom + 18.0), &percent(tick, 0));
        }
        picture.line("z k", (left, bottom), (right, top));
        for bin in &self.bins {
            let x = across.coordinate(bin.predicted);
            let (low, high) = bin.interval();
            picture.line("a w", (x, up.coordinate(low)), (x, up.coordinate(high)));
            picture.circle("a", (x, up.coordinate(bin.observed)), 5.0);
        }
        picture.text("s", "middle", ((left + right) / 2.0, bottom + 38.0), "predicted probability, mean of a tenth");
        picture.text("s", "start", (8.0, 396.0), "observed share of positives, 95%; dashed: as predicted");
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_wilsons_and_bins_are_drawn() {
        let bin = |predicted: f64, observed: f64, rows: u64| Bin { predicted, observed, rows };
        // Wilson's interval for 8 of 10, as R's prop.test(correct = FALSE) computes it.
        let (low, high) = bin(0.7, 0.8, 10).interval();
        assert!((low - 0.490_162).abs() < 1e-5 && (high - 0.943_318).abs() < 1e-5, "{low} {high}");
        assert!(bin(0.0, 0.0, 5).interval().0.abs() < 1e-12);
        assert!(bin(0.5, 0.8, 10).agrees() && !bin(0.48, 0.8, 10).agrees());
        let picture = Reliability { title: "x".to_owned(), bins: vec![bin(0.1, 0.2, 30), bin(0.6, 0.5, 2)] };
        assert_eq!(picture.draw().standalone().matches("<circle").count(), 2);
    }
}
