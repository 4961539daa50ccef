//! The columns that a request must have, with the values that training has seen. They follow from the pipeline's schema
//! and the training rows, whatever fits the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::encoder::learn::{cell_range, number_range, parts, texts};
use crate::model::encoder::{Encoder, Encoding, Level, calendar_number};
use crate::model::frame::Frame;
use crate::model::predictor::{Cell, Outside, OutsideNumber};
use crate::model::table::{Subset, is_number};
use windrow_config::{CalendarPart, Feature, FeatureKind};
use windrow_record::TimeFormat;

/// The columns that a request must have, in the order of the schema's features.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// The features. A column may belong to several.
    pub features: Vec<InputFeature>,
}

/// A feature, and the column that it is read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputFeature {
    /// The dataset's column, by name.
    pub column: String,
    /// The kind of its cells, with the values that training has seen.
    pub input: Input,
}

/// The kind of a column's cells, with the values that training has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// A number, within any range.
    Number {
        /// `true` if the logarithm is taken first. The number must then be above -1.
        log: bool,
        /// The smallest cell of the training rows, before the logarithm; 0 if all are missing.
        min: f64,
        /// The largest cell of the training rows, before the logarithm; 0 if all are missing.
        max: f64,
    },
    /// A text, as one of some levels.
    Category {
        /// The texts of the training rows, sorted.
        levels: Vec<String>,
    },
    /// A part of a time.
    Calendar {
        /// The part of the time.
        part: CalendarPart,
        /// The format of the time.
        format: TimeFormat,
        /// The numbers of the training rows as text, in numeric order.
        levels: Vec<String>,
    },
}

impl Inputs {
    /// Returns the inputs of an encoder.
    pub fn of(encoder: &Encoder) -> Self {
        let features = encoder.features.iter().map(|feature| {
            let named = |levels: &[Level]| levels.iter().filter_map(Level::value).map(str::to_owned).collect();
            let input = match &feature.encoding {
                Encoding::Number { log, min, max, .. } => Input::Number { log: *log, min: *min, max: *max },
                Encoding::Category { levels } => Input::Category { levels: named(levels) },
                Encoding::Calendar { part, format, levels } => {
                    Input::Calendar { part: *part, format: format.clone(), levels: named(levels) }
                }
            };
            InputFeature { column: feature.column.clone(), input }
        });
        Self { features: features.collect() }
    }

    /// Returns the inputs of a model that learns from these windows, oldest first. If `without_held_out`, the held-out
    /// rows of the newest window are left out.
    pub fn of_frames(features: &[Feature], frames: &[Arc<Frame>], without_held_out: bool) -> Self {
        let frames = parts(frames, if without_held_out { Subset::Training } else { Subset::Whole });
        let (mut number_index, mut code_index) = (0, 0);
        let mut inputs = Vec::with_capacity(features.len());
        for feature in features {
            let input = if is_number(feature) {
                let log = feature.kind == FeatureKind::Log;
                let (min, max) = number_range(&frames, number_index).map_or((0.0, 0.0), |ends| cell_range(ends, log));
                number_index += 1;
                Input::Number { log, min, max }
            } else {
                let levels = texts(&frames, code_index, 1);
                code_index += 1;
                let mut levels: Vec<String> = levels.iter().filter_map(Level::value).map(str::to_owned).collect();
                match &feature.kind {
                    FeatureKind::Calendar(part, format) => {
                        levels.sort_by_key(|level| level.parse::<u8>().unwrap_or(u8::MAX));
                        Input::Calendar { part: *part, format: format.clone(), levels }
                    }
                    _ => Input::Category { levels },
                }
            };
            inputs.push(InputFeature { column: feature.column.clone(), input });
        }
        Self { features: inputs }
    }

    /// Returns the levels of the categories, by the names that a learner knows the features by. `names` are in the order
    /// of the features.
    pub fn levels<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> BTreeMap<String, Vec<String>> {
        let named = names.into_iter().zip(&self.features);
        let categories = named.filter_map(|(name, feature)| {
            let Input::Category { levels } = &feature.input else { return None };
            Some((name.to_owned(), levels.clone()))
        });
        categories.collect()
    }

    /// Returns the numbers of a row that are outside the range of the training rows. `cells` are in the order of the
    /// features.
    pub fn outside(&self, cells: &[Cell<'_>]) -> impl Iterator<Item = (Outside, f64)> {
        self.features.iter().zip(cells).zip(0_u32..).filter_map(|((feature, cell), index)| {
            let (Input::Number { min, max, .. }, Cell::Number(number)) = (&feature.input, cell) else { return None };
            let is_outside = *number < *min || *number > *max;
            is_outside.then(|| (Outside::new(index, *number > *max), *number))
        })
    }

    /// Returns the column and the range of a number outside; `None` if it is of another model. A learner outside of this
    /// program gets the number as it is, so no other number counts instead.
    pub fn describe(&self, outside: Outside) -> Option<OutsideNumber<'_>> {
        let feature = self.features.get(outside.feature())?;
        let Input::Number { min, max, .. } = &feature.input else { return None };
        Some(OutsideNumber { column: &feature.column, low: *min, high: *max, held: None })
    }
}

impl InputFeature {
    /// Returns a cell as a learner gets it: the number as it came, or its log(1 + x); a text; the part of a time; null
    /// for a missing cell.
    pub fn value(&self, cell: &Cell<'_>) -> Value {
        match (&self.input, cell) {
            (Input::Number { log: true, .. }, Cell::Number(number)) => Value::from(number.ln_1p()),
            (Input::Number { .. }, Cell::Number(number)) => Value::from(*number),
            (Input::Category { .. }, Cell::Text(text)) => Value::from(*text),
            (Input::Calendar { part, .. }, Cell::Time(time)) => Value::from(calendar_number(*part, *time)),
            _ => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::mixed;

    #[test]
    fn the_inputs_of_windows_are_those_of_an_encoder_that_knows_every_level() {
        let (schema, frames, _) = mixed(1_000);
        for (without_held_out, newest) in [(false, Subset::Whole), (true, Subset::Training)] {
            let encoder = Encoder::learn(&schema.features, &frames, newest, 1).expect("numbers of a sane range");
            let inputs = Inputs::of_frames(&schema.features, &frames, without_held_out);
            assert_eq!(inputs, Inputs::of(&encoder));
        }
        let inputs = Inputs::of_frames(&schema.features, &frames, false);
        let names = ["distance", "log(fare)", "carrier", "hour(time)", "month(time)"];
        let levels = inputs.levels(names);
        assert_eq!(levels.keys().collect::<Vec<_>>(), ["carrier"]);
        assert_eq!(levels["carrier"], ["AA", "B6", "UA", "Z,9"]);
    }

    #[test]
    fn a_learner_gets_numbers_as_they_came() {
        let (schema, frames, _) = mixed(1_000);
        let inputs = Inputs::of_frames(&schema.features, &frames, false);
        let time = TimeFormat::new("%Y-%m-%d %H:%M").expect("a good format").parse("2013-02-03 07:00").expect("a time");
        let cells = [Cell::Number(1e9), Cell::Number(1.0), Cell::Text("new"), Cell::Time(time), Cell::Time(time)];
        let values: Vec<Value> =
            inputs.features.iter().zip(&cells).map(|(feature, cell)| feature.value(cell)).collect();
        let expected =
            [Value::from(1e9), Value::from(1.0_f64.ln_1p()), Value::from("new"), Value::from(7), Value::from(2)];
        assert_eq!(values, expected);
        assert_eq!(inputs.features[0].value(&Cell::Missing), Value::Null);
        let outside: Vec<(Outside, f64)> = inputs.outside(&cells).collect();
        assert_eq!(outside, [(Outside::new(0, true), 1e9)]);
        let Input::Number { min, max, .. } = inputs.features[0].input else { panic!("a number") };
        let described = OutsideNumber { column: "distance", low: min, high: max, held: None };
        assert_eq!(inputs.describe(outside[0].0), Some(described));
        assert_eq!(inputs.describe(Outside::new(2, true)), None, "a category has no range");
    }
}
