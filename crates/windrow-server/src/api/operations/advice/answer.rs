//! The advice in the types of the API.

use windrow_evaluation::{self as evaluation, Policy, Refit};

use crate::api::operations::mirror::{Mirror, mirror};

mirror! {
    /// How often to retrain, and on how much history
    struct Advice of found: evaluation::Advice {
        /// The newest window that it knows
        as_of_window: u32 = found.subject.windows,
        /// How much can be told
        status: AdviceStatus = Mirror::of(&found.recommendation.status),
        /// What the models predict
        question: String = found.subject.question.clone(),
        /// What a window is
        unit: String = found.subject.unit.clone(),
        /// The answer, and what it rests on
        sentences: Vec<String> = found.recommendation.sentences.clone(),
        /// The share of the best policy's gain that is good enough
        keep: f64 = found.basis.keep,
        /// How many windows labels come late
        label_delay: u32 = found.basis.label_delay,
        /// After which window there can be advice, where it is too early
        first_advice: Option<u32> = found.basis.first_advice,
        /// The policy that is named
        named: Option<NamedPolicy> = Mirror::of(&found.recommendation.named),
        /// The windows on which policies are judged
        judged: Option<JudgedWindows> = Mirror::of(&found.basis.judged),
        /// Planned policies, the one of the lowest log-loss first
        policies: Vec<RetrainingPolicy> = Mirror::of(&found.comparison.planned),
        /// Recalibration, refits on alarm, and following this advice
        further: Vec<RetrainingPolicy> = Mirror::of(&found.comparison.further),
        /// How a model loses with age
        ages: Vec<ModelAge> = Mirror::of(&found.over_time.ages),
        /// What refitting twice as often saves
        steps: Vec<MoreFrequentRefits> = Mirror::of(&found.comparison.steps),
        /// Where the world changed
        world_change: Option<WorldChange> = Mirror::of(&found.over_time.world_change),
        /// Which policy costs least, in the unit of the pipeline file's `advise.cost`
        cost: Option<PolicyCosts> = Mirror::of(&found.comparison.cost),
        /// Every change of the named policy, the oldest first
        changes: Vec<NamedPolicyChange> = Mirror::of(&found.recommendation.changes),
    }

    /// The policy that is named
    struct NamedPolicy of named: evaluation::Named {
        /// Which windows a fit learns from: `window`, `sliding4`, `cumulative`
        history: String = named.policy.history.to_string(),
        /// Windows between two fits
        every: u32 = every(named.policy).unwrap_or(1),
        /// Whether it is the lowest observed, and none is shown good enough
        provisional: bool,
        /// Since which window it is named
        since_window: u32 = named.since,
    }

    /// The windows on which policies are judged
    struct JudgedWindows of judged: evaluation::Judged {
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
        gain_interval: Option<Interval95>,
    }

    /// An interval of 95%
    struct Interval95 of interval: evaluation::Interval {
        low: f64,
        high: f64,
    }

    /// What is known of a policy
    struct RetrainingPolicy of found: evaluation::PolicyFinding {
        /// Which windows a fit learns from: `window`, `sliding4`, `cumulative`
        history: String = found.policy.history.to_string(),
        /// When it is fitted again, as in `every 2nd`, `never`, `recalibrate`, `on PSI alarm`
        refit: String = found.policy.refit.to_string(),
        /// Windows between two fits, where that is planned
        every: Option<u32> = every(found.policy),
        /// Its share of the best policy's gain
        keeps: Option<f64> = found.kept.share,
        keeps_interval: Option<Interval95> = Mirror::of(&found.kept.interval),
        /// The lower end of the simultaneous bound on that share
        keeps_at_least: Option<f64> = found.kept.at_least,
        /// Its p-value in the model confidence set
        confidence_set_p: Option<f64> = found.compared.confidence_set_p,
        log_loss: f64 = found.errors.log_loss,
        /// Its log-loss less the best's
        difference: f64 = found.compared.difference,
        difference_interval: Option<Interval95> = Mirror::of(&found.compared.interval),
        brier: f64 = found.errors.brier,
        /// False alarms at the threshold, a row
        false_alarms: f64 = found.errors.false_alarms,
        /// Misses at the threshold, a row
        misses: f64 = found.errors.misses,
        /// Fits a window
        fits_per_window: f64 = found.effort.fits_per_window,
        /// Fits a year, where windows have times
        fits_per_year: Option<f64> = found.effort.fits_per_year,
        /// `good_enough`, `worse`, `cannot_tell`, `too_few` or `reference`
        verdict: PolicyVerdict,
        /// Cost a window in the unit of the pipeline file's `advise.cost`
        cost: Option<f64> = found.effort.cost,
        /// What it lost a row in the eight windows behind a break, beside refitting every window on a short history
        lost_at_break: Option<f64> = found.compared.lost_at_break,
        /// Since which window it is judged, where that is not the first
        since_window: Option<u32> = found.since,
    }

    /// What a model of some age loses
    struct ModelAge of found: evaluation::AgeFinding {
        /// Windows since its newest row
        age: u32,
        /// Its log-loss less that of a model of age 1
        difference: f64,
        interval: Option<Interval95>,
    }

    /// What refitting twice as often saves
    struct MoreFrequentRefits of step: evaluation::Step {
        /// Windows between two fits
        from: u32,
        /// Windows between two fits when it is done more often
        to: u32,
        /// Log-loss saved, summed over rows, by each further fit
        saved: f64,
        interval: Option<Interval95>,
    }

    /// Which policy costs least
    struct PolicyCosts of unit: evaluation::CostUnit {
        /// What one false alarm costs
        false_alarm: f64,
        /// What one miss costs
        miss: f64,
        /// What one fit costs
        refit: f64,
        /// The policy of the lowest observed cost, as in `last 4 windows, every 2nd`
        cheapest: String = unit.cheapest.to_string(),
        /// Its cost a window
        per_window: f64,
        /// The named policy's cost a window less that
        difference: f64,
        interval: Option<Interval95>,
    }

    /// Another policy was named
    struct NamedPolicyChange of change: evaluation::NamedChange {
        /// Behind this window
        window: u32,
        /// As in `window 28 (week of 2013-07-08)`
        label: String,
        /// Which windows a fit learns from, from then on
        history: String = change.policy.history.to_string(),
        /// Windows between two fits
        every: u32 = every(change.policy).unwrap_or(1),
    }

    /// What is best behind a break, if no other comes
    struct BehindTheBreak of calm: evaluation::Calm {
        /// The first window judged
        first: u32,
        /// How many windows
        windows: u32,
        /// Which windows a fit learns from
        history: String = calm.policy.history.to_string(),
        /// Windows between two fits
        every: u32 = every(calm.policy).unwrap_or(1),
        /// Whether none is shown good enough
        provisional: bool,
        /// Its share of the best one's gain there
        keeps: Option<f64> = calm.kept.share,
        /// Of windows behind a break that was found in the same data
        keeps_interval: Option<Interval95> = Mirror::of(&calm.kept.interval),
    }

    /// Where the world changed
    struct WorldChange of found: evaluation::BreakFinding {
        window: u32,
        /// As in `window 29 (14 days from 2019-01-31)`
        label: String,
        /// By how much all of history came to lose more than a short one, nats a row
        jump: f64,
        /// What is best behind it; left out with too few windows
        calm: Option<BehindTheBreak>,
    }
}

mirror! {
    /// How much can be told
    enum AdviceStatus of evaluation::Status {
        /// A policy is shown good enough, or nothing is there to schedule
        Clear,
        /// A policy is named, and none is shown good enough
        Partly,
        /// Too few windows have been judged
        TooFew,
    }

    /// What can be told of a policy
    enum PolicyVerdict of evaluation::Verdict {
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
}

/// Returns the number of windows between two fits of a planned policy.
fn every(policy: Policy) -> Option<u32> {
    match policy.refit {
        Refit::Every(every) => Some(every),
        _ => None,
    }
}
