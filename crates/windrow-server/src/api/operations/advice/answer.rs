//! The advice as the API answers it.

use poem_openapi::{Enum, Object};

use windrow_evaluation::{Interval as FoundInterval, Refit};

/// How often to retrain, and on how much history
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Advice {
    /// The newest window that it knows
    as_of_window: u32,
    /// How much can be told
    status: Status,
    /// What the models predict
    question: String,
    /// What a window is
    unit: String,
    /// The answer, and what it rests on
    sentences: Vec<String>,
    /// The share of the best policy's gain that is good enough
    keep: f64,
    /// How many windows labels come late
    label_delay: u32,
    /// After which window there can be advice, where it is too early
    first_advice: Option<u32>,
    /// The policy that is named
    named: Option<Named>,
    /// The windows on which policies are judged
    judged: Option<Judged>,
    /// Planned policies, the one of the lowest log-loss first
    policies: Vec<Policy>,
    /// Recalibration, refits on alarm, and following this advice
    further: Vec<Policy>,
    /// How a model loses with age
    ages: Vec<Age>,
    /// What refitting twice as often saves
    steps: Vec<Step>,
    /// Where the world changed
    world_change: Option<WorldChange>,
    /// Which policy costs least, in the unit of the pipeline file's `advise.cost`
    cost: Option<CostUnit>,
    /// Every change of the named policy, the oldest first
    changes: Vec<NamedChange>,
}

/// How much can be told
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case", rename = "AdviceStatus")]
pub(crate) enum Status {
    /// A policy is shown good enough, or nothing is there to schedule
    Clear,
    /// A policy is named, and none is shown good enough
    Partly,
    /// Too few windows have been judged
    TooFew,
}

/// The policy that is named
#[derive(Debug, Object)]
#[oai(rename = "NamedPolicy")]
pub(crate) struct Named {
    /// Which windows a fit learns from: `window`, `sliding4`, `cumulative`
    history: String,
    /// Windows between two fits
    every: u32,
    /// Whether it is the lowest observed, and none is shown good enough
    provisional: bool,
    /// Since which window it is named
    since_window: u32,
}

/// The windows on which policies are judged
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "JudgedWindows")]
pub(crate) struct Judged {
    first: u32,
    last: u32,
    windows: u32,
    /// Their labelled rows
    rows: u64,
    /// The share of their rows without a label
    unlabelled_share: f64,
    /// Log-loss of always saying the share of positives so far
    share_log_loss: f64,
    /// Log-loss of the best policy
    best_log_loss: f64,
    /// Their difference
    gain: f64,
    gain_interval: Option<Interval>,
}

/// An interval of 95%
#[derive(Debug, Object)]
#[oai(rename = "Interval95")]
pub(crate) struct Interval {
    low: f64,
    high: f64,
}

/// What is known of a policy
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "RetrainingPolicy")]
pub(crate) struct Policy {
    /// Which windows a fit learns from: `window`, `sliding4`, `cumulative`
    history: String,
    /// When it is fitted again, as in `every 2nd`, `never`, `recalibrate`, `on PSI alarm`
    refit: String,
    /// Windows between two fits, where that is planned
    every: Option<u32>,
    /// Its share of the best policy's gain
    keeps: Option<f64>,
    keeps_interval: Option<Interval>,
    /// The lower end of the simultaneous bound on that share
    keeps_at_least: Option<f64>,
    /// Its p-value in the model confidence set
    confidence_set_p: Option<f64>,
    log_loss: f64,
    /// Its log-loss less the best's
    difference: f64,
    difference_interval: Option<Interval>,
    brier: f64,
    /// False alarms at the threshold, a row
    false_alarms: f64,
    /// Misses at the threshold, a row
    misses: f64,
    /// Fits a window
    fits_per_window: f64,
    /// Fits a year, where windows have times
    fits_per_year: Option<f64>,
    /// `good_enough`, `worse`, `cannot_tell`, `too_few` or `reference`
    verdict: PolicyVerdict,
    /// Cost a window in the unit of the pipeline file's `advise.cost`
    cost: Option<f64>,
    /// What it lost a row in the eight windows behind a break, beside refitting every window on a short history
    lost_at_break: Option<f64>,
    /// Since which window it is judged, where that is not the first
    since_window: Option<u32>,
}

/// What can be told of a policy
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum PolicyVerdict {
    /// It is shown to keep enough of the best policy's gain
    GoodEnough,
    /// Not that, and it is shown to be worse than the best
    Worse,
    /// Neither
    CannotTell,
    /// Too few windows or refits
    TooFew,
    /// A line to compare with
    Reference,
}

/// What a model of some age loses
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "ModelAge")]
pub(crate) struct Age {
    /// Windows since its newest row
    age: u32,
    /// Its log-loss less that of a model of age 1
    difference: f64,
    interval: Option<Interval>,
}

/// What refitting twice as often saves
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "MoreFrequentRefits")]
pub(crate) struct Step {
    /// Windows between two fits
    from: u32,
    /// Windows between two fits when it is done more often
    to: u32,
    /// Log-loss saved, summed over rows, by each further fit
    saved: f64,
    interval: Option<Interval>,
}

/// Which policy costs least
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "PolicyCosts")]
pub(crate) struct CostUnit {
    /// What one false alarm costs
    false_alarm: f64,
    /// What one miss costs
    miss: f64,
    /// What one fit costs
    refit: f64,
    /// The policy of the lowest observed cost, as in `last 4 windows, every 2nd`
    cheapest: String,
    /// Its cost a window
    per_window: f64,
    /// The named policy's cost a window less that
    difference: f64,
    interval: Option<Interval>,
}

/// Another policy was named
#[derive(Debug, Object)]
#[oai(rename = "NamedPolicyChange")]
pub(crate) struct NamedChange {
    /// Behind this window
    window: u32,
    /// As in `window 28 (week of 2013-07-08)`
    label: String,
    /// Which windows a fit learns from, from then on
    history: String,
    /// Windows between two fits
    every: u32,
}

/// What is best behind a break, if no other comes
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "BehindTheBreak")]
pub(crate) struct Calm {
    /// The first window judged
    first: u32,
    /// How many windows
    windows: u32,
    /// Which windows a fit learns from
    history: String,
    /// Windows between two fits
    every: u32,
    /// Whether none is shown good enough
    provisional: bool,
    /// Its share of the best one's gain there
    keeps: Option<f64>,
    /// Of windows behind a break that was found in the same data
    keeps_interval: Option<Interval>,
}

/// Where the world changed
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct WorldChange {
    window: u32,
    /// As in `window 29 (14 days from 2019-01-31)`
    label: String,
    /// By how much all of history came to lose more than a short one, nats a row
    jump: f64,
    /// What is best behind it; left out with too few windows
    calm: Option<Calm>,
}

impl Advice {
    pub(crate) fn of(found: &windrow_evaluation::Advice) -> Self {
        Self {
            as_of_window: found.subject.windows,
            status: match found.status {
                windrow_evaluation::Status::Clear => Status::Clear,
                windrow_evaluation::Status::Partly => Status::Partly,
                windrow_evaluation::Status::TooFew => Status::TooFew,
            },
            question: found.subject.question.clone(),
            unit: found.subject.unit.clone(),
            sentences: found.sentences.clone(),
            keep: found.keep,
            label_delay: found.label_delay,
            first_advice: found.first_advice,
            named: found.named.as_ref().map(|named| Named {
                history: named.policy.history.to_string(),
                every: every(named.policy.refit).unwrap_or(1),
                provisional: named.provisional,
                since_window: named.since,
            }),
            judged: found.judged.as_ref().map(|judged| Judged {
                first: judged.first,
                last: judged.last,
                windows: judged.windows,
                rows: judged.rows,
                unlabelled_share: judged.unlabelled_share,
                share_log_loss: judged.share_log_loss,
                best_log_loss: judged.best_log_loss,
                gain: judged.gain,
                gain_interval: judged.gain_interval.map(Interval::of),
            }),
            policies: found.policies.iter().map(Policy::of).collect(),
            further: found.further.iter().map(Policy::of).collect(),
            ages: found
                .ages
                .iter()
                .map(|age| Age { age: age.age, difference: age.difference, interval: age.interval.map(Interval::of) })
                .collect(),
            steps: found.steps.iter().map(Step::of).collect(),
            world_change: found.world_change.as_ref().map(|change| WorldChange {
                window: change.window,
                label: change.label.clone(),
                jump: change.jump,
                calm: change.calm.as_ref().map(Calm::of),
            }),
            cost: found.cost.as_ref().map(CostUnit::of),
            changes: found.changes.iter().map(NamedChange::of).collect(),
        }
    }
}

impl Policy {
    fn of(found: &windrow_evaluation::PolicyFinding) -> Self {
        Self {
            history: found.policy.history.to_string(),
            refit: found.policy.refit.to_string(),
            every: every(found.policy.refit),
            keeps: found.keeps,
            keeps_interval: found.keeps_interval.map(Interval::of),
            keeps_at_least: found.keeps_at_least,
            confidence_set_p: found.confidence_set_p,
            log_loss: found.log_loss,
            difference: found.difference,
            difference_interval: found.difference_interval.map(Interval::of),
            brier: found.brier,
            false_alarms: found.false_alarms,
            misses: found.misses,
            fits_per_window: found.fits_per_window,
            fits_per_year: found.fits_per_year,
            verdict: match found.verdict {
                windrow_evaluation::Verdict::GoodEnough => PolicyVerdict::GoodEnough,
                windrow_evaluation::Verdict::Worse => PolicyVerdict::Worse,
                windrow_evaluation::Verdict::CannotTell => PolicyVerdict::CannotTell,
                windrow_evaluation::Verdict::TooFew => PolicyVerdict::TooFew,
                windrow_evaluation::Verdict::Reference => PolicyVerdict::Reference,
            },
            cost: found.cost,
            lost_at_break: found.lost_at_break,
            since_window: found.since,
        }
    }
}

impl Step {
    fn of(found: &windrow_evaluation::Step) -> Self {
        Self { from: found.from, to: found.to, saved: found.saved, interval: found.interval.map(Interval::of) }
    }
}

impl CostUnit {
    fn of(found: &windrow_evaluation::CostUnit) -> Self {
        Self {
            false_alarm: found.false_alarm,
            miss: found.miss,
            refit: found.refit,
            cheapest: found.cheapest.to_string(),
            per_window: found.per_window,
            difference: found.difference,
            interval: found.interval.map(Interval::of),
        }
    }
}

impl NamedChange {
    fn of(found: &windrow_evaluation::NamedChange) -> Self {
        Self {
            window: found.window,
            label: found.label.clone(),
            history: found.policy.history.to_string(),
            every: every(found.policy.refit).unwrap_or(1),
        }
    }
}

impl Calm {
    fn of(found: &windrow_evaluation::Calm) -> Self {
        Self {
            first: found.first,
            windows: found.windows,
            history: found.policy.history.to_string(),
            every: every(found.policy.refit).unwrap_or(1),
            provisional: found.provisional,
            keeps: found.keeps,
            keeps_interval: found.keeps_interval.map(Interval::of),
        }
    }
}

impl Interval {
    fn of(found: FoundInterval) -> Self {
        Self { low: found.low, high: found.high }
    }
}

fn every(refit: Refit) -> Option<u32> {
    match refit {
        Refit::Every(every) => Some(every),
        _ => None,
    }
}
