//! The `[features]` table: what the target is predicted from.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::values::{OneOrMany, list};

/// The columns that a model learns from. At least one is needed.
#[derive(Debug, Clone, SmartDefault, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct FeatureColumns {
    /// Columns of numbers, which are standardised. A missing value counts as the mean of the training rows.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "OneOrMany<String>", example = vec!["distance", "temp"])]
    pub numeric: Vec<String>,
    /// Columns of numbers x that are taken as log(1 + x), and then standardised.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "OneOrMany<String>", example = vec!["price"])]
    pub log: Vec<String>,
    /// Columns of texts, which are one-hot encoded.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "OneOrMany<String>", example = vec!["carrier", "origin"])]
    pub categorical: Vec<String>,
    /// Parts of `dataset.time`, each one-hot encoded.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "OneOrMany<CalendarPart>", example = vec!["hour", "weekday"])]
    pub calendar: Vec<CalendarPart>,
    /// The number of training rows that must have a text for it to get a coefficient of its own. Rarer texts, and texts that no training
    /// row has, share the level 'other'.
    #[default = 50]
    #[schemars(example = 10)]
    pub min_count: u64,
}

/// A part of a time, used as a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CalendarPart {
    /// 0 to 23.
    Hour,
    /// 1 (Monday) to 7 (Sunday).
    Weekday,
    /// 1 to 12.
    Month,
}

impl CalendarPart {
    /// The part's name in the pipeline file and in coefficient names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Weekday => "weekday",
            Self::Month => "month",
        }
    }
}
