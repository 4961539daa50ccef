//! The `[advise]` table: the requirements of the advice, and the histories that it compares.

use std::num::NonZeroU32;

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
    /// may have 28 days. A duration needs windows by `event` or `every`. At most 32 windows, because the losses of
    /// older models are not stored.
    // Checked with the windows, in `consistency`.
    #[schemars(example = &"30d", example = 2)]
    pub label_delay: LabelDelay,
    /// The histories to compare: numbers of windows, and `"all"`. By default, the last 1, 2, 4, 8, ... windows, and all.
    #[serde(deserialize_with = "histories")]
    #[garde(custom(no_duplicates))]
    #[schemars(with = "Option<Vec<History>>", example = (1, 4, "all"))]
    pub histories: Option<Vec<Scheme>>,
    /// The costs of errors and fits. If they are given, policies are also ranked by cost.
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
