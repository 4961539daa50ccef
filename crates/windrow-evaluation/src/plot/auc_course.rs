//! The picture of the AUC from window to window.

use crate::plot::scale::Scale;
use crate::plot::svg::Picture;
use crate::plot::tables::auc_name;
use crate::{Advice, AucAtWindow, PolicyAuc};

const WIDTH: u32 = 440;
const HEIGHT: u32 = 320;
/// The styles of the lines: of the named policy, of fit once, and of all history.
const CLASSES: [&str; 3] = ["a w", "b w", "z w k"];

/// The AUC by window of the named policy, of fit once, and of all history.
#[derive(Debug, Clone)]
pub struct AucCourse {
    /// The lines with their names.
    pub(crate) lines: Vec<(String, PolicyAuc)>,
}

impl AucCourse {
    /// Collects the data of the picture. Returns `None` if no window has an AUC.
    pub fn of(advice: &Advice) -> Option<Self> {
        let has_auc = advice.over_time.auc.iter().flat_map(|found| &found.windows).any(|at| at.auc.is_some());
        let lines = advice.over_time.auc.iter().map(|found| (auc_name(advice, found.policy), found.clone()));
        has_auc.then(|| Self { lines: lines.collect() })
    }

    /// Draws the picture as SVG. A window with one class leaves a gap.
    pub fn draw(&self) -> Picture {
        let last = |found: &PolicyAuc| found.windows.iter().rev().find_map(|at| at.auc);
        let described = self.lines.iter().filter_map(|(name, found)| Some(format!("{name}: {:.3}", last(found)?)));
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, "The AUC of the models in use, by window", described);
        let (bottom, left, right) = (232.0, 60.0, 428.0);
        let all = || self.lines.iter().flat_map(|(_, found)| &found.windows);
        let numbers = || all().filter_map(|at| at.auc);
        let up = Scale::new((numbers().fold(1.0, f64::min), numbers().fold(0.0, f64::max)), (bottom, top));
        let windows = || all().map(|at| f64::from(at.window));
        let ends = (windows().fold(f64::INFINITY, f64::min), windows().fold(0.0, f64::max));
        let across = Scale::new(ends, (left, right));
        picture.grid(&up, (left, right), |tick| format!("{:.3}", tick + 0.0));
        for tick in across.ticks(5.0).into_iter().filter(|tick| tick.fract() == 0.0) {
            picture.text("s", "middle", (across.coordinate(tick), bottom + 18.0), &format!("{tick:.0}"));
        }
        for (number, ((name, found), class)) in self.lines.iter().zip(CLASSES).enumerate() {
            for run in found.windows.split(|at| at.auc.is_none()).filter(|run| !run.is_empty()) {
                let point = |at: &AucAtWindow| {
                    (across.coordinate(f64::from(at.window)), up.coordinate(at.auc.unwrap_or_default()))
                };
                match run {
                    [single] => picture.circle(class, point(single), 2.0),
                    run => picture.path(class, run.iter().map(point)),
                }
            }
            let y = bottom + 36.0 + 16.0 * number as f64;
            picture.line(class, (left, y - 4.0), (left + 22.0, y - 4.0));
            picture.text("s", "start", (left + 28.0, y), name);
        }
        picture.text("s", "start", (8.0, 316.0), "area under the ROC curve; mean over start windows");
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Refit};
    use windrow_record::Scheme;

    #[test]
    fn a_window_without_auc_leaves_a_gap() {
        let policy = Policy { history: Scheme::Cumulative, refit: Refit::Never };
        let at = |(window, auc): (u32, Option<f64>)| AucAtWindow { window, label: format!("week {window}"), auc };
        let line = |numbers: [Option<f64>; 6]| PolicyAuc { policy, windows: (17..).zip(numbers).map(at).collect() };
        let whole = line([Some(0.6), Some(0.7), Some(0.65), Some(0.7), Some(0.72), Some(0.7)]);
        let gaps = line([Some(0.6), Some(0.7), None, Some(0.7), None, None]);
        let course = AucCourse { lines: vec![("fit once: all".to_owned(), whole), ("all history".to_owned(), gaps)] };
        let text = course.draw().standalone();
        // One line, and a line with a single point after a gap.
        assert_eq!((text.matches("<path").count(), text.matches("<circle").count()), (2, 1), "{text}");
        assert!(text.contains(">fit once: all</text>") && text.contains("all history: 0.700"), "{text}");
    }
}
