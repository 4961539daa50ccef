//! The advice in the types of the API.

use windrow_evaluation::{self as evaluation, Policy, Refit};

use crate::operations::advice::interval::Interval95;
use crate::operations::advice::quality::{QualityOverTime, quality};
use crate::operations::mirror::{Mirror, mirror};

mirror! {
    /// The advice on how often to refit, and on how much history
    struct Advice of found: evaluation::Advice {
        /// The newest window that the advice takes into account
        as_of_window: u32 = found.subject.windows,
        /// The certainty of the recommendation
        status: AdviceStatus = Mirror::of(&found.recommendation.status),
        /// The action after the newest window; `windrow advise --exit-code` has the same answer
        action: AdviceAction = Mirror::of(&found.recommendation.action),
        /// The reason for the action, in one line
        reason: String = found.recommendation.reason.clone(),
        /// The question that the models answer, as in `tip_share at least 0.25?`
        question: String = found.subject.question.clone(),
        /// The kind of window, as in `windows of 14 days` or `weeks`
        unit: String = found.subject.unit.clone(),
        /// The recommendation in sentences, the answer first
        sentences: Vec<String> = found.recommendation.sentences.clone(),
        /// The share of the best policy's gain that is good enough
        keep: f64 = found.basis.keep,
        /// The label delay, in windows
        label_delay: u32 = found.basis.label_delay,
        /// The window after which there can be advice; left out if there can be advice now
        first_advice: Option<u32> = found.basis.first_advice,
        /// The recommended policy; left out with too few windows, or if no model is shown to gain anything
        named: Option<NamedPolicy> = Mirror::of(&found.recommendation.named),
        /// The windows on which policies are judged
        judged: Option<JudgedWindows> = Mirror::of(&found.basis.judged),
        /// The policies that refit on a schedule or never, by rising log-loss
        policies: Vec<RetrainingPolicy> = Mirror::of(&found.comparison.planned),
        /// Other policies: recalibration, refits on alarm, and refits as advised
        further: Vec<RetrainingPolicy> = Mirror::of(&found.comparison.further),
        /// The policy with which wrong answers are compared, as in `last 4 windows, every 2nd`: the recommended one or,
        /// without one, the best; left out if no policy was judged
        wrong_answers_than: Option<String> = found.comparison.reference.map(|policy| policy.to_string()),
        /// The log-loss, the share of positives and the rows by window; left out if no policy was judged
        quality: Option<QualityOverTime> = quality(found),
        /// The AUC by window of the recommended policy, of fit once, and of all history; no verdict depends on it
        auc: Vec<PolicyAuc> = Mirror::of(&found.over_time.auc),
        /// The cheapest schedule that is good enough; left out if a schedule is recommended, or nothing is
        schedule: Option<RecommendedSchedule> = Mirror::of(&found.comparison.schedule),
        /// The facts about the recommended policy, if it never refits; left out otherwise
        fit_once: Option<FitOnce> = Mirror::of(&found.comparison.fit_once),
        /// The loss of models by their age
        ages: Vec<ModelAge> = Mirror::of(&found.over_time.ages),
        /// The log-loss saved by refitting twice as often
        steps: Vec<MoreFrequentRefits> = Mirror::of(&found.comparison.steps),
        /// The break in the data; left out if no break was found
        world_change: Option<WorldChange> = Mirror::of(&found.over_time.world_change),
        /// The costs of the pipeline file's `advise.cost`, which decide which policy is recommended
        cost: Option<PolicyCosts> = Mirror::of(&found.comparison.cost),
        /// The changes of the recommended policy, oldest first
        changes: Vec<NamedPolicyChange> = Mirror::of(&found.recommendation.changes),
        /// The share that following the advice kept so far; left out if there is no window to follow it on
        followed: Option<FollowedAdvice> = Mirror::of(&found.recommendation.followed),
        /// The window or the model with the largest influence on the advice; left out if none decides the
        /// recommendation or moves a share much
        influence: Option<AdviceInfluence> = Mirror::of(&found.comparison.influence),
    }

    /// The share that following the advice kept, on the windows since the first advice
    struct FollowedAdvice of found: evaluation::Followed {
        /// The first window judged
        since_window: u32 = found.since,
        /// The number of windows judged
        windows: u32,
        /// The share of the best policy's gain on these windows or, if costs decide, of the largest saving
        keeps: Option<f64> = found.kept.share,
        /// The 95% interval of that share
        keeps_interval: Option<Interval95> = Mirror::of(&found.kept.interval),
        /// The lower bound on that share: one-sided, 95%
        keeps_at_least: Option<f64> = found.kept.at_least,
        /// `true` if the share is one of the saving in costs
        by_cost: bool,
        /// The verdict on following the advice; the status is `clear` only if it is `good_enough`
        verdict: PolicyVerdict,
        /// The number of times that the recommended policy has changed
        changes: u32,
    }

    /// The window or the model with the largest influence on the advice; nothing is removed because of it
    struct AdviceInfluence of found: evaluation::Influence {
        /// The window that is left out or, of a model, the newest window that it learned from
        window: u32,
        /// The name of that window, as in `window 28 (week of 2013-07-08)`
        label: String,
        /// The model that is replaced by the mean of the other phases, as in `sliding4-20`; left out if the window is
        /// left out
        model: Option<String>,
        /// The largest log-loss per row of this model in a window
        log_loss: Option<f64>,
        /// `true` if another policy would be recommended, or none
        changes_name: bool,
        /// The policy that would be recommended, as in `last 4 windows, every 2nd`
        named_without: Option<String> = found.named_without.map(|policy| policy.to_string()),
        /// The policy whose share moves: the recommended one if the recommendation changes
        policy: String = found.policy.to_string(),
        /// The share that this policy keeps; left out if there is no gain
        keeps: Option<f64> = found.share,
        /// The share that it would keep; left out if there would be no gain
        keeps_without: Option<f64> = found.share_without,
    }

    /// The policy that the advice recommends
    struct NamedPolicy of named: evaluation::NamedPolicy {
        /// The windows that a fit learns from: `window`, `sliding4` or `cumulative`
        history: String = named.policy.history.to_string(),
        /// The time of the refits, as in `every 2nd`, `never`, `recalibrate` or `on PSI alarm`
        refit: String = named.policy.refit.to_string(),
        /// The refit period, in windows; left out if fits do not follow a schedule
        every: Option<u32> = every(named.policy),
        /// `true` if the policy is not shown good enough
        provisional: bool,
        /// `true` if the policy is also shown to keep enough compared with every other policy one after the other, and
        /// not only with the observed best
        against_each: bool,
        /// The window after which the policy was first recommended
        since_window: u32 = named.since,
    }

    /// A schedule, next to a recommended policy of another kind
    struct RecommendedSchedule of schedule: evaluation::ScheduleFinding {
        /// The windows that a fit learns from: `window`, `sliding4` or `cumulative`
        history: String = schedule.policy.history.to_string(),
        /// The refit period, in windows
        every: u32 = every(schedule.policy).unwrap_or(1),
        /// `true` if the schedule is not shown good enough; it is then the best one so far
        provisional: bool,
    }

    /// The facts about a policy that never refits
    struct FitOnce of once: evaluation::FitOnce {
        /// The newest window of the first model
        model_window: u32 = once.model,
        /// The name of that window, as in `window 14 (week of 2013-04-01)`
        label: String,
        /// The alarms that did not ring and are worth watching, as in `on PSI alarm`
        watch: Vec<String> = once.watch.iter().map(ToString::to_string).collect(),
    }

    /// A window in which an alarm rang, or after which a refit paid
    struct AlarmWindow of alarm: evaluation::AlarmWindow {
        /// The number of the window
        window: u32,
        /// The name of the window, as in `window 14 (week of 2013-04-01)`
        label: String,
    }

    /// The windows on which policies are judged
    struct JudgedWindows of judged: evaluation::JudgedWindows {
        /// The first window judged
        first: u32,
        /// The last window judged
        last: u32,
        /// The number of windows judged; windows without a labelled row are left out
        windows: u32,
        /// The number of labelled rows in these windows
        rows: u64,
        /// The share of the rows from the first to the last window that have no label
        unlabelled_share: f64,
        /// The log-loss per row of always predicting the share of positives so far
        share_log_loss: f64,
        /// The log-loss per row of the best policy
        best_log_loss: f64,
        /// The gain per row: `share_log_loss` less `best_log_loss`
        gain: f64,
        /// The 95% interval of the gain; left out with too few windows
        gain_interval: Option<Interval95>,
    }

    /// The finding on one policy
    struct RetrainingPolicy of found: evaluation::PolicyFinding {
        /// The windows that a fit learns from: `window`, `sliding4` or `cumulative`
        history: String = found.policy.history.to_string(),
        /// The time of the refits, as in `every 2nd`, `never`, `recalibrate` or `on PSI alarm`
        refit: String = found.policy.refit.to_string(),
        /// The refit period, in windows; left out if fits do not follow a schedule
        every: Option<u32> = every(found.policy),
        /// The share of the best policy's gain that the policy keeps
        keeps: Option<f64> = found.kept.share,
        /// The 95% interval of that share
        keeps_interval: Option<Interval95> = Mirror::of(&found.kept.interval),
        /// The lower bound on that share: one-sided, 95%, simultaneous over all policies
        keeps_at_least: Option<f64> = found.kept.at_least,
        /// The false alarms and misses per 1,000 rows, at the threshold
        wrong_answers: f64 = found.wrong_answers.per_1000,
        /// The wrong answers per 1,000 rows less those of the policy in `wrong_answers_than`: fewer is better
        more_wrong_answers: Option<f64> = found.wrong_answers.more,
        /// The 95% interval of that difference; left out with too few windows or refits
        more_wrong_answers_interval: Option<Interval95> = Mirror::of(&found.wrong_answers.interval),
        /// The p-value in the model confidence set
        confidence_set_p: Option<f64> = found.compared.confidence_set_p,
        /// The mean of -log p(truth), natural logarithm
        log_loss: f64 = found.errors.log_loss,
        /// The log-loss per row less that of the best policy
        difference: f64 = found.compared.difference,
        /// The 95% interval of that difference
        difference_interval: Option<Interval95> = Mirror::of(&found.compared.interval),
        /// The mean of (p - truth)^2
        brier: f64 = found.errors.brier,
        /// False alarms per row, at the threshold
        false_alarms: f64 = found.errors.false_alarms,
        /// Misses per row, at the threshold
        misses: f64 = found.errors.misses,
        /// The number of fits per window
        fits_per_window: f64 = found.effort.fits_per_window,
        /// The number of fits per year; left out if windows have no times
        fits_per_year: Option<f64> = found.effort.fits_per_year,
        /// The verdict: `good_enough`, `worse` (not as good as the best, and not shown good enough), `cannot_tell`,
        /// `too_few` or `reference`
        verdict: PolicyVerdict,
        /// The cost per window, in the unit of the pipeline file's `advise.cost`
        cost: Option<f64> = found.effort.cost,
        /// The log-loss per row in the eight windows after a break, less that of refitting every window on a short
        /// history
        lost_at_break: Option<f64> = found.compared.lost_at_break,
        /// The first window on which the policy was judged, if it differs from that of the other policies
        since_window: Option<u32> = found.since,
        /// The windows in which the alarm of the policy rang, in the run that starts with the newest model. If the
        /// policy refits when it pays, these are the windows after which it refitted
        rang: Vec<AlarmWindow> = Mirror::of(&found.rang),
    }

    /// The AUC of a policy by window
    struct PolicyAuc of found: evaluation::PolicyAuc {
        /// The windows that a fit learns from: `window`, `sliding4` or `cumulative`
        history: String = found.policy.history.to_string(),
        /// The time of the refits, as in `every 2nd` or `never`
        refit: String = found.policy.refit.to_string(),
        /// The windows judged, in ascending order
        windows: Vec<AucAtWindow>,
    }

    /// The AUC of the models in use in one window
    struct AucAtWindow of at: evaluation::AucAtWindow {
        /// The number of the window
        window: u32,
        /// The name of the window, as in `window 28 (week of 2013-07-08)`
        label: String,
        /// The area under the ROC curve, as a mean over start windows; left out if all rows have the same class
        auc: Option<f64>,
    }

    /// The loss of models of one age compared with that of new models
    struct ModelAge of found: evaluation::AgeFinding {
        /// The age in windows; the newest model that the label delay allows has age 1
        age: u32,
        /// The log-loss per row less that of models of age 1
        difference: f64,
        /// The 95% interval of that difference
        interval: Option<Interval95>,
    }

    /// The saving of refitting twice as often
    struct MoreFrequentRefits of step: evaluation::RefitSaving {
        /// The refit period, in windows
        from: u32,
        /// The refit period after halving, in windows
        to: u32,
        /// The log-loss, summed over rows, that each further fit saves
        saved: f64,
        /// The 95% interval of that saving
        interval: Option<Interval95>,
    }

    /// The costs of errors and fits, and the cheapest policy
    struct PolicyCosts of unit: evaluation::CostUnit {
        /// The cost of one false alarm
        false_alarm: f64,
        /// The cost of one miss
        miss: f64,
        /// The cost of one fit
        refit: f64,
        /// The policy with the lowest observed cost, as in `last 4 windows, every 2nd`
        cheapest: String = unit.cheapest.to_string(),
        /// The cost per window of the cheapest policy
        per_window: f64,
        /// The cost per window of the recommended policy less that of the cheapest
        difference: f64,
        /// The 95% interval of that difference
        interval: Option<Interval95>,
        /// The cost per window of always predicting the class that was commoner so far
        commoner_class: f64,
        /// `true` if the cheapest policy is shown to cost less than that
        is_saving_shown: bool,
        /// The share of this saving that the recommended policy keeps
        keeps: Option<f64> = unit.kept.share,
        /// The lower bound on that share: one-sided, 95%, simultaneous over all policies
        keeps_at_least: Option<f64> = unit.kept.at_least,
        /// The probability from which the models label a row positive
        threshold: f64,
        /// The threshold of these costs: false_alarm / (false_alarm + miss); left out if both are 0
        best_threshold: Option<f64>,
    }

    /// A change of the recommended policy
    struct NamedPolicyChange of change: evaluation::NamedPolicyChange {
        /// The window after which the policy was recommended
        window: u32,
        /// The name of that window, as in `window 28 (week of 2013-07-08)`
        label: String,
        /// The windows that a fit learns from: `window`, `sliding4` or `cumulative`
        history: String = change.policy.history.to_string(),
        /// The time of the refits, as in `every 2nd`, `never`, `recalibrate` or `on PSI alarm`
        refit: String = change.policy.refit.to_string(),
        /// The refit period, in windows; left out if fits do not follow a schedule
        every: Option<u32> = every(change.policy),
    }

    /// The best policy after a break, if no other break follows
    struct BehindTheBreak of calm: evaluation::PolicyAfterBreak {
        /// The first window judged
        first: u32,
        /// The number of windows judged
        windows: u32,
        /// The windows that a fit learns from: `window`, `sliding4` or `cumulative`
        history: String = calm.policy.history.to_string(),
        /// The refit period, in windows
        every: u32 = every(calm.policy).unwrap_or(1),
        /// `true` if the policy is not shown good enough
        provisional: bool,
        /// The share of the best policy's gain on these windows
        keeps: Option<f64> = calm.kept.share,
        /// The 95% interval of that share; it does not allow for the break having been found in the same data
        keeps_interval: Option<Interval95> = Mirror::of(&calm.kept.interval),
    }

    /// A break in the data
    struct WorldChange of found: evaluation::BreakFinding {
        /// The window in which the data changed
        window: u32,
        /// The name of that window, as in `window 29 (14 days from 2019-01-31)`
        label: String,
        /// The rise in the loss of all history compared with a short history, in nats per row
        jump: f64,
        /// The best policy after the break; left out with too few windows
        calm: Option<BehindTheBreak>,
    }
}

mirror! {
    /// The certainty of the recommendation
    enum AdviceStatus of evaluation::Status {
        /// A policy is shown good enough, also compared with every other policy one after the other, and so is following
        /// the advice. Or it is shown that there is nothing to schedule
        Clear,
        /// A recommended policy is provisional, or it is shown good enough only compared with the observed best, or
        /// following the advice is not shown good enough
        Partly,
        /// Too few windows have been judged
        TooFew,
    }

    /// The action after the newest window
    enum AdviceAction of evaluation::Action {
        /// The policy in office holds, or the data do not show whether it does
        Hold,
        /// Another policy is shown good enough and should take office
        Change,
        /// An alarm rings: the models should be refitted now
        RefitNow,
    }

    /// The verdict on a policy
    enum PolicyVerdict of evaluation::PolicyVerdict {
        /// The policy is shown to keep enough of the best policy's gain
        GoodEnough,
        /// The policy is not shown good enough, and it is shown to be worse than the best
        Worse,
        /// The data show neither that the policy is good enough nor that it is worse
        CannotTell,
        /// There are too few windows or refits to judge the policy
        TooFew,
        /// A reference that may not be recommended: a policy without refits that does not meet its conditions
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
