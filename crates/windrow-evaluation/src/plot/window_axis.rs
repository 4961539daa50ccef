//! The horizontal axis of a picture over windows: by date or, if windows have no dates, by number.

use crate::plot::letters::width;
use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::window_dates::WindowDates;
use windrow_record::calendar::date_ticks;

/// The maximum number of windows of a picture that say their values. More are narrower than a pixel or two.
const MAX_MARKS: usize = 200;
/// The space for a tick with its label.
const TICK_ROOM: f64 = 84.0;

/// The horizontal axis of a picture over windows.
pub(super) struct WindowAxis<'a> {
    scale: Scale,
    dates: &'a WindowDates,
    /// The coordinates of the ticks, with their labels.
    ticks: Vec<(f64, String)>,
}

impl<'a> WindowAxis<'a> {
    /// Creates the axis of windows `first` to `last` between two coordinates.
    pub(super) fn new(dates: &'a WindowDates, (first, last): (u32, u32), (left, right): (f64, f64)) -> Self {
        let ends = dates.begin(first).zip(dates.begin(last.saturating_add(1)));
        let most = ((right - left) / TICK_ROOM).floor().max(1.0);
        let Some((from, until)) = ends.filter(|(from, until)| from < until) else {
            // A window without a date takes as much room as any other.
            let scale = Scale::new((f64::from(first), f64::from(last) + 1.0), (left, right));
            let middle = |tick: f64| (scale.coordinate(tick + 0.5), format!("{tick:.0}"));
            let whole = scale.ticks(most).into_iter().filter(|tick| tick.fract() == 0.0 && *tick <= f64::from(last));
            let ticks = whole.map(middle).collect();
            return Self { scale, dates, ticks };
        };
        let scale = Scale::new((from as f64, until as f64), (left, right));
        let ticks = date_ticks(from, until, most as usize).into_iter();
        let ticks = ticks.map(|(at, label)| (scale.coordinate(at as f64), label)).collect();
        Self { scale, dates, ticks }
    }

    /// Returns the coordinate at which a window begins.
    pub(super) fn begin(&self, window: u32) -> f64 {
        let begin = self.dates.begin(window).map(|begin| begin as f64);
        self.scale.coordinate(begin.unwrap_or_else(|| f64::from(window)))
    }

    /// Returns the coordinates at which a window begins and ends.
    pub(super) fn ends(&self, window: u32) -> (f64, f64) {
        (self.begin(window), self.begin(window.saturating_add(1)))
    }

    /// Returns the places at which the values of windows are said: the index of a window, and the coordinates between which
    /// it is said. If there are many windows, every so many of them are said.
    pub(super) fn places(&self, windows: &[u32]) -> Vec<(usize, (f64, f64))> {
        let step = windows.len().div_ceil(MAX_MARKS).max(1);
        let place = |(chunk, some): (usize, &[u32])| {
            let ends = some.first().zip(some.last());
            let ends = ends.map_or((0.0, 0.0), |(first, last)| (self.begin(*first), self.ends(*last).1));
            (chunk * step, ends)
        };
        windows.chunks(step).enumerate().map(place).collect()
    }

    /// Returns the coordinate of the middle of a window.
    pub(super) fn middle(&self, window: u32) -> f64 {
        let (begin, end) = self.ends(window);
        f64::midpoint(begin, end)
    }

    /// Draws the ticks at the bottom of a plot, with labels that stay in the picture.
    pub(super) fn draw(&self, picture: &mut Picture, bottom: f64, full: f64) {
        let mut free = f64::NEG_INFINITY;
        for (x, label) in &self.ticks {
            picture.line("z", (*x, bottom), (*x, bottom + 4.0));
            let half = width("s", label) / 2.0 + 2.0;
            let middle = x.clamp(half.min(full / 2.0), (full - half).max(full / 2.0));
            // A label that would cover the one before it is left out.
            if middle - half >= free {
                picture.text("s", "middle", (middle, bottom + SMALL_LINE + 2.0), label);
                free = middle + half + 4.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn windows_are_placed_by_their_dates() {
        // Windows of 14 days, and one of 28.
        let begins = [0, 14, 28, 56, 70].map(|day| Some(day * DAY));
        let dates = WindowDates::new(begins, Some(84 * DAY));
        let axis = WindowAxis::new(&dates, (1, 5), (0.0, 840.0));
        assert_eq!((axis.begin(1), axis.ends(3), axis.middle(5)), (0.0, (280.0, 560.0), 770.0));
        let (mut picture, _) = Picture::new(840, 100, "t", []);
        axis.draw(&mut picture, 60.0, 840.0);
        assert!(picture.inline().contains(">1970-01-12</text>"), "{}", picture.inline());
        assert_eq!(picture.texts_outside(), Vec::<String>::new());
    }

    #[test]
    fn many_windows_are_said_every_so_many() {
        let dates = WindowDates::default();
        let windows: Vec<u32> = (1..=500).collect();
        let axis = WindowAxis::new(&dates, (1, 500), (0.0, 500.0));
        let places = axis.places(&windows);
        assert_eq!((places.len(), places[1], places[166]), (167, (3, (3.0, 6.0)), (498, (498.0, 500.0))));
        assert_eq!(axis.places(&windows[..2]), [(0, (0.0, 1.0)), (1, (1.0, 2.0))]);
        assert!(axis.places(&[]).is_empty());
    }

    #[test]
    fn windows_without_dates_are_placed_by_their_numbers() {
        let dates = WindowDates::default();
        let axis = WindowAxis::new(&dates, (17, 36), (0.0, 200.0));
        assert_eq!((axis.begin(17), axis.middle(36)), (0.0, 195.0));
        for (first, last) in [(1, 1), (1, 2), (1, 500), (u32::MAX, u32::MAX)] {
            let axis = WindowAxis::new(&dates, (first, last), (50.0, 390.0));
            let (mut picture, _) = Picture::new(400, 100, "t", []);
            axis.draw(&mut picture, 60.0, 400.0);
            assert_eq!(picture.texts_outside(), Vec::<String>::new());
        }
    }
}
