//! The main pictures of the advice.

use crate::phrases::history_phrase;
use crate::plot::course::{CumulativePlot, Line, SAVINGS_UNIT};
use crate::plot::quality::{Measure, Quality};
use crate::plot::shares::{Point, Shares};
use crate::plot::svg::Picture;
use crate::titles::{subject, titles};
use crate::{Advice, Policy, PolicyFinding, PolicyVerdict, Refit, Status};

/// The data of the main pictures of the advice.
#[derive(Debug, Clone)]
pub struct AdvicePictures {
    /// The log-loss by window.
    pub(crate) log_loss: Quality,
    /// The AUC by window; `None` if no window has one.
    pub(crate) auc: Option<Quality>,
    /// The shares by refit period, on the named history.
    pub(crate) how_often: Shares,
    /// The shares by history, refitted every window.
    pub(crate) how_much: Shares,
    /// The savings of the named policy from window to window.
    pub(crate) savings: CumulativePlot,
}

/// A main picture of the advice.
#[derive(Debug, Clone)]
pub struct NamedPicture<'a> {
    /// The name of the picture's file, without its extension.
    pub name: &'static str,
    /// The title, which states the finding.
    pub title: &'a str,
    /// The picture.
    pub picture: Picture,
}

impl AdvicePictures {
    /// Draws all pictures, in the order in which they are shown.
    pub fn pictures(&self) -> Vec<NamedPicture<'_>> {
        let quality = [Some(&self.log_loss), self.auc.as_ref()].into_iter().flatten().map(|quality| {
            let name = if quality.measure() == Measure::Auc { "auc" } else { "log-loss" };
            NamedPicture { name, title: quality.title(), picture: quality.draw() }
        });
        let shares = [("how-often", &self.how_often), ("how-much", &self.how_much)];
        let shares = shares.map(|(name, shares)| NamedPicture { name, title: &shares.title, picture: shares.draw() });
        quality.chain(shares).collect()
    }

    /// Draws the pictures of the first screen: the quality over time by this score, how often, and how much.
    pub fn first_screen(&self, measure: Measure) -> [Picture; 3] {
        [self.quality(measure).draw(), self.how_often.draw(), self.how_much.draw()]
    }

    /// Returns the names of the lines of the quality over time, by this score.
    pub fn lines(&self, measure: Measure) -> Vec<String> {
        self.quality(measure).lines.iter().map(|line| line.name.clone()).collect()
    }

    /// Returns the quality by this score. Without the AUC of any window, the score is the log-loss.
    fn quality(&self, measure: Measure) -> &Quality {
        self.auc.as_ref().filter(|_| measure == Measure::Auc).unwrap_or(&self.log_loss)
    }

    /// Returns `true` if the quality over time can also be shown by AUC.
    pub fn has_auc(&self) -> bool {
        self.auc.is_some()
    }

    /// Returns the picture of the savings, summed from window to window.
    pub fn savings(&self) -> &CumulativePlot {
        &self.savings
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
        let (lines, marks, dates) = (lines.collect(), marks.collect(), advice.subject.dates.clone());
        let unit = SAVINGS_UNIT.to_owned();
        Some(Self {
            log_loss: Quality::of_log_loss(advice, title_over_time.clone())?,
            auc: Quality::of_auc(advice),
            how_often: Shares { title: title_how_often, across, points: how_often.collect(), keep },
            how_much: Shares { title: title_how_much, across: lengths, points: how_much.collect(), keep },
            savings: CumulativePlot { title: title_over_time, unit, windows, dates, lines, marks },
        })
    }
}

fn point(advice: &Advice, policy: Policy, label: String) -> Option<Point> {
    let found = advice.comparison.finding(policy)?;
    // A reference may not be named. What is known of it is whether it is not as good as the best.
    let decided = matches!(found.verdict, PolicyVerdict::GoodEnough | PolicyVerdict::Worse)
        || found.verdict == PolicyVerdict::Reference && found.is_below_best();
    let is_sure = decided || advice.comparison.is_best(found);
    Some(Point {
        label,
        share: found.kept.share?,
        interval: advice.interval_shown(found),
        is_significant: advice.recommendation.status != Status::TooFew && is_sure,
        is_named: advice.is_named(found),
    })
}
