//! The losses of each fit on each window, by block of rows.

use windrow_evaluation::{BLOCKS, LOSSES_FORMAT, ModelLosses, WindowLosses, block_rows, rounded_sum};
use windrow_record::{ModelId, WindowIndex};

use crate::rows::{Row, WindowRows};

/// The sums of some rows, by block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BlockSums {
    pub(crate) rows: [u64; BLOCKS],
    pub(crate) positives: [u64; BLOCKS],
    log_loss: [f64; BLOCKS],
    squared_error: [f64; BLOCKS],
    false_alarms: [u64; BLOCKS],
    misses: [u64; BLOCKS],
}

impl BlockSums {
    /// Sums rows that are in the order of the stream. `threshold` is the probability from which a row is labelled
    /// positive.
    pub(crate) fn of(rows: &[Row], threshold: f64) -> Self {
        let mut sums = Self {
            rows: [0; BLOCKS],
            positives: [0; BLOCKS],
            log_loss: [0.0; BLOCKS],
            squared_error: [0.0; BLOCKS],
            false_alarms: [0; BLOCKS],
            misses: [0; BLOCKS],
        };
        for block in 0..BLOCKS {
            let rows = &rows[block_rows(rows.len(), block)];
            let (mut log_loss, mut squared_error) = (0.0, 0.0);
            for row in rows {
                let (label, is_alarm) = (row.label(), row.p >= threshold);
                log_loss -= if label { row.p.ln() } else { (-row.p).ln_1p() };
                squared_error += (row.p - f64::from(u8::from(label))).powi(2);
                sums.positives[block] += u64::from(label);
                sums.false_alarms[block] += u64::from(is_alarm && !label);
                sums.misses[block] += u64::from(!is_alarm && label);
            }
            sums.rows[block] = rows.len() as u64;
            sums.log_loss[block] = rounded_sum(log_loss);
            sums.squared_error[block] = rounded_sum(squared_error);
        }
        sums
    }

    /// Returns the sums as the losses of a model.
    pub(crate) fn losses(&self, model: ModelId) -> ModelLosses {
        ModelLosses {
            model,
            log_loss: self.log_loss,
            squared_error: self.squared_error,
            false_alarms: self.false_alarms,
            misses: self.misses,
        }
    }

    /// Returns `true` if the blocks have the same numbers of rows and positive rows.
    pub(crate) fn has_rows_of(&self, other: &Self) -> bool {
        (self.rows, self.positives) == (other.rows, other.positives)
    }
}

/// Returns a window without models, and without rows if there are no sums.
pub(crate) fn window(number: u32, sums: Option<&BlockSums>, unlabelled: u64) -> WindowLosses {
    WindowLosses {
        format: LOSSES_FORMAT,
        window: WindowIndex::new(number).unwrap_or(WindowIndex::FIRST),
        sha256: String::new(),
        unlabelled,
        rows: sums.map_or([0; BLOCKS], |sums| sums.rows),
        positives: sums.map_or([0; BLOCKS], |sums| sums.positives),
        models: Vec::new(),
    }
}

/// Returns the rows of all fits of a window in the order of time, as a log has them.
pub(crate) fn in_order(rows: &WindowRows, by_key: bool) -> Vec<Row> {
    let mut all = rows.rows.clone();
    all.sort_by_key(|row| (row.offset, if by_key { row.key } else { 0 }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_equal_runs_of_rows() {
        let rows: Vec<Row> = (0..16).map(|row| Row::new(0, row % 2 == 0, 0.8, row, row)).collect();
        let sums = BlockSums::of(&rows, 0.5);
        assert_eq!((sums.rows, sums.positives), ([2; BLOCKS], [1; BLOCKS]));
        assert_eq!((sums.false_alarms, sums.misses), ([1; BLOCKS], [0; BLOCKS]));
        let expected = -(0.8_f64.ln() + 0.2_f64.ln());
        assert!(sums.log_loss.iter().all(|loss| (loss - expected).abs() < 1e-6), "{sums:?}");
        assert!(sums.squared_error.iter().all(|loss| (loss - 0.68).abs() < 1e-6), "{sums:?}");
        // Fewer rows than blocks leave blocks without rows.
        assert_eq!(BlockSums::of(&rows[..3], 0.5).rows.iter().sum::<u64>(), 3);
    }
}
