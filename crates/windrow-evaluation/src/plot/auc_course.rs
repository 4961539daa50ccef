//! The picture of the AUC from window to window.

use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::plot::tables::auc_name;
use crate::plot::window_axis::WindowAxis;
use crate::window_dates::WindowDates;
use crate::{Advice, AucAtWindow, PolicyAuc};

const WIDTH: u32 = 620;
const HEIGHT: u32 = 340;
/// The styles of the lines: of the named policy, of fit once, and of all history.
const CLASSES: [&str; 3] = ["a w", "b w", "z w k"];

/// The AUC by window of the named policy, of fit once, and of all history.
#[derive(Debug, Clone)]
pub struct AucCourse {
    /// The lines with their names.
    pub(crate) lines: Vec<(String, PolicyAuc)>,
    pub(crate) dates: WindowDates,
}

impl AucCourse {
    /// Collects the data of the picture. Returns `None` if no window has an AUC.
    pub fn of(advice: &Advice) -> Option<Self> {
        let has_auc = advice.over_time.auc.iter().flat_map(|found| &found.windows).any(|at| at.auc.is_some());
        let lines = advice.over_time.auc.iter().map(|found| (auc_name(advice, found.policy), found.clone()));
        has_auc.then(|| Self { lines: lines.collect(), dates: advice.subject.dates.clone() })
    }

    /// Draws the picture as SVG. A window with one class leaves a gap.
    pub fn draw(&self) -> Picture {
        let last = |found: &PolicyAuc| found.windows.iter().rev().find_map(|at| at.auc);
        let described = self.lines.iter().filter_map(|(name, found)| Some(format!("{name}: {:.3}", last(found)?)));
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, "The AUC of the models in use, by window", described);
        let (left, right) = (60.0, f64::from(WIDTH) - 12.0);
        let bottom = picture.note("area under the ROC curve; mean over start windows") - SMALL_LINE - 12.0;
        let names: Vec<(&str, &str)> =
            CLASSES.into_iter().zip(self.lines.iter().map(|(name, _)| name.as_str())).collect();
        let top = picture.legend(&names, (8.0, top - 8.0)) + 14.0;
        let all = || self.lines.iter().flat_map(|(_, found)| &found.windows);
        let numbers = || all().filter_map(|at| at.auc);
        let up = Scale::new((numbers().fold(1.0, f64::min), numbers().fold(0.0, f64::max)), (bottom, top));
        let ends = (all().map(|at| at.window).min().unwrap_or(0), all().map(|at| at.window).max().unwrap_or(1));
        let across = WindowAxis::new(&self.dates, ends, (left, right));
        picture.grid(&up, (left, right), up.labels());
        across.draw(&mut picture, bottom, f64::from(WIDTH));
        for (number, ((_, found), class)) in self.lines.iter().zip(CLASSES).enumerate() {
            picture.begin(number);
            for run in found.windows.split(|at| at.auc.is_none()).filter(|run| !run.is_empty()) {
                let point = |at: &AucAtWindow| (across.middle(at.window), up.coordinate(at.auc.unwrap_or_default()));
                match run {
                    [single] => picture.circle(class, point(single), 2.0),
                    run => picture.path(class, run.iter().map(point)),
                }
            }
            picture.end();
        }
        let judged = self.lines.first().map_or(&[][..], |(_, found)| found.windows.as_slice());
        let windows: Vec<u32> = judged.iter().map(|at| at.window).collect();
        for (index, (begin, end)) in across.places(&windows) {
            let value =
                |(name, found): &(String, PolicyAuc)| Some(format!("{name}: {:.3}", found.windows.get(index)?.auc?));
            let values: Vec<String> = self.lines.iter().filter_map(value).collect();
            let text = format!("{}: {}", judged[index].label, values.join("; "));
            picture.mark((begin, top), (end - begin, bottom - top), text, format!("/windows/{}", windows[index]));
        }
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
        let lines = vec![("fit once: all".to_owned(), whole), ("all history".to_owned(), gaps)];
        let course = AucCourse { lines, dates: WindowDates::default() };
        let text = course.draw().standalone();
        // One line, and a line with a single point after a gap.
        assert_eq!((text.matches("<path").count(), text.matches("<circle").count()), (2, 1), "{text}");
        assert!(text.contains(">fit once: all</text>") && text.contains("all history: 0.700"), "{text}");
        assert!(text.contains("<title>week 17: fit once: all: 0.600; all history: 0.600</title>"), "{text}");
        let long = course.lines.into_iter().map(|(name, found)| (name.repeat(40), found)).collect();
        let long = AucCourse { lines: long, dates: WindowDates::default() };
        assert_eq!(long.draw().texts_outside(), Vec::<String>::new());
    }
}
