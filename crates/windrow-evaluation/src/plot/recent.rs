//! The picture of numbers over the last minutes.

use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE, legend_lines};
use windrow_record::display::thousands;

const WIDTH: u32 = 440;
const HEIGHT: u32 = 220;
/// The styles of the lines: the colours in turn, and then the same with the next dashes.
const COLOURS: [&str; 6] = ["a", "b", "c", "d", "e", "i"];
const DASHES: [&str; 6] = ["", " k", " r", " u", " v", " y"];
/// The approximate maximum number of points. If there are more, every second or third moment is drawn, or fewer.
const MAX_POINTS: usize = 3000;

/// Numbers over the last minutes.
#[derive(Debug, Clone)]
pub struct Recent {
    /// The title, which names the numbers and their unit.
    pub title: String,
    /// The seconds since each moment, the oldest first.
    pub seconds_ago: Vec<f64>,
    /// The lines with their names; 36 of them have different styles. A number that is not known leaves a gap.
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
        let classes: Vec<String> = (0..self.lines.len()).map(class).collect();
        let names = classes.iter().zip(&self.lines).map(|(class, (name, _))| (class.as_str(), name.as_str()));
        let names: Vec<(&str, &str)> = names.collect();
        // A long legend does not take the room of the lines.
        let more = SMALL_LINE * legend_lines(WIDTH, &names, 8.0).saturating_sub(1) as f64;
        let height = f64::from(HEIGHT) + more;
        let (mut picture, top) = Picture::new(WIDTH, height as u32, &self.title, described);
        let (left, right, bottom) = (60.0, f64::from(WIDTH) - 16.0, height - SMALL_LINE - 14.0);
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
        let step = (self.lines.len() * self.seconds_ago.len()).div_ceil(MAX_POINTS).max(1);
        for (number, ((_, numbers), class)) in self.lines.iter().zip(&classes).enumerate() {
            picture.begin(number);
            // The newest moment is always drawn.
            let points = self.seconds_ago.iter().zip(numbers).rev().step_by(step);
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

fn class(line: usize) -> String {
    format!("{} w{}", COLOURS[line % COLOURS.len()], DASHES[line / COLOURS.len() % DASHES.len()])
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
        let many = (0..33).map(|number| (format!("partition {number}"), lag.clone())).collect();
        let many = Recent { lines: many, ..one.clone() };
        for picture in [one.draw(), two.draw(), none.draw(), many.draw()] {
            assert_eq!(picture.texts_outside(), Vec::<String>::new());
        }
        let text = many.draw().standalone();
        assert!(text.len() < 64 * 1024, "{} bytes", text.len());
        assert!(text.contains(">partition 32</text>") && text.contains("<line class=\"d w v\""), "{text}");
    }

    #[test]
    fn thirty_six_lines_look_different() {
        let classes: std::collections::BTreeSet<String> = (0..36).map(class).collect();
        assert_eq!((classes.len(), class(0).as_str(), class(7).as_str()), (36, "a w", "b w k"));
    }
}
