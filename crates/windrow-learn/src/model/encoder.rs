//! From the cells of a row to the columns of the design: standardised numbers and one-hot levels.

pub(super) mod learn;

use serde::{Deserialize, Serialize};

use crate::model::kernel::LARGEST;
use windrow_config::CalendarPart;
use windrow_record::{EventTime, TimeFormat};

/// The features of a model with all that was learned about them from the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// In the order of the schema; their columns follow each other in the design.
    pub features: Vec<EncodedFeature>,
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncodedFeature {
    /// The dataset's column that it is read from.
    pub column: String,
    /// What is made of its cells.
    pub encoding: Encoding,
}

/// What is made of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Encoding {
    /// One column: (x - mean) / deviation, with x = log(1 + cell) where `log` is set.
    Number {
        /// Whether the logarithm is taken first.
        log: bool,
        /// What a missing cell counts as, on the scale of x: the mean of those that are there.
        missing: f64,
        /// The mean of x over the training rows.
        mean: f64,
        /// The standard deviation of x over the training rows (n in the denominator); 1 for a constant column, which is
        /// one whose range is at most 1e-12 of its largest absolute value.
        deviation: f64,
        /// The smallest cell of the training rows, before the logarithm; 0 when all are missing.
        min: f64,
        /// The largest cell of the training rows, before the logarithm; 0 when all are missing.
        max: f64,
    },
    /// One column a level.
    Category {
        /// Sorted values, then `missing` where it was seen often enough, then `other`, always the last.
        levels: Vec<Level>,
    },
    /// One column a level of a part of a time.
    Calendar {
        /// Which part.
        part: CalendarPart,
        /// How the time is written.
        format: TimeFormat,
        /// As for a category, the values being numbers as text, in numeric order.
        levels: Vec<Level>,
    },
}

/// One column of a one-hot feature.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Cells with this text.
    Value(String),
    /// Cells with nothing in them.
    Missing,
    /// Cells whose value was seen fewer than `min_count` times in training, or never.
    Other,
}

impl Level {
    /// The text of a level of values; `None` for the levels of missing and other cells.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Value(text) => Some(text),
            Self::Missing | Self::Other => None,
        }
    }
}

impl Encoding {
    /// How many columns of the design it fills.
    pub fn width(&self) -> usize {
        self.levels().map_or(1, <[Level]>::len)
    }

    /// The levels of a one-hot feature; `None` for a number.
    pub(super) fn levels(&self) -> Option<&[Level]> {
        match self {
            Self::Number { .. } => None,
            Self::Category { levels } | Self::Calendar { levels, .. } => Some(levels),
        }
    }
}

impl Encoder {
    /// How many columns the design has.
    pub fn width(&self) -> usize {
        self.features.iter().map(|feature| feature.encoding.width()).sum()
    }

    /// The names of the columns, in the order of the weights: `distance`, `log(fare)`, `carrier=UA`, `hour=7`,
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

impl Level {
    fn name(&self, feature: &str) -> String {
        match self {
            Self::Value(text) => format!("{feature}={text}"),
            Self::Missing => format!("{feature}=(missing)"),
            Self::Other => format!("{feature}=(other)"),
        }
    }
}

/// (x - mean) / deviation, with a bound: the difference of two infinities is NaN.
#[inline]
pub(super) fn standardise(x: f64, mean: f64, deviation: f64) -> f64 {
    ((x - mean) / deviation).clamp(-LARGEST, LARGEST)
}

/// The part of a time that a calendar feature sees.
#[inline]
pub(super) fn calendar_number(part: CalendarPart, time: EventTime) -> u8 {
    match part {
        CalendarPart::Hour => time.hour(),
        CalendarPart::Weekday => time.weekday(),
        CalendarPart::Month => time.month(),
    }
}
