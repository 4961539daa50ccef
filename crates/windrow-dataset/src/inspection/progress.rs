//! Reports how many rows a pass has read.

use std::sync::Arc;

/// The number of rows between two reports.
const ROWS_BETWEEN: u64 = 16_384;

/// The function that receives the number of rows read so far.
pub(crate) type Tell = Arc<dyn Fn(u64) + Send + Sync>;

/// The rows of a pass, reported every [`ROWS_BETWEEN`] rows.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a>(pub(super) &'a (dyn Fn(u64) + Sync));

impl Rows<'_> {
    pub(super) fn passed(self, rows: u64) {
        if rows.is_multiple_of(ROWS_BETWEEN) {
            (self.0)(rows);
        }
    }
}
