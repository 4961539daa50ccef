//! The picture of numbers over the last minutes.

use crate::plot::letters::width;
use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE, legend_lines};
use windrow_record::display::thousands;

const WIDTH: u32 = 440;
const HEIGHT: u32 = 220;
/// The styles of the lines: the colours in turn, and then the same with the next dashes.
const COLOURS: [&str; 6] = ["a", "b", "c", "d", "e", "i"];
const DASHES: [&str; 6] = ["", " k", " r", " u", " v", " y"];
/// The largest number for which the legend keeps room, and the room for a text of a legend with two columns.
const LARGEST: &str = "9,999,999";
const COLUMN: f64 = 176.0;
/// The number of seconds from which only whole minutes are labelled.
const MIN_MINUTES: f64 = 150.0;
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
            Some(format!("{name}: {} now", number_text(number)))
        });
        let classes: Vec<String> = (0..self.lines.len()).map(class).collect();
        // The legend has the newest numbers, because lines may cover each other.
        let texts = self.lines.iter().map(|(name, numbers)| match last(numbers) {
            Some(number) => format!("{name}: {}", number_text(number)),
            None => name.clone(),
        });
        let texts: Vec<String> = texts.collect();
        let legend: Vec<(&str, &str)> =
            classes.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
        let room = self.lines.iter().map(|(name, _)| width("s", &format!("{name}: {LARGEST}")));
        let room = room.fold(0.0, f64::max).min(COLUMN);
        // A long legend does not take the room of the lines.
        let more = SMALL_LINE * legend_lines(WIDTH, &legend, 8.0, room).saturating_sub(1) as f64;
        let height = f64::from(HEIGHT) + more;
        let (mut picture, top) = Picture::new(WIDTH, height as u32, &self.title, described);
        let (left, right, bottom) = (60.0, f64::from(WIDTH) - 16.0, height - SMALL_LINE - 14.0);
        let top = picture.legend_with_room(&legend, (8.0, top - 8.0), room) + 12.0;
        let numbers = || self.lines.iter().flat_map(|(_, numbers)| numbers).flatten().copied();
        // Counts have no ticks at halves.
        let least = if numbers().all(|number| number.fract() == 0.0) { 4.0 } else { 1.0 };
        let up = Scale::new((0.0, 1.05 * numbers().fold(least, f64::max)), (bottom, top));
        let oldest = self.seconds_ago.iter().copied().fold(60.0, f64::max);
        let across = Scale::new((-oldest, 0.0), (left, right));
        picture.grid(&up, (left, right), up.labels());
        let step = if oldest < MIN_MINUTES { 30 } else { 60 };
        for seconds in (0..=(oldest as u32).min(600)).step_by(step) {
            let x = across.coordinate(-f64::from(seconds));
            picture.line("z", (x, bottom), (x, bottom + 4.0));
            picture.text("s", "middle", (x, bottom + SMALL_LINE + 2.0), &time_ago(seconds));
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

/// Returns a number of a line as it is printed: a small rate has a decimal.
fn number_text(number: f64) -> String {
    if number < 10.0 && number.fract() != 0.0 { format!("{number:.1}") } else { thousands(number.round() as u64) }
}

fn time_ago(seconds: u32) -> String {
    match seconds {
        0 => "now".to_owned(),
        seconds if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
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
        assert!(text.contains(">4 min</text>") && text.contains(">now</text>") && !text.contains(">30 s<"), "{text}");
        assert!(text.contains(">lag: 0</text>"), "the legend has the newest number: {text}");
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
        assert!(text.contains(">partition 32: 0</text>") && text.contains("<line class=\"d w v\""), "{text}");
    }

    #[test]
    fn counts_have_whole_ticks_and_a_short_time_has_ticks_in_seconds() {
        let of = |number: f64| {
            let (seconds_ago, lines) = (vec![90.0, 0.0], vec![("lag".to_owned(), vec![Some(number); 2])]);
            Recent { title: "Lag".to_owned(), seconds_ago, lines }.draw().standalone()
        };
        let still = of(0.0);
        assert!(
            still.contains(">2</text>") && still.contains(">4</text>") && !still.contains(">0.5</text>"),
            "{still}"
        );
        assert!(["now", "30 s", "1 min", "90 s"].iter().all(|at| still.contains(&format!(">{at}</text>"))), "{still}");
        let slow = of(0.25);
        assert!(slow.contains(">0.5</text>") && slow.contains(">lag: 0.2</text>"), "a rate may be small: {slow}");
    }

    #[test]
    fn a_legend_keeps_its_lines_if_numbers_grow() {
        let lines = |number: f64| {
            ["partition 0", "partition 1", "partition 2"].map(|name| (name.to_owned(), vec![Some(number)]))
        };
        let of =
            |number: f64| Recent { title: "Lag".to_owned(), seconds_ago: vec![0.0], lines: lines(number).to_vec() };
        let box_of = |picture: &str| {
            picture.split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
        };
        let boxes = [0.0, 1_000.0, 9_999_999.0].map(|number| box_of(&of(number).draw().inline()));
        assert_eq!(boxes[0].as_deref(), Some("0 0 440 236"));
        assert!(boxes.iter().all(|one| *one == boxes[0]), "{boxes:?}");
    }

    #[test]
    fn thirty_six_lines_look_different() {
        let classes: std::collections::BTreeSet<String> = (0..36).map(class).collect();
        assert_eq!((classes.len(), class(0).as_str(), class(7).as_str()), (36, "a w", "b w k"));
    }
}
