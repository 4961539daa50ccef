//! The picture of a model's loss by its age.

use crate::phrases::time_of;
use crate::plot::letters::shortened;
use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::plot::tables::{Table, TableRow};
use crate::titles::age_title;
use crate::{Advice, AgeFinding};

const WIDTH: u32 = 440;
const HEIGHT: u32 = 320;

/// The losses of models by age, side by side.
#[derive(Debug, Clone)]
pub struct Ages {
    pub(crate) title: String,
    /// The label of the horizontal axis.
    pub(crate) across: String,
    /// The findings, by rising age.
    pub(crate) ages: Vec<AgeFinding>,
    /// The time that each age means, as in `28 days`; empty if the label of the axis says it, or windows have no times.
    pub(crate) times: Vec<String>,
}

impl Ages {
    /// Collects the data of the picture. Returns `None` if no ages have been compared.
    pub fn of(advice: &Advice) -> Option<Self> {
        let title = age_title(advice)?;
        let across = format!("age of the model in {}", advice.subject.window_unit.many());
        let ages = advice.over_time.ages.clone();
        let times = ages.iter().filter_map(|found| time_of(advice, found.age)).collect();
        Some(Self { title, across, ages, times })
    }

    /// Draws the picture as SVG.
    pub fn draw(&self) -> Picture {
        let described = self.ages.iter().enumerate();
        let described =
            described.map(|(number, found)| format!("age {}: {:.4}", self.name(number, found), found.difference));
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, described);
        let note = "log-loss per row above a new model's, 95%; hollow: cannot tell";
        let across = picture.note(note) - 6.0;
        let lines = if self.times.is_empty() { 2.0 } else { 3.0 };
        let (bottom, left, right) = (across - lines * SMALL_LINE - 4.0, 64.0, f64::from(WIDTH) - 12.0);
        let ends = self.ages.iter().flat_map(|found| {
            let interval = found.interval.map_or([found.difference; 2], |interval| [interval.low, interval.high]);
            [found.difference, interval[0], interval[1]]
        });
        let (low, high) = ends.fold((0.0_f64, 1e-6_f64), |(low, high), end| (low.min(end), high.max(end)));
        let scale = Scale::new((low, high), (bottom, top));
        picture.grid(&scale, (left, right), scale.labels());
        let step = (right - left) / self.ages.len().max(1) as f64;
        for (number, found) in self.ages.iter().enumerate() {
            let x = left + step * (number as f64 + 0.5);
            if let Some(interval) = found.interval {
                picture.line("a w", (x, scale.coordinate(interval.low)), (x, scale.coordinate(interval.high)));
            }
            let is_significant = found.interval.is_some_and(|interval| interval.low > 0.0 || interval.high < 0.0);
            let class = if is_significant || found.age == 1 { "a" } else { "a w h" };
            picture.circle(class, (x, scale.coordinate(found.difference)), 5.0);
            picture.text("s", "middle", (x, bottom + SMALL_LINE), &found.age.to_string());
            if let Some(time) = self.times.get(number) {
                let time = shortened("s", time.trim_start_matches("about "), step - 4.0);
                picture.text("s", "middle", (x, bottom + 2.0 * SMALL_LINE), &time);
            }
        }
        picture.text("s", "middle", ((left + right) / 2.0, across), &self.across);
        picture
    }

    /// Returns the numbers of the picture as a table.
    pub fn table(&self) -> Table {
        let row = |(number, found): (usize, &AgeFinding)| {
            let interval = found.interval.filter(|interval| !interval.is_point());
            let interval = interval.map(|interval| format!("{:.4} to {:.4}", interval.low, interval.high));
            let cells =
                vec![self.name(number, found), format!("{:.4}", found.difference), interval.unwrap_or_default()];
            TableRow { cells, is_named: false }
        };
        Table {
            heading: "Models by age".to_owned(),
            note: String::new(),
            header: vec![self.across.clone(), "log-loss above a new model's".to_owned(), "95% interval".to_owned()],
            rows: self.ages.iter().enumerate().map(row).collect(),
        }
    }

    /// Returns an age with the time that it means, as in `4 (56 days)`.
    fn name(&self, number: usize, found: &AgeFinding) -> String {
        let time = self.times.get(number).map_or_else(String::new, |time| format!(" ({time})"));
        format!("{}{time}", found.age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interval;

    #[test]
    fn every_age_is_drawn() {
        let age = |age: u32, difference: f64| {
            let interval = Some(Interval { low: difference - 0.002, high: difference + 0.002 });
            AgeFinding { age, difference, interval }
        };
        let ages = Ages {
            title: "Old models lose".to_owned(),
            across: "age of the model in weeks".to_owned(),
            ages: vec![age(2, 0.001), age(4, 0.005), age(8, 0.02)],
            times: Vec::new(),
        };
        let text = ages.draw().standalone();
        assert_eq!((text.matches("<circle").count(), text.matches("a w h").count()), (3, 1), "{text}");
        let long = Ages { title: "a title that goes on and on ".repeat(12), ..ages.clone() };
        assert!([ages.draw(), long.draw()].iter().all(|picture| picture.texts_outside().is_empty()));
        assert_eq!(ages.table().rows[1].cells, ["4", "0.0050", "0.0030 to 0.0070"]);
        assert!(Ages { ages: Vec::new(), ..ages }.draw().standalone().contains("</svg>"));
    }

    #[test]
    fn an_age_has_the_time_that_it_means() {
        let ages = [2, 4, 8, 16, 32].map(|age| AgeFinding { age, difference: 0.01, interval: None });
        let times = [2, 4, 8, 16, 32].map(|age| format!("about {} days", 14 * age));
        let across = "age of the model in windows".to_owned();
        let ages = Ages { title: "t".to_owned(), across, ages: ages.to_vec(), times: times.to_vec() };
        let text = ages.draw().standalone();
        for label in [">4</text>", ">56 days</text>", ">448 days</text>"] {
            assert!(text.contains(label), "{text}");
        }
        assert!(text.contains("age 4 (about 56 days): 0.0100"), "{text}");
        assert_eq!(ages.draw().texts_outside(), Vec::<String>::new());
        assert_eq!(ages.table().rows[1].cells[0], "4 (about 56 days)");
    }
}
