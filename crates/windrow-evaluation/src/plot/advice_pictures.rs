//! The main pictures of the advice.

use crate::kept_share::BASELINE;
use crate::phrases::history_phrase;
use crate::plot::course::{CumulativePlot, Line, SAVINGS_UNIT};
use crate::plot::loss_course::LossCourse;
use crate::plot::quality::{Measure, Quality};
use crate::plot::shares::{Point, Shares};
use crate::plot::svg::Picture;
use crate::titles::{average_rate_title, subject, titles};
use crate::{Advice, Origin, Policy, PolicyFinding, PolicyVerdict, Refit, Status};

/// The data of the main pictures of the advice. Those of a pipeline always have the log-loss by window and the shares.
/// Those of a table have the ones that its fits support.
#[derive(Debug, Clone)]
pub struct AdvicePictures {
    /// The log-loss by window of a pipeline.
    pub(crate) log_loss: Option<Quality>,
    /// The AUC by window of a pipeline; `None` if no window has one.
    pub(crate) auc: Option<Quality>,
    /// The shares by refit period, on the named history.
    pub(crate) how_often: Option<Shares>,
    /// The shares by history, refitted as often as possible.
    pub(crate) how_much: Option<Shares>,
    /// The savings of the named policy from window to window, or those of a table's models compared with the average rate.
    pub(crate) over_time: Option<CumulativePlot>,
    /// The loss of a table's models from window to window.
    pub(crate) by_window: Option<LossCourse>,
}

/// A picture with its name and its title.
#[derive(Debug)]
pub struct AdvicePicture<'a> {
    /// The name of a file with this picture, without its ending.
    pub name: &'static str,
    /// The title, which states the finding.
    pub title: &'a str,
    /// The picture.
    pub picture: Picture,
}

impl AdvicePicture<'_> {
    /// Returns `true` for a picture over time, which needs more room than one of shares.
    pub fn is_broad(&self) -> bool {
        !matches!(self.name, "how-often" | "how-much")
    }
}

impl AdvicePictures {
    /// Draws the pictures, in the order in which they are shown. Those of a pipeline are the quality over time, by
    /// log-loss and by AUC, and the shares.
    pub fn pictures(&self) -> Vec<AdvicePicture<'_>> {
        let Self { log_loss, auc, how_often, how_much, over_time, by_window } = self;
        let named = |name, title, picture| AdvicePicture { name, title, picture };
        let quality = [("log-loss", log_loss), ("auc", auc)].into_iter();
        let quality = quality.filter_map(|(name, plot)| {
            let plot = plot.as_ref()?;
            Some(named(name, plot.title.as_str(), plot.draw()))
        });
        let shares = [("how-often", how_often), ("how-much", how_much)].into_iter();
        let shares = shares.filter_map(|(name, plot)| {
            let plot = plot.as_ref()?;
            Some(named(name, plot.title.as_str(), plot.draw()))
        });
        let of_table = [
            over_time.as_ref().map(|plot| named("over-time", plot.title.as_str(), plot.draw())),
            by_window.as_ref().map(|plot| named("by-window", plot.title.as_str(), plot.draw())),
        ];
        let of_table = of_table.into_iter().flatten().filter(|_| log_loss.is_none());
        quality.chain(shares).chain(of_table).collect()
    }

    /// Draws the pictures of a pipeline's first screen: the quality over time by this score, how often, and how much.
    /// Returns `None` for a table.
    pub fn first_screen(&self, measure: Measure) -> Option<[Picture; 3]> {
        let (how_often, how_much) = self.how_often.as_ref().zip(self.how_much.as_ref())?;
        Some([self.quality(measure)?.draw(), how_often.draw(), how_much.draw()])
    }

    /// Returns the names of the lines of the quality over time, by this score.
    pub fn lines(&self, measure: Measure) -> Vec<String> {
        let quality = self.quality(measure).into_iter();
        quality.flat_map(|quality| &quality.lines).map(|line| line.name.clone()).collect()
    }

    /// Returns `true` if the quality over time can also be shown by AUC.
    pub fn has_auc(&self) -> bool {
        self.auc.is_some()
    }

    /// Returns the quality by this score. Without the AUC of any window, the score is the log-loss.
    fn quality(&self, measure: Measure) -> Option<&Quality> {
        self.auc.as_ref().filter(|_| measure == Measure::Auc).or(self.log_loss.as_ref())
    }

    /// Collects the data of the pictures. Returns `None` if there is nothing to show yet.
    pub fn of(advice: &Advice) -> Option<Self> {
        let [title_how_often, title_how_much, title_over_time] = titles(advice);
        let title_of_quality = title_over_time.clone();
        let policy = subject(advice);
        // A single point compares nothing.
        let least = if advice.subject.origin == Origin::Pipeline { 0 } else { 2 };
        let is_enough = |shares: &Shares| shares.points.len() >= least;
        let how_often = policy.map(|policy| how_often(advice, policy, title_how_often)).filter(is_enough);
        let how_much = policy.map(|_| how_much(advice, title_how_much)).filter(is_enough);
        let over_time = savings(advice, title_over_time).filter(|plot| plot.lines.len() >= least.min(1));
        let over_time = over_time.or_else(|| gain_over_time(advice));
        let is_pipeline = advice.subject.origin == Origin::Pipeline;
        let log_loss = Quality::of_log_loss(advice, title_of_quality).filter(|_| is_pipeline);
        let auc = Quality::of_auc(advice).filter(|_| is_pipeline);
        let pictures = Self { log_loss, auc, how_often, how_much, over_time, by_window: LossCourse::of(advice) };
        let Self { how_often, how_much, over_time, by_window, .. } = &pictures;
        let is_empty = how_often.is_none() && how_much.is_none() && over_time.is_none() && by_window.is_none();
        (!is_empty).then_some(pictures)
    }
}

/// Returns the shares by refit period, on the history of a policy.
fn how_often(advice: &Advice, policy: Policy, title: String) -> Shares {
    let unit = advice.subject.window_unit;
    let planned = advice.comparison.planned.iter().flat_map(|found| found.same.iter().chain([&found.policy]));
    let mut periods: Vec<Refit> = planned.filter(|one| one.history == policy.history).map(|one| one.refit).collect();
    // `Never` comes after the periods.
    periods.sort_unstable();
    periods.dedup();
    // A policy that is named is in the picture of its title.
    let is_alarm = matches!(policy.refit, Refit::PsiAlarm | Refit::LossAlarm | Refit::WhenItPays);
    periods.extend(is_alarm.then_some(policy.refit));
    let point = |refit: Refit| {
        let label = match refit {
            Refit::Every(every) => every.to_string(),
            Refit::PsiAlarm | Refit::LossAlarm => "alarm".to_owned(),
            Refit::WhenItPays => "pays".to_owned(),
            _ => "never".to_owned(),
        };
        point(advice, Policy { history: policy.history, refit }, label)
    };
    let points = periods.into_iter().filter_map(point).collect();
    let across = format!("{} between refits, each on {}", unit.many(), history_phrase(policy.history, unit));
    Shares { title, across, points, keep: advice.basis.keep }
}

/// Returns the shares by history, refitted as often as the fits allow.
fn how_much(advice: &Advice, title: String) -> Shares {
    let unit = advice.subject.window_unit;
    let mut histories: Vec<&PolicyFinding> = advice.comparison.most_frequent().collect();
    histories.sort_by_key(|found| found.policy.length().unwrap_or(u32::MAX));
    let point = |found: &PolicyFinding| {
        let label = found.policy.length().map_or_else(|| "all".to_owned(), |length| length.to_string());
        point(advice, found.policy, label)
    };
    let points = histories.into_iter().filter_map(point).collect();
    let across = format!("{} of history, refitting {}", unit.many(), advice.comparison.shortest_period().name(unit));
    Shares { title, across, points, keep: advice.basis.keep }
}

/// Returns what the named policy saved, compared with never refitting and with refitting on all history.
fn savings(advice: &Advice, title: String) -> Option<CumulativePlot> {
    let unit = advice.subject.window_unit;
    let course = advice.over_time.course.as_ref()?;
    let lines = course.saved.iter().map(|saved| Line {
        name: match saved.beside.refit {
            Refit::Never => "compared with never refitting".to_owned(),
            refit => format!("compared with refitting {} on all history", refit.name(unit)),
        },
        sums: saved.sums.clone(),
    });
    let (windows, dates, marks) = (course.windows.clone(), advice.subject.dates.clone(), marks(advice));
    Some(CumulativePlot { title, unit: SAVINGS_UNIT.to_owned(), windows, dates, lines: lines.collect(), marks })
}

/// Returns what a table's models saved, compared with predicting the average rate. Returns `None` with fewer than two
/// windows.
fn gain_over_time(advice: &Advice) -> Option<CumulativePlot> {
    let losses = Some(&advice.over_time.losses).filter(|losses| losses.len() > 1)?;
    let steps = losses.iter().map(|at| (at.share_log_loss - at.log_loss) * at.rows as f64);
    let sums = steps.scan(0.0, |sum, step| {
        *sum += step;
        Some(*sum)
    });
    let line = Line { name: format!("compared with {BASELINE}"), sums: sums.collect() };
    Some(CumulativePlot {
        title: average_rate_title(advice),
        unit: SAVINGS_UNIT.to_owned(),
        dates: advice.subject.dates.clone(),
        windows: losses.iter().map(|at| at.window).collect(),
        lines: vec![line],
        marks: marks(advice),
    })
}

fn marks(advice: &Advice) -> Vec<(u32, String)> {
    advice.over_time.world_change.iter().map(|change| (change.window, change.label.clone())).collect()
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
