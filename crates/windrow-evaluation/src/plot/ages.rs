//! The picture of a model's loss by its age.

use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
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
}

impl Ages {
    /// Collects the data of the picture. Returns `None` if no ages have been compared.
    pub fn of(advice: &Advice) -> Option<Self> {
        let title = age_title(advice)?;
        let across = format!("age of the model in {}", advice.subject.window_unit.many());
        Some(Self { title, across, ages: advice.over_time.ages.clone() })
    }

    /// Draws the picture as SVG.
    pub fn draw(&self) -> Picture {
        let described = self.ages.iter().map(|found| format!("age {}: {:.4}", found.age, found.difference));
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, described);
        let note = "log-loss per row above a new model's, 95%; hollow: cannot tell";
        let across = picture.note(note) - 6.0;
        let (bottom, left, right) = (across - 2.0 * SMALL_LINE - 4.0, 64.0, f64::from(WIDTH) - 12.0);
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
        }
        picture.text("s", "middle", ((left + right) / 2.0, across), &self.across);
        picture
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
        };
        let text = ages.draw().standalone();
        assert_eq!((text.matches("<circle").count(), text.matches("a w h").count()), (3, 1), "{text}");
        let long = Ages { title: "a title that goes on and on ".repeat(12), ..ages.clone() };
        assert!([ages.draw(), long.draw()].iter().all(|picture| picture.texts_outside().is_empty()));
        assert!(Ages { ages: Vec::new(), ..ages }.draw().standalone().contains("</svg>"));
    }
}
