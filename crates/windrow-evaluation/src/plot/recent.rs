//! The picture of numbers over the last minutes.

use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use windrow_record::display::thousands;

const WIDTH: u32 = 440;
const HEIGHT: u32 = 220;
const CLASSES: [&str; 2] = ["a w", "b w"];

/// Numbers over the last minutes.
#[derive(Debug, Clone)]
pub struct Recent {
    /// The title, which names the numbers and their unit.
    pub title: String,
    /// The seconds since each moment, the oldest first.
    pub seconds_ago: Vec<f64>,
    /// The lines with their names, at most two. A number that is not known leaves a gap.
    pub lines: Vec<(String, Vec<Option<f64>>)>,
}

impl Recent {
    /// Draws the picture as SVG.
    pub fn draw(&self) -> Picture {
        let last = |numbers: &[Option<f64>]| numbers.last().copied().flatten();
        let described = self.lines.iter().filter_map(|(name, numbers)| {
            let number = last(numbers)?;
            Some(format!("{name}: {} now", thousands(number.max(0.0).round() as u64)))
        });
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, described);
        let (left, right, bottom) = (60.0, f64::from(WIDTH) - 16.0, f64::from(HEIGHT) - SMALL_LINE - 14.0);
        let names: Vec<(&str, &str)> =
            CLASSES.into_iter().zip(self.lines.iter().map(|(name, _)| name.as_str())).collect();
        let top = if names.len() > 1 { picture.legend(&names, (8.0, top - 8.0)) + 12.0 } else { top };
        let numbers = self.lines.iter().flat_map(|(_, numbers)| numbers).flatten().copied();
        let up = Scale::new((0.0, 1.05 * numbers.fold(1.0, f64::max)), (bottom, top));
        let oldest = self.seconds_ago.iter().copied().fold(60.0, f64::max);
        let across = Scale::new((-oldest, 0.0), (left, right));
        picture.grid(&up, (left, right), up.labels());
        let minutes = (oldest / 60.0).floor() as u32;
        for minute in 0..=minutes.min(10) {
            let label = if minute == 0 { "now".to_owned() } else { format!("{minute} min") };
            picture.text("s", "middle", (across.coordinate(-60.0 * f64::from(minute)), bottom + SMALL_LINE), &label);
        }
        for (number, ((_, numbers), class)) in self.lines.iter().zip(CLASSES).enumerate() {
            picture.begin(number);
            let points = self.seconds_ago.iter().zip(numbers);
            let points: Vec<Option<(f64, f64)>> = points
                .map(|(seconds, number)| Some((across.coordinate(-seconds), up.coordinate((*number)?))))
                .collect();
            for run in points.split(Option::is_none) {
                match run {
                    [] => {}
                    [only] => picture.circle(class, only.unwrap_or_default(), 2.0),
                    run => picture.path(class, run.iter().copied().flatten()),
                }
            }
            picture.end();
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_gaps_and_text_stays_in_its_box() {
        let seconds_ago: Vec<f64> = (0..300).rev().map(f64::from).collect();
        let mut lag: Vec<Option<f64>> = seconds_ago.iter().map(|seconds| Some(40_000.0 * seconds)).collect();
        lag[200] = None;
        let one = Recent { title: "Lag".to_owned(), seconds_ago, lines: vec![("lag".to_owned(), lag.clone())] };
        let text = one.draw().standalone();
        assert_eq!(text.matches("<path").count(), 2, "{text}");
        assert!(text.contains(">4 min</text>") && text.contains(">now</text>"), "{text}");
        let names = ["a name ".repeat(30), "sent".to_owned()];
        let two = Recent { lines: names.map(|name| (name, lag.clone())).to_vec(), ..one.clone() };
        let none = Recent { seconds_ago: Vec::new(), lines: Vec::new(), ..one.clone() };
        for picture in [one.draw(), two.draw(), none.draw()] {
            assert_eq!(picture.texts_outside(), Vec::<String>::new());
        }
    }
}
