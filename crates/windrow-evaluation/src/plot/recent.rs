//! The picture of numbers over the last minutes.

use crate::plot::legend::{legend_lines, legend_rooms};
use crate::plot::letters::{shortened, width};
use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use windrow_record::display::thousands;

const WIDTH: u32 = 440;
const HEIGHT: u32 = 220;
/// The styles of the lines: the colours in turn, and then the same with the next dashes.
const COLOURS: [&str; 6] = ["a", "b", "c", "d", "e", "i"];
const DASHES: [&str; 6] = ["", " k", " r", " u", " v", " y"];
/// The number for which the legend keeps room at least, and the room for a text of a legend with two columns.
const LARGE: f64 = 9_999_999.0;
const COLUMN: f64 = 176.0;
/// The number of seconds from which only whole minutes are labelled.
const MIN_MINUTES: f64 = 150.0;
/// The approximate maximum number of points. If there are more, every second or third moment is drawn, or fewer.
const MAX_POINTS: usize = 3000;
/// The numbers that the marks of a picture say together, about, and the numbers of marks that this may give. With 61 marks,
/// five minutes have one every five seconds.
const MARKED_NUMBERS: usize = 600;
const MARKS: (usize, usize) = (13, 61);
/// The number of seconds up to which a moment counts as that of a mark. There is about one moment per second.
const NEAR: f64 = 2.0;

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
        let newest = self.seconds_ago.len().checked_sub(1);
        let described = self.known(newest).into_iter().map(|text| format!("{text} now"));
        let classes: Vec<String> = (0..self.lines.len()).map(class).collect();
        // The legend has the newest numbers, because lines may cover each other.
        let texts = self.texts(newest);
        let legend: Vec<(&str, &str)> =
            classes.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
        let room = self.lines.iter().map(|(name, numbers)| {
            let largest = numbers.iter().flatten().copied().fold(LARGE, f64::max);
            width("s", &format!("{name}: {}", number_text(largest)))
        });
        let room = room.fold(0.0, f64::max).min(COLUMN);
        // A long legend does not take the room of the lines.
        let more = SMALL_LINE * legend_lines(WIDTH, &legend, 8.0, room).saturating_sub(1) as f64;
        let height = f64::from(HEIGHT) + more;
        let (mut picture, top) = Picture::new(WIDTH, height as u32, &self.title, described);
        let (left, right, bottom) = (60.0, f64::from(WIDTH) - 16.0, height - SMALL_LINE - 14.0);
        picture.begin_shown();
        picture.text("s", "start", (8.0, top - 8.0), &time_text(0.0));
        let top = picture.legend_with_room(&legend, (8.0, top - 8.0 + SMALL_LINE), room) + 12.0;
        picture.end();
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
        self.mark(&mut picture, oldest, ((left, right), (top, bottom)), &legend_rooms(WIDTH, &legend, 8.0, room));
        picture
    }

    /// Adds marks at equal distances, which say the numbers of the nearest moment. Their places depend only on the number
    /// of lines, so a mark stays under the pointer when the picture is drawn again. `rooms` are those of the legend.
    fn mark(&self, picture: &mut Picture, oldest: f64, (across, up): ((f64, f64), (f64, f64)), rooms: &[f64]) {
        let marks = (MARKED_NUMBERS / self.lines.len().max(1)).clamp(MARKS.0, MARKS.1);
        let step = 1.0 / (marks - 1) as f64;
        let coordinate = |share: f64| across.0 + (across.1 - across.0) * share.clamp(0.0, 1.0);
        for number in 0..marks {
            let share = step * number as f64;
            let (begin, end) = (coordinate(share - step / 2.0), coordinate(share + step / 2.0));
            let wanted = oldest * (1.0 - share);
            // The last mark is the newest moment, which the legend has too.
            let is_last = number + 1 == marks;
            let moment =
                if is_last { self.seconds_ago.len().checked_sub(1) } else { self.nearest(wanted, oldest * step) };
            let seconds = moment.filter(|_| !is_last).map_or(wanted, |moment| self.seconds_ago[moment]);
            let (time, known) = (time_text(if is_last { 0.0 } else { seconds }), self.known(moment));
            let values = if known.is_empty() { "no numbers".to_owned() } else { known.join("; ") };
            let texts = self.texts(moment);
            let texts = texts.iter().zip(rooms).map(|(text, room)| shortened("s", text, *room));
            let shown = std::iter::once(time.clone()).chain(texts).collect();
            picture.live_mark((begin, up.0), (end - begin, up.1 - up.0), format!("{time}: {values}"), shown);
        }
    }

    /// Returns the index of the moment nearest to `seconds` ago, if it is near: within half a step, or [`NEAR`].
    fn nearest(&self, seconds: f64, step: f64) -> Option<usize> {
        let distance = |index: usize| (self.seconds_ago[index] - seconds).abs();
        let all = 0..self.seconds_ago.len();
        let nearest = all.min_by(|one, other| distance(*one).total_cmp(&distance(*other)))?;
        (distance(nearest) <= NEAR.max(step / 2.0)).then_some(nearest)
    }

    /// Returns the text of each line at a moment: its name, and its number if that is known.
    fn texts(&self, moment: Option<usize>) -> Vec<String> {
        let text = |(name, numbers): &(String, Vec<Option<f64>>)| match number_at(numbers, moment) {
            Some(number) => format!("{name}: {}", number_text(number)),
            None => name.clone(),
        };
        self.lines.iter().map(text).collect()
    }

    /// Returns the texts of the lines whose number is known at a moment.
    fn known(&self, moment: Option<usize>) -> Vec<String> {
        let texts = self.texts(moment).into_iter().zip(&self.lines);
        texts.filter(|(_, (_, numbers))| number_at(numbers, moment).is_some()).map(|(text, _)| text).collect()
    }
}

fn number_at(numbers: &[Option<f64>], moment: Option<usize>) -> Option<f64> {
    numbers.get(moment?).copied().flatten()
}

/// Returns a number of a line as it is printed: a small rate has a decimal.
fn number_text(number: f64) -> String {
    if number < 10.0 && number.fract() != 0.0 { format!("{number:.1}") } else { thousands(number.round() as u64) }
}

/// Returns the time of a moment, as in `2 min 5 s ago`.
fn time_text(seconds_ago: f64) -> String {
    let seconds = seconds_ago.round() as u32;
    match (seconds / 60, seconds % 60) {
        (0, 0) => "now".to_owned(),
        (0, seconds) => format!("{seconds} s ago"),
        (minutes, 0) => format!("{minutes} min ago"),
        (minutes, seconds) => format!("{minutes} min {seconds} s ago"),
    }
}

/// Returns the label of a tick.
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

    /// Returns the label of each mark of a live picture, and the texts that it shows.
    fn marks(picture: &str) -> Vec<(String, Vec<String>)> {
        let value = |mark: &str, name: &str| {
            let rest = mark.split_once(&format!("{name}=\"")).map_or("", |(_, rest)| rest);
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let mark = |mark: &str| {
            let shown = value(mark, "data-shown").split("&#10;").map(str::to_owned).collect();
            (value(mark, "aria-label"), shown)
        };
        picture.split("<g class=\"point\"").skip(1).map(mark).collect()
    }

    #[test]
    fn each_mark_of_a_live_picture_says_the_numbers_of_its_moment() {
        let seconds_ago: Vec<f64> = (0..=300).rev().map(f64::from).collect();
        let sent: Vec<Option<f64>> = seconds_ago.iter().map(|seconds| Some(1_000.0 + seconds)).collect();
        let mut lag = vec![Some(7.0); 301];
        lag[300 - 125] = None;
        let lines = vec![("sent".to_owned(), sent), ("lag".to_owned(), lag)];
        let recent = Recent { title: "Rows".to_owned(), seconds_ago, lines };
        let picture = recent.draw().live();
        let found = marks(&picture);
        let labels: Vec<&str> = found.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!((found.len(), labels[0]), (61, "5 min ago: sent: 1,300; lag: 7"));
        assert_eq!((labels[35], labels[53]), ("2 min 5 s ago: sent: 1,125", "35 s ago: sent: 1,035; lag: 7"));
        assert_eq!(labels[60], "now: sent: 1,000; lag: 7");
        assert_eq!(found[35].1, ["2 min 5 s ago", "sent: 1,125", "lag"], "an unknown number leaves the name");
        // The newest mark shows what the picture shows without a script.
        let texts =
            picture.split_once("<g class=\"shown\">").and_then(|(_, rest)| rest.split_once("</g>")).expect("texts");
        for text in &found[60].1 {
            assert!(texts.0.contains(&format!(">{text}</text>")), "{text}: {}", texts.0);
        }
    }

    #[test]
    fn a_mark_stays_in_its_place_and_its_texts_in_their_room() {
        let of = |seconds: u32, lines: usize, number: f64| {
            let seconds_ago: Vec<f64> = (0..seconds).rev().map(f64::from).collect();
            let numbers = vec![Some(number); seconds_ago.len()];
            let lines = (0..lines).map(|line| (format!("partition {line}"), numbers.clone())).collect();
            Recent { title: "Lag".to_owned(), seconds_ago, lines }.draw()
        };
        let places = |picture: &Picture| -> Vec<String> {
            let page = picture.live();
            page.split("<rect class=\"o\" ")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once('>')?.0.to_owned()))
                .collect()
        };
        let (young, old) = (of(20, 3, 1.0), of(300, 3, 1_234_567.0));
        assert_eq!((places(&young).len(), places(&young)), (61, places(&old)), "the pointer stays on the mark");
        assert_eq!(marks(&young.live())[0].0, "1 min ago: no numbers");
        assert_eq!(marks(&of(0, 1, 0.0).live())[60].0, "now: no numbers");
        // A picture of many lines has fewer marks, so that the page stays small.
        let many = of(300, 33, 123_456_789.0);
        assert_eq!(marks(&many.live()).len(), 18);
        assert!(many.live().len() < 96 * 1024, "{} bytes", many.live().len());
        // A large number is shown whole, and a column of the legend has room for it.
        for (label, shown) in marks(&of(300, 2, 123_456_789.0).live()) {
            assert!(
                shown[1..].iter().all(|text| text.ends_with("123,456,789") && width("s", text) <= COLUMN),
                "{label}"
            );
        }
    }

    #[test]
    fn thirty_six_lines_look_different() {
        let classes: std::collections::BTreeSet<String> = (0..36).map(class).collect();
        assert_eq!((classes.len(), class(0).as_str(), class(7).as_str()), (36, "a w", "b w k"));
    }
}
