//! Computes the advice from the losses.
//!
//! `settings`: what is asked. `windows_needed`: when there can be advice. `findings`: what is found on each policy and
//! over time. `after_break`: what is found on the windows after a break.

mod after_break;
mod findings;
mod settings;
mod windows_needed;

use self::findings::Findings;
pub use self::settings::AdviceSettings;
use self::windows_needed::first_advice_after;
pub(crate) use self::windows_needed::first_judged;
pub use self::windows_needed::{first_advice, is_enough_for_advice};
use crate::action::next_action;
use crate::advice::{
    ADVICE_FORMAT, Action, Advice, Basis, ChangesOverTime, NamedPolicyChange, PolicyComparison, Recommendation, Status,
};
use crate::alarm::Alarms;
use crate::candidates::trial_of_all_kinds;
use crate::evidence::Evidence;
use crate::follow::PolicyAtWindow;
use crate::in_service::advised_fits;
use crate::policy::{Policy, Refit};
use crate::policy_finding::PolicyVerdict;
use crate::ranking::Ranking;
use crate::sentences::sentences;
use crate::trial::{MIN_WINDOWS, judged_histories};

/// Computes the advice from all losses.
///
/// The named policy is that of the last window in [`AdviceSettings::named_policies`], if there is one.
pub fn advise(evidence: &Evidence, question: &AdviceSettings<'_>) -> Advice {
    let last = evidence.last();
    let compared = judged_histories(last, question.histories, question.delay);
    let trial = trial_of_all_kinds(evidence, last, &compared, question.delay, question.observed);
    let is_short = trial.len() < MIN_WINDOWS;
    let first_advice = is_short.then(|| first_advice_after(evidence, &trial, question));
    let (status, changes) = (Status::TooFew, changes(question));
    let (keep, label_delay) = (question.keep, question.delay);
    let label_delay_text = question.delay_text.map(str::to_owned);
    let mut advice = Advice {
        format: ADVICE_FORMAT,
        subject: question.subject.clone(),
        basis: Basis { keep, label_delay, label_delay_text, judged: None, first_advice },
        recommendation: Recommendation {
            status,
            action: Action::Hold,
            reason: String::new(),
            sentences: Vec::new(),
            named: None,
            changes,
            followed: None,
        },
        comparison: PolicyComparison::default(),
        over_time: ChangesOverTime::default(),
    };
    if let Some(mut ranking) = Ranking::new(&trial, question.keep) {
        ranking.find_confidence_set(&trial);
        Findings { evidence, question, trial: &trial, ranking: &ranking }.fill(&mut advice);
    }
    advice.recommendation.sentences = sentences(&advice, question.label);
    let alarms = alarms(&advice, evidence, question);
    let (action, reason) = next_action(&advice, last, question.named_policies, alarms, question.label);
    (advice.recommendation.action, advice.recommendation.reason) = (action, reason);
    advice
}

/// Returns the alarms that ask for a refit of the model in service after the newest window whose labels are known. They
/// do not if the schedule in office fits after this window anyway, if recalibration is in office, or if refitting on this
/// alarm is worse than the best schedule.
fn alarms(advice: &Advice, evidence: &Evidence, question: &AdviceSettings<'_>) -> Alarms {
    let known = evidence.last().saturating_sub(question.delay);
    let data = question.observed.alarm_data(evidence, question.delay);
    let in_office = question.named_policies.iter().rfind(|named| named.window <= known && named.takes_office);
    let advised = advised_fits(question.named_policies, known, data);
    match in_office.map(|named| named.policy.refit) {
        // Recalibration renews the model after each window, whatever its fit loses.
        Some(Refit::Recalibrated) => return Alarms::default(),
        // Costs decide, and not an alarm.
        Some(Refit::WhenItPays) => {
            let pays = advised.fits.last().is_some_and(|fit| fit.window == known);
            return Alarms { pays, ..Alarms::default() };
        }
        _ => {}
    }
    if advised.first.is_none() {
        return Alarms::default();
    }
    // Without a fit, the policy in office keeps the model that was in service before.
    let (history, model) = advised.start(known, evidence);
    if let Some(fit) = advised.fits.last().filter(|fit| fit.window == known) {
        // A schedule fits after this window anyway. A policy on alarm fits because its alarm has rung.
        let rings = |refit: Refit| fit.policy.refit == refit;
        return Alarms { drift: rings(Refit::PsiAlarm), loss: rings(Refit::LossAlarm), pays: rings(Refit::WhenItPays) };
    }
    let is_useful = |refit: Refit| {
        // If a policy never refits, only the alarms count that the advice says to watch.
        if advice.comparison.fit_once.as_ref().is_some_and(|once| !once.watch.contains(&refit)) {
            return false;
        }
        let found = advice.comparison.further.iter().find(|found| found.policy == Policy { history, refit });
        found.is_none_or(|found| found.verdict != PolicyVerdict::Worse && !found.kept.is_negative())
    };
    let rings = Alarms::of(evidence, history, model, known, data.has_drifted);
    let (drift, loss) = (rings.drift && is_useful(Refit::PsiAlarm), rings.loss && is_useful(Refit::LossAlarm));
    Alarms { drift, loss, pays: false }
}

fn changes(question: &AdviceSettings<'_>) -> Vec<NamedPolicyChange> {
    let runs = question.named_policies.chunk_by(|named, next| named.policy == next.policy);
    let changes = runs.filter_map(|run| {
        let PolicyAtWindow { window, policy, .. } = *run.first()?;
        Some(NamedPolicyChange { window, label: (question.label)(window), policy })
    });
    changes.collect()
}
