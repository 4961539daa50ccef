//! The advice as it is stored (`advice.json`): findings as data, and the sentences made of them.

use serde::{Deserialize, Serialize};

use crate::auc_by_window::PolicyAuc;
use crate::contrast::Interval;
use crate::fit_once::FitOnce;
use crate::loss_by_window::LossAtWindow;
use crate::policy::{Policy, Refit};
use crate::policy_finding::{KeptGain, PolicyFinding, PolicyVerdict};
use crate::quality::QualityOverTime;
use crate::steadiness::{Followed, Influence};
use crate::window_dates::WindowDates;
use crate::window_unit::WindowUnit;
use windrow_record::display::counted_units;

/// The format version of the file. A reader refuses any other version.
pub const ADVICE_FORMAT: u32 = 6;

/// The advice: how often to retrain, and on how much history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The format version of the file: [`ADVICE_FORMAT`].
    pub format: u32,
    /// The pipeline and the windows that the advice is about.
    pub subject: Subject,
    /// The windows and settings on which the advice is based.
    pub basis: Basis,
    /// The recommended policy, in data and in words.
    pub recommendation: Recommendation,
    /// The comparison of the policies.
    pub comparison: PolicyComparison,
    /// The changes from window to window.
    pub over_time: ChangesOverTime,
}

/// The windows and settings on which the advice is based.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The share of the best policy's gain that is good enough.
    pub keep: f64,
    /// The label delay, in windows.
    pub label_delay: u32,
    /// The label delay in words, as in `30 days`. `None` if it was given as a number of windows.
    #[serde(default)]
    pub label_delay_text: Option<String>,
    /// The windows judged; `None` if there are none.
    pub judged: Option<JudgedWindows>,
    /// The window after which there can be advice; `None` if there can be advice now.
    pub first_advice: Option<u32>,
}

/// The recommended policy, in data and in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The certainty of the recommendation.
    pub status: Status,
    /// The action after the newest window.
    pub action: Action,
    /// The reason for the action, in one line.
    pub reason: String,
    /// The sentences of the recommendation, the answer first.
    pub sentences: Vec<String>,
    /// The named policy; `None` if there are too few windows, or no model is shown to gain anything.
    pub named: Option<NamedPolicy>,
    /// Every change of the named policy, oldest first.
    pub changes: Vec<NamedPolicyChange>,
    /// The share that following the advice kept so far; `None` if there is no window to follow it on.
    pub followed: Option<Followed>,
}

/// The comparison of the policies, in losses and in costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyComparison {
    /// The planned policies by rising log-loss. Policies with the same losses are merged.
    pub planned: Vec<PolicyFinding>,
    /// Policies that are not planned ahead: recalibration, alarms, following the advice.
    pub further: Vec<PolicyFinding>,
    /// The policy with which wrong answers are compared: the named one or, without one, the best. `None` if no policy
    /// was judged.
    pub reference: Option<Policy>,
    /// The cheapest schedule that is good enough, for those who can only schedule; `None` if a schedule is named, or
    /// nothing is.
    #[serde(default)]
    pub schedule: Option<ScheduleFinding>,
    /// The facts about the named policy, if it never refits.
    #[serde(default)]
    pub fit_once: Option<FitOnce>,
    /// The log-loss that each further fit saves.
    pub steps: Vec<RefitSaving>,
    /// The unit of [`Effort::cost`](crate::Effort::cost), and the cheapest policy.
    pub cost: Option<CostUnit>,
    /// The window or the model with the largest influence, if it decides the name or moves a share much.
    pub influence: Option<Influence>,
}

/// The changes from window to window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangesOverTime {
    /// The loss of a model by its age.
    pub ages: Vec<AgeFinding>,
    /// The break in the data, if one was found.
    pub world_change: Option<BreakFinding>,
    /// The savings of the named policy, or else of the best one, from window to window.
    pub course: Option<SavingsOverTime>,
    /// The quality of the predictions by window: of the named policy, or else of the best one, and of those it is
    /// compared with. `None` if no policy was judged.
    pub quality: Option<QualityOverTime>,
    /// The AUC by window of the named policy, of fit once, and of all history. Without verdict.
    pub auc: Vec<PolicyAuc>,
    /// The loss by window of the named policy (or else of the best one) of a table, or of the models that served. Empty
    /// for a pipeline.
    pub losses: Vec<LossAtWindow>,
}

/// The origin of the losses that the advice is based on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The models of a pipeline.
    #[default]
    Pipeline,
    /// A table of predictions or losses of models.
    Table,
    /// A log: one prediction per row, by the model that served at the time.
    Log,
}

/// The pipeline or the table, and the windows that the advice is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The origin of the losses.
    pub origin: Origin,
    /// The name of the pipeline, or of the table.
    pub pipeline: String,
    /// The question that the models answer, as in `tip_share at least 0.25?`.
    pub question: String,
    /// The number of windows.
    pub windows: u32,
    /// The kind of window, as in `windows of 14 days` or `weeks`.
    pub unit: String,
    /// The unit of time that each window spans.
    #[serde(default)]
    pub window_unit: WindowUnit,
    /// The period from the first to the last window, as in `Jan 2018 to Dec 2020`.
    pub span: Option<String>,
    /// The length of a window in days; `None` if windows have no times.
    pub days: Option<f64>,
    /// The dates of the windows; empty if windows have no times.
    pub dates: WindowDates,
    /// A further sentence on the data, if one is needed.
    pub note: Option<String>,
    /// The facts on a table, and what was judged with it, in sentences. Empty for a pipeline.
    pub facts: Vec<String>,
}

/// The certainty of a recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A policy is shown good enough, also [compared with every other](NamedPolicy::against_each), and so is
    /// [following the advice](Followed). Or it is shown that there is nothing to schedule.
    Clear,
    /// The data show neither. A policy that is named is provisional, or it is shown good enough only compared with the
    /// observed best, or following the advice is not shown good enough.
    Partly,
    /// Too few windows have been judged.
    TooFew,
}

/// The action after the newest window.
///
/// The policy in office is the one that was shown good enough last, before the newest window. The action follows from
/// the losses of the windows only, so it does not depend on earlier questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The policy in office holds, or the data do not show whether it does.
    Hold,
    /// After the newest window, another policy is named and shown good enough: it should take office. An alarm at the
    /// same window changes nothing, because a policy that takes office begins with a fit.
    Change,
    /// An alarm rings after the newest window: the models should be refitted now.
    RefitNow,
}

impl Advice {
    /// Returns the named policy.
    pub fn named(&self) -> Option<Policy> {
        self.recommendation.named.as_ref().map(|named| named.policy)
    }

    /// Returns `true` if a finding is about the named policy.
    pub fn is_named(&self, found: &PolicyFinding) -> bool {
        self.named().is_some_and(|named| found.is_of(named))
    }

    /// Returns the interval of the share that a policy keeps. The best policy has no interval, since the others are
    /// compared with it, and neither has one with the same losses.
    pub fn interval_shown(&self, found: &PolicyFinding) -> Option<Interval> {
        found.kept.interval.filter(|interval| !interval.is_point() && !self.comparison.is_best(found))
    }
}

impl PolicyComparison {
    /// Returns the schedule with which all policies are compared; `None` if no policy was judged.
    pub fn best(&self) -> Option<&PolicyFinding> {
        let planned = || self.planned.iter().filter(|found| found.policy.is_schedule());
        planned().find(|found| found.verdict != PolicyVerdict::TooFew).or_else(|| planned().next())
    }

    /// Returns `true` if a finding is that of the best policy.
    pub fn is_best(&self, found: &PolicyFinding) -> bool {
        self.best() == Some(found)
    }

    /// Returns the finding on a policy, or on one with the same losses.
    pub fn finding(&self, policy: Policy) -> Option<&PolicyFinding> {
        self.planned.iter().chain(&self.further).find(|found| found.is_of(policy))
    }

    /// Returns the finding on fit once with the history of another policy, unless that policy has the same losses.
    pub fn without_refits(&self, policy: Policy) -> Option<&PolicyFinding> {
        let once = self.finding(Policy { history: policy.history, refit: Refit::Never })?;
        Some(once).filter(|once| !once.is_of(policy))
    }

    /// Returns the shortest refit period: 1, unless a table only has fits of every 2nd, 4th, ... window.
    pub(crate) fn shortest_period(&self) -> Refit {
        let periods = self.planned.iter().filter_map(|found| match found.policy.refit {
            Refit::Every(every) => Some(every),
            _ => None,
        });
        Refit::Every(periods.min().unwrap_or(1))
    }

    /// Returns the findings on planned policies with the shortest refit period.
    pub(crate) fn most_frequent(&self) -> impl Iterator<Item = &PolicyFinding> {
        let shortest = self.shortest_period();
        self.planned.iter().filter(move |found| found.policy.refit == shortest)
    }

    /// Returns the findings on planned policies that refit every window.
    pub(crate) fn every_window(&self) -> impl Iterator<Item = &PolicyFinding> {
        self.planned.iter().filter(|found| found.policy.refit == Refit::Every(1))
    }
}

impl Subject {
    /// Returns the pipeline with its question.
    pub fn title(&self) -> String {
        format!("{}: {}", self.pipeline, self.question)
    }

    /// Returns the number and the period of the windows, as in `41 weeks, Jan 2013 to Dec 2013`.
    pub fn windows(&self) -> String {
        let span = self.span.as_ref().map_or_else(String::new, |span| format!(", {span}"));
        counted_units(u64::from(self.windows), &self.unit) + &span
    }
}

/// The windows on which policies are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedWindows {
    /// The first window judged.
    pub first: u32,
    /// The last window judged.
    pub last: u32,
    /// The number of windows judged. Windows without a labelled row are left out.
    pub windows: u32,
    /// The number of their labelled rows.
    pub rows: u64,
    /// The share of the rows from the first to the last window that have no label, and are not judged.
    pub unlabelled_share: f64,
    /// The log-loss per row of always predicting the share of positives so far.
    pub share_log_loss: f64,
    /// The log-loss per row of the best policy.
    pub best_log_loss: f64,
    /// The gain per row: `share_log_loss` less `best_log_loss`.
    pub gain: f64,
    /// The 95% interval of the gain; `None` with too few windows.
    pub gain_interval: Option<Interval>,
}

/// The policy that is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedPolicy {
    /// The policy that is named.
    pub policy: Policy,
    /// `true` if the policy is not shown good enough.
    pub provisional: bool,
    /// `true` if it also passes the stricter test: compared with every other schedule one after the other, and not only
    /// with the observed best, it is shown to keep the share.
    pub against_each: bool,
    /// The window after which it was first named.
    pub since: u32,
}

/// A schedule, next to a named policy of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleFinding {
    /// The schedule that is recommended.
    pub policy: Policy,
    /// `true` if the schedule is not shown good enough. It is then the best one so far.
    pub provisional: bool,
}

/// A change of the named policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedPolicyChange {
    /// The window after which the policy was named.
    pub window: u32,
    /// The name of that window, as in `window 28 (week of 2013-07-08)`.
    pub label: String,
    /// The policy named from then on.
    pub policy: Policy,
}

/// The loss of models of one age compared with that of new models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgeFinding {
    /// The age in windows. The newest model that the label delay allows has age 1.
    pub age: u32,
    /// The log-loss per row less that of models of age 1, on the same windows.
    pub difference: f64,
    /// The 95% interval of the difference.
    pub interval: Option<Interval>,
}

/// The saving of refitting twice as often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefitSaving {
    /// The refit period, in windows.
    pub from: u32,
    /// The refit period after halving, in windows.
    pub to: u32,
    /// The log-loss, summed over rows, that each further fit saves.
    pub saved: f64,
    /// The 95% interval of the saving.
    pub interval: Option<Interval>,
}

/// A break in the data, and its consequences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakFinding {
    /// The window in which the data changed.
    pub window: u32,
    /// The name of that window, as in `window 29 (4 Feb 2019)`.
    pub label: String,
    /// The rise in the loss of all history compared with a short history, in nats per row.
    pub jump: f64,
    /// The rise in usual deviations of such differences.
    pub deviations: f64,
    /// The best policy after the break, if no other break follows; `None` with too few windows. Its intervals do not
    /// allow for the break having been found in the same data.
    pub calm: Option<PolicyAfterBreak>,
}

/// The policy to name on the windows after a break only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyAfterBreak {
    /// The first window judged. Even the longest history judged starts no earlier than the break's window.
    pub first: u32,
    /// The number of windows judged.
    pub windows: u32,
    /// The policy that would be named.
    pub policy: Policy,
    /// `true` if the policy is not shown good enough.
    pub provisional: bool,
    /// The share of the best policy's gain on these windows.
    pub kept: KeptGain,
}

/// The log-loss that a policy saved compared with others, summed from window to window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavingsOverTime {
    /// The policy that saved the losses.
    pub policy: Policy,
    /// The windows judged, in ascending order.
    pub windows: Vec<u32>,
    /// The savings compared with each of the other policies.
    pub saved: Vec<Saving>,
}

/// The log-loss that a policy saved compared with another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saving {
    /// The policy compared with.
    pub beside: Policy,
    /// The cumulative savings after each window: the other policy's log-loss less its own, summed over rows.
    pub sums: Vec<f64>,
}

/// The costs of errors and fits, and the cheapest policy. If they are given, they decide which policy is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostUnit {
    /// The cost of one false alarm.
    pub false_alarm: f64,
    /// The cost of one miss.
    pub miss: f64,
    /// The cost of one fit.
    pub refit: f64,
    /// The policy with the lowest observed cost.
    pub cheapest: Policy,
    /// The cost per window of the cheapest policy.
    pub per_window: f64,
    /// The cost per window of the named policy less that of the cheapest.
    pub difference: f64,
    /// The 95% interval of that difference.
    pub interval: Option<Interval>,
    /// The cost per window of always predicting the class that was commoner so far.
    pub commoner_class: f64,
    /// `true` if it is shown that the cheapest policy saves something compared with that.
    pub is_saving_shown: bool,
    /// The share of this saving that the named policy keeps.
    pub kept: KeptGain,
    /// The probability from which the models label a row positive.
    pub threshold: f64,
    /// The threshold of these costs: false_alarm / (false_alarm + miss). `None` if both are 0.
    pub best_threshold: Option<f64>,
}
