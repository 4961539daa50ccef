//! The sentences on the conditions of the advice: what one window or one model decides, and how steady the advice was.
//! Each has at most 25 words and two figures; figures in brackets do not count.

use crate::advice::{Advice, Status};
use crate::policy::{Policy, Refit, history_name};
use crate::steadiness::Influence;
use crate::window_unit::WindowUnit;
use windrow_record::display::percent;

/// Returns the sentence on the window or the model with the largest influence on the advice, if there is one.
pub(super) fn influence(advice: &Advice) -> Option<String> {
    let found = advice.comparison.influence.as_ref()?;
    Some(sentence(found, advice.subject.window_unit))
}

/// Returns the sentences on following the advice, and why the evidence is not clear, if following is the reason.
pub(super) fn steadiness(advice: &Advice) -> Vec<String> {
    let followed = advice.recommendation.followed.as_ref();
    let mut sentences: Vec<String> =
        followed.map(|followed| format!("Following the advice {}.", followed.in_words())).into_iter().collect();
    let is_shown = advice.recommendation.named.as_ref().is_some_and(|named| named.against_each);
    if is_shown && advice.recommendation.status == Status::Partly {
        let reason = match followed {
            Some(_) => {
                "The data do not show that following the advice is good enough, so the evidence is only partly clear."
            }
            None if advice.comparison.planned.len() < 2 => {
                "No other policy was compared, so the evidence is only partly clear."
            }
            None => "The advice has not been followed on any window yet, so the evidence is only partly clear.",
        };
        sentences.push(reason.to_owned());
    }
    sentences
}

fn sentence(found: &Influence, unit: WindowUnit) -> String {
    let label = &found.label;
    let named = found.named_without.map_or_else(|| "nothing to schedule".to_owned(), |policy| short(policy, unit));
    let (policy, kept, now) = (short(found.policy, unit), share(found.share_without), share(found.share));
    let model = found.log_loss.map(|lost| {
        let lost = if lost < 9.95 { format!("{lost:.1}") } else { format!("{lost:.0}") };
        format!("A model of {label} lost {lost} nats per row; without it,")
    });
    match (model, found.changes_name) {
        (Some(model), true) => format!("{model} the advice differs ({named})."),
        (Some(model), false) => format!("{model} one share changes ({policy}: {kept})."),
        (None, true) => {
            format!("One window decides this: without {label}, the advice would be another one ({named}).")
        }
        (None, false) => format!("Without {label}, one policy would keep {kept} ({policy}; now {now})."),
    }
}

/// Returns a policy in few words, as in `last 4 weeks, every 2nd` or `all, every week`.
pub(crate) fn short(policy: Policy, unit: WindowUnit) -> String {
    let refit = if policy.refit == Refit::Every(1) { policy.refit.name(unit) } else { policy.refit.to_string() };
    format!("{}, {refit}", history_name(policy.history, unit))
}

fn share(share: Option<f64>) -> String {
    match share {
        Some(share) if share >= 0.0 => percent(share, 0),
        _ => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::sliding;
    use windrow_record::{ModelId, Scheme, WindowIndex};

    /// Returns the influence of a window that moves the share of a policy.
    fn window() -> Influence {
        Influence {
            window: 28,
            label: "window 28 (14 days from 2019-01-24)".to_owned(),
            model: None,
            log_loss: None,
            changes_name: false,
            named_without: None,
            policy: Policy { history: Scheme::Cumulative, refit: Refit::Every(2) },
            share: Some(0.784),
            share_without: Some(0.98),
        }
    }

    #[test]
    fn each_sentence_has_the_date_and_the_reason() {
        let model = ModelId::new(WindowIndex::new(28).expect("not 0"), Scheme::Window);
        let model = Influence { model: Some(model), log_loss: Some(45.2), ..window() };
        let other = Some(Policy { history: sliding(16), refit: Refit::Every(8) });
        let renamed = |found: Influence| Influence { changes_name: true, named_without: other, ..found };
        let each = Policy { history: sliding(4), refit: Refit::Every(1) };
        let cases = [
            (
                window(),
                "Without window 28 (14 days from 2019-01-24), one policy would keep 98% (all, every 2nd; now 78%).",
            ),
            (
                renamed(window()),
                "One window decides this: without window 28 (14 days from 2019-01-24), the advice would be another one \
                 (last 16 weeks, every 8th).",
            ),
            (
                Influence { named_without: Some(each), ..renamed(window()) },
                "One window decides this: without window 28 (14 days from 2019-01-24), the advice would be another one \
                 (last 4 weeks, every week).",
            ),
            (
                Influence { changes_name: true, ..window() },
                "One window decides this: without window 28 (14 days from 2019-01-24), the advice would be another one \
                 (nothing to schedule).",
            ),
            (
                model.clone(),
                "A model of window 28 (14 days from 2019-01-24) lost 45 nats per row; without it, one share changes \
                 (all, every 2nd: 98%).",
            ),
            (
                renamed(Influence { log_loss: Some(1.26), ..model }),
                "A model of window 28 (14 days from 2019-01-24) lost 1.3 nats per row; without it, the advice differs \
                 (last 16 weeks, every 8th).",
            ),
            (
                Influence { share_without: Some(-0.3), share: None, ..window() },
                "Without window 28 (14 days from 2019-01-24), one policy would keep none (all, every 2nd; now none).",
            ),
        ];
        for (found, expected) in cases {
            let found = sentence(&found, WindowUnit::Week);
            assert_eq!(found, expected);
            assert!(found.split_whitespace().count() <= 25, "{found}");
        }
    }
}
