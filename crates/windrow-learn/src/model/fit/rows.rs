//! The rows that a model learns from: how many there are, and whether they are enough.

use std::sync::Arc;

use crate::model::encoder::learn::parts;
use crate::model::fit::error::{FEWEST_ROWS, Unlearnable};
use crate::model::frame::Frame;
use crate::model::table::Subset;
use windrow_config::Schema;

/// Rows, and positive ones, of windows.
pub(super) fn counts(frames: &[Arc<Frame>], newest: Subset) -> (usize, usize) {
    let parts = parts(frames, newest);
    let counts = parts.into_iter().map(|(frame, rows)| frame.counts(rows));
    counts.fold((0, 0), |(rows, positives), (more, positive)| (rows + more, positives + positive))
}

/// Whether these windows can be learned from.
pub(super) fn check(frames: &[Arc<Frame>], schema: &Schema, newest: Subset) -> Result<(), Unlearnable> {
    if frames.iter().any(|frame| frame.features != schema.features) {
        return Err(Unlearnable::OtherFeatures);
    }
    if frames.iter().all(|frame| frame.labelled() == 0) {
        return Err(Unlearnable::NoLabels(frames.iter().map(|frame| frame.rows()).sum()));
    }
    let (rows, positives) = counts(frames, newest);
    if rows < FEWEST_ROWS {
        return Err(Unlearnable::TooFewRows(rows));
    }
    if positives == 0 || positives == rows {
        return Err(Unlearnable::OneClass { rows, positive: positives > 0 });
    }
    Ok(())
}
