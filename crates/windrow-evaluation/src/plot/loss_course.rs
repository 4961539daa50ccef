//! The picture of the loss from window to window, next to that of predicting the average rate.

use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::plot::window_axis::WindowAxis;
use crate::titles::loss_title;
use crate::window_dates::WindowDates;
use crate::{Advice, LossAtWindow, Origin};

const WIDTH: u32 = 620;
const HEIGHT: u32 = 340;

/// The loss by window of the models in use, and of predicting the average rate.
#[derive(Debug, Clone)]
pub(crate) struct LossCourse {
    pub(crate) title: String,
    /// The name of the models' line.
    pub(crate) name: String,
    pub(crate) windows: Vec<LossAtWindow>,
    pub(crate) dates: WindowDates,
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
        let (title, dates) = (loss_title(advice)?, advice.subject.dates.clone());
        Some(Self { title, name, windows: windows.clone(), dates, marks: marks.collect() })
    }

    pub(crate) fn draw(&self) -> Picture {
        let last = self.windows.last();
        let described = last.map(|at| format!("{}: {:.3} in {}", self.name, at.log_loss, at.label));
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, described);
        let (left, right) = (60.0, f64::from(WIDTH) - 12.0);
        let rang = if self.windows.iter().any(|at| at.rose) { "; ring: the loss alarm rang" } else { "" };
        let bottom = picture.note(&format!("log-loss per row, by window{rang}")) - SMALL_LINE - 12.0;
        let legend = [("a w", self.name.as_str()), ("z w k", "predicting the average rate so far")];
        let top = picture.legend(&legend, (8.0, top - 8.0)) + 14.0;
        let losses = || self.windows.iter().flat_map(|at| [at.log_loss, at.share_log_loss]);
        let up = Scale::new((losses().fold(f64::INFINITY, f64::min), losses().fold(0.0, f64::max)), (bottom, top));
        let ends = (self.windows.first().map_or(0, |at| at.window), last.map_or(1, |at| at.window));
        let across = WindowAxis::new(&self.dates, ends, (left, right));
        picture.grid(&up, (left, right), up.labels());
        across.draw(&mut picture, bottom, f64::from(WIDTH));
        let marks = self.marks.iter().map(|(window, label)| (across.begin(*window), label.as_str()));
        picture.marks((left + right) / 2.0, (top, bottom), marks);
        let point = |at: &LossAtWindow, loss: f64| (across.middle(at.window), up.coordinate(loss));
        picture.path("z w k", self.windows.iter().map(|at| point(at, at.share_log_loss)));
        picture.path("a w", self.windows.iter().map(|at| point(at, at.log_loss)));
        for at in self.windows.iter().filter(|at| at.rose) {
            picture.circle("b w h", point(at, at.log_loss), 7.0);
        }
        let windows: Vec<u32> = self.windows.iter().map(|at| at.window).collect();
        for (index, (begin, end)) in across.places(&windows) {
            let LossAtWindow { window, label, log_loss, share_log_loss, .. } = &self.windows[index];
            let text = format!("{label}: {log_loss:.3}; average rate: {share_log_loss:.3}");
            picture.mark((begin, top), (end - begin, bottom - top), text, format!("/windows/{window}"));
        }
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
            dates: WindowDates::default(),
            marks: vec![(9, "window 9".to_owned())],
        };
        let text = course.draw().standalone();
        assert_eq!((text.matches("<path").count(), text.matches("<circle").count()), (2, 1), "{text}");
        assert!(text.contains("; ring: the loss alarm rang") && course.draw().texts_outside().is_empty(), "{text}");
        assert!(text.contains(">&lt;v1&gt;</text>") && text.contains(">window 9</text>"), "{text}");
        let calm = LossCourse { windows: (1..=2).map(at).collect(), marks: Vec::new(), ..course };
        assert!(!calm.draw().standalone().contains("<circle"));
    }
}
