//! The picture of the loss from window to window, next to that of predicting the average rate.

use crate::plot::scale::Scale;
use crate::plot::svg::Picture;
use crate::titles::loss_title;
use crate::{Advice, LossAtWindow, Origin};

const WIDTH: u32 = 440;
const HEIGHT: u32 = 320;

/// The loss by window of the models in use, and of predicting the average rate.
#[derive(Debug, Clone)]
pub(crate) struct LossCourse {
    pub(crate) title: String,
    /// The name of the models' line.
    pub(crate) name: String,
    pub(crate) windows: Vec<LossAtWindow>,
    /// The windows in which the data changed, with their labels.
    pub(crate) marks: Vec<(u32, String)>,
}

impl LossCourse {
    /// Collects the data of the picture. Returns `None` with fewer than two windows.
    pub(crate) fn of(advice: &Advice) -> Option<Self> {
        let windows = &advice.over_time.losses;
        if windows.len() < 2 {
            return None;
        }
        let name = match (advice.subject.origin, advice.comparison.reference) {
            (Origin::Table, Some(policy)) => policy.name(advice.subject.window_unit),
            _ => "the models that served".to_owned(),
        };
        let marks = advice.over_time.world_change.iter().map(|change| (change.window, change.label.clone()));
        Some(Self { title: loss_title(advice)?, name, windows: windows.clone(), marks: marks.collect() })
    }

    pub(crate) fn draw(&self) -> Picture {
        let last = self.windows.last();
        let described = last.map(|at| format!("{}: {:.3} in {}", self.name, at.log_loss, at.label));
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, described);
        let (bottom, left, right) = (228.0, 60.0, 428.0);
        let losses = || self.windows.iter().flat_map(|at| [at.log_loss, at.share_log_loss]);
        let up = Scale::new((losses().fold(f64::INFINITY, f64::min), losses().fold(0.0, f64::max)), (bottom, top));
        let ends = (self.windows.first().map_or(0, |at| at.window), last.map_or(1, |at| at.window));
        let across = Scale::new((f64::from(ends.0), f64::from(ends.1)), (left, right));
        picture.grid(&up, (left, right), |tick| format!("{:.2}", tick + 0.0));
        for tick in across.ticks(5.0).into_iter().filter(|tick| tick.fract() == 0.0) {
            picture.text("s", "middle", (across.coordinate(tick), bottom + 18.0), &format!("{tick:.0}"));
        }
        picture.marks(&across, (left + right) / 2.0, (top, bottom), &self.marks);
        let point = |at: &LossAtWindow, loss: f64| (across.coordinate(f64::from(at.window)), up.coordinate(loss));
        picture.path("z w k", self.windows.iter().map(|at| point(at, at.share_log_loss)));
        picture.path("a w", self.windows.iter().map(|at| point(at, at.log_loss)));
        for at in self.windows.iter().filter(|at| at.rose) {
            picture.circle("b w h", point(at, at.log_loss), 7.0);
        }
        for (number, (class, name)) in
            [("a w", self.name.as_str()), ("z w k", "predicting the average rate so far")].into_iter().enumerate()
        {
            let y = bottom + 36.0 + 16.0 * number as f64;
            picture.line(class, (left, y - 4.0), (left + 22.0, y - 4.0));
            picture.text("s", "start", (left + 28.0, y), name);
        }
        if self.windows.iter().any(|at| at.rose) {
            let y = bottom + 68.0;
            picture.circle("b w h", (left + 11.0, y - 4.0), 6.0);
            picture.text("s", "start", (left + 28.0, y), "the loss alarm rang");
        }
        picture.text("s", "start", (8.0, 316.0), "log-loss per row, by window");
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_and_the_rises_are_drawn() {
        let at = |window: u32| LossAtWindow {
            window,
            label: format!("window {window}"),
            rows: 100,
            log_loss: 0.5 + 0.01 * f64::from(window % 3),
            share_log_loss: 0.6,
            rose: window == 7,
        };
        let course = LossCourse {
            title: "The loss rose".to_owned(),
            name: "<v1>".to_owned(),
            windows: (3..=20).map(at).collect(),
            marks: vec![(9, "window 9".to_owned())],
        };
        let text = course.draw().standalone();
        // A rise and its legend.
        assert_eq!((text.matches("<path").count(), text.matches("<circle").count()), (2, 2), "{text}");
        assert!(text.contains(">&lt;v1&gt;</text>") && text.contains(">window 9</text>"), "{text}");
        let calm = LossCourse { windows: (1..=2).map(at).collect(), marks: Vec::new(), ..course };
        assert!(!calm.draw().standalone().contains("<circle"));
    }
}
