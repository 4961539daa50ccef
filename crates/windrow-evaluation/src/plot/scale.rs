//! The mapping of numbers to coordinates.

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

    /// Returns round numbers within the scale, about `wanted` of them. The step is 1, 2 or 5 times a power of ten.
    pub(super) fn ticks(&self, wanted: f64) -> Vec<f64> {
        let rough = (self.from.1 - self.from.0) / wanted;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let first = (self.from.0 / step).ceil() as i64;
        let ticks = (first..first + 50).map(|times| times as f64 * step);
        ticks.take_while(|tick| *tick <= self.from.1 + step * 1e-9).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_coordinates_stay_within() {
        assert_eq!(Scale::new((-0.5, 1.1), (0.0, 1.0)).ticks(4.0), [-0.5, 0.0, 0.5, 1.0]);
        assert_eq!(Scale::new((0.0, 4300.0), (0.0, 1.0)).ticks(4.0), [0.0, 2000.0, 4000.0]);
        let scale = Scale::new((0.0, 10.0), (100.0, 0.0));
        assert_eq!((scale.coordinate(5.0), scale.coordinate(-3.0), scale.coordinate(30.0)), (50.0, 100.0, 0.0));
        assert!(Scale::new((2.0, 2.0), (0.0, 1.0)).coordinate(2.0).is_finite());
    }
}
