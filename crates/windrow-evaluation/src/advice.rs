//! The advice as it is stored (`advice.json`) and told: findings as data, and the sentences made of them.

use serde::{Deserialize, Serialize};

use crate::contrast::Interval;
use crate::policy::{Policy, Refit};
use crate::policy_finding::{KeptGain, PolicyFinding, Verdict};

/// The version of the file's form. A reader refuses another one.
pub const ADVICE_FORMAT: u32 = 2;

/// How often to retrain, and on how much history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The version of the form: [`ADVICE_FORMAT`].
    pub format: u32,
    /// What the advice is about.
    pub subject: Subject,
    /// The windows and settings that it rests on.
    pub basis: Basis,
    /// What it says.
    pub recommendation: Recommendation,
    /// How the policies compare.
    pub comparison: PolicyComparison,
    /// What happens from window to window.
    pub over_time: OverTime,
}

/// The windows and settings that advice rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The share of the best policy's gain that is good enough.
    pub keep: f64,
    /// How many windows labels come late.
    pub label_delay: u32,
    /// The windows judged; `None` if there are none.
    pub judged: Option<Judged>,
    /// The window after which there can be advice, if it is too early now.
    pub first_advice: Option<u32>,
}

/// What the advice says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// How much can be told.
    pub status: Status,
    /// The sentences that say it, the answer first.
    pub sentences: Vec<String>,
    /// The policy that is named; `None` if it is too early, or no model gains anything.
    pub named: Option<Named>,
    /// Every change of the named policy, oldest first.
    pub changes: Vec<NamedChange>,
}

/// How the policies compare, in losses and in costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyComparison {
    /// Planned policies by rising log-loss; those of the same losses merged.
    pub planned: Vec<PolicyFinding>,
    /// Policies that are not planned ahead: recalibration, alarms, following the advice.
    pub further: Vec<PolicyFinding>,
    /// What each further fit saves.
    pub steps: Vec<Step>,
    /// The unit of [`Effort::cost`], and which policy costs least.
    pub cost: Option<CostUnit>,
}

/// What happens from window to window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OverTime {
    /// How a model loses with age.
    pub ages: Vec<AgeFinding>,
    /// Where the world changed.
    pub world_change: Option<BreakFinding>,
    /// What the named policy, else the best one, saved from window to window.
    pub course: Option<Course>,
}

/// What the advice is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The pipeline's name.
    pub pipeline: String,
    /// What the models predict, as in `tip_share at least 0.25?`.
    pub question: String,
    /// Windows there are.
    pub windows: u32,
    /// What a window is, as in `windows of 14 days` or `weeks`.
    pub unit: String,
    /// When the first and the last one are, as in `Jan 2018 to Dec 2020`.
    pub span: Option<String>,
    /// How long a window is, for policies of several windows.
    pub days: Option<f64>,
    /// What more there is to say of the evidence.
    pub note: Option<String>,
}

/// How much can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A policy is shown good enough, or it is shown that there is nothing to schedule.
    Clear,
    /// A policy is named, and none is shown good enough.
    Partly,
    /// Too few windows have been judged.
    TooFew,
}

impl Advice {
    /// The policy that is named.
    pub fn named(&self) -> Option<Policy> {
        self.recommendation.named.as_ref().map(|named| named.policy)
    }

    /// Whether a finding is about the named policy.
    pub fn is_named(&self, found: &PolicyFinding) -> bool {
        self.named().is_some_and(|named| found.is_of(named))
    }

    /// The interval of the share that a policy keeps. The best one is what the others are compared with, and has none.
    pub fn interval_shown(&self, found: &PolicyFinding) -> Option<Interval> {
        found.kept.interval.filter(|_| !self.comparison.is_best(found))
    }
}

impl PolicyComparison {
    /// The planned policy that all others are compared with; `None` if none was judged.
    pub fn best(&self) -> Option<&PolicyFinding> {
        let planned = || self.planned.iter().filter(|found| found.verdict != Verdict::Reference);
        planned().find(|found| found.verdict != Verdict::TooFew).or_else(|| planned().next())
    }

    /// Whether a finding is the best one.
    pub fn is_best(&self, found: &PolicyFinding) -> bool {
        self.best() == Some(found)
    }

    /// The finding of a planned policy, or of one with the same losses.
    pub fn finding(&self, policy: Policy) -> Option<&PolicyFinding> {
        self.planned.iter().find(|found| found.is_of(policy))
    }

    /// The planned policies that refit every window.
    pub(crate) fn every_window(&self) -> impl Iterator<Item = &PolicyFinding> {
        self.planned.iter().filter(|found| found.policy.refit == Refit::Every(1))
    }
}

impl Subject {
    /// The pipeline and its question.
    pub fn title(&self) -> String {
        format!("{}: {}", self.pipeline, self.question)
    }

    /// How many windows there are, and from when to when, as in `41 weeks, Jan 2013 to Dec 2013`.
    pub fn windows(&self) -> String {
        let span = self.span.as_ref().map_or_else(String::new, |span| format!(", {span}"));
        format!("{} {}{span}", self.windows, self.unit)
    }
}

/// The windows on which policies are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
    /// How many: those without a labelled row are left out.
    pub windows: u32,
    /// Their labelled rows.
    pub rows: u64,
    /// The share of their rows that has no label, and so is not judged.
    pub unlabelled_share: f64,
    /// The log-loss a row of always saying the share of positives so far.
    pub share_log_loss: f64,
    /// The log-loss a row of the best policy.
    pub best_log_loss: f64,
    /// The difference of the two, with its 95% interval.
    pub gain: f64,
    /// That interval.
    pub gain_interval: Option<Interval>,
}

/// The policy that is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// The policy.
    pub policy: Policy,
    /// Whether none is shown good enough, and this is the lowest observed.
    pub provisional: bool,
    /// Since which window it is named.
    pub since: u32,
}

/// Another policy was named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedChange {
    /// Behind this window.
    pub window: u32,
    /// When that was, as in `window 28 (week of 2013-07-08)`.
    pub label: String,
    /// What was named from then on.
    pub policy: Policy,
}

/// How a model of some age does beside a new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgeFinding {
    /// Windows since its newest row.
    pub age: u32,
    /// Its log-loss a row less that of a model of age 1, on the same windows.
    pub difference: f64,
    /// The 95% interval.
    pub interval: Option<Interval>,
}

/// What refitting twice as often saves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Windows between refits.
    pub from: u32,
    /// Windows between refits when it is done more often.
    pub to: u32,
    /// Log-loss saved, summed over rows, by each further fit.
    pub saved: f64,
    /// The 95% interval.
    pub interval: Option<Interval>,
}

/// Where the world changed, and what that means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakFinding {
    /// The window in which it did.
    pub window: u32,
    /// When that was, as in `window 29 (4 Feb 2019)`.
    pub label: String,
    /// By how much all of history came to lose more than a short one, nats a row.
    pub jump: f64,
    /// That in usual deviations.
    pub deviations: f64,
    /// What is best behind it, if no other comes; `None` with too few windows. Its intervals are of windows behind a break
    /// that was found in the same data.
    pub calm: Option<Calm>,
}

/// What is best behind a break.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calm {
    /// The first window judged: there even the longest history judged lies behind the break.
    pub first: u32,
    /// How many windows.
    pub windows: u32,
    /// The policy that would be named.
    pub policy: Policy,
    /// Whether none is shown good enough.
    pub provisional: bool,
    /// Its share of the best one's gain there.
    pub kept: KeptGain,
}

/// What a policy saved beside others, summed from window to window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The policy.
    pub policy: Policy,
    /// The windows judged.
    pub windows: Vec<u32>,
    /// What it saved beside each of these.
    pub saved: Vec<Saved>,
}

/// What a policy saved beside another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The other one.
    pub beside: Policy,
    /// Behind each window: log-loss of all rows so far, the other's less its own.
    pub sums: Vec<f64>,
}

/// What errors and fits cost, and which policy costs least.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostUnit {
    /// One false alarm.
    pub false_alarm: f64,
    /// One miss.
    pub miss: f64,
    /// One fit.
    pub refit: f64,
    /// The policy of the lowest observed cost.
    pub cheapest: Policy,
    /// Its cost a window.
    pub per_window: f64,
    /// The named policy's cost a window less that.
    pub difference: f64,
    /// The 95% interval of that difference.
    pub interval: Option<Interval>,
}
