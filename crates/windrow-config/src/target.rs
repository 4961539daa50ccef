//! The `[target]` table: the column that is predicted, and the rule that makes a row positive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{OneOrMany, exactly_one, some_list};
use windrow_record::{CellError, parse_number};

/// The column that is predicted, and the rule that makes a row positive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "TargetKeys")]
pub struct Target {
    /// The name of the column.
    pub column: String,
    /// The rule that makes a row positive.
    #[serde(flatten)]
    pub rule: TargetRule,
}

/// The column that is predicted, and the rule that makes a row positive: exactly one of `at_least`, `above`, `at_most`, `below`,
/// `equals`, and `one_of`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Target", extend("oneOf" = exactly_one("at_least above at_most below equals one_of")))]
pub(crate) struct TargetKeys {
    /// The column that is predicted.
    #[schemars(example = &"arr_delay")]
    column: String,
    /// A row is positive if its number is at least this.
    #[schemars(example = 15)]
    at_least: Option<f64>,
    /// A row is positive if its number is above this.
    #[schemars(example = 14.5)]
    above: Option<f64>,
    /// A row is positive if its number is at most this.
    #[schemars(example = 3)]
    at_most: Option<f64>,
    /// A row is positive if its number is below this.
    #[schemars(example = 0)]
    below: Option<f64>,
    /// A row is positive if its text is equal to this.
    #[schemars(example = &"yes")]
    equals: Option<String>,
    /// A row is positive if its text is equal to one of these.
    #[serde(default, deserialize_with = "some_list")]
    #[schemars(with = "Option<OneOrMany<String>>", example = vec!["yes", "Y"])]
    one_of: Option<Vec<String>>,
}

impl TryFrom<TargetKeys> for Target {
    type Error = &'static str;

    fn try_from(keys: TargetKeys) -> Result<Self, Self::Error> {
        let rules = [
            keys.at_least.map(TargetRule::AtLeast),
            keys.above.map(TargetRule::Above),
            keys.at_most.map(TargetRule::AtMost),
            keys.below.map(TargetRule::Below),
            keys.equals.map(TargetRule::Equals),
            keys.one_of.map(TargetRule::OneOf),
        ];
        let mut rules = rules.into_iter().flatten();
        match (rules.next(), rules.next()) {
            (Some(rule), None) => rule.checked().map(|rule| Self { column: keys.column, rule }),
            _ => Err("needs exactly one of at_least, above, at_most, below, equals, one_of"),
        }
    }
}

impl Target {
    /// Returns the predicted question, as in `tip_share at least 0.25?`.
    pub fn question(&self) -> String {
        let rule = match &self.rule {
            TargetRule::AtLeast(bound) => format!("at least {bound}"),
            TargetRule::Above(bound) => format!("above {bound}"),
            TargetRule::AtMost(bound) => format!("at most {bound}"),
            TargetRule::Below(bound) => format!("below {bound}"),
            TargetRule::Equals(text) => text.clone(),
            TargetRule::OneOf(texts) => texts.join(" or "),
        };
        format!("{} {rule}?", self.column)
    }
}

/// The rule that puts a row into the positive class.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetRule {
    /// The number is at least this bound.
    AtLeast(f64),
    /// The number is above this bound.
    Above(f64),
    /// The number is at most this bound.
    AtMost(f64),
    /// The number is below this bound.
    Below(f64),
    /// The text is equal to this one.
    Equals(String),
    /// The text is one of these.
    OneOf(Vec<String>),
}

impl TargetRule {
    fn checked(self) -> Result<Self, &'static str> {
        match &self {
            Self::AtLeast(bound) | Self::Above(bound) | Self::AtMost(bound) | Self::Below(bound)
                if !bound.is_finite() =>
            {
                Err("must be compared with a finite number")
            }
            Self::OneOf(texts) if texts.is_empty() => Err("needs at least one text in one_of"),
            _ => Ok(self),
        }
    }

    /// Returns true if a cell that is not missing belongs to the positive class.
    ///
    /// # Errors
    /// The rule compares numbers and the cell is not a number.
    #[inline]
    pub(crate) fn holds(&self, cell: &str) -> Result<bool, CellError> {
        Ok(match self {
            Self::AtLeast(bound) => parse_number(cell)? >= *bound,
            Self::Above(bound) => parse_number(cell)? > *bound,
            Self::AtMost(bound) => parse_number(cell)? <= *bound,
            Self::Below(bound) => parse_number(cell)? < *bound,
            Self::Equals(text) => cell == text,
            Self::OneOf(texts) => texts.iter().any(|text| text == cell),
        })
    }
}
