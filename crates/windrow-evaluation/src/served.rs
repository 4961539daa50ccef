//! The findings on a log of predictions: one probability per row, by the model that served at the time.
//!
//! A log shows how good the models were that served, and in which windows their loss rose. It compares no policies: each
//! row has one probability, so a model's age and the time cannot be separated.

use std::collections::BTreeMap;

use crate::advice::{
    ADVICE_FORMAT, Action, Advice, Basis, ChangesOverTime, JudgedWindows, PolicyComparison, Recommendation, Status,
};
use crate::advise::AdviceSettings;
use crate::alarm::windows_of_rise;
use crate::contrast::{Contrast, Interval};
use crate::cost::mean_cost;
use crate::evidence::Evidence;
use crate::kept_share::BASELINE;
use crate::label_delay::condition;
use crate::loss_by_window::loss_by_window;
use crate::losses::ModelLosses;
use crate::policy::{Policy, Refit};
use crate::policy_finding::{ComparedLosses, Effort, Errors, KeptGain, PolicyFinding, PolicyVerdict};
use crate::trial::{MIN_WINDOWS, Series, Trial};
use crate::wrong_answers::WrongAnswers;
use windrow_record::Scheme;

/// The maximum number of windows that a sentence lists.
const MAX_LISTED: usize = 12;

/// The losses of the models that served.
#[derive(Debug, Clone, Default)]
pub struct ServedLog {
    /// The losses on each window that has rows.
    pub losses: BTreeMap<u32, ModelLosses>,
    /// The sums of the same models, recalibrated on the newest window with known labels: log-loss, squared error, false
    /// alarms and misses.
    pub recalibrated: BTreeMap<u32, [f64; 4]>,
    /// The windows in which a model served for the first time, one entry for each model.
    pub begins: Vec<u32>,
}

/// Returns windows for a sentence, as in `window 5, window 9 and window 14`. Of many, it has the number and the newest ones.
pub fn windows_in_words(windows: &[u32], label: &dyn Fn(u32) -> String) -> String {
    let newest = &windows[windows.len().saturating_sub(MAX_LISTED)..];
    let labels: Vec<String> = newest.iter().map(|window| label(*window)).collect();
    let listed = match labels.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    };
    if newest.len() < windows.len() {
        return format!("{} windows, of which the newest are {listed}", windows.len());
    }
    listed
}

/// Computes the findings on a log. `evidence` has the counts of the windows. No policy is named.
pub fn advise_served(evidence: &Evidence, log: &ServedLog, question: &AdviceSettings<'_>) -> Advice {
    let last = evidence.last();
    // The average rate is that of earlier windows, so the first one cannot be judged.
    let first_labelled = (1..=last).find(|window| evidence.rows(*window) > 0.0).unwrap_or(last);
    let trial = Trial::over(evidence, first_labelled + 1 + question.delay, last, &[], question.delay, 1);
    let missing = MIN_WINDOWS.saturating_sub(trial.len());
    let first_advice = (missing > 0).then(|| last.saturating_add(u32::try_from(missing).unwrap_or(u32::MAX)));
    let rises = rises(evidence, log);
    let mut advice = Advice {
        format: ADVICE_FORMAT,
        subject: question.subject.clone(),
        basis: Basis {
            keep: question.keep,
            label_delay: question.delay,
            label_delay_text: question.delay_text.map(str::to_owned),
            judged: None,
            first_advice,
        },
        recommendation: Recommendation {
            status: Status::TooFew,
            action: Action::Hold,
            reason: "A log of predictions compares no schedules, so none is in office.".to_owned(),
            sentences: Vec::new(),
            named: None,
            changes: Vec::new(),
            followed: None,
        },
        comparison: PolicyComparison::default(),
        over_time: ChangesOverTime::default(),
    };
    if rises.last() == Some(&last) {
        advice.recommendation.action = Action::RefitNow;
        advice.recommendation.reason = format!("Refit now: the loss alarm rings after {}.", (question.label)(last));
    }
    let served = trial.recalibrated(Scheme::Cumulative, |window| log.losses.get(&window).map(sums));
    let mut sentences = Vec::new();
    if let Some(served) = served.filter(|_| !trial.windows.is_empty()) {
        let served = Series { policy: Policy { refit: Refit::Served, ..served.policy }, ..served };
        let recalibrated = trial.recalibrated(Scheme::Cumulative, |window| log.recalibrated.get(&window).copied());
        let judged = ServedFindings { evidence, question, trial: &trial, served: &served };
        judged.fill(&mut advice, log, recalibrated.as_ref(), &mut sentences);
        advice.over_time.losses = loss_by_window(&trial, &served, &rises, question.label);
    } else {
        sentences.push("No window can be judged: the average rate needs labels of an earlier window.".to_owned());
    }
    if !rises.is_empty() {
        sentences.push(format!("The loss rose in {}.", windows_in_words(&rises, question.label)));
    }
    sentences.extend(question.subject.note.clone());
    sentences.push(condition(&advice.basis, advice.subject.window_unit));
    advice.recommendation.sentences = sentences;
    advice
}

/// Returns the windows in which the loss of the models that served rose.
fn rises(evidence: &Evidence, log: &ServedLog) -> Vec<u32> {
    windows_of_rise(log.losses.iter().map(|(window, losses)| {
        let blocks = evidence.block_rows(*window).into_iter().zip(losses.log_loss).filter(|(rows, _)| *rows > 0);
        (*window, blocks.map(|(rows, loss)| loss / rows as f64).collect())
    }))
}

fn sums(losses: &ModelLosses) -> [f64; 4] {
    let count = |blocks: &[u64]| blocks.iter().sum::<u64>() as f64;
    let (log_loss, squared_error) = (losses.log_loss.iter().sum::<f64>(), losses.squared_error.iter().sum::<f64>());
    [log_loss, squared_error, count(&losses.false_alarms), count(&losses.misses)]
}

struct ServedFindings<'a> {
    evidence: &'a Evidence,
    question: &'a AdviceSettings<'a>,
    trial: &'a Trial,
    served: &'a Series,
}

impl ServedFindings<'_> {
    fn fill(&self, advice: &mut Advice, log: &ServedLog, recalibrated: Option<&Series>, sentences: &mut Vec<String>) {
        let Self { trial, evidence, served, .. } = self;
        let is_short = trial.len() < MIN_WINDOWS;
        let gain = difference(&trial.share_loss, &served.log_loss, &trial.rows);
        let interval = (!is_short).then(|| gain.interval());
        advice.basis.judged = Some(JudgedWindows::new(trial, evidence, served, gain));
        advice.comparison.planned = vec![self.finding(served, gain, is_short, log)];
        advice.comparison.further = recalibrated.iter().map(|one| self.finding(one, gain, is_short, log)).collect();
        let Some(Interval { low, high }) = interval else {
            let judged = trial.len();
            sentences
                .push(format!("Too few windows: the log can be judged on {judged}, and {MIN_WINDOWS} are needed."));
            return;
        };
        let is_decided = low > 0.0 || high <= 0.0;
        advice.recommendation.status = if is_decided { Status::Clear } else { Status::Partly };
        let by = format!("by {:.4} log-loss per row ({low:.4} to {high:.4})", gain.mean);
        sentences.push(match (low > 0.0, high <= 0.0) {
            (true, _) => format!("The models that served improve on {BASELINE} so far: {by}."),
            (_, true) => format!("The models that served are not better than {BASELINE} so far."),
            _ => format!("The data do not show that the models that served are better than {BASELINE} so far."),
        });
        if !is_decided {
            sentences.push(format!("With 95% confidence, the improvement is at most {high:.4} log-loss per row."));
        }
        if let Some(recalibrated) = recalibrated {
            let saved = difference(&served.log_loss, &recalibrated.log_loss, &trial.rows);
            let Interval { low, high } = saved.interval();
            let each = self.question.subject.window_unit.one();
            let by = format!("by {:.4} log-loss per row", saved.mean.abs());
            sentences.push(match (low > 0.0, high < 0.0) {
                (true, _) => format!("Recalibrated each {each}, they would have done better: {by}."),
                (_, true) => format!("Recalibrated each {each}, they would have done worse: {by}."),
                _ => format!("The data do not show that they would do better if they were recalibrated each {each}."),
            });
        }
    }

    fn finding(&self, series: &Series, gain: Contrast, is_short: bool, log: &ServedLog) -> PolicyFinding {
        let Self { trial, served, question, .. } = self;
        let rows: f64 = trial.rows.iter().sum();
        let mean = |sums: &[f64]| sums.iter().sum::<f64>() / rows;
        let to_served = difference(&series.log_loss, &served.log_loss, &trial.rows);
        let has_gain = !is_short && gain.interval().low > 0.0;
        let share = (gain.mean > 0.0).then(|| 1.0 - to_served.mean / gain.mean);
        let is_served = series.policy.refit == Refit::Served;
        // An interval of what served, compared with itself, says nothing.
        let to_served_interval = (!is_short && !is_served).then(|| to_served.interval());
        let of_share = |Interval { low, high }| Interval { low: 1.0 - high / gain.mean, high: 1.0 - low / gain.mean };
        let interval = to_served_interval.filter(|_| has_gain).map(of_share);
        let verdict = match (is_short, is_served) {
            (true, _) => PolicyVerdict::TooFew,
            // The models that served are the reference of the others.
            (false, true) => PolicyVerdict::Reference,
            (false, false) => PolicyVerdict::CannotTell,
        };
        let begins = log.begins.iter().filter(|window| trial.windows.first().is_some_and(|first| *window > first));
        let refits = if is_served { begins.count() as f64 } else { 0.0 };
        let fits_per_window = refits / trial.windows.len().max(1) as f64;
        PolicyFinding {
            policy: series.policy,
            same: Vec::new(),
            since: None,
            verdict,
            errors: Errors {
                log_loss: mean(&series.log_loss),
                brier: mean(&series.squared_error),
                false_alarms: mean(&series.false_alarms),
                misses: mean(&series.misses),
            },
            kept: KeptGain { share, interval, at_least: None },
            wrong_answers: WrongAnswers::of(trial, series, false, Some(served)),
            compared: ComparedLosses {
                difference: to_served.mean,
                interval: to_served_interval,
                confidence_set_p: None,
                lost_at_break: None,
            },
            effort: Effort {
                fits_per_window,
                fits_per_year: question.subject.days.map(|days| fits_per_window * 365.25 / days),
                refits,
                cost: question.observed.cost.map(|costs| mean_cost(series, costs)),
            },
            rang: Vec::new(),
        }
    }
}

/// Returns the mean difference per row of two sums by window.
fn difference(one: &[f64], other: &[f64], rows: &[f64]) -> Contrast {
    Contrast::new(&one.iter().zip(other).map(|(one, other)| one - other).collect::<Vec<f64>>(), rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_listed() {
        let words = |windows: &[u32]| windows_in_words(windows, &|window| format!("window {window}"));
        assert_eq!(words(&[7]), "window 7");
        assert_eq!(words(&[5, 9, 14]), "window 5, window 9 and window 14");
        let many = words(&(1..=20).collect::<Vec<u32>>());
        assert!(many.starts_with("20 windows, of which the newest are window 9, window 10"), "{many}");
        assert!(many.ends_with("window 19 and window 20"), "{many}");
    }
}
