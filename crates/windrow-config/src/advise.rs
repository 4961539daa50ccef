//! The `[advise]` table: the requirements of the advice, and the histories that it compares.

use std::num::NonZeroU32;
use std::str::FromStr;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use smart_default::SmartDefault;

use crate::label_delay::LabelDelay;
use crate::values::{Checked, ensure, not_negative};
use windrow_record::Scheme;

/// The settings of `windrow advise`: the gain to keep, the delay of labels, the histories, and the costs.
#[derive(Debug, Clone, PartialEq, SmartDefault, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Advise {
    /// The share of the best policy's gain that a policy must keep to be good enough, above 0 and below 1.
    #[default = 0.9]
    #[garde(custom(proper_share))]
    #[schemars(range(min = 0, max = 1), example = 0.95)]
    pub keep: f64,
    /// How long after its row a label is known: a duration, or a number of windows. A duration is divided by the length
    /// of a window and rounded up. Of months and quarters, the shortest ones count: `30d` is 2 months, because a month
    /// may have 28 days. Whole months and years, as in `1 month`, count as months of the calendar if the windows are
    /// months or quarters. A duration needs windows by `event` or `every`. At most 32 windows, because the losses of
    /// older models are not stored.
    // Checked with the windows, in `consistency`.
    #[schemars(example = &"30d", example = 2)]
    pub label_delay: LabelDelay,
    /// The histories to compare: numbers of windows, and `"all"`. By default, the last 1, 2, 4, 8, ... windows, and all.
    #[serde(deserialize_with = "histories")]
    #[garde(custom(no_duplicates))]
    #[schemars(with = "Option<Vec<History>>", example = (1, 4, "all"))]
    pub histories: Option<Vec<Scheme>>,
    /// The costs of errors and fits. If they are given, they decide which policy is named.
    #[garde(dive)]
    pub cost: Option<Costs>,
}

fn no_duplicates(histories: &Option<Vec<Scheme>>, (): &()) -> Checked {
    let is_set = |list: &Vec<Scheme>| (1..list.len()).all(|index| !list[..index].contains(&list[index]));
    let is_valid = histories.as_ref().is_none_or(|list| !list.is_empty() && is_set(list));
    ensure(is_valid, "must have at least one history, and no history twice")
}

fn proper_share(keep: &f64, (): &()) -> Checked {
    ensure(*keep > 0.0 && *keep < 1.0, "must be a share above 0 and below 1")
}

/// The costs of errors and fits, all in the same unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// The cost of a false positive: a negative row that is labelled positive.
    #[garde(custom(not_negative))]
    #[schemars(range(min = 0), example = 1)]
    pub false_alarm: f64,
    /// The cost of a false negative: a positive row that is labelled negative.
    #[garde(custom(not_negative))]
    #[schemars(range(min = 0), example = 5)]
    pub miss: f64,
    /// The cost of one fit.
    #[garde(custom(not_negative))]
    #[schemars(range(min = 0), example = 200)]
    pub refit: f64,
}

impl FromStr for Costs {
    type Err = String;

    /// Parses costs as in `refit=200,miss=5,false_alarm=1`, in any order. The values are checked as in the pipeline
    /// file.
    fn from_str(text: &str) -> Result<Self, String> {
        const NAMES: [&str; 3] = ["false_alarm", "miss", "refit"];
        let mut given: [Option<f64>; 3] = [None; 3];
        for part in text.split(',') {
            let pair =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not a name with a number, as in miss=5"))?;
            let (name, value) = (pair.0.trim(), pair.1.trim());
            let index = NAMES.iter().position(|known| *known == name);
            let index = index.ok_or_else(|| format!("unknown cost `{name}`: the costs are {}", NAMES.join(", ")))?;
            let value: f64 = value.parse().map_err(|_| format!("{name}: `{value}` is not a number"))?;
            not_negative(&value, &()).map_err(|problem| format!("{name} {problem}"))?;
            if given[index].replace(value).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        let missing: Vec<&str> =
            NAMES.into_iter().zip(given).filter(|(_, cost)| cost.is_none()).map(|(name, _)| name).collect();
        match given {
            [Some(false_alarm), Some(miss), Some(refit)] => Ok(Self { false_alarm, miss, refit }),
            _ => Err(format!("{} must be given too", missing.join(" and "))),
        }
    }
}

/// A history as written in the pipeline file.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a count of windows (at least 1), or \"all\"")]
enum History {
    /// A number of newest windows.
    Last(NonZeroU32),
    /// A history without a limit.
    Word(Word),
}

/// A history that is not a count.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    /// All windows so far.
    All,
}

fn histories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Scheme>>, D::Error> {
    let scheme = |history| match history {
        History::Last(NonZeroU32::MIN) => Scheme::Window,
        History::Last(windows) => Scheme::Sliding(windows),
        History::Word(Word::All) => Scheme::Cumulative,
    };
    Vec::deserialize(deserializer).map(|histories| Some(histories.into_iter().map(scheme).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_in_any_order_and_faults_are_named() {
        let costs = Costs { false_alarm: 1.0, miss: 5.0, refit: 200.0 };
        for text in ["refit=200,miss=5,false_alarm=1", "false_alarm = 1, refit = 2e2, miss = 5.0"] {
            assert_eq!(text.parse::<Costs>(), Ok(costs), "{text}");
        }
        let cases = [
            ("", "`` is not a name with a number, as in miss=5"),
            ("refit", "`refit` is not a name with a number, as in miss=5"),
            ("refit=200,mis=5,false_alarm=1", "unknown cost `mis`: the costs are false_alarm, miss, refit"),
            ("refit=200,miss=5", "false_alarm must be given too"),
            ("refit=200", "false_alarm and miss must be given too"),
            ("refit=200,miss=5,refit=1,false_alarm=1", "refit is given twice"),
            ("refit=much,miss=5,false_alarm=1", "refit: `much` is not a number"),
            ("refit=200,miss=-5,false_alarm=1", "miss must be a finite number of at least 0"),
            ("refit=inf,miss=5,false_alarm=1", "refit must be a finite number of at least 0"),
            ("refit=200,miss=NaN,false_alarm=1", "miss must be a finite number of at least 0"),
        ];
        for (text, problem) in cases {
            assert_eq!(text.parse::<Costs>(), Err(problem.to_owned()), "{text}");
        }
    }
}
