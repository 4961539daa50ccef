//! The `[features]` table: the columns from which the target is predicted.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::values::{OneOrMany, list};

/// The columns that a model learns from. At least one is required.
#[derive(Debug, Clone, SmartDefault, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct FeatureColumns {
    /// Numeric columns, which are standardised. A missing value is replaced by the mean of the training rows.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "OneOrMany<String>", example = vec!["distance", "temp"])]
    pub numeric: Vec<String>,
    /// Numeric columns that are transformed to log(1 + x) and then standardised. The numbers must be above -1.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "OneOrMany<String>", example = vec!["price"])]
    pub log: Vec<String>,
    /// Text columns, which are one-hot encoded.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "OneOrMany<String>", example = vec!["carrier", "origin"])]
    pub categorical: Vec<String>,
    /// Parts of `dataset.time`, each of which is one-hot encoded.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "OneOrMany<CalendarPart>", example = vec!["hour", "weekday"])]
    pub calendar: Vec<CalendarPart>,
    /// The minimum number of training rows with a text for a coefficient of its own. Rarer texts, and texts that are not in the
    /// training rows, share the level 'other'.
    #[default = 50]
    #[schemars(example = 10)]
    pub min_count: u64,
}

/// A part of a time, used as a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CalendarPart {
    /// The hour, from 0 to 23.
    Hour,
    /// The day of the week, from 1 (Monday) to 7 (Sunday).
    Weekday,
    /// The month, from 1 to 12.
    Month,
}

impl CalendarPart {
    /// Returns the part's name in the pipeline file and in the names of coefficients.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Weekday => "weekday",
            Self::Month => "month",
        }
    }
}
