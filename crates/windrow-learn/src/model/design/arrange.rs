//! Arranges the features of an encoder in the order of a design.

use std::collections::HashMap;

use crate::model::encoder::{Encoder, Encoding, Level, NumberRange};

/// The features of an encoder, numbers before levels.
#[derive(Debug, Default)]
pub(super) struct Arranged {
    /// The missing value, the mean and the deviation of each number.
    pub(super) numbers: Vec<(f64, f64, f64)>,
    /// The range of each number in the training rows.
    pub(super) ranges: Vec<NumberRange>,
    /// The number of levels of each one-hot feature.
    pub(super) levels: Vec<usize>,
    /// The encoder's column of each number, and then of each level.
    pub(super) columns: Vec<usize>,
}

pub(super) fn arrange(encoder: &Encoder) -> Arranged {
    let (mut arranged, mut of_levels, mut column) = (Arranged::default(), Vec::new(), 0);
    for feature in &encoder.features {
        let columns = column..column + feature.encoding.width();
        column = columns.end;
        arranged.ranges.extend(feature.encoding.range());
        match &feature.encoding {
            Encoding::Number { missing, mean, deviation, .. } => {
                arranged.numbers.push((*missing, *mean, *deviation));
                arranged.columns.extend(columns);
            }
            Encoding::Category { levels } | Encoding::Calendar { levels, .. } => {
                arranged.levels.push(levels.len());
                of_levels.extend(columns);
            }
        }
    }
    arranged.columns.extend(of_levels);
    arranged
}

/// Returns the level, counted within its feature, by one-hot feature and by code of a frame. The first code is for
/// missing cells.
pub(super) fn map_codes(encoder: &Encoder, dictionaries: &[Vec<String>]) -> Vec<Vec<u32>> {
    let levels = encoder.features.iter().filter_map(|feature| feature.encoding.levels());
    let maps = levels.zip(dictionaries).map(|(levels, values)| {
        // The index of a level is below the width of a design, which is far below 2^32.
        let level_index = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let other = level_index(levels.len().saturating_sub(1));
        let missing = levels.iter().position(|level| *level == Level::Missing).map_or(other, level_index);
        let known = levels.iter().enumerate().filter_map(|(at, level)| Some((level.value()?, level_index(at))));
        let known: HashMap<&str, u32> = known.collect();
        let mapped = values.iter().map(|value| known.get(value.as_str()).copied().unwrap_or(other));
        std::iter::once(missing).chain(mapped).collect()
    });
    maps.collect()
}
