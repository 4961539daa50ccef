//! The differences of two models, for the pages and the API.

use std::collections::BTreeMap;

use windrow_learn::model::{Learned, Score, ScoreNumber};
use windrow_registry::Model;

/// Measures that a comparison leaves out.
const NOT_COMPARED: [&str; 3] = ["average_precision", "baseline_log_loss", "baseline_accuracy"];

/// A number of two models; `None` for a model that has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The number of the first model.
    pub first: Option<f64>,
    /// The number of the second model.
    pub second: Option<f64>,
}

/// A score of two models on rows of the same name.
#[derive(Debug)]
pub struct ScorePair<'a> {
    /// The rows that were scored: `holdout`.
    pub on: &'a str,
    /// The name of the score, as in `log_loss`.
    pub name: &'static str,
    /// The values of the score.
    pub value: Pair,
}

impl Pair {
    /// Returns the second number less the first. A missing number counts as 0.
    pub fn change(self) -> f64 {
        self.second.unwrap_or_default() - self.first.unwrap_or_default()
    }
}

/// Pairs the numbers of both models by name. The largest change is first.
pub fn pairs<'a>(
    first: impl IntoIterator<Item = (&'a str, f64)>,
    second: impl IntoIterator<Item = (&'a str, f64)>,
) -> Vec<(&'a str, Pair)> {
    let none = Pair { first: None, second: None };
    let mut all: BTreeMap<&str, Pair> = BTreeMap::new();
    for (name, number) in first {
        all.entry(name).or_insert(none).first = Some(number);
    }
    for (name, number) in second {
        all.entry(name).or_insert(none).second = Some(number);
    }
    let mut pairs: Vec<(&str, Pair)> = all.into_iter().collect();
    pairs.sort_by(|(_, one), (_, other)| other.change().abs().total_cmp(&one.change().abs()));
    pairs
}

/// Pairs the coefficients of two models by column. A model of a learner outside of this program has none.
pub fn coefficients<'a>(first: &'a Learned, second: &'a Learned) -> Vec<(&'a str, Pair)> {
    let weights = |learned: &'a Learned| {
        let coefficients = learned.logistic().into_iter().flat_map(|logistic| &logistic.coefficients);
        coefficients.map(|one| (one.name.as_str(), one.weight))
    };
    pairs(weights(first), weights(second))
}

/// Pairs the scores of two models on rows of the same name.
pub fn scores<'a>(first: &'a Learned, second: &'a Learned) -> Vec<ScorePair<'a>> {
    let mut pairs = Vec::new();
    for (on, own) in &first.scores {
        let Some(other) = second.scores.get(on) else { continue };
        for (name, number) in Score::NUMBERS {
            if let ScoreNumber::Measure(of) = number
                && !NOT_COMPARED.contains(&name)
            {
                pairs.push(ScorePair { on, name, value: Pair { first: of(own), second: of(other) } });
            }
        }
    }
    pairs
}

/// Returns the windows that both models were trained on.
pub fn common_windows(first: &Model, second: &Model) -> Vec<u32> {
    let windows = |of: &Model| of.artifact().lineage.windows.iter().map(|one| one.window.get()).collect::<Vec<u32>>();
    let of_second = windows(second);
    windows(first).into_iter().filter(|one| of_second.contains(one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_paired_by_name_with_the_largest_change_first() {
        let found = pairs([("a", 1.0), ("b", -2.0)], [("a", 1.5), ("c", 0.1)]);
        let changes: Vec<(&str, f64)> = found.iter().map(|(name, pair)| (*name, pair.change())).collect();
        assert_eq!(changes, [("b", 2.0), ("a", 0.5), ("c", 0.1)]);
        assert_eq!(found[2].1, Pair { first: None, second: Some(0.1) });
    }
}
