//! The sentences of the advice on costs. Each has at most 25 words and two figures; an interval counts with its figure.

use crate::advice::{CostUnit, Origin};
use crate::window_unit::WindowUnit;
use windrow_record::display::percent;

/// The difference between two thresholds that is worth a sentence.
const MIN_THRESHOLD_DIFFERENCE: f64 = 0.005;

/// Returns the sentences on the named policy, which may be provisional. `keep` is the share of the largest saving that
/// is good enough, and `cheapest` the cheapest policy as a noun, as in `refitting every 2nd week on all history`.
pub(super) fn cost_sentences(
    cost: &CostUnit,
    provisional: bool,
    keep: f64,
    unit: WindowUnit,
    cheapest: &str,
) -> Vec<String> {
    let (own, other) = (cost.per_window + cost.difference, cost.commoner_class);
    let mut sentences = vec![format!(
        "By your costs, this is {own:.1} per {}, with the refits; always predicting the commoner class is {other:.1}.",
        unit.one()
    )];
    if cost.difference > 0.0 {
        sentences.push(format!("The cheapest so far is {cheapest}, but it is not shown that a change would save."));
    } else {
        sentences.push("No other policy cost less.".to_owned());
    }
    if provisional && !cost.is_saving_shown {
        sentences.push("The data do not show that any policy costs less than the commoner class.".to_owned());
    } else if provisional {
        let keep = percent(keep, 0);
        sentences.push(format!(
            "The data do not show that it is good enough: that it keeps at least {keep} of what the cheapest one saves."
        ));
    }
    sentences
}

/// Returns a sentence on the threshold of the models, if the costs ask for another one.
pub(super) fn threshold_sentence(cost: &CostUnit, origin: Origin) -> Option<String> {
    let best = cost.best_threshold.filter(|best| (best - cost.threshold).abs() >= MIN_THRESHOLD_DIFFERENCE)?;
    let (own, best) = (short(cost.threshold), short(best));
    let advice = match origin {
        Origin::Pipeline => "set train.threshold".to_owned(),
        Origin::Table | Origin::Log => format!("give --threshold {best}"),
    };
    Some(format!("Rows are labelled positive from a probability of {own}, but your costs ask for {best}: {advice}."))
}

/// Returns a probability with at most three decimals, as in `0.5` or `0.167`.
fn short(probability: f64) -> String {
    let text = format!("{probability:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Refit};
    use crate::policy_finding::KeptGain;
    use windrow_record::Scheme;

    /// Returns costs of which refitting every second window is the cheapest.
    fn unit() -> CostUnit {
        CostUnit {
            false_alarm: 1.0,
            miss: 5.0,
            refit: 200.0,
            cheapest: Policy { history: Scheme::Cumulative, refit: Refit::Every(2) },
            per_window: 120.0,
            difference: 3.2,
            interval: None,
            commoner_class: 400.0,
            is_saving_shown: true,
            kept: KeptGain { share: None, interval: None, at_least: None },
            threshold: 0.5,
            best_threshold: Some(1.0 / 6.0),
        }
    }

    fn about(cost: &CostUnit, provisional: bool) -> Vec<String> {
        cost_sentences(cost, provisional, 0.9, WindowUnit::Week, "refitting every 2nd week on all history")
    }

    #[test]
    fn a_policy_that_stays_is_compared_with_the_cheapest() {
        let costs =
            "By your costs, this is 123.2 per week, with the refits; always predicting the commoner class is 400.0.";
        let cheapest = "The cheapest so far is refitting every 2nd week on all history, but it is not shown that a change would save.";
        assert_eq!(about(&unit(), false), [costs, cheapest]);
        let cost = CostUnit { difference: 0.0, ..unit() };
        let costs =
            "By your costs, this is 120.0 per week, with the refits; always predicting the commoner class is 400.0.";
        assert_eq!(about(&cost, false), [costs, "No other policy cost less."]);
    }

    #[test]
    fn a_provisional_policy_says_what_is_not_shown() {
        let enough =
            "The data do not show that it is good enough: that it keeps at least 90% of what the cheapest one saves.";
        assert_eq!(about(&unit(), true)[2..], [enough]);
        let cost = CostUnit { is_saving_shown: false, ..unit() };
        let nothing = "The data do not show that any policy costs less than the commoner class.";
        assert_eq!(about(&cost, true)[2..], [nothing]);
    }

    #[test]
    fn a_threshold_that_does_not_fit_the_costs_is_said() {
        let said =
            "Rows are labelled positive from a probability of 0.5, but your costs ask for 0.167: set train.threshold.";
        assert_eq!(threshold_sentence(&unit(), Origin::Pipeline).as_deref(), Some(said));
        let of_table = threshold_sentence(&unit(), Origin::Table).expect("a sentence");
        assert!(of_table.ends_with("but your costs ask for 0.167: give --threshold 0.167."), "{of_table}");
        for (threshold, best_threshold) in [(0.167, Some(1.0 / 6.0)), (0.5, Some(0.5)), (0.5, None)] {
            let cost = CostUnit { threshold, best_threshold, ..unit() };
            assert_eq!(threshold_sentence(&cost, Origin::Pipeline), None, "{threshold} {best_threshold:?}");
        }
    }
}
