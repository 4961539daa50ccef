//! The picture of the log-losses of two models from window to window.

use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::plot::window_axis::WindowAxis;
use crate::window_dates::WindowDates;

const WIDTH: u32 = 620;
const HEIGHT: u32 = 300;
const CLASSES: [&str; 2] = ["a w", "b w"];

/// The log-losses of two models on the same windows.
#[derive(Debug, Clone)]
pub struct PairCourse {
    /// The title, which states the finding.
    pub title: String,
    /// The names of the models.
    pub names: [String; 2],
    /// The windows in ascending order, with the log-loss per row of each model.
    pub windows: Vec<(u32, [f64; 2])>,
    /// The dates of the windows; empty if windows have no times.
    pub dates: WindowDates,
}

impl PairCourse {
    /// Draws the picture as SVG.
    pub fn draw(&self) -> Picture {
        let last = self.windows.last().map(|(_, losses)| *losses);
        let described = self.names.iter().zip(last.into_iter().flatten());
        let described = described.map(|(name, loss)| format!("{name}: {loss:.3} in the end"));
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, described);
        let (left, right) = (60.0, f64::from(WIDTH) - 12.0);
        let bottom = picture.note("log-loss per row, by window; lower is better") - SMALL_LINE - 12.0;
        let legend: Vec<(&str, &str)> = CLASSES.into_iter().zip(self.names.iter().map(String::as_str)).collect();
        let top = picture.legend(&legend, (8.0, top - 8.0)) + 14.0;
        let up = Scale::new(self.range(), (bottom, top));
        let ends = (self.windows.first().map_or(0, |at| at.0), self.windows.last().map_or(1, |at| at.0));
        let across = WindowAxis::new(&self.dates, ends, (left, right));
        picture.grid(&up, (left, right), up.labels());
        across.draw(&mut picture, bottom, f64::from(WIDTH));
        for (model, class) in CLASSES.into_iter().enumerate() {
            let points =
                self.windows.iter().map(|(window, losses)| (across.middle(*window), up.coordinate(losses[model])));
            let points: Vec<(f64, f64)> = points.collect();
            match points.as_slice() {
                [] => {}
                [only] => picture.circle(class, *only, 3.0),
                _ => picture.path(class, points),
            }
        }
        let windows: Vec<u32> = self.windows.iter().map(|(window, _)| *window).collect();
        for (index, (begin, end)) in across.places(&windows) {
            let (window, [first, second]) = self.windows[index];
            let [one, other] = &self.names;
            let text = format!("{}: {one}: {first:.3}; {other}: {second:.3}", self.dates.name(window));
            picture.mark((begin, top), (end - begin, bottom - top), text, format!("/windows/{window}"));
        }
        picture
    }

    /// Returns the range of the losses, with some room.
    fn range(&self) -> (f64, f64) {
        let losses = || self.windows.iter().flat_map(|(_, losses)| *losses);
        let (low, high) = (losses().fold(f64::INFINITY, f64::min), losses().fold(f64::NEG_INFINITY, f64::max));
        if low > high {
            return (0.0, 1.0);
        }
        let room = 0.05 * (high - low).max(1e-3);
        (low - room, high + room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(count: u32, name: &str) -> PairCourse {
        let losses = |window: u32| (window, [0.5 + 0.01 * f64::from(window % 3), 0.52]);
        PairCourse {
            title: "b has the lower log-loss".to_owned(),
            names: [name.to_owned(), "b".to_owned()],
            windows: (7..7 + count).map(losses).collect(),
            dates: WindowDates::default(),
        }
    }

    #[test]
    fn both_lines_are_drawn_and_each_window_says_its_losses() {
        let text = course(12, "<a>").draw().standalone();
        assert_eq!((text.matches("<path").count(), text.matches("class=\"o\"").count()), (2, 12), "{text}");
        assert!(text.contains("<title>window 7: &lt;a&gt;: 0.510; b: 0.520</title>"), "{text}");
        let one = course(1, "a").draw().standalone();
        assert_eq!((one.matches("<path").count(), one.matches("<circle").count()), (0, 2), "{one}");
        assert!(course(0, "a").draw().standalone().contains("</svg>"));
    }

    #[test]
    fn text_stays_in_its_box_with_one_and_with_500_windows() {
        for count in [1, 2, 500] {
            let long = course(count, &"a model with a long name ".repeat(8));
            assert_eq!(long.draw().texts_outside(), Vec::<String>::new(), "{count}");
        }
    }
}
