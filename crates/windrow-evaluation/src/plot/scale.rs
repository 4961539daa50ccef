//! The mapping of numbers to coordinates.

use windrow_record::display::thousands;

/// The approximate number of ticks of a vertical axis.
pub(super) const TICKS: f64 = 4.0;
/// The number from which thousands are labelled as in `12k`.
const MIN_THOUSANDS: f64 = 10_000.0;

/// The number from which a count is labelled as in `1.2M`: a longer label has no room next to a plot.
const MIN_MILLIONS: u64 = 1_000_000;

/// Returns the label of a count.
pub(super) fn count_label(count: u64) -> String {
    if count < MIN_MILLIONS { thousands(count) } else { format!("{:.1}M", count as f64 / 1e6) }
}

/// The linear scale of one axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    from: (f64, f64),
    to: (f64, f64),
}

impl Scale {
    /// Creates a scale from the numbers in `from` to the coordinates in `to`.
    pub(super) fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        // The only number of an empty range is placed in the middle.
        let from = if from.0 < from.1 { from } else { (from.0 - 0.5, from.0 + 0.5) };
        Self { from, to }
    }

    pub(super) fn coordinate(&self, number: f64) -> f64 {
        let share = (number - self.from.0) / (self.from.1 - self.from.0);
        self.to.0 + share.clamp(0.0, 1.0) * (self.to.1 - self.to.0)
    }

    pub(super) fn holds(&self, number: f64) -> bool {
        (self.from.0..=self.from.1).contains(&number)
    }

    /// Returns the labels of the ticks, with as many decimals as distinguish them.
    pub(super) fn labels(&self) -> impl Fn(f64) -> String + use<> {
        let ticks = self.ticks(TICKS);
        let is_large = ticks.iter().any(|tick| tick.abs() >= MIN_THOUSANDS);
        let (unit, ending) = if is_large { (1000.0, "k") } else { (1.0, "") };
        let step = ticks.windows(2).next().map_or(unit, |pair| pair[1] - pair[0]) / unit;
        // A step of 0.1 has one decimal, although its logarithm is not exact.
        let decimals = (-step.log10() - 1e-9).ceil().clamp(0.0, 6.0) as usize;
        move |tick| {
            let ending = if tick == 0.0 { "" } else { ending };
            format!("{:.decimals$}{ending}", tick / unit + 0.0)
        }
    }

    /// Returns round numbers within the scale, about `wanted` of them. The step is 1, 2 or 5 times a power of ten.
    pub(super) fn ticks(&self, wanted: f64) -> Vec<f64> {
        let rough = (self.from.1 - self.from.0) / wanted;
        let power = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0];
        let at = steps.iter().position(|times| times * power >= rough).unwrap_or(steps.len() - 1);
        let ticks = self.multiples(steps[at] * power);
        // A single tick shows no scale.
        if ticks.len() < 2 && at > 0 { self.multiples(steps[at - 1] * power) } else { ticks }
    }

    /// Returns the multiples of a step within the scale.
    fn multiples(&self, step: f64) -> Vec<f64> {
        let first = (self.from.0 / step).ceil() as i64;
        let ticks = (first..first + 50).map(|times| times as f64 * step);
        ticks.take_while(|tick| *tick <= self.from.1 + step * 1e-9).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::letters::width;

    #[test]
    fn ticks_are_round_and_coordinates_stay_within() {
        assert_eq!(Scale::new((-0.5, 1.1), (0.0, 1.0)).ticks(4.0), [-0.5, 0.0, 0.5, 1.0]);
        assert_eq!(Scale::new((0.0, 4300.0), (0.0, 1.0)).ticks(4.0), [0.0, 2000.0, 4000.0]);
        let scale = Scale::new((0.0, 10.0), (100.0, 0.0));
        assert_eq!((scale.coordinate(5.0), scale.coordinate(-3.0), scale.coordinate(30.0)), (50.0, 100.0, 0.0));
        assert!(Scale::new((2.0, 2.0), (0.0, 1.0)).coordinate(2.0).is_finite());
    }

    #[test]
    fn the_label_of_a_count_has_room_next_to_a_plot() {
        assert_eq!([0, 6_594, 999_999, 1_234_567].map(count_label), ["0", "6,594", "999,999", "1.2M"]);
        assert!([999_999, 999_949_999].map(count_label).iter().all(|label| width("s", label) < 52.0));
    }

    #[test]
    fn no_two_ticks_have_the_same_label() {
        let labels = |from: (f64, f64)| -> Vec<String> {
            let scale = Scale::new(from, (0.0, 1.0));
            scale.ticks(TICKS).into_iter().map(scale.labels()).collect()
        };
        assert_eq!(labels((0.0, 2.1)), ["0", "1", "2"]);
        assert_eq!(labels((0.0, 1.7)), ["0.0", "0.5", "1.0", "1.5"]);
        assert_eq!(labels((-0.2, 0.2)), ["-0.2", "-0.1", "0.0", "0.1", "0.2"]);
        assert_eq!(labels((0.0, 14_000.0)), ["0", "5k", "10k"]);
        // A step of 0.5 would leave one tick, whose label would be rounded.
        assert_eq!(labels((0.12, 0.96)), ["0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels((10_000.0, 11_200.0)), ["10.0k", "10.5k", "11.0k"]);
        for power in -8..9 {
            for width in [1.0, 1.3, 1.9, 2.4, 4.4, 7.7] {
                let labels = labels((0.0, width * 10_f64.powi(power)));
                let different: std::collections::BTreeSet<&String> = labels.iter().collect();
                assert!(power < -5 || different.len() == labels.len(), "{labels:?}");
            }
        }
    }
}
