//! Encodes the cells of a row as columns: standardised numbers and one-hot levels.

pub(super) mod learn;

use serde::{Deserialize, Serialize};

use crate::model::kernel::MAX_CELL;
use windrow_config::CalendarPart;
use windrow_record::{EventTime, TimeFormat};

/// The features of a model, with everything that was learned about them from the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// The features, in the order of the schema. Their columns follow in the same order.
    pub features: Vec<EncodedFeature>,
}

/// A feature and its encoding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncodedFeature {
    /// The dataset's column that the feature is read from.
    pub column: String,
    /// The encoding of its cells.
    pub encoding: Encoding,
}

/// The encoding of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Encoding {
    /// One column: (x - mean) / deviation, with x = log(1 + cell) if `log` is set.
    Number {
        /// `true` if the logarithm is taken first.
        log: bool,
        /// The value of a missing cell, on the scale of x: the mean of the present cells.
        missing: f64,
        /// The mean of x over the training rows.
        mean: f64,
        /// The standard deviation of x over the training rows (n in the denominator). It is 1 for a constant column.
        /// That is one whose range is at most 1e-12 of its largest absolute value, or at most 1e-280.
        deviation: f64,
        /// The smallest cell of the training rows, before the logarithm; 0 if all are missing. A smaller cell counts as
        /// this one.
        min: f64,
        /// The largest cell of the training rows, before the logarithm; 0 if all are missing. A larger cell counts as
        /// this one.
        max: f64,
    },
    /// One column per level.
    Category {
        /// Sorted values, then `missing` if it was seen often enough, then `other`, which is always last.
        levels: Vec<Level>,
    },
    /// One column per level of a part of a time.
    Calendar {
        /// The part of the time.
        part: CalendarPart,
        /// The format of the time.
        format: TimeFormat,
        /// The levels, as for a category. The values are numbers as text, in numeric order.
        levels: Vec<Level>,
    },
}

/// One column of a one-hot feature.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Cells with this text.
    Value(String),
    /// Cells without a value.
    Missing,
    /// Cells whose value was seen fewer than `min_count` times in training, or never.
    Other,
}

/// The smallest and the largest number of the training rows. A model holds other numbers within them, because it has
/// learned nothing about numbers beyond.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NumberRange {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl NumberRange {
    /// Returns the number, or the nearer end of the range if the number is outside. NaN stays NaN.
    #[inline]
    pub(super) fn hold(self, number: f64) -> f64 {
        // A model file may be damaged. `clamp` would panic if the ends were swapped.
        let number = if number < self.low { self.low } else { number };
        if number > self.high { self.high } else { number }
    }

    /// Returns whether the number is held. NaN is not.
    #[inline]
    pub(super) fn is_outside(self, number: f64) -> bool {
        number < self.low || number > self.high
    }
}

impl Level {
    /// Returns the text of a value; `None` for the levels of missing and other cells.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Value(text) => Some(text),
            Self::Missing | Self::Other => None,
        }
    }

    fn name(&self, feature: &str) -> String {
        match self {
            Self::Value(text) => format!("{feature}={text}"),
            Self::Missing => format!("{feature}=(missing)"),
            Self::Other => format!("{feature}=(other)"),
        }
    }
}

impl Encoding {
    /// Returns the number of columns.
    pub fn width(&self) -> usize {
        self.levels().map_or(1, <[Level]>::len)
    }

    /// Returns the range of a number in the training rows, on the scale of x; `None` for a one-hot feature. A logarithm
    /// keeps the order, so holding x is the same as holding the cell before the logarithm.
    pub(super) fn range(&self) -> Option<NumberRange> {
        match self {
            Self::Number { log: false, min, max, .. } => Some(NumberRange { low: *min, high: *max }),
            Self::Number { log: true, min, max, .. } => Some(NumberRange { low: min.ln_1p(), high: max.ln_1p() }),
            Self::Category { .. } | Self::Calendar { .. } => None,
        }
    }

    /// Returns the levels of a one-hot feature; `None` for a number.
    pub(super) fn levels(&self) -> Option<&[Level]> {
        match self {
            Self::Number { .. } => None,
            Self::Category { levels } | Self::Calendar { levels, .. } => Some(levels),
        }
    }
}

impl Encoder {
    /// Returns the number of columns of all features.
    pub fn width(&self) -> usize {
        self.features.iter().map(|feature| feature.encoding.width()).sum()
    }

    /// Returns each feature with the weights of its columns. `weights` are in the order of the columns.
    pub(super) fn weighted<'a>(&'a self, weights: &'a [f64]) -> impl Iterator<Item = (&'a EncodedFeature, &'a [f64])> {
        let mut rest = weights;
        self.features.iter().map(move |feature| {
            let (own, behind) = rest.split_at(feature.encoding.width().min(rest.len()));
            rest = behind;
            (feature, own)
        })
    }

    /// Returns the names of the columns, in the order of the weights: `distance`, `log(fare)`, `carrier=UA`, `hour=7`,
    /// `carrier=(missing)`, `carrier=(other)`.
    pub fn names(&self) -> Vec<String> {
        let names = self.features.iter().flat_map(|EncodedFeature { column, encoding }| match encoding {
            Encoding::Number { log: false, .. } => vec![column.clone()],
            Encoding::Number { log: true, .. } => vec![format!("log({column})")],
            Encoding::Category { levels } => levels.iter().map(|level| level.name(column)).collect(),
            Encoding::Calendar { part, levels, .. } => levels.iter().map(|level| level.name(part.name())).collect(),
        });
        names.collect()
    }
}

/// Returns (x - mean) / deviation within bounds, because the difference of two infinities is NaN.
#[inline]
pub(super) fn standardise(x: f64, mean: f64, deviation: f64) -> f64 {
    ((x - mean) / deviation).clamp(-MAX_CELL, MAX_CELL)
}

/// Returns the part of a time that a calendar feature uses.
#[inline]
pub(super) fn calendar_number(part: CalendarPart, time: EventTime) -> u8 {
    match part {
        CalendarPart::Hour => time.hour(),
        CalendarPart::Weekday => time.weekday(),
        CalendarPart::Month => time.month(),
    }
}
