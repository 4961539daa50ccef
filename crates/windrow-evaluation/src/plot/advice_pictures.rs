//! The three main pictures of the advice.

use crate::phrases::history_phrase;
use crate::plot::course::{CumulativePlot, Line};
use crate::plot::shares::{Point, Shares};
use crate::plot::svg::Picture;
use crate::titles::{subject, titles};
use crate::{Advice, Policy, PolicyFinding, PolicyVerdict, Refit, Status};

/// The data of the three main pictures of the advice.
#[derive(Debug, Clone)]
pub struct AdvicePictures {
    /// The shares by refit period, on the named history.
    pub(crate) how_often: Shares,
    /// The shares by history, refitted every window.
    pub(crate) how_much: Shares,
    /// The savings of the named policy from window to window.
    pub(crate) over_time: CumulativePlot,
}

impl AdvicePictures {
    /// Draws the pictures, in the order in which they are shown.
    pub fn pictures(&self) -> [Picture; 3] {
        [self.how_often.draw(), self.how_much.draw(), self.over_time.draw()]
    }

    /// Returns the titles of the pictures, in the same order.
    pub fn titles(&self) -> [&str; 3] {
        [&self.how_often.title, &self.how_much.title, &self.over_time.title]
    }

    /// Collects the data of the pictures. Returns `None` if no policies have been compared yet.
    pub fn of(advice: &Advice) -> Option<Self> {
        let policy = subject(advice)?;
        let [title_how_often, title_how_much, title_over_time] = titles(advice);
        let unit = advice.subject.window_unit;
        let many = unit.many();
        let across = format!("{many} between refits, each on {}", history_phrase(policy.history, unit));
        let refits = (0..7).map(|power| Refit::Every(1 << power)).chain([Refit::Never]);
        let how_often = refits.filter_map(|refit| {
            let label = match refit {
                Refit::Every(every) => every.to_string(),
                _ => "never".to_owned(),
            };
            point(advice, Policy { history: policy.history, refit }, label)
        });
        let mut histories: Vec<&PolicyFinding> = advice.comparison.every_window().collect();
        histories.sort_by_key(|found| found.policy.length().unwrap_or(u32::MAX));
        let how_much = histories.into_iter().filter_map(|found| {
            let label = found.policy.length().map_or_else(|| "all".to_owned(), |length| length.to_string());
            point(advice, found.policy, label)
        });
        let course = advice.over_time.course.as_ref()?;
        let lines = course.saved.iter().map(|saved| Line {
            name: match saved.beside.refit {
                Refit::Never => "compared with never refitting".to_owned(),
                refit => format!("compared with refitting {} on all history", refit.name(unit)),
            },
            sums: saved.sums.clone(),
        });
        let marks = advice.over_time.world_change.iter().map(|change| (change.window, change.label.clone()));
        let lengths = format!("{many} of history, refitting {}", Refit::Every(1).name(unit));
        let (keep, windows) = (advice.basis.keep, course.windows.clone());
        let (lines, marks) = (lines.collect(), marks.collect());
        let unit = "log-loss saved, summed over all rows up to each window".to_owned();
        Some(Self {
            how_often: Shares { title: title_how_often, across, points: how_often.collect(), keep },
            how_much: Shares { title: title_how_much, across: lengths, points: how_much.collect(), keep },
            over_time: CumulativePlot { title: title_over_time, unit, windows, lines, marks },
        })
    }
}

fn point(advice: &Advice, policy: Policy, label: String) -> Option<Point> {
    let found = advice.comparison.finding(policy)?;
    let decided = matches!(found.verdict, PolicyVerdict::GoodEnough | PolicyVerdict::Worse | PolicyVerdict::Reference);
    let is_sure = decided || advice.comparison.is_best(found);
    Some(Point {
        label,
        share: found.kept.share?,
        interval: advice.interval_shown(found),
        is_significant: advice.recommendation.status != Status::TooFew && is_sure,
        is_named: advice.is_named(found),
    })
}
