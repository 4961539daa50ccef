//! Reports how many rows a pass has read.

/// The number of rows between two reports.
const ROWS_PER_REPORT: u64 = 16_384;

/// The function that receives the number of rows read so far.
pub type ProgressCallback<'a> = &'a dyn Fn(u64);

/// Reports the rows of a pass every [`ROWS_PER_REPORT`] rows.
pub(super) fn report(rows: u64, tell: ProgressCallback<'_>) {
    if rows.is_multiple_of(ROWS_PER_REPORT) {
        tell(rows);
    }
}
